//! What was heard, judged against what was said: alignment, leakage, levels, holes.
//!
//! Pure; samples are mono and of one rate, 48 kHz where a time is meant. Sums are kept in `f64`. A *lag* is how
//! many samples later a sound is in `heard` than in the signal it came from; negative means earlier.
//!
//! Where there is nothing to judge, as when a reference is silent, what comes back makes a careless assertion
//! fail rather than pass: no correlation, infinite leakage.

mod correlate;
mod fft;
mod filter;
#[cfg(test)]
mod tests;

pub use correlate::{Alignment, Segment, align, align_segments, mean_correlation, median_lag};
pub use filter::filtered_correlation;

use crate::unit::Level;

/// What every figure in decibels ends at below: digital silence.
pub const FLOOR_DB: f64 = -200.0;

/// A share of its energy below which a signal counts as a mix of others: far above what rounding leaves, far
/// below what two voices have of their own.
const DEPENDENT: f64 = 1e-9;

/// A signal known to be in what was heard, and where.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What was said.
    pub signal: &'a [f32],
    /// By how many samples it comes later in what was heard.
    pub lag: isize,
}

impl<'a> Known<'a> {
    /// Its part within a sound of `len` samples, and where that begins.
    fn within(&self, len: usize) -> (usize, &'a [f32]) {
        let (begin, skipped) = match usize::try_from(self.lag) {
            Ok(late) => (late.min(len), 0),
            Err(_) => (0, self.lag.unsigned_abs().min(self.signal.len())),
        };
        let part = &self.signal[skipped..];
        (begin, &part[..part.len().min(len - begin)])
    }
}

/// The root mean square in decibels relative to full scale, down to [`FLOOR_DB`].
#[must_use]
pub fn level_db(signal: &[f32]) -> f64 {
    decibels(energy(signal) / signal.len().max(1) as f64)
}

/// How much of `own` is in `heard` at this lag, by least squares: its gain in decibels, 0 when it is there
/// as loud as it was said. `f64::INFINITY` when `own` is silent, so that nothing can be told.
///
/// Whatever else is in `heard` resembles `own` a little by chance, which sets a floor of some −37 dB for ten
/// seconds of speech. Where the rest is known, [`leakage_db`] goes lower.
#[must_use]
pub fn projection_db(own: &[f32], heard: &[f32], lag: isize) -> f64 {
    leakage_db(Known { signal: own, lag }, &[], heard)
}

/// How much of `own` is in `heard`, as [`projection_db`], while all of `others` are there too: solved jointly, so
/// that what `own` and the others share by chance does not count.
///
/// Lags of the others come from [`align`]. A codec or a filter between is followed better by giving each of
/// them several times, at neighbouring lags. `f64::INFINITY` when `own` is silent or but a mix of the others.
#[must_use]
pub fn leakage_db(own: Known<'_>, others: &[Known<'_>], heard: &[f32]) -> f64 {
    let mut all = others.to_vec();
    all.push(own);
    match solve(&all, heard).pop() {
        Some(Some(gain)) => decibels(gain * gain),
        _ => f64::INFINITY,
    }
}

/// Where in `heard`, within `max_lag` samples of its lag either way, most of `own` hides once the `others` are
/// taken out, and how much that is, in decibels as [`leakage_db`].
///
/// For a leak whose delay is not known to the sample. Looking in many places finds more by chance: in a mix of
/// two real voices coded at 24 kbit/s, where the known lag has −47 dB or less, half a second either way has
/// −36 after ten seconds and −40 after thirty. Keep `max_lag` as small as the doubt is.
#[must_use]
pub fn worst_leak(own: Known<'_>, others: &[Known<'_>], heard: &[f32], max_lag: usize) -> (isize, f64) {
    let mut rest: Vec<f32> = heard.to_vec();
    for (known, gain) in others.iter().zip(solve(others, heard)) {
        let (begin, part) = known.within(heard.len());
        let gain = gain.unwrap_or(0.0);
        rest[begin..].iter_mut().zip(part).for_each(|(r, x)| *r -= (gain * f64::from(*x)) as f32);
    }
    match correlate::strongest_gain(own, &rest, max_lag) {
        Some((lag, gain)) => (lag, decibels(gain * gain)),
        None => (own.lag, f64::INFINITY),
    }
}

/// The gain of each signal that together leave the least of `heard`. None for one that is silent or but a mix
/// of those before it.
///
/// Cholesky on the normal equations, a column left out where its pivot vanishes.
fn solve(all: &[Known<'_>], heard: &[f32]) -> Vec<Option<f64>> {
    let k = all.len();
    let mut lower = vec![vec![0.0; k]; k];
    let mut kept = vec![false; k];
    let mut forward = vec![0.0; k];
    for i in 0..k {
        let energy = product(all[i], all[i], heard.len());
        for j in (0..i).filter(|&j| kept[j]).collect::<Vec<_>>() {
            let known: f64 = (0..j).map(|m| lower[i][m] * lower[j][m]).sum();
            lower[i][j] = (product(all[i], all[j], heard.len()) - known) / lower[j][j];
        }
        let pivot = energy - lower[i][..i].iter().map(|l| l * l).sum::<f64>();
        kept[i] = energy > 0.0 && pivot > DEPENDENT * energy;
        if kept[i] {
            lower[i][i] = pivot.sqrt();
            let (begin, part) = all[i].within(heard.len());
            let known: f64 = (0..i).map(|m| lower[i][m] * forward[m]).sum();
            forward[i] = (dot(part, &heard[begin..]) - known) / lower[i][i];
        }
    }
    let mut gains = vec![None; k];
    for i in (0..k).rev().filter(|&i| kept[i]) {
        let known: f64 = (i + 1..k).filter_map(|m| Some(lower[m][i] * gains[m]?)).sum();
        gains[i] = Some((forward[i] - known) / lower[i][i]);
    }
    gains
}

/// The scalar product of two signals as they lie within a sound of `len` samples.
fn product(a: Known<'_>, b: Known<'_>, len: usize) -> f64 {
    let ((a_begin, a), (b_begin, b)) = (a.within(len), b.within(len));
    let begin = a_begin.max(b_begin);
    let from = |part: &'_ [f32], part_begin: usize| (begin - part_begin).min(part.len());
    dot(&a[from(a, a_begin)..], &b[from(b, b_begin)..])
}

/// The scalar product over what the two have in common.
fn dot(a: &[f32], b: &[f32]) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    // Four sums side by side: one alone waits for each addition.
    let mut sums = [0.0f64; 4];
    for (a, b) in a.chunks_exact(4).zip(b.chunks_exact(4)) {
        for (sum, (x, y)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += f64::from(*x) * f64::from(*y);
        }
    }
    let rest = n - n % 4;
    sums.iter().sum::<f64>()
        + a[rest..].iter().zip(&b[rest..]).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>()
}

fn energy(signal: &[f32]) -> f64 {
    dot(signal, signal)
}

/// Of a power, down to [`FLOOR_DB`]; not-a-number counts as the worst there is.
fn decibels(power: f64) -> f64 {
    if power.is_nan() { f64::INFINITY } else { (10.0 * power.log10()).max(FLOOR_DB) }
}

/// A stretch of a signal, in samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hole {
    /// The first sample in it.
    pub start: usize,
    /// How long it is; 0 when there is none.
    pub len: usize,
}

/// The longest stretch in which no sample reaches the threshold, as an amplitude.
///
/// Pauses in speech count too: cut to where somebody speaks, or take [`longest_missing`].
#[must_use]
pub fn longest_hole(heard: &[f32], threshold: Level) -> Hole {
    let limit = 10f64.powf(f64::from(threshold.dbfs()) / 20.0) as f32;
    longest(heard.iter().map(|sample| sample.abs() < limit))
}

/// The length of the blocks that [`longest_missing`] looks at: 5 ms at 48 kHz, short against a syllable, long
/// against a period of any voice.
pub const BLOCK: usize = 240;

/// The longest stretch, in whole [`BLOCK`]s, in which the reference is above `spoken` while what was heard, `lag`
/// samples later, is below `silent`: sound that is missing. `start` counts in the reference.
///
/// Where `heard` has ended, or not begun, it is silent.
#[must_use]
pub fn longest_missing(reference: &[f32], heard: &[f32], lag: isize, spoken: Level, silent: Level) -> Hole {
    let missing = reference.chunks(BLOCK).enumerate().map(|(n, block)| {
        let at = |i: usize| i.saturating_add_signed(lag).min(heard.len());
        let there = &heard[at(n * BLOCK)..at(n * BLOCK + block.len())];
        level_db(block) > f64::from(spoken.dbfs()) && level_db(there) < f64::from(silent.dbfs())
    });
    let hole = longest(missing);
    Hole { start: hole.start * BLOCK, len: hole.len * BLOCK }
}

/// The level of each `len` samples in turn, the last perhaps shorter, in dBFS. None for a `len` of 0.
#[must_use]
pub fn segment_levels(signal: &[f32], len: usize) -> Vec<f64> {
    if len == 0 { Vec::new() } else { signal.chunks(len).map(level_db).collect() }
}

/// The first longest run of `true`.
fn longest(flags: impl Iterator<Item = bool>) -> Hole {
    let (mut best, mut run) = (Hole::default(), Hole::default());
    for (n, flag) in flags.enumerate() {
        run = if flag { Hole { start: n - run.len, len: run.len + 1 } } else { Hole::default() };
        if run.len > best.len {
            best = run;
        }
    }
    best
}
