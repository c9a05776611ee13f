//! Attacks by those who are in, or nearly: members, guests with the PIN, sites that were put out.
#![expect(clippy::disallowed_methods, reason = "real programs run by real time")]

use crate::crowd::{Answers, closed};
use crate::door::{ask, stranger};
use crate::mouth::{Mouth, listen};
use crate::pins::dial;
use crate::relay::Relay;
use crate::{PIN, Report, Scene, pause, runtime};
use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use giaoban_benches::outside::{Running, call, program, unix_ms};
use giaoban_bridge::store::{VisitFilter, VisitRow};
use giaoban_proto::testing::rng::Rng;
use giaoban_proto::testing::visitor::{Visitor, hello};
use giaoban_proto::transport::{Identity, private};
use giaoban_proto::wire::{
    Act, ActCode, ClientMessage, CloseCode, FloorMode, Gain, Hello, Leave, MAX_CONTROL_BYTES, NoticeKind,
    OBSERVES, Record, Rename, Report as Beat, Roster, SetFloor, SetRoom, Silence, SilenceAll, SiteRole, Tick,
    TwoWay, act::What, frame, server_message::Body,
};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Where members come from.
const HERE: Ipv4Addr = Ipv4Addr::new(127, 70, 0, 1);

impl Scene {
    /// Somebody of that site in the room.
    async fn member(&self, key: &Identity) -> anyhow::Result<Visitor> {
        let (answer, visitor) = ask(HERE, (self.bridge.at, self.bridge.pins()), key, hello("giaoban")).await;
        visitor.context(answer)
    }

    fn visits(&self, name: &str) -> anyhow::Result<Vec<VisitRow>> {
        let mut rows = self.bridge.registry()?.attendance(&VisitFilter::default())?;
        rows.retain(|row| row.name == name);
        Ok(rows)
    }
}

/// The next message for which `of` has something, within five seconds.
async fn next<T>(visitor: &mut Visitor, of: impl Fn(Body) -> Option<T>) -> anyhow::Result<T> {
    let seek = async {
        loop {
            match visitor.hear().await {
                Ok(message) => {
                    if let Some(found) = message.body.and_then(&of) {
                        return Ok(found);
                    }
                }
                Err(why) => bail!("{why:?}"),
            }
        }
    };
    timeout(Duration::from_secs(5), seek).await.context("no such message within five seconds")?
}

async fn act(visitor: &mut Visitor, what: Option<What>) -> anyhow::Result<ActCode> {
    visitor.say(Act { number: 7, what }).await;
    let code = next(visitor, |body| match body {
        Body::Done(done) => Some(done.code),
        _ => None,
    });
    ActCode::from_code(code.await?).context("a code")
}

async fn roster(visitor: &mut Visitor) -> anyhow::Result<Roster> {
    next(visitor, |body| match body {
        Body::Roster(roster) => Some(roster),
        _ => None,
    })
    .await
}

/// The number under which the others see this site.
async fn number(visitor: &mut Visitor, name: &str) -> anyhow::Result<u64> {
    next(visitor, |body| match body {
        Body::Roster(roster) => roster.seats.iter().find(|seat| seat.name == name).map(|seat| seat.member),
        _ => None,
    })
    .await
}

/// Goes as an honest member does, so that nothing of it is left for the next case.
async fn leave(mut visitor: Visitor) {
    visitor.say(Leave {}).await;
    // It may have been put out already.
    let _ = timeout(Duration::from_secs(5), visitor.closed()).await;
}

async fn put_out(visitor: &Visitor) -> String {
    match timeout(Duration::from_secs(20), visitor.closed()).await {
        Ok(code) => closed(code),
        Err(_) => "still there".into(),
    }
}

/// Bytes that are no control message, or too much of one; before coming in and after.
pub(crate) fn control(scene: &Scene) -> anyhow::Result<Report> {
    let door = (scene.bridge.at, scene.bridge.pins());
    let mut rng = Rng::new(4);
    let noise: Vec<u8> = (0..4096).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
    let mut nested = frame(&ClientMessage::from(hello("giaoban")));
    nested[1] ^= 0x55;
    let megabyte = Hello { name: "ô".repeat(1 << 19), ..hello("giaoban") };
    let attacks: [(&str, Vec<u8>); 8] = [
        ("noise", noise),
        ("all ones", vec![0xff; 64]),
        ("a length of a gigabyte", vec![0x80, 0x80, 0x80, 0x80, 0x04, 1, 2, 3]),
        ("one byte too long", [vec![0x81, 0x20], vec![0; MAX_CONTROL_BYTES + 1]].concat()),
        ("a megabyte as a name", frame(&ClientMessage::from(megabyte))),
        ("no protobuf", vec![3, 0xff, 0xff, 0xff]),
        ("a changed hello", nested),
        ("a proof without a challenge", vec![4, 0x22, 2, 0x0a, 0]),
    ];
    let keys: Vec<Identity> = (0..attacks.len())
        .map(|n| scene.bridge.enrol(&format!("Phá {n}"), SiteRole::Participant))
        .collect::<Result<_, _>>()?;
    let mut answers = Answers::default();
    runtime().block_on(async {
        for ((what, bytes), key) in attacks.iter().zip(&keys) {
            let mut before = call(HERE, door.0, &stranger(), door.1).await?;
            before.say_bytes(bytes).await;
            let mut after = scene.member(key).await?;
            after.say_bytes(bytes).await;
            for answer in [put_out(&before).await, put_out(&after).await] {
                ensure!(answer == "BadMessage", "{what}: {answer}");
                answers.add(answer);
            }
        }
        // Cut short: half a hello and no more, with the stream ended and without; and a member's half message.
        let half = frame(&ClientMessage::from(hello("giaoban")));
        for ends in [true, false] {
            let mut short = call(HERE, door.0, &stranger(), door.1).await?;
            short.say_bytes(&half[..half.len() / 2]).await;
            if ends {
                short.finish();
            }
            answers.add(put_out(&short).await);
        }
        let key = scene.bridge.enrol("Nói dở", SiteRole::Participant)?;
        let mut member = scene.member(&key).await?;
        member.say_bytes(&half[..half.len() / 2]).await;
        member.finish();
        let stays = timeout(Duration::from_secs(2), member.closed()).await.is_err();
        ensure!(stays, "a member with half a message was put out");
        // A megabyte of empty messages: read as fast as a member may speak, and no faster.
        let mut empty = scene.member(&scene.bridge.enrol("Nói nhiều", SiteRole::Participant)?).await?;
        let all = timeout(Duration::from_secs(2), empty.say_bytes(&vec![0; 1 << 20])).await;
        ensure!(all.is_err(), "a megabyte of messages was read at once");
        anyhow::Ok(())
    })?;
    ensure!(answers.of("BadMessage") == 2 * attacks.len() + 1 && answers.of("TooSlow") == 1, "{answers}");
    Ok(Report::new(
        "8 kinds of bad control bytes before and after coming in (a megabyte among them), 3 cut short, a megabyte of empty ones",
        format!("{answers}; the megabyte of messages is held off, unread"),
    ))
}

/// Names of guests and rooms: what others would be shown, and what a spreadsheet would run.
pub(crate) fn names(scene: &Scene) -> anyhow::Result<Report> {
    let door = (scene.bridge.at, scene.bridge.pins());
    let hostile = [
        "\u{1b}[2J\u{7}Chủ tịch\r\n",
        "=HYPERLINK(\"http://x\",\"y\")",
        "+1+cmd|'/c calc'!A0",
        "@SUM(1)",
        "\u{202e}hcit \u{fb01}\u{2028}",
        "\tgiao\0ban",
    ];
    let long = "ờ".repeat(1200);
    let rooms = ["khong-co", "../../etc/passwd", "giaoban\n", "GIAOBAN'; DROP TABLE sites; --", &long];
    let (shown, answers) = runtime().block_on(async {
        let mut operator = scene.member(&scene.operator).await?;
        let mut shown = Vec::new();
        for name in hostile.into_iter().chain([long.as_str()]) {
            let (answer, guest) = dial(HERE, door, PIN, name).await;
            let mut guest = guest.with_context(|| format!("{name:?}: {answer}"))?;
            let (number, name) = next(&mut operator, |body| match body {
                Body::Lobby(lobby) => {
                    let mut new = lobby.waiting.into_iter().filter(|guest| guest.name != "Người lạ");
                    new.next_back().map(|guest| (guest.member, guest.name))
                }
                _ => None,
            })
            .await?;
            // One act a second, once ten were used up.
            sleep(Duration::from_millis(300)).await;
            let done = act(&mut operator, Some(What::LetIn(number))).await?;
            ensure!(done == ActCode::Done, "{name:?}: {done:?}");
            guest.welcome().await.map_err(|why| anyhow::anyhow!("{why:?}"))?;
            shown.push(name);
        }
        let mut answers = Answers::default();
        let key = scene.bridge.enrol("Lạc đường", SiteRole::Participant)?;
        for room in rooms {
            answers.add(ask(HERE, door, &key, Hello { room: room.into(), ..hello("") }).await.0);
        }
        anyhow::Ok((shown, answers))
    })?;
    let fits = |name: &str| {
        name.len() <= 64 && !name.chars().any(|c| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c))
    };
    ensure!(shown.iter().all(|name| fits(name)), "{shown:?}");
    ensure!(answers.of("NoSuchRoom") == rooms.len(), "{answers}");
    pause(Duration::from_millis(300));
    let rows = scene.bridge.registry()?.attendance(&VisitFilter::default())?;
    let guests: Vec<&VisitRow> = rows.iter().filter(|row| row.guest && shown.contains(&row.name)).collect();
    ensure!(guests.len() == shown.len() && rows.iter().all(|row| fits(&row.name)), "{guests:?}");
    Ok(Report::new(
        "7 guests' names (control characters, formulas, text that turns round, 3.6 kB), 5 rooms' names",
        format!("shown and kept on one line, at most 64 bytes; rooms: {answers}"),
    ))
}

/// It may hear and not speak.
pub(crate) fn listener(scene: &Scene) -> anyhow::Result<Report> {
    const HZ: f32 = 2000.0;
    let key = scene.bridge.enrol("Chỉ nghe", SiteRole::Listener)?;
    let from = unix_ms();
    let ear = runtime().block_on(async {
        let listener = scene.member(&key).await?;
        let (time, mut mouth) = (Duration::from_secs(5), Mouth::new(HZ));
        let (ear, ()) =
            tokio::join!(listen(&listener.connection, time), mouth.speak(&listener.connection, time));
        leave(listener).await;
        anyhow::Ok(ear)
    })?;
    ensure!(ear.voices > 20, "it does not even hear: {ear:?}");
    let mut report =
        Report::new("5 s of voice from a listener", format!("heard by nobody; hears {} packets", ear.voices));
    report.unheard.push((HZ.into(), from, unix_ms() + 1000.0));
    Ok(report)
}

/// Each of them, on an honest member, and some that there are not.
pub(crate) fn acts(scene: &Scene) -> anyhow::Result<Report> {
    let door = (scene.bridge.at, scene.bridge.pins());
    let key = scene.bridge.enrol("Muốn làm chủ", SiteRole::Participant)?;
    let mut answers = Answers::default();
    runtime().block_on(async {
        let mut member = scene.member(&key).await?;
        let victim = number(&mut member, "Xã 1").await?;
        let silence = |silent| What::Silence(Silence { member: victim, silent });
        let all = [
            What::LetIn(victim),
            What::TurnAway(victim),
            What::Expel(victim),
            silence(true),
            silence(false),
            What::Expel(u64::MAX),
            What::SetFloor(SetFloor { mode: FloorMode::Announcement.code(), turn_s: 0 }),
            What::Grant(victim),
            What::TakeBack(0),
            What::LowerHand(0),
            What::SilenceAll(SilenceAll { silent: true, but_floor: false }),
            What::SetRoom(SetRoom { locked: Some(true), newcomers_silent: Some(true) }),
            What::Rename(Rename { member: victim, name: "=1+1".into() }),
            What::Gain(Gain { member: victim, db: -12 }),
            What::RollCall(60),
            What::Tick(Tick { member: victim, present: false }),
            What::Record(Record::Stop.code()),
            What::Play("x.wav".into()),
            What::Deputy(victim),
            What::TwoWay(TwoWay { member: victim, hears: true }),
        ];
        for what in all {
            answers.add(format!("{:?}", act(&mut member, Some(what)).await?));
        }
        answers.add(format!("{:?}", act(&mut member, None).await?));
        // Act number 29, of which this version knows nothing.
        member.say_bytes(&[8, 0x2a, 6, 0x08, 9, 0xea, 1, 1, 0]).await;
        answers.add(
            next(&mut member, |body| match body {
                Body::Done(done) => ActCode::from_code(done.code).map(|code| format!("{code:?}")),
                _ => None,
            })
            .await?,
        );
        // In the lobby one may do no more.
        let (answer, guest) = dial(HERE, door, PIN, "Khách").await;
        let mut guest = guest.context(answer)?;
        answers.add(format!("{:?}", act(&mut guest, Some(What::LetIn(victim + 1))).await?));
        answers.add(format!("{:?}", act(&mut guest, Some(What::Expel(victim))).await?));
        let looks_on = Hello { capabilities: OBSERVES, ..hello("giaoban") };
        answers.add(ask(HERE, door, &key, looks_on).await.0);
        ensure!(member.connection.close_reason().is_none(), "it was put out for it");
        anyhow::Ok(())
    })?;
    ensure!(answers.of("NotAllowed") == 22 && answers.of("Unknown") == 2, "{answers}");
    ensure!(answers.of("NotAdmitted") == 1, "{answers}");
    Ok(Report::new(
        "22 acts by a participant, 2 by a guest in the lobby, a wish to look on",
        answers.to_string(),
    ))
}

/// 2,000 a second for ten seconds, each of them sound.
pub(crate) fn voices(scene: &Scene) -> anyhow::Result<Report> {
    let key = scene.bridge.enrol("Nói không nghỉ", SiteRole::Participant)?;
    let (sent, stays) = runtime().block_on(async {
        let member = scene.member(&key).await?;
        let mut mouth = Mouth::new(2300.0);
        // Coded beforehand: to code so many takes longer than to say them.
        let said: Vec<Bytes> = (0..4000).filter_map(|_| mouth.say()).map(Bytes::from).collect();
        let (mut said, mut sent) = (said.iter().cycle(), 0);
        let mut breaths = interval(Duration::from_millis(5));
        breaths.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for _ in 0..2000 {
            breaths.tick().await;
            for _ in 0..10 {
                let bytes = said.next().expect("some").clone();
                sent += usize::from(member.connection.send_datagram_wait(bytes).await.is_ok());
            }
        }
        let stays = member.connection.close_reason().is_none();
        leave(member).await;
        anyhow::Ok((sent, stays))
    })?;
    ensure!(sent > 15_000, "only {sent} were sent");
    // Four voices are mixed at most: what is left of this one would stand in the next one's way.
    pause(Duration::from_secs(2));
    Ok(Report::new(
        format!("{sent} voice packets in 10 s"),
        if stays { "dropped beyond its share; it stays a member" } else { "it was put out" },
    ))
}

/// It never hears that it was put out, and goes on: first from the same port, then from another.
pub(crate) fn expelled(scene: &Scene) -> anyhow::Result<Report> {
    const HZ: f32 = 3300.0;
    let key = scene.bridge.enrol("Bị mời ra", SiteRole::Participant)?;
    let relay = Relay::new(Ipv4Addr::new(127, 71, 0, 1), scene.bridge.at)?;
    let (before, spoken, at) = runtime().block_on(async {
        let mut operator = scene.member(&scene.operator).await?;
        let end = giaoban_benches::outside::end_at(Ipv4Addr::LOCALHOST.into())?;
        let mut unwanted = Visitor::over(end, relay.at, &key, scene.bridge.pins())
            .await
            .map_err(|error| anyhow::anyhow!("{error}"))?;
        unwanted.say(hello("giaoban")).await;
        unwanted.welcome().await.map_err(|why| anyhow::anyhow!("{why:?}"))?;
        let number = number(&mut operator, "Bị mời ra").await?;
        let (mut mouth, from) = (Mouth::new(HZ), unix_ms());
        mouth.speak(&unwanted.connection, Duration::from_secs(3)).await;
        let spoken = (from + 1500.0, unix_ms());
        relay.deafen();
        ensure!(act(&mut operator, Some(What::Expel(number))).await? == ActCode::Done, "not expelled");
        let at = unix_ms();
        let heart = async {
            for _ in 0..6 {
                let _ = unwanted.connection.send_datagram(Beat::default().encode().to_vec().into());
                sleep(Duration::from_secs(1)).await;
            }
        };
        let speech = async {
            mouth.speak(&unwanted.connection, Duration::from_secs(3)).await;
            let changed = relay.change_port();
            mouth.speak(&unwanted.connection, Duration::from_secs(3)).await;
            changed
        };
        speech_and(heart, speech).await?;
        let gone = timeout(Duration::from_secs(3), async {
            loop {
                let roster = roster(&mut operator).await?;
                if roster.gone.contains(&number) {
                    return anyhow::Ok(());
                }
            }
        });
        gone.await.context("it is still on the list")??;
        ensure!(unwanted.connection.close_reason().is_none(), "it heard of it: the test is none");
        anyhow::Ok((number, spoken, at))
    })?;
    let ((sent, sent_bytes), (answers, bytes)) = relay.counts();
    ensure!(sent > 50, "it sent only {sent} packets");
    // Closes and resets, each less than what it answers.
    ensure!(
        answers <= sent && bytes <= sent_bytes,
        "{answers} packets, {bytes} bytes came back to {sent}, {sent_bytes}"
    );
    let mut report = Report::new(
        format!(
            "expelled as member {before}, it sent on for 6 s: {sent} packets ({sent_bytes} B), from two ports"
        ),
        format!("heard before, by nobody after; {answers} packets ({bytes} B) came back: closes, resets"),
    );
    report.heard.push((HZ.into(), spoken.0, spoken.1));
    // What was under way is played to its end.
    report.unheard.push((HZ.into(), at + 700.0, unix_ms() + 1000.0));
    Ok(report)
}

async fn speech_and<T>(heart: impl Future<Output = ()>, speech: impl Future<Output = T>) -> T {
    tokio::join!(heart, speech).1
}

/// The newest wins each time, and the meeting sees one site.
pub(crate) fn alternate(scene: &Scene) -> anyhow::Result<Report> {
    let name = "Một máy hai nơi";
    let key = scene.bridge.enrol(name, SiteRole::Participant)?;
    let (slowest, told) = runtime().block_on(async {
        let mut operator = scene.member(&scene.operator).await?;
        let mut first = scene.member(&key).await?;
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            // The older one is alive: it says so.
            let _ = first.connection.send_datagram(Beat::default().encode().to_vec().into());
            sleep(Duration::from_millis(50)).await;
            let begun = Instant::now();
            let next = scene.member(&key).await?;
            let code = timeout(Duration::from_secs(5), first.closed()).await.context("both stay")?;
            ensure!(crate::pins::is(code, CloseCode::Replaced), "{code:?}");
            slowest = slowest.max(begun.elapsed());
            first = next;
        }
        sleep(Duration::from_secs(1)).await;
        let (mut told, mut there) = (0, std::collections::BTreeSet::new());
        while let Ok(Ok(message)) = timeout(Duration::from_millis(700), operator.hear()).await {
            match message.body {
                Some(Body::Notice(notice)) if notice.kind == NoticeKind::CameTwice.code() => told += 1,
                Some(Body::Roster(roster)) => {
                    there
                        .extend(roster.seats.iter().filter(|seat| seat.name == name).map(|seat| seat.member));
                    there.retain(|member| !roster.gone.contains(member));
                }
                _ => {}
            }
        }
        ensure!(there.len() == 1, "seats {there:?}");
        anyhow::Ok((slowest, told))
    })?;
    ensure!(slowest < Duration::from_secs(1), "the older one lived for {slowest:?}");
    pause(Duration::from_millis(300));
    let visits = scene.visits(name)?;
    ensure!(visits.len() == 1, "{} rows of attendance", visits.len());
    ensure!(told >= 15, "the operator was told only {told} times");
    Ok(Report::new(
        "20 sessions of one device, one after another",
        format!(
            "each replaced the one before, within {:.0} ms from its first packet; one seat, one row, the operator told {told} times",
            slowest.as_secs_f64() * 1000.0
        ),
    ))
}

/// A copied key on a second PC: the older client ends and does not come back.
pub(crate) fn twins(scene: &Scene) -> anyhow::Result<Report> {
    let folder = tempfile::TempDir::new()?;
    let path = folder.path().join("twin.key");
    let device = private::identity(&path)?.public_key();
    scene.bridge.registry()?.enrol(device, "Bản sao", SiteRole::Participant)?;
    let start = || -> anyhow::Result<Running> {
        let child = Command::new(program("giaoban"))
            .args(["join", &scene.bridge.link.to_string(), "--input", "silence", "--output", "null"])
            .arg("--identity")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Running(child))
    };
    let mut first = start()?;
    pause(Duration::from_secs(2));
    let begun = Instant::now();
    let mut second = start()?;
    let status = loop {
        if let Some(status) = first.0.try_wait()? {
            break status;
        }
        ensure!(begun.elapsed() < Duration::from_secs(5), "the older one stays");
        pause(Duration::from_millis(10));
    };
    let took = begun.elapsed();
    ensure!(status.code() == Some(3), "{status}");
    pause(Duration::from_secs(2));
    ensure!(second.0.try_wait()?.is_none(), "the newer one ended too");
    ensure!(scene.visits("Bản sao")?.len() == 1, "more than one row");
    second.ask_to_end()?;
    Ok(Report::new(
        "the same key in two real clients",
        format!(
            "the older one ended {:.0} ms after the newer was started, and stayed away",
            took.as_secs_f64() * 1000.0
        ),
    ))
}

/// Revoked in the meeting.
pub(crate) fn lost_pc(scene: &Scene) -> anyhow::Result<Report> {
    let key = scene.bridge.enrol("Máy mất", SiteRole::Participant)?;
    let (took, again) = runtime().block_on(async {
        let lost = scene.member(&key).await?;
        sleep(Duration::from_millis(500)).await;
        let begun = Instant::now();
        scene.bridge.registry()?.revoke_site("Máy mất")?;
        let code = timeout(Duration::from_secs(5), lost.closed()).await.context("it stays")?;
        let took = begun.elapsed();
        ensure!(crate::pins::is(code, CloseCode::Revoked), "{code:?}");
        let again = ask(HERE, (scene.bridge.at, scene.bridge.pins()), &key, hello("giaoban")).await.0;
        anyhow::Ok((took, again))
    })?;
    ensure!(took < Duration::from_secs(1), "it took {took:?}");
    ensure!(again == "Revoked", "{again}");
    Ok(Report::new(
        "a site revoked by another process while it is in the meeting",
        format!("out after {:.0} ms; when it comes again: {again}", took.as_secs_f64() * 1000.0),
    ))
}
