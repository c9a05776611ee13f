//! What is heard in a room when its recording begins, pauses or ends: short tones, made here. Pure.

use giaoban_proto::media::tune::Tune;

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

/// −20 dBFS: as loud as speech that is not loud.
const PEAK: f32 = 0.14;

impl Cue {
    /// As it is heard. Its notes have 200 ms: long enough to be heard through a packet that is lost.
    #[must_use]
    pub const fn tune(self) -> Tune {
        let notes: &[(u32, u32)] = match self {
            Self::Begins => &[(660, 200), (880, 200)],
            Self::Pauses => &[(660, 200)],
            Self::Ends => &[(880, 200), (660, 200)],
            Self::Failed => &[(440, 200), (440, 200), (440, 200)],
        };
        Tune::new(notes, PEAK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::media::Pcm;

    #[test]
    fn a_cue_is_short_soft_and_has_an_end() {
        for (cue, bricks) in [(Cue::Begins, 20), (Cue::Pauses, 10), (Cue::Ends, 20), (Cue::Failed, 30)] {
            let (mut tune, mut brick, mut last) = (cue.tune(), Pcm::SILENCE, 0.0f32);
            for _ in 0..bricks {
                assert!(tune.write(&mut brick));
                for &sample in brick.samples() {
                    assert!((sample - last).abs() < 0.03, "{cue:?} clicks");
                    last = sample;
                }
            }
            assert!(last.abs() < 0.01 && !tune.write(&mut brick));
        }
    }
}
