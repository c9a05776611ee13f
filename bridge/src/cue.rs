//! What is heard in a room when its recording begins, pauses or ends: short tones, made here. Pure.

use giaoban_proto::media::Pcm;
use giaoban_proto::unit::{BRICK_SAMPLES, SAMPLE_RATE};

/// What there is to hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// Recording begins or goes on: two tones, upwards.
    Begins,
    /// It pauses: one tone.
    Pauses,
    /// It has ended: two tones, downwards.
    Ends,
    /// It has ended by itself: three low ones.
    Failed,
}

/// Bricks of one tone, 200 ms: long enough to be heard through a packet that is lost.
const TONE: u32 = 10;

/// −20 dBFS: as loud as speech that is not loud.
const AMPLITUDE: f32 = 0.14;

/// Samples over which a tone comes and goes, 5 ms: shorter clicks.
const EDGE: usize = 240;

impl Cue {
    const fn tones(self) -> &'static [f32] {
        match self {
            Self::Begins => &[660.0, 880.0],
            Self::Pauses => &[660.0],
            Self::Ends => &[880.0, 660.0],
            Self::Failed => &[440.0, 440.0, 440.0],
        }
    }

    /// Writes brick number `n` of it; whether there was one.
    pub fn write(self, n: u32, brick: &mut Pcm) -> bool {
        let Some(&hertz) = self.tones().get((n / TONE) as usize) else { return false };
        let (first, length) = ((n % TONE) as usize * BRICK_SAMPLES, TONE as usize * BRICK_SAMPLES);
        let step = std::f32::consts::TAU * hertz / SAMPLE_RATE as f32;
        for (sample, at) in brick.samples_mut().iter_mut().zip(first..) {
            let edge = at.min(length - at).min(EDGE) as f32 / EDGE as f32;
            *sample = AMPLITUDE * edge * (step * at as f32).sin();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cue_is_short_soft_and_has_an_end() {
        for (cue, bricks) in [(Cue::Begins, 20), (Cue::Pauses, 10), (Cue::Ends, 20), (Cue::Failed, 30)] {
            let (mut brick, mut last) = (Pcm::SILENCE, 0.0f32);
            for n in 0..bricks {
                assert!(cue.write(n, &mut brick));
                for &sample in brick.samples() {
                    assert!((sample - last).abs() < 0.03, "{cue:?} clicks");
                    last = sample;
                }
            }
            assert!(last.abs() < 0.01 && !cue.write(bricks, &mut brick));
        }
    }
}
