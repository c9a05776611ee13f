//! A microphone and a loudspeaker in one room, in virtual time: the client's own lines, cleaner and clocks between two
//! sound cards that are made up.
//!
//! ```text
//!   far speech -> PlaybackLine -> callback -> card and air -> room (image sources) -> + near speech, noise
//!            \-> Cleaner.play                                                                  v
//!   heard   <-  Cleaner.clean <- CaptureLine <- callback, by a clock that gains `ppm` <- microphone
//! ```
//!
//! The room is a shoebox of Allen and Berkley (JASA 65, 1979): 6 × 5 × 2.8 m, whose sound falls by 60 dB in 0.4 s and is cut
//! off after 0.3 s; loudspeaker and microphone 0.9 m apart, so that what comes straight and what rings are about as strong.

use crate::timeline::SECOND;
use giaoban_client::audio::capture::CaptureLine;
use giaoban_client::audio::playback::PlaybackLine;
use giaoban_client::voice::{CardTime, Cleaner, Cleaning, Skew};
use giaoban_proto::media::Pcm;
use giaoban_proto::testing::measure::level_db;
use giaoban_proto::unit::BRICK_SAMPLES;
use realfft::RealFftPlanner;
use realfft::num_complex::Complex;
use std::f64::consts::TAU;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How long a room rings, in samples: 0.3 s.
const RINGS: usize = 3 * SECOND / 10;

/// Frames of a callback: 10 ms.
const CALLBACK: usize = SECOND / 100;

/// What is looked at for how far the echo is down, and how often, in samples.
const LOOK: usize = SECOND;
const EVERY: usize = SECOND / 2;

/// What a room does to what is played in it, sample by sample; as strong as what goes in.
#[must_use]
pub fn room(angle: f64) -> Vec<f32> {
    const SIZE: [f64; 3] = [6.0, 5.0, 2.8];
    const MICROPHONE: [f64; 3] = [2.5, 2.2, 1.1];
    const APART: f64 = 0.9;
    const SOUND: f64 = 343.0;
    let loudspeaker = [MICROPHONE[0] + APART * angle.cos(), MICROPHONE[1] + APART * angle.sin(), 1.2];
    let [x, y, z] = SIZE;
    let walls = 2.0 * (x * y + y * z + x * z);
    // Eyring's formula for how much a wall must take away.
    let kept = (-0.161 * x * y * z / (0.3 * walls)).exp().sqrt();
    let mut ring = vec![0.0f64; RINGS];
    let reach = RINGS as f64 / SECOND as f64 * SOUND;
    let orders = SIZE.map(|length| (reach / (2.0 * length)).ceil() as i32);
    let images = |n: usize| (-orders[n]..=orders[n]).flat_map(|order| [(order, 0), (order, 1)]);
    for i in images(0) {
        for j in images(1) {
            for k in images(2) {
                let (mut square, mut bounces) = (0.0, 0);
                for (n, (order, side)) in [i, j, k].into_iter().enumerate() {
                    let at = f64::from(1 - 2 * side) * loudspeaker[n] + 2.0 * f64::from(order) * SIZE[n];
                    square += (at - MICROPHONE[n]).powi(2);
                    bounces += (order - side).abs() + order.abs();
                }
                let far = square.sqrt();
                if let Some(sample) = ring.get_mut((far / SOUND * SECOND as f64) as usize) {
                    *sample += (-kept).powi(bounces) / far;
                }
            }
        }
    }
    let strength = ring.iter().map(|sample| sample * sample).sum::<f64>().sqrt();
    ring.iter().map(|sample| (sample / strength) as f32).collect()
}

/// One sound as another makes it ring, as long as the first.
fn convolve(sound: &[f32], ring: &[f32]) -> Vec<f32> {
    let points = (sound.len() + ring.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (there, back) = (planner.plan_fft_forward(points), planner.plan_fft_inverse(points));
    let transform = |of: &[f32]| {
        let (mut input, mut output) = (there.make_input_vec(), there.make_output_vec());
        input[..of.len()].copy_from_slice(of);
        // Fails for wrong lengths only, and these are its own.
        let _ = there.process(&mut input, &mut output);
        output
    };
    let mut product: Vec<Complex<f32>> =
        transform(sound).iter().zip(transform(ring)).map(|(one, two)| one * two).collect();
    let mut output = back.make_output_vec();
    let _ = back.process(&mut product, &mut output);
    output.iter().take(sound.len()).map(|sample| sample / points as f32).collect()
}

/// A sound between its samples: a sinc of 32 of them.
fn between(sound: &[f32], at: f64) -> f32 {
    const HALF: i64 = 16;
    let (whole, part) = (at.floor() as i64, at - at.floor());
    if part == 0.0 {
        return usize::try_from(whole).ok().and_then(|n| sound.get(n)).copied().unwrap_or(0.0);
    }
    let weighed = (1 - HALF..=HALF).filter_map(|n| {
        let sample = usize::try_from(whole + n).ok().and_then(|n| sound.get(n))?;
        let x = (n as f64 - part) * TAU / 2.0;
        let window = 0.5 + 0.5 * (x / HALF as f64).cos();
        Some(f64::from(*sample) * x.sin() / x * window)
    });
    weighed.sum::<f64>() as f32
}

/// What happens in a room.
pub struct Case<'a> {
    /// What the others say, and what is said here, as loud as it reaches the microphone.
    pub far: &'a [f32],
    /// As long as the other.
    pub near: &'a [f32],
    /// By how much the echo is weaker than what is played, as a factor.
    pub echo: f32,
    /// What card and air add, in ms, beyond what waits in the client (40 to 60 ms).
    pub delay_ms: usize,
    /// By how much the microphone's clock is faster.
    pub ppm: f64,
    /// Where the loudspeaker stands at first, and after the microphone was moved, seen from it.
    pub angles: [f64; 2],
    /// When that is, in samples.
    pub moved: usize,
    /// Whether the two clocks are watched, or their skew is left to the canceller.
    pub locked: bool,
}

/// What comes of it. All are as long as the case, by the microphone's clock.
pub struct Heard {
    /// The microphone's sound.
    pub microphone: Vec<f32>,
    /// What would be sent, without the gain, which is the speech's too.
    pub sent: Vec<f32>,
    /// The same with it.
    pub loud: Vec<f32>,
    /// What the two clocks were found to differ by, in ppm.
    pub skew_ppm: f64,
    /// What the canceller took for the echo's delay.
    pub delay_ms: Option<i32>,
    /// Processor time of cleaning, in ms per second of sound.
    pub cpu_ms: f64,
}

/// Plays a case, as the client's engine does: a look every few milliseconds, what is due played first.
///
/// # Panics
/// Where a line cannot be made, which needs a rate of zero.
#[must_use]
pub fn play(case: &Case<'_>, t0: Instant) -> Heard {
    let late = case.delay_ms * SECOND / 1000;
    let echoes = case.angles.map(|angle| convolve(case.far, &room(angle)));
    let (mut drain, mut loudspeaker) = PlaybackLine::new(SECOND as u32, 1).expect("a rate");
    let (mut feed, mut line) = CaptureLine::new(SECOND as u32, 1).expect("a rate");
    let (mut cleaner, mut skew) = (Cleaner::new(Cleaning::Room), Skew::default());
    let mut heard = Heard {
        microphone: Vec::with_capacity(case.far.len()),
        sent: Vec::with_capacity(case.far.len()),
        loud: Vec::with_capacity(case.far.len()),
        skew_ppm: 0.0,
        delay_ms: None,
        cpu_ms: 0.0,
    };
    let mut far = case.far.chunks_exact(BRICK_SAMPLES);
    let (mut played, mut captured, mut seed) = (0usize, 0usize, 1u32);
    // Samples that the loudspeaker played before the first of the far speech.
    let mut before = None;
    let (mut now, mut busy, mut brick) = (0.0f64, 0u64, Pcm::SILENCE);
    let mut random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(seed >> 8) / f64::from(1 << 24)
    };
    while heard.sent.len() + BRICK_SAMPLES <= case.far.len() {
        now += 0.0025 + 0.0075 * random();
        while ((played + CALLBACK) as f64) <= now * SECOND as f64 {
            let mut out = [0.0f32; CALLBACK];
            drain.on_output(&mut out);
            // A brick was written before this callback: it is the one that plays it.
            if before.is_none() && far.len() < case.far.len() / BRICK_SAMPLES {
                before = Some(played);
            }
            played += CALLBACK;
        }
        let clock = SECOND as f64 * (1.0 + case.ppm * 1e-6);
        while ((captured + CALLBACK) as f64) <= now * clock {
            let sound: [f32; CALLBACK] = std::array::from_fn(|n| {
                let at = (captured + n) as f64 * SECOND as f64 / clock;
                let moved = usize::from(captured + n >= case.moved);
                let echo = before.map_or(0.0, |before| between(&echoes[moved], at - (before + late) as f64));
                let near = case.near.get(captured + n).copied().unwrap_or(0.0);
                // A quiet office: −65 dBFS.
                case.echo * echo + near + (random() * 2.0 - 1.0) as f32 * 0.001
            });
            feed.on_input(&sound);
            heard.microphone.extend_from_slice(&sound);
            captured += CALLBACK;
        }
        if case.locked {
            let card = |seconds| Some(CardTime { opening: 0, seconds });
            let at = t0 + Duration::from_secs_f64(now);
            skew.observe(at, card(line.seconds()), card(loudspeaker.seconds()));
            cleaner.set_skew(skew.rate());
        }
        while loudspeaker.wants() {
            let mut next = Pcm::SILENCE;
            if let Some(chunk) = far.next() {
                next.samples_mut().copy_from_slice(chunk);
            }
            busy += cpu(|| cleaner.play(&next));
            loudspeaker.push(&next);
        }
        while line.pull(&mut brick) {
            busy += cpu(|| cleaner.clean(&mut brick));
            let gain = 10f32.powf(cleaner.gain_db() / 20.0);
            heard.loud.extend_from_slice(brick.samples());
            heard.sent.extend(brick.samples().iter().map(|sample| sample / gain));
        }
    }
    heard.cpu_ms = busy as f64 / 1e6 / (heard.sent.len() as f64 / SECOND as f64);
    heard.skew_ppm = (skew.rate() - 1.0) * 1e6;
    heard.delay_ms = cleaner.delay_ms();
    heard
}

/// Nanoseconds of processor that this thread spends in it; 0 where the system does not tell.
fn cpu<T>(work: impl FnOnce() -> T) -> u64 {
    let spent = || {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        told.split(' ').next()?.parse::<u64>().ok()
    };
    let begin = spent();
    let _ = work();
    spent().zip(begin).map_or(0, |(end, begin)| end - begin)
}

/// How far the echo is down in a span, in dB.
#[must_use]
pub fn down(heard: &Heard, span: Range<usize>) -> f64 {
    let end = span.end.min(heard.sent.len());
    level_db(&heard.microphone[span.start..end]) - level_db(&heard.sent[span.start..end])
}

/// How long after the beginning of a span the echo is, for good, at least so far down, in seconds; looked at second by
/// second. `None`: not within it.
#[must_use]
pub fn down_for_good(heard: &Heard, span: Range<usize>, db: f64) -> Option<f64> {
    let begins = (span.start..=span.end - LOOK).step_by(EVERY);
    let bad = begins.filter(|&begin| down(heard, begin..begin + LOOK) < db).last();
    let from = bad.map_or(span.start, |begin| begin + EVERY);
    (from + LOOK <= span.end).then(|| (from - span.start) as f64 / SECOND as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_rings_for_a_third_of_a_second_and_begins_with_the_straight_way() {
        let ring = room(1.0);
        let power = |span: Range<usize>| ring[span].iter().map(|s| f64::from(s * s)).sum::<f64>();
        let first = ring.iter().position(|sample| sample.abs() > 0.1).expect("a direct sound");
        assert!((first as f64 - 0.905 / 343.0 * 48_000.0).abs() < 3.0, "{first}");
        assert!((power(0..RINGS) - 1.0).abs() < 1e-3);
        // 60 dB in 0.3 s would be 20 dB in a tenth, by Sabine's formula. What goes to and fro between two walls of a shoebox
        // lasts longer than that: 15 dB, which is a harder room than the formula's.
        let tenth = 10.0 * (power(4800..7200) / power(9600..12000)).log10();
        assert!((13.0..=20.0).contains(&tenth), "{tenth:.1} dB");
    }

    #[test]
    fn convolving_with_a_late_sample_is_being_late() {
        let sound: Vec<f32> = (0..500).map(|n| (n as f32 * 0.3).sin()).collect();
        let mut ring = vec![0.0; 40];
        ring[7] = 0.5;
        let out = convolve(&sound, &ring);
        assert!((7..500).all(|n| (out[n] - 0.5 * sound[n - 7]).abs() < 1e-4));
    }

    #[test]
    fn between_two_samples_of_a_tone_is_the_tone() {
        let tone = |at: f64| (at * 0.5).sin();
        let sound: Vec<f32> = (0..200).map(|n| tone(f64::from(n)) as f32).collect();
        for at in [100.0, 100.25, 100.5, 100.9] {
            assert!((f64::from(between(&sound, at)) - tone(at)).abs() < 0.003, "{at}");
        }
    }
}
