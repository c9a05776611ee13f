//! Between the bricks' 48 kHz and the 16 kHz at which sound is cleaned.
//!
//! A windowed sinc of three milliseconds, so that the way down and up again adds three. Pure, and allocates nothing once
//! made. Why not [`giaoban_proto::sound::convert`]: its shortest block would wait for three times as long, and its ratio
//! cannot be moved, which is how the loudspeaker's sound follows the microphone's clock here.

use giaoban_proto::media::Pcm;
use giaoban_proto::unit::BRICK_SAMPLES;
use std::collections::VecDeque;

/// How many samples of a brick make one at 16 kHz.
const RATIO: usize = 3;

/// Samples of a brick at 16 kHz.
pub(super) const NARROW_SAMPLES: usize = BRICK_SAMPLES / RATIO;

/// Length of the filter at 48 kHz. Longer keeps more of what lies just below 8 kHz and delays more.
const TAPS: usize = 144;

/// Its middle: 7.6 kHz is 6 dB down, 7 kHz not at all, and what folds back does so above 7 kHz.
const CUTOFF_HZ: f64 = 7_600.0;

/// Places between two samples for which the filter is kept; between two of them it is interpolated. Half as many let an
/// error of −60 dB be heard by the echo canceller, twice as many only cost memory.
const PLACES: usize = 64;

/// The filter's weight at `at` samples of 48 kHz from its middle.
fn weight(at: f64) -> f64 {
    let width = TAPS as f64 / 2.0;
    if at.abs() >= width {
        return 0.0;
    }
    let turn = std::f64::consts::TAU;
    let x = turn * CUTOFF_HZ / 48_000.0 * at;
    let sinc = if x == 0.0 { 1.0 } else { x.sin() / x };
    // Blackman's window.
    let phase = turn * (at + width) / (2.0 * width);
    sinc * (0.42 - 0.5 * phase.cos() + 0.08 * (2.0 * phase).cos())
}

/// `N` weights, `step` apart, the first at `first` from the middle; their sum is 1.
fn weights<const N: usize>(first: f64, step: f64) -> [f32; N] {
    let all: [f64; N] = std::array::from_fn(|n| weight(first + step * n as f64));
    let sum: f64 = all.iter().sum();
    all.map(|weight| (weight / sum) as f32)
}

/// Eight sums side by side, which a compiler makes one of.
fn dot(samples: &[f32], weights: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    for (samples, weights) in samples.chunks_exact(8).zip(weights.chunks_exact(8)) {
        for ((sum, sample), weight) in sums.iter_mut().zip(samples).zip(weights) {
            *sum += sample * weight;
        }
    }
    sums.iter().sum()
}

/// From 48 to 16 kHz, at exactly a third of the rate or very nearly so.
pub(super) struct Narrow {
    /// The filter at each place between two samples, and at the next sample.
    filters: Box<[[f32; TAPS]]>,
    /// The last of the brick before, and this one.
    samples: Box<[f32; TAPS + BRICK_SAMPLES]>,
    /// Where the next sample is taken, in samples of the brick that comes next.
    at: f64,
}

impl Default for Narrow {
    fn default() -> Self {
        let middle = TAPS as f64 / 2.0 - 1.0;
        let filters = (0..=PLACES).map(|place| weights(-middle - place as f64 / PLACES as f64, 1.0));
        Self { filters: filters.collect(), samples: Box::new([0.0; TAPS + BRICK_SAMPLES]), at: 0.0 }
    }
}

impl Narrow {
    /// Turns a brick into samples at 16 kHz, one for each `3 / rate` of its own, and gives each to `take`.
    pub(super) fn push(&mut self, brick: &Pcm, rate: f64, mut take: impl FnMut(f32)) {
        self.samples.copy_within(BRICK_SAMPLES.., 0);
        for (to, from) in self.samples[TAPS..].iter_mut().zip(brick.samples()) {
            // A driver may bring anything, and what is no number would stay in the canceller for ever.
            *to = if from.is_finite() { from.clamp(-1.0, 1.0) } else { 0.0 };
        }
        let step = RATIO as f64 / rate;
        while self.at < BRICK_SAMPLES as f64 {
            let sample = self.at as usize;
            let place = (self.at - sample as f64) * PLACES as f64;
            let (lower, share) = (place as usize, (place - place.floor()) as f32);
            // The window ends at this sample's successor, which at the very end of a brick is not here yet: so it is
            // laid one sample back, and the delay is half the filter.
            let window = &self.samples[sample + 1..sample + 1 + TAPS];
            let low = dot(window, &self.filters[lower]);
            take(if share == 0.0 {
                low
            } else {
                low + share * (dot(window, &self.filters[lower + 1]) - low)
            });
            self.at += step;
        }
        self.at -= BRICK_SAMPLES as f64;
    }
}

/// From 16 to 48 kHz.
pub(super) struct Widen {
    filters: [[f32; TAPS / RATIO]; RATIO],
    samples: Box<[f32; TAPS / RATIO + NARROW_SAMPLES]>,
}

impl Default for Widen {
    fn default() -> Self {
        const LENGTH: usize = TAPS / RATIO;
        let middle = TAPS as f64 / 2.0 - RATIO as f64;
        Self {
            filters: std::array::from_fn(|n| weights(-middle - n as f64, RATIO as f64)),
            samples: Box::new([0.0; LENGTH + NARROW_SAMPLES]),
        }
    }
}

impl Widen {
    /// Turns as many samples as a brick has at 16 kHz into one.
    pub(super) fn push(&mut self, narrow: &[f32; NARROW_SAMPLES], brick: &mut Pcm) {
        self.samples.copy_within(NARROW_SAMPLES.., 0);
        self.samples[TAPS / RATIO..].copy_from_slice(narrow);
        let windows = self.samples[1..].windows(TAPS / RATIO);
        for (three, window) in brick.samples_mut().chunks_exact_mut(RATIO).zip(windows) {
            for (sample, filter) in three.iter_mut().zip(&self.filters) {
                *sample = dot(window, filter);
            }
        }
    }
}

/// What the loudspeaker plays, at the microphone's pace: as much is taken from it as the microphone brings.
pub(super) struct Reference {
    narrow: Narrow,
    waiting: VecDeque<f32>,
    /// The least that waited since the last look, and how much was taken since.
    least: usize,
    taken: usize,
    /// The least of all that were looked for.
    usual: usize,
}

impl Default for Reference {
    fn default() -> Self {
        Self {
            narrow: Narrow::default(),
            waiting: VecDeque::with_capacity(2 * MOST),
            least: MOST,
            taken: 0,
            usual: MOST,
        }
    }
}

/// The most that waits: half a second. More is what a microphone that stalls leaves; the oldest of it is of no use.
const MOST: usize = 8_000;

/// Over how much of the microphone's sound the least is looked for: 20 s. Less takes away what the next burst needs, and
/// the echo canceller must look for the echo anew each time.
const LOOK: usize = 320_000;

/// By how much more than ever before may be left over at the least, in samples: 20 ms. What is left over is what waits in
/// the client's own ring for the loudspeaker, 40 ms and more; beyond that it would be taken for an echo that comes before
/// its sound. Each time that something is taken away the echo canceller has to find the echo again.
const SPARE: usize = 320;

impl Reference {
    /// Takes what is written to the loudspeaker, whose clock is `rate` times as slow as the microphone's.
    pub(super) fn push(&mut self, brick: &Pcm, rate: f64) {
        let Self { narrow, waiting, .. } = self;
        narrow.push(brick, rate, |sample| waiting.push_back(sample));
        let excess = self.waiting.len().saturating_sub(MOST);
        self.waiting.drain(..excess);
    }

    /// Fills a frame. Where there is too little the frame is silent, and all that comes is so much later from then on:
    /// that is how it finds the bursts in which the two devices come.
    pub(super) fn pull(&mut self, frame: &mut [f32]) {
        frame.fill(0.0);
        let wanted = frame.len();
        let left = self.waiting.len().checked_sub(wanted);
        if left.is_some() {
            for (to, from) in frame.iter_mut().zip(self.waiting.drain(..wanted)) {
                *to = from;
            }
        }
        self.least = self.least.min(left.unwrap_or(0));
        self.taken += wanted;
        if self.taken >= LOOK {
            // More than ever before: the microphone has lost sound.
            self.usual = self.usual.min(self.least);
            if self.least > self.usual + SPARE {
                self.waiting.drain(..self.least - self.usual);
            }
            (self.least, self.taken) = (MOST, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(first: usize, hz: f64) -> Pcm {
        let mut brick = Pcm::SILENCE;
        for (n, sample) in (first..).zip(brick.samples_mut()) {
            *sample = (0.5 * (n as f64 * hz / 48_000.0 * std::f64::consts::TAU).sin()) as f32;
        }
        brick
    }

    #[test]
    fn speech_comes_through_down_and_up_again_three_milliseconds_later() {
        for hz in [150.0, 1000.0, 5000.0, 6800.0] {
            let (mut down, mut up) = (Narrow::default(), Widen::default());
            let mut out = Vec::new();
            for n in 0..20 {
                let mut narrow = [0.0; NARROW_SAMPLES];
                let mut to = narrow.iter_mut();
                down.push(&tone(n * BRICK_SAMPLES, hz), 1.0, |s| *to.next().expect("a brick's worth") = s);
                assert!(to.next().is_none());
                let mut brick = Pcm::SILENCE;
                up.push(&narrow, &mut brick);
                out.extend_from_slice(brick.samples());
            }
            let worst = (4 * BRICK_SAMPLES..out.len()).map(|n| {
                let said = tone(n - 2 * TAPS / 2, hz).samples()[0];
                (out[n] - said).abs()
            });
            let worst = worst.fold(0.0, f32::max);
            assert!(worst < 0.02, "{hz} Hz: {worst}");
        }
    }

    /// What is pulled by a microphone that gains so much, whose bricks come as they like within 20 ms.
    fn follow(ppm: f64, rate: f64, hz: f64, seconds: usize) -> Vec<f32> {
        let (mut reference, mut out, mut pushed) = (Reference::default(), Vec::new(), 0usize);
        for brick in 0..seconds * 50 {
            let late = [0.0, 0.7, 0.2, 0.9][brick % 4];
            let due = (brick as f64 + late) / (1.0 + ppm * 1e-6);
            while (pushed as f64) <= due {
                reference.push(&tone(pushed * BRICK_SAMPLES, hz), rate);
                pushed += 1;
            }
            let mut frame = [0.0; NARROW_SAMPLES];
            reference.pull(&mut frame);
            out.extend_from_slice(&frame);
        }
        out
    }

    #[test]
    fn the_reference_follows_the_microphone_without_a_gap_or_a_jump() {
        for ppm in [0.0, 150.0, -150.0] {
            let rate = 1.0 + ppm * 1e-6;
            let out = follow(ppm, rate, 1000.0, 100);
            let tail = &out[2 * 16_000..];
            // Of the microphone's samples it is a tone of that much less, all the way: any jump would turn its phase.
            let turn = 1000.0 / rate / 16_000.0 * std::f64::consts::TAU;
            let phase = |from: usize| {
                let (mut sine, mut cosine) = (0.0, 0.0);
                for (n, sample) in (from..).zip(&tail[from..from + 1600]) {
                    let at = n as f64 * turn;
                    sine += f64::from(*sample) * at.sin();
                    cosine += f64::from(*sample) * at.cos();
                }
                assert!((sine.hypot(cosine) / 800.0 - 0.5).abs() < 0.01, "a gap at {from}");
                cosine.atan2(sine)
            };
            let first = phase(0);
            for from in (0..tail.len() - 1600).step_by(1600) {
                let moved = (phase(from) - first).sin().abs();
                assert!(moved < 0.05, "{ppm} ppm: the phase has moved by {moved} at {from}");
            }
        }
    }
}
