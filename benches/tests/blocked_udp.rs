//! Sites whose network lets no UDP through, in virtual time: whole clients and the whole bridge.

use giaoban_benches::hall::{BRIDGE, Guest, Hall, Left};
use giaoban_benches::timeline::{SECOND, Timeline};
use giaoban_bridge::shell::tunnels;
use giaoban_client::stats::Stats;
use giaoban_proto::testing::link::{LinkConfig, Loss, Outages, Queue, named};
use giaoban_proto::testing::run;
use giaoban_proto::unit::Bitrate;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::sleep;

fn blocked() -> LinkConfig {
    LinkConfig { loss: Loss::Random(1.0), ..LinkConfig::default() }
}

/// A slow line far away.
fn slow(outages: Outages) -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(100),
        rate: Some(Bitrate::from_bps(64_000)),
        queue: Queue::Time(Duration::from_secs(2)),
        outages,
        ..LinkConfig::default()
    }
}

/// Takes tunnels on TCP port 443, until aborted.
fn open_door(hall: &Hall) -> JoinHandle<()> {
    let listener = hall.net.listen(SocketAddr::new(BRIDGE.ip(), 443));
    tokio::spawn(tunnels::serve(listener, hall.tunnels.clone()))
}

struct Meeting {
    hall: Hall,
    left: Vec<Left>,
}

/// The first of two sites has this line to the bridge, and no UDP passes on it at first; the second has a good one.
/// What else happens is `then`.
async fn meet(
    timeline: &Timeline,
    line: LinkConfig,
    then: impl AsyncFnOnce(&Hall, IpAddr, &JoinHandle<()>),
) -> Meeting {
    let stays = Duration::from_secs_f64(timeline.len() as f64 / SECOND as f64);
    let mut hall = Hall::open(7, 10).expect("a hall");
    let serving = open_door(&hall);
    let mut seats = Vec::new();
    for (n, says) in timeline.says.iter().enumerate() {
        let udp = if n == 0 { blocked() } else { LinkConfig::default() };
        let (name, says) = (["Tri Lễ", "Quế Phong"][n], says.clone());
        let guest = Guest { name, says, muted: false, max_kbps: 24, line: (udp.clone(), udp), stays };
        seats.push(hall.seat(guest).expect("a seat"));
    }
    let ip = seats[0].ip;
    hall.net.connect(ip, BRIDGE.ip(), line.clone(), line);
    then(&hall, ip, &serving).await;
    let mut left = Vec::new();
    for seat in seats {
        left.push(seat.leave().await.expect("no panic"));
    }
    serving.abort();
    for site in &left {
        assert_eq!(site.outcome.ending.exit_code(), 0);
    }
    Meeting { hall, left }
}

/// How late each site hears the other in each turn, in milliseconds.
fn lags(timeline: &Timeline, left: &[Left]) -> Vec<f64> {
    let spoken = timeline.turns.iter().filter(|turn| !turn.speakers.is_empty());
    let heard = spoken.map(|turn| {
        let listener = 1 - turn.speakers[0];
        // By seconds: whoever has only listened for a while hears a turn's first seconds slower or faster.
        let found = timeline.heard_by_seconds(listener, turn, &left[listener].heard);
        let ms = found.lag_samples as f64 / 48.0;
        println!("{:?} is heard {ms:.0} ms later, correlation {:.3}", turn.speakers, found.correlation);
        assert!(found.correlation > 0.7, "{found:?}");
        ms
    });
    heard.collect()
}

/// Seconds at which the way changes, and to what.
fn ways(figures: &[Stats]) -> Vec<(u32, Option<&'static str>)> {
    let mut ways: Vec<(u32, Option<&'static str>)> = Vec::new();
    for line in figures.iter().filter(|line| line.state != "closed") {
        if ways.last().is_none_or(|(_, way)| *way != line.path) {
            ways.push((line.t_s as u32, line.path));
        }
    }
    ways
}

async fn at(hall: &Hall, second: u64) {
    sleep(Duration::from_secs(second).saturating_sub(hall.elapsed())).await;
}

#[test]
fn a_site_without_udp_is_in_within_five_seconds_and_goes_back_when_udp_comes() {
    run(async {
        let none: &[usize] = &[];
        let timeline = Timeline::of(
            &["en", "fr"],
            &[(none, 6.0), (&[0], 5.0), (&[1], 5.0), (none, 20.0), (&[0], 5.0), (&[1], 5.0)],
        );
        let Meeting { hall, left } = meet(&timeline, LinkConfig::default(), async |hall, ip, _| {
            at(hall, 25).await;
            hall.net.connect(ip, BRIDGE, LinkConfig::default(), LinkConfig::default());
        })
        .await;
        let figures = &left[0].figures;
        println!("ways: {:?}", ways(figures));
        let [(1, None), (in_at, Some("tcp")), (back_at, Some("udp"))] = ways(figures)[..] else {
            panic!("{:?}", ways(figures))
        };
        assert!(in_at <= 5 && (26..40).contains(&back_at));
        // What the person allows is what it costs, headers of TCP included.
        let asked =
            |second: u32| figures.iter().find(|line| line.t_s as u32 == second).map(|line| line.down_rung);
        assert_eq!((asked(in_at + 2), asked(back_at + 2)), (Some(20), Some(24)));
        // The connection is the same all the time, and so is its numbering.
        let last = figures.last().expect("figures");
        assert_eq!((last.reconnects, last.bad_datagrams), (0, 0));
        assert!(last.lost <= 1, "{last:?}");
        assert!(figures.iter().skip(5).all(|line| matches!(line.state, "in_room" | "closed")));
        let lags = lags(&timeline, &left);
        // In the tunnel the cap buys packets of 120 ms, not 60. After twenty seconds of silence both ends wait as
        // listeners do.
        assert!(lags[..2].iter().all(|ms| *ms < 250.0) && lags.iter().all(|ms| *ms < 800.0), "{lags:?}");
        let counters = hall.tunnels.counters();
        assert_eq!((counters.opened.load(Relaxed), counters.bad_frames.load(Relaxed)), (1, 0));
        assert_eq!(ways(&left[1].figures).last().map(|(_, way)| *way), Some(Some("udp")));
    });
}

#[test]
fn udp_that_comes_and_goes_never_costs_the_meeting() {
    run(async {
        let none: &[usize] = &[];
        let timeline = Timeline::of(
            &["en", "fr"],
            &[(none, 6.0), (&[1], 12.0), (none, 2.0), (&[1], 5.0), (&[0], 5.0), (none, 70.0), (&[1], 5.0)],
        );
        let Meeting { hall, left } = meet(&timeline, LinkConfig::default(), async |hall, ip, _| {
            at(hall, 8).await;
            hall.net.connect(ip, BRIDGE, LinkConfig::default(), LinkConfig::default());
            at(hall, 17).await;
            hall.net.connect(ip, BRIDGE, blocked(), blocked());
            at(hall, 30).await;
            hall.net.connect(ip, BRIDGE, LinkConfig::default(), LinkConfig::default());
        })
        .await;
        let figures = &left[0].figures;
        println!("ways: {:?}", ways(figures));
        let ways: Vec<_> = ways(figures).into_iter().map(|(_, way)| way).collect();
        assert_eq!(ways, [None, Some("tcp"), Some("udp"), Some("tcp"), Some("udp")]);
        assert_eq!(figures.last().expect("figures").reconnects, 0);
        assert!(figures.iter().skip(5).all(|line| matches!(line.state, "in_room" | "closed")));
        assert_eq!(hall.tunnels.count(), 0, "let go after a minute of UDP");
    });
}

#[test]
fn the_worst_lines_carry_a_tunnel_too() {
    for name in ["3g-edge", "hill"] {
        run(async {
            let none: &[usize] = &[];
            let timeline = Timeline::of(&["en", "fr"], &[(none, 40.0), (&[1], 10.0), (&[0], 10.0)]);
            let line = named(name).expect("a named line").0;
            let Meeting { hall, left } = meet(&timeline, line, async |_, _, _| {}).await;
            let figures = &left[0].figures;
            let inside = figures.iter().position(|line| line.state == "in_room").expect("it gets in");
            let last = figures.last().expect("figures");
            println!(
                "{name}: in after {inside} s; of {} packets {} came, {} late; {} ms concealed; {:?}; {} lines",
                last.received + last.lost,
                last.received,
                last.late,
                last.concealed_ms,
                hall.tunnels.dropped(),
                last.reconnects + 1
            );
            for second in figures.iter().skip(44).step_by(4) {
                println!("{:>3} s: {} up, {} down", second.t_s, second.up_kbps, second.down_kbps);
            }
            assert!(inside <= 30, "{inside}");
        });
    }
}

#[test]
fn udp_that_passes_one_way_only_leaves_a_hole_of_a_trial_and_the_site_on_its_tunnel() {
    run(async {
        let none: &[usize] = &[];
        let timeline = Timeline::of(&["en", "fr"], &[(none, 6.0), (&[1], 24.0), (&[0], 5.0)]);
        let Meeting { left, .. } = meet(&timeline, LinkConfig::default(), async |hall, ip, _| {
            hall.net.set_link(ip, BRIDGE, LinkConfig::default());
        })
        .await;
        let figures = &left[0].figures;
        println!("ways: {:?}; {:?}", ways(figures), figures.last());
        assert_eq!(ways(figures).last().map(|(_, way)| *way), Some(Some("tcp")));
        assert!(figures.iter().skip(5).all(|line| matches!(line.state, "in_room" | "closed")));
        let last = figures.last().expect("figures");
        // One trial while the other spoke, of two seconds in which this site beats each second.
        assert!(last.lost * 60 <= 3_500 && last.reconnects == 0, "{last:?}");
    });
}

#[test]
fn a_tunnel_that_stalls_drops_what_is_old_and_sound_stays_below_the_jitter_buffers_ceiling() {
    run(async {
        let none: &[usize] = &[];
        let timeline = Timeline::of(
            &["en", "fr"],
            &[(none, 8.0), (&[1], 5.0), (&[0], 5.0), (&[1], 8.0), (none, 2.0), (&[1], 5.0), (&[0], 5.0)],
        );
        // In the middle of the third turn, for two seconds.
        let outages = Outages::Spans(vec![(Duration::from_secs(24), Duration::from_secs(26))]);
        let Meeting { hall, left } = meet(&timeline, slow(outages), async |_, _, _| {}).await;
        assert_eq!(ways(&left[0].figures).last().map(|(_, way)| *way), Some(Some("tcp")));
        let dropped = hall.tunnels.dropped();
        println!("{dropped:?}");
        assert!(dropped.old >= 10, "{dropped:?}");
        let mut judged = timeline.clone();
        judged.turns.remove(3);
        let lags = lags(&judged, &left);
        // What TCP had in hand comes late, and a jitter buffer learns from it, up to its ceiling; what the site says
        // is a packet in a second meanwhile, and so is as soon heard as before.
        let ceiling = giaoban_proto::media::delay::CEILING.as_secs_f64() * 1000.0;
        assert!(lags[2] < lags[0] + ceiling + 50.0 && lags[3] < lags[1] + 150.0, "{lags:?}");
    });
}

#[test]
fn a_tunnel_that_is_cut_is_replaced_by_another_within_three_seconds() {
    run(async {
        let none: &[usize] = &[];
        let timeline = Timeline::of(&["en", "fr"], &[(none, 6.0), (&[1], 5.0), (none, 4.0), (&[1], 5.0)]);
        let Meeting { hall, left } = meet(&timeline, LinkConfig::default(), async |hall, _, door| {
            at(hall, 14).await;
            door.abort();
            open_door(hall);
        })
        .await;
        let figures = &left[0].figures;
        println!("ways: {:?}", ways(figures));
        let away = figures.iter().skip(5).filter(|line| line.state == "reconnecting").count();
        assert!(away <= 3, "{away}");
        assert_eq!(figures.last().map(|line| line.reconnects), Some(1));
        assert_eq!(hall.tunnels.counters().opened.load(Relaxed), 2);
        lags(&timeline, &left);
    });
}
