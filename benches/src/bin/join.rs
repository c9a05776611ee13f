//! How long it takes to be in a meeting, and what it costs.
//!
//! (a) the real programs over loopback: from the start of `giaoban join` to its first sound; (b) in virtual time on a
//! bad line, real bridge and real client: from the client's start to its first sound, and until others hear it; (c)
//! in virtual time on a clean line, the bytes of a whole join, IPv4 and UDP headers (28 B) included.

use anyhow::{Context as _, ensure};
use clap::Parser;
use giaoban_benches::hall::{BRIDGE, Guest, Hall};
use giaoban_benches::outside::{BridgeProcess, Running, program, unix_ms};
use giaoban_benches::timeline::{SECOND, Timeline};
use giaoban_bridge::store::{Guests, NewPin, RoomChange};
use giaoban_proto::link::Link;
use giaoban_proto::pin::{self, EXPORTER_LABEL, Pin};
use giaoban_proto::testing::link::{LinkConfig, Loss};
use giaoban_proto::testing::measure::level_db;
use giaoban_proto::testing::run;
use giaoban_proto::testing::visitor::{Visitor, hello};
use giaoban_proto::transport::{Identity, Pins, private};
use giaoban_proto::unit::Bitrate;
use giaoban_proto::wire::{Act, Hello, PinProof, SiteRole, act::What, server_message::Body};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Louder than this is sound, in dBFS: a brick of silence is far below.
const HEARD_DB: f64 = -50.0;

/// What is looked at for it, in samples: 5 ms.
const LOOK: usize = SECOND / 200;

#[derive(Parser)]
#[command(about = "How long it takes to be in a meeting, and what it costs")]
struct Typed {
    /// Joins of real programs
    #[arg(long, default_value_t = 20)]
    joins: usize,
    /// Seeds of the bad line
    #[arg(long, default_value_t = 30)]
    seeds: u64,
}

fn main() -> anyhow::Result<()> {
    let typed = Typed::parse();
    println!("| from its start to | line | joins | median | worst | target |\n|---|---|---|---|---|---|");
    let times = real(typed.joins)?;
    println!("| first sound | loopback, real programs | {} |", row(&times, "300 ms"));
    for (max_kbps, cap) in [(16, "cap 16 kbit/s"), (0, "no cap")] {
        let played: Vec<(f64, f64)> =
            (1..=typed.seeds).map(|seed| run(slow(seed, max_kbps))).collect::<Result<_, _>>()?;
        let (sound, voice): (Vec<f64>, Vec<f64>) = played.into_iter().unzip();
        let line = format!("16 kbit/s, 600 ms, 10 %; {cap}");
        println!("| first sound | {line} | {} |", row(&sound, "5000 ms"));
        println!("| being heard by another | {line} | {} |", row(&voice, "5000 ms"));
    }
    println!("\n| bytes until the list of who is here | up | down | both | target |\n|---|---|---|---|---|");
    for (what, (up, down)) in run(bytes())? {
        println!("| {what} | {up} | {down} | {} | 8192 |", up + down);
    }
    Ok(())
}

fn row(times: &[f64], target: &str) -> String {
    let mut sorted = times.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (median, worst) = (sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
    format!("{} | {median:.0} ms | {worst:.0} ms | {target}", sorted.len())
}

/// When sound begins, in ms, if it does.
fn first_sound(heard: &[f32]) -> Option<f64> {
    let at = heard.chunks(LOOK).position(|part| level_db(part) > HEARD_DB)?;
    Some((at * LOOK) as f64 * 1000.0 / SECOND as f64)
}

/// Each join is a process of its own; a talker speaks without a pause.
fn real(joins: usize) -> anyhow::Result<Vec<f64>> {
    let folder = TempDir::new()?;
    let path = |name: &str| folder.path().join(name);
    let bridge = BridgeProcess::start(&path("data"), &path("bridge.log"))?;
    let start = |key: &Path, more: &[&str]| -> anyhow::Result<Running> {
        let site = Command::new(program("giaoban"))
            .args(["join", &bridge.link.to_string(), "--identity"])
            .arg(key)
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Running(site))
    };
    for name in ["talker", "site"] {
        let device = private::identity(&path(&format!("{name}.key")))?.public_key();
        bridge.registry()?.enrol(device, name, SiteRole::Participant)?;
    }
    write_babble(&path("says.wav"))?;
    let says = path("says.wav").display().to_string();
    let _talker = start(&path("talker.key"), &["--input", &says, "--loop", "--output", "null"])?;
    pause(Duration::from_secs(3));
    (0..joins)
        .map(|n| {
            let (heard, stats) = (path(&format!("heard{n}.wav")), path(&format!("stats{n}.jsonl")));
            let texts = (heard.display().to_string(), stats.display().to_string());
            let begun = unix_ms();
            let more =
                ["--input", "silence", "--output", &texts.0, "--stats", &texts.1, "--duration", "2500ms"];
            let mut site = start(&path("site.key"), &more)?;
            ensure!(site.0.wait()?.success(), "join {n} failed");
            let tape = hound::WavReader::open(&heard)?
                .samples::<i16>()
                .map(|sample| Ok(f32::from(sample?) / 32_768.0))
                .collect::<anyhow::Result<Vec<f32>>>()?;
            let first = first_sound(&tape).with_context(|| format!("join {n} heard nothing"))?;
            Ok(beginning(&stats)? + first - begun)
        })
        .collect()
}

/// When a recording began, in Unix time.
fn beginning(stats: &Path) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(stats)?;
    let line = text.lines().next().context("no figures")?;
    let line: serde_json::Value = serde_json::from_str(line)?;
    let number = |key: &str| line[key].as_f64().context("a number");
    Ok(number("unix_ms")? - number("out_ms")?)
}

/// Speech without pauses, so that there is something to hear whenever one joins.
fn write_babble(path: &Path) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec)?;
    for sample in unbroken(20) {
        wav.write_sample((sample * 32_767.0) as i16)?;
    }
    Ok(wav.finalize()?)
}

/// Real speech, of which what is quiet was taken out.
fn unbroken(seconds: usize) -> Vec<f32> {
    let timeline = Timeline::of(&["en"], &[(&[0], 29.0)]);
    let loud = timeline.says[0].chunks(SECOND / 50).filter(|brick| level_db(brick) > -35.0).flatten();
    loud.copied().cycle_to(seconds * SECOND)
}

trait CycleTo: Iterator<Item = f32> + Sized {
    fn cycle_to(self, length: usize) -> Vec<f32> {
        let once: Vec<f32> = self.collect();
        once.iter().copied().cycle().take(length).collect()
    }
}
impl<I: Iterator<Item = f32>> CycleTo for I {}

#[expect(clippy::disallowed_methods, reason = "real programs run by real time")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Somebody joins by a bad line: when it first hears a district that talks without a pause; and, in a meeting of its
/// own, when a district that is silent first hears it. Both in ms since its client began.
async fn slow(seed: u64, max_kbps: u32) -> anyhow::Result<(f64, f64)> {
    let line = LinkConfig {
        delay: Duration::from_millis(300),
        loss: Loss::Random(0.1),
        rate: Some(Bitrate::from_bps(16_000)),
        ..LinkConfig::default()
    };
    let stays = Duration::from_secs(32);
    let clean = (LinkConfig::default(), LinkConfig::default());
    // Once with a talker, to hear; once without, to be heard.
    let mut found = Vec::new();
    for talks in [true, false] {
        let mut hall = Hall::open(seed, 10)?;
        let says = if talks { unbroken(40) } else { Vec::new() };
        let talker = Guest { name: "district", says, muted: false, max_kbps: 0, line: clean.clone(), stays };
        let talker = hall.seat(talker)?;
        tokio::time::sleep(Duration::from_secs(5)).await;
        let begun = hall.elapsed();
        let says = if talks { Vec::new() } else { unbroken(40) };
        let late = Guest {
            name: "village",
            says,
            muted: talks,
            max_kbps,
            line: (line.clone(), line.clone()),
            stays: Duration::from_secs(25),
        };
        let late = hall.seat(late)?;
        let (late, talker) = (late.leave().await?, talker.leave().await?);
        let heard = if talks { late.heard } else { talker.heard };
        let from = (begun.as_secs_f64() * SECOND as f64) as usize;
        let first = heard.get(from.min(heard.len())..).and_then(first_sound);
        // Whoever heard nothing in twenty-five seconds counts as that.
        found.push(first.unwrap_or(25_000.0));
    }
    Ok((found[0], found[1]))
}

/// Where each of those who join in (c) is.
fn place(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 2, n))
}

/// What passed one site's line so far, up and down.
fn passed(hall: &Hall, n: u8) -> (u64, u64) {
    (hall.net.counters(place(n), BRIDGE).bytes, hall.net.counters(BRIDGE, place(n)).bytes)
}

/// As the real client says it.
fn full_hello(link: &Link) -> Hello {
    Hello {
        software: concat!("giaoban ", env!("CARGO_PKG_VERSION")).into(),
        name: "UBND xã Tri Lễ".into(),
        code: link.code.map(|code| code.as_bytes().to_vec()).unwrap_or_default(),
        ..hello("giaoban")
    }
}

async fn enter(hall: &Hall, n: u8, link: &Link, key: &Identity, hello: Hello) -> anyhow::Result<Visitor> {
    let pins = Pins::from(link);
    let visitor = Visitor::connect(&hall.net, (place(n), 0).into(), BRIDGE, key, pins, n.into()).await;
    let mut visitor = visitor.map_err(|error| anyhow::anyhow!("{error}"))?;
    visitor.say(hello).await;
    Ok(visitor)
}

/// Until somebody has been told who is here.
async fn listed(visitor: &mut Visitor) -> anyhow::Result<()> {
    loop {
        let message = visitor.hear().await.map_err(|why| anyhow::anyhow!("{why:?}"))?;
        if matches!(message.body, Some(Body::Roster(_))) {
            return Ok(());
        }
    }
}

/// Bytes up and down, by what joins: a device that is enrolled, one that is not yet, a guest that waits no longer than
/// an operator's script takes. Twenty sites are there.
async fn bytes() -> anyhow::Result<Vec<(&'static str, (u64, u64))>> {
    const PIN: &str = "12345678";
    let hall = Hall::open(1, 100)?;
    let change = RoomChange {
        guests: Some(Guests::Lobby),
        pin: Some(NewPin::Is(PIN.into())),
        ..RoomChange::default()
    };
    hall.store.edit(move |registry| registry.set_room("giaoban", &change)).context("a store")??;
    let mut there = Vec::new();
    for n in 0..19 {
        let key = hall.enrol(&format!("UBND xã Châu Kim {n}"))?;
        there.push(enter(&hall, 100 + n, hall.link(), &key, hello("giaoban")).await?);
    }
    let operator = Identity::generate()?;
    hall.store.enrol(operator.public_key(), "Điều hành", SiteRole::Operator)?;
    let mut operator = enter(&hall, 99, hall.link(), &operator, hello("giaoban")).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut found = Vec::new();

    let key = hall.enrol("UBND xã Tri Lễ")?;
    listed(&mut enter(&hall, 1, hall.link(), &key, full_hello(hall.link())).await?).await?;
    found.push(("a device that is enrolled", passed(&hall, 1)));

    let (link, key) = (hall.invite("UBND xã Nậm Giải")?, Identity::generate()?);
    listed(&mut enter(&hall, 2, &link, &key, full_hello(&link)).await?).await?;
    found.push(("one that enrols", passed(&hall, 2)));

    let (pin, key): (Pin, _) = (PIN.parse()?, Identity::generate()?);
    let (guest, exchange) = pin::begin(&pin, "giaoban");
    let hello = Hello { guest: exchange, ..full_hello(hall.link()) };
    let mut visitor = enter(&hall, 3, hall.link(), &key, hello).await?;
    let said = visitor.hear().await.map_err(|why| anyhow::anyhow!("{why:?}"))?;
    let Some(Body::PinChallenge(challenge)) = said.body else { anyhow::bail!("no challenge") };
    let mut binding = [0; 32];
    let exported = visitor.connection.export_keying_material(&mut binding, EXPORTER_LABEL, &[]);
    exported.map_err(|_| anyhow::anyhow!("no exporter"))?;
    let (_, proof) = guest.prove(&challenge.exchange, &binding)?;
    visitor.say(PinProof { proof }).await;
    let said = visitor.hear().await.map_err(|why| anyhow::anyhow!("{why:?}"))?;
    ensure!(matches!(said.body, Some(Body::InLobby(_))), "not in the lobby");
    found.push(("a guest, to the lobby", passed(&hall, 3)));
    let waiting = loop {
        let said = operator.hear().await.map_err(|why| anyhow::anyhow!("{why:?}"))?;
        if let Some(Body::Lobby(lobby)) = said.body
            && let Some(guest) = lobby.waiting.first()
        {
            break guest.member;
        }
    };
    operator.say(Act { number: 1, what: Some(What::LetIn(waiting)) }).await;
    listed(&mut visitor).await?;
    found.push(("a guest, let in", passed(&hall, 3)));
    drop(there);
    Ok(found)
}
