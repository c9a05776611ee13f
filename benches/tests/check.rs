//! `giaoban check` in virtual time: the client's own code against the whole bridge, over real QUIC on named lines.

use giaoban_benches::hall::{BRIDGE, Hall};
use giaoban_client::check::report::{exit_code, lines};
use giaoban_client::check::run::{Failed, run as check};
use giaoban_client::check::verdict::{Reason, Verdict, judge};
use giaoban_client::check::{Doing, Measured, Progress};
use giaoban_client::session::{GIVE_UP, Loss};
use giaoban_client::testing::Site;
use giaoban_client::words::Lang;
use giaoban_proto::link::Link;
use giaoban_proto::probe::AT_MOST;
use giaoban_proto::testing::link::{LinkConfig, Outages, Queue, named};
use giaoban_proto::testing::{VirtualNet, now, run};
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::Bitrate;
use giaoban_proto::wire::CloseCode;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const SITE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 7, 1));

/// Checks of each line.
const SEEDS: u32 = 12;

fn key() -> Identity {
    Identity::generate().expect("a key")
}

async fn from(
    net: &VirtualNet,
    ip: IpAddr,
    seed: u64,
    link: &Link,
    identity: &Identity,
) -> Result<Measured, Failed> {
    check(link, identity, &*Site::new(net, ip, seed), |_| {}).await
}

/// A check over this line, how long it took, and what share was truly lost, up and down.
fn over(line: (LinkConfig, LinkConfig), seed: u64) -> (Result<Measured, Failed>, Duration, [f64; 2]) {
    run(async {
        let hall = Hall::open(seed, 10).expect("a hall");
        hall.net.connect(SITE, BRIDGE, line.0, line.1);
        let begun = now();
        let device = hall.enrol("site").expect("enrolled");
        let checked = from(&hall.net, SITE, seed, hall.link(), &device).await;
        let lost = [(SITE, BRIDGE.ip()), (BRIDGE.ip(), SITE)].map(|(from, to)| {
            let counters = hall.net.counters(from, to);
            counters.dropped as f64 / counters.packets.max(1) as f64
        });
        (checked, now() - begun, lost)
    })
}

fn slow(kbps: u32) -> LinkConfig {
    LinkConfig {
        delay: Duration::from_millis(150),
        rate: Some(Bitrate::from_kbps(kbps)),
        // In less than this the handshake does not fit at 6 kbit/s.
        queue: Queue::Time(Duration::from_secs(5)),
        ..LinkConfig::default()
    }
}

#[test]
fn the_named_lines_are_measured_as_they_are_and_judged_as_a_person_would() {
    for (name, kbps, loss, round_trip, verdict) in [
        ("clean", 64, 0.0, 2..=10, Verdict::Talk),
        ("vsat", 64, 0.01, 600..=700, Verdict::Talk),
        ("edge-2g", 32, 0.05, 500..=900, Verdict::Talk),
        ("hill", 16, 0.1, 300..=450, Verdict::Talk),
        ("storm", 24, 0.3, 400..=550, Verdict::Talk),
        ("lossy20", 24, 0.2, 300..=450, Verdict::Talk),
    ] {
        let mut losses = 0.0;
        for seed in 1..=SEEDS {
            let (checked, took, lost) = over(named(name).expect("a line"), seed.into());
            let measured = checked.unwrap_or_else(|failed| panic!("{name} {seed}: {failed:?}"));
            println!(
                "{name} {seed}: {:.1} s, {}",
                took.as_secs_f64(),
                lines(&checked, "bridge", Lang::En).join("; ")
            );
            let up = measured.up.unwrap_or_else(|| panic!("{name} {seed}: {measured:?}"));
            for (figures, lost) in [up, measured.down].into_iter().zip(lost) {
                let off = f64::from(figures.rate.bps()) / f64::from(kbps) / 1000.0;
                assert!((0.75..=1.25).contains(&off), "{name} {seed}: {figures:?}");
                // Against what this line did in this half minute; over all of them, against what it does.
                assert!((figures.loss - lost).abs() <= 0.05, "{name} {seed}: {lost} lost, {figures:?}");
                losses += figures.loss / f64::from(SEEDS * 2);
            }
            let round = measured.round_trip.expect("measured").as_millis();
            assert!(round_trip.contains(&round), "{name} {seed}: {round}");
            assert_eq!(judge(&measured).0, verdict, "{name} {seed}: {measured:?}");
            assert_eq!(exit_code(&checked), 0);
            assert!(measured.bytes.0 + measured.bytes.1 < 200_000, "{name} {seed}: {measured:?}");
            // The handshake on top, which takes several attempts where much is lost.
            assert!(took < AT_MOST + GIVE_UP, "{name} {seed}: {took:?}");
        }
        println!("{name}: {losses:.3} lost over all, {loss} in the table");
        assert!((losses - loss).abs() <= 0.05, "{name}: {losses}");
    }
}

#[test]
fn a_line_too_slow_for_speech_is_not_now_and_one_that_is_so_only_upwards_can_listen() {
    let (checked, ..) = over((slow(6), slow(6)), 1);
    let measured = checked.expect("measured");
    let rate = f64::from(measured.down.rate.bps()) / 6000.0;
    assert!((0.75..=1.25).contains(&rate), "{measured:?}");
    assert_eq!(judge(&measured), (Verdict::NotNow, Reason::DownRate));
    assert_eq!(exit_code(&checked), 1);

    let (checked, ..) = over((slow(6), slow(64)), 1);
    assert_eq!(judge(&checked.expect("measured")), (Verdict::Listen, Reason::UpRate));
    assert_eq!(exit_code(&checked), 0);
}

#[test]
fn a_line_that_goes_away_during_the_check_is_said_to_and_not_waited_for() {
    let dies = LinkConfig {
        outages: Outages::Spans(vec![(Duration::from_secs(8), Duration::MAX)]),
        ..LinkConfig::default()
    };
    let (checked, took, _) = over((dies.clone(), dies), 1);
    assert_eq!(judge(&checked.expect("measured")), (Verdict::NotNow, Reason::Silent));
    assert_eq!(exit_code(&checked), 1);
    assert!(took < AT_MOST + Duration::from_secs(1), "{took:?}");
}

#[test]
fn whoever_may_not_come_in_may_not_check_and_a_check_lets_nobody_in() {
    run(async {
        let hall = Hall::open(1, 10).expect("a hall");
        let device = key();
        let (bare, invited) = (hall.link().clone(), hall.invite("site").expect("invited"));
        let refused = Err(Failed::Refused(Loss::Closed(CloseCode::NotAdmitted)));
        assert_eq!(from(&hall.net, SITE, 1, &bare, &device).await, refused);
        assert_eq!(exit_code(&refused), 3);
        assert!(from(&hall.net, SITE, 2, &invited, &device).await.is_ok());
        // It had the invitation, and did not use it up: it is as unknown as before.
        assert_eq!(from(&hall.net, SITE, 3, &bare, &device).await, refused);
        let nowhere = Link { room: "nowhere".parse().expect("a name"), ..invited };
        let answer = from(&hall.net, SITE, 4, &nowhere, &device).await;
        assert_eq!(answer, Err(Failed::Refused(Loss::Closed(CloseCode::NoSuchRoom))));
        let stranger = Link { key: key().fingerprint(), ..hall.link().clone() };
        let answer = from(&hall.net, SITE, 5, &stranger, &device).await;
        assert_eq!(answer, Err(Failed::Refused(Loss::WrongKey)));
    });
}

#[test]
fn the_ninth_at_once_is_told_to_try_later_and_can_when_they_are_done() {
    run(async {
        let hall = Hall::open(1, 10).expect("a hall");
        let mut running = Vec::new();
        for n in 0..9 {
            let (net, link) = (hall.net.clone(), hall.link().clone());
            let (ip, device) = (IpAddr::from([10, 0, 8, n]), hall.enrol("site").expect("enrolled"));
            running.push(tokio::spawn(async move { from(&net, ip, n.into(), &link, &device).await }));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut busy = 0;
        for check in running {
            match check.await.expect("no panic") {
                Ok(measured) => assert_eq!(judge(&measured).0, Verdict::Talk),
                Err(failed) => {
                    assert_eq!(failed, Failed::Refused(Loss::Closed(CloseCode::Busy)));
                    busy += 1;
                }
            }
        }
        assert_eq!(busy, 1);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let device = hall.enrol("site").expect("enrolled");
        assert!(from(&hall.net, SITE, 50, hall.link(), &device).await.is_ok());
    });
}

#[test]
fn a_bridge_that_is_not_there_is_not_reachable() {
    run(async {
        let net = VirtualNet::new(1);
        let link = format!("giaoban://10.0.0.1:4646/giaoban?k={}", key().fingerprint());
        let begun = now();
        let answer = from(&net, SITE, 1, &link.parse().expect("a link"), &key()).await;
        assert_eq!(answer, Err(Failed::NotReachable(Loss::Broken)));
        assert_eq!(exit_code(&answer), 4);
        assert!(now() - begun < Duration::from_secs(46));
    });
}

#[test]
fn a_check_beside_a_meeting_is_not_of_it_and_says_what_it_does_meanwhile() {
    run(async {
        let hall = Hall::open(1, 10).expect("a hall");
        let mut doings: Vec<Doing> = Vec::new();
        let mut percents = Vec::new();
        let site = Site::new(&hall.net, SITE, 1);
        let tell = |Progress { doing, percent }| {
            percents.push(percent);
            if doings.last() != Some(&doing) {
                doings.push(doing);
            }
        };
        let device = hall.enrol("site").expect("enrolled");
        let checked = check(hall.link(), &device, &*site, tell).await;
        assert!(checked.is_ok());
        assert_eq!(doings.len(), 10, "{doings:?}");
        assert!(
            matches!(doings[..], [Doing::Trickle, Doing::Up(_), .., Doing::Down, Doing::Asking]),
            "{doings:?}"
        );
        assert!(percents.is_sorted() && percents.len() > 50, "{percents:?}");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(hall.bridge.connections(), 0);
    });
}
