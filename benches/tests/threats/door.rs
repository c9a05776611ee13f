//! Attacks at the door: silence, floods of joins, keys and invitations that are not good.

use crate::crowd::{Answers, closed, lost, many, silence};
use crate::watch::honest_join;
use crate::{Report, Scene, runtime};
use anyhow::ensure;
use giaoban_benches::outside::call;
use giaoban_bridge::store::{INVITATION_FOR_MS, UnixMs};
use giaoban_proto::link::Code;
use giaoban_proto::testing::visitor::{Visitor, hello};
use giaoban_proto::transport::{Identity, Pins, Tunnel};
use giaoban_proto::wire::{Hello, SiteRole};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

/// A key that nobody knows.
pub(crate) fn stranger() -> Identity {
    Identity::generate().expect("a key")
}

pub(crate) fn invited(code: &Code) -> Hello {
    Hello { code: code.as_bytes().to_vec(), ..hello("giaoban") }
}

/// Asks to come in; how that ended, and the visitor if it is in.
pub(crate) async fn ask(
    from: Ipv4Addr,
    (to, pins): (SocketAddr, Pins),
    key: &Identity,
    hello: Hello,
) -> (String, Option<Visitor>) {
    let mut visitor = match call(from, to, key, pins).await {
        Ok(visitor) => visitor,
        Err(error) => return (lost(&error), None),
    };
    visitor.say(hello).await;
    match visitor.welcome().await {
        Ok(_) => ("in".into(), Some(visitor)),
        Err(why) => (silence(why), None),
    }
}

/// By QUIC: whole handshakes, then not a word. By TCP: streams that say nothing, and tunnels that stand and say nothing.
#[expect(clippy::disallowed_methods, reason = "real programs run by real time")]
pub(crate) fn silent(scene: &Scene) -> anyhow::Result<Report> {
    let (to, pins) = (scene.bridge.at, scene.bridge.pins());
    let runtime = runtime();
    let (quic, slowest) = runtime.block_on(async {
        let begun = Instant::now();
        let quic = many(300, 300, |n| async move {
            let from = Ipv4Addr::new(127, 10, (n % 6) as u8, 1);
            match call(from, to, &stranger(), pins).await {
                Ok(visitor) => closed(visitor.closed().await),
                Err(error) => lost(&error),
            }
        });
        (quic.await, begun.elapsed())
    });
    let (streams, kept) = runtime.block_on(async {
        let mut kept = Vec::new();
        let mut answers = Answers::default();
        for n in 0..1500u32 {
            let socket = TcpSocket::new_v4().expect("a socket");
            let _ = socket.bind((Ipv4Addr::new(127, 11, (n % 3) as u8, 1), 0).into());
            let Ok(Ok(stream)) = timeout(Duration::from_secs(2), socket.connect(to)).await else {
                answers.add("no stream".into());
                continue;
            };
            if n % 3 == 0 {
                // No TLS.
                answers.add("stream".into());
                kept.push(Silent::Stream(stream));
            } else {
                let tunnel = Tunnel::open(Box::new(stream), to.ip(), pins);
                match timeout(Duration::from_secs(3), tunnel).await {
                    Ok(Ok(tunnel)) => {
                        answers.add("tunnel".into());
                        kept.push(Silent::Tunnel(Box::new(tunnel)));
                    }
                    _ => answers.add("no tunnel".into()),
                }
            }
        }
        (answers, kept)
    });
    // Those without TLS are put out within ten seconds; tunnels may stay, idle, for ninety.
    let ended = runtime.block_on(async {
        sleep(Duration::from_secs(11)).await;
        let mut ended = 0;
        for silent in kept {
            if let Silent::Stream(mut stream) = silent {
                let read = timeout(Duration::from_millis(20), stream.read(&mut [0; 8])).await;
                ended += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
            }
        }
        ended
    });
    ensure!(quic.all() == quic.of("TooSlow") + quic.of("Busy"), "{quic}");
    ensure!(quic.of("TooSlow") <= 64, "strangers in more places than there are: {quic}");
    ensure!(slowest < Duration::from_secs(10), "the last was closed after {slowest:?}");
    ensure!(ended == streams.of("stream"), "{ended} of {} silent streams were closed", streams.of("stream"));
    Ok(Report::new(
        "300 QUIC handshakes and no word; 1,500 TCP streams, 1,000 of them tunnels, and no word",
        format!(
            "QUIC: {quic}, all within {:.1} s; TCP: {streams}; {ended} without TLS closed",
            slowest.as_secs_f64()
        ),
    ))
}

enum Silent {
    Stream(TcpStream),
    #[expect(dead_code, reason = "held, for its place at the bridge")]
    Tunnel(Box<Tunnel>),
}

/// Joins that come to nothing, from the network behind which honest sites are.
#[expect(clippy::disallowed_methods, reason = "real programs run by real time")]
pub(crate) fn carrier(scene: &Scene) -> anyhow::Result<Report> {
    let (to, pins) = (scene.bridge.at, scene.bridge.pins());
    let device = scene.bridge.enrol("Bản Na", SiteRole::Participant)?;
    let (over, begun) = (std::sync::atomic::AtomicBool::new(false), Instant::now());
    let mut joins = Vec::new();
    let answers = std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut answers = Answers::default();
            runtime().block_on(async {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    // One after another, each some milliseconds after the one before.
                    let some = many(40, 3, |n| async move {
                        sleep(Duration::from_millis(16)).await;
                        let from = Ipv4Addr::new(127, 40, 0, n as u8 + 1);
                        ask(from, (to, pins), &stranger(), hello("giaoban")).await.0
                    });
                    answers.add_all(some.await);
                }
            });
            answers
        });
        runtime().block_on(async {
            // By then the network has used up what it may in a row.
            sleep(Duration::from_secs(4)).await;
            for _ in 0..10 {
                sleep(Duration::from_millis(700)).await;
                joins.push(honest_join(Ipv4Addr::new(127, 40, 0, 200), to, &device, pins).await);
            }
        });
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        flood.join().expect("no panic")
    });
    let worst = joins.iter().max().expect("some").as_secs_f64() * 1000.0;
    ensure!(worst <= crate::JOIN_MS, "an honest join from the same network took {worst:.0} ms");
    ensure!(answers.of("in") == 0, "{answers}");
    Ok(Report::new(
        format!(
            "{} joins by unknown keys from one network, {:.0} a second",
            answers.all(),
            answers.all() as f64 / begun.elapsed().as_secs_f64()
        ),
        format!("{answers}; 10 honest joins from that network, the longest {worst:.0} ms"),
    ))
}

pub(crate) fn keys(scene: &Scene) -> anyhow::Result<Report> {
    let door = (scene.bridge.at, scene.bridge.pins());
    let lost_one = scene.bridge.enrol("Máy cũ", SiteRole::Participant)?;
    scene.bridge.registry()?.revoke_site("Máy cũ")?;
    // The bridge looks four times a second.
    crate::pause(Duration::from_millis(400));
    let (unknown, revoked, elsewhere) = runtime().block_on(async {
        let unknown = many(100, 10, |n| async move {
            let from = Ipv4Addr::new(127, 50, n as u8, 1);
            let known = if n % 2 == 0 { "giaoban" } else { "khong-co" };
            ask(from, door, &stranger(), hello(known)).await.0
        });
        let unknown = unknown.await;
        let mut revoked = Answers::default();
        for n in 0..20 {
            revoked.add(ask(Ipv4Addr::new(127, 51, n, 1), door, &lost_one, hello("giaoban")).await.0);
        }
        let elsewhere = ask(Ipv4Addr::new(127, 51, 99, 1), door, &lost_one, hello("khong-co")).await.0;
        (unknown, revoked, elsewhere)
    });
    ensure!(unknown.of("NotAdmitted") == 100, "{unknown}");
    ensure!(revoked.of("Revoked") == 20 && elsewhere == "Revoked", "{revoked}, {elsewhere}");
    Ok(Report::new("100 unknown keys, 20 joins by a revoked one", format!("{unknown}; {revoked}")))
}

pub(crate) fn invitations(scene: &Scene) -> anyhow::Result<Report> {
    let door = (scene.bridge.at, scene.bridge.pins());
    let mut registry = scene.bridge.registry()?;
    registry.add_site("Bản Xóng", SiteRole::Participant)?;
    let good = registry.invite("Bản Xóng")?.code;
    // Made three days and a minute ago.
    let then = giaoban_benches::outside::unix_ms() as i64 - INVITATION_FOR_MS - 60_000;
    let mut earlier = scene.bridge.registry_at(Box::new(move || UnixMs(then)))?;
    earlier.add_site("Bản Cọc", SiteRole::Participant)?;
    let old = earlier.invite("Bản Cọc")?.code;
    let first = stranger();
    let asked = runtime().block_on(async {
        let from = |n| Ipv4Addr::new(127, 52, n, 1);
        let enrolled = ask(from(0), door, &first, invited(&good)).await;
        let mut asked = vec![("good", enrolled.0)];
        asked.push(("reused", ask(from(1), door, &stranger(), invited(&good)).await.0));
        asked.push(("expired", ask(from(2), door, &stranger(), invited(&old)).await.0));
        let foreign = Code::from_bytes([7; 16]);
        asked.push(("foreign", ask(from(3), door, &stranger(), invited(&foreign)).await.0));
        let short = Hello { code: vec![1; 5], ..hello("giaoban") };
        asked.push(("of five bytes", ask(from(4), door, &stranger(), short).await.0));
        drop(enrolled.1);
        asked.push(("its own again", ask(from(5), door, &first, invited(&good)).await.0));
        asked
    });
    let words: Vec<&str> = asked.iter().map(|(_, answer)| answer.as_str()).collect();
    let right = ["in", "InvitationUsed", "InvitationExpired", "NotAdmitted", "NotAdmitted", "in"];
    ensure!(words == right, "{asked:?}");
    let answered: Vec<String> = asked.iter().map(|(what, answer)| format!("{what}: {answer}")).collect();
    Ok(Report::new("invitations: good, reused, expired, foreign, cut short", answered.join(", ")))
}
