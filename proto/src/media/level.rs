//! The silence decision: whether a brick is worth a packet.
//!
//! Silence costs nothing on these links because nothing is sent, so this gate decides most of what a site costs.
//! It compares each brick with the quietest that the room has lately been. Opus' own decision (DTX) does not serve:
//! at the complexities used it takes steady noise for speech.

use super::Pcm;

/// How far above the room's noise a brick must be to count as speech, in dB. Lower lets a fan through, higher
/// swallows soft endings.
const ABOVE_NOISE_DB: f32 = 8.0;

/// What is below this is silence whatever the room, in dBFS: no microphone's noise of an office is quieter.
const ALWAYS_SILENT_DBFS: f32 = -62.0;

/// Bricks for which the gate stays open after the last loud one: 300 ms, the length of a stop before a word's end.
/// Less cuts between words, more sends silence.
const HANGOVER_BRICKS: u8 = 15;

/// How fast the noise estimate rises, in dB a brick, while nobody speaks (2.5 dB/s) and while somebody seems to
/// (0.75 dB/s: a fan that was switched on must end as noise, a long sentence must not).
const RISE_SILENT_DB: f32 = 0.05;
const RISE_SPEAKING_DB: f32 = 0.015;

/// Decides for each brick in turn. One for each microphone.
#[derive(Clone, Debug)]
pub struct Gate {
    noise_dbfs: f32,
    open_for: u8,
}

impl Default for Gate {
    fn default() -> Self {
        Self { noise_dbfs: ALWAYS_SILENT_DBFS, open_for: 0 }
    }
}

impl Gate {
    /// Whether this brick belongs to somebody speaking.
    pub fn is_speech(&mut self, brick: &Pcm) -> bool {
        let level = brick.level().dbfs();
        let loud = level > ALWAYS_SILENT_DBFS && level > self.noise_dbfs + ABOVE_NOISE_DB;
        let rise = if loud { RISE_SPEAKING_DB } else { RISE_SILENT_DB };
        self.noise_dbfs = level.clamp(-90.0, self.noise_dbfs + rise);
        self.open_for = if loud { HANGOVER_BRICKS } else { self.open_for.saturating_sub(1) };
        self.open_for > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(amplitude: f32, seed: &mut u32) -> Pcm {
        let mut brick = Pcm::SILENCE;
        for sample in brick.samples_mut() {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = amplitude * ((*seed >> 8) as f32 / (1 << 23) as f32 - 1.0);
        }
        brick
    }

    #[test]
    fn a_steady_fan_becomes_silence_and_a_voice_above_it_is_heard() {
        let (mut gate, mut seed) = (Gate::default(), 1);
        for _ in 0..50 * 40 {
            gate.is_speech(&noise(0.01, &mut seed));
        }
        assert!(!gate.is_speech(&noise(0.01, &mut seed)));
        assert!(gate.is_speech(&noise(0.06, &mut seed)));
    }

    #[test]
    fn the_gate_stays_open_between_words_and_closes_after() {
        let (mut gate, mut seed) = (Gate::default(), 1);
        assert!(gate.is_speech(&noise(0.1, &mut seed)));
        assert!((0..14).all(|_| gate.is_speech(&Pcm::SILENCE)));
        assert!(!gate.is_speech(&Pcm::SILENCE));
    }

    #[test]
    fn a_minute_of_speech_with_pauses_never_sinks_into_the_noise() {
        let (mut gate, mut seed) = (Gate::default(), 1);
        let (mut heard, mut spoken) = (0, 0);
        for brick in 0..50 * 60 {
            // Two seconds of voice, half a second of room.
            let voice = brick % 125 < 100;
            let open = gate.is_speech(&noise(if voice { 0.05 } else { 0.001 }, &mut seed));
            spoken += u32::from(voice);
            heard += u32::from(voice && open);
        }
        assert_eq!(heard, spoken);
    }

    #[test]
    fn digital_silence_is_never_speech() {
        let mut gate = Gate::default();
        assert!((0..5000).all(|_| !gate.is_speech(&Pcm::SILENCE)));
    }
}
