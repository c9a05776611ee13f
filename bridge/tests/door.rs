//! The bridge's front door, in virtual time over real QUIC: who gets in, who does not, and what is left of them.

mod common;

use common::{BRIDGE, House, hello};
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Outlet, Pcm};
use giaoban_proto::testing::link::{LinkConfig, Loss};
use giaoban_proto::testing::run;
use giaoban_proto::testing::visitor::{Silence, Visitor};
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::{BRICK, MediaTime, Seq};
use giaoban_proto::wire::{
    ClientMessage, CloseCode, Datagram, Hello, Leave, MAX_DATAGRAM_BYTES, Report, SetMuted, Voice, frame,
};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::{sleep, timeout};

fn key() -> Identity {
    Identity::generate().expect("a key")
}

async fn attempt(house: &mut House, identity: &Identity, hello: Hello) -> Result<String, Silence> {
    let mut visitor = house.connect(identity).await;
    visitor.say(hello).await;
    visitor.welcome().await
}

/// Speaks for this many bricks, as fast as a microphone would.
async fn speak(visitor: &Visitor, bricks: u64) {
    let mut outlet = Outlet::new(RungId::for_cap(0)).expect("libopus");
    let mut brick = Pcm::SILENCE;
    for (n, sample) in brick.samples_mut().iter_mut().enumerate() {
        *sample = if n % 384 < 40 { 0.3 } else { -0.03 };
    }
    let mut seq = Seq(0);
    for n in 0..bricks {
        if let Some(frame) = outlet.push(MediaTime::from_bricks(n), Some(&brick)).expect("encodes") {
            let voice = Voice::new(seq, frame.time, frame.start, frame.end, frame.body());
            seq = seq.next();
            let bytes = voice.encode(&mut [0; MAX_DATAGRAM_BYTES]).to_vec();
            // A connection that was closed meanwhile is part of what is tested.
            let _ = visitor.connection.send_datagram(bytes.into());
        }
        sleep(BRICK).await;
    }
}

/// Voice packets and other datagrams that come within `time`.
async fn count(visitor: &Visitor, time: Duration) -> (usize, usize) {
    let (mut voices, mut others) = (0, 0);
    let _ = timeout(time, async {
        while let Ok(bytes) = visitor.connection.read_datagram().await {
            match Datagram::decode(&bytes) {
                Ok(Datagram::Voice(_)) => voices += 1,
                _ => others += 1,
            }
        }
    })
    .await;
    (voices, others)
}

#[test]
fn a_device_needs_an_invitation_once_and_its_key_from_then_on() {
    run(async {
        let mut house = House::new(10);
        let (site, code) = (key(), house.invite("Tri Lễ"));
        let bare = hello;
        let invited = || Hello { code: code.as_bytes().to_vec(), ..hello() };
        assert_eq!(
            attempt(&mut house, &site, bare()).await,
            Err(Silence::Closed(Some(CloseCode::NotAdmitted)))
        );
        let wrong = Hello { code: vec![9; 16], ..hello() };
        assert_eq!(
            attempt(&mut house, &site, wrong).await,
            Err(Silence::Closed(Some(CloseCode::NotAdmitted)))
        );
        // It may call itself what it likes.
        let named = Hello { name: "Another".into(), ..invited() };
        assert_eq!(attempt(&mut house, &site, named).await, Ok("Tri Lễ".into()));
        assert_eq!(attempt(&mut house, &site, bare()).await, Ok("Tri Lễ".into()));
        assert_eq!(attempt(&mut house, &site, invited()).await, Ok("Tri Lễ".into()));
        assert_eq!(
            attempt(&mut house, &key(), bare()).await,
            Err(Silence::Closed(Some(CloseCode::NotAdmitted)))
        );
        assert_eq!(
            attempt(&mut house, &key(), invited()).await,
            Err(Silence::Closed(Some(CloseCode::InvitationUsed)))
        );
        let nowhere = Hello { room: "nowhere".into(), ..hello() };
        assert_eq!(
            attempt(&mut house, &site, nowhere).await,
            Err(Silence::Closed(Some(CloseCode::NoSuchRoom)))
        );
        let old = Hello { version: 0, ..hello() };
        assert_eq!(attempt(&mut house, &site, old).await, Err(Silence::Closed(Some(CloseCode::Version))));
        assert_eq!(house.bridge.counters().refused.load(Relaxed), 5);
    });
}

#[test]
fn a_connection_that_asks_for_nothing_is_closed_in_fifteen_seconds_and_hears_nothing_meanwhile() {
    run(async {
        let mut house = House::new(10);
        let talker = house.join("talker").await;
        let silent = house.connect(&key()).await;
        let (heard, ()) = tokio::join!(count(&silent, Duration::from_secs(30)), speak(&talker, 600));
        assert_eq!(heard, (0, 0));
        assert_eq!(silent.closed().await, Some(CloseCode::TooSlow));
    });
}

#[test]
fn whoever_was_refused_hears_nothing_and_is_not_heard() {
    run(async {
        let mut house = House::new(10);
        let (talker, listener) = (house.join("talker").await, house.join("listener").await);
        let mut stranger = house.connect(&key()).await;
        stranger.say(Hello { code: vec![1; 16], ..hello() }).await;
        let (stranger_heard, _, ()) = tokio::join!(
            count(&stranger, Duration::from_secs(5)),
            speak(&stranger, 150),
            speak(&talker, 150)
        );
        assert_eq!(stranger_heard, (0, 0));
        // What the talker said, and a report each second; nothing of the stranger, who spoke as long.
        let (voices, reports) = count(&listener, Duration::from_millis(10)).await;
        assert!((20..=30).contains(&voices), "{voices} voice packets");
        assert!((2..=6).contains(&reports), "{reports} reports");
    });
}

#[test]
fn control_bytes_that_are_no_message_close_the_connection_with_the_code_that_says_so() {
    run(async {
        let mut house = House::new(10);
        for bytes in [&[0xff; 64][..], &[3, 0xff, 0xff, 0xff], &[0xff, 0xff, 0xff, 0x7f, 1, 2, 3]] {
            let mut before = house.connect(&key()).await;
            before.say_bytes(bytes).await;
            assert_eq!(before.closed().await, Some(CloseCode::BadMessage), "{bytes:?}");
            let mut after = house.join("inside").await;
            after.say_bytes(bytes).await;
            assert_eq!(after.closed().await, Some(CloseCode::BadMessage), "{bytes:?}");
        }
        let mut hasty = house.connect(&key()).await;
        hasty.say(SetMuted { muted: true }).await;
        assert_eq!(hasty.closed().await, Some(CloseCode::BadMessage));
    });
}

#[test]
fn a_flood_of_bad_datagrams_from_one_member_harms_nobody() {
    run(async {
        let mut house = House::new(10);
        let (talker, listener, hostile) =
            (house.join("talker").await, house.join("listener").await, house.join("hostile").await);
        let flood = async {
            for n in 0..3000u32 {
                let bytes: Vec<u8> =
                    (0..n % 90).map(|i| (n.wrapping_mul(2_654_435_761) >> (i % 24)) as u8).collect();
                let _ = hostile.connection.send_datagram(bytes.into());
                sleep(Duration::from_millis(1)).await;
            }
        };
        let ((), (), (voices, _)) =
            tokio::join!(flood, speak(&talker, 150), count(&listener, Duration::from_secs(4)));
        // Twenty-five, what the bridge made of the silence after, and the end; nothing of the flood.
        assert!((24..=34).contains(&voices), "{voices} voice packets");
        assert!(house.bridge.counters().bad_datagrams.load(Relaxed) > 1000);
    });
}

#[test]
fn a_hundred_joins_and_leaves_leave_nothing_behind() {
    run(async {
        let mut house = House::new(10);
        sleep(Duration::from_secs(1)).await;
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        for n in 0..100 {
            let mut visitor = house.join(&format!("site {n}")).await;
            match n % 3 {
                // Goes as asked; goes without a word; is lost from sight.
                0 => {
                    visitor.say(Leave {}).await;
                    assert_eq!(visitor.closed().await, Some(CloseCode::Bye));
                }
                1 => {
                    visitor.connection.close(0u32.into(), b"a client that goes without a word says this much")
                }
                // Closed by the transport alone; and, every ninth time, gone from one moment to the next.
                _ if n % 9 != 8 => drop(visitor),
                _ => {
                    let dead = LinkConfig { loss: Loss::Random(1.0), ..LinkConfig::default() };
                    let at = IpAddr::V4(house.addresses()[0]);
                    house.net.connect(at, BRIDGE, dead.clone(), dead);
                    drop(visitor);
                }
            }
            sleep(Duration::from_secs(1)).await;
        }
        sleep(Duration::from_secs(60)).await;
        assert_eq!(house.bridge.connections(), 0);
        assert_eq!(tasks(), before);
    });
}

#[test]
fn a_hello_behind_a_message_of_the_future_is_heard() {
    run(async {
        let mut house = House::new(10);
        let site = house.enrol("Tri Lễ");
        let mut visitor = house.connect(&site).await;
        // A body number 15 that this version does not know, and the hello in the same breath.
        let mut bytes = vec![3, 0x7a, 1, 0];
        bytes.extend(frame(&ClientMessage::from(hello())));
        visitor.say_bytes(&bytes).await;
        assert_eq!(visitor.welcome().await, Ok("Tri Lễ".into()));
    });
}

#[test]
fn a_site_that_has_said_its_last_control_message_is_still_heard() {
    run(async {
        let mut house = House::new(10);
        let (mut talker, listener) = (house.join("talker").await, house.join("listener").await);
        talker.finish();
        let ((), (voices, _)) = tokio::join!(speak(&talker, 150), count(&listener, Duration::from_secs(4)));
        assert!((24..=34).contains(&voices), "{voices} voice packets");
    });
}

#[test]
fn whoever_sends_more_than_a_site_can_say_does_not_take_the_others_places() {
    run(async {
        let mut house = House::new(10);
        let (talker, listener, greedy) =
            (house.join("talker").await, house.join("listener").await, house.join("greedy").await);
        let report = Report::default().encode();
        let flood = async {
            for _ in 0..3000 {
                for _ in 0..5 {
                    let _ = greedy.connection.send_datagram(report.to_vec().into());
                }
                sleep(Duration::from_millis(1)).await;
            }
        };
        let ((), (), (voices, _)) =
            tokio::join!(flood, speak(&talker, 150), count(&listener, Duration::from_secs(4)));
        assert!((24..=34).contains(&voices), "{voices} voice packets");
        assert!(house.bridge.counters().dropped_datagrams.load(Relaxed) > 5000);
        let mut chatty = house.join("chatty").await;
        for n in 0..200 {
            chatty.say(SetMuted { muted: n % 2 == 0 }).await;
        }
        // It is read as fast as it may speak, and nothing of what it said is lost.
        assert!(timeout(Duration::from_secs(240), chatty.closed()).await.is_err(), "it stays");
        assert!(house.bridge.counters().messages_held_off.load(Relaxed) > 100);
        chatty.say(Leave {}).await;
        assert_eq!(chatty.closed().await, Some(CloseCode::Bye));
    });
}

#[test]
fn handshakes_from_made_up_addresses_do_not_lock_anybody_out() {
    run(async {
        let mut house = House::new(10);
        // Three hundred first packets whose answers never arrive.
        let nowhere = LinkConfig { loss: Loss::Random(1.0), ..LinkConfig::default() };
        let mut spoofed = Vec::new();
        for n in 0..300u32 {
            let from = SocketAddr::from(([10, 9, (n / 250) as u8, (n % 250) as u8], 5000));
            house.net.set_link(BRIDGE, from.ip(), nowhere.clone());
            spoofed.push(house.call_from(from));
            sleep(Duration::from_millis(5)).await;
        }
        assert!(house.bridge.counters().retried.load(Relaxed) > 100);
        let honest = timeout(Duration::from_secs(5), house.join("honest")).await;
        assert!(honest.is_ok(), "an honest site got in");
        assert_eq!(house.bridge.counters().turned_away.load(Relaxed), 0);
    });
}

#[test]
fn the_newest_session_of_a_device_replaces_the_one_before() {
    run(async {
        let mut house = House::new(10);
        let site = house.enrol("site");
        let mut first = house.connect(&site).await;
        first.say(hello()).await;
        first.welcome().await.expect("welcome");
        for _ in 0..20 {
            let mut next = house.connect(&site).await;
            next.say(hello()).await;
            next.welcome().await.expect("welcome");
            assert_eq!(first.closed().await, Some(CloseCode::Replaced));
            first = next;
        }
    });
}

#[test]
fn a_full_room_says_so_and_has_a_place_again_when_somebody_goes() {
    run(async {
        let mut house = House::new(2);
        let (first, _second) = (house.join("first").await, house.join("second").await);
        let third = house.enrol("third");
        assert_eq!(attempt(&mut house, &third, hello()).await, Err(Silence::Closed(Some(CloseCode::Full))));
        first.connection.close(0u32.into(), b"a client that goes without a word says this much");
        sleep(Duration::from_secs(1)).await;
        assert!(attempt(&mut house, &third, hello()).await.is_ok());
    });
}

#[test]
fn a_bridge_that_stops_tells_everybody() {
    run(async {
        let mut house = House::new(10);
        let site = house.join("site").await;
        house.bridge.stop().await;
        assert_eq!(site.closed().await, Some(CloseCode::Stopping));
    });
}
