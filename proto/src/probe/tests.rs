//! Two ends over two seeded links, without sockets, QUIC or a clock.

use super::*;
use crate::testing::link::{IP_UDP_HEADERS, Jitter, Link, LinkConfig, Loss, Queue, named};
use crate::wire::{MAX_DATAGRAM_BYTES, Probe, Word};
use std::time::Instant;

/// What QUIC adds, so that the links see what they would.
const AROUND: usize = IP_UDP_HEADERS + 22;

/// How long only words go, before and after the climb.
const TRICKLE: Duration = Duration::from_secs(5);

#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
fn start() -> Instant {
    Instant::now()
}

struct Way {
    link: Link,
    arriving: std::collections::BTreeMap<(Instant, u64), Vec<u8>>,
    sent: u64,
    /// Packets that a full queue did not have to refuse, and how many of them were lost.
    fates: (u64, u64),
}

impl Way {
    fn new(config: LinkConfig, seed: u64, start: Instant) -> Self {
        Self {
            link: Link::new(config, seed, start),
            arriving: std::collections::BTreeMap::new(),
            sent: 0,
            fates: (0, 0),
        }
    }

    fn send_all(&mut self, now: Instant, from: &mut End) {
        while let Some(Outgoing { probe, length }) = from.poll_send(now) {
            let bytes = probe.encode(&mut [0; MAX_DATAGRAM_BYTES], length).to_vec();
            let deliveries = self.link.send(now, bytes.len() + AROUND);
            self.fates.0 += 1;
            self.fates.1 += u64::from(!deliveries.fate().arrives());
            for arrival in deliveries.iter() {
                self.sent += 1;
                self.arriving.insert((arrival, self.sent), bytes.clone());
            }
        }
    }

    fn arrive(&mut self, now: Instant, to: &mut End) {
        while let Some(first) = self.arriving.first_entry().filter(|first| first.key().0 <= now) {
            let bytes = first.remove();
            to.handle_probe(now, &Probe::decode(&bytes).expect("our own"), bytes.len());
        }
    }
}

/// A whole climb of `near` over a line; the two ends after it, and what was lost on the way up.
fn climb(line: (LinkConfig, LinkConfig), seed: u64) -> (End, End, f64) {
    let start = start();
    let (mut near, mut far) = (End::new(start, (AROUND, AROUND)), End::new(start, (AROUND, AROUND)));
    let (mut up, mut down) = (Way::new(line.0, seed * 2, start), Way::new(line.1, seed * 2 + 1, start));
    let mut now = start;
    while now < start + TRICKLE * 2 + CLIMB {
        if now >= start + TRICKLE {
            near.climb(now);
        }
        up.arrive(now, &mut far);
        down.arrive(now, &mut near);
        up.send_all(now, &mut near);
        down.send_all(now, &mut far);
        now += Duration::from_millis(1);
    }
    let lost = up.fates.1 as f64 / up.fates.0 as f64;
    (near, far, lost)
}

fn slow(kbps: u32) -> (LinkConfig, LinkConfig) {
    let one_way = LinkConfig {
        delay: Duration::from_millis(150),
        rate: Some(Bitrate::from_kbps(kbps)),
        ..LinkConfig::default()
    };
    (one_way.clone(), one_way)
}

#[test]
fn the_rate_of_a_line_is_measured_within_a_fifth() {
    for kbps in [4, 6, 9, 14, 20, 28, 40, 56] {
        let figures = climb(slow(kbps), 1).1.figures();
        let off = f64::from(figures.rate.bps()) / f64::from(kbps) / 1000.0;
        println!("{kbps} kbit/s: {figures:?}");
        assert!((0.8..1.2).contains(&off) && !figures.or_more, "{kbps}: {figures:?}");
        assert_eq!((figures.loss, figures.burst), (0.0, 0.0), "{kbps}: {figures:?}");
    }
    let wide = climb(slow(1000), 1).1.figures();
    assert_eq!((wide.rate, wide.or_more), (Bitrate::from_kbps(64), true), "{wide:?}");
}

#[test]
fn the_named_lines_are_known_for_what_they_are() {
    for (name, kbps, loss, round_trip_ms, jitter_ms) in [
        ("clean", 64, 0.0, 2, 0),
        ("adsl-noise", 64, 0.02, 50, 0),
        ("3g-edge", 64, 0.03, 250, 80),
        ("edge-2g", 32, 0.05, 500, 150),
        ("vsat", 64, 0.01, 600, 0),
        ("hill", 16, 0.1, 300, 0),
        ("storm", 24, 0.3, 400, 0),
        ("lossy20", 24, 0.2, 300, 0),
    ] {
        let mut off = Vec::new();
        for seed in 1..=20 {
            let (near, far, lost) = climb(named(name).expect("a line"), seed);
            let figures = far.figures();
            let rate = f64::from(figures.rate.bps()) / f64::from(kbps) / 1000.0;
            assert!((0.75..=1.25).contains(&rate), "{name} {seed}: {figures:?}");
            assert!((figures.loss - lost).abs() < 0.05, "{name} {seed}: {lost} lost, {figures:?}");
            let round = near.round_trip().expect("measured");
            let slack = Duration::from_millis(jitter_ms * 2 + 120);
            let known = Duration::from_millis(round_trip_ms);
            assert!(known <= round && round <= known + slack, "{name} {seed}: {round:?}");
            let jitter = figures.jitter.as_millis() as u64;
            assert!(jitter >= jitter_ms / 2 && jitter <= jitter_ms + 40, "{name} {seed}: {figures:?}");
            off.push((figures.loss - loss).abs());
        }
        off.sort_by(f64::total_cmp);
        println!("{name}: loss off by {:.3} in the median, {:.3} at most", off[10], off[19]);
        assert!(off[10] < 0.05, "{name}: {off:?}");
    }
}

#[test]
fn a_line_that_drops_what_is_too_much_is_not_taken_for_a_wide_one() {
    let short = |mut config: LinkConfig| {
        config.queue = Queue::Time(Duration::from_millis(100));
        config
    };
    for kbps in [14, 20, 40] {
        let (up, down) = slow(kbps);
        let figures = climb((short(up), short(down)), 1).1.figures();
        let off = f64::from(figures.rate.bps()) / f64::from(kbps) / 1000.0;
        assert!((0.75..1.25).contains(&off), "{kbps}: {figures:?}");
        assert!(figures.loss < 0.05, "{kbps}: {figures:?}");
    }
}

#[test]
fn nobody_climbs_on_when_told_that_it_is_too_much() {
    let (near, far, _) = climb(slow(16), 1);
    // The step that was too much was not the last, and the ones after it were spared.
    assert!((4..=5).contains(&far.gauge().highest_step()), "{}", far.gauge().highest_step());
    assert!(near.step().is_none());
    assert!(far.gauge().queued() < CARRIED, "it has drained: {:?}", far.gauge().queued());
    assert!(near.sent_bytes() < 25_000, "{}", near.sent_bytes());
}

#[test]
fn the_staircase_is_climbed_once_and_costs_what_is_said() {
    let (mut near, far, _) = climb(named("clean").expect("a line"), 1);
    let bytes = near.sent_bytes();
    assert!((40_000..60_000).contains(&bytes), "{bytes}");
    assert!(near.gauge().received() + far.gauge().received() < 1500);
    near.climb(start());
    assert!(near.step().is_none());
}

#[test]
fn jitter_alone_is_no_overload() {
    for seed in 1..=20 {
        let shaky = LinkConfig {
            delay: Duration::from_millis(200),
            jitter: Jitter::Tail(Duration::from_millis(200)),
            loss: Loss::Random(0.1),
            ..LinkConfig::default()
        };
        let (_, far, _) = climb((shaky.clone(), shaky), seed);
        let figures = far.figures();
        println!("{seed}: highest {} {figures:?}", far.gauge().highest_step());
        assert!(figures.or_more, "{seed}: {figures:?}");
    }
}

#[test]
fn nonsense_is_survived_and_remembered_only_so_far() {
    let now = start();
    let mut end = End::new(now, (AROUND, AROUND));
    let mut rng = crate::testing::rng::Rng::new(1);
    for n in 0..20_000u64 {
        let chance = rng.next_u64();
        let probe = Probe {
            step: (chance % 8) as u8,
            number: (chance >> 8) as u16,
            sent_ms: (chance >> 24) as u16,
            word: (chance >> 40 & 1 == 1)
                .then_some(Word { queued_ms: (chance >> 41) as u16, ..Word::default() }),
        };
        let at = now + Duration::from_micros(n * 700);
        end.handle_probe(at, &probe, (chance >> 50) as usize % 1200);
        if n % 500 == 0 {
            let figures = end.figures();
            assert!((0.0..=1.0).contains(&figures.loss), "{figures:?}");
            while end.poll_send(at).is_some() {}
        }
    }
    assert!(end.gauge().received() <= gauge::MAX_RECORDS as u64);
    assert!(end.round_trip().is_none());
}
