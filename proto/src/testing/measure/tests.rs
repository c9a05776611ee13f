//! Measures against mixtures whose answer is known.

use std::time::Duration;

use super::*;
use crate::testing::signal::{babble, chirp, noise, samples, sine};
use proptest::prelude::*;

const LEVEL: Level = Level::from_dbfs(-20.0);
const TEN: Duration = Duration::from_secs(10);

fn gain(db: f64) -> f32 {
    10f64.powf(db / 20.0) as f32
}

/// A sum of signals, each at its lag and gain in dB, `len` samples long.
fn mix(len: usize, parts: &[(&[f32], isize, f64)]) -> Vec<f32> {
    let mut sum = vec![0.0; len];
    for (signal, lag, db) in parts {
        let (begin, part) = Known { signal, lag: *lag }.within(len);
        sum[begin..].iter_mut().zip(part).for_each(|(s, x)| *s += x * gain(*db));
    }
    sum
}

#[test]
fn correlation_with_noise_is_what_theory_says() {
    let voice = babble(1, LEVEL, TEN);
    for snr_db in [20.0, 10.0, 0.0, -10.0] {
        let heard = mix(480_000, &[(&voice, 0, -6.0), (&noise(2, LEVEL, TEN), 0, -6.0 - snr_db)]);
        let theory = 1.0 / (1.0 + 10f64.powf(-snr_db / 10.0)).sqrt();
        let got = align(&voice, &heard, 48_000);
        assert_eq!(got.lag_samples, 0);
        assert!((got.correlation - theory).abs() < 0.01, "{snr_db} dB: {} {theory}", got.correlation);
    }
}

#[test]
fn a_lag_is_found_to_the_sample_either_way() {
    let voice = babble(3, LEVEL, TEN);
    for lag in [0, 1, -1, 4_801, -7_003, 48_000] {
        let heard = mix(500_000, &[(&voice, lag, -12.0)]);
        let got = align(&voice, &heard, 48_000);
        assert_eq!(got.lag_samples, lag);
        assert!(got.correlation > 0.999_999, "{lag}: {}", got.correlation);
    }
    let beyond = align(&voice, &mix(480_000, &[(&voice, 9_000, 0.0)]), 4_000);
    assert!(beyond.correlation < 0.5, "what lies beyond the greatest lag is not found: {beyond:?}");
}

#[test]
fn strangers_and_silence_do_not_correlate() {
    let (one, two) = (babble(4, LEVEL, TEN), babble(5, LEVEL, TEN));
    assert!(align(&one, &two, 24_000).correlation < 0.2);
    assert_eq!(align(&one, &[0.0; 480_000], 24_000), Alignment::default());
    assert_eq!(align(&[0.0; 480_000], &one, 24_000), Alignment::default());
    assert_eq!(align(&[], &one, 10), Alignment::default());
    assert_eq!(align(&one, &[], 10), Alignment::default());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "measures how long it takes")]
fn half_a_minute_is_aligned_quickly() {
    let voice = babble(6, LEVEL, TEN * 3);
    let heard = mix(voice.len(), &[(&voice, 60_000, -3.0)]);
    let before = std::time::Instant::now();
    assert_eq!(align(&voice, &heard, 96_000).lag_samples, 60_000);
    let took = before.elapsed();
    println!("aligning 30 s with 30 s took {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}, on whatever machine this is");
}

#[test]
fn a_planted_leak_is_measured_as_it_was_planted() {
    let [own, two, three] = [7, 8, 9].map(|seed| babble(seed, LEVEL, TEN));
    let len = 490_000;
    let others = [Known { signal: &two, lag: 5_000 }, Known { signal: &three, lag: 6_100 }];
    for planted in [-20.0, -40.0, -50.0] {
        let room = [(&two[..], 5_000, -1.0), (&three[..], 6_100, -4.0), (&own[..], 5_500, planted)];
        let heard = mix(len, &room);
        let got = leakage_db(Known { signal: &own, lag: 5_500 }, &others, &heard);
        assert!((got - planted).abs() < 0.1, "{planted}: {got}");

        // With noise 40 dB below the voices, as a good codec leaves none.
        let mut noisy = room.to_vec();
        let hiss = noise(1, LEVEL, TEN);
        noisy.push((&hiss, 0, -40.0));
        let heard = mix(len, &noisy);
        let got = leakage_db(Known { signal: &own, lag: 5_500 }, &others, &heard);
        assert!((got - planted).abs() < 2.0, "{planted} in noise: {got}");
        let (lag, worst) = worst_leak(Known { signal: &own, lag: 0 }, &others, &heard, 12_000);
        assert_eq!(lag, 5_500, "{planted}");
        assert!((worst - planted).abs() < 2.0, "{planted}, lag unknown: {worst}");
    }
}

#[test]
fn an_absent_leak_is_measured_as_absent() {
    let [own, two, three, hiss] =
        [babble(10, LEVEL, TEN), babble(11, LEVEL, TEN), babble(12, LEVEL, TEN), noise(13, LEVEL, TEN)];
    let heard = mix(480_000, &[(&two, 3_000, -1.0), (&three, 4_000, -4.0), (&hiss, 0, -40.0)]);
    let others = [Known { signal: &two, lag: 3_000 }, Known { signal: &three, lag: 4_000 }];
    let jointly = leakage_db(Known { signal: &own, lag: 3_500 }, &others, &heard);
    assert!(jointly < -60.0, "{jointly}");
    let (_, worst) = worst_leak(Known { signal: &own, lag: 0 }, &others, &heard, 12_000);
    assert!(worst < -55.0, "{worst}");
    let alone = projection_db(&own, &heard, 3_500);
    assert!(alone > jointly + 6.0, "without the others, chance counts: {alone} against {jointly}");
}

#[test]
fn where_nothing_can_be_told_no_assertion_of_smallness_passes() {
    let (own, other) = (babble(14, LEVEL, TEN), babble(15, LEVEL, TEN));
    assert_eq!(projection_db(&[0.0; 48_000], &own, 0), f64::INFINITY);
    let same = [Known { signal: &other, lag: 0 }, Known { signal: &own, lag: 0 }];
    assert_eq!(leakage_db(same[1], &same, &own), f64::INFINITY);
    assert_eq!(worst_leak(Known { signal: &[0.0; 100], lag: 0 }, &[], &own, 10).1, f64::INFINITY);
    assert!(projection_db(&own, &own, 0).abs() < 1e-9);
    let twice = [same[0], same[0]];
    let got = leakage_db(same[1], &twice, &mix(480_000, &[(&other, 0, 0.0), (&own, 0, -30.0)]));
    assert!((got + 30.0).abs() < 0.01, "one of the others named twice does no harm: {got}");
}

#[test]
fn a_filter_on_the_way_costs_no_correlation_and_does_not_make_friends_of_strangers() {
    let (voice, other) = (babble(18, LEVEL, TEN), babble(19, LEVEL, TEN));
    // A high-pass of 200 Hz turns phases as a codec's does.
    let (mut low, mut filtered) = (0.0f32, mix(482_000, &[(&voice, 1_500, -6.0)]));
    for sample in &mut filtered {
        low += (*sample - low) * 0.026;
        *sample -= low;
    }
    let lag = align(&voice, &filtered, 4_800).lag_samples;
    let plain = align(&voice, &filtered, 4_800).correlation;
    let through = filtered_correlation(&voice, &filtered, lag, 240);
    assert!(through > 0.995 && plain < through - 0.02, "{plain} {through}");

    let hiss = noise(20, LEVEL, TEN);
    let noisy = mix(482_000, &[(&voice, 1_500, -6.0), (&hiss, 0, -6.0)]);
    let theory = 0.5f64.sqrt();
    let got = filtered_correlation(&voice, &noisy, 1_500, 240);
    assert!((got - theory).abs() < 0.02, "{got} {theory}");
    let stranger = filtered_correlation(&other, &filtered, 1_500, 240);
    assert!(stranger < 0.15, "{stranger}");
    assert_eq!(filtered_correlation(&[0.0; 4800], &voice, 0, 240), 0.0);
    assert_eq!(filtered_correlation(&voice, &[0.0; 4800], 0, 240), 0.0);
}

#[test]
fn segments_follow_a_sound_that_was_stretched() {
    let voice = babble(16, LEVEL, TEN);
    // After half of it, everything comes 600 samples later.
    let mut heard = mix(500_000, &[(&voice[..240_000], 2_000, 0.0)]);
    let later = mix(500_000, &[(&voice[240_000..], 242_600, 0.0)]);
    heard.iter_mut().zip(later).for_each(|(h, l)| *h += l);
    let segments = align_segments(&voice, &heard, 48_000, 2_000, 2_000);
    let lags: Vec<isize> = segments.iter().map(|s| s.alignment.lag_samples).collect();
    assert_eq!(lags, [2_000, 2_000, 2_000, 2_000, 2_000, 2_600, 2_600, 2_600, 2_600, 2_600]);
    assert!(mean_correlation(&segments, Level::from_dbfs(-40.0)).unwrap() > 0.999);
    assert_eq!(median_lag(&segments[..4], Level::from_dbfs(-40.0)), Some(2_000));
    assert_eq!(mean_correlation(&segments, Level::from_dbfs(0.0)), None);
}

#[test]
fn levels_are_those_of_known_signals() {
    assert!((level_db(&sine(1000.0, LEVEL, TEN)) + 20.0).abs() < 0.01);
    assert!((level_db(&chirp(100.0, 4000.0, LEVEL, TEN)) + 20.0).abs() < 0.01);
    assert_eq!(level_db(&[0.0; 100]), FLOOR_DB);
    assert_eq!(level_db(&[]), FLOOR_DB);
    assert_eq!(segment_levels(&[1.0, 1.0, 0.0], 2), [0.0, FLOOR_DB]);
}

#[test]
fn holes_are_found_where_they_were_cut() {
    let mut tone = sine(440.0, LEVEL, TEN);
    tone[100_000..102_880].fill(0.0);
    tone[200_000..200_960].fill(0.0);
    let hole = longest_hole(&tone, Level::from_dbfs(-60.0));
    assert!(hole.start.abs_diff(100_000) < 4 && hole.len.abs_diff(2_880) < 8, "{hole:?}");
    assert_eq!(longest_hole(&[], LEVEL), Hole::default());
}

#[test]
fn what_is_missing_is_told_from_a_pause() {
    let voice = babble(17, LEVEL, TEN);
    let (spoken, silent) = (Level::from_dbfs(-40.0), Level::from_dbfs(-60.0));
    let mut heard = mix(490_000, &[(&voice, 5_000, -3.0)]);
    assert_eq!(longest_missing(&voice, &heard, 5_000, spoken, silent).len, 0);
    // 200 ms out of the loudest second.
    let loud = segment_levels(&voice, 9_600);
    let at = (0..loud.len()).max_by(|a, b| loud[*a].total_cmp(&loud[*b])).unwrap() * 9_600;
    heard[at + 5_000..at + 14_600].fill(0.0);
    let hole = longest_missing(&voice, &heard, 5_000, spoken, silent);
    assert!(hole.start >= at && hole.start + hole.len <= at + 9_600, "{hole:?} at {at}");
    assert!(hole.len > 4_800, "{hole:?}");
    let nothing = longest_missing(&voice, &[], 0, spoken, silent);
    assert!(nothing.len > samples(Duration::from_millis(100)));
}

proptest! {
    #[test]
    fn no_signals_and_no_lags_panic(
        a in proptest::collection::vec(-1.0f32..1.0, 0..50),
        b in proptest::collection::vec(-1.0f32..1.0, 0..50),
        lag in prop_oneof![-60isize..60, Just(isize::MIN), Just(isize::MAX)],
        max_lag in prop_oneof![0usize..80, Just(usize::MAX)],
        len in 0usize..20,
    ) {
        let got = align(&a, &b, max_lag);
        prop_assert!(got.correlation.abs() <= 1.0 + 1e-6);
        prop_assert!(got.lag_samples.unsigned_abs() <= max_lag);
        prop_assert!(align_segments(&a, &b, len, lag, max_lag).len() <= a.len());
        let own = Known { signal: &a, lag };
        let leak = leakage_db(own, &[Known { signal: &b, lag: 1 }], &b);
        prop_assert!(!leak.is_nan());
        prop_assert!((0.0..=1.0).contains(&filtered_correlation(&a, &b, lag, len)));
        prop_assert!(!worst_leak(own, &[own], &b, max_lag).1.is_nan());
        prop_assert!(longest_missing(&a, &b, lag, LEVEL, LEVEL).len <= a.len() + BLOCK);
        prop_assert!(longest_hole(&b, LEVEL).len <= b.len());
    }
}
