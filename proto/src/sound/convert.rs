//! From one sampling rate to another: mono, streaming, band-limited, and true in time.
//!
//! rubato offers two kinds. Its synchronous FFT resampler is used, not the sinc one:
//!
//! * every rate here is fixed, and the ratio is then exact by construction;
//! * its filter is one windowed sinc centred in a block, so its delay is exactly half a block and can be cut
//!   off to the sample (the sinc one steps its index before the first output and rounds its delay);
//! * it costs less than half, and gives the whole band for a block of a few hundred frames.
//!
//! What it cannot do, following a card whose clock drifts, belongs to `voice.rs`, which sees both ends.
//!
//! Must not allocate once it is warm: it is driven every few milliseconds by the thread that carries the call.

use std::collections::VecDeque;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};

pub use rubato::ResamplerConstructionError;

/// How long the blocks are in which a [`Converter`] works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// For devices, where each block is waited for: the shortest that keeps the voice whole.
    ///
    /// 147 frames at the lower of the two rates are 3 ms at 44.1 kHz and 18 ms at 8 kHz, and pass up to nine
    /// tenths of the band. Half as many lose the top quarter of it; twice as many wait twice as long.
    Short,
    /// For files, which can be read ahead: 512 frames at the lower rate pass 97 % of the band.
    Long,
}

impl Block {
    const fn frames(self) -> usize {
        match self {
            Self::Short => 147,
            Self::Long => 512,
        }
    }
}

/// A stream of mono samples on its way from one rate to another.
///
/// Sample 0 that comes out is the sound at time 0 of what went in. In steady state it holds back at most a
/// block and a half; [`finish`](Self::finish) brings those out.
pub struct Converter {
    from: u64,
    to: u64,
    /// `None` where the rates are the same and samples only pass through.
    stage: Option<Stage>,
    out: VecDeque<f32>,
    pushed: u64,
    made: u64,
}

/// The resampler and its two blocks.
struct Stage {
    fft: Fft<f32>,
    input: Vec<f32>,
    filled: usize,
    output: Vec<f32>,
    /// Output samples still to be dropped: the delay of the filter.
    skip: usize,
}

impl Converter {
    /// A converter between two rates in samples a second.
    ///
    /// Rates with a large common divisor are cheap; for odd ones (44,101) a block is up to two seconds long.
    ///
    /// # Errors
    /// Where one of the rates is zero.
    pub fn new(from: u32, to: u32, block: Block) -> Result<Self, ResamplerConstructionError> {
        let stage = if from == to && from > 0 { None } else { Some(Stage::new(from, to, block)?) };
        // Twice the largest block that comes out, so that the queue is never grown in the middle of a call.
        let capacity = stage.as_ref().map_or(0, |s| 2 * s.output.len()) + 4096;
        Ok(Self {
            from: u64::from(from),
            to: u64::from(to),
            stage,
            out: VecDeque::with_capacity(capacity),
            pushed: 0,
            made: 0,
        })
    }

    /// Takes samples at the first rate.
    pub fn push(&mut self, mut samples: &[f32]) {
        self.pushed += samples.len() as u64;
        let Some(stage) = &mut self.stage else {
            self.made += samples.len() as u64;
            self.out.extend(samples);
            return;
        };
        while !samples.is_empty() {
            let (now, later) = samples.split_at(samples.len().min(stage.input.len() - stage.filled));
            stage.input[stage.filled..stage.filled + now.len()].copy_from_slice(now);
            stage.filled += now.len();
            samples = later;
            if stage.filled == stage.input.len() {
                let made = stage.run();
                self.made += made.len() as u64;
                self.out.extend(made);
            }
        }
    }

    /// Says that nothing more comes, and brings out what was held back: in all, as much time as went in.
    pub fn finish(&mut self) {
        let Some(stage) = &mut self.stage else { return };
        let total = (self.pushed * self.to + self.from / 2) / self.from;
        while self.made < total {
            stage.input[stage.filled..].fill(0.0);
            let made = stage.run();
            let wanted = usize::try_from(total - self.made).map_or(made.len(), |left| made.len().min(left));
            self.made += wanted as u64;
            self.out.extend(&made[..wanted]);
        }
    }

    /// Samples at the second rate that can be taken.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.out.len()
    }

    /// Moves as many samples as there are, and fit, to the front of `samples`; says how many.
    pub fn pull(&mut self, samples: &mut [f32]) -> usize {
        let count = samples.len().min(self.out.len());
        for (to, from) in samples.iter_mut().zip(self.out.drain(..count)) {
            *to = from;
        }
        count
    }
}

impl Stage {
    fn new(from: u32, to: u32, block: Block) -> Result<Self, ResamplerConstructionError> {
        let (from, to) = (from as usize, to as usize);
        // Twice the smallest blocks with this ratio, and so even on both sides: only of an even block is the
        // middle, where the filter sits, a sample, and half the block its delay exactly.
        let step = 2 * from / gcd(from, to).max(1);
        let wanted = if from > to { block.frames() * from / to.max(1) } else { block.frames() };
        let chunk = wanted.next_multiple_of(step.max(1));
        let fft =
            Fft::new_custom(from, to, chunk, 1, 1, rubato::WindowFunction::BlackmanHarris2, FixedSync::Both)?;
        Ok(Self {
            input: vec![0.0; fft.input_frames_max()],
            filled: 0,
            output: vec![0.0; fft.output_frames_max()],
            skip: fft.output_delay(),
            fft,
        })
    }

    /// Turns one full block of input into a block of output, less what is left of the delay.
    fn run(&mut self) -> &[f32] {
        self.filled = 0;
        let (frames_in, frames_out) = (self.input.len(), self.output.len());
        let converted = match (
            InterleavedSlice::new(self.input.as_slice(), 1, frames_in),
            InterleavedSlice::new_mut(self.output.as_mut_slice(), 1, frames_out),
        ) {
            (Ok(input), Ok(mut output)) => self.fft.process_into_buffer(&input, &mut output, None).is_ok(),
            _ => false,
        };
        // Cannot happen, since the blocks are as long as the resampler asked; silence is the harmless answer.
        debug_assert!(converted);
        if !converted {
            self.output.fill(0.0);
        }
        let skipped = self.skip.min(frames_out);
        self.skip -= skipped;
        &self.output[skipped..]
    }
}

const fn gcd(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f64, rate: u32, seconds: f64) -> Vec<f32> {
        let count = (seconds * f64::from(rate)) as usize;
        (0..count)
            .map(|n| (0.5 * (std::f64::consts::TAU * hz * n as f64 / f64::from(rate)).sin()) as f32)
            .collect()
    }

    /// Everything through a converter, in pieces of `piece` samples.
    fn convert(input: &[f32], from: u32, to: u32, block: Block, piece: usize) -> Vec<f32> {
        let mut converter = Converter::new(from, to, block).unwrap();
        let mut output = vec![0.0; input.len() * to as usize / from as usize + 16];
        let mut filled = 0;
        for piece in input.chunks(piece) {
            converter.push(piece);
            filled += converter.pull(&mut output[filled..]);
        }
        converter.finish();
        filled += converter.pull(&mut output[filled..]);
        assert_eq!(converter.ready(), 0);
        output.truncate(filled);
        output
    }

    /// Energy of the difference from the ideal sine over that of the sine, in dB, without the ends.
    fn error_db(output: &[f32], hz: f64, to: u32) -> f64 {
        let ideal = sine(hz, to, output.len() as f64 / f64::from(to) + 0.01);
        let steady = output.len() / 5..output.len() * 4 / 5;
        let (mut error, mut energy) = (0.0, 0.0);
        for n in steady {
            error += f64::from(output[n] - ideal[n]).powi(2);
            energy += f64::from(ideal[n]).powi(2);
        }
        10.0 * (error / energy).log10()
    }

    #[test]
    fn a_sine_from_any_rate_is_the_ideal_sine_at_the_right_time() {
        // The ideal is compared sample by sample with the phase that it has at time zero: a delay wrong by a
        // hundredth of a sample would already fail.
        for from in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 88_200, 96_000, 192_000, 12_345] {
            for block in [Block::Short, Block::Long] {
                let output = convert(&sine(1_000.0, from, 1.0), from, 48_000, block, 333);
                let error = error_db(&output, 1_000.0, 48_000);
                assert!(error < -60.0, "{from} Hz, {block:?}: {error:.1} dB");
                let peak = output[10_000..38_000].iter().fold(0.0f32, |a, &b| a.max(b.abs()));
                assert!((20.0 * (peak / 0.5).log10()).abs() < 0.1, "{from} Hz, {block:?}: amplitude {peak}");
                let length = output.len() as i64;
                assert!((length - 48_000).abs() <= 4, "{from} Hz, {block:?}: {length} samples for a second");
            }
        }
    }

    #[test]
    fn a_sine_to_the_rate_of_a_device_is_the_ideal_sine() {
        for to in [8_000, 16_000, 44_100, 96_000, 192_000] {
            let output = convert(&sine(1_000.0, 48_000, 1.0), 48_000, to, Block::Short, 960);
            let error = error_db(&output, 1_000.0, to);
            assert!(error < -60.0, "{to} Hz: {error:.1} dB");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_gone_and_not_folded_back() {
        let output = convert(&sine(30_000.0, 96_000, 0.5), 96_000, 48_000, Block::Long, 960);
        let loudest = output[4_800..19_200].iter().fold(0.0f32, |a, &b| a.max(b.abs()));
        assert!(20.0 * (loudest / 0.5).log10() < -80.0, "{loudest}");
        let output = convert(&sine(6_000.0, 48_000, 0.5), 48_000, 8_000, Block::Short, 960);
        let loudest = output[800..3_200].iter().fold(0.0f32, |a, &b| a.max(b.abs()));
        assert!(20.0 * (loudest / 0.5).log10() < -80.0, "{loudest}");
    }

    #[test]
    fn the_band_of_a_voice_passes_the_short_blocks_whole() {
        for (from, hz) in [(8_000, 3_300.0), (16_000, 6_800.0), (44_100, 18_000.0), (96_000, 18_000.0)] {
            let output = convert(&sine(hz, from, 0.5), from, 48_000, Block::Short, 480);
            let power = output[4_800..19_200].iter().map(|s| f64::from(s * s)).sum::<f64>() / 14_400.0;
            let gain = 10.0 * (power / 0.125).log10();
            assert!(gain.abs() < 1.0, "{hz} Hz of {from}: {gain:.2} dB");
        }
    }

    #[test]
    fn the_same_rate_passes_through_untouched() {
        let input = sine(1_000.0, 48_000, 0.1);
        assert_eq!(convert(&input, 48_000, 48_000, Block::Short, 7), input);
    }

    #[test]
    fn a_few_samples_come_out_as_long_as_they_went_in() {
        assert_eq!(convert(&[0.5], 8_000, 48_000, Block::Long, 1).len(), 6);
        assert_eq!(convert(&[0.5; 441], 44_100, 48_000, Block::Long, 441).len(), 480);
        assert_eq!(convert(&[], 44_100, 48_000, Block::Long, 1).len(), 0);
    }

    #[test]
    fn a_rate_of_zero_is_refused() {
        assert!(Converter::new(0, 48_000, Block::Long).is_err());
        assert!(Converter::new(48_000, 0, Block::Long).is_err());
        assert!(Converter::new(0, 0, Block::Long).is_err());
    }
}
