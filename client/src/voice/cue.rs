//! Short tones that tell a site by ear what it is not looking at. Pure.
//!
//! Each is a few notes, well below speech, so that none hurts.

use giaoban_proto::media::Pcm;
use giaoban_proto::media::tune::Tune;
use std::collections::VecDeque;

/// Peak of a note: −18 dBFS, some 6 dB below the loudest of speech. More startles, less is lost in an office.
const PEAK: f32 = 0.126;

/// Cues that may wait for their turn. More would talk of what is long past.
const WAITING: usize = 4;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// This site has the floor: two notes up.
    Yours,
    /// It has it no more: two notes down.
    Gone,
    /// Its turn ends in ten seconds: two short, high ones.
    Ending,
    /// The roll is called: three of one pitch.
    Roll,
}

impl Cue {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Yours, Self::Gone, Self::Ending, Self::Roll];

    /// Its notes: pitch in Hz, 0 for a rest, and length in ms.
    const fn notes(self) -> &'static [(u32, u32)] {
        match self {
            Self::Yours => &[(660, 120), (880, 180)],
            Self::Gone => &[(660, 120), (440, 180)],
            Self::Ending => &[(990, 60), (0, 60), (990, 60)],
            Self::Roll => &[(770, 120), (0, 80), (770, 120), (0, 80), (770, 120)],
        }
    }
}

/// Plays cues into sound that goes to the loudspeaker, one after another.
#[derive(Debug, Default)]
pub struct Cues {
    waiting: VecDeque<Cue>,
    /// The first of them, once it is heard.
    playing: Option<Tune>,
}

impl Cues {
    /// Plays this one as soon as those before it are over. One that waits already is not played twice.
    pub fn push(&mut self, cue: Cue) {
        if self.waiting.len() < WAITING && !self.waiting.iter().skip(1).any(|waiting| *waiting == cue) {
            self.waiting.push_back(cue);
        }
    }

    /// Adds what is due to this brick; what would be too loud is cut.
    pub fn mix(&mut self, brick: &mut Pcm) {
        if self.waiting.is_empty() {
            return;
        }
        for sample in brick.samples_mut() {
            let Some(tone) = self.next() else { return };
            *sample = (*sample + tone).clamp(-1.0, 1.0);
        }
    }

    fn next(&mut self) -> Option<f32> {
        loop {
            if let Some(sample) = self.playing.as_mut().and_then(Tune::next) {
                return Some(sample);
            }
            if self.playing.take().is_some() {
                self.waiting.pop_front();
            }
            self.playing = Some(Tune::new(self.waiting.front()?.notes(), PEAK));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::media::tune::RAMP;
    use giaoban_proto::unit::SAMPLE_RATE as RATE;
    use std::f32::consts::TAU;

    fn played(cues: &mut Cues) -> Vec<f32> {
        let mut sound = Vec::new();
        while !cues.waiting.is_empty() {
            let mut brick = Pcm::SILENCE;
            cues.mix(&mut brick);
            sound.extend_from_slice(brick.samples());
        }
        sound
    }

    fn of(cue: Cue) -> Vec<f32> {
        let mut cues = Cues::default();
        cues.push(cue);
        played(&mut cues)
    }

    #[test]
    fn each_is_short_is_no_louder_than_it_should_be_and_does_not_click() {
        for cue in Cue::ALL {
            let sound = of(cue);
            let millis: u32 = cue.notes().iter().map(|(_, millis)| millis).sum();
            let end = sound.iter().rposition(|sample| *sample != 0.0).unwrap_or_default();
            let expected = (millis * 48) as usize;
            assert!((expected - 48..=expected).contains(&end), "{cue:?}: {end} of {expected}");
            assert!(millis <= 600, "{cue:?}");
            let peak = sound.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
            assert!((0.9 * PEAK..=PEAK).contains(&peak), "{cue:?}: {peak}");
            // No sample is further from the one before than the steepest tone at full swing is.
            let pitch = cue.notes().iter().map(|(pitch, _)| *pitch).max().unwrap_or_default();
            let steepest = PEAK * (TAU * pitch as f32 / RATE as f32 + 2.0 / RAMP as f32);
            let step = sound.windows(2).map(|two| (two[1] - two[0]).abs()).fold(0.0f32, f32::max);
            assert!(step <= steepest && sound[0] == 0.0, "{cue:?}: {step} over {steepest}");
        }
    }

    #[test]
    fn they_can_be_told_apart() {
        for (n, one) in Cue::ALL.into_iter().enumerate() {
            assert!(Cue::ALL[n + 1..].iter().all(|other| one.notes() != other.notes()), "{one:?}");
        }
    }

    #[test]
    fn they_wait_for_each_other_and_a_flood_of_them_does_not_last() {
        let mut cues = Cues::default();
        cues.push(Cue::Gone);
        cues.push(Cue::Yours);
        let alone = of(Cue::Gone).len() + of(Cue::Yours).len();
        assert!(played(&mut cues).len() <= alone);
        for _ in 0..100 {
            Cue::ALL.into_iter().for_each(|cue| cues.push(cue));
        }
        assert!(played(&mut cues).len() < 3 * RATE as usize);
        let mut brick = Pcm::SILENCE;
        cues.mix(&mut brick);
        assert!(brick.samples().iter().all(|sample| *sample == 0.0), "then it is quiet");
    }

    #[test]
    fn speech_goes_on_under_them_and_nothing_is_louder_than_full_scale() {
        let mut cues = Cues::default();
        cues.push(Cue::Roll);
        let mut brick = Pcm::SILENCE;
        brick.samples_mut().fill(0.99);
        cues.mix(&mut brick);
        assert!(brick.samples().iter().all(|sample| (0.8..=1.0).contains(sample)));
    }
}
