//! Makes of what a microphone hears what is said into it: echo, noise and loudness, before the Outlet.
//!
//! ```text
//!   loudspeaker's bricks -> Reference { 16 kHz, at the microphone's pace } ---v
//!   microphone's bricks  -> 16 kHz -> less rumble -> echo canceller -> noise suppressor -> gain -> 48 kHz
//! ```
//!
//! Echo canceller and noise suppressor are WebRTC's, in Rust (`sonora`), at 16 kHz: the codec carries no more (every rung is
//! wide band at most), and the canceller is better and cheaper there than at 48 kHz. It finds the echo's delay by itself,
//! up to half a second. Its parts are driven here, not by the crate's own pipeline, which has no way to set them.
//!
//! The two devices' clocks differ by up to some 100 ppm, and no echo canceller follows that: 150 ppm cost 15 dB. So the
//! loudspeaker's sound, which nobody hears from here, follows the microphone's clock, and not the other way: what is said
//! is never stretched. By how much is told by [`super::Skew`].
//!
//! Pure: no clock, no device. A panic in the canceller does not end the meeting: the brick passes as it was heard, a new
//! one is made, and that is counted.

mod band;
mod echo;
mod gain;

use band::{NARROW_SAMPLES, Narrow, Reference, Widen};
use echo::Echo;
use gain::Gain;
use giaoban_proto::media::Pcm;
use sonora_ns::config::NsConfig;
use sonora_ns::noise_suppressor::NoiseSuppressor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Samples of a frame: 10 ms, which is how the noise suppressor works.
const FRAME: usize = NARROW_SAMPLES / 2;

/// Bricks between two tries after a panic: 1 s. To make a new one takes a millisecond, and one that panics at once would
/// take it fifty times a second.
const RETRY_BRICKS: u32 = 50;

/// What is quieter than this at the loudspeaker is not heard in the room, as power: −55 dBFS.
const HEARD: f32 = 3e-6;

/// Bricks for which a loudspeaker's sound stays in the room and on its way there: 0.5 s.
const STAYS_BRICKS: u32 = 25;

/// Bricks of the loudspeaker's sound from which the echo canceller learns: 4 s. Until then what the microphone hears is
/// held down while the loudspeaker is heard; less lets the first words back out, more costs whoever answers them.
const LEARNS_BRICKS: u32 = 200;

/// To so much it is held down: −15 dB.
const HELD: f32 = 0.18;

/// What is made of a microphone's sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cleaning {
    /// Nothing: it is sent as it is.
    #[default]
    Off,
    /// Noise and loudness. Who wears a headset has no echo, and keeps every word while others speak.
    Headset,
    /// Echo as well: microphone and loudspeaker are in one room.
    Room,
}

/// Cleans one microphone's sound.
pub struct Cleaner {
    cleaning: Cleaning,
    /// `None` for a while after a panic, and where nothing is to be done.
    parts: Option<Parts>,
    reference: Reference,
    rate: f64,
    down: Narrow,
    up: Widen,
    /// Bricks since the loudspeaker was last heard.
    since_played: u32,
    /// Bricks of its sound that the canceller has heard, and to what the microphone is held down meanwhile.
    learnt: u32,
    held: f32,
    /// Bricks until the next try.
    retry: u32,
    restarts: u64,
}

impl Cleaner {
    /// One that has heard nothing yet.
    #[must_use]
    pub fn new(cleaning: Cleaning) -> Self {
        Self {
            cleaning,
            parts: Parts::new(cleaning),
            reference: Reference::default(),
            rate: 1.0,
            down: Narrow::default(),
            up: Widen::default(),
            since_played: STAYS_BRICKS,
            learnt: 0,
            held: 1.0,
            retry: 0,
            restarts: 0,
        }
    }

    /// What it does.
    #[must_use]
    pub const fn cleaning(&self) -> Cleaning {
        self.cleaning
    }

    /// How fast the microphone's clock goes by the loudspeaker's: 1.0001 if it gains 100 ppm on it.
    pub const fn set_skew(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// Takes what is written to the loudspeaker, all of it and nothing else.
    pub fn play(&mut self, brick: &Pcm) {
        if self.cleaning == Cleaning::Room {
            self.reference.push(brick, self.rate);
        }
    }

    /// Cleans the microphone's next brick in place. What comes out is 3 ms older, and 6 for the noise suppressor.
    pub fn clean(&mut self, brick: &mut Pcm) {
        if self.cleaning == Cleaning::Off {
            return;
        }
        let (mut played, mut heard) = ([0.0; NARROW_SAMPLES], [0.0; NARROW_SAMPLES]);
        self.reference.pull(&mut played);
        let loud = played.iter().map(|sample| sample * sample).sum::<f32>() > HEARD * NARROW_SAMPLES as f32;
        self.since_played = if loud { 0 } else { self.since_played.saturating_add(1) };
        let mut to = heard.iter_mut();
        self.down.push(brick, 1.0, |sample| {
            if let Some(to) = to.next() {
                *to = sample;
            }
        });
        self.retry = self.retry.saturating_sub(1);
        if self.parts.is_none() && self.retry == 0 {
            self.parts = Parts::new(self.cleaning);
        }
        if let Some(parts) = &mut self.parts {
            let alone = self.since_played >= STAYS_BRICKS;
            let mut cleaned = heard;
            match catch_unwind(AssertUnwindSafe(|| parts.process(&played, &mut cleaned, alone))) {
                Ok(()) => heard = cleaned,
                Err(_) => {
                    self.parts = None;
                    (self.retry, self.learnt) = (RETRY_BRICKS, 0);
                    self.restarts += 1;
                }
            }
        }
        self.hold(loud, &mut heard);
        self.up.push(&heard, brick);
        for sample in brick.samples_mut() {
            *sample = if sample.is_finite() { sample.clamp(-1.0, 1.0) } else { 0.0 };
        }
    }

    /// Holds the echo down that the canceller does not know yet.
    fn hold(&mut self, loud: bool, heard: &mut [f32; NARROW_SAMPLES]) {
        let echoes = self.since_played < STAYS_BRICKS;
        let to = if echoes && self.learnt < LEARNS_BRICKS { HELD } else { 1.0 };
        self.learnt = self.learnt.saturating_add(u32::from(loud));
        let step = (to - self.held) / NARROW_SAMPLES as f32;
        for sample in heard {
            self.held += step;
            *sample *= self.held;
        }
        self.held = to;
    }

    /// How often its parts had to be made anew after a panic.
    #[must_use]
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    /// By how much it makes the microphone louder, in dB.
    #[must_use]
    pub fn gain_db(&self) -> f32 {
        self.parts.as_ref().map_or(0.0, |parts| parts.gain.db())
    }

    /// How much later than it was written the loudspeaker's sound comes back, as far as that is known, in ms.
    #[must_use]
    pub fn delay_ms(&self) -> Option<i32> {
        self.parts.as_ref().and_then(|parts| parts.echo.as_ref()).map(Echo::delay_ms)
    }
}

/// What can be made anew.
struct Parts {
    rumble: Rumble,
    echo: Option<Echo>,
    noise: NoiseSuppressor,
    gain: Gain,
}

impl Parts {
    fn new(cleaning: Cleaning) -> Option<Self> {
        let echo = match cleaning {
            Cleaning::Off => return None,
            Cleaning::Headset => None,
            Cleaning::Room => Some(Echo::default()),
        };
        let noise = NoiseSuppressor::new(NsConfig::default());
        Some(Self { rumble: Rumble::default(), echo, noise, gain: Gain::default() })
    }

    fn process(&mut self, played: &[f32; NARROW_SAMPLES], heard: &mut [f32; NARROW_SAMPLES], alone: bool) {
        self.rumble.process(heard);
        // It learns the room's noise from what was heard, not from what the canceller puts in its place.
        let before = *heard;
        if let Some(echo) = &mut self.echo {
            echo.process(played, heard);
        }
        let (before, _) = before.as_chunks::<FRAME>();
        let (frames, _) = heard.as_chunks_mut::<FRAME>();
        for (frame, before) in frames.iter_mut().zip(before) {
            self.noise.analyze(&before.map(|sample| sample * SCALE));
            *frame = frame.map(|sample| sample * SCALE);
            self.noise.process(frame);
            *frame = frame.map(|sample| sample / SCALE);
            self.gain.process(frame, alone);
        }
    }
}

/// The noise suppressor counts in the steps of 16 bits.
const SCALE: f32 = 32_768.0;

/// Takes away what is below speech: fans, tables, mains hum. A Butterworth filter of the second order at 90 Hz.
#[derive(Debug, Default)]
struct Rumble {
    before: [f32; 2],
    after: [f32; 2],
}

impl Rumble {
    fn process(&mut self, samples: &mut [f32]) {
        // By the bilinear transform, at 16 kHz.
        let k = (std::f32::consts::PI * 90.0 / 16_000.0).tan();
        let norm = 1.0 / (1.0 + std::f32::consts::SQRT_2 * k + k * k);
        let (back1, back2) =
            (2.0 * (k * k - 1.0) * norm, (1.0 - std::f32::consts::SQRT_2 * k + k * k) * norm);
        for sample in samples {
            let x = *sample;
            let y = norm * (x - 2.0 * self.before[0] + self.before[1])
                - back1 * self.after[0]
                - back2 * self.after[1];
            (self.before, self.after) = ([x, self.before[0]], [y, self.after[0]]);
            *sample = y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::testing::measure::level_db;
    use giaoban_proto::testing::speech::voice;
    use giaoban_proto::unit::BRICK_SAMPLES;

    fn bricks(samples: &[f32]) -> impl Iterator<Item = Pcm> {
        samples.chunks_exact(BRICK_SAMPLES).map(|chunk| {
            let mut brick = Pcm::SILENCE;
            brick.samples_mut().copy_from_slice(chunk);
            brick
        })
    }

    /// What becomes of `heard` while `played` is played.
    fn clean(cleaner: &mut Cleaner, played: &[f32], heard: &[f32]) -> Vec<f32> {
        let mut out = Vec::with_capacity(heard.len());
        for (played, mut heard) in bricks(played).zip(bricks(heard)) {
            cleaner.play(&played);
            cleaner.clean(&mut heard);
            out.extend_from_slice(heard.samples());
        }
        out
    }

    #[test]
    fn the_loudspeakers_echo_is_gone_and_without_a_loudspeaker_speech_stays() {
        let said = voice("en");
        let second = 48_000;
        let mut echo = vec![0.0; second / 10];
        echo.extend(said[..said.len() - echo.len()].iter().map(|sample| sample * 0.3));
        let out = clean(&mut Cleaner::new(Cleaning::Room), &said, &echo);
        let down = level_db(&echo[5 * second..15 * second]) - level_db(&out[5 * second..15 * second]);
        assert!(down > 35.0, "{down:.1} dB");
        for cleaning in [Cleaning::Room, Cleaning::Headset] {
            let out = clean(&mut Cleaner::new(cleaning), &vec![0.0; said.len()], &echo);
            let down = level_db(&echo[5 * second..15 * second]) - level_db(&out[5 * second..15 * second]);
            assert!(down < 1.0, "{cleaning:?}: {down:.1} dB");
        }
        assert_eq!(clean(&mut Cleaner::new(Cleaning::Off), &said, &echo), echo);
    }

    #[test]
    fn steady_noise_is_weaker_afterwards() {
        let mut seed = 1u32;
        let noise: Vec<f32> = (0..10 * 48_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                0.01 * ((seed >> 8) as f32 / (1 << 23) as f32 - 1.0)
            })
            .collect();
        let out = clean(&mut Cleaner::new(Cleaning::Headset), &vec![0.0; noise.len()], &noise);
        let tail = 8 * 48_000..noise.len();
        assert!(level_db(&noise[tail.clone()]) - level_db(&out[tail]) > 8.0);
    }

    #[test]
    fn whatever_a_driver_brings_what_comes_out_is_sound_and_it_works_on() {
        let mut cleaner = Cleaner::new(Cleaning::Room);
        let wild = [f32::NAN, f32::INFINITY, 1e30, -1e30, 0.0, 1.0];
        for n in 0..600 {
            let mut brick = Pcm::SILENCE;
            for (i, sample) in brick.samples_mut().iter_mut().enumerate() {
                *sample = if n < 300 { wild[(i + n) % wild.len()] } else { 0.1 * (i as f32 * 0.1).sin() };
            }
            cleaner.play(&brick);
            cleaner.clean(&mut brick);
            assert!(brick.samples().iter().all(|sample| sample.abs() <= 1.0));
        }
    }

    #[test]
    fn after_a_panic_sound_passes_as_it_was_heard_and_a_second_later_it_is_cleaned_again() {
        let mut cleaner = Cleaner::new(Cleaning::Room);
        cleaner.parts = None;
        cleaner.retry = RETRY_BRICKS;
        for n in 0..RETRY_BRICKS {
            assert!(cleaner.parts.is_none(), "brick {n}");
            cleaner.clean(&mut Pcm::SILENCE.clone());
        }
        assert!(cleaner.parts.is_some());
    }
}
