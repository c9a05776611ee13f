//! From the microphone's bricks to voice datagrams.

use giaoban_proto::media::codec::CodecError;
use giaoban_proto::media::ladder::Rung;
use giaoban_proto::media::level::Gate;
use giaoban_proto::media::rate::RateControl;
use giaoban_proto::media::wait;
use giaoban_proto::media::{DepartureCounters, Departures, Outlet, Pcm};
use giaoban_proto::unit::{BRICK, Bitrate, Level, MediaTime, Samples};
use giaoban_proto::wire::{Ask, MAX_DATAGRAM_BYTES, Microphone, Report};
use std::time::{Duration, Instant};

/// How fast the shown level falls after a loud brick, in dB a brick (20 dB/s): a word can be seen, a meter that is
/// read once a second still shows the last one.
const FALL_DB: f32 = 0.4;

/// Bricks of digital silence after which a microphone counts as dead: 5 s. No microphone that is on gives zeros.
const DEAD_BRICKS: u32 = 250;

/// What counts as full scale.
const FULL_SCALE: f32 = 0.999;

/// Samples at full scale in one brick from which it counts as clipped. One or two are a knock on the table.
const CLIPPED_SAMPLES: usize = 8;

/// Bricks for which a clipped one is remembered: 2 s, so that one of the next two reports says it.
const CLIPPING_BRICKS: u32 = 100;

/// Bricks of speech from which somebody talks to a microphone that is off: 0.6 s in all, with pauses between words. Less
/// tells of every cough.
const TALKS_BRICKS: u32 = 30;

/// Bricks without speech after which that begins anew: 1 s.
const PAUSE_BRICKS: u32 = 50;

/// Turns bricks into datagrams. One for as long as the client runs: reconnecting does not touch it.
#[derive(Debug)]
pub struct Uplink {
    gate: Gate,
    outlet: Outlet,
    departures: Departures,
    rate: RateControl,
    time: MediaTime,
    /// When it last sent a packet or came in, and when a talkspurt ended since the last report.
    taken_part_at: Option<Instant>,
    ended_at: Option<Instant>,
    muted: bool,
    barred: bool,
    level: Level,
    silent_bricks: u32,
    since_clipped: u32,
    /// Bricks of speech into a microphone that is off, and bricks since the last of them.
    unheard: u32,
    since_unheard: u32,
    failures: u64,
    datagram: [u8; MAX_DATAGRAM_BYTES],
}

impl Uplink {
    /// A silent one that may cost `cap`.
    ///
    /// # Errors
    /// [`CodecError`] when there is no encoder to be had.
    pub fn new(now: Instant, cap: Bitrate, muted: bool) -> Result<Self, CodecError> {
        let rate = RateControl::new(now, cap);
        Ok(Self {
            gate: Gate::default(),
            outlet: Outlet::new(rate.rung())?,
            departures: Departures::default(),
            rate,
            time: MediaTime(0),
            taken_part_at: None,
            ended_at: None,
            muted,
            barred: false,
            level: Level::SILENCE,
            silent_bricks: 0,
            since_clipped: u32::MAX,
            unheard: 0,
            since_unheard: 0,
            failures: 0,
            datagram: [0; MAX_DATAGRAM_BYTES],
        })
    }

    /// Takes the next 20 ms of the microphone; returns a datagram when one is full and somebody spoke.
    ///
    /// Muted or barred, the brick is measured and goes no further. What is returned must be sent now or never.
    pub fn push(&mut self, now: Instant, brick: &Pcm) -> Option<&[u8]> {
        self.push_cleaned(now, brick, brick)
    }

    /// The same for a brick that was cleaned: what was heard tells how the microphone is, the rest is of what was made
    /// of it.
    pub fn push_cleaned(&mut self, now: Instant, heard: &Pcm, brick: &Pcm) -> Option<&[u8]> {
        self.examine(heard);
        self.measure(brick);
        self.steer(now);
        // The gate hears everything, so that it knows the room's noise when the microphone is switched on.
        let speech = self.gate.is_speech(brick);
        let spoken = speech && !self.is_muted();
        self.count_unheard(speech && !spoken);
        let time = self.time;
        self.time = time + Samples::from_bricks(1);
        match self.outlet.push(time, spoken.then_some(brick)) {
            // The last words before the bar: not even they, nor a number for them.
            Ok(Some(_)) if self.barred => None,
            Ok(Some(packet)) => {
                self.taken_part_at = Some(now);
                self.ended_at = packet.end.then_some(now);
                Some(self.departures.send(now, packet, &mut self.datagram))
            }
            Ok(None) => None,
            Err(_) => {
                self.failures += 1;
                None
            }
        }
    }

    /// The next datagram that is to be sent again.
    pub fn poll_again(&mut self, now: Instant) -> Option<&[u8]> {
        if self.barred { None } else { self.departures.poll_again(now, &mut self.datagram) }
    }

    /// The bridge says what it receives.
    pub fn handle_report(&mut self, now: Instant, report: &Report, round_trip: Option<Duration>) {
        self.rate.handle_report(now, report, round_trip);
    }

    /// The bridge misses packets.
    pub fn handle_ask(&mut self, now: Instant, ask: &Ask) {
        if !self.barred {
            self.departures.handle_ask(now, ask);
        }
    }

    /// A new line: what was said over the old one is past. Whoever comes in may want to say so, and for a while counts
    /// as taking part.
    pub fn begin_line(&mut self, now: Instant) {
        self.taken_part_at = Some(now);
        self.rate.begin_line();
        self.departures.clear();
    }

    /// What of the next report is known here, and whether it must not wait for its turn.
    #[must_use]
    pub fn next_number(&self) -> u16 {
        Report::next_of(self.departures.next())
    }

    /// When a report is due because a talkspurt has ended.
    #[must_use]
    pub fn report_due(&self) -> Option<Instant> {
        self.ended_at.map(|at| at + wait::AFTER_END)
    }

    /// A report has gone.
    pub fn reported(&mut self, now: Instant) {
        if self.report_due().is_some_and(|due| due <= now) {
            self.ended_at = None;
        }
    }

    /// Whether this end takes part, or only listens.
    #[must_use]
    pub fn takes_part(&self, now: Instant) -> bool {
        !self.is_muted()
            && self.taken_part_at.is_some_and(|at| now.saturating_duration_since(at) < wait::TAKES_PART_FOR)
    }

    /// What was sent, and sent again.
    #[must_use]
    pub fn counters(&self) -> DepartureCounters {
        self.departures.counters()
    }

    /// Loss on the way to the bridge before repair, as a share.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.rate.loss()
    }

    fn steer(&mut self, now: Instant) {
        self.rate.handle_timeout(now, self.outlet.is_speaking());
        let rate = &self.rate;
        self.departures.set_budget(rate.allowance(), rate.is_probing(), rate.terrible());
        self.departures.set_round_trip(rate.fastest());
        let wanted = self.rate.rung();
        if wanted != self.outlet.rung()
            && self.outlet.can_become(wanted, self.time)
            && self.outlet.set_rung(wanted).is_err()
        {
            self.failures += 1;
        }
    }

    /// What it may cost is another from now on.
    pub fn set_cap(&mut self, now: Instant, cap: Bitrate) {
        self.rate.set_cap(now, cap);
    }

    /// Switches the microphone. What was said before is still sent; nothing that is said after.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Whether the bridge lets nobody hear this site, however the microphone is switched: then nothing is sent at all,
    /// and nothing sent again.
    pub fn set_barred(&mut self, barred: bool) {
        self.barred = barred;
        if barred {
            self.ended_at = None;
        }
    }

    /// Whether the microphone is off, switched or barred.
    #[must_use]
    pub fn is_muted(&self) -> bool {
        self.muted || self.barred
    }

    /// Whether the person has switched the microphone off.
    #[must_use]
    pub fn is_switched_off(&self) -> bool {
        self.muted
    }

    /// Whether somebody talks, and nobody hears it.
    #[must_use]
    pub fn talks_unheard(&self) -> bool {
        self.unheard >= TALKS_BRICKS
    }

    /// Whether a talkspurt is being sent.
    #[must_use]
    pub fn is_speaking(&self) -> bool {
        self.outlet.is_speaking()
    }

    /// Loudness of the microphone lately, muted or not: for this end's own meter.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Loudness as the others may know it: a muted microphone tells nothing.
    #[must_use]
    pub fn reported_level(&self) -> Level {
        if self.is_muted() { Level::SILENCE } else { self.level }
    }

    /// What is wrong with the microphone, by its sound alone; a muted one does not tell how loud it is.
    #[must_use]
    pub fn microphone(&self) -> Microphone {
        Microphone {
            dead: self.silent_bricks >= DEAD_BRICKS,
            clipping: !self.is_muted() && self.since_clipped < CLIPPING_BRICKS,
            missing: false,
        }
    }

    /// How much sound has come in.
    #[must_use]
    pub fn position(&self) -> Duration {
        let bricks = self.time.bricks();
        Duration::from_nanos(bricks.saturating_mul(BRICK.as_nanos() as u64))
    }

    /// What its packets may cost.
    #[must_use]
    pub fn rung(&self) -> Rung {
        self.outlet.rung().rung()
    }

    /// Packets that the encoder failed to make.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    fn count_unheard(&mut self, unheard: bool) {
        if unheard {
            (self.unheard, self.since_unheard) = (self.unheard.saturating_add(1), 0);
        } else {
            self.since_unheard = self.since_unheard.saturating_add(1);
            if !self.is_muted() || self.since_unheard >= PAUSE_BRICKS {
                self.unheard = 0;
            }
        }
    }

    fn measure(&mut self, brick: &Pcm) {
        let fallen = Level::from_dbfs(self.level.dbfs() - FALL_DB);
        let now = brick.level();
        self.level = if now > fallen { now } else { fallen };
    }

    fn examine(&mut self, brick: &Pcm) {
        let silent = brick.samples().iter().all(|&sample| sample == 0.0);
        self.silent_bricks = if silent { self.silent_bricks.saturating_add(1) } else { 0 };
        let full = brick.samples().iter().filter(|sample| sample.abs() >= FULL_SCALE).count();
        self.since_clipped = if full >= CLIPPED_SAMPLES { 0 } else { self.since_clipped.saturating_add(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{buzz, start};
    use super::*;
    use giaoban_proto::unit::Seq;
    use giaoban_proto::wire::Datagram;

    fn uplink(muted: bool) -> Uplink {
        Uplink::new(start(), Bitrate::from_kbps(60), muted).expect("libopus")
    }

    /// (number, brick at which it begins, start, end) of what pushing `brick` gives.
    fn sent(uplink: &mut Uplink, brick: &Pcm) -> Option<(u64, u64, bool, bool)> {
        let Ok(Datagram::Voice(voice)) = Datagram::decode(uplink.push(start(), brick)?) else {
            panic!("a voice datagram")
        };
        Some((voice.seq(Seq(0)).0, voice.time(MediaTime(0)).bricks(), voice.start, voice.end))
    }

    #[test]
    fn silence_costs_no_number_but_keeps_its_time() {
        let mut uplink = uplink(false);
        let said: Vec<_> = (0..60u64)
            .filter_map(|n| sent(&mut uplink, &if n < 2 || n == 50 { buzz(n) } else { Pcm::SILENCE }))
            .collect();
        // Two bricks of speech, the gate's tail of fourteen and the end mark; then time went on alone.
        assert_eq!(said[0], (0, 0, true, false));
        assert_eq!(said[1], (1, 1, false, false));
        assert_eq!(said[16], (16, 16, false, true));
        assert_eq!(said[17], (17, 50, true, false));
        assert_eq!(uplink.position(), Duration::from_millis(1200));
    }

    #[test]
    fn a_muted_microphone_sends_nothing_and_tells_nothing() {
        let mut uplink = uplink(true);
        assert!((0..100).all(|n| sent(&mut uplink, &buzz(n)).is_none()));
        assert_eq!(uplink.reported_level(), Level::SILENCE);
        assert!(uplink.level().dbfs() > -30.0);
        uplink.set_muted(false);
        assert_eq!(sent(&mut uplink, &buzz(100)), Some((0, 100, true, false)));
        uplink.set_muted(true);
        assert_eq!(sent(&mut uplink, &buzz(101)), Some((1, 101, false, true)));
        assert!(!uplink.is_speaking());
    }

    #[test]
    fn whoever_talks_to_a_microphone_that_is_off_is_noticed_and_a_cough_is_not() {
        for barred in [false, true] {
            let mut uplink = uplink(!barred);
            uplink.set_barred(barred);
            let mut push = |bricks: u64, sound: fn(u64) -> Pcm| {
                (0..bricks).for_each(|n| assert!(uplink.push(start(), &sound(n)).is_none()));
                uplink.talks_unheard()
            };
            let quiet = |_| Pcm::SILENCE;
            assert!(!push(10, buzz), "a cough");
            assert!(!push(60, quiet));
            assert!(push(30, buzz));
            assert!(push(20, quiet), "a pause between words");
            assert!(!push(50, quiet));
        }
        let mut uplink = uplink(false);
        assert!((0..200).all(|n| uplink.push(start(), &buzz(n)).is_some() && !uplink.talks_unheard()));
    }

    #[test]
    fn a_barred_site_sends_not_even_its_last_word_and_speaks_on_as_it_was() {
        for muted in [false, true] {
            let mut uplink = uplink(false);
            assert_eq!(sent(&mut uplink, &buzz(0)), Some((0, 0, true, false)));
            uplink.set_muted(muted);
            uplink.set_barred(true);
            assert!((1..100).all(|n| sent(&mut uplink, &buzz(n)).is_none()));
            assert!(uplink.is_muted() && !uplink.is_speaking() && uplink.poll_again(start()).is_none());
            assert_eq!((uplink.reported_level(), uplink.report_due()), (Level::SILENCE, None));
            assert_eq!(uplink.next_number(), 1, "no number was used up");
            uplink.set_barred(false);
            assert_eq!((uplink.is_muted(), uplink.is_switched_off()), (muted, muted));
            let spoken = (!muted).then_some((1, 100, true, false));
            assert_eq!(sent(&mut uplink, &buzz(100)), spoken);
        }
    }

    #[test]
    fn the_meter_rises_at_once_and_falls_by_twenty_decibels_a_second() {
        let mut uplink = uplink(false);
        uplink.push(start(), &buzz(0));
        let loud = uplink.level().dbfs();
        for _ in 0..50 {
            uplink.push(start(), &Pcm::SILENCE);
        }
        assert!((loud - 20.0 - uplink.level().dbfs()).abs() < 0.1);
    }

    #[test]
    fn a_dead_and_a_clipping_microphone_are_told_apart_from_a_quiet_one() {
        let mut uplink = uplink(false);
        let mut quiet = Pcm::SILENCE;
        quiet.samples_mut()[5] = 1e-4;
        for _ in 0..400 {
            uplink.push(start(), &quiet);
        }
        assert_eq!(uplink.microphone(), Microphone::default());
        for _ in 0..250 {
            uplink.push(start(), &Pcm::SILENCE);
        }
        assert!(uplink.microphone().dead);
        let mut clipped = Pcm::SILENCE;
        clipped.samples_mut()[..40].fill(1.0);
        uplink.push(start(), &clipped);
        assert!(uplink.microphone().clipping && !uplink.microphone().dead);
        uplink.set_muted(true);
        assert!(!uplink.microphone().clipping);
        uplink.set_muted(false);
        for _ in 0..100 {
            uplink.push(start(), &quiet);
        }
        assert_eq!(uplink.microphone(), Microphone::default());
    }

    #[test]
    fn bricks_that_are_no_numbers_do_no_harm() {
        let mut uplink = uplink(false);
        let mut bad = Pcm::SILENCE;
        bad.samples_mut().fill(f32::NAN);
        for n in 0..50 {
            uplink.push(start(), &buzz(n));
            uplink.push(start(), &bad);
        }
        assert!(uplink.level().dbfs().is_finite());
        assert!((0..50).any(|n| uplink.push(start(), &buzz(n)).is_some()));
    }
}
