//! A bridge that is killed at any instant (`kill -9`): what it had told a site stands on the disk.
//!
//! The real program over loopback, 200 times on one data folder, while sites join and leave. Each time it is killed
//! some moment after its start, or in it, by a seed that is printed; `KILLED_SEED` and `KILLED_ROUNDS` set other ones.
#![expect(clippy::disallowed_methods, reason = "real programs run by real time")]

use giaoban_benches::outside::{BridgeProcess, Running, call, program, unix_ms};
use giaoban_bridge::store::{Registry, VisitFilter, VisitRow, system_clock};
use giaoban_proto::testing::rng::Rng;
use giaoban_proto::testing::visitor::hello;
use giaoban_proto::transport::{Identity, Pins};
use giaoban_proto::wire::{CloseCode, Leave, SiteRole};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// Sites that come and go all the time.
const SITES: usize = 6;

/// How soon after its links are printed, and how late, a bridge is killed, in ms.
const SOONEST_MS: f64 = 5.0;
const LATEST_MS: f64 = 350.0;

/// One in so many is killed before it has said that it is there, as late as this.
const IN_STARTING: f64 = 0.1;
const STARTING_MS: f64 = 60.0;

/// What sites were told: by site, how often it was welcomed and how often its leaving was confirmed.
type Told = Arc<Mutex<BTreeMap<usize, (usize, usize)>>>;

/// Joins and leaves until the bridge is gone.
async fn come_and_go(site: usize, to: SocketAddr, pins: Pins, key: Arc<Identity>, told: Told) {
    let pause = |n: usize| sleep(Duration::from_millis((7 * site + 13 * n) as u64 % 40));
    for n in 0.. {
        let Ok(mut visitor) = call(Ipv4Addr::LOCALHOST, to, &key, pins).await else { return };
        visitor.say(hello("giaoban")).await;
        if visitor.welcome().await.is_err() {
            return;
        }
        told.lock().expect("no panic").entry(site).or_default().0 += 1;
        pause(n).await;
        visitor.say(Leave {}).await;
        if visitor.closed().await != Some(CloseCode::Bye) {
            return;
        }
        told.lock().expect("no panic").entry(site).or_default().1 += 1;
        pause(n + 1).await;
    }
}

/// A bridge is killed while it starts.
fn stillborn(data: &Path, lives: Duration) {
    let bridge = Command::new(program("giaoban-bridge"))
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let bridge = Running(bridge.expect("a bridge is started"));
    std::thread::sleep(lives);
    drop(bridge);
}

fn attendance(registry: &Registry) -> Vec<VisitRow> {
    registry.attendance(&VisitFilter::default()).expect("the attendance is read")
}

/// A bridge starts, lives for so long, and is killed; what sites were told meanwhile.
fn round(
    data: &Path,
    log: &Path,
    keys: &[Arc<Identity>],
    lives: Duration,
) -> BTreeMap<usize, (usize, usize)> {
    let mut bridge = BridgeProcess::start(data, log).expect("a bridge that was killed starts again");
    let (to, pins, told) = (bridge.at, bridge.pins(), Told::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for (site, key) in keys.iter().enumerate() {
            tokio::spawn(come_and_go(site, to, pins, key.clone(), told.clone()));
        }
        sleep(lives).await;
        bridge.process.0.kill().expect("killed");
        bridge.process.0.wait().expect("dead");
        // What it had sent before it died arrives.
        let _ = timeout(Duration::from_millis(5), std::future::pending::<()>()).await;
    });
    drop(runtime);
    told.lock().expect("no panic").clone()
}

#[test]
fn whatever_a_site_was_told_stands_on_the_disk_when_the_bridge_is_killed_at_any_instant() {
    let number =
        |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().expect("a number"));
    let (seed, rounds) = (number("KILLED_SEED", unix_ms() as u64), number("KILLED_ROUNDS", 200));
    println!("KILLED_SEED={seed} KILLED_ROUNDS={rounds}");
    let folder = TempDir::new().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("bridge.log"));
    let mut rng = Rng::new(seed);
    // The first start makes the folder and the keys.
    drop(BridgeProcess::start(&data, &log).expect("a bridge"));
    let keys: Vec<Arc<Identity>> =
        (0..SITES).map(|_| Arc::new(Identity::generate().expect("a key"))).collect();
    let open = || Registry::open(&data.join("giaoban.db"), "test", system_clock()).expect("the store opens");
    for (n, key) in keys.iter().enumerate() {
        open().enrol(key.public_key(), &format!("Bản {n}"), SiteRole::Participant).expect("enrolled");
    }
    let (mut rows, mut head) = (0, [0; 32]);
    let (mut welcomes, mut byes, mut open_at_death, mut unread, begun) = (0, 0, 0, 0, Instant::now());
    for round_number in 0..rounds {
        let starting = rng.chance(IN_STARTING);
        let lives = if starting { rng.between(0.0, STARTING_MS) } else { rng.between(SOONEST_MS, LATEST_MS) };
        let lives = Duration::from_secs_f64(lives / 1000.0);
        let told = if starting {
            stillborn(&data, lives);
            BTreeMap::new()
        } else {
            round(&data, &log, &keys, lives)
        };
        let registry = open();
        let name = format!("round {round_number}, killed after {lives:?}, seed {seed}");
        // The chain holds, and holds what it held before.
        let now = registry.verify_audit(Some(head)).expect("the audit is read");
        head = now.unwrap_or_else(|fault| panic!("{name}: {fault}")).hash;
        let visits = attendance(&registry);
        let new = &visits[rows..];
        for (site, (welcomed, left)) in &told {
            let of_site = |row: &&VisitRow| row.name == format!("Bản {site}");
            let written = new.iter().filter(of_site).count();
            assert!(
                written >= *welcomed,
                "{name}: site {site} was welcomed {welcomed} times, {written} rows"
            );
            let ended = new.iter().filter(of_site).filter(|row| row.left.is_some()).count();
            unread += left.saturating_sub(ended);
            welcomes += welcomed;
            byes += left;
        }
        // Of the rounds before nothing is open: the start of this one's bridge, if it came so far, has ended it.
        let open = visits[..rows].iter().any(|row| row.left.is_none());
        assert!(starting || !open, "{name}: open for ever");
        open_at_death += new.iter().filter(|row| row.left.is_none()).count();
        rows = visits.len();
    }
    // One more start: whatever the last left open is ended.
    drop(BridgeProcess::start(&data, &log).expect("a bridge"));
    let last = open();
    assert!(attendance(&last).iter().all(|row| row.left.is_some() && row.why.is_some()), "open for ever");
    last.quick_check().expect("sound in itself");
    let head = last.verify_audit(Some(head)).expect("reads").expect("whole");
    assert!(welcomes > rounds as usize / 2, "hardly anybody came in: {welcomes}");
    println!(
        "{rounds} kills in {:.0} s: {welcomes} welcomes and {byes} good-byes, all rows there; {open_at_death} visits were open when \
         the bridge died, and were ended by the next start; of the good-byes {unread} had not been written yet; {} rows of \
         attendance, {} of audit, which verifies",
        begun.elapsed().as_secs_f64(),
        attendance(&last).len(),
        head.rows
    );
}
