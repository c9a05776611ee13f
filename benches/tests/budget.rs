//! A commune that pays by the megabyte, in virtual time and real speech: a meeting costs what it may, and where that is
//! not enough for its words, the words go on and the person knows.

use giaoban_benches::hall::{Guest, Hall, Left};
use giaoban_benches::timeline::{SECOND, Timeline};
use giaoban_proto::testing::link::named;
use giaoban_proto::testing::run;
use std::net::IpAddr;
use std::time::Duration;

/// Four minutes: the district speaks, the commune answers in between, and the district has the last word.
fn meeting() -> Timeline {
    let turns = [(&[0][..], 48.0), (&[1][..], 8.0)];
    Timeline::of(
        &["en", "fr"],
        &turns.into_iter().cycle().take(9).chain([(&[0][..], 10.0)]).collect::<Vec<_>>(),
    )
}

/// Plays it; what the commune is left with, and the bytes that passed its line both ways.
fn meet(timeline: &Timeline, max_bytes: u64) -> (Left, u64) {
    run(async {
        let mut hall = Hall::open(1, 10).expect("a hall");
        let stays = Duration::from_secs_f64(timeline.len() as f64 / SECOND as f64);
        let guest = |name, site: usize| Guest {
            name,
            says: timeline.says[site].clone(),
            muted: false,
            max_kbps: 0,
            line: named("clean").expect("a named line"),
            stays,
        };
        let district = hall.seat(guest("district", 0)).expect("a seat");
        let commune = hall.seat_within(guest("commune", 1), max_bytes).expect("a seat");
        let IpAddr::V4(ip) = commune.ip else { panic!("an address of the hall's") };
        let IpAddr::V4(bridge) = giaoban_benches::hall::BRIDGE.ip() else {
            panic!("an address of the hall's")
        };
        district.leave().await.expect("no panic");
        let left = commune.leave().await.expect("no panic");
        let passed = [(ip, bridge), (bridge, ip)].map(|(from, to)| hall.net.counters(from, to).bytes);
        (left, passed.iter().sum())
    })
}

/// The last word is heard; nothing was lost, and what was a guess was as packets became longer: when it came in (0.1 s), and
/// when it began to listen only.
fn hears_all(timeline: &Timeline, left: &Left) {
    let last = left.figures.last().expect("figures");
    let heard = timeline.heard(1, timeline.turns.last().expect("a turn"), &left.heard);
    println!("{} MB, last word {heard:?}", last.mb);
    assert!(last.lost == 0 && last.concealed_ms <= 200, "{last:?}");
    assert!(heard.correlation > 0.6, "{heard:?}");
}

fn told(left: &Left, what: &str) -> usize {
    left.said.iter().filter(|said| said.contains(what)).count()
}

#[test]
fn what_a_meeting_would_cost_by_itself_is_cut_to_what_it_may_and_every_word_comes() {
    let timeline = meeting();
    let (free, passed) = meet(&timeline, 100_000_000);
    assert!(told(&free, "MB") == 0 && passed > 700_000, "{passed} B, {:?}", free.said);
    let (left, passed) = meet(&timeline, 480_000);
    hears_all(&timeline, &left);
    let last = left.figures.last().expect("figures");
    assert!(passed <= 480_000 && (last.mb - passed as f64 / 1e6).abs() < 0.002, "{passed} B, {} MB", last.mb);
    assert_eq!((last.max_mb, told(&left, "are used; "), told(&left, "used up")), (Some(0.48), 1, 0));
    // It is the bridge that sends less, and the commune that does.
    let settled = &left.figures[100];
    assert!((8..=14).contains(&settled.down_rung) && settled.up_rung <= settled.down_rung, "{settled:?}");
}

#[test]
fn what_is_too_little_for_words_is_told_and_the_words_go_on() {
    let timeline = meeting();
    let (left, passed) = meet(&timeline, 150_000);
    hears_all(&timeline, &left);
    assert_eq!((told(&left, "are used; "), told(&left, "used up")), (1, 1));
    // At the lowest rate, what was beyond the budget too.
    let last = left.figures.last().expect("figures");
    assert_eq!((last.up_rung, last.down_rung), (8, 8));
    assert!(passed < 340_000, "{passed} B");
}
