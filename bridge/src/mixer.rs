//! Sum, mix-minus, limiter. Knows no members, only bricks.
//!
//! Everything is f32 and summed once; a talker's own share is taken out of the sum before the limiter, so that what
//! is left holds nothing of it: whoever limits or truncates first subtracts something else than was added.

use giaoban_proto::media::Pcm;

/// Where the limiter holds the peaks: −0.5 dBFS. Nearer to full scale and Opus' own overshoot would clip.
const CEILING: f32 = 0.944;

/// Samples over which the gain goes down: 2 ms, short enough that what exceeds meanwhile is only bent, long enough
/// not to click.
const ATTACK: usize = 96;

/// What the gain may rise in one brick: 1 dB, 50 dB a second. Faster pumps, slower keeps everyone quiet after a cough.
const RELEASE: f32 = 1.122;

/// The sum of one brick's voices.
#[derive(Debug, Default)]
pub struct Mix {
    sum: Pcm,
    voices: usize,
}

impl Mix {
    /// Begins the next brick.
    pub fn clear(&mut self) {
        if self.voices > 0 {
            self.sum.samples_mut().fill(0.0);
            self.voices = 0;
        }
    }

    /// Adds one voice.
    pub fn add(&mut self, voice: &Pcm) {
        for (sum, sample) in self.sum.samples_mut().iter_mut().zip(voice.samples()) {
            *sum += sample;
        }
        self.voices += 1;
    }

    /// How many voices were added.
    #[must_use]
    pub fn voices(&self) -> usize {
        self.voices
    }

    /// All of them, not limited.
    #[must_use]
    pub fn all(&self) -> &Pcm {
        &self.sum
    }

    /// All but `own`, which was added just so; not limited.
    pub fn minus(&self, own: &Pcm, out: &mut Pcm) {
        for ((out, sum), own) in out.samples_mut().iter_mut().zip(self.sum.samples()).zip(own.samples()) {
            *out = sum - own;
        }
    }
}

/// Keeps one stream of bricks below full scale, smoothly: never wraps, never truncates.
///
/// What needs no limiting passes unchanged to the bit.
#[derive(Clone, Debug)]
pub struct Limiter {
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self { gain: 1.0 }
    }
}

impl Limiter {
    /// Limits `brick` in place.
    pub fn process(&mut self, brick: &mut Pcm) {
        let peak = brick.samples().iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        let wanted = if peak > CEILING { CEILING / peak } else { 1.0 };
        let before = self.gain;
        self.gain = wanted.min(before * RELEASE);
        if before == 1.0 && self.gain == 1.0 {
            return;
        }
        let down = self.gain < before;
        let ramp = if down { ATTACK } else { brick.samples().len() };
        for (n, sample) in brick.samples_mut().iter_mut().enumerate() {
            let share = ((n + 1) as f32 / ramp as f32).min(1.0);
            *sample = bend(*sample * (before + (self.gain - before) * share));
        }
    }
}

/// Leaves what is below the ceiling alone and bends what is above it towards, never beyond, full scale.
fn bend(sample: f32) -> f32 {
    let over = sample.abs() - CEILING;
    if over <= 0.0 {
        return sample;
    }
    let room = 1.0 - CEILING;
    (CEILING + room * over / (over + room)).copysign(sample)
}

/// Fades a brick in or out, for a voice that enters or leaves the mix in the middle of a word.
pub fn fade(brick: &mut Pcm, from: f32, to: f32) {
    let samples = brick.samples_mut();
    let length = samples.len() as f32;
    for (n, sample) in samples.iter_mut().enumerate() {
        *sample *= from + (to - from) * (n as f32 / length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn brick(f: impl Fn(usize) -> f32) -> Pcm {
        let mut brick = Pcm::SILENCE;
        for (n, sample) in brick.samples_mut().iter_mut().enumerate() {
            *sample = f(n);
        }
        brick
    }

    #[test]
    fn the_mix_minus_one_voice_holds_nothing_of_it() {
        let (a, b) = (brick(|n| (n as f32 * 0.1).sin() * 0.7), brick(|n| (n as f32 * 0.37).sin() * 0.2));
        let mut mix = Mix::default();
        mix.add(&a);
        mix.add(&b);
        let mut heard = Pcm::SILENCE;
        mix.minus(&a, &mut heard);
        let rest = brick(|n| heard.samples()[n] - b.samples()[n]);
        assert!(rest.level().dbfs() < -120.0);
        mix.clear();
        assert_eq!((mix.all(), mix.voices()), (&Pcm::SILENCE, 0));
    }

    #[test]
    fn quiet_sound_passes_the_limiter_unchanged() {
        let mut limiter = Limiter::default();
        let quiet = brick(|n| (n as f32 * 0.1).sin() * 0.9);
        let mut out = quiet.clone();
        limiter.process(&mut out);
        assert_eq!(out, quiet);
    }

    #[test]
    fn gain_comes_back_within_a_second_of_the_peak() {
        let mut limiter = Limiter::default();
        limiter.process(&mut brick(|_| 8.0));
        let mut bricks = 0;
        while limiter.gain < 1.0 {
            limiter.process(&mut brick(|n| (n as f32 * 0.1).sin() * 0.1));
            bricks += 1;
        }
        assert!((10..50).contains(&bricks), "{bricks} bricks");
    }

    proptest! {
        #[test]
        fn nothing_leaves_the_limiter_beyond_full_scale_or_with_a_jump(
            amplitudes in proptest::collection::vec(0.0f32..20.0, 1..20)
        ) {
            let mut limiter = Limiter::default();
            let mut last = 0.0f32;
            for (index, amplitude) in amplitudes.iter().enumerate() {
                // 100 Hz, whole periods in five bricks: continuous but for the changes of amplitude.
                let mut out = brick(|n| ((index * 960 + n) as f32 * 0.013_09).sin() * amplitude);
                let step = out.samples()[0];
                limiter.process(&mut out);
                prop_assert!(out.samples().iter().all(|s| s.abs() <= 1.0));
                for (n, &sample) in out.samples().iter().enumerate() {
                    // The limiter adds no jump of its own: inside a brick neighbours stay close.
                    if n > 0 {
                        prop_assert!((sample - last).abs() < 0.35, "{} at {n}", (sample - last).abs());
                    }
                    last = sample;
                }
                prop_assert!(step.is_finite());
            }
        }
    }
}
