//! The sending half of a leg: numbers packets, keeps the latest, lets copies ride along, and sends again what is
//! asked for, within what the leg may cost.
//!
//! Packets are shared with all legs that send the same stream; kept are counted references. Nothing is sent again
//! beyond what the leg's budget leaves over, whatever is asked: a request storm costs the link nothing.

use super::packet::Packet;
use crate::unit::{Bitrate, Seq};
use crate::wire::{Ask, Copy, MAX_DATAGRAM_BYTES, Voice};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Packets kept for asking again: 1.9 s at 60 ms, longer than anybody waits; at 20 ms 0.6 s, and who has such packets
/// converses. More is memory for each listener.
pub(super) const KEPT: usize = 32;

/// What QUIC, UDP and IP put around a datagram, in the median.
pub const AROUND_BYTES: usize = 49;

/// Answers that may wait for the spare rate. More would be too late when their turn comes.
const WAITING: usize = 24;

/// The same packet again no sooner than this: requests are repeated, and two that cross are one.
const NOT_BEFORE: Duration = Duration::from_millis(70);

/// Between the two of an answer that is sent twice: a burst of losses should not take both.
const TWICE_APART: Duration = Duration::from_millis(150);

/// On a terrible line what the budget leaves over goes into sending packets a second time unasked, this many packets
/// later: half of the bursts are over by then. Later leaves less time to ask.
const UNASKED_AFTER: u32 = 2;

/// A second sending that could not be afforded for so long is not worth it any more.
const UNASKED_WITHIN: Duration = Duration::from_millis(250);

/// So many packets' worth stays saved for those who ask.
const KEPT_FOR_ASKING: f64 = 2.0;

/// On a terrible line an answer goes when no more than this stands before it, as far as the budget tells. More makes
/// answers late, less leaves the line idle between two of them.
const BEFORE_ANSWER: Duration = Duration::from_millis(60);

/// The same for what nobody asked for.
const BEFORE_UNASKED: Duration = Duration::from_millis(10);

/// On a terrible line a packet that is still asked for goes again when the answer before would have been there for so
/// long. Less sends what has arrived, more is a round less.
const UNANSWERED: Duration = Duration::from_millis(40);

/// What a round of asking takes beside the round trip and [`UNANSWERED`]: until it is noticed and asked for, and until
/// it has been sent. Where there is no time for another the answer goes twice.
const ROUND: Duration = Duration::from_millis(180);

/// What of the budget may be saved up in pauses, or be owed by packets that were larger than the mean, at most. Losses
/// come in bursts, and so do requests; more makes a queue of each burst.
const SAVED: Duration = Duration::from_millis(350);

/// Packets of the current size that may be saved up in any case.
const AT_LEAST_PACKETS: usize = 2;

/// Totals of one leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DepartureCounters {
    /// Packets sent for the first time.
    pub sent: u64,
    /// Requests for a packet that came.
    pub asked: u64,
    /// Packets sent again because they were asked for.
    pub answered: u64,
    /// Packets sent again unasked: for safety, or to see whether the link carries more.
    pub unasked: u64,
    /// Copies that rode along.
    pub copies: u64,
    /// Requests for what is not kept any more, or was not sent yet.
    pub unknown: u64,
    /// Requests for which there was nothing to spare.
    pub unaffordable: u64,
}

/// A line that loses so much that there are only a round or two for each packet.
///
/// Whoever listens then asks all the time for all that is missing, so that requests may be lost; when to send again is
/// decided here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terrible {
    /// For how long the far end waits for what is lost.
    pub wait: Duration,
}

/// Why a packet was not sent again.
enum NotSent {
    /// It is not kept any more.
    Forgotten,
    /// It will be when enough is saved.
    Unaffordable,
}

/// How much room there must be for a packet to be sent again.
#[derive(Clone, Copy)]
enum Plenty {
    /// Just enough.
    No,
    /// So much that others who ask find room too.
    ToSpare,
    /// The same, and nobody has asked for it.
    Unasked,
}

#[derive(Debug)]
struct Kept {
    seq: Seq,
    packet: Arc<Packet>,
    first_sent: Instant,
    last_sent: Instant,
    /// When it will have left if it was sent again, as far as the budget tells.
    left: Option<Instant>,
}

/// The sending half of one leg.
#[derive(Debug, Default)]
pub struct Departures {
    next: Seq,
    kept: VecDeque<Kept>,
    /// What is to be sent again, and not before when. The second of two is sent only if there is plenty.
    again: VecDeque<(Instant, Seq, bool)>,
    budget: Bitrate,
    /// Bytes that may be sent beyond what has been sent, as of the instant.
    saved: f64,
    saved_at: Option<Instant>,
    largest: usize,
    /// While the link is probed: what has been sent twice unasked.
    probing: Option<Seq>,
    /// The fastest from here to the far end and back, where it is known.
    round_trip: Option<Duration>,
    /// How terrible the line is, and what is to be sent a second time for that, and when.
    terrible: Option<Terrible>,
    second: VecDeque<(Instant, Seq)>,
    counters: DepartureCounters,
}

impl Departures {
    /// What it has counted so far.
    #[must_use]
    pub fn counters(&self) -> DepartureCounters {
        self.counters
    }

    /// The number that the next packet will have.
    #[must_use]
    pub fn next(&self) -> Seq {
        self.next
    }

    /// How much the leg may cost in all, headers included; `probe` sends that much whether asked or not.
    /// On a terrible line what is left over goes into sending packets twice.
    pub fn set_budget(&mut self, budget: Bitrate, probe: bool, terrible: Option<Terrible>) {
        self.budget = budget;
        self.terrible = terrible;
        if probe && self.probing.is_none() {
            // What was saved up would be a queue of its own, and the probe is to find those of the rate.
            self.saved = self.saved.min(self.largest as f64);
        }
        self.probing = probe.then(|| self.probing.unwrap_or(self.next));
    }

    /// The fastest from here to the far end and back: no answer can have come sooner.
    pub fn set_round_trip(&mut self, round_trip: Option<Duration>) {
        self.round_trip = round_trip;
    }

    /// Forgets what was sent: nobody will ask for it any more. Numbers begin anew.
    pub fn clear(&mut self) {
        let counters = self.counters;
        *self = Self { budget: self.budget, counters, ..Self::default() };
    }

    /// The datagram of a packet that is sent now for the first time.
    pub fn send<'b>(
        &mut self,
        now: Instant,
        packet: &Arc<Packet>,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> &'b [u8] {
        let seq = self.next;
        self.next = seq.next();
        let mut voice = Voice::new(seq, packet.time, packet.start, packet.end, packet.body());
        let copy = seq.0.checked_sub(u64::from(packet.copy)).map(Seq).filter(|_| packet.copy > 0);
        if let Some(earlier) = copy.and_then(|copy| self.find(copy))
            && let Ok(bricks) = u8::try_from(packet.time.ahead_of(earlier.packet.time) / 960)
        {
            voice.copy = Some(Copy { distance: packet.copy, earlier: bricks, body: earlier.packet.body() });
        }
        let bytes = voice.encode(buffer);
        let cost = bytes.len() + AROUND_BYTES;
        self.counters.copies += u64::from(voice.copy.is_some());
        self.counters.sent += 1;
        self.largest = cost.max(self.largest.saturating_sub(self.largest / 16));
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept {
            seq,
            packet: Arc::clone(packet),
            first_sent: now,
            last_sent: now,
            left: None,
        });
        self.save(now);
        self.saved -= cost as f64;
        if self.terrible.is_some() {
            if self.second.len() >= WAITING {
                self.second.pop_front();
            }
            self.second.push_back((now + packet.length.duration() * UNASKED_AFTER, seq));
        }
        bytes
    }

    /// The far end misses packets.
    pub fn handle_ask(&mut self, now: Instant, ask: &Ask) {
        for seq in ask.numbers(self.next) {
            self.counters.asked += 1;
            let Some(kept) = self.find(seq) else {
                self.counters.unknown += 1;
                continue;
            };
            let waits = self.again.iter().any(|&(_, waiting, _)| waiting == seq);
            if waits || now < self.again_from(kept, ask.twice) {
                continue;
            }
            let last_chance = self.terrible.is_some_and(|line| {
                let age = now.saturating_duration_since(kept.first_sent);
                age + self.round_trip.unwrap_or_default() + UNANSWERED + ROUND > line.wait
            });
            let both = [(now, false), (now + TWICE_APART, true)];
            for (at, second) in both.into_iter().take(1 + usize::from(ask.twice || last_chance)) {
                if self.again.len() >= WAITING {
                    self.counters.unaffordable += 1;
                } else {
                    self.again.push_back((at, seq, second));
                }
            }
        }
    }

    /// Whether anything waits to be sent again, now or later.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !(self.again.is_empty() && self.second.is_empty() && self.probing.is_none())
    }

    /// The next datagram that is to be sent again at `now`.
    pub fn poll_again<'b>(
        &mut self,
        now: Instant,
        buffer: &'b mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Option<&'b [u8]> {
        if !self.has_more() {
            return None;
        }
        self.save(now);
        while self.second.front().is_some_and(|&(at, _)| at + UNASKED_WITHIN < now) {
            self.second.pop_front();
        }
        if let Some(place) = self.next_again(now) {
            let &(at, seq, second) = self.again.get(place)?;
            let plenty = if second { Plenty::ToSpare } else { Plenty::No };
            let sent = self.send_again(now, seq, plenty, buffer);
            let given_up = second && (self.terrible.is_none() || now > at + UNASKED_WITHIN);
            if given_up || !matches!(sent, Err(NotSent::Unaffordable)) {
                self.again.remove(place);
            }
            self.counters.answered += u64::from(sent.is_ok());
            return sent.ok().map(|length| &buffer[..length]);
        }
        let unasked = match self.second.front() {
            Some(&(at, seq)) if at <= now => Some((seq, Plenty::Unasked)),
            _ => self.probing.filter(|&probed| probed < self.next).map(|probed| (probed, Plenty::No)),
        };
        let (seq, plenty) = unasked?;
        let sent = self.send_again(now, seq, plenty, buffer);
        if !matches!(sent, Err(NotSent::Unaffordable)) {
            if self.second.front().is_some_and(|&(_, second)| second == seq) {
                self.second.pop_front();
            } else {
                self.probing = self.probing.map(|_| seq.next());
            }
        }
        self.counters.unasked += u64::from(sent.is_ok());
        sent.ok().map(|length| &buffer[..length])
    }

    /// The place in the queue of what is to be sent again next.
    fn next_again(&self, now: Instant) -> Option<usize> {
        let mut due = self.again.iter().enumerate().filter(|(_, (at, ..))| *at <= now);
        if self.terrible.is_none() {
            // In the order in which they were asked for. What cannot be had waits for its turn.
            return due.next().map(|(place, _)| place);
        }
        // The oldest is wanted first.
        due.min_by_key(|(_, (_, seq, second))| (*second, *seq)).map(|(place, _)| place)
    }

    /// From when on a request for this packet is believed: an earlier one has crossed it. `twice`: whoever asks has
    /// waited for an answer, and knows.
    fn again_from(&self, kept: &Kept, twice: bool) -> Instant {
        let round_trip = self.round_trip.filter(|_| !twice);
        match (round_trip, kept.left) {
            (Some(round_trip), Some(left)) => left + round_trip + UNANSWERED,
            (Some(round_trip), None) if self.terrible.is_some() => kept.last_sent + round_trip,
            _ => kept.last_sent + NOT_BEFORE,
        }
    }

    /// Sends a packet again if it is still kept and can be afforded.
    fn send_again(
        &mut self,
        now: Instant,
        seq: Seq,
        plenty: Plenty,
        buffer: &mut [u8; MAX_DATAGRAM_BYTES],
    ) -> Result<usize, NotSent> {
        let place = self.kept.iter().position(|kept| kept.seq == seq).ok_or(NotSent::Forgotten)?;
        let packet = &self.kept[place].packet;
        let mut voice = Voice::new(seq, packet.time, packet.start, packet.end, packet.body());
        voice.again = true;
        let length = voice.encode(buffer).len();
        let cost = (length + AROUND_BYTES) as f64;
        let affordable = match (self.terrible, plenty) {
            (None, Plenty::No) => cost <= self.saved,
            (None, _) => cost * (1.0 + KEPT_FOR_ASKING) <= self.saved,
            (Some(_), Plenty::Unasked) => self.stands() <= BEFORE_UNASKED,
            (Some(_), _) => self.stands() <= BEFORE_ANSWER,
        };
        if !affordable {
            return Err(NotSent::Unaffordable);
        }
        self.saved -= cost;
        let left = now + self.stands();
        let kept = &mut self.kept[place];
        kept.last_sent = now;
        kept.left = Some(left);
        Ok(length)
    }

    /// How long what was sent would still be under way to the line if that were as fast as the budget.
    fn stands(&self) -> Duration {
        let bytes_per_s = self.bytes_per_s();
        if bytes_per_s <= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(((self.most() - self.saved) / bytes_per_s).clamp(0.0, 10.0))
    }

    fn find(&self, seq: Seq) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.seq == seq)
    }

    fn bytes_per_s(&self) -> f64 {
        f64::from(self.budget.bps()) / 8.0
    }

    fn most(&self) -> f64 {
        (self.bytes_per_s() * SAVED.as_secs_f64()).max((self.largest * AT_LEAST_PACKETS) as f64)
    }

    /// Saves up what could have been sent since the last time.
    fn save(&mut self, now: Instant) {
        let most = self.most();
        self.saved = match self.saved_at {
            Some(then) => self.saved + self.bytes_per_s() * now.saturating_duration_since(then).as_secs_f64(),
            None => most,
        };
        self.saved = self.saved.clamp(-most, most);
        self.saved_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Pcm;
    use super::super::ladder::RungId;
    use super::super::outlet::Outlet;
    use super::*;
    use crate::unit::MediaTime;
    use crate::wire::Datagram;

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    /// Sends packets of 60 ms for this many seconds of sound from `start` on; returns the leg.
    fn sent(start: Instant, seconds: u64, spare: Bitrate) -> Departures {
        let mut outlet = Outlet::new(RungId::for_cap(24)).expect("libopus");
        let (mut leg, mut buffer) = (Departures::default(), [0; MAX_DATAGRAM_BYTES]);
        leg.set_budget(spare, false, None);
        let mut brick = Pcm::SILENCE;
        brick.samples_mut().iter_mut().step_by(300).for_each(|sample| *sample = 0.5);
        for n in 0..seconds * 50 {
            let pushed = outlet.push(MediaTime::from_bricks(n), Some(&brick)).expect("encodes");
            if let Some(packet) = pushed {
                leg.send(start + Duration::from_millis(20 * n), packet, &mut buffer);
            }
        }
        leg
    }

    fn again(leg: &mut Departures, now: Instant) -> Vec<u64> {
        let mut buffer = [0; MAX_DATAGRAM_BYTES];
        let mut numbers = Vec::new();
        while let Some(bytes) = leg.poll_again(now, &mut buffer) {
            let Ok(Datagram::Voice(voice)) = Datagram::decode(bytes) else { panic!("a voice datagram") };
            assert!(voice.again);
            numbers.push(voice.seq(Seq(40)).0);
        }
        numbers
    }

    #[test]
    fn what_is_asked_for_is_sent_again_once_and_twice_when_that_was_lost_too() {
        let (start, second) = (start(), Duration::from_secs(1));
        let mut leg = sent(start, 3, Bitrate::from_kbps(100));
        let now = start + 3 * second;
        leg.handle_ask(now, &Ask::new(Seq(40), [Seq(42)], false));
        leg.handle_ask(now, &Ask::new(Seq(40), [Seq(42)], false));
        assert_eq!(again(&mut leg, now), [40, 42]);
        leg.handle_ask(now + second, &Ask::new(Seq(42), [], true));
        assert_eq!(again(&mut leg, now + second), [42]);
        assert_eq!(again(&mut leg, now + second + TWICE_APART), [42]);
        // Too old, and not yet sent.
        leg.handle_ask(now, &Ask::new(Seq(3), [Seq(60)], false));
        assert_eq!(again(&mut leg, now + second), []);
        assert_eq!(leg.counters().unknown, 2);
    }

    fn terrible(leg: &mut Departures) {
        let line = Terrible { wait: Duration::from_millis(1500) };
        leg.set_round_trip(Some(Duration::from_millis(400)));
        leg.set_budget(Bitrate::from_kbps(100), false, Some(line));
    }

    #[test]
    fn on_a_terrible_line_a_request_is_believed_when_an_answer_could_have_come() {
        let (start, ms) = (start(), Duration::from_millis(1));
        let mut leg = sent(start, 3, Bitrate::from_kbps(100));
        terrible(&mut leg);
        let seq = Seq(48);
        let sent_at = leg.find(seq).expect("kept").first_sent;
        // Asked for all the time, from the moment on at which it was sent.
        let answered: Vec<u32> = (0..1000)
            .step_by(20)
            .filter(|&after| {
                leg.handle_ask(sent_at + ms * after, &Ask::new(seq, [], false));
                !again(&mut leg, sent_at + ms * after).is_empty()
            })
            .collect();
        assert!(answered.len() == 2 && answered[0] == 400, "{answered:?}");
        assert!((840..900).contains(&answered[1]), "{answered:?}");
    }

    #[test]
    fn whoever_says_that_an_answer_was_lost_is_believed_at_once() {
        let (start, second) = (start(), Duration::from_secs(1));
        let mut leg = sent(start, 3, Bitrate::from_kbps(100));
        terrible(&mut leg);
        let now = start + 4 * second;
        leg.handle_ask(now, &Ask::new(Seq(40), [], false));
        assert_eq!(again(&mut leg, now), [40]);
        for (after, twice, sent) in [(100, false, false), (200, true, true)] {
            let now = now + Duration::from_millis(after);
            leg.handle_ask(now, &Ask::new(Seq(40), [], twice));
            assert_eq!(!again(&mut leg, now).is_empty(), sent);
        }
    }

    #[test]
    fn on_a_terrible_line_the_last_answer_for_which_there_is_time_goes_twice() {
        let (start, ms) = (start(), Duration::from_millis(1));
        for (after, times) in [(500, 1), (1000, 2)] {
            let mut leg = sent(start, 3, Bitrate::from_kbps(100));
            terrible(&mut leg);
            let now = leg.find(Seq(48)).expect("kept").first_sent + ms * after;
            leg.handle_ask(now, &Ask::new(Seq(48), [], false));
            let all = [now, now + TWICE_APART].into_iter().flat_map(|now| again(&mut leg, now));
            assert_eq!(all.count(), times);
        }
    }

    #[test]
    fn on_a_terrible_line_a_packet_goes_a_second_time_while_there_is_room() {
        let start = start();
        let mut leg = sent(start, 3, Bitrate::from_kbps(100));
        terrible(&mut leg);
        let (packet, mut buffer) = (Arc::clone(&leg.kept[0].packet), [0; MAX_DATAGRAM_BYTES]);
        let now = start + Duration::from_secs(5);
        leg.send(now, &packet, &mut buffer);
        assert_eq!(again(&mut leg, now), []);
        assert_eq!(again(&mut leg, now + packet.length.duration() * UNASKED_AFTER), [50]);
    }

    #[test]
    fn no_storm_of_requests_takes_more_than_the_budget() {
        let start = start();
        let mut leg = sent(start, 3, Bitrate::from_kbps(4));
        let mut bytes = 0;
        for ms in 0..10_000 {
            let now = start + Duration::from_millis(3000 + ms);
            leg.handle_ask(now, &Ask::new(Seq(20), (21..50).map(Seq), true));
            let mut buffer = [0; MAX_DATAGRAM_BYTES];
            while let Some(sent) = leg.poll_again(now, &mut buffer) {
                bytes += sent.len() + AROUND_BYTES;
            }
        }
        // Ten seconds at a tenth more than the budget, less what was owed.
        assert!((3_500..6_500).contains(&bytes), "{bytes}");
        assert!(leg.counters().unaffordable > 0);
    }

    #[test]
    fn a_probe_doubles_what_is_sent_as_far_as_the_budget_goes() {
        let start = start();
        let mut leg = sent(start, 3, Bitrate::from_kbps(40));
        let mut buffer = [0; MAX_DATAGRAM_BYTES];
        assert_eq!(again(&mut leg, start + Duration::from_secs(4)), []);
        leg.set_budget(Bitrate::from_kbps(40), true, None);
        let packet = Arc::clone(&leg.kept[0].packet);
        leg.send(start + Duration::from_secs(5), &packet, &mut buffer);
        assert_eq!(again(&mut leg, start + Duration::from_secs(5)), [50]);
        assert_eq!(leg.counters().unasked, 1);
    }
}
