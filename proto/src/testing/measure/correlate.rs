//! Cross-correlation by FFT: half a minute against half a minute in a fraction of a second.

use std::ops::RangeInclusive;

use super::fft::{self, Complex, Fft};
use super::{Known, energy, level_db};
use crate::unit::Level;

/// Where a signal is in what was heard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Alignment {
    /// By how many samples it is later there.
    pub lag_samples: isize,
    /// How alike the two are over what they have in common: 1 is the same but for its loudness, 0 is nothing
    /// in common. With noise at a signal-to-noise ratio of `s` it is `1 / sqrt(1 + 1/s)`.
    pub correlation: f64,
}

/// A stretch of the reference, aligned by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Its first sample in the reference.
    pub start: usize,
    /// Its level in the reference, in dBFS.
    pub level_db: f64,
    /// Where it was heard.
    pub alignment: Alignment,
}

/// The lag, within `max_lag` samples either way, at which `heard` is most like `reference`.
///
/// Only lags at which at least half of the reference's energy is within `heard` are looked at. Polarity matters:
/// a sound turned upside down is not found. When either is silent: no lag, no correlation.
///
/// Through a codec: Opus at 24 kbit/s leaves 0.99 of speech, coded twice 0.98; but with its adaptive high-pass
/// (the application "VoIP") 0.94 and 0.8, since that turns phases. See
/// [`filtered_correlation`](super::filtered_correlation).
#[must_use]
pub fn align(reference: &[f32], heard: &[f32], max_lag: usize) -> Alignment {
    let lags = 0isize.saturating_sub_unsigned(max_lag)..=0isize.saturating_add_unsigned(max_lag);
    Correlator::default().align(reference, heard, lags)
}

/// Aligns each whole `len` samples of the reference by themselves, up to `max_lag` samples from the lag
/// `around`. For sound that was stretched on its way, which has no one lag, and to see where it got worse.
#[must_use]
pub fn align_segments(
    reference: &[f32],
    heard: &[f32],
    len: usize,
    around: isize,
    max_lag: usize,
) -> Vec<Segment> {
    let mut correlator = Correlator::default();
    let most = isize::try_from(max_lag).unwrap_or(isize::MAX);
    let segment = |(n, part): (usize, &[f32])| {
        let start = n * len;
        // The part of `heard` that can matter, so that each step is as short as the segment.
        let begin = start.saturating_add_signed(around.saturating_sub(most)).min(heard.len());
        let end = (start + len).saturating_add_signed(around.saturating_add(most)).min(heard.len());
        let near = around.saturating_add_unsigned(start).saturating_sub_unsigned(begin);
        let lags = near.saturating_sub(most)..=near.saturating_add(most);
        let mut alignment = correlator.align(part, &heard[begin..end], lags);
        alignment.lag_samples += begin as isize - start as isize;
        Segment { start, level_db: level_db(part), alignment }
    };
    if len == 0 { Vec::new() } else { reference.chunks_exact(len).enumerate().map(segment).collect() }
}

/// The mean correlation of the segments louder than `above` in the reference; none when there are none.
#[must_use]
pub fn mean_correlation(segments: &[Segment], above: Level) -> Option<f64> {
    let loud: Vec<f64> = loud(segments, above).map(|s| s.alignment.correlation).collect();
    if loud.is_empty() { None } else { Some(loud.iter().sum::<f64>() / loud.len() as f64) }
}

/// The median lag, in samples, of the segments louder than `above` in the reference; none when there are none.
#[must_use]
pub fn median_lag(segments: &[Segment], above: Level) -> Option<isize> {
    let mut lags: Vec<isize> = loud(segments, above).map(|s| s.alignment.lag_samples).collect();
    lags.sort_unstable();
    lags.get(lags.len() / 2).copied()
}

fn loud(segments: &[Segment], above: Level) -> impl Iterator<Item = &Segment> {
    segments.iter().filter(move |segment| segment.level_db > f64::from(above.dbfs()))
}

/// The lag within `max_lag` of this one at which the signal has the greatest gain, of either sign, in `heard`.
pub(super) fn strongest_gain(known: Known<'_>, heard: &[f32], max_lag: usize) -> Option<(isize, f64)> {
    let overlaps = Overlaps::new(known.signal, heard);
    let lags = known.lag.saturating_sub_unsigned(max_lag)..=known.lag.saturating_add_unsigned(max_lag);
    let products = Correlator::default().products(known.signal, heard, lags);
    let gains = products.filter_map(|(lag, product)| {
        let (within, _) = overlaps.at(lag)?;
        Some((lag, product / within))
    });
    gains.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
}

/// The scalar products of `a` with `b` at `lags` lags from `first` on; 0 where they do not meet.
pub(super) fn cross_products(a: &[f32], b: &[f32], first: isize, lags: usize) -> Vec<f64> {
    let mut all = vec![0.0; lags];
    let last = first.saturating_add_unsigned(lags).saturating_sub(1);
    for (lag, product) in Correlator::default().products(a, b, first..=last) {
        if let Some(slot) = all.get_mut(lag.abs_diff(first)) {
            *slot = product;
        }
    }
    all
}

/// Keeps the transforms between signals of like length.
#[derive(Default)]
struct Correlator {
    fft: Option<Fft>,
}

impl Correlator {
    fn align(&mut self, reference: &[f32], heard: &[f32], lags: RangeInclusive<isize>) -> Alignment {
        let overlaps = Overlaps::new(reference, heard);
        let all = self.products(reference, heard, lags).filter_map(|(lag_samples, product)| {
            let (of_reference, of_heard) = overlaps.at(lag_samples)?;
            Some(Alignment { lag_samples, correlation: product / (of_reference * of_heard).sqrt() })
        });
        all.max_by(|a, b| a.correlation.total_cmp(&b.correlation)).unwrap_or_default()
    }

    /// The scalar product of `a` with `b` shifted by each lag, for those lags at which they meet at all.
    ///
    /// Block by block of `a`, each against the stretch of `b` that it can meet; the blocks' spectra are summed,
    /// so that one transform back serves them all. Work grows with the length times the logarithm of the lags.
    fn products(
        &mut self,
        a: &[f32],
        b: &[f32],
        lags: RangeInclusive<isize>,
    ) -> impl Iterator<Item = (isize, f64)> + use<> {
        let first = (*lags.start()).max(1 - a.len() as isize);
        let last = (*lags.end()).min(b.len() as isize - 1);
        let sums = if a.is_empty() || b.is_empty() || first > last {
            Vec::new()
        } else {
            self.blockwise(a, b, first, (last - first) as usize + 1)
        };
        sums.into_iter().enumerate().map(move |(n, sum)| (first + n as isize, sum))
    }

    fn blockwise(&mut self, a: &[f32], b: &[f32], first: isize, lags: usize) -> Vec<f64> {
        // Below twice the lags, most of each block repeats the last; far above, a block no longer fits a cache.
        let size = (2 * lags.max(512)).min(a.len() + lags).next_power_of_two();
        let block = size - lags + 1;
        let fft = match &mut self.fft {
            Some(fft) if fft.size() == size => fft,
            other => other.insert(Fft::new(size)),
        };
        let mut sum = vec![Complex::default(); size];
        let mut both = vec![Complex::default(); size];
        for (n, part) in a.chunks(block).enumerate() {
            both.fill(Complex::default());
            both.iter_mut().zip(part).for_each(|(z, s)| z.re = f64::from(*s));
            let begin = first + (n * block) as isize;
            let (skip, from) = (begin.min(0).unsigned_abs(), begin.max(0).unsigned_abs());
            let met = b.get(from..).unwrap_or_default();
            both.iter_mut().skip(skip).zip(met).for_each(|(z, s)| z.im = f64::from(*s));
            fft.forward(&mut both);
            fft::add_cross_spectrum(&both, &mut sum);
        }
        fft.inverse(&mut sum);
        sum[..lags].iter().map(|z| z.re).collect()
    }
}

/// How much energy two signals have where they overlap, for any lag.
struct Overlaps {
    reference: Vec<f64>,
    heard: Vec<f64>,
    enough: [f64; 2],
}

impl Overlaps {
    fn new(reference: &[f32], heard: &[f32]) -> Self {
        // Half of what was said; and of what was heard more than the noise of a pause.
        let enough = [energy(reference) * 0.5, energy(heard) * 1e-4];
        Self { reference: running(reference), heard: running(heard), enough }
    }

    /// The energy of reference and heard at this lag; none where that is too little to judge by.
    fn at(&self, lag: isize) -> Option<(f64, f64)> {
        let (a, b) = (self.reference.len() - 1, self.heard.len() - 1);
        let (a_from, b_from) = (lag.min(0).unsigned_abs(), lag.max(0).unsigned_abs());
        let len = a.checked_sub(a_from)?.min(b.checked_sub(b_from)?);
        let of_reference = self.reference[a_from + len] - self.reference[a_from];
        let of_heard = self.heard[b_from + len] - self.heard[b_from];
        let enough = of_reference > 0.0
            && of_heard > 0.0
            && of_reference >= self.enough[0]
            && of_heard >= self.enough[1];
        enough.then_some((of_reference, of_heard))
    }
}

/// The energy of the first n samples, for each n from 0.
fn running(signal: &[f32]) -> Vec<f64> {
    let mut sum = 0.0;
    let sums = signal.iter().map(|s| {
        sum += f64::from(*s) * f64::from(*s);
        sum
    });
    std::iter::once(0.0).chain(sums).collect()
}
