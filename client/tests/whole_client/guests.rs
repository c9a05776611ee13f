//! A guest's way in: the PIN, the lobby, the door, and the way back.

use crate::support::{
    BRIDGE, Bridge, Door, FREED_AFTER, Keys, Lie, PIN, Right, Running, SITE, Setup, bridge,
};
use crate::{SECOND, babble, gone};
use giaoban_client::engine::Ending;
use giaoban_client::session::{End, Loss};
use giaoban_proto::pin::EXCHANGE_BYTES;
use giaoban_proto::testing::link::LinkConfig;
use giaoban_proto::testing::{VirtualNet, run};
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::Level;
use giaoban_proto::wire::CloseCode;
use tokio::time::sleep;

fn guest(keys: &Keys, right: Right) -> Setup {
    Setup { right, speech: babble(60), ..Setup::new(keys) }
}

#[test]
fn a_guest_with_the_right_pin_waits_in_silence_for_as_long_as_it_takes_and_is_heard_once_let_in() {
    for right in [Right::GuestLink(PIN), Right::Dials(PIN)] {
        run(async {
            let (net, keys) = (VirtualNet::new(31), Keys::new());
            let bridge = Bridge::start(&net, &keys, 1, Door::Lobby);
            let client = Running::start(&net, Setup { speech: babble(650), ..guest(&keys, right) });
            sleep(SECOND * 5).await;
            let up = net.counters(SITE, BRIDGE).bytes;
            sleep(SECOND * 595).await;
            assert_eq!(client.state(), "in_lobby");
            let kbps = (net.counters(SITE, BRIDGE).bytes - up) as f64 * 8.0 / 595.0 / 1000.0;
            println!("in the lobby: {kbps:.2} kbit/s up");
            assert!(kbps < 0.8, "{kbps}");
            {
                let log = bridge.log.lock().unwrap();
                let [hello] = &log.hellos[..] else { panic!("{:?}", log.hellos) };
                assert_eq!(
                    (hello.guest.len(), hello.code.len(), hello.name.as_str()),
                    (EXCHANGE_BYTES, 0, "Tri Lễ")
                );
                assert_eq!((log.voices, &log.proofs[..]), (0, &[true][..]));
                assert!((590..=605).contains(&log.reports.len()), "{}", log.reports.len());
                assert!(log.reports.iter().all(|(_, report)| report.level == Level::SILENCE));
                let stats = client.ears.stats.lock().unwrap();
                let last = stats.last().unwrap();
                assert_eq!((last.sent, last.speaking, last.members), (0, false, 0));
                assert!(client.ears.remembered.lock().unwrap().is_empty());
            }
            bridge.let_in();
            sleep(SECOND * 10).await;
            assert_eq!(client.state(), "in_room");
            let (outcome, ears) = client.stop().await;
            assert_eq!(outcome.ending.exit_code(), 0);
            assert!(bridge.log.lock().unwrap().voices > 50);
            assert_eq!(
                ears.words(),
                "connecting to 10.0.0.1:4646 … | the PIN is right; waiting until the operator lets you in. Nobody hears \
                 you yet | in room giaoban as Khách, with 1 other | leaving the room … | left the room"
            );
        });
    }
}

#[test]
fn a_wrong_pin_is_told_and_not_tried_again() {
    run(async {
        let (net, keys) = (VirtualNet::new(32), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Lobby);
        let (outcome, ears) = Running::start(&net, guest(&keys, Right::Dials("12345679"))).end().await;
        assert_eq!(outcome.ending.exit_code(), 3);
        assert!(ears.words().ends_with(CloseCode::WrongPin.text()), "{}", ears.words());
        let log = bridge.log.lock().unwrap();
        assert_eq!((log.hellos.len(), &log.proofs[..], log.voices), (1, &[false][..], 0));
    });
}

#[test]
fn a_false_bridge_is_believed_nothing_and_left_at_once() {
    for lie in [Lie::Welcome, Lie::WelcomeAfterProof, Lie::Proof] {
        run(async {
            let (net, keys) = (VirtualNet::new(33), Keys::new());
            let bridge = Bridge::start(&net, &keys, 1, Door::False(lie));
            let (outcome, ears) = Running::start(&net, guest(&keys, Right::Dials(PIN))).end().await;
            let not_proved = matches!(outcome.ending, Ending::Session(End::Refused(Loss::NotProved)));
            assert!(not_proved, "{lie:?}: {:?}", outcome.ending);
            assert_eq!(outcome.ending.exit_code(), 3);
            assert!(net.elapsed() < SECOND, "{:?}", net.elapsed());
            let words = ears.words();
            assert!(
                words.contains("is not the bridge of that meeting") && !words.contains("in room"),
                "{words}"
            );
            assert!(ears.remembered.lock().unwrap().is_empty());
            sleep(SECOND).await;
            let log = bridge.log.lock().unwrap();
            assert_eq!((log.hellos.len(), log.voices), (1, 0), "{lie:?}");
            assert_eq!(log.left, [(Some(u64::from(CloseCode::BadMessage.code())), false)], "{lie:?}");
        });
    }
}

#[test]
fn a_guests_link_pins_the_key_and_whoever_has_another_is_told_nothing() {
    run(async {
        let (net, keys) = (VirtualNet::new(34), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Lobby);
        let key = Identity::generate().unwrap().fingerprint();
        let setup = Setup { key, ..guest(&keys, Right::GuestLink(PIN)) };
        let (outcome, _) = Running::start(&net, setup).end().await;
        assert!(matches!(outcome.ending, Ending::Session(End::Refused(Loss::WrongKey))));
        assert!(bridge.log.lock().unwrap().hellos.is_empty());
    });
}

#[test]
fn whoever_is_turned_away_or_not_wanted_ends_with_the_reason() {
    run(async {
        let (net, keys) = (VirtualNet::new(35), Keys::new());
        let bridge = Bridge::start(&net, &keys, 1, Door::Lobby);
        let client = Running::start(&net, guest(&keys, Right::Dials(PIN)));
        sleep(SECOND * 30).await;
        assert_eq!(client.state(), "in_lobby");
        bridge.close_all(CloseCode::NotLetIn);
        let (outcome, ears) = client.end().await;
        assert_eq!(outcome.ending.exit_code(), 3);
        assert!(ears.words().ends_with(CloseCode::NotLetIn.text()), "{}", ears.words());
    });
    for code in [CloseCode::NoGuests, CloseCode::TryLater, CloseCode::NoSuchRoom] {
        run(async {
            let (net, keys) = (VirtualNet::new(36), Keys::new());
            let _bridge = Bridge::start(&net, &keys, 1, Door::Refuse(code));
            let (outcome, ears) = Running::start(&net, guest(&keys, Right::Dials(PIN))).end().await;
            assert_eq!(outcome.ending.exit_code(), 3, "{code:?}");
            assert!(ears.words().ends_with(code.text()), "{}", ears.words());
        });
    }
}

#[test]
fn a_guest_comes_back_from_the_lobby_and_from_the_room_to_the_bridge_that_was_proved_and_to_no_other() {
    run(async {
        let (net, keys) = (VirtualNet::new(37), Keys::new());
        let dead = |running: Bridge| {
            net.connect(SITE, bridge(), gone(), gone());
            running.kill();
        };
        let alive = |keys: &Keys, seed| {
            net.connect(SITE, bridge(), LinkConfig::default(), LinkConfig::default());
            Bridge::start(&net, keys, seed, Door::Lobby)
        };
        let first = alive(&keys, 1);
        let client = Running::start(&net, Setup { speech: babble(200), ..guest(&keys, Right::Dials(PIN)) });
        sleep(SECOND * 5).await;
        assert_eq!(client.state(), "in_lobby");
        dead(first);
        sleep(FREED_AFTER).await;
        let second = alive(&keys, 2);
        // In the lobby nothing comes from the bridge but acknowledgements: the line is lost when QUIC says so, after 30 s.
        sleep(SECOND * 45).await;
        assert_eq!(client.state(), "in_lobby", "{}", client.ears.words());
        second.let_in();
        sleep(SECOND * 5).await;
        assert_eq!(client.state(), "in_room");

        // Somebody who knows the PIN answers in its place, by another key.
        dead(second);
        sleep(FREED_AFTER).await;
        let other = Keys::new();
        let third = alive(&other, 3);
        sleep(SECOND * 20).await;
        assert_eq!(client.state(), "reconnecting");
        assert!(third.log.lock().unwrap().hellos.is_empty(), "not a word to another key");

        dead(third);
        sleep(FREED_AFTER).await;
        let fourth = alive(&keys, 4);
        sleep(SECOND * 20).await;
        assert_eq!(client.state(), "in_lobby", "{}", client.ears.words());
        fourth.let_in();
        sleep(SECOND * 5).await;
        assert_eq!(client.state(), "in_room");
        assert_eq!(fourth.log.lock().unwrap().proofs, [true]);
        let (outcome, ears) = client.stop().await;
        assert_eq!((outcome.ending.exit_code(), outcome.stats.unwrap().reconnects), (0, 1));
        assert_eq!(ears.words().matches("back in the room").count(), 1, "{}", ears.words());
    });
}
