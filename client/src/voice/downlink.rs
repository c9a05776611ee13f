//! From the bridge's datagrams to the loudspeaker's bricks.

use giaoban_proto::media::codec::{CLIENT_COMPLEXITY, CodecError};
use giaoban_proto::media::comfort::Comfort;
use giaoban_proto::media::ladder::Role;
use giaoban_proto::media::{Inlet, InletCounters, Pcm, Pulled};
use giaoban_proto::unit::BRICK_SAMPLES;
use giaoban_proto::wire::{Ask, Datagram, Report};
use std::time::{Duration, Instant};

/// Any will do; a fixed one lets a run be repeated.
const COMFORT_SEED: u64 = 1;

/// What a datagram was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Heard {
    /// Somebody's speech; it is in the Inlet.
    Voice,
    /// What the bridge receives from here.
    Report(Report),
    /// What the bridge has lost of what was said here.
    Ask(Ask),
    /// Nothing that can be read; counted.
    Bad,
}

/// Totals over all lines since the client began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DownlinkCounters {
    /// What the Inlets counted.
    pub inlet: InletCounters,
    /// Datagrams that could not be read.
    pub bad_datagrams: u64,
}

/// Turns datagrams into bricks. One for as long as the client runs; [`Downlink::begin_line`] for each new line.
#[derive(Debug)]
pub struct Downlink {
    complexity: i32,
    inlet: Inlet,
    /// The last line's Inlet, until one brick has faded from it to the new one's.
    leaving: Option<Inlet>,
    before: InletCounters,
    comfort: Comfort,
    bad_datagrams: u64,
}

impl Downlink {
    /// One that has heard nothing yet.
    ///
    /// # Errors
    /// [`CodecError`] when there is no decoder to be had.
    pub fn new() -> Result<Self, CodecError> {
        Ok(Self {
            complexity: CLIENT_COMPLEXITY,
            inlet: Inlet::new(CLIENT_COMPLEXITY)?,
            leaving: None,
            before: InletCounters::default(),
            comfort: Comfort::new(COMFORT_SEED),
            bad_datagrams: 0,
        })
    }

    /// The bridge numbers its packets anew on each line, so a new line has a new Inlet.
    ///
    /// # Errors
    /// [`CodecError`] when there is no decoder to be had; all is as before.
    pub fn begin_line(&mut self) -> Result<(), CodecError> {
        let old = std::mem::replace(&mut self.inlet, Inlet::new(self.complexity)?);
        self.inlet.set_role(old.role());
        self.before = self.before + old.counters();
        self.leaving = Some(old);
        Ok(())
    }

    /// Goes on with a decoder of this complexity, in new lines too.
    ///
    /// # Errors
    /// [`CodecError`] for one that libopus does not have; all is as before.
    pub fn set_complexity(&mut self, complexity: i32) -> Result<(), CodecError> {
        self.inlet.set_complexity(complexity)?;
        self.complexity = complexity;
        Ok(())
    }

    /// Takes a datagram that arrived at `now`.
    pub fn handle_datagram(&mut self, now: Instant, bytes: &[u8]) -> Heard {
        match Datagram::decode(bytes) {
            Ok(Datagram::Voice(voice)) => {
                self.inlet.insert(now, &voice);
                Heard::Voice
            }
            Ok(Datagram::Report(report)) => {
                self.inlet.handle_report(now, &report);
                Heard::Report(report)
            }
            Ok(Datagram::Ask(ask)) => Heard::Ask(ask),
            Err(_) => {
                self.bad_datagrams += 1;
                Heard::Bad
            }
        }
    }

    /// Fills `out` with the 20 ms that are due at `now`.
    pub fn pull(&mut self, now: Instant, out: &mut Pcm) -> Pulled {
        let pulled = self.inlet.pull(now, out);
        // In a hole the room goes on, quietly: dead silence inside a word sounds like a line that broke.
        match pulled {
            Pulled::Voice => {
                self.comfort.learn(out);
                self.comfort.leave(out);
            }
            Pulled::Concealed => self.comfort.cover(out),
            Pulled::Silence if self.inlet.is_hole(now) => self.comfort.cover(out),
            Pulled::Silence => self.comfort.leave(out),
        }
        let Some(mut old) = self.leaving.take() else { return pulled };
        let mut last = Pcm::SILENCE;
        let of_old = old.pull(now, &mut last);
        for (n, (new, old)) in out.samples_mut().iter_mut().zip(last.samples()).enumerate() {
            let share = (n as f32 + 0.5) / BRICK_SAMPLES as f32;
            *new = *new * share + *old * (1.0 - share);
        }
        if pulled == Pulled::Silence { of_old } else { pulled }
    }

    /// What this end does with what it hears, and the round trip.
    pub fn set_role(&mut self, role: Role, round_trip: Option<Duration>) {
        self.inlet.set_role(role);
        self.inlet.set_round_trip(round_trip);
    }

    /// What this end does with what it hears.
    #[must_use]
    pub fn role(&self) -> Role {
        self.inlet.role()
    }

    /// What stands in a queue on the way from the bridge.
    #[must_use]
    pub fn queue(&self) -> Duration {
        self.inlet.queue()
    }

    /// The request for lost packets that is due at `now`.
    pub fn poll_ask(&mut self, now: Instant) -> Option<Ask> {
        self.inlet.poll_ask(now)
    }

    /// What a report says of this line.
    #[must_use]
    pub fn report(&self, now: Instant) -> Report {
        self.inlet.report(now)
    }

    /// Totals over all lines.
    #[must_use]
    pub fn counters(&self) -> DownlinkCounters {
        DownlinkCounters { inlet: self.before + self.inlet.counters(), bad_datagrams: self.bad_datagrams }
    }

    /// The wait beyond the fastest packet that is aimed at.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.inlet.delay()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{buzz, start};
    use super::super::uplink::Uplink;
    use super::*;
    use giaoban_proto::unit::Bitrate;
    use proptest::prelude::*;

    const BRICK: Duration = Duration::from_millis(20);

    /// Sends `bricks` of buzz through a perfect line into `downlink`; returns what was pulled.
    fn run(
        downlink: &mut Downlink,
        uplink: &mut Uplink,
        now: &mut Instant,
        bricks: u64,
    ) -> Vec<(Pulled, Pcm)> {
        let mut heard = Vec::new();
        for n in 0..bricks {
            *now += BRICK;
            if let Some(datagram) = uplink.push(*now, &buzz(n)) {
                let datagram = datagram.to_vec();
                assert_eq!(downlink.handle_datagram(*now, &datagram), Heard::Voice);
            }
            let mut out = Pcm::SILENCE;
            let pulled = downlink.pull(*now + Duration::from_millis(7), &mut out);
            heard.push((pulled, out));
        }
        heard
    }

    fn uplink() -> Uplink {
        Uplink::new(start(), Bitrate::from_kbps(60), false).expect("libopus")
    }

    #[test]
    fn a_lesser_decoder_goes_on_where_the_better_one_was() {
        let (mut downlink, mut uplink, mut now) = (Downlink::new().expect("libopus"), uplink(), start());
        run(&mut downlink, &mut uplink, &mut now, 50);
        for complexity in [5, 0] {
            downlink.set_complexity(complexity).expect("libopus has it");
            let heard = run(&mut downlink, &mut uplink, &mut now, 50);
            assert!(heard.iter().all(|(pulled, _)| *pulled == Pulled::Voice), "{complexity}");
            assert!(heard.iter().all(|(_, brick)| brick.level().dbfs() > -30.0), "{complexity}");
        }
        assert!(downlink.set_complexity(11).is_err());
    }

    #[test]
    fn what_goes_into_an_uplink_comes_out_of_a_downlink() {
        let (mut downlink, mut now) = (Downlink::new().expect("libopus"), start());
        let heard = run(&mut downlink, &mut uplink(), &mut now, 100);
        assert!(heard[2..].iter().all(|(pulled, _)| *pulled == Pulled::Voice));
        assert!(heard[20..].iter().all(|(_, brick)| brick.level().dbfs() > -30.0));
        let counters = downlink.counters();
        assert_eq!((counters.inlet.received, counters.inlet.lost, counters.bad_datagrams), (100, 0, 0));
    }

    #[test]
    fn a_new_line_keeps_the_totals_and_the_sound_does_not_jump() {
        let (mut downlink, mut now) = (Downlink::new().expect("libopus"), start());
        let before = run(&mut downlink, &mut uplink(), &mut now, 100);
        downlink.begin_line().expect("libopus");
        assert_eq!(downlink.report(now).received, 0);
        // The new line numbers from zero again and is heard as if nothing had been.
        let after = run(&mut downlink, &mut uplink(), &mut now, 100);
        assert!(after[3..].iter().all(|(pulled, _)| *pulled == Pulled::Voice));
        let counters = downlink.counters().inlet;
        assert_eq!((counters.received, counters.lost, counters.resyncs), (200, 0, 0));
        // No step at the seam that the sound itself does not have.
        let steepest = |sound: &[f32]| sound.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        let samples = |bricks: &[(Pulled, Pcm)]| -> Vec<f32> {
            bricks.iter().flat_map(|(_, brick)| *brick.samples()).collect()
        };
        let usual = steepest(&samples(&before[20..]));
        let seam = steepest(&samples(&[&before[98..], &after[..6]].concat()));
        assert!(seam <= usual * 1.2, "{seam} against {usual}");
    }

    #[test]
    fn an_old_lines_sound_fades_within_one_brick() {
        let (mut downlink, mut now) = (Downlink::new().expect("libopus"), start());
        run(&mut downlink, &mut uplink(), &mut now, 50);
        downlink.begin_line().expect("libopus");
        let mut out = Pcm::SILENCE;
        downlink.pull(now, &mut out);
        assert!(out.samples()[BRICK_SAMPLES - 1].abs() < 1e-3);
        assert_eq!(downlink.pull(now + BRICK, &mut out), Pulled::Silence);
        assert_eq!(out, Pcm::SILENCE);
    }

    proptest! {
        #[test]
        fn any_datagram_is_taken_or_counted(datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..60)) {
            let (mut downlink, mut now) = (Downlink::new().expect("libopus"), start());
            let mut out = Pcm::SILENCE;
            let mut bad = 0;
            for datagram in &datagrams {
                now += BRICK;
                bad += u64::from(downlink.handle_datagram(now, datagram) == Heard::Bad);
                downlink.pull(now, &mut out);
                prop_assert!(out.samples().iter().all(|s| s.is_finite()));
            }
            prop_assert_eq!(downlink.counters().bad_datagrams, bad);
        }
    }
}
