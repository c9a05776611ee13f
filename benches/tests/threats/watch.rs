//! What is looked at all the time: the bridge's memory, how long an honest join takes, and whether this machine had a
//! processor for those who are judged.
#![expect(clippy::disallowed_methods, reason = "real programs run by real time")]

use giaoban_benches::outside::{BridgeProcess, call, resident_kib, unix_ms};
use giaoban_proto::testing::visitor::{Silence, hello};
use giaoban_proto::transport::{Identity, Pins};
use giaoban_proto::wire::{CloseCode, Leave, SiteRole, server_message::Body};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Between two honest joins.
const JOIN_EVERY: Duration = Duration::from_millis(1500);

/// An honest join that takes longer has failed.
const JOIN_WITHIN: Duration = Duration::from_secs(20);

/// How often processes are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a client waits after its first attempts that came to nothing, as the real one does.
const BACK_OFF: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2)];

/// What was seen, each with its moment in Unix time.
#[derive(Default)]
pub(crate) struct Seen {
    /// The bridge's resident memory in KiB.
    memory: Vec<(f64, u64)>,
    /// When an honest join began, how long it took.
    joins: Vec<(f64, f64)>,
    /// By thread: for how long it was to run and had no processor, in all, in ms.
    waits: Vec<(f64, BTreeMap<String, f64>)>,
    /// Processor time of the bridge in all, in ms.
    cpu: Vec<(f64, f64)>,
    /// Datagrams that the system dropped before the bridge had read them.
    drops: Vec<(f64, u64)>,
}

pub(crate) struct Watch {
    seen: Arc<Mutex<Seen>>,
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Watch {
    /// Watches the bridge; `others` are the processes that are judged beside it.
    pub(crate) fn start(bridge: &BridgeProcess, others: Vec<u32>) -> anyhow::Result<Self> {
        let (seen, over) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let process = bridge.process.0.id();
        let all: Vec<u32> = [process].into_iter().chain(others).collect();
        let port = bridge.at.port();
        let (keep, end) = (seen.clone(), over.clone());
        let looks = std::thread::spawn(move || {
            while !end.load(Relaxed) {
                look(&keep, process, &all, port);
                sleep(LOOK_EVERY);
            }
        });
        let device = bridge.enrol("Xã đến muộn", SiteRole::Participant)?;
        let (at, pins, keep, end) = (bridge.at, bridge.pins(), seen.clone(), over.clone());
        let joins = std::thread::spawn(move || {
            let runtime = crate::runtime();
            while !end.load(Relaxed) {
                let begun = unix_ms();
                let took = runtime.block_on(honest_join(Ipv4Addr::LOCALHOST, at, &device, pins));
                keep.lock().expect("no panic").joins.push((begun, took.as_secs_f64() * 1000.0));
                sleep(JOIN_EVERY);
            }
        });
        Ok(Self { seen, over, threads: vec![looks, joins] })
    }

    /// Looks no more.
    pub(crate) fn end(self) -> Seen {
        self.over.store(true, Relaxed);
        for thread in self.threads {
            thread.join().expect("it watched to the end");
        }
        std::mem::take(&mut self.seen.lock().expect("no panic"))
    }
}

impl Seen {
    /// How much memory the bridge had at the beginning, in KiB.
    pub(crate) fn memory_at_first(&self) -> u64 {
        self.memory.first().map_or(0, |(_, kib)| *kib)
    }

    pub(crate) fn most_memory(&self, from: f64, to: f64) -> u64 {
        within(&self.memory, from, to).copied().max().unwrap_or(0)
    }

    /// The longest of the honest joins that began or went on then, in ms, and how many there were.
    pub(crate) fn worst_join(&self, from: f64, to: f64) -> (f64, usize) {
        let joins = self.joins.iter().filter(|(at, took)| at + took >= from && *at <= to);
        joins.fold((0.0, 0), |(worst, count), (_, took)| (worst.max(*took), count + 1))
    }

    /// The longest that one of the threads that matter waited for a processor between these moments, in ms.
    pub(crate) fn waited(&self, from: f64, to: f64) -> f64 {
        let before = self.waits.iter().rev().find(|(at, _)| *at <= from);
        let after = self.waits.iter().find(|(at, _)| *at >= to).or_else(|| self.waits.last());
        let (Some((_, before)), Some((_, after))) = (before, after) else { return 0.0 };
        let waited = |(thread, before): (&String, &f64)| after.get(thread).map(|after| after - before);
        before.iter().filter_map(waited).fold(0.0, f64::max)
    }

    /// The share of one processor that the bridge used, in per cent.
    pub(crate) fn cpu(&self, from: f64, to: f64) -> f64 {
        let mut seen = self.cpu.iter().filter(|(at, _)| (from..=to).contains(at));
        let (Some(first), Some(last)) = (seen.next(), seen.next_back()) else { return 0.0 };
        100.0 * (last.1 - first.1) / (last.0 - first.0)
    }

    pub(crate) fn drops(&self, from: f64, to: f64) -> u64 {
        let seen: Vec<u64> = within(&self.drops, from, to).copied().collect();
        seen.last().copied().unwrap_or(0) - seen.first().copied().unwrap_or(0)
    }
}

fn within<T>(seen: &[(f64, T)], from: f64, to: f64) -> impl Iterator<Item = &T> {
    seen.iter().filter(move |(at, _)| (from..=to).contains(at)).map(|(_, what)| what)
}

fn look(seen: &Mutex<Seen>, bridge: u32, all: &[u32], port: u16) {
    let now = unix_ms();
    let (mut waits, mut cpu) = (BTreeMap::new(), 0.0);
    for &process in all {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for thread in threads.flatten().map(|entry| entry.path()) {
            let Ok(text) = std::fs::read_to_string(thread.join("schedstat")) else { continue };
            let mut numbers = text.split_whitespace().map(|word| word.parse().unwrap_or(0.0) / 1e6);
            let (ran, waited) = (numbers.next().unwrap_or(0.0), numbers.next().unwrap_or(0.0));
            waits.insert(thread.display().to_string(), waited);
            if process == bridge {
                cpu += ran;
            }
        }
    }
    let mut seen = seen.lock().expect("no panic");
    seen.waits.push((now, waits));
    seen.cpu.push((now, cpu));
    if let Ok(kib) = resident_kib(bridge) {
        seen.memory.push((now, kib));
    }
    if let Some(drops) = udp_drops(port) {
        seen.drops.push((now, drops));
    }
}

fn udp_drops(port: u16) -> Option<u64> {
    let table = std::fs::read_to_string("/proc/net/udp").ok()?;
    let of = format!("0100007F:{port:04X}");
    let line = table.lines().find(|line| line.split_whitespace().nth(1) == Some(&of))?;
    line.split_whitespace().last()?.parse().ok()
}

/// Comes in as an honest site does, trying again where it is turned away at the door, and leaves again; how long it
/// took until it knew who is there.
pub(crate) async fn honest_join(
    from: impl Into<IpAddr>,
    to: SocketAddr,
    device: &Identity,
    pins: Pins,
) -> Duration {
    let (from, begun) = (from.into(), Instant::now());
    let tried = async {
        for wait in BACK_OFF.into_iter().chain(std::iter::repeat(BACK_OFF[2])) {
            if try_once(from, to, device, pins).await.is_some() {
                return;
            }
            tokio::time::sleep(wait).await;
        }
    };
    let _ = timeout(JOIN_WITHIN, tried).await;
    begun.elapsed()
}

async fn try_once(from: IpAddr, to: SocketAddr, device: &Identity, pins: Pins) -> Option<()> {
    let mut visitor = call(from, to, device, pins).await.ok()?;
    visitor.say(hello("giaoban")).await;
    visitor.welcome().await.ok()?;
    loop {
        match visitor.hear().await {
            Ok(message) if matches!(message.body, Some(Body::Roster(_))) => break,
            Ok(_) => {}
            Err(Silence::Closed(_) | Silence::Nonsense(_)) => return None,
        }
    }
    // Not part of what is measured for long: the bridge answers at once.
    visitor.say(Leave {}).await;
    (visitor.closed().await == Some(CloseCode::Bye)).then_some(())
}
