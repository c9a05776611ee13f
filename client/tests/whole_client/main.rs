//! A whole client, its loop and real QUIC, against a bridge that echoes, in virtual time.

mod ctl;
mod floor;
mod guests;
mod memory;
mod standing;
mod support;

use giaoban_client::engine::{Command, Ending};
use giaoban_client::session::{End, Loss};
use giaoban_proto::testing::link::{self, LinkConfig, Loss as Losing};
use giaoban_proto::testing::{VirtualNet, measure, now, run, signal};
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::Level;
use giaoban_proto::wire::CloseCode;
use std::time::Duration;
use support::{BRIDGE, Bridge, Door, Keys, Running, SITE, Setup, bridge};
use tokio::time::sleep;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn babble(seconds: u32) -> Vec<f32> {
    signal::babble(1, Level::from_dbfs(-22.0), SECOND * seconds)
}

pub(crate) fn gone() -> LinkConfig {
    LinkConfig { loss: Losing::Random(1.0), ..LinkConfig::default() }
}

#[test]
fn a_site_hears_what_the_bridge_sends_and_ends_when_its_time_is_up() {
    run(async {
        let (net, keys) = (VirtualNet::new(1), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Open);
        let speech = babble(10);
        let setup =
            Setup { speech: speech.clone(), duration: Some(SECOND * 12), max_kbps: 60, ..Setup::new(&keys) };
        let (outcome, ears) = Running::start(&net, setup).end().await;

        assert!(matches!(outcome.ending, Ending::Session(End::Asked)), "{:?}", outcome.ending);
        assert_eq!(outcome.ending.exit_code(), 0);
        assert!(*ears.finished.lock().unwrap());
        let log = bridge.log.lock().unwrap();
        assert_eq!(log.hellos.len(), 1);
        assert_eq!((log.hellos[0].room.as_str(), log.hellos[0].name.as_str()), ("giaoban", "Tri Lễ"));
        assert_eq!((log.hellos[0].max_kbps, log.hellos[0].muted), (60, false));
        assert!((11..=17).contains(&log.reports.len()), "{}", log.reports.len());
        assert_eq!(
            ears.words(),
            "connecting to 10.0.0.1:4646 … | in room giaoban as xã Tri Lễ, with 1 other | \
             the input file is at its end; still listening | left the room"
        );

        // What was said came back, 2 ms of line, a packet of 20 ms, the codec's 6.5 ms and the Inlet's wait later.
        let heard = ears.heard.lock().unwrap();
        let aligned = measure::align(&speech, &heard, 48_000);
        let ms = aligned.lag_samples as f64 / 48.0;
        assert!(aligned.correlation > 0.9 && (25.0..90.0).contains(&ms), "{aligned:?} at {ms} ms");

        let stats = ears.stats.lock().unwrap();
        assert_eq!(stats.len(), 12 + 1);
        let last = outcome.stats.as_ref().unwrap();
        assert_eq!(Some(last), stats.last());
        assert_eq!((last.state, last.sent, last.sent, last.lost), ("closed", log.voices, last.received, 0));
        let fifth = &stats[4];
        assert_eq!((fifth.t_s, fifth.unix_ms, fifth.state), (5.0, 1_767_225_605_000, "in_room"));
        assert_eq!((fifth.up_rung, fifth.down_rung, fifth.members), (48, 48, 2));
        assert_eq!((fifth.in_ms, fifth.out_ms), (5000, 5020));
        assert!((1.9..4.0).contains(&fifth.rtt_ms.unwrap()), "{fifth:?}");
        let wire = net.counters(SITE, BRIDGE);
        let counted: f64 = stats.iter().map(|line| line.up_kbps / 8.0 * 1000.0).sum();
        assert!((counted / wire.bytes as f64 - 1.0).abs() < 0.02, "{counted} B against {wire:?}");
    });
}

#[test]
fn ctrl_c_leaves_in_good_order_and_at_once() {
    run(async {
        let (net, keys) = (VirtualNet::new(2), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Open);
        let client = Running::start(&net, Setup::new(&keys));
        sleep(SECOND * 3).await;
        let asked = net.elapsed();
        let (outcome, _) = client.stop().await;
        assert_eq!(outcome.ending.exit_code(), 0);
        assert!(net.elapsed() - asked < SECOND / 5, "{:?}", net.elapsed() - asked);
        let log = bridge.log.lock().unwrap();
        assert!(matches!(log.left[..], [(_, true)]), "{:?}", log.left);
    });
}

#[test]
fn a_word_from_the_bridge_does_not_cut_the_good_bye_short() {
    run(async {
        let (net, keys) = (VirtualNet::new(2), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Chatty);
        let client = Running::start(&net, Setup::new(&keys));
        sleep(SECOND * 3).await;
        let (outcome, _) = client.stop().await;
        assert_eq!(outcome.ending.exit_code(), 0);
        sleep(SECOND).await;
        let log = bridge.log.lock().unwrap();
        assert_eq!(log.left, [(None, true)], "the bridge ended it, not the site");
    });
}

#[test]
fn a_bridge_that_has_gone_deaf_cannot_hold_a_site_that_leaves() {
    run(async {
        let (net, keys) = (VirtualNet::new(2), Keys::new());
        let _bridge = Bridge::start(&net, &keys, 1, Door::Open);
        let client = Running::start(&net, Setup::new(&keys));
        sleep(SECOND * 3).await;
        net.connect(SITE, BRIDGE, gone(), gone());
        let asked = net.elapsed();
        let (outcome, _) = client.stop().await;
        assert_eq!(outcome.ending.exit_code(), 0);
        assert!(net.elapsed() - asked < SECOND * 3, "{:?}", net.elapsed() - asked);
    });
}

#[test]
fn nobody_at_the_address_is_not_reachable_after_forty_five_seconds() {
    run(async {
        let (net, keys) = (VirtualNet::new(3), Keys::new());
        let (outcome, ears) = Running::start(&net, Setup::new(&keys)).end().await;
        assert!(matches!(outcome.ending, Ending::Session(End::NotReachable(_))), "{:?}", outcome.ending);
        assert_eq!(outcome.ending.exit_code(), 4);
        assert!((45.0..45.5).contains(&net.elapsed().as_secs_f64()), "{:?}", net.elapsed());
        assert!(ears.words().contains("not reachable; check"), "{}", ears.words());
    });
}

#[test]
fn a_bridge_with_another_key_is_refused_at_once() {
    run(async {
        let (net, keys) = (VirtualNet::new(4), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Open);
        let setup = Setup { key: Identity::generate().unwrap().fingerprint(), ..Setup::new(&keys) };
        let (outcome, ears) = Running::start(&net, setup).end().await;
        assert!(
            matches!(outcome.ending, Ending::Session(End::Refused(Loss::WrongKey))),
            "{:?}",
            outcome.ending
        );
        assert_eq!(outcome.ending.exit_code(), 3);
        assert!(net.elapsed() < SECOND, "{:?}", net.elapsed());
        assert!(ears.words().contains("ask the district for a new link"), "{}", ears.words());
        assert!(bridge.log.lock().unwrap().hellos.is_empty(), "nothing was said to a stranger");
    });
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    for code in [CloseCode::NotAdmitted, CloseCode::NoSuchRoom, CloseCode::Full] {
        run(async {
            let (net, keys) = (VirtualNet::new(5), Keys::new());
            let _bridge = Bridge::start(&net, &keys, 1, Door::Refuse(code));
            let (outcome, ears) = Running::start(&net, Setup::new(&keys)).end().await;
            assert_eq!(outcome.ending.exit_code(), 3, "{code:?}");
            assert!(ears.words().ends_with(code.text()), "{}", ears.words());
        });
    }
}

#[test]
fn a_bridge_that_never_lets_in_is_given_up() {
    run(async {
        let (net, keys) = (VirtualNet::new(5), Keys::new());
        let _bridge = Bridge::start(&net, &keys, 1, Door::Mute);
        let (outcome, ears) = Running::start(&net, Setup::new(&keys)).end().await;
        assert_eq!(outcome.ending.exit_code(), 4);
        assert!(ears.words().contains("answers and lets nobody in"), "{}", ears.words());
        assert!((45.0..46.0).contains(&net.elapsed().as_secs_f64()), "{:?}", net.elapsed());
    });
}

#[test]
fn a_line_that_was_away_for_ten_seconds_is_back_within_one_packet_of_its_return() {
    run(async {
        let (net, keys) = (VirtualNet::new(6), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Open);
        let client = Running::start(&net, Setup { speech: babble(60), ..Setup::new(&keys) });
        sleep(SECOND * 10).await;
        assert_eq!(client.state(), "in_room");
        net.connect(SITE, BRIDGE, gone(), gone());
        sleep(SECOND * 10).await;
        assert_eq!(client.state(), "reconnecting");
        net.connect(SITE, BRIDGE, LinkConfig::default(), LinkConfig::default());
        sleep(SECOND * 2).await;
        assert_eq!(client.state(), "in_room");
        assert!(client.site.attempts() > 1, "a second line was tried beside the silent one");
        sleep(SECOND * 8).await;
        let (outcome, ears) = client.stop().await;
        assert_eq!(outcome.ending.exit_code(), 0);
        let words = ears.words();
        assert!(words.contains("connection lost; reconnecting by itself … | back in the room"), "{words}");
        assert_eq!(words.matches("back in the room").count(), 1);
        // In trouble, four reports a second ask for an answer.
        let log = bridge.log.lock().unwrap();
        assert!(log.hellos.len() <= 2, "{:?}", log.hellos.len());
        let heard = ears.heard.lock().unwrap();
        let after = &heard[48_000 * 23..48_000 * 29];
        let aligned = measure::align(&babble(60)[48_000 * 22..48_000 * 30], after, 48_000 * 3);
        assert!(aligned.correlation > 0.8, "{aligned:?}");
    });
}

#[test]
fn a_bridge_that_restarts_has_everybody_back() {
    for polite in [false, true] {
        run(async {
            let (net, keys) = (VirtualNet::new(7), Keys::new());
            let first = Bridge::start(&net, &keys, 1, Door::Open);
            let client = Running::start(&net, Setup { speech: babble(60), ..Setup::new(&keys) });
            sleep(SECOND * 5).await;
            if polite {
                first.stop();
                sleep(SECOND / 10).await;
            }
            net.connect(SITE, bridge(), gone(), gone());
            first.kill();
            sleep(SECOND * 5).await;
            assert_eq!(client.state(), "reconnecting");
            net.connect(SITE, bridge(), LinkConfig::default(), LinkConfig::default());
            let second = Bridge::start(&net, &keys, 2, Door::Open);
            sleep(SECOND * 16).await;
            assert_eq!(client.state(), "in_room");
            let (outcome, ears) = client.stop().await;
            assert_eq!(outcome.ending.exit_code(), 0);
            let stats = outcome.stats.unwrap();
            assert_eq!(stats.reconnects, 1);
            let log = second.log.lock().unwrap();
            assert_eq!(log.hellos.len(), 1);
            assert!(log.voices > 30, "{}", log.voices);
            assert!(ears.words().contains("back in the room"), "{}", ears.words());
        });
    }
}

#[test]
fn a_second_session_of_the_same_device_ends_this_one() {
    run(async {
        let (net, keys) = (VirtualNet::new(8), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Open);
        let client = Running::start(&net, Setup::new(&keys));
        sleep(SECOND * 2).await;
        bridge.close_all(CloseCode::Replaced);
        let (outcome, ears) = client.end().await;
        assert_eq!(outcome.ending.exit_code(), 3);
        assert!(ears.words().ends_with(CloseCode::Replaced.text()), "{}", ears.words());
        assert_eq!(bridge.log.lock().unwrap().hellos.len(), 1, "the two do not fight");
    });
}

#[test]
fn a_muted_site_sends_reports_and_no_voice_until_it_is_unmuted() {
    run(async {
        let (net, keys) = (VirtualNet::new(9), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Open);
        let client = Running::start(&net, Setup { speech: babble(60), muted: true, ..Setup::new(&keys) });
        sleep(SECOND * 10).await;
        {
            let log = bridge.log.lock().unwrap();
            assert_eq!((log.voices, log.hellos[0].muted), (0, true));
            assert!(log.reports.iter().all(|(_, report)| report.level == Level::SILENCE));
        }
        client.commands.send(Command::Mute(false)).await.unwrap();
        sleep(SECOND * 10).await;
        let (outcome, ears) = client.stop().await;
        let log = bridge.log.lock().unwrap();
        assert!(matches!(log.mutes[..], [(_, false)]), "{:?}", log.mutes);
        assert!(log.voices > 50 && outcome.stats.unwrap().sent == log.voices);
        assert!(ears.words().contains("the microphone is off: nobody hears you | "), "{}", ears.words());
    });
}

#[test]
fn control_that_is_lost_is_repeated_within_the_half_second() {
    run(async {
        let (net, keys) = (VirtualNet::new(9), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Open);
        let client = Running::start(&net, Setup::new(&keys));
        sleep(SECOND * 5 + SECOND / 10).await;
        net.connect(SITE, BRIDGE, gone(), gone());
        let asked = now();
        client.commands.send(Command::Mute(true)).await.unwrap();
        sleep(SECOND / 10).await;
        net.connect(SITE, BRIDGE, LinkConfig::default(), LinkConfig::default());
        sleep(SECOND * 3).await;
        let log = bridge.log.lock().unwrap();
        let [(came, true)] = log.mutes[..] else { panic!("{:?}", log.mutes) };
        assert!(came - asked < SECOND / 2, "{:?}", came - asked);
        // And it is settled then: one report a second again.
        let late = log.reports.iter().filter(|(at, _)| *at > asked + SECOND).count();
        assert!(late <= 3, "{late}");
    });
}

#[test]
fn an_hour_of_silence_costs_little_traffic_and_no_busy_waiting() {
    run(async {
        let (net, keys) = (VirtualNet::new(10), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Open);
        let client = Running::start(&net, Setup { speech: vec![0.0; 48_000 * 601], ..Setup::new(&keys) });
        sleep(SECOND * 10).await;
        let (up, down) = (net.counters(SITE, BRIDGE), net.counters(BRIDGE, SITE));
        let polls = *client.ears.polls.lock().unwrap();
        sleep(SECOND * 590).await;
        let polls = *client.ears.polls.lock().unwrap() - polls;
        let kbps = |now: u64, then: u64| (now - then) as f64 * 8.0 / 590.0 / 1000.0;
        let up = kbps(net.counters(SITE, BRIDGE).bytes, up.bytes);
        let down = kbps(net.counters(BRIDGE, SITE).bytes, down.bytes);
        println!("idle: {up:.2} kbit/s up, {down:.2} down; {} polls of the source a second", polls / 590);
        assert!(up <= 0.8 && down <= 0.8, "{up} up, {down} down");
        // Each of 50 bricks a second is found once and missed once or twice: at its own time and at the sink's.
        assert!(polls / 590 < 200, "{}", polls / 590);
        // What is no microphone cannot be a dead one.
        assert!(bridge.log.lock().unwrap().reports.iter().all(|(_, report)| !report.microphone.dead));
        client.stop().await;
    });
}

#[test]
fn a_site_that_is_away_waits_as_idly_as_one_that_is_in() {
    run(async {
        let (net, keys) = (VirtualNet::new(10), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Open);
        let client = Running::start(&net, Setup { speech: babble(100), ..Setup::new(&keys) });
        sleep(SECOND * 10).await;
        bridge.stop();
        sleep(SECOND * 10).await;
        let polls = *client.ears.polls.lock().unwrap();
        sleep(SECOND * 60).await;
        let polls = *client.ears.polls.lock().unwrap() - polls;
        assert_eq!(client.state(), "reconnecting");
        assert!(polls / 60 < 200, "{}", polls / 60);
        for line in &client.ears.stats.lock().unwrap()[11..] {
            assert_eq!((line.state, line.rtt_ms, line.speaking), ("reconnecting", None, false));
        }
        client.stop().await;
    });
}

#[test]
fn a_hundred_joins_and_leaves_leave_no_task_and_no_socket_behind() {
    run(async {
        let (net, keys) = (VirtualNet::new(13), Keys::new());
        let _bridge = Bridge::start(&net, &keys, 1, Door::Open);
        sleep(SECOND).await;
        let left = |net: &VirtualNet| {
            (tokio::runtime::Handle::current().metrics().num_alive_tasks(), format!("{net:?}"))
        };
        let before = left(&net);
        for seed in 0..100 {
            let client = Running::start(&net, Setup { seed, ..Setup::new(&keys) });
            sleep(SECOND).await;
            assert_eq!(client.stop().await.0.ending.exit_code(), 0);
        }
        sleep(SECOND * 10).await;
        let after = left(&net);
        assert_eq!(before.0, after.0, "tasks");
        assert!(after.1.contains("sockets: 1,"), "{} and then {}", before.1, after.1);
    });
}

#[test]
fn a_full_disk_ends_the_client_in_good_order() {
    run(async {
        let (net, keys) = (VirtualNet::new(11), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Open);
        let setup = Setup { full_at: Some(150), ..Setup::new(&keys) };
        let (outcome, ears) = Running::start(&net, setup).end().await;
        assert_eq!(outcome.ending.exit_code(), 1);
        assert!(matches!(bridge.log.lock().unwrap().left[..], [(_, true)]));
        assert!(ears.words().contains("sound: heard.wav holds 12 hours"), "{}", ears.words());
        assert!(*ears.finished.lock().unwrap());
    });
}

#[test]
fn a_site_that_is_not_in_by_the_end_of_its_time_was_not_reachable() {
    run(async {
        let (net, keys) = (VirtualNet::new(12), Keys::new());
        let setup = Setup { duration: Some(SECOND * 5), ..Setup::new(&keys) };
        let (outcome, _) = Running::start(&net, setup).end().await;
        assert_eq!(outcome.ending.exit_code(), 4);
        assert!(net.elapsed() < SECOND * 6);
    });
}

#[test]
fn the_same_seed_gives_the_same_meeting_on_every_named_line() {
    for name in link::NAMES {
        let meeting = || {
            run(async {
                let (net, keys) = (VirtualNet::new(20), Keys::new());
                let (up, down) = link::named(name).unwrap();
                net.connect(SITE, BRIDGE, up, down);
                let bridge = Bridge::start(&net, &keys, 1, Door::Open);
                let setup = Setup {
                    speech: babble(45),
                    max_kbps: 16,
                    duration: Some(SECOND * 45),
                    ..Setup::new(&keys)
                };
                let (outcome, ears) = Running::start(&net, setup).end().await;
                let voices = bridge.log.lock().unwrap().voices;
                (net.trace_hash(), voices, outcome.stats, outcome.ending.exit_code(), ears.words())
            })
        };
        let first = meeting();
        let stats = first.2.as_ref().unwrap();
        println!(
            "{name}: {} sent, {} at the bridge, {} back, {} late; {}",
            stats.sent, first.1, stats.received, stats.late, first.4
        );
        assert_eq!(first, meeting(), "{name}");
        assert_eq!(first.3, 0, "{name}: {}", first.4);
        assert!(stats.received > 0, "{name}");
    }
}
