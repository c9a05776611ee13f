//! How many instructions each part of the way costs: the same on a busy machine as on an idle one.
//!
//! Each case runs twice under `valgrind --tool=callgrind`, with so many rounds and with twice as many; the difference
//! is what the rounds cost, without what came before them. Two runs of one program differ by less than a per mille.
//! Between processors they differ where libopus picks other instructions: a baseline says which ones it had.

use anyhow::{Context as _, bail, ensure};
use clap::Parser;
use giaoban_bridge::audience::{Audience, Hearing};
use giaoban_bridge::mixer::Mix;
use giaoban_bridge::room::{Joining, Room};
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Inlet, Outlet, Pcm};
use giaoban_proto::testing::speech;
use giaoban_proto::unit::{BRICK, BRICK_SAMPLES, MediaTime, MemberId, Seq};
use giaoban_proto::wire::{Datagram, MAX_DATAGRAM_BYTES, Report, SiteRole, Voice};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// A case may cost so much more than its baseline, in percent.
const MAY_GROW: f64 = 5.0;

/// Runs a case for that many rounds.
type Case = fn(u32) -> anyhow::Result<()>;

/// What is counted, in what, for how many rounds.
const CASES: [(&str, &str, u32, Case); 8] = [
    ("mixer", "brick of four voices, and the mix without each", 200, mixer),
    ("outlet", "brick of speech, coded for 24 kbit/s", 150, outlet),
    ("inlet", "brick of speech, decoded from 24 kbit/s", 150, inlet),
    ("wire voice", "voice packet, written and read", 2000, wire_voice),
    ("wire report", "report, written and read", 2000, wire_report),
    ("audience", "member that comes, enters the mix and goes", 500, audience),
    ("room, speaking", "tick with one talker and 200 listeners", 100, speaking),
    ("room, idle", "tick of 200 silent members", 200, idle),
];

#[derive(Parser)]
#[command(about = "How many instructions each part of the way costs, by callgrind")]
struct Typed {
    /// Fails where a case costs 5 % more than it does in this file
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Writes what was counted to this file
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Runs one case, by its number, without counting
    #[arg(long, hide = true, value_names = ["CASE", "ROUNDS"], num_args = 2)]
    run: Option<Vec<u32>>,
}

fn main() -> anyhow::Result<()> {
    let typed = Typed::parse();
    if let Some(&[case, rounds]) = typed.run.as_deref() {
        let (.., run) = CASES.get(case as usize).context("no such case")?;
        return run(rounds);
    }
    let baseline = typed.against.as_deref().map(read).transpose()?;
    let mut counted = Map::new();
    let mut grown = Vec::new();
    println!("| part | instructions | for a | before |\n|---|---|---|---|");
    for (n, (name, unit, rounds, _)) in CASES.iter().enumerate() {
        let [less, more] = [*rounds, 2 * rounds].map(|rounds| count(n, rounds));
        let each = more?.saturating_sub(less?) / u64::from(*rounds);
        let before = baseline.as_ref().and_then(|baseline| baseline["instructions"][*name].as_u64());
        let change = before.map(|before| 100.0 * (each as f64 / before as f64 - 1.0));
        let told =
            change.map_or_else(String::new, |change| format!("{} ({change:+.1} %)", before.unwrap_or(0)));
        println!("| {name} | {each} | {unit} | {told} |");
        if change.is_some_and(|change| change > MAY_GROW) {
            grown.push(*name);
        }
        counted.insert((*name).into(), each.into());
    }
    if let Some(path) = &typed.write {
        let found = json!({ "processor": processor(), "instructions": counted });
        std::fs::write(path, format!("{found:#}\n"))?;
    }
    let Some(baseline) = baseline else { return Ok(()) };
    if baseline["processor"] != processor() {
        println!(
            "not judged: the baseline is of a processor with {}, this one has {}",
            baseline["processor"],
            processor()
        );
        return Ok(());
    }
    ensure!(
        grown.is_empty(),
        "more than {MAY_GROW} % over the baseline: {}; if that is worth it, move the baseline in the same commit with --write",
        grown.join(", ")
    );
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_str(&text)?)
}

/// What of this processor libopus makes a difference by.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    {
        let has = [
            ("avx2", std::is_x86_feature_detected!("avx2")),
            ("fma", std::is_x86_feature_detected!("fma")),
            ("sse4.1", std::is_x86_feature_detected!("sse4.1")),
        ];
        let names: Vec<&str> = has.iter().filter(|(_, has)| *has).map(|(name, _)| *name).collect();
        format!("x86_64 {}", names.join(" "))
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH.into()
}

/// The instructions of a whole run.
fn count(case: usize, rounds: u32) -> anyhow::Result<u64> {
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["--run", &case.to_string(), &rounds.to_string()])
        .output()
        .context("valgrind is not here; install it (.ci/setup ci does)")?;
    let said = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() {
        bail!("{}: {said}", CASES[case].0);
    }
    let count =
        said.lines().find_map(|line| line.split_once("Collected :")).context("callgrind said no number")?.1;
    Ok(count.trim().parse()?)
}

#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
fn start() -> Instant {
    Instant::now()
}

/// Real speech in bricks, over and over.
struct Speech {
    samples: Vec<f32>,
    at: usize,
}

impl Speech {
    fn new() -> anyhow::Result<Self> {
        Ok(Self { samples: speech::load("en")?, at: 0 })
    }

    fn next(&mut self) -> Pcm {
        let mut brick = Pcm::SILENCE;
        let end = self.at + BRICK_SAMPLES;
        let from = if end > self.samples.len() { 0 } else { self.at };
        brick.samples_mut().copy_from_slice(&self.samples[from..from + BRICK_SAMPLES]);
        self.at = from + BRICK_SAMPLES;
        brick
    }
}

fn mixer(rounds: u32) -> anyhow::Result<()> {
    let mut speech = Speech::new()?;
    let voices = [speech.next(), speech.next(), speech.next(), speech.next()];
    let (mut mix, mut out) = (Mix::default(), Pcm::SILENCE);
    for _ in 0..rounds {
        mix.clear();
        voices.iter().for_each(|voice| mix.add(voice));
        for voice in &voices {
            mix.minus(voice, &mut out);
            std::hint::black_box(&out);
        }
    }
    Ok(())
}

fn outlet(rounds: u32) -> anyhow::Result<()> {
    let (mut speech, mut outlet) = (Speech::new()?, Outlet::new(RungId::for_cap(24))?);
    for n in 0..rounds {
        outlet.push(MediaTime::from_bricks(n.into()), Some(&speech.next()))?;
    }
    Ok(())
}

fn inlet(rounds: u32) -> anyhow::Result<()> {
    // The same packets however many rounds: coded before, so that only decoding grows.
    let (mut speech, mut outlet) = (Speech::new()?, Outlet::new(RungId::for_cap(24))?);
    let mut packets = Vec::new();
    for n in 0..300 {
        let packet = outlet.push(MediaTime::from_bricks(n), Some(&speech.next()))?.cloned();
        packets.extend(packet.map(|packet| (n, packet)));
    }
    let (start, mut inlet, mut brick, mut seq) = (start(), Inlet::new(0)?, Pcm::SILENCE, Seq(0));
    let mut packets = packets.iter().peekable();
    for n in 0..rounds {
        let now = start + BRICK * n;
        while let Some((_, packet)) = packets.next_if(|(at, _)| *at <= u64::from(n)) {
            let voice = Voice::new(seq, packet.time, packet.start, packet.end, packet.body());
            seq = seq.next();
            inlet.insert(now, &voice);
        }
        inlet.pull(now, &mut brick);
        std::hint::black_box(&brick);
    }
    Ok(())
}

fn wire_voice(rounds: u32) -> anyhow::Result<()> {
    let (mut speech, mut outlet) = (Speech::new()?, Outlet::new(RungId::for_cap(24))?);
    let mut n = 0;
    let packet = loop {
        let packet = outlet.push(MediaTime::from_bricks(n), Some(&speech.next()))?.cloned();
        n += 1;
        if let Some(packet) = packet {
            break packet;
        }
    };
    let mut buffer = [0; MAX_DATAGRAM_BYTES];
    for n in 0..rounds {
        let voice = Voice::new(Seq(n.into()), packet.time, packet.start, packet.end, packet.body());
        std::hint::black_box(&Datagram::decode(voice.encode(&mut buffer))?);
    }
    Ok(())
}

fn wire_report(rounds: u32) -> anyhow::Result<()> {
    for n in 0..rounds {
        let report = Report { sent_ms: n as u16, received: 7, ..Report::default() };
        std::hint::black_box(&Datagram::decode(&report.encode())?);
    }
    Ok(())
}

fn audience(rounds: u32) -> anyhow::Result<()> {
    let (mut speech, mut audience, rung) = (Speech::new()?, Audience::default(), RungId::for_cap(24));
    // It goes on, whoever comes and goes.
    audience.join(rung)?;
    for n in 0..10 {
        audience.push(MediaTime::from_bricks(n), Some(&speech.next()))?;
    }
    for _ in 0..rounds {
        let mut hearing = Hearing::Shared;
        audience.join(rung)?;
        audience.enter(rung, &mut hearing)?;
        audience.leave(rung, hearing);
    }
    Ok(())
}

/// Ticks for which there is something to say, whatever is played of them.
const SAID: u64 = 500;

/// A room whose members came in a second ago, and what the first of them says.
struct Meeting {
    start: Instant,
    room: Room,
    says: Vec<(u64, Vec<u8>)>,
    tick: u64,
}

impl Meeting {
    fn new(members: u64, talks: bool) -> anyhow::Result<Self> {
        let start = start();
        let mut room = Room::new(start, 1000);
        for n in 1..=members {
            let joining = Joining {
                id: MemberId(n),
                device: std::array::from_fn(|at| if at < 8 { n.to_le_bytes()[at] } else { 0 }),
                name: format!("site {n}"),
                cap: RungId::cap(24),
                muted: !talks || n > 1,
                role: SiteRole::Participant,
                guest: false,
                watches: false,
            };
            room.join(start, joining).map_err(|code| anyhow::anyhow!("{code:?}"))?;
        }
        let (mut outlet, mut speech) = (Outlet::new(RungId::for_cap(24))?, Speech::new()?);
        let (mut says, mut seq) = (Vec::new(), Seq(0));
        for tick in 0..if talks { SAID } else { 0 } {
            if let Some(packet) = outlet.push(MediaTime::from_bricks(tick), Some(&speech.next()))? {
                let voice = Voice::new(seq, packet.time, packet.start, packet.end, packet.body());
                seq = seq.next();
                says.push((tick, voice.encode(&mut [0; MAX_DATAGRAM_BYTES]).to_vec()));
            }
        }
        let mut meeting = Self { start, room, says, tick: 0 };
        meeting.play(50)?;
        Ok(meeting)
    }

    fn play(&mut self, ticks: u32) -> anyhow::Result<()> {
        for _ in 0..ticks {
            let now = self.start + BRICK * u32::try_from(self.tick)?;
            for (_, packet) in self.says.iter().filter(|(tick, _)| *tick == self.tick) {
                self.room.handle_datagram(now, MemberId(1), packet);
            }
            self.room.tick(now);
            while self.room.poll_transmit().is_some() {}
            while self.room.poll_event().is_some() {}
            self.tick += 1;
        }
        Ok(())
    }
}

fn speaking(rounds: u32) -> anyhow::Result<()> {
    Meeting::new(201, true)?.play(rounds)
}

fn idle(rounds: u32) -> anyhow::Result<()> {
    Meeting::new(200, false)?.play(rounds)
}
