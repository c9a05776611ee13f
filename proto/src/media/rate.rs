//! What a leg may send: one machine for each direction, fed by the far end's reports.
//!
//! ```text
//!                 queue stands, or grows            it has drained
//!   Steady ------------------------------> Draining ---------------> Steady
//!     |  ^
//!     |  |  queue stands or loss jumps: not for a while; else a step up
//!     v  |
//!   Probing   (some packets twice, for as much as the next step would cost)
//! ```
//!
//! Loss alone is no reason to send less: on these links it is weather, and what helps is repair. A queue is: it is
//! made of our own packets. So the *budget* follows the queue, and within it the *rung* follows loss (what is to be
//! sent again needs room) and the role of whoever listens.
//!
//! Pure; takes the time as it comes.

use super::departures::Terrible;
use super::ladder::{Repair, Role, RungId};
use super::wait;
use crate::unit::Bitrate;
use crate::wire::Report;
use std::time::{Duration, Instant};

/// A queue from here on is trouble, or from a packet's length and [`QUEUE_MARGIN`] on: on a line that is just fast
/// enough, a packet takes that long to send. Less takes jitter or long packets for a queue, more is felt.
const QUEUE_STANDS: Duration = Duration::from_millis(140);

/// By how much more a queue may be on a bad line before it is trouble.
const BURSTS: f64 = 1.7;

/// See [`QUEUE_STANDS`].
const QUEUE_MARGIN: Duration = Duration::from_millis(60);

/// A queue of this share of what is trouble is none.
const QUEUE_GONE: f64 = 0.55;

/// Draining that has taken so long has drained what it could: what is left is the line's own.
const DRAIN_WITHIN: Duration = Duration::from_secs(6);

/// In the first seconds joining itself fills the line; only twice the queue is trouble then.
const JOINING: Duration = Duration::from_secs(4);

/// What of the rate that gets through is sent while a queue drains: the rest is what drains it.
const DRAIN: f64 = 0.55;

/// What of its cap a leg begins with.
const BEGIN: f64 = 0.8;

/// What of the rate that got through is sent once the queue is gone.
const OF_CARRIED: f64 = 0.95;

/// After a step down its effect is waited for, for this and a round trip.
const SETTLE: Duration = Duration::from_millis(900);

/// The first wait before a step up is tried, and the longest: each failure doubles it.
const HOLD: Duration = Duration::from_secs(10);
const LONGEST_HOLD: Duration = Duration::from_secs(160);

/// How long a line that was full at some rate is not tried at more.
const FULL_FOR: Duration = Duration::from_secs(90);

/// How long a probe lasts: at 16 kbit/s a queue of a step too much shows in half of it.
const PROBE: Duration = Duration::from_millis(1600);

/// By how much loss may be above what it was while a probe is on.
const PROBE_LOSS: f64 = 0.1;

/// Packets over which loss is remembered. Bursts on bad links are seconds long, and rungs are not to follow each.
const LOSS_OF: f64 = 60.0;

/// Between two changes of the rung for loss or role, at least.
const CALM: Duration = Duration::from_secs(10);

/// The first such change comes sooner: what the link is like is known after some packets.
const FIRST_CALM: Duration = Duration::from_secs(3);

/// Loss from which repair has to be had, and below which it need not any more.
const LOSSY: (f64, f64) = (0.025, 0.008);

/// What is left free beside what is lost where it is sent again: losses come in bursts, and the answers with them. Less
/// makes a queue of each burst.
const SLACK: f64 = 0.08;

/// What may be sent above the budget, where something is asked for and nothing was saved: without it nothing that is
/// lost on a leg whose rung takes all of its budget would ever come.
const ABOVE: f64 = 1.05;

/// What of the budget is sent on a bad line, whose rung leaves room: what is above the line's rate stands in a queue, and
/// a queue that is never gone is trouble.
const BELOW: f64 = 0.98;

/// The cheapest rung with wide band and packets of 120 ms, in bit/s, and what of the budget it may be at most.
const SHORT: f64 = 13_000.0;

/// See [`SHORT`].
const MOST_IF_BAD: f64 = 0.72;

/// See [`SLACK`].
const SLACK_IF_BAD: f64 = 0.15;

/// What of the budget is for packets that are sent for the first time on a terrible line, whatever is lost at the moment:
/// after a burst a dozen packets are to be sent again at once. At 24 kbit/s and 30 % in bursts of 3, codec rates of 7.9,
/// 8.8 and 9.9 kbit/s leave 2.0, 3.0 and 3.6 % missing by the model in `benches/runs/2026-11-28-quality`, and 7.9 is
/// narrow band.
const FIRST_IF_TERRIBLE: f64 = 0.56;

/// Packets after which loss from [`BAD`] on is believed at first sight.
const FIRST_SIGHT: f64 = 8.0;

/// See [`FIRST_SIGHT`].
const BAD: f64 = 0.08;

/// Loss from which a line is terrible, and below which it is not any more: see [`RateControl::terrible`]. Bursts make
/// what is seen of it swing by a third.
const TERRIBLE: (f64, f64) = (0.26, 0.17);

/// What of the budget may be used, voice included, where something that can wait is sent beside voice, and while nobody
/// speaks. What is left is for repair, which comes in bursts, and for what the budget is wrong by.
const BESIDE_VOICE: f64 = 0.75;

/// See [`BESIDE_VOICE`].
const BESIDE_SILENCE: f64 = 0.9;

/// The longest that a round trip may be for asking again while conversing; see `wait::CONVERSING`.
const ASKS_WITHIN: Duration = Duration::from_millis(340);

/// The same for a listener.
const LISTENER_ASKS_WITHIN: Duration = Duration::from_millis(1000);

/// Packets missing in one report, and more than came, mean that the line was away.
const AWAY_PACKETS: u16 = 12;

/// Loss from which a conversation waits for answers.
const CONVERSING_ASKS_FROM: f64 = wait::CONVERSING_FROM;

/// A report that is older says nothing about now.
const STALE: Duration = Duration::from_secs(4);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Steady,
    /// Until the queue is gone; its effect is not judged before.
    Draining {
        judge_at: Instant,
        until: Instant,
    },
    Probing {
        until: Instant,
        to: Bitrate,
    },
}

/// What the last reports said.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// Low bits of the totals.
    received: u16,
    lost: u16,
    at: Option<Instant>,
    queue: Duration,
}

/// Whether a receiver should tell of its queue at once: it is trouble, and has grown since it was told of.
#[must_use]
pub fn is_alarm(queue: Duration, told: Duration) -> bool {
    queue >= QUEUE_STANDS && queue > told + QUEUE_STANDS / 2
}

/// The rate control of one direction of one leg.
#[derive(Clone, Debug)]
pub struct RateControl {
    cap: Bitrate,
    budget: Bitrate,
    /// Whether the beginning is over.
    begun: bool,
    state: State,
    heard: Heard,
    /// Loss before repair: share, and packets that it was seen on, at most [`LOSS_OF`].
    loss: f64,
    weight: f64,
    /// See [`TERRIBLE`].
    terrible: bool,
    /// For how long the far end waits.
    wait: Duration,
    probe_loss: f64,
    role: Role,
    repair: Repair,
    round_trip: Option<Duration>,
    /// The same without what stood in queues on the way.
    fastest: Option<Duration>,
    /// What the line carried when it was last full.
    carries: Bitrate,
    full_until: Instant,
    next_probe: Instant,
    hold: Duration,
    rung: RungId,
    rung_at: Instant,
    changes: u64,
    started: Instant,
}

impl RateControl {
    /// For a leg that may cost `cap`. It begins with a little less: joining itself takes room on the line, and what is
    /// lost on it is not known yet.
    #[must_use]
    pub fn new(now: Instant, cap: Bitrate) -> Self {
        let most = f64::from(cap.bps()) * BEGIN;
        let begin = RungId::steps().rfind(|step| f64::from(step.bps()) <= most).unwrap_or(cap);
        Self {
            cap,
            budget: begin,
            begun: begin >= cap,
            state: State::Steady,
            heard: Heard::default(),
            loss: 0.0,
            weight: 0.0,
            terrible: false,
            wait: Duration::ZERO,
            probe_loss: 0.0,
            role: Role::Conversing,
            repair: Repair::Ask,
            round_trip: None,
            fastest: None,
            carries: Bitrate::default(),
            full_until: now,
            next_probe: now + HOLD,
            hold: HOLD,
            rung: RungId::within(begin, Role::Conversing, Repair::Ask),
            rung_at: now,
            changes: 0,
            started: now,
        }
    }

    /// The rung to send on.
    #[must_use]
    pub fn rung(&self) -> RungId {
        self.rung
    }

    /// What the leg may cost now, everything included.
    #[must_use]
    pub fn budget(&self) -> Bitrate {
        self.budget
    }

    /// What may be sent in all, what is sent again included: while a probe is on, what the next step would cost.
    #[must_use]
    pub fn allowance(&self) -> Bitrate {
        match self.state {
            State::Probing { to, .. } => to,
            // What drains the queue is not to be spent.
            State::Draining { .. } => self.rung.rung().wire,
            State::Steady => {
                let share = if self.loss > BAD { BELOW } else { ABOVE };
                Bitrate::from_bps((f64::from(self.budget.bps()) * share) as u32)
            }
        }
    }

    /// What may be sent in all while there is something that can wait: less than the budget, so that voice finds room;
    /// nothing while a queue stands or a step up is tried.
    #[must_use]
    pub fn beside(&self, speaking: bool) -> Bitrate {
        let calm = self.state == State::Steady && self.heard.queue <= self.gone();
        let share = if speaking { BESIDE_VOICE } else { BESIDE_SILENCE };
        let most = if calm { f64::from(self.budget.bps()) * share } else { 0.0 };
        Bitrate::from_bps(most as u32)
    }

    /// Whether to send as much as the next step would cost.
    #[must_use]
    pub fn is_probing(&self) -> bool {
        matches!(self.state, State::Probing { .. })
    }

    /// Set where so much is lost that asking takes more rounds than there is time for: what is left over is then best
    /// spent on sending packets twice.
    #[must_use]
    pub fn terrible(&self) -> Option<Terrible> {
        let is = self.terrible && self.role == Role::Listening && self.state == State::Steady;
        is.then_some(Terrible { wait: self.wait })
    }

    /// The fastest round trip of late, without what stands in queues on the way.
    #[must_use]
    pub fn fastest(&self) -> Option<Duration> {
        self.fastest
    }

    /// Loss before repair, as a share.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// Times that the rung was changed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The cap is another from now on.
    pub fn set_cap(&mut self, now: Instant, cap: Bitrate) {
        self.cap = cap;
        self.budget = self.budget.min(cap);
        self.begun = true;
        self.choose(now, true);
    }

    /// The line is a new one: its reports count from zero.
    pub fn begin_line(&mut self) {
        self.heard = Heard::default();
    }

    /// The far end says what it receives.
    pub fn handle_report(&mut self, now: Instant, report: &Report, round_trip: Option<Duration>) {
        self.round_trip = round_trip.or(self.round_trip);
        self.fastest = round_trip.map(|new| wait::fastest(self.fastest, new)).or(self.fastest);
        self.wait = report.delay.duration();
        self.role = if report.listening { Role::Listening } else { Role::Conversing };
        let fresh = self.heard.at.is_some_and(|at| now.saturating_duration_since(at) < STALE);
        let received = report.received.wrapping_sub(self.heard.received);
        let lost = report.lost.wrapping_sub(self.heard.lost);
        let first = self.heard.at.is_none();
        let before = self.heard.queue;
        let growing = report.queue.duration() > before;
        let much = report.queue.duration() > self.heard.queue + self.stands();
        self.heard = Heard {
            received: report.received,
            lost: report.lost,
            at: Some(now),
            queue: report.queue.duration(),
        };
        // A count that went back is of a far end that began anew.
        let packets = f64::from(received) + f64::from(lost);
        // Nor is an outage loss: nothing that is sent another way would have come.
        let away = lost > AWAY_PACKETS && lost > received;
        if !first && packets > 0.0 && received < 2_000 && lost < 2_000 && !away {
            let share = f64::from(lost) / packets;
            self.weight = (self.weight + packets).min(LOSS_OF);
            let new = (packets / self.weight).min(1.0);
            self.loss += (share - self.loss) * new;
            self.terrible = self.loss > if self.terrible { TERRIBLE.1 } else { TERRIBLE.0 };
            if self.is_probing() {
                self.probe_loss = self.probe_loss.max(if packets >= 5.0 { share } else { 0.0 });
            }
        }
        let queue = self.heard.queue;
        let stands = self.stands();
        let stands = if now < self.started + JOINING { stands * 2 } else { stands };
        // Answers come in bursts, and a burst is a queue for a moment: it is trouble when it stays or is long.
        let stays = growing && before >= stands;
        let trouble = (stays || queue >= stands * 2) && received > 0;
        if !self.begun && now >= self.started + JOINING && self.state == State::Steady && queue <= self.gone()
        {
            self.begun = true;
            self.budget = self.cap;
            self.choose(now, true);
        }
        match self.state {
            State::Draining { judge_at, until } => {
                if queue <= self.gone() || (now >= until && !trouble) {
                    self.state = State::Steady;
                    self.next_probe = now + self.hold;
                    // What the line carried while it was full, it carries again.
                    let carries = f64::from(self.carries.bps()) * OF_CARRIED;
                    let back = RungId::steps().rfind(|step| f64::from(step.bps()) <= carries);
                    self.budget = back.unwrap_or(self.budget).max(self.budget).min(self.cap);
                    self.choose(now, true);
                } else if trouble && (now >= judge_at || (much && fresh)) {
                    self.step_down(now, report);
                }
            }
            State::Probing { .. } if trouble => {
                self.hold = (self.hold * 2).min(LONGEST_HOLD);
                self.next_probe = now + self.hold;
                // The budget without the probe fitted; a queue that is there yet will show again.
                self.state = State::Steady;
            }
            State::Steady if trouble => self.step_down(now, report),
            _ => {}
        }
        self.choose(now, false);
    }

    /// Lets time pass; `speaking` is whether packets are being sent, without which nothing is learnt.
    pub fn handle_timeout(&mut self, now: Instant, speaking: bool) {
        match self.state {
            State::Steady if speaking && now >= self.next_probe && self.heard.queue <= self.gone() => {
                let heard = self.heard.at.is_some_and(|at| now.saturating_duration_since(at) < STALE);
                let next = RungId::steps().find(|&step| step > self.budget);
                // A line that was full at this rate is tried again, but not soon.
                let full_at = f64::from(self.carries.bps()) * OF_CARRIED;
                let was_full = full_at > 0.0 && next.is_some_and(|to| f64::from(to.bps()) > full_at);
                if was_full && now < self.full_until {
                    self.next_probe = self.full_until;
                } else if let (true, Some(to)) = (heard, next.filter(|&to| to <= self.cap)) {
                    self.probe_loss = 0.0;
                    self.state = State::Probing { until: now + PROBE, to };
                } else {
                    self.next_probe = now + HOLD;
                }
            }
            State::Probing { until, to } if now >= until => {
                // Judged by a report that came after most of it.
                let judged = self.heard.at.is_some_and(|at| at + PROBE / 4 >= until);
                if !judged && now < until + STALE {
                    return;
                }
                self.state = State::Steady;
                let good =
                    judged && self.heard.queue <= self.stands() && self.probe_loss <= self.loss + PROBE_LOSS;
                if good {
                    self.budget = to;
                    self.hold = HOLD;
                } else {
                    self.hold = (self.hold * 2).min(LONGEST_HOLD);
                }
                self.next_probe = now + self.hold;
                self.choose(now, good);
            }
            _ => {}
        }
    }

    fn stands(&self) -> Duration {
        let stands = QUEUE_STANDS.max(self.rung.rung().packet.duration() + QUEUE_MARGIN);
        // On a bad line answers come in bursts and stand in line for each other.
        if self.loss > BAD { stands.mul_f64(BURSTS) } else { stands }
    }

    fn gone(&self) -> Duration {
        self.stands().mul_f64(QUEUE_GONE)
    }

    fn step_down(&mut self, now: Instant, report: &Report) {
        // What gets through, and what is lost behind the queue, is what the line carries.
        let carries = f64::from(report.rate.bitrate().bps()) / (1.0 - self.loss.min(0.6));
        self.carries = Bitrate::from_bps(carries as u32);
        self.full_until = now + FULL_FOR;
        self.begun = true;
        let through = carries * DRAIN;
        let sent = if self.loss > LOSSY.0 { self.budget } else { self.rung.rung().wire };
        let to = RungId::steps()
            .rfind(|&step| step < sent.min(self.budget) && f64::from(step.bps()) <= through)
            .or_else(|| RungId::steps().next());
        self.budget = to.unwrap_or(self.budget).min(self.budget);
        let settle = SETTLE + self.round_trip.unwrap_or_default();
        self.state = State::Draining { judge_at: now + settle, until: now + DRAIN_WITHIN };
        self.choose(now, true);
    }

    /// The rung for what is known; `at_once` where the budget changed.
    fn choose(&mut self, now: Instant, at_once: bool) {
        let asks_within = match self.role {
            Role::Listening => LISTENER_ASKS_WITHIN,
            Role::Conversing => ASKS_WITHIN,
        };
        let can_ask = self.round_trip.is_none_or(|round_trip| round_trip <= asks_within);
        let lossy = self.loss > if self.repair == Repair::Copies { LOSSY.1 } else { LOSSY.0 };
        // In a conversation a copy is there a packet later, an answer a round trip; it is worth that where much is lost.
        let worth_asking = self.role == Role::Listening || self.loss >= CONVERSING_ASKS_FROM;
        self.repair = if lossy && !(can_ask && worth_asking) { Repair::Copies } else { Repair::Ask };
        // Of each packet sent the share `loss` is sent again, and of those again; and in bursts, which want slack;
        // more of it on a bad line, where second answers are sent twice.
        let slack = if self.loss > BAD { SLACK_IF_BAD } else { SLACK };
        let asks = self.repair == Repair::Ask && can_ask && self.loss > LOSSY.0;
        let again = if asks { 1.0 - (self.loss + slack).min(0.6) } else { 1.0 };
        let again = if asks && self.terrible { again.min(FIRST_IF_TERRIBLE) } else { again };
        let budget = f64::from(self.budget.bps());
        let room = budget * again;
        // On a bad line packets longer than 120 ms cost more words than a poorer codec.
        let room = if self.loss > BAD { room.max(SHORT.min(budget * MOST_IF_BAD)) } else { room };
        let wanted = RungId::within(Bitrate::from_bps(room as u32), self.role, self.repair);
        let calm = if now < self.started + CALM { FIRST_CALM } else { CALM };
        // The first sight of a bad line is believed at once: until then too much is sent over it.
        let at_once = at_once
            || (self.changes < 2
                && self.weight >= FIRST_SIGHT
                && self.loss > BAD
                && wanted.rung().wire < self.rung.rung().wire);
        let role_changed = !self.rung.rung().serves(self.role);
        if wanted == self.rung || !(at_once || role_changed || now >= self.rung_at + calm) {
            return;
        }
        self.rung = wanted;
        self.rung_at = now;
        self.changes += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Delay, Rate};

    const SECOND: Duration = Duration::from_secs(1);
    const MS: Duration = Duration::from_millis(1);

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    /// A leg of 24 kbit/s and its far end, which reports each second.
    struct Leg {
        now: Instant,
        rate: RateControl,
        report: Report,
        round_trip: Duration,
    }

    impl Leg {
        fn new(listening: bool) -> Self {
            let now = start();
            let report = Report { listening, ..Report::default() };
            Self { now, rate: RateControl::new(now, Bitrate::from_kbps(24)), report, round_trip: MS * 200 }
        }

        /// So many seconds in which of 20 packets each so many are lost, behind such a queue, at such a rate.
        fn run(&mut self, seconds: u32, lost: u16, queue_ms: u32, rate_kbps: u32) -> u32 {
            for _ in 0..seconds {
                self.now += SECOND;
                self.report.received = self.report.received.wrapping_add(20 - lost);
                self.report.lost = self.report.lost.wrapping_add(lost);
                self.report.queue = Delay::from_duration(MS * queue_ms);
                self.report.rate = Rate::from_bitrate(Bitrate::from_kbps(rate_kbps));
                self.rate.handle_report(self.now, &self.report, Some(self.round_trip));
                self.rate.handle_timeout(self.now, true);
            }
            self.kbps()
        }

        fn kbps(&self) -> u32 {
            self.rate.rung().rung().wire.bps() / 1000
        }
    }

    #[test]
    fn a_leg_begins_below_its_cap_and_is_at_it_when_joining_is_over() {
        let mut leg = Leg::new(true);
        assert_eq!(leg.kbps(), 18);
        assert_eq!(leg.run(6, 0, 0, 18), 24);
    }

    #[test]
    fn a_queue_brings_it_down_at_once_and_it_stays_where_the_line_carries_it() {
        let mut leg = Leg::new(true);
        leg.run(10, 0, 0, 23);
        // 16 kbit/s come through, and what does not stands in line.
        assert!(leg.run(1, 0, 600, 16) < 12);
        let after = leg.run(3, 0, 20, 10);
        assert!((12..=15).contains(&after), "{after} kbit/s");
        let changes = leg.rate.changes();
        leg.run(60, 0, 20, 13);
        assert_eq!(leg.rate.changes(), changes, "a line that was full is not tried again for a while");
    }

    #[test]
    fn a_step_up_is_tried_first_and_not_taken_where_that_makes_a_queue() {
        let mut leg = Leg::new(true);
        leg.run(10, 0, 0, 23);
        leg.run(1, 0, 600, 12);
        leg.run(100, 0, 20, 11);
        let before = leg.kbps();
        let mut tried = 0;
        for _ in 0..200 {
            tried += u32::from(leg.rate.is_probing());
            let queue = if leg.rate.is_probing() { 700 } else { 20 };
            leg.run(1, 0, queue, 11);
        }
        assert!(tried > 0 && leg.kbps() <= before, "{tried} tries, {} kbit/s", leg.kbps());
        // And is taken where it does not.
        leg.run(400, 0, 20, 11);
        assert!(leg.kbps() > before, "{} kbit/s", leg.kbps());
    }

    #[test]
    fn loss_takes_room_for_sending_again_and_no_budget() {
        let mut leg = Leg::new(true);
        leg.run(10, 0, 0, 23);
        leg.run(60, 4, 0, 18);
        assert_eq!(leg.rate.budget(), Bitrate::from_kbps(24));
        assert!((13..=16).contains(&leg.kbps()), "{} kbit/s", leg.kbps());
        assert!((0.15..0.25).contains(&leg.rate.loss()));
        // An outage says nothing about what is lost otherwise.
        leg.run(20, 20, 0, 0);
        assert!(leg.rate.loss() < 0.3);
    }

    #[test]
    fn a_conversation_over_a_long_way_gets_copies_and_a_listener_is_answered() {
        for (listening, copies) in [(false, 1), (true, 0)] {
            let mut leg = Leg::new(listening);
            leg.round_trip = MS * 600;
            leg.run(10, 0, 0, 23);
            leg.run(40, 1, 0, 22);
            assert_eq!(leg.rate.rung().rung().copy, copies);
        }
    }

    #[test]
    fn a_line_stays_terrible_through_a_lull_and_keeps_room_for_the_next_burst() {
        let mut leg = Leg::new(true);
        leg.round_trip = MS * 400;
        assert_eq!(leg.rate.terrible(), None);
        leg.run(10, 0, 0, 23);
        leg.run(20, 7, 0, 18);
        assert!(leg.rate.terrible().is_some());
        assert_eq!(leg.kbps(), 13);
        leg.run(3, 3, 0, 18);
        assert!(leg.rate.terrible().is_some() && leg.kbps() == 13);
        leg.run(20, 0, 0, 18);
        assert_eq!(leg.rate.terrible(), None);
        // In a conversation there is no time for it.
        leg.report.listening = false;
        leg.run(20, 7, 0, 18);
        assert_eq!(leg.rate.terrible(), None);
    }

    #[test]
    fn a_steady_line_sees_no_change() {
        let mut leg = Leg::new(false);
        leg.run(20, 0, 30, 23);
        let changes = leg.rate.changes();
        for n in 0..100 {
            leg.run(1, 0, n * 37 % 90, 23);
        }
        assert_eq!(leg.rate.changes(), changes);
    }
}
