//! A Fourier transform for correlation: powers of two, `f64`.
//!
//! Its own, and small: the crates there are build their generic code anew in each crate that uses them, which
//! costs a minute, and this is fast enough. Forward it leaves the spectrum in bit-reversed order and inverse
//! it takes it so, which spares both the reordering; products do not care.

use std::ops::{Add, Mul, Sub};

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

impl Complex {
    const fn conj(self) -> Self {
        Self { re: self.re, im: -self.im }
    }
}

impl Add for Complex {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self { re: self.re + rhs.re, im: self.im + rhs.im }
    }
}

impl Sub for Complex {
    type Output = Self;
    fn sub(self, rhs: Self) -> Self {
        Self { re: self.re - rhs.re, im: self.im - rhs.im }
    }
}

impl Mul for Complex {
    type Output = Self;
    fn mul(self, rhs: Self) -> Self {
        Self { re: self.re * rhs.re - self.im * rhs.im, im: self.re * rhs.im + self.im * rhs.re }
    }
}

/// The transform of one size.
pub(super) struct Fft {
    size: usize,
    /// The factors of each step, the largest first: `exp(-2 pi i k / n)` for k below n / 2.
    steps: Vec<Vec<Complex>>,
}

impl Fft {
    /// For `size` values, a power of two.
    pub(super) fn new(size: usize) -> Self {
        debug_assert!(size.is_power_of_two());
        let angle = -std::f64::consts::TAU / size as f64;
        let factor = |k: usize| {
            let (im, re) = (angle * k as f64).sin_cos();
            Complex { re, im }
        };
        let mut steps = vec![(0..size / 2).map(factor).collect::<Vec<_>>()];
        while let Some(last) = steps.last().filter(|last| last.len() > 1) {
            let half = last.iter().copied().step_by(2).collect();
            steps.push(half);
        }
        Self { size, steps }
    }

    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// In place, from natural to bit-reversed order.
    pub(super) fn forward(&self, values: &mut [Complex]) {
        forward(values, &self.steps);
    }

    /// In place, from bit-reversed to natural order, divided by the size.
    pub(super) fn inverse(&self, values: &mut [Complex]) {
        inverse(values, &self.steps);
        let scale = 1.0 / self.size as f64;
        values.iter_mut().for_each(|z| *z = Complex { re: z.re * scale, im: z.im * scale });
    }
}

/// Halves first and then each half by itself, so that from some depth on all is in the cache.
fn forward(values: &mut [Complex], steps: &[Vec<Complex>]) {
    if values.len() < 2 {
        return;
    }
    let Some((factors, rest)) = steps.split_first() else { return };
    let (low, high) = values.split_at_mut(values.len() / 2);
    for ((a, b), factor) in low.iter_mut().zip(high.iter_mut()).zip(factors) {
        (*a, *b) = (*a + *b, (*a - *b) * *factor);
    }
    forward(low, rest);
    forward(high, rest);
}

/// The same steps backwards.
fn inverse(values: &mut [Complex], steps: &[Vec<Complex>]) {
    if values.len() < 2 {
        return;
    }
    let Some((factors, rest)) = steps.split_first() else { return };
    let (low, high) = values.split_at_mut(values.len() / 2);
    inverse(low, rest);
    inverse(high, rest);
    for ((a, b), factor) in low.iter_mut().zip(high.iter_mut()).zip(factors) {
        let turned = *b * factor.conj();
        (*a, *b) = (*a + turned, *a - turned);
    }
}

/// Adds `conj(A) * B` to `sum`, where A and B are the spectra of the real and the imaginary part of what `both`
/// is the transform of; all in bit-reversed order.
pub(super) fn add_cross_spectrum(both: &[Complex], sum: &mut [Complex]) {
    for (p, sum) in sum.iter_mut().enumerate() {
        // Frequency and mirrored frequency lie mirrored within each power of two.
        let mirrored = if p < 2 { p } else { (3 << p.ilog2()) - 1 - p };
        let (z, m) = (both[p], both[mirrored].conj());
        // A = (z + m) / 2 and B = (z - m) / 2i.
        let (a, b) = (z + m, z - m);
        let product = a.conj() * Complex { re: b.im, im: -b.re };
        *sum = *sum + Complex { re: product.re / 4.0, im: product.im / 4.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng::Rng;

    fn random(n: usize) -> Vec<Complex> {
        let mut rng = Rng::new(n as u64);
        (0..n).map(|_| Complex { re: rng.bell(), im: rng.bell() }).collect()
    }

    #[test]
    fn the_transform_is_the_sum_that_defines_it() {
        for n in [1usize, 2, 8, 64] {
            let values = random(n);
            let mut spectrum = values.clone();
            Fft::new(n).forward(&mut spectrum);
            for (p, got) in spectrum.iter().enumerate() {
                let k = if n == 1 { 0 } else { p.reverse_bits() >> (usize::BITS - n.ilog2()) };
                let turn = |j: usize| -std::f64::consts::TAU * (j * k % n) as f64 / n as f64;
                let wanted = values.iter().enumerate().fold(Complex::default(), |sum, (j, z)| {
                    sum + *z * Complex { re: turn(j).cos(), im: turn(j).sin() }
                });
                let off = *got - wanted;
                assert!(off.re.hypot(off.im) < 1e-10, "{n} {k}");
            }
        }
    }

    #[test]
    fn there_and_back_is_where_it_was() {
        let values = random(4096);
        let mut there = values.clone();
        let fft = Fft::new(4096);
        fft.forward(&mut there);
        fft.inverse(&mut there);
        assert!(there.iter().zip(&values).all(|(a, b)| (*a - *b).re.abs() + (*a - *b).im.abs() < 1e-12));
    }

    #[test]
    fn the_cross_spectrum_gives_the_circular_correlation() {
        for n in [2usize, 16] {
            let values = random(n);
            let mut both = values.clone();
            let fft = Fft::new(n);
            fft.forward(&mut both);
            let mut sum = vec![Complex::default(); n];
            add_cross_spectrum(&both, &mut sum);
            fft.inverse(&mut sum);
            for (lag, got) in sum.iter().enumerate() {
                let wanted: f64 = (0..n).map(|i| values[i].re * values[(i + lag) % n].im).sum();
                assert!((got.re - wanted).abs() < 1e-12 && got.im.abs() < 1e-12, "{n} {lag}");
            }
        }
    }
}
