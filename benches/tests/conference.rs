//! A meeting of three sites in virtual time, in real speech: everybody hears everybody else and nobody themselves.

use giaoban_benches::hall::{Guest, Hall, Left};
use giaoban_benches::timeline::{SECOND, Timeline};
use giaoban_proto::testing::link::named;
use giaoban_proto::testing::measure::align;
use giaoban_proto::testing::run;
use giaoban_proto::unit::Level;
use std::time::Duration;

const NAMES: [&str; 3] = ["Tri Lễ", "Quế Phong", "Mường Nọc"];

/// Each in turn, then two at once, then all three.
fn three_sites() -> Timeline {
    Timeline::of(
        &["en", "fr", "ru"],
        &[(&[0], 6.0), (&[1], 6.0), (&[2], 6.0), (&[0, 1], 10.0), (&[0, 1, 2], 10.0)],
    )
}

/// Plays the meeting; returns what each site is left with and the hash of the traffic.
fn meet(seed: u64, timeline: &Timeline, kbps: u32, line: &str) -> (Vec<Left>, u64) {
    run(async {
        let mut hall = Hall::open(seed, 10).expect("a hall");
        let stays = Duration::from_secs_f64(timeline.len() as f64 / SECOND as f64);
        let guests = NAMES.into_iter().zip(&timeline.says).map(|(name, says)| Guest {
            name,
            says: says.clone(),
            muted: false,
            max_kbps: kbps,
            line: named(line).expect("a named line"),
            stays,
        });
        let seats: Vec<_> = guests.map(|guest| hall.seat(guest).expect("a seat")).collect();
        let mut left = Vec::new();
        for seat in seats {
            left.push(seat.leave().await.expect("no panic"));
        }
        (left, hall.net.trace_hash())
    })
}

fn check(timeline: &Timeline, left: &[Left], least: f64) {
    for turn in &timeline.turns {
        let mut lags = Vec::new();
        for (site, left) in left.iter().enumerate() {
            if turn.speakers == [site] {
                let echo = timeline.echo_db(site, turn, &left.heard);
                println!("{:?}: site {site} hears its own at {echo:.1} dB", turn.speakers);
                assert!(echo < -40.0);
                continue;
            }
            let heard = timeline.heard(site, turn, &left.heard);
            println!(
                "{:?}: site {site} hears the others {:.1} ms later, correlation {:.3}",
                turn.speakers,
                heard.lag_samples as f64 / 48.0,
                heard.correlation
            );
            assert!(heard.correlation > least, "{} is too little", heard.correlation);
            lags.push(heard.lag_samples);
        }
        lags.sort_unstable();
        for &speaker in turn.speakers.iter().filter(|_| turn.speakers.len() > 1) {
            let own = timeline.own_voice_db(speaker, turn, &left[speaker].heard, lags[lags.len() / 2]);
            println!("{:?}: site {speaker} has {own:.1} dB of its own voice", turn.speakers);
            assert!(own < -40.0);
        }
    }
}

#[test]
fn everybody_hears_everybody_else_and_nobody_themselves_at_24_kbps() {
    let timeline = three_sites();
    // A leg begins with four fifths of its cap: 24 kbit/s from the first word on.
    let (left, _) = meet(1, &timeline, 30, "clean");
    check(&timeline, &left, 0.9);
    for site in &left {
        assert_eq!(site.outcome.ending.exit_code(), 0);
        let last = site.figures.last().expect("figures");
        assert_eq!((last.lost, last.late, last.bad_datagrams), (0, 0, 0), "{last:?}");
        assert!(last.concealed_ms == 0, "{last:?}");
    }
}

#[test]
fn with_packets_of_twenty_milliseconds_sound_is_there_within_120_ms() {
    let timeline = three_sites();
    let (left, _) = meet(1, &timeline, 60, "clean");
    check(&timeline, &left, 0.9);
    let mut lags = Vec::new();
    for turn in timeline.turns.iter().filter(|turn| turn.speakers.len() == 1) {
        for (site, left) in left.iter().enumerate().filter(|(site, _)| turn.speakers != [*site]) {
            lags.push(timeline.heard(site, turn, &left.heard).lag_samples / 48);
        }
    }
    lags.sort_unstable();
    println!("mouth to ear, ms: {lags:?}");
    assert!(lags[lags.len() / 2] <= 120);
}

#[test]
fn the_same_seed_gives_the_same_traffic_and_another_gives_another() {
    let timeline = Timeline::of(&["en", "fr", "ru"], &[(&[0], 4.0), (&[0, 1], 4.0), (&[2], 4.0)]);
    let hash = |seed| meet(seed, &timeline, 24, "3g-edge").1;
    let first = hash(5);
    assert_eq!(first, hash(5));
    assert_ne!(first, hash(6));
}

#[test]
fn on_every_named_line_the_meeting_is_held_and_silence_stays_silent() {
    let timeline = Timeline::of(&["en", "fr", "ru"], &[(&[0], 6.0), (&[1], 6.0)]);
    for line in ["adsl-noise", "3g-edge", "edge-2g", "vsat", "hill", "storm"] {
        let (left, _) = meet(3, &timeline, 16, line);
        for (site, left) in left.iter().enumerate() {
            assert_eq!(left.outcome.ending.exit_code(), 0, "{line}: {:?}", left.outcome.ending);
            let heard = Level::of(&left.heard).dbfs();
            let said = align(&timeline.others(site), &left.heard, 3 * SECOND);
            println!("{line}: site {site} heard {heard:.1} dBFS, correlation {:.2}", said.correlation);
            assert!(heard > -60.0, "{line}: site {site} heard nothing");
        }
    }
}

#[test]
fn a_silent_meeting_on_a_bad_line_is_not_taken_for_a_lost_one() {
    for (line, most) in [("3g-edge", 0), ("hill", 3), ("storm", 6)] {
        let figures = run(async {
            let mut hall = Hall::open(4, 10).expect("a hall");
            let guest = |name| Guest {
                name,
                says: Vec::new(),
                muted: false,
                max_kbps: 16,
                line: named(line).expect("a named line"),
                stays: Duration::from_secs(180),
            };
            let seats: Vec<_> =
                NAMES.into_iter().map(|name| hall.seat(guest(name)).expect("a seat")).collect();
            let mut figures = Vec::new();
            for seat in seats {
                figures.push(seat.leave().await.expect("no panic").figures);
            }
            figures
        });
        for (site, figures) in figures.iter().enumerate() {
            let in_at = figures.iter().position(|second| second.state == "in_room").expect("it gets in");
            let lost = figures[in_at..]
                .windows(2)
                .filter(|w| w[0].state == "in_room" && w[1].state == "reconnecting");
            let lost = lost.count();
            let up = figures[in_at + 5..].iter().map(|second| second.up_kbps).sum::<f64>()
                / (figures.len() - in_at - 5) as f64;
            println!(
                "{line}: site {site} in after {in_at} s, thought its line lost {lost} times in 3 min, {up:.2} kbit/s up"
            );
            assert!(lost <= most);
        }
    }
}
