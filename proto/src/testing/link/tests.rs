//! Each property of a link, measured over 100,000 packets.

use super::*;
use crate::testing::clock;
use proptest::prelude::*;

const PACKETS: u32 = 100_000;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Sends `PACKETS` of `bytes` every `gap` and returns what became of each, times counted from the start.
fn measure(config: LinkConfig, seed: u64, gap: Duration, bytes: usize) -> Vec<(Duration, Deliveries)> {
    let start = clock::now();
    let mut link = Link::new(config, seed, start);
    (0..PACKETS).map(|n| (gap * n, link.send(start + gap * n, bytes))).collect()
}

fn share(sent: &[(Duration, Deliveries)], fate: Fate) -> f64 {
    sent.iter().filter(|(_, d)| d.fate() == fate).count() as f64 / sent.len() as f64
}

/// Mean and greatest length of the runs of packets with this fate.
fn runs(sent: &[(Duration, Deliveries)], fate: Fate) -> (f64, usize) {
    let lengths: Vec<usize> = sent
        .chunk_by(|(_, a), (_, b)| (a.fate() == fate) == (b.fate() == fate))
        .filter(|run| run[0].1.fate() == fate)
        .map(<[_]>::len)
        .collect();
    (lengths.iter().sum::<usize>() as f64 / lengths.len() as f64, *lengths.iter().max().unwrap_or(&0))
}

/// Seconds under way of each packet that arrived.
fn delays(config: &LinkConfig) -> Vec<f64> {
    let start = clock::now();
    let mut link = Link::new(config.clone(), 5, start);
    let mut all = Vec::new();
    for n in 0..PACKETS {
        let now = start + ms(200) * n;
        all.extend(link.send(now, 100).iter().map(|at| (at - now).as_secs_f64()));
    }
    all
}

#[test]
fn random_loss_is_as_asked_and_comes_singly() {
    let sent = measure(LinkConfig { loss: Loss::Random(0.2), ..LinkConfig::default() }, 1, ms(20), 100);
    assert!((share(&sent, Fate::Lost) - 0.2).abs() < 0.005, "{}", share(&sent, Fate::Lost));
    // A run goes on with the probability of a loss: the mean length is 1 / (1 - p).
    assert!((runs(&sent, Fate::Lost).0 - 1.25).abs() < 0.02, "{:?}", runs(&sent, Fate::Lost));
}

#[test]
fn burst_loss_has_the_share_and_the_length_asked_for() {
    for (mean_len, p) in [(3.0, 0.02), (3.0, 0.1), (3.0, 0.3), (8.0, 0.2), (1.0, 0.1)] {
        let sent = measure(
            LinkConfig { loss: Loss::Bursts { mean_len, p }, ..LinkConfig::default() },
            2,
            ms(20),
            100,
        );
        let (length, lost) = (runs(&sent, Fate::Lost).0, share(&sent, Fate::Lost));
        assert!((lost - p).abs() < 0.1 * p + 0.002, "{mean_len} {p}: lost {lost}");
        assert!((length - mean_len).abs() < 0.1 * mean_len, "{mean_len} {p}: length {length}");
    }
    let short = Loss::Bursts { mean_len: 1.0, p: 0.8 };
    let sent = measure(LinkConfig { loss: short, ..LinkConfig::default() }, 3, ms(20), 100);
    assert!((share(&sent, Fate::Lost) - 0.8).abs() < 0.01, "the share holds where the length cannot");
}

#[test]
fn delay_and_jitter_are_as_asked() {
    let base = LinkConfig { delay: ms(100), ..LinkConfig::default() };
    for (jitter, mean) in [
        (Jitter::None, 0.0),
        (Jitter::Uniform(ms(80)), 0.040),
        (Jitter::Bell(ms(80)), 0.040),
        (Jitter::Tail(ms(80)), 0.016),
    ] {
        let delays = delays(&LinkConfig { jitter, ..base.clone() });
        let measured = delays.iter().sum::<f64>() / delays.len() as f64 - 0.1;
        assert!((measured - mean).abs() < 0.001, "{jitter:?}: {measured}");
        assert!(delays.iter().all(|d| (0.1..=0.18).contains(d)), "{jitter:?}");
    }
}

#[test]
fn jitter_bunches_packets_but_does_not_reorder_them() {
    let config = LinkConfig { jitter: Jitter::Uniform(ms(200)), ..LinkConfig::default() };
    let arrivals: Vec<Instant> =
        measure(config, 4, ms(5), 100).iter().flat_map(|(_, d)| d.iter().collect::<Vec<_>>()).collect();
    assert_eq!(arrivals.len(), PACKETS as usize);
    assert!(arrivals.is_sorted());
}

#[test]
fn reordering_and_copies_happen_as_often_as_asked() {
    let config = LinkConfig { reorder: 0.05, reorder_by: ms(50), duplicate: 0.1, ..LinkConfig::default() };
    let sent = measure(config, 5, ms(20), 100);
    assert!((share(&sent, Fate::Duplicated) - 0.1).abs() < 0.005);
    let firsts: Vec<Instant> = sent.iter().filter_map(|(_, d)| d.iter().next()).collect();
    let late = firsts.windows(2).filter(|pair| pair[0] > pair[1]).count() as f64 / firsts.len() as f64;
    // Of those held back, the one whose follower is held back too is not overtaken by it.
    assert!((late - 0.05 * 0.95).abs() < 0.004, "{late}");
    for (_, delivery) in &sent {
        let times: Vec<Instant> = delivery.iter().collect();
        assert!(times.is_sorted());
        assert_eq!(times.len(), if delivery.fate() == Fate::Duplicated { 2 } else { 1 });
    }
}

#[test]
fn an_overloaded_line_carries_its_rate_and_its_queue_is_bounded() {
    let rate = Some(Bitrate::from_kbps(24));
    for (queue, most) in [(Queue::Time(ms(500)), 0.5), (Queue::Bytes(3000), 1.0)] {
        // 128 B every 20 ms are 51.2 kbit/s, twice what the line carries.
        let sent = measure(LinkConfig { rate, queue, delay: ms(0), ..LinkConfig::default() }, 6, ms(20), 128);
        let carried = 128.0 * 8.0 * sent.iter().filter(|(_, d)| d.fate().arrives()).count() as f64;
        let kbps = carried / (f64::from(PACKETS) * 0.02) / 1000.0;
        assert!((kbps - 24.0).abs() < 0.1, "{kbps}");
        assert!((share(&sent, Fate::QueueFull) - (1.0 - 24.0 / 51.2)).abs() < 0.005);
        let start = sent[0].1.iter().next().unwrap() - Duration::from_nanos(128 * 8 * 1_000_000 / 24);
        let waits: Vec<f64> = sent
            .iter()
            .flat_map(|(at, d)| d.iter().map(move |t| (t - start).as_secs_f64() - at.as_secs_f64()))
            .collect();
        let worst = waits.iter().copied().fold(0.0, f64::max);
        assert!(worst <= most && worst > most - 0.06, "{queue:?}: {worst}");
    }
}

#[test]
fn an_empty_queue_takes_a_packet_larger_than_itself_and_a_dead_line_takes_none() {
    let start = clock::now();
    let config =
        LinkConfig { rate: Some(Bitrate::from_kbps(8)), queue: Queue::Bytes(100), ..LinkConfig::default() };
    let mut link = Link::new(config.clone(), 7, start);
    assert_eq!(link.send(start, 1228).iter().next(), Some(start + ms(1228 + 1)));
    assert_eq!(link.send(start, 100).fate(), Fate::QueueFull);
    link.set_config(LinkConfig { rate: Some(Bitrate::from_bps(0)), ..config });
    assert_eq!(link.send(start + ms(2000), 100).fate(), Fate::QueueFull);
}

#[test]
fn outages_take_what_is_sent_in_them_and_nothing_else() {
    let periodic = Outages::Periodic { every: ms(60_000), away: ms(20_000) };
    let spans = Outages::Spans(vec![(ms(1_000), ms(2_000)), (ms(5_000), ms(5_500))]);
    for outages in [periodic, spans] {
        let sent = measure(LinkConfig { outages: outages.clone(), ..LinkConfig::default() }, 8, ms(20), 100);
        for (at, delivery) in &sent {
            assert_eq!(delivery.fate() == Fate::Away, outages.away_at(*at), "{at:?}");
        }
    }
    let blackout = named("blackout").unwrap().0.outages;
    let away: Vec<bool> = [0, 39, 40, 59, 60, 100].map(|s| blackout.away_at(ms(s * 1000))).to_vec();
    assert_eq!(away, [false, false, true, true, false, true]);
}

#[test]
fn what_leaves_the_queue_during_an_outage_is_lost_too() {
    let start = clock::now();
    let config = LinkConfig {
        rate: Some(Bitrate::from_kbps(8)),
        outages: Outages::Spans(vec![(ms(150), ms(1_000))]),
        ..LinkConfig::default()
    };
    let mut link = Link::new(config, 9, start);
    let fates: Vec<Fate> = (0..3).map(|_| link.send(start, 100).fate()).collect();
    assert_eq!(fates, [Fate::Delivered, Fate::Away, Fate::Away]);
}

#[test]
fn the_same_seed_gives_the_same_line_and_another_seed_another() {
    let config = named("storm").unwrap().0;
    let start = clock::now();
    let trace = |seed| {
        let mut link = Link::new(config.clone(), seed, start);
        (0..1000u32).map(|n| link.send(start + ms(60) * n, 120)).collect::<Vec<_>>()
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1), trace(2));
}

/// A change here moves every recorded result: do it knowingly.
#[test]
fn what_a_seed_means_stays_the_same() {
    let start = clock::now();
    let config = LinkConfig { jitter: Jitter::Uniform(ms(150)), duplicate: 0.1, ..named("storm").unwrap().0 };
    let mut link = Link::new(config, 1, start);
    let sent: Vec<Deliveries> = (0..60u32).map(|n| link.send(start + ms(1000) * n, 120)).collect();
    let fates: String = sent.iter().map(|d| char::from(b'0' + d.fate() as u8)).collect();
    assert_eq!(fates, "000222200000000000220000000100022000022222010001002220222022");
    let nanos: Vec<u128> =
        sent[..3].iter().flat_map(|d| d.iter().map(|at| (at - start).as_nanos())).collect();
    assert_eq!(nanos, [248_405_120, 1_374_007_297, 2_254_432_892]);
}

#[test]
fn turning_up_the_jitter_leaves_the_losses_where_they_were() {
    let losses = |jitter| {
        let config = LinkConfig { jitter, loss: Loss::Random(0.1), ..LinkConfig::default() };
        measure(config, 10, ms(20), 100).iter().map(|(_, d)| d.fate()).collect::<Vec<_>>()
    };
    assert_eq!(losses(Jitter::None), losses(Jitter::Tail(ms(300))));
}

#[test]
fn every_named_line_measures_as_its_table_says() {
    for name in NAMES {
        let (up, down) = named(name).unwrap();
        assert_eq!(up, down, "{name}");
        let lost = match up.loss {
            Loss::None => 0.0,
            Loss::Random(p) | Loss::Bursts { p, .. } => p,
        };
        let sent = measure(LinkConfig { outages: Outages::None, ..up }, 11, ms(100), 120);
        assert!((share(&sent, Fate::Lost) - lost).abs() < 0.1 * lost + 1e-9, "{name}");
    }
    assert_eq!(named("hill").unwrap().0.delay, ms(150));
    assert_eq!(named("nowhere"), None);
}

fn any_duration() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::MAX), any::<u64>().prop_map(Duration::from_nanos)]
}

fn any_share() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..=1.0, proptest::num::f64::ANY]
}

fn any_config() -> impl Strategy<Value = LinkConfig> {
    let jitter = (0..4, any_duration()).prop_map(|(kind, most)| match kind {
        0 => Jitter::None,
        1 => Jitter::Uniform(most),
        2 => Jitter::Bell(most),
        _ => Jitter::Tail(most),
    });
    let loss = (0..3, any_share(), any_share()).prop_map(|(kind, p, mean_len)| match kind {
        0 => Loss::None,
        1 => Loss::Random(p),
        _ => Loss::Bursts { mean_len, p },
    });
    let queue = prop_oneof![any::<usize>().prop_map(Queue::Bytes), any_duration().prop_map(Queue::Time)];
    let outages = prop_oneof![
        Just(Outages::None),
        (any_duration(), any_duration()).prop_map(|span| Outages::Spans(vec![span])),
        (any_duration(), any_duration()).prop_map(|(every, away)| Outages::Periodic { every, away }),
    ];
    let shares = (any_share(), any_share());
    let rate = proptest::option::of(any::<u32>().prop_map(Bitrate::from_bps));
    (any_duration(), jitter, loss, shares, any_duration(), rate, queue, outages).prop_map(
        |(delay, jitter, loss, (reorder, duplicate), reorder_by, rate, queue, outages)| LinkConfig {
            delay,
            jitter,
            loss,
            reorder,
            reorder_by,
            duplicate,
            rate,
            queue,
            outages,
        },
    )
}

proptest! {
    #[test]
    fn no_configuration_panics_and_nothing_arrives_before_it_was_sent(
        config in any_config(),
        seed: u64,
        sends in proptest::collection::vec((0u64..1 << 40, any::<usize>()), 1..50),
    ) {
        let start = clock::now();
        let mut link = Link::new(config, seed, start);
        for (nanos, bytes) in sends {
            let now = start + Duration::from_nanos(nanos);
            let delivery = link.send(now, bytes);
            prop_assert!(delivery.iter().all(|at| at >= now));
            prop_assert_eq!(delivery.iter().count() > 0, delivery.fate().arrives());
        }
    }
}
