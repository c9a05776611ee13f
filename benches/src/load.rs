//! Many members on one machine: a bridge in a process of its own, and a crowd that is light enough to stand beside it.
//!
//! A listener here is a connection that counts what it is sent and reports as a client does; it decodes nothing. A
//! talker sends real speech, coded once for all of them. One listener among them decodes and is judged.

use crate::outside::{BridgeProcess, program};
use anyhow::{Context as _, ensure};
use giaoban_proto::link::RoomName;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Inlet, Outlet, Pcm};
use giaoban_proto::testing::measure::align;
use giaoban_proto::testing::{now, speech};
use giaoban_proto::transport::{Identity, Pins, bind_client};
use giaoban_proto::unit::{BRICK, BRICK_SAMPLES, Level, MediaTime, Seq};
use giaoban_proto::wire::{
    ClientMessage, Datagram, Hello, MAX_DATAGRAM_BYTES, Report, SetMuted, SiteRole, VERSION, Voice, frame,
};
use quinn::Connection;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout};

/// What to try.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Members in all, talkers included.
    pub members: usize,
    /// Of those, how many speak, all the time.
    pub talkers: usize,
    /// Rooms over which they are spread.
    pub rooms: usize,
    /// For how long it is measured.
    pub seconds: u64,
    /// The cap of every member, kbit/s.
    pub kbps: u32,
    /// Whether listeners say that they only listen, and so are sent long packets.
    pub listening: bool,
    /// Members that come in each second.
    pub joins_a_second: usize,
}

/// Headers of IPv4 and UDP, and what QUIC adds to a datagram from the bridge, in bytes.
const AROUND: u64 = 28 + 21;

/// How long everybody is given to settle before it is measured: rates, roles, first reports.
const SETTLE: Duration = Duration::from_secs(8);

/// Bricks under this are pauses of a talker.
const PAUSE_DBFS: f32 = -45.0;

/// What a member has received.
#[derive(Debug, Default)]
struct Count {
    packets: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
}

/// Runs a plan against a bridge of its own, in `folder`; one JSON object with what came of it.
///
/// # Errors
/// When the bridge or somebody in the crowd does not come up.
pub async fn run(plan: &Plan, folder: &Path, say: impl Fn(&str)) -> anyhow::Result<Value> {
    ensure!(plan.talkers <= plan.members && plan.rooms >= 1, "more talkers than members, or no room");
    let log = folder.join("bridge.log");
    let crowd = plan.members.to_string();
    let limits =
        ["members=2500", "handshakes=4096", "handshakes-per-network=4096", "joins-per-network=100000"];
    let mut words = vec!["--max-members", "2500"];
    limits.iter().for_each(|limit| words.extend(["--limit", limit]));
    let mut bridge = BridgeProcess::start_with(&folder.join("data"), &log, &words)?;
    say(&format!("enrolling {crowd} devices"));
    let rooms: Vec<RoomName> =
        (0..plan.rooms).map(|n| format!("room {n}").parse()).collect::<Result<_, _>>()?;
    let mut registry = bridge.registry()?;
    for room in &rooms {
        registry.add_room(room.as_str())?;
    }
    let mut devices = Vec::with_capacity(plan.members);
    for n in 0..plan.members {
        let identity = Identity::generate()?;
        registry.enrol(identity.public_key(), &format!("site {n}"), SiteRole::Participant)?;
        devices.push(identity);
    }
    drop(registry);
    let (at, pins) = (bridge.at, bridge.pins());
    let (speaking, heard_speaking) = watch::channel(false);
    let counts: Vec<Arc<Count>> = (0..plan.members).map(|_| Arc::default()).collect();
    let began = now();
    let mut crowd = Vec::with_capacity(plan.members);
    for (n, identity) in devices.into_iter().enumerate() {
        let room = rooms[n % plan.rooms].clone();
        let member = Member {
            talks: n < plan.talkers,
            listening: plan.listening,
            kbps: plan.kbps,
            count: counts[n].clone(),
            number: n,
            // In one room each has a voice of its own, as far as there are voices.
            voice: n / plan.rooms,
            judges: if n == plan.talkers {
                (n % plan.rooms..plan.talkers).step_by(plan.rooms).map(|n| n / plan.rooms).collect()
            } else {
                Vec::new()
            },
            bridge: began,
        };
        let speaking = heard_speaking.clone();
        crowd.push(tokio::spawn(async move { member.live(at, pins, identity, room, speaking).await }));
        if (n + 1).is_multiple_of((plan.joins_a_second / 10).max(1)) {
            sleep(Duration::from_millis(100)).await;
        }
        if (n + 1).is_multiple_of(500) {
            say(&format!("{} have come", n + 1));
        }
    }
    say("all have come; settling");
    speaking.send(true)?;
    sleep(SETTLE).await;
    let process = bridge.process.0.id();
    let said_before = std::fs::metadata(&log)?.len() as usize;
    let (before, before_cpu) = (totals(&counts), cpu(process)?);
    let start = now();
    sleep(Duration::from_secs(plan.seconds)).await;
    let took = (now() - start).as_secs_f64();
    let (after, after_cpu, resident) = (totals(&counts), cpu(process)?, bridge.resident_kib()?);
    let said = std::fs::metadata(&log)?.len() as usize;
    speaking.send(false)?;
    let mut alignment = None;
    for member in crowd {
        if let Ok(Ok(Ok(Some(found)))) = timeout(Duration::from_secs(20), member).await {
            alignment = Some(found);
        }
    }
    bridge.process.ask_to_end()?;
    let log = std::fs::read_to_string(&log)?;
    let during: Vec<_> = log.get(said_before..said).unwrap_or_default().lines().map(lateness).collect();
    let worst_of = |n: usize| during.iter().filter_map(|late| late[n]).max();
    let all = lateness(&log);
    let listeners = plan.talkers..plan.members;
    let packets = |n: usize| after[n].0 - before[n].0;
    let most: Vec<u64> = (0..plan.rooms)
        .map(|room| listeners.clone().filter(|n| n % plan.rooms == room).map(packets).max().unwrap_or(0))
        .collect();
    let starved = listeners
        .clone()
        .filter(|&n| {
            let (got, lost) = (packets(n), after[n].2 - before[n].2);
            got * 100 < most[n % plan.rooms] * 99 || lost * 100 > got
        })
        .count();
    let bytes: u64 = listeners.clone().map(|n| after[n].1 - before[n].1 + packets(n) * AROUND).sum();
    let sent: u64 = (0..plan.members).map(packets).sum();
    let user = (after_cpu.0 - before_cpu.0) * 1000.0 / took;
    let system = (after_cpu.1 - before_cpu.1) * 1000.0 / took;
    let many = listeners.len().max(1) as f64;
    Ok(json!({
        "n": plan.members, "k": plan.talkers, "rooms": plan.rooms, "kbps": plan.kbps, "listening": plan.listening,
        "secs": took,
        "cpu_ms_per_s": user + system, "cpu_user_ms_per_s": user, "cpu_system_ms_per_s": system,
        "cpu_ms_per_listener_s": (user + system) / many,
        "rss_mib": resident as f64 / 1024.0,
        "packets_per_s": sent as f64 / took,
        "rx_wire_kbps": bytes as f64 * 8.0 / 1000.0 / took / many,
        "starved_listeners": starved,
        // Each of ten seconds; the worst of those.
        "tick_late_us": { "median": worst_of(0), "p99": worst_of(1), "worst": worst_of(2) },
        "tick_late_us_joining_too": { "median": all[0], "p99": all[1], "worst": all[2] },
        "sampled": alignment.map(|(correlation, delay_ms)| json!({ "correlation": correlation, "delay_ms": delay_ms })),
        "bridge": program("giaoban-bridge").display().to_string().rsplit('/').nth(1).unwrap_or_default(),
    }))
}

fn totals(counts: &[Arc<Count>]) -> Vec<(u64, u64, u64)> {
    let read =
        |count: &Count| (count.packets.load(Relaxed), count.bytes.load(Relaxed), count.lost.load(Relaxed));
    counts.iter().map(|count| read(count)).collect()
}

/// Seconds of processor that a process has used so far, its own and the system's for it, from /proc.
fn cpu(process: u32) -> anyhow::Result<(f64, f64)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in brackets, may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok()).context("no such field");
    // In hundredths of a second wherever Linux runs.
    Ok((ticks(11)? / 100.0, ticks(12)? / 100.0))
}

/// What the bridge said last of how late its ticks were, in microseconds: median, 99th of a hundred, worst.
fn lateness(log: &str) -> [Option<u64>; 3] {
    ["late_us_median=", "late_us_99th=", "late_us_worst="].map(|name| {
        let said = log.rsplit(name).next().filter(|_| log.contains(name))?;
        said.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    })
}

/// One of the crowd.
struct Member {
    talks: bool,
    listening: bool,
    kbps: u32,
    count: Arc<Count>,
    number: usize,
    /// Which voice it has, if it talks.
    voice: usize,
    /// The voices that it should hear: what it hears is decoded and judged. Empty: it only counts.
    judges: Vec<usize>,
    bridge: Instant,
}

impl Member {
    async fn live(
        self,
        at: SocketAddr,
        pins: Pins,
        identity: Identity,
        room: RoomName,
        mut speaking: watch::Receiver<bool>,
    ) -> anyhow::Result<Option<(f64, f64)>> {
        let end = bind_client(at)?;
        let connection = end.connect(at, &identity, pins)?.await?;
        let (mut send, mut receive) = connection.open_bi().await?;
        let hello = Hello {
            version: VERSION,
            room: room.as_str().into(),
            max_kbps: self.kbps,
            muted: !self.talks,
            ..Hello::default()
        };
        send.write_all(&frame(&ClientMessage::from(hello))).await?;
        // What it is told is read and forgotten.
        let control = tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok(Some(_)) = receive.read(&mut bytes).await {}
        });
        speaking.wait_for(|speaking| *speaking).await?;
        let mouth = self
            .talks
            .then(|| tokio::spawn(speak(connection.clone(), self.voice, self.kbps, speaking.clone())));
        let found = self.hear(&connection, &mut speaking).await;
        if let Some(mouth) = mouth {
            mouth.await??;
        }
        let _ = send.write_all(&frame(&ClientMessage::from(SetMuted { muted: true }))).await;
        control.abort();
        connection.close(0u32.into(), b"the load is over, and this is more than a bare acknowledgement");
        found
    }

    async fn hear(
        &self,
        connection: &Connection,
        speaking: &mut watch::Receiver<bool>,
    ) -> anyhow::Result<Option<(f64, f64)>> {
        let mut judge = if self.judges.is_empty() { None } else { Some(Judge::new(&self.judges)?) };
        let mut next_report =
            tokio::time::Instant::from_std(now() + Duration::from_millis(self.number as u64 * 37 % 1000));
        let mut highest: Option<Seq> = None;
        let (mut received, mut lost) = (0u16, 0u16);
        loop {
            tokio::select! {
                biased;
                datagram = connection.read_datagram() => {
                    let datagram = datagram?;
                    let Ok(Datagram::Voice(voice)) = Datagram::decode(&datagram) else { continue };
                    let seq = voice.seq(highest.unwrap_or(Seq(0)));
                    let ahead = highest.map_or(1, |highest| seq.ahead_of(highest));
                    if ahead > 0 {
                        let gap = if highest.is_some() { ahead - 1 } else { 0 };
                        self.count.lost.fetch_add(gap as u64, Relaxed);
                        lost = lost.wrapping_add(gap as u16);
                        highest = Some(seq);
                    }
                    received = received.wrapping_add(1);
                    self.count.packets.fetch_add(1, Relaxed);
                    self.count.bytes.fetch_add(datagram.len() as u64, Relaxed);
                    if let Some(judge) = &mut judge {
                        judge.inlet.insert(now(), &voice);
                    }
                }
                () = sleep_until(next_report) => {
                    next_report += Duration::from_secs(1);
                    let sent_ms = (now() - self.bridge).as_millis() as u16;
                    let report = Report { sent_ms, received, lost, listening: self.listening && !self.talks, ..Report::default() };
                    let _ = connection.send_datagram(report.encode().to_vec().into());
                }
                () = sleep_until(judge.as_ref().map_or(next_report, |judge| judge.next.into())), if judge.is_some() => {
                    if let Some(judge) = &mut judge {
                        judge.pull();
                    }
                }
                over = speaking.wait_for(|speaking| !*speaking) => {
                    over?;
                    return Ok(judge.and_then(|judge| judge.verdict()));
                }
            }
        }
    }
}

/// Hears as a client does, and compares with the talkers' voices.
struct Judge {
    voices: Vec<usize>,
    inlet: Inlet,
    start: Instant,
    next: Instant,
    heard: Vec<f32>,
}

impl Judge {
    fn new(voices: &[usize]) -> anyhow::Result<Self> {
        let start = now();
        Ok(Self {
            voices: voices.to_vec(),
            inlet: Inlet::new(0)?,
            start,
            next: start + BRICK,
            heard: Vec::new(),
        })
    }

    fn pull(&mut self) {
        let mut brick = Pcm::SILENCE;
        self.inlet.pull(self.next, &mut brick);
        self.heard.extend_from_slice(brick.samples());
        self.next += BRICK;
    }

    /// How like the talkers' voices together it was, and how late the first of them, in ms: five seconds of it, from
    /// when it had settled.
    ///
    /// Each talker is waited for by itself in the bridge, so each has a delay of its own; voices that have nothing to do
    /// with each other explain what their sum is by the sum of the squares of what each of them does.
    fn verdict(self) -> Option<(f64, f64)> {
        let from = 48_000 * 6;
        let heard = self.heard.get(from..from + 48_000 * 6)?;
        debug_assert!(self.start <= self.next);
        let found = self.voices.iter().map(|&voice| {
            // Its mouth and this ear began in the same moment, up to the length of a wake-up.
            let voice = speech::voice(NAMES[voice % NAMES.len()]);
            let reference: Vec<f32> = (from..from + 48_000 * 5).map(|n| said(&voice, n)).collect();
            align(&reference, heard, 48_000)
        });
        let found: Vec<_> = found.collect();
        let explained = found.iter().map(|found| found.correlation * found.correlation).sum::<f64>();
        Some((explained.sqrt(), found.first()?.lag_samples as f64 / 48.0))
    }
}

/// What is said at this sample of a voice that is said over and over, by whole bricks.
fn said(voice: &[f32], sample: usize) -> f32 {
    voice[sample % (voice.len() - voice.len() % BRICK_SAMPLES - BRICK_SAMPLES)]
}

const NAMES: [&str; 5] = ["en", "fr", "it", "ru", "es"];

/// Speaks until it is told that it is over.
async fn speak(
    connection: Connection,
    voice: usize,
    kbps: u32,
    speaking: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let sound = speech::voice(NAMES[voice % NAMES.len()]);
    let mut outlet = Outlet::new(RungId::for_cap(kbps))?;
    let (mut seq, start, mut loud) = (Seq(0), now(), 0u64);
    for tick in 0u64.. {
        if !*speaking.borrow() {
            break;
        }
        let from = tick as usize * BRICK_SAMPLES % (sound.len() - BRICK_SAMPLES);
        let mut brick = Pcm::SILENCE;
        brick.samples_mut().copy_from_slice(&sound[from..from + BRICK_SAMPLES]);
        if brick.level() > Level::from_dbfs(PAUSE_DBFS) {
            loud = tick;
        }
        // A tail of 300 ms, as a client has it.
        let talks = tick - loud < 15;
        let packet = outlet.push(MediaTime::from_bricks(tick), talks.then_some(&brick))?;
        if let Some(packet) = packet {
            let voice = Voice::new(seq, packet.time, packet.start, packet.end, packet.body());
            seq = seq.next();
            let bytes = voice.encode(&mut [0; MAX_DATAGRAM_BYTES]).to_vec();
            let _ = connection.send_datagram(bytes.into());
        }
        sleep_until((start + BRICK * u32::try_from(tick + 1)?).into()).await;
    }
    Ok(())
}
