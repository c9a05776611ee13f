//! Made sound: the same samples for the same seed, mono, 48 kHz, −1.0 … 1.0.
//!
//! For what must be known to the sample. Where the sound of speech matters, as for a codec's quality, take
//! [`speech`](super::speech) instead: what is made here has the rhythm, the pauses and roughly the spectrum of
//! a voice, and says nothing.

use std::f64::consts::TAU;
use std::time::Duration;

use super::rng::Rng;
use crate::unit::{Level, SAMPLE_RATE};

const RATE: f64 = SAMPLE_RATE as f64;

/// How many samples this time has at 48 kHz, rounded down.
#[must_use]
pub fn samples(length: Duration) -> usize {
    (length.as_nanos() * u128::from(SAMPLE_RATE) / 1_000_000_000) as usize
}

/// A tone of this frequency in Hz, its root mean square at `level`, starting at phase 0.
#[must_use]
pub fn sine(hz: f64, level: Level, length: Duration) -> Vec<f32> {
    let peak = amplitude(level) * 2f64.sqrt();
    (0..samples(length)).map(|n| (peak * (TAU * hz * n as f64 / RATE).sin()) as f32).collect()
}

/// A tone whose frequency rises evenly from one to the other, in Hz: a sharp peak when aligned, and heard
/// through any codec.
#[must_use]
pub fn chirp(from_hz: f64, to_hz: f64, level: Level, length: Duration) -> Vec<f32> {
    let peak = amplitude(level) * 2f64.sqrt();
    let seconds = length.as_secs_f64().max(1.0 / RATE);
    let sweep = (to_hz - from_hz) / seconds;
    (0..samples(length))
        .map(|n| {
            let t = n as f64 / RATE;
            (peak * (TAU * (from_hz * t + sweep * t * t / 2.0)).sin()) as f32
        })
        .collect()
}

/// Silence with a click in it: half a wave of 2 kHz, `at` after the start, its peak at `level`.
#[must_use]
pub fn click(at: Duration, level: Level, length: Duration) -> Vec<f32> {
    let mut signal = vec![0.0; samples(length)];
    let half = RATE as usize / 4000;
    for (n, sample) in signal.iter_mut().skip(samples(at)).take(half).enumerate() {
        *sample = (amplitude(level) * (TAU * 2000.0 * n as f64 / RATE).sin()) as f32;
    }
    signal
}

/// White noise, its root mean square at `level`.
#[must_use]
pub fn noise(seed: u64, level: Level, length: Duration) -> Vec<f32> {
    let mut rng = Rng::of(seed, 40);
    let scale = amplitude(level);
    (0..samples(length)).map(|_| (scale * rng.bell()).clamp(-1.0, 1.0) as f32).collect()
}

/// A voice that says nothing: syllables of three formants over a wandering pitch or over noise, in words, with
/// pauses between words and longer ones between sentences. Talks about two thirds of the time.
///
/// `level` is that of the whole, pauses included; peaks lie some 16 dB above it, so keep it below −17 dBFS.
/// Another seed is another voice.
#[must_use]
pub fn babble(seed: u64, level: Level, length: Duration) -> Vec<f32> {
    let wanted = samples(length);
    let mut rng = Rng::of(seed, 41);
    let pitch = rng.between(90.0, 220.0);
    let mut signal = Vec::with_capacity(wanted);
    while signal.len() < wanted {
        for _ in 0..1 + (rng.unit() * 4.0) as usize {
            syllable(&mut rng, pitch, &mut signal);
        }
        let pause = if rng.chance(0.2) { rng.between(0.4, 0.9) } else { rng.between(0.05, 0.2) };
        signal.resize(signal.len() + (pause * RATE) as usize, 0.0);
    }
    signal.truncate(wanted);
    let power = signal.iter().map(|s| s * s).sum::<f64>() / wanted.max(1) as f64;
    let scale = amplitude(level) / power.sqrt().max(1e-12);
    signal.iter().map(|s| (s * scale).clamp(-1.0, 1.0) as f32).collect()
}

/// One syllable: an excitation through three resonances, with a soft start and end.
fn syllable(rng: &mut Rng, pitch: f64, signal: &mut Vec<f64>) {
    let length = (rng.between(0.10, 0.28) * RATE) as usize;
    let hissed = rng.chance(0.15);
    let (start, end) = (pitch * rng.between(0.85, 1.2), pitch * rng.between(0.8, 1.1));
    let loudness = rng.between(0.4, 1.0);
    let formants = if hissed {
        [(2500.0, 800.0), (4200.0, 1200.0), (6500.0, 2000.0)]
    } else {
        [
            (rng.between(280.0, 850.0), 90.0),
            (rng.between(850.0, 2400.0), 120.0),
            (rng.between(2400.0, 3300.0), 180.0),
        ]
    };
    let mut resonances = formants.map(|(hz, width)| Resonance::new(hz, width));
    let mut phase = 0.0;
    let begin = signal.len();
    for n in 0..length {
        let along = n as f64 / length as f64;
        phase += (start + (end - start) * along) / RATE;
        let mut excitation = rng.bell() * if hissed { 0.3 } else { 0.02 };
        if phase >= 1.0 {
            phase -= 1.0;
            excitation += if hissed { 0.0 } else { 6.0 };
        }
        let envelope = (std::f64::consts::PI * along).sin().sqrt();
        let voice: f64 = resonances.iter_mut().map(|resonance| resonance.step(excitation)).sum();
        signal.push(voice * envelope);
    }
    // To the loudness drawn, whatever the resonances made of the pitch; peaks bend at three times that.
    let spoken = &mut signal[begin..];
    let rms = (spoken.iter().map(|s| s * s).sum::<f64>() / length.max(1) as f64).sqrt().max(1e-12);
    spoken.iter_mut().for_each(|s| *s = 3.0 * (*s / rms / 3.0).tanh() * loudness);
}

/// A two-pole resonance with unity gain at its peak, near enough.
struct Resonance {
    gain: f64,
    feedback: [f64; 2],
    past: [f64; 2],
}

impl Resonance {
    fn new(hz: f64, width: f64) -> Self {
        let radius = (-std::f64::consts::PI * width / RATE).exp();
        let feedback = [2.0 * radius * (TAU * hz / RATE).cos(), -radius * radius];
        Self { gain: (1.0 - radius * radius) * (TAU * hz / RATE).sin(), feedback, past: [0.0; 2] }
    }

    fn step(&mut self, input: f64) -> f64 {
        let out = self.gain * input + self.feedback[0] * self.past[0] + self.feedback[1] * self.past[1];
        self.past = [out, self.past[0]];
        out
    }
}

/// The root mean square of a level; nothing for silence.
fn amplitude(level: Level) -> f64 {
    if level == Level::SILENCE { 0.0 } else { 10f64.powf(f64::from(level.dbfs()) / 20.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: Level = Level::from_dbfs(-20.0);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn every_signal_has_the_length_and_the_level_asked_for() {
        for signal in [
            sine(440.0, LEVEL, SECOND),
            chirp(200.0, 3000.0, LEVEL, SECOND),
            noise(1, LEVEL, SECOND),
            babble(1, LEVEL, SECOND),
        ] {
            assert_eq!(signal.len(), 48_000);
            assert!((Level::of(&signal).dbfs() + 20.0).abs() < 0.2, "{:?}", Level::of(&signal));
        }
        assert_eq!(Level::of(&sine(440.0, Level::SILENCE, SECOND)), Level::SILENCE);
        assert!(babble(1, LEVEL, Duration::ZERO).is_empty());
    }

    #[test]
    fn babble_follows_its_seed_pauses_and_does_not_clip() {
        let voice = babble(1, LEVEL, SECOND * 30);
        assert_eq!(voice, babble(1, LEVEL, SECOND * 30));
        assert_ne!(voice, babble(2, LEVEL, SECOND * 30));
        let spoken =
            voice.chunks(960).filter(|brick| Level::of(brick).dbfs() > -45.0).count() as f64 / 1500.0;
        assert!((0.5..0.85).contains(&spoken), "{spoken}");
        let peak = voice.iter().fold(0f32, |peak, s| peak.max(s.abs()));
        assert!(peak < 0.7, "{peak}");
    }

    #[test]
    fn a_click_is_where_it_was_put() {
        let signal = click(SECOND / 2, LEVEL, SECOND);
        let first = signal.iter().position(|s| *s != 0.0);
        assert_eq!(first, Some(24_001));
        assert_eq!(signal.iter().rposition(|s| *s != 0.0).map(|last| last < 24_012), Some(true));
    }
}
