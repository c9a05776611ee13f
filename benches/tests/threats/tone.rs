//! Tones by which each speaker is told from all others, and what of them was heard.
//!
//! A tone is not steady: each few seconds it dips, since a steady sound becomes silence to the microphone's gate. The
//! dip is less than what counts as a hole.

use giaoban_benches::timeline::SECOND;
use std::f64::consts::TAU;
use std::path::Path;

/// A window in which a tone is looked for, and the step from one to the next: 20 and 5 ms.
const WINDOW: usize = SECOND / 50;
const STEP: usize = SECOND / 200;

/// A tone that falls by so much below its usual level is not heard, in dB.
const MISSING_DB: f64 = -20.0;

/// How loud tones are: three of them and one more do not clip.
const AMPLITUDE: f64 = 0.15;

/// This many seconds of a tone; a whole number of them can be repeated.
pub(crate) fn tone(hz: f64, seconds: usize) -> Vec<f32> {
    let dips = |at: usize| at % (5 * SECOND) > 5 * SECOND - SECOND * 6 / 100;
    let amplitude = |at| if dips(at) { AMPLITUDE * 0.2 } else { AMPLITUDE };
    (0..seconds * SECOND)
        .map(|at| (amplitude(at) * (TAU * hz * at as f64 / SECOND as f64).sin()) as f32)
        .collect()
}

/// How loud a tone is in each window, in dB of full scale.
fn levels(heard: &[f32], hz: f64) -> Vec<f64> {
    let turn = TAU * hz / SECOND as f64;
    let shape: Vec<(f64, f64)> = (0..WINDOW)
        .map(|n| {
            let window = 0.5 - 0.5 * (TAU * n as f64 / WINDOW as f64).cos();
            (window * (turn * n as f64).cos(), window * (turn * n as f64).sin())
        })
        .collect();
    let level = |window: &[f32]| {
        let (re, im) = window.iter().zip(&shape).fold((0.0, 0.0), |(re, im), (sample, (cos, sin))| {
            (re + f64::from(*sample) * cos, im + f64::from(*sample) * sin)
        });
        20.0 * (4.0 * re.hypot(im) / WINDOW as f64).max(1e-9).log10()
    };
    heard.windows(WINDOW).step_by(STEP).map(level).collect()
}

/// Stretches of at least `least_ms` in which the tone is missing: when they begin and how long they are, both in ms.
pub(crate) fn holes(heard: &[f32], hz: f64, least_ms: f64) -> Vec<(f64, f64)> {
    let levels = levels(heard, hz);
    let mut sorted = levels.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let (mut holes, mut run) = (Vec::new(), 0usize);
    // One more, loud, ends what is open.
    for (n, level) in levels.iter().copied().chain([f64::INFINITY]).enumerate() {
        if level < usual + MISSING_DB {
            run += 1;
        } else if run > 0 {
            let (begin, length) = ((n - run) as f64 * 5.0, run as f64 * 5.0);
            if length >= least_ms {
                holes.push((begin, length));
            }
            run = 0;
        }
    }
    holes
}

/// The loudest that a tone is for a tenth of a second, in dB of full scale.
pub(crate) fn loudest(heard: &[f32], hz: f64) -> f64 {
    let levels = levels(heard, hz);
    let long = levels.chunks(20).map(|levels| levels.iter().copied().fold(f64::INFINITY, f64::min));
    long.fold(f64::NEG_INFINITY, f64::max)
}

pub(crate) fn write_wav(path: &Path, samples: &[f32]) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec)?;
    samples.iter().try_for_each(|sample| wav.write_sample((sample * 32_767.0) as i16))?;
    Ok(wav.finalize()?)
}

pub(crate) fn read_wav(path: &Path) -> anyhow::Result<Vec<f32>> {
    let mut wav = hound::WavReader::open(path)?;
    wav.samples::<i16>().map(|sample| Ok(f32::from(sample?) / 32_768.0)).collect()
}
