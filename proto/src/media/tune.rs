//! Short tunes that tell something by ear: a few notes that swell and fade over 10 ms, so that none clicks.

use super::Pcm;
use crate::unit::SAMPLE_RATE;
use std::f32::consts::TAU;

/// Over how many samples a note swells and fades: 10 ms. Less clicks, more blurs the shortest note.
pub const RAMP: u32 = SAMPLE_RATE / 100;

/// One that is being played, sample by sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Tune {
    notes: &'static [(u32, u32)],
    peak: f32,
    /// Which note, and how many samples of it were played.
    note: usize,
    played: u32,
}

impl Tune {
    /// These notes, each a pitch in Hz (0 for a rest) and a length in ms, as loud as `peak` of full scale.
    #[must_use]
    pub const fn new(notes: &'static [(u32, u32)], peak: f32) -> Self {
        Self { notes, peak, note: 0, played: 0 }
    }

    /// Writes its next brick, silence after its end; whether there was any of it.
    pub fn write(&mut self, brick: &mut Pcm) -> bool {
        let any = self.note < self.notes.len();
        brick.samples_mut().fill_with(|| self.next().unwrap_or(0.0));
        any
    }
}

impl Iterator for Tune {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        let &(pitch, millis) = self.notes.get(self.note)?;
        let length = millis * (SAMPLE_RATE / 1000);
        let at = self.played;
        self.played += 1;
        if self.played == length {
            (self.note, self.played) = (self.note + 1, 0);
        }
        let ramp = at.min(length - 1 - at).min(RAMP) as f32 / RAMP as f32;
        // Both factors are below 1 by construction, whole periods are left out for precision.
        let phase = (at * pitch % SAMPLE_RATE) as f32 / SAMPLE_RATE as f32;
        Some(self.peak * ramp * ramp * (3.0 - 2.0 * ramp) * (TAU * phase).sin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_long_and_as_loud_as_it_should_be_and_ends_in_silence() {
        let sound: Vec<f32> = Tune::new(&[(660, 30), (0, 20), (880, 30)], 0.5).collect();
        assert_eq!(sound.len(), 80 * 48);
        let peak = |part: &[f32]| part.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert!((0.45..=0.5).contains(&peak(&sound[..30 * 48])));
        assert_eq!(peak(&sound[30 * 48..50 * 48]), 0.0);
        let (mut tune, mut brick) = (Tune::new(&[(440, 30)], 0.5), Pcm::SILENCE);
        assert!(tune.write(&mut brick) && tune.write(&mut brick));
        assert!(brick.samples()[..480].iter().any(|sample| *sample != 0.0));
        assert!(brick.samples()[480..].iter().all(|sample| *sample == 0.0));
        assert!(!tune.write(&mut brick));
    }
}
