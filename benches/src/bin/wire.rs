//! What a meeting costs on the wire, counted at the socket, IPv4 and UDP headers (28 B) included.
//!
//! Real bridge, real QUIC, real speech, in virtual time. Prints a table; `--json` prints the same as one object.

use anyhow::Context;
use clap::Parser;
use giaoban_benches::hall::{BRIDGE, Guest, Hall};
use giaoban_benches::timeline::{SECOND, Timeline};
use giaoban_bridge::shell::{listen::Bridge, worker::Config};
use giaoban_bridge::store::{SqliteStore, UnixMs};
use giaoban_proto::media::Outlet;
use giaoban_proto::media::Pcm;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::testing::link::{LinkConfig, named};
use giaoban_proto::testing::visitor::{self, Visitor};
use giaoban_proto::testing::{VirtualNet, now, quic, run, speech};
use giaoban_proto::transport::{Identity, Pins, ResetKey, ServerEnd};
use giaoban_proto::unit::{BRICK, BRICK_SAMPLES, MediaTime, Seq};
use giaoban_proto::wire::{Datagram, MAX_DATAGRAM_BYTES, Report, SiteRole, Voice};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep_until;

/// How long each case is played.
const SPAN: Duration = Duration::from_secs(60);

/// Left out at the beginning: the handshake and what belongs to it.
const SETTLE: Duration = Duration::from_secs(5);

/// What is beyond the cheapest packet of a kind by so much carries something else, an acknowledgement.
const MORE: usize = 3;

#[derive(Parser)]
#[command(about = "What a meeting costs on the wire, headers included")]
struct Typed {
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// The line of every site in a meeting, by name (see proto/src/testing/link/named.rs)
    #[arg(long, default_value = "clean")]
    line: String,
}

fn main() -> anyhow::Result<()> {
    let typed = Typed::parse();
    let line = named(&typed.line).with_context(|| format!("there is no line named {:?}", typed.line))?;
    let mut packets = Vec::new();
    for kbps in [16, 24, 48] {
        // Without loss, so that each packet can be told by its place.
        packets.push(run(voice_packets(kbps))?);
    }
    let totals = run(meeting(line.clone()))?;
    let idle = run(idle(line.clone()))?;
    let join = run(join(line))?;
    if typed.json {
        let rows: Vec<String> = packets.iter().map(Packets::json).collect();
        println!(
            "{{\"line\":{:?},\"voice\":[{}],\"listener_up_kbps\":{:.3},\"idle_up_kbps\":{:.3},\"idle_down_kbps\":{:.3},\"join_up_bytes\":{},\"join_down_bytes\":{}}}",
            typed.line,
            rows.join(","),
            totals.listener_up_kbps,
            idle.0,
            idle.1,
            join.0,
            join.1
        );
        return Ok(());
    }
    println!(
        "Bytes of one voice packet beyond its Opus packet and our {} B, IPv4 and UDP included:\n",
        giaoban_proto::wire::VOICE_HEADER_BYTES
    );
    println!(
        "| rung | direction | packets | Opus, median | around it, median | + an acknowledgement, median | packets with one | bare acknowledgements a second |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for row in &packets {
        println!("{}", row.row("bridge to client", &row.down));
        println!("{}", row.row("client to bridge", &row.up));
    }
    println!("\n| in all on the line `{}`, kbit/s | up | down |\n|---|---|---|", typed.line);
    println!(
        "| a site that talks, 24 kbit/s | {:.2} | {:.2} |",
        totals.talker_up_kbps, totals.talker_down_kbps
    );
    println!(
        "| a site that listens to it | {:.2} | {:.2} |",
        totals.listener_up_kbps, totals.listener_down_kbps
    );
    println!("| a site in a silent meeting | {:.2} | {:.2} |", idle.0, idle.1);
    println!("\nA join, all that passes in its first 0.9 s: {} B up, {} B down.", join.0, join.1);
    Ok(())
}

/// One direction's voice packets: bytes around each, and datagrams that carried nothing of ours.
#[derive(Default)]
struct Around {
    bytes: Vec<usize>,
    opus: Vec<usize>,
    bare: usize,
}

struct Packets {
    kbps: u32,
    up: Around,
    down: Around,
}

impl Packets {
    fn row(&self, direction: &str, around: &Around) -> String {
        let (plain, with) = around.split();
        let share = with.len() * 100 / around.bytes.len().max(1);
        let riding =
            if with.is_empty() { "none".into() } else { format!("+ {} B", median(&with) - median(&plain)) };
        format!(
            "| {} kbit/s | {direction} | {} | {} B | {} B | {riding} | {share} % | {:.2} |",
            self.kbps,
            around.bytes.len(),
            median(&around.opus),
            median(&plain),
            around.bare as f64 / (SPAN - SETTLE).as_secs_f64()
        )
    }

    fn json(&self) -> String {
        let side = |around: &Around| {
            let (plain, with) = around.split();
            let riding = if with.is_empty() { 0 } else { median(&with) - median(&plain) };
            format!(
                "{{\"packets\":{},\"around\":{},\"ack\":{riding},\"bare_per_s\":{:.3}}}",
                around.bytes.len(),
                median(&plain),
                around.bare as f64 / (SPAN - SETTLE).as_secs_f64()
            )
        };
        format!("{{\"kbps\":{},\"up\":{},\"down\":{}}}", self.kbps, side(&self.up), side(&self.down))
    }
}

impl Around {
    /// Those without an acknowledgement and those with one.
    fn split(&self) -> (Vec<usize>, Vec<usize>) {
        let least = self.bytes.iter().copied().min().unwrap_or(0);
        self.bytes.iter().partition(|&&bytes| bytes < least + MORE)
    }
}

fn median(of: &[usize]) -> usize {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// What of ours went in one packet: all that was sent at one instant goes together.
struct Ours {
    at: std::time::Instant,
    bytes: usize,
    alone: bool,
    voice: bool,
}

/// A second datagram in a packet has a frame header of its own: its type and two bytes of length at most.
const FRAME_HEADER: usize = 3;

fn note(ours: &mut Vec<Ours>, bytes: usize, voice: bool) {
    match ours.last_mut() {
        Some(last) if last.at == now() => {
            last.bytes += bytes + FRAME_HEADER;
            last.alone = false;
        }
        _ => ours.push(Ours { at: now(), bytes, alone: true, voice }),
    }
}

/// Pairs what passed the socket with what of ours was in it, both in order: whatever is too short to hold the next of
/// ours held none.
fn pair(wire: &[usize], ours: &[Ours], least_around: usize) -> Around {
    let mut around = Around::default();
    let mut ours = ours.iter().peekable();
    for &bytes in wire {
        match ours.peek() {
            Some(next) if bytes >= next.bytes + least_around => {
                if next.voice && next.alone {
                    around.bytes.push(bytes - next.bytes);
                    around.opus.push(next.bytes - giaoban_proto::wire::VOICE_HEADER_BYTES);
                }
                ours.next();
            }
            _ => around.bare += 1,
        }
    }
    around
}

/// One talks, one listens; both speak the wire by hand so that each byte of ours is known.
async fn voice_packets(kbps: u32) -> anyhow::Result<Packets> {
    let net = VirtualNet::new(1);
    let identity = Identity::generate()?;
    let reset = ResetKey::from_bytes([1; 32]);
    let config = quic::server_endpoint_config(1);
    let end =
        ServerEnd::with_socket(net.socket(BRIDGE), Arc::new(quinn::TokioRuntime), config, &identity, &reset)?;
    // What it says of the time is not looked at.
    let store = Arc::new(SqliteStore::in_memory(Box::new(UnixMs::default))?);
    let _bridge = Bridge::in_task(end.endpoint, store.clone(), Config::for_members(10));
    let pins = Pins { key: identity.fingerprint(), spare: None };
    let mut visitors = Vec::new();
    for n in 1..=2u8 {
        let from = SocketAddr::from((Ipv4Addr::new(10, 0, 1, n), 5000));
        let device = Identity::generate()?;
        store.enrol(device.public_key(), &format!("site {n}"), SiteRole::Participant)?;
        let mut visitor = Visitor::connect(&net, from, BRIDGE, &device, pins, n.into()).await?;
        let hello = visitor::hello("giaoban");
        visitor.say(giaoban_proto::wire::Hello { max_kbps: kbps, ..hello }).await;
        visitor.welcome().await.map_err(|silence| anyhow::anyhow!("no welcome: {silence:?}"))?;
        visitors.push((from, visitor));
    }
    let (Some((listener_at, listener)), Some((talker_at, talker))) = (visitors.pop(), visitors.pop()) else {
        anyhow::bail!("two visitors");
    };
    let begin = now() + SETTLE;
    // What passes the sockets from then on.
    type Seen = Arc<Mutex<(Vec<usize>, Vec<usize>)>>;
    let seen = Seen::default();
    let (keep, net_began) = (seen.clone(), net.elapsed());
    net.observe(move |datagram| {
        let mut seen = keep.lock().unwrap_or_else(PoisonError::into_inner);
        if datagram.record.t < net_began + SETTLE {
            return;
        }
        if datagram.record.from == talker_at {
            seen.0.push(datagram.record.bytes);
        } else if datagram.record.to == listener_at {
            seen.1.push(datagram.record.bytes);
        }
    });
    let listening = tokio::spawn(async move {
        let mut ours = Vec::new();
        let end = begin - SETTLE + SPAN + Duration::from_secs(1);
        while let Ok(Ok(bytes)) =
            tokio::time::timeout_at(end.into(), listener.connection.read_datagram()).await
        {
            let voice = matches!(Datagram::decode(&bytes), Ok(Datagram::Voice(_)));
            if now() >= begin {
                note(&mut ours, bytes.len(), voice);
            }
            // Its heartbeat goes with what it hears, once a second.
            if !voice {
                let _ = listener.connection.send_datagram(Report::default().encode().to_vec().into());
            }
        }
        ours
    });
    let said = say(&talker, kbps, begin).await?;
    drop(talker);
    let heard = listening.await?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Packets { kbps, up: pair(&seen.0, &said, 48), down: pair(&seen.1, &heard, 46) })
}

/// Talks without a pause in real speech, with a heartbeat each second; what was said from `begin` on.
async fn say(talker: &Visitor, kbps: u32, begin: std::time::Instant) -> anyhow::Result<Vec<Ours>> {
    let words = speech::load("en")?;
    let mut outlet = Outlet::new(RungId::for_cap(kbps))?;
    let (mut brick, mut seq, mut ours) = (Pcm::SILENCE, Seq(0), Vec::new());
    let start = begin - SETTLE;
    let mut send = |bytes: &[u8], voice| {
        // Sending only fails when the connection has ended, which the listener's count shows.
        let _ = talker.connection.send_datagram(bytes.to_vec().into());
        if now() >= begin {
            note(&mut ours, bytes.len(), voice);
        }
    };
    let bricks = (SPAN.as_millis() / BRICK.as_millis()) as u32;
    for n in 0..bricks {
        sleep_until((start + BRICK * n).into()).await;
        let from = n as usize * BRICK_SAMPLES % (words.len() - BRICK_SAMPLES);
        brick.samples_mut().copy_from_slice(&words[from..from + BRICK_SAMPLES]);
        // Silent until a moment after the count begins, so that no voice is under way just then.
        let speaks = now() >= begin + BRICK * 10;
        if let Some(frame) = outlet.push(MediaTime::from_bricks(n.into()), speaks.then_some(&brick))? {
            let voice = Voice::new(seq, frame.time, frame.start, frame.end, frame.body());
            seq = seq.next();
            send(voice.encode(&mut [0; MAX_DATAGRAM_BYTES]), true);
        }
        if n % 50 == 25 {
            send(&Report::default().encode(), false);
        }
    }
    Ok(ours)
}

struct Totals {
    talker_up_kbps: f64,
    talker_down_kbps: f64,
    listener_up_kbps: f64,
    listener_down_kbps: f64,
}

/// Kbit/s each way between two moments of one site's line.
async fn rates(hall: &Hall, ips: &[std::net::IpAddr]) -> Vec<(f64, f64)> {
    tokio::time::sleep(SETTLE).await;
    let read = || -> Vec<(u64, u64)> {
        ips.iter()
            .map(|&ip| (hall.net.counters(ip, BRIDGE).bytes, hall.net.counters(BRIDGE, ip).bytes))
            .collect()
    };
    let before = read();
    tokio::time::sleep(SPAN - SETTLE).await;
    let kbps = |bytes: u64| bytes as f64 * 8.0 / (SPAN - SETTLE).as_secs_f64() / 1000.0;
    let rate =
        |(after, before): ((u64, u64), (u64, u64))| (kbps(after.0 - before.0), kbps(after.1 - before.1));
    read().into_iter().zip(before).map(rate).collect()
}

/// Whole clients: one talks for a minute, two listen.
async fn meeting(line: (LinkConfig, LinkConfig)) -> anyhow::Result<Totals> {
    let timeline = Timeline::of(&["en"], &[(&[0], SPAN.as_secs_f64())]);
    let mut hall = Hall::open(1, 10)?;
    let mut seats = Vec::new();
    for (name, says) in [("talks", timeline.says[0].clone()), ("listens", Vec::new()), ("too", Vec::new())] {
        let stays = SPAN + Duration::from_secs(5);
        seats.push(hall.seat(Guest { name, says, muted: false, max_kbps: 24, line: line.clone(), stays })?);
    }
    let ips: Vec<_> = seats.iter().map(|seat| seat.ip).collect();
    let rates = rates(&hall, &ips).await;
    for seat in seats {
        seat.leave().await?;
    }
    Ok(Totals {
        talker_up_kbps: rates[0].0,
        talker_down_kbps: rates[0].1,
        listener_up_kbps: rates[1].0,
        listener_down_kbps: rates[1].1,
    })
}

/// Whole clients of whom nobody says a word.
async fn idle(line: (LinkConfig, LinkConfig)) -> anyhow::Result<(f64, f64)> {
    let mut hall = Hall::open(1, 10)?;
    let mut seats = Vec::new();
    for name in ["one", "two", "three"] {
        let stays = SPAN + Duration::from_secs(5);
        let says = vec![0.0; SECOND];
        seats.push(hall.seat(Guest { name, says, muted: false, max_kbps: 24, line: line.clone(), stays })?);
    }
    let rates = rates(&hall, &[seats[0].ip]).await;
    for seat in seats {
        seat.leave().await?;
    }
    Ok(rates[0])
}

/// What one join costs: on a clean line all of it, and the first heartbeat, is through after 0.9 s.
async fn join(line: (LinkConfig, LinkConfig)) -> anyhow::Result<(u64, u64)> {
    let mut hall = Hall::open(1, 10)?;
    let guest = Guest {
        name: "UBND xã Tri Lễ",
        says: Vec::new(),
        muted: false,
        max_kbps: 24,
        line,
        stays: Duration::from_secs(9),
    };
    let seat = hall.seat(guest)?;
    tokio::time::sleep(Duration::from_millis(900)).await;
    let bytes = (hall.net.counters(seat.ip, BRIDGE).bytes, hall.net.counters(BRIDGE, seat.ip).bytes);
    seat.leave().await?;
    Ok(bytes)
}
