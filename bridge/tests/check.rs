//! A line that is checked, seen from a visitor that speaks the wire by hand: what it is sent, and for how long.

mod common;

use common::{House, hello};
use giaoban_proto::probe::AT_MOST;
use giaoban_proto::testing::visitor::Visitor;
use giaoban_proto::testing::{now, run};
use giaoban_proto::wire::{
    Check, CheckEnd, CloseCode, Datagram, MAX_DATAGRAM_BYTES, Probe, Seat, ServerMessage, SetMuted, VERSION,
    Word, server_message::Body,
};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::timeout;

fn check() -> Check {
    let hello = hello();
    Check { version: VERSION, room: hello.room, code: hello.code, ..Check::default() }
}

async fn checked(house: &mut House) -> Visitor {
    let site = house.enrol("site");
    let mut visitor = house.connect(&site).await;
    visitor.say(check()).await;
    let ready = visitor.hear().await.expect("an answer");
    assert!(matches!(ready, ServerMessage { body: Some(Body::CheckReady(_)) }), "{ready:?}");
    visitor
}

fn ask(number: u16) -> Vec<u8> {
    let word = Some(Word { climb: true, ..Word::default() });
    Probe { step: 0, number, sent_ms: 0, word }.encode(&mut [0; MAX_DATAGRAM_BYTES], 0).to_vec()
}

#[test]
fn whoever_checks_is_sent_probes_only_no_more_than_one_staircase_and_is_put_out_after_forty_seconds() {
    run(async {
        let mut house = House::new(10);
        let mut talker = house.join("talker").await;
        let visitor = checked(&mut house).await;
        let begun = now();
        let (mut probes, mut bytes) = (0, 0);
        for n in 0.. {
            // Asks again and again, as no honest client would.
            let _ = visitor.connection.send_datagram(ask(n).into());
            let Ok(read) = timeout(Duration::from_millis(100), visitor.connection.read_datagram()).await
            else {
                continue;
            };
            let Ok(datagram) = read else { break };
            assert!(Datagram::decode(&datagram).is_err() && Probe::decode(&datagram).is_ok());
            probes += 1;
            bytes += datagram.len();
        }
        assert_eq!(visitor.closed().await, Some(CloseCode::TooSlow));
        let took = now() - begun;
        assert!(
            took >= AT_MOST - Duration::from_secs(1) && took < AT_MOST + Duration::from_secs(1),
            "{took:?}"
        );
        assert!((400..700).contains(&probes) && bytes < 40_000, "{probes} probes, {bytes} bytes");
        // And nobody in the room was told of it.
        talker.say(SetMuted { muted: true }).await;
        while let Ok(Ok(message)) = timeout(Duration::from_secs(2), talker.hear()).await {
            if let Some(Body::Roster(roster)) = message.body {
                let talkers = |seat: &Seat| seat.member == 1 && ["talker", ""].contains(&seat.name.as_str());
                assert!(roster.seats.iter().all(talkers), "{roster:?}");
            }
        }
    });
}

#[test]
fn the_result_is_told_once_and_nothing_else_is_listened_to() {
    run(async {
        let mut house = House::new(10);
        let mut visitor = checked(&mut house).await;
        for n in 0..20 {
            let _ = visitor.connection.send_datagram(ask(n).into());
            let _ = visitor.connection.send_datagram(vec![0xff; 40].into());
        }
        visitor.say(CheckEnd {}).await;
        let Body::CheckResult(result) = visitor.hear().await.expect("an answer").body.expect("a body") else {
            panic!("the result was asked for")
        };
        assert_eq!(result.received, 20);
        assert!(house.bridge.counters().bad_datagrams.load(Relaxed) >= 20);
        visitor.say(CheckEnd {}).await;
        assert_eq!(visitor.closed().await, Some(CloseCode::BadMessage));

        let mut turncoat = checked(&mut house).await;
        turncoat.say(hello()).await;
        assert_eq!(turncoat.closed().await, Some(CloseCode::BadMessage));
        let mut inside = house.join("inside").await;
        inside.say(check()).await;
        assert_eq!(inside.closed().await, Some(CloseCode::BadMessage));
    });
}

#[test]
fn a_place_is_free_again_however_a_check_ends() {
    run(async {
        let mut house = House::new(10);
        for round in 0..3 {
            let mut checks = Vec::new();
            for _ in 0..8 {
                checks.push(checked(&mut house).await);
            }
            let site = house.enrol("site");
            let mut ninth = house.connect(&site).await;
            ninth.say(check()).await;
            assert_eq!(ninth.closed().await, Some(CloseCode::Busy), "round {round}");
            drop(checks);
            tokio::time::sleep(Duration::from_secs(45)).await;
        }
        assert_eq!(house.bridge.connections(), 0);
    });
}
