//! From the microphone's bricks to voice datagrams.

use giaoban_proto::media::codec::CodecError;
use giaoban_proto::media::ladder::{Rung, RungId};
use giaoban_proto::media::level::Gate;
use giaoban_proto::media::{Outlet, Pcm};
use giaoban_proto::unit::{BRICK, Level, MediaTime, Samples, Seq};
use giaoban_proto::wire::{MAX_DATAGRAM_BYTES, Microphone, Voice};
use std::time::Duration;

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

/// Turns bricks into datagrams. One for as long as the client runs: reconnecting does not touch it.
#[derive(Debug)]
pub struct Uplink {
    gate: Gate,
    outlet: Outlet,
    time: MediaTime,
    seq: Seq,
    muted: bool,
    level: Level,
    silent_bricks: u32,
    since_clipped: u32,
    failures: u64,
    datagram: [u8; MAX_DATAGRAM_BYTES],
}

impl Uplink {
    /// A silent one on `rung`.
    ///
    /// # Errors
    /// [`CodecError`] when there is no encoder to be had.
    pub fn new(rung: RungId, muted: bool) -> Result<Self, CodecError> {
        Ok(Self {
            gate: Gate::default(),
            outlet: Outlet::new(rung)?,
            time: MediaTime(0),
            seq: Seq(0),
            muted,
            level: Level::SILENCE,
            silent_bricks: 0,
            since_clipped: u32::MAX,
            failures: 0,
            datagram: [0; MAX_DATAGRAM_BYTES],
        })
    }

    /// Takes the next 20 ms of the microphone; returns a datagram when one is full and somebody spoke.
    ///
    /// Muted, the brick is measured and goes no further. What is returned must be sent now or never.
    pub fn push(&mut self, brick: &Pcm) -> Option<&[u8]> {
        self.measure(brick);
        // The gate hears everything, so that it knows the room's noise when the microphone is switched on.
        let spoken = self.gate.is_speech(brick) && !self.muted;
        let time = self.time;
        self.time = time + Samples::from_bricks(1);
        match self.outlet.push(time, spoken.then_some(brick)) {
            Ok(Some(frame)) => {
                let voice = Voice::new(self.seq, frame.time, frame.start, frame.end, frame.opus);
                self.seq = self.seq.next();
                Some(voice.encode(&mut self.datagram))
            }
            Ok(None) => None,
            Err(_) => {
                self.failures += 1;
                None
            }
        }
    }

    /// Switches the microphone. What was said before is still sent; nothing that is said after.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Whether the microphone is off.
    #[must_use]
    pub fn is_muted(&self) -> bool {
        self.muted
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
        if self.muted { Level::SILENCE } else { self.level }
    }

    /// What is wrong with the microphone, by its sound alone; a muted one does not tell how loud it is.
    #[must_use]
    pub fn microphone(&self) -> Microphone {
        Microphone {
            dead: self.silent_bricks >= DEAD_BRICKS,
            clipping: !self.muted && self.since_clipped < CLIPPING_BRICKS,
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

    fn measure(&mut self, brick: &Pcm) {
        let fallen = Level::from_dbfs(self.level.dbfs() - FALL_DB);
        let now = brick.level();
        self.level = if now > fallen { now } else { fallen };
        let silent = brick.samples().iter().all(|&sample| sample == 0.0);
        self.silent_bricks = if silent { self.silent_bricks.saturating_add(1) } else { 0 };
        let full = brick.samples().iter().filter(|sample| sample.abs() >= FULL_SCALE).count();
        self.since_clipped = if full >= CLIPPED_SAMPLES { 0 } else { self.since_clipped.saturating_add(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::buzz;
    use super::*;
    use giaoban_proto::wire::Datagram;

    fn uplink(muted: bool) -> Uplink {
        Uplink::new(RungId::for_cap(48), muted).expect("libopus")
    }

    /// (number, brick at which it begins, start, end) of what pushing `brick` gives.
    fn sent(uplink: &mut Uplink, brick: &Pcm) -> Option<(u64, u64, bool, bool)> {
        let Ok(Datagram::Voice(voice)) = Datagram::decode(uplink.push(brick)?) else {
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
    fn the_meter_rises_at_once_and_falls_by_twenty_decibels_a_second() {
        let mut uplink = uplink(false);
        uplink.push(&buzz(0));
        let loud = uplink.level().dbfs();
        for _ in 0..50 {
            uplink.push(&Pcm::SILENCE);
        }
        assert!((loud - 20.0 - uplink.level().dbfs()).abs() < 0.1);
    }

    #[test]
    fn a_dead_and_a_clipping_microphone_are_told_apart_from_a_quiet_one() {
        let mut uplink = uplink(false);
        let mut quiet = Pcm::SILENCE;
        quiet.samples_mut()[5] = 1e-4;
        for _ in 0..400 {
            uplink.push(&quiet);
        }
        assert_eq!(uplink.microphone(), Microphone::default());
        for _ in 0..250 {
            uplink.push(&Pcm::SILENCE);
        }
        assert!(uplink.microphone().dead);
        let mut clipped = Pcm::SILENCE;
        clipped.samples_mut()[..40].fill(1.0);
        uplink.push(&clipped);
        assert!(uplink.microphone().clipping && !uplink.microphone().dead);
        uplink.set_muted(true);
        assert!(!uplink.microphone().clipping);
        uplink.set_muted(false);
        for _ in 0..100 {
            uplink.push(&quiet);
        }
        assert_eq!(uplink.microphone(), Microphone::default());
    }

    #[test]
    fn bricks_that_are_no_numbers_do_no_harm() {
        let mut uplink = uplink(false);
        let mut bad = Pcm::SILENCE;
        bad.samples_mut().fill(f32::NAN);
        for n in 0..50 {
            uplink.push(&buzz(n));
            uplink.push(&bad);
        }
        assert!(uplink.level().dbfs().is_finite());
        assert!((0..50).any(|n| uplink.push(&buzz(n)).is_some()));
    }
}
