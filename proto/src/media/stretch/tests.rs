use super::*;
use crate::testing::{signal, speech};
use crate::unit::Level;
use proptest::prelude::*;
use std::time::Duration;

const TEN_SECONDS: usize = 480_000;

/// Plays `said` through a queue kept at some 60 ms, with a wish for each brick. What was heard, what each brick took
/// beyond its length, and where in the source it ended.
fn play(said: &[f32], wish: impl Fn(usize) -> Wish) -> (Vec<f32>, Vec<i32>) {
    let (mut stretcher, mut brick) = (Stretcher::new(), Pcm::SILENCE);
    let (mut heard, mut beyond) = (Vec::new(), Vec::new());
    let mut packets = said.chunks(BRICK_SAMPLES);
    loop {
        while stretcher.available() < 3 * BRICK_SAMPLES {
            let Some(packet) = packets.next() else { break };
            assert_eq!(stretcher.push(packet), 0);
        }
        let Some(more) = stretcher.pull(&mut brick, wish(beyond.len())) else { break };
        heard.extend_from_slice(brick.samples());
        beyond.push(more);
    }
    assert!(stretcher.available() < BRICK_SAMPLES);
    (heard, beyond)
}

/// A vowel-like buzz: pulses at this period through two resonances.
fn buzz(period: f64, samples: usize) -> Vec<f32> {
    let mut memory = [[0.0f64; 2]; 2];
    let (mut sound, mut next) = (Vec::with_capacity(samples), 0.0);
    for n in 0..samples {
        let mut value = if n as f64 >= next {
            next += period;
            1.0
        } else {
            0.0
        };
        for (memory, (hz, width)) in memory.iter_mut().zip([(700.0, 120.0), (1300.0, 150.0)]) {
            let r = (-std::f64::consts::PI * width / 48_000.0_f64).exp();
            let turn = std::f64::consts::TAU * hz / 48_000.0;
            let out = (1.0 - r) * value + 2.0 * r * turn.cos() * memory[0] - r * r * memory[1];
            *memory = [out, memory[0]];
            value = out;
        }
        sound.push((value * 300.0) as f32);
    }
    let peak = sound.iter().fold(0.0f32, |p, s| p.max(s.abs()));
    sound.iter().map(|s| s * 0.3 / peak).collect()
}

fn steepest(sound: &[f32]) -> f32 {
    sound.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
}

/// The period of the sound by its autocorrelation, in samples.
fn period(sound: &[f32]) -> usize {
    let part = &sound[..48_000];
    let score = |lag: usize| alike(dot(part, &part[lag..]), dot(part, part));
    (60..800).max_by(|a, b| score(*a).total_cmp(&score(*b))).unwrap()
}

/// Source over heard: above 1 is faster.
fn speed(beyond: &[i32]) -> f64 {
    let heard = (beyond.len() * BRICK_SAMPLES) as f64;
    (heard + f64::from(beyond.iter().sum::<i32>())) / heard
}

fn assert_limits(beyond: &[i32]) {
    for window in beyond.windows(WINDOW_BRICKS) {
        let sum: i32 = window.iter().sum();
        assert!(sum <= MOST_LEFT_OUT as i32 && sum >= -(MOST_ADDED as i32), "{sum} in a window");
    }
}

#[test]
fn as_it_is_the_sound_is_the_same_to_the_sample() {
    let said = speech::voice("en");
    let (heard, beyond) = play(&said, |_| Wish::AsIs);
    assert_eq!(heard, said[..heard.len()]);
    assert!(beyond.iter().all(|n| *n == 0) && said.len() - heard.len() < BRICK_SAMPLES);
}

#[test]
fn a_steady_voice_goes_a_fifth_faster_or_slower_without_a_click_at_its_pitch_and_loudness() {
    let sine = |hz| signal::sine(hz, Level::from_dbfs(-20.0), Duration::from_secs(10));
    let sounds = [sine(80.0), sine(440.0), sine(1000.0), buzz(384.0, TEN_SECONDS), buzz(218.5, TEN_SECONDS)];
    for (n, said) in sounds.iter().enumerate() {
        // Ten seconds are no whole number of windows, so that a little may be added beyond 0.8.
        for (wish, least, most) in [(Wish::Faster, 1.15, 1.25), (Wish::Slower, 0.798, 0.87)] {
            let (heard, beyond) = play(said, |_| wish);
            let (speed, wanted) = (speed(&beyond), least..=most);
            assert!(wanted.contains(&speed), "sound {n}, {wish:?}: {speed}");
            assert_limits(&beyond);
            let step = steepest(&heard) / steepest(said);
            assert!(step < 1.1, "sound {n}, {wish:?}: a step of {step} of the source's");
            // Of a sine that makes no whole number of samples every multiple is its period; compare the source's own.
            let (a, b) = (period(said), period(&heard));
            assert!(
                a.abs_diff(b) <= 1 || n < 3 && period_fits(&heard, a),
                "sound {n}, {wish:?}: {a} became {b}"
            );
            let louder = Level::of(&heard).dbfs() - Level::of(said).dbfs();
            assert!(louder.abs() < 1.0, "sound {n}, {wish:?}: {louder} dB");
        }
    }
}

fn period_fits(sound: &[f32], period: usize) -> bool {
    let part = &sound[..48_000];
    alike(dot(part, &part[period..]), dot(part, part)) > 0.97
}

#[test]
fn real_speech_goes_a_tenth_faster_or_slower_and_stays_as_loud() {
    for voice in speech::VOICES {
        let said = &speech::voice(voice)[..TEN_SECONDS];
        for wish in [Wish::Faster, Wish::Slower] {
            let (heard, beyond) = play(said, |_| wish);
            let speed = speed(&beyond);
            let louder = Level::of(&heard).dbfs() - Level::of(said).dbfs();
            let bricks = beyond.iter().filter(|n| **n != 0).count() as f64 / beyond.len() as f64;
            let step = steepest(&heard) / steepest(said);
            println!(
                "{voice} {wish:?}: {speed:.3} times as fast, {louder:.2} dB, {bricks:.2} of the bricks, step {step:.2}"
            );
            assert!(if wish == Wish::Faster { speed > 1.1 } else { speed < 1.0 / 1.1 }, "{voice}: {speed}");
            assert!(louder.abs() < 1.0, "{voice}, {wish:?}: {louder} dB");
            assert!(heard.iter().all(|s| s.is_finite()) && step < 1.1, "{voice}, {wish:?}: {step}");
        }
    }
}

#[test]
fn silence_shrinks_and_grows_at_once() {
    for said in [vec![0.0; 48_000], signal::noise(1, Level::from_dbfs(-56.0), Duration::from_secs(1))] {
        let (heard, beyond) = play(&said, |_| Wish::Faster);
        assert!(beyond[0] >= 240 && speed(&beyond) > 1.35, "{}", speed(&beyond));
        let (longer, beyond) = play(&said, |_| Wish::Slower);
        // The very first brick has nothing before it that could be repeated.
        assert!(beyond[1] <= -240 && speed(&beyond) < 0.65, "{}", speed(&beyond));
        for heard in [heard, longer] {
            assert!((Level::of(&heard).dbfs() - Level::of(&said).dbfs()).abs() < 0.5);
        }
    }
}

#[test]
fn loud_noise_and_clicks_are_left_alone() {
    let hiss = signal::noise(2, Level::from_dbfs(-20.0), Duration::from_secs(2));
    let mut click = signal::click(Duration::from_millis(510), Level::from_dbfs(-6.0), Duration::from_secs(1));
    for wish in [Wish::Faster, Wish::Slower] {
        let (heard, beyond) = play(&hiss, |_| wish);
        assert!(beyond.iter().all(|n| *n == 0));
        assert_eq!(heard, hiss[..heard.len()]);
        let peak = |s: &[f32]| s.iter().fold(0.0f32, |p, s| p.max(s.abs()));
        let loud = |s: &[f32]| s.iter().filter(|s| s.abs() > 0.1).count();
        let (heard, _) = play(&click, |_| wish);
        assert_eq!((peak(&heard), loud(&heard)), (peak(&click), loud(&click)));
        click.reverse();
    }
}

#[test]
fn a_wish_now_and_then_takes_one_period() {
    let (_, beyond) = play(&buzz(384.0, TEN_SECONDS), |brick| match brick % 150 {
        20 => Wish::Faster,
        _ => Wish::AsIs,
    });
    let taken: Vec<_> = beyond.iter().filter(|n| **n != 0).collect();
    assert_eq!(taken, [&384; 4]);
}

#[test]
fn with_nothing_to_look_ahead_to_it_passes_and_with_less_than_a_brick_it_waits() {
    let (mut stretcher, mut brick) = (Stretcher::new(), Pcm::SILENCE);
    stretcher.push(&buzz(384.0, 1059));
    assert_eq!(stretcher.pull(&mut brick, Wish::Faster), Some(0));
    let before = brick.clone();
    assert_eq!(stretcher.pull(&mut brick, Wish::Slower), None);
    assert_eq!((stretcher.available(), brick), (99, before));
    stretcher.clear();
    assert_eq!((stretcher.available(), stretcher.room()), (0, CAPACITY));
}

#[test]
fn what_is_too_much_pushes_out_the_oldest() {
    let (mut stretcher, mut brick) = (Stretcher::new(), Pcm::SILENCE);
    let ramp: Vec<f32> = (0..20_000).map(|n| n as f32 / 20_000.0).collect();
    assert_eq!(stretcher.push(&ramp[..10_000]), 0);
    assert_eq!(stretcher.push(&ramp[10_000..]), 20_000 - CAPACITY);
    stretcher.pull(&mut brick, Wish::AsIs);
    assert_eq!(brick.samples()[..], ramp[20_000 - CAPACITY..][..BRICK_SAMPLES]);
    assert_eq!(stretcher.push(&ramp), 20_000 - BRICK_SAMPLES);
    assert_eq!(stretcher.available(), CAPACITY);
}

proptest! {
    #[test]
    fn whatever_comes_in_what_goes_out_is_finite_and_no_louder(
        steps in proptest::collection::vec((0usize..6000, any::<u32>(), 0u8..3, 0u8..4), 1..40),
    ) {
        let (mut stretcher, mut brick) = (Stretcher::new(), Pcm::SILENCE);
        let mut bound = 0.0f32;
        for (length, seed, wish, kind) in steps {
            let mut state = seed;
            let sound: Vec<f32> = (0..length).map(|n| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                match kind {
                    0 => f32::from_bits(state),
                    1 => (state >> 8) as f32 / 16_777_216.0 - 0.5,
                    2 => (n as f32 * (seed % 999) as f32 * 1e-4).sin(),
                    _ => 0.0,
                }
            }).collect();
            bound = sound.iter().filter(|s| s.is_finite()).fold(bound, |b, s| b.max(s.abs()));
            stretcher.push(&sound);
            let wish = [Wish::AsIs, Wish::Faster, Wish::Slower][usize::from(wish)];
            for _ in 0..3 {
                let before = stretcher.available();
                match stretcher.pull(&mut brick, wish) {
                    Some(more) => {
                        prop_assert_eq!(before as i32 - stretcher.available() as i32, BRICK_SAMPLES as i32 + more);
                        let direction = [0, 1, -1][wish as usize];
                        prop_assert_eq!(more.signum().abs(), more.signum() * direction);
                        prop_assert!(brick.samples().iter().all(|s| s.is_finite() && s.abs() <= bound));
                    }
                    None => prop_assert!(before < BRICK_SAMPLES),
                }
            }
        }
    }
}
