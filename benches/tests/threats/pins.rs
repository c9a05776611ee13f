//! Guests: PINs that are guessed, and one that waits in the lobby.

use crate::crowd::{closed, lost, many, silence};
use crate::door::stranger;
use crate::mouth::{Mouth, listen};
use crate::{PIN, Report, Scene, pause, runtime};
use anyhow::{Context as _, ensure};
use giaoban_benches::outside::{call, unix_ms};
use giaoban_proto::pin::{self, EXPORTER_LABEL, Pin};
use giaoban_proto::testing::visitor::{Visitor, hello};
use giaoban_proto::transport::Pins;
use giaoban_proto::wire::{CloseCode, Hello, PinProof, server_message::Body};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::time::timeout;

const GUESSES: usize = 10_000;

/// Networks from which they come, and how many at once.
const NETWORKS: usize = 64;
const AT_ONCE: usize = 48;

/// Calls as a guest with this PIN; how that ended, and the visitor if it is in the lobby.
pub(crate) async fn dial(
    from: Ipv4Addr,
    (to, pins): (SocketAddr, Pins),
    pin: &str,
    name: &str,
) -> (String, Option<Visitor>) {
    let pin: Pin = pin.parse().expect("a PIN");
    let mut visitor = match call(from, to, &stranger(), pins).await {
        Ok(visitor) => visitor,
        Err(error) => return (lost(&error), None),
    };
    let (guest, exchange) = pin::begin(&pin, "giaoban");
    visitor.say(Hello { guest: exchange, name: name.into(), ..hello("giaoban") }).await;
    let challenge = match visitor.hear().await {
        Ok(message) => match message.body {
            Some(Body::PinChallenge(challenge)) => challenge,
            other => return (format!("{other:?}"), None),
        },
        Err(why) => return (silence(why), None),
    };
    let mut binding = [0; 32];
    visitor.connection.export_keying_material(&mut binding, EXPORTER_LABEL, &[]).expect("an exporter");
    let Ok((proving, proof)) = guest.prove(&challenge.exchange, &binding) else {
        return ("no exchange".into(), None);
    };
    visitor.say(PinProof { proof }).await;
    match visitor.hear().await {
        Ok(message) => match message.body {
            Some(Body::InLobby(lobby)) if proving.check(&lobby.proof).is_ok() => {
                ("in the lobby".into(), Some(visitor))
            }
            other => (format!("{other:?}"), None),
        },
        Err(why) => (silence(why), None),
    }
}

/// In parallel, from many networks; then the right PIN, from elsewhere.
pub(crate) fn guesses(scene: &Scene) -> anyhow::Result<Report> {
    let door = (scene.bridge.at, scene.bridge.pins());
    let begun = unix_ms();
    let answers = runtime().block_on(many(GUESSES, AT_ONCE, |n| async move {
        let from = Ipv4Addr::new(127, 60, (n % NETWORKS) as u8, 1 + (n / NETWORKS % 250) as u8);
        dial(from, door, &format!("{n:08}"), "Đoán").await.0
    }));
    let guessed = (unix_ms() - begun) / 1000.0;
    ensure!(answers.all() == GUESSES && answers.of("in the lobby") == 0, "{answers}");
    let allowed = 60 + (guessed / 30.0) as usize + 1;
    ensure!(answers.of("WrongPin") <= allowed, "more than {allowed} were looked at: {answers}");
    // By the limits one more may try each half minute, from a network that has not tried.
    let begun = unix_ms();
    let mut tried = Vec::new();
    loop {
        let (answer, _) = runtime().block_on(dial(Ipv4Addr::new(127, 61, 0, 1), door, PIN, "Bác sĩ Lan"));
        tried.push(answer);
        if tried.last().is_some_and(|answer| answer == "in the lobby") {
            break;
        }
        ensure!(unix_ms() - begun < 40_000.0, "the right PIN is no use any more: {tried:?}");
        pause(Duration::from_secs(3));
    }
    Ok(Report::new(
        format!("{GUESSES} PINs in {guessed:.0} s from {NETWORKS} networks, {AT_ONCE} at once"),
        format!(
            "{answers}; the right PIN from elsewhere {:.0} s after the last guess: in the lobby",
            (unix_ms() - begun) / 1000.0
        ),
    ))
}

/// A guest that knows the PIN, waits, captures, and speaks.
pub(crate) fn lobby(scene: &Scene) -> anyhow::Result<Report> {
    const HZ: f32 = 2900.0;
    let door = (scene.bridge.at, scene.bridge.pins());
    let from = unix_ms();
    let (ear, said) = runtime().block_on(async {
        let (answer, visitor) = dial(Ipv4Addr::new(127, 62, 0, 1), door, PIN, "Người lạ").await;
        let mut visitor = visitor.context(answer)?;
        let (minute, mut mouth) = (Duration::from_secs(60), Mouth::new(HZ));
        let (ear, ()) =
            tokio::join!(listen(&visitor.connection, minute), mouth.speak(&visitor.connection, minute));
        let said = timeout(Duration::from_millis(100), visitor.hear()).await;
        let said = match said {
            Err(_) => None,
            Ok(Ok(message)) => Some(format!("{message:?}")),
            Ok(Err(_)) => Some(closed(visitor.closed().await)),
        };
        anyhow::Ok((ear, said))
    })?;
    ensure!(ear.bytes == 0 && ear.voices == 0 && ear.others == 0, "{ear:?}");
    ensure!(said.is_none(), "{said:?}");
    let mut report = Report::new(
        "a guest with the PIN captured for 60 s, and spoke",
        format!("{} datagrams, {} bytes, no list; still in the lobby", ear.voices + ear.others, ear.bytes),
    );
    report.unheard.push((HZ.into(), from, unix_ms()));
    Ok(report)
}

/// Whether this was a close by that code.
pub(crate) fn is(closed: Option<CloseCode>, code: CloseCode) -> bool {
    closed == Some(code)
}
