//! A bridge that is killed at any instant (`kill -9`): what it had told a site stands on the disk.
//!
//! The real program over loopback, 200 times on one data folder, while sites join and leave. Each time it is killed
//! some moment after its start, or in it, by a seed that is printed; `KILLED_SEED` and `KILLED_ROUNDS` set other ones. And
//! a twentieth as often while a meeting is recorded, a few seconds after its start: what a listener has heard, but for
//! the last second of it, is in the recording.
#![expect(clippy::disallowed_methods, reason = "real programs run by real time")]

use giaoban_benches::outside::{BridgeProcess, Running, call, program, unix_ms};
use giaoban_bridge::recording::sound_name;
use giaoban_bridge::store::{RecordingState, Registry, VisitFilter, VisitRow, system_clock};
use giaoban_proto::media::codec::Decoder;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Outlet, Pcm};
use giaoban_proto::testing::rng::Rng;
use giaoban_proto::testing::speech::voice;
use giaoban_proto::testing::visitor::hello;
use giaoban_proto::transport::{Identity, Pins};
use giaoban_proto::unit::{BRICK, BRICK_SAMPLES, MediaTime, Seq};
use giaoban_proto::wire::act::What;
use giaoban_proto::wire::server_message::Body;
use giaoban_proto::wire::{
    Act, CloseCode, Datagram, Hello, Leave, MAX_DATAGRAM_BYTES, Record, Recording, SiteRole, Voice,
};
use std::collections::BTreeMap;
use std::fs::File;
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

/// How soon after its start, and how late, a bridge that records is killed, in ms.
const RECORDED_MS: (f64, f64) = (1500.0, 5000.0);

/// Packets of 60 ms that a death may cost a recording: a second.
const LOST_PACKETS: usize = 17;

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

/// A site that speaks all the time, until the bridge is gone.
async fn talk(to: SocketAddr, pins: Pins, key: Arc<Identity>) {
    let Ok(mut visitor) = call(Ipv4Addr::LOCALHOST, to, &key, pins).await else { return };
    visitor.say(hello("giaoban")).await;
    if visitor.welcome().await.is_err() {
        return;
    }
    let speech = voice("en");
    let mut outlet = Outlet::new(RungId::for_cap(48)).expect("libopus");
    let (mut seq, mut tick) = (Seq(0), tokio::time::interval(BRICK));
    for (n, sound) in speech.chunks_exact(BRICK_SAMPLES).cycle().enumerate() {
        tick.tick().await;
        let mut brick = Pcm::SILENCE;
        brick.samples_mut().copy_from_slice(sound);
        let packet = outlet.push(MediaTime::from_bricks(n as u64), Some(&brick)).expect("encodes");
        if let Some(packet) = packet {
            let voice = Voice::new(seq, packet.time, packet.start, packet.end, packet.body());
            seq = seq.next();
            let bytes = voice.encode(&mut [0; MAX_DATAGRAM_BYTES]).to_vec();
            if visitor.connection.send_datagram(bytes.into()).is_err() {
                return;
            }
        }
    }
}

/// Starts the recording, if none goes on, and then listens until the bridge is gone: the Opus packets that it heard since
/// it knew that all is recorded, on the rung that is.
async fn listen(to: SocketAddr, pins: Pins, key: Arc<Identity>, heard: Arc<Mutex<Vec<Vec<u8>>>>) {
    let Ok(mut visitor) = call(Ipv4Addr::LOCALHOST, to, &key, pins).await else { return };
    // A leg begins with four fifths of its cap: 24 kbit/s.
    visitor.say(Hello { max_kbps: 30, muted: true, ..hello("giaoban") }).await;
    let start = Act { number: 1, what: Some(What::Record(Record::Start.code())) };
    let mut asked = false;
    loop {
        let Ok(message) = visitor.hear().await else { return };
        match message.body {
            Some(Body::Meeting(meeting)) if meeting.recording == Recording::On.code() => break,
            Some(Body::Meeting(_)) if !asked => {
                // One of an earlier bridge may be found before that; then this comes too late, or goes on with it.
                visitor.say(start.clone()).await;
                asked = true;
            }
            _ => {}
        }
    }
    // What is on its way already was said before.
    let _ = timeout(Duration::from_millis(100), std::future::pending::<()>()).await;
    let mut skipped = 0;
    while let Ok(bytes) = visitor.connection.read_datagram().await {
        skipped += 1;
        if let Ok(Datagram::Voice(voice)) = Datagram::decode(&bytes)
            && skipped > 5
        {
            heard.lock().expect("no panic").extend(voice.body.packets().map(<[u8]>::to_vec));
        }
    }
}

/// Packets of a recording, as far as it is whole, by the `ogg` crate.
fn recorded(path: &Path) -> Vec<Vec<u8>> {
    let mut reader = ogg::PacketReader::new(std::io::BufReader::new(File::open(path).expect("a recording")));
    let mut packets = Vec::new();
    while let Ok(Some(packet)) = reader.read_packet() {
        packets.push(packet.data);
    }
    packets
}

#[test]
fn a_recording_has_all_but_the_last_second_whenever_the_bridge_is_killed() {
    let number =
        |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().expect("a number"));
    let (seed, rounds) = (number("KILLED_SEED", unix_ms() as u64), number("KILLED_ROUNDS", 200).div_ceil(20));
    println!("KILLED_SEED={seed}, {rounds} rounds");
    let folder = TempDir::new().expect("a folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("bridge.log"));
    let mut rng = Rng::new(seed);
    drop(BridgeProcess::start(&data, &log).expect("a bridge"));
    let open = || Registry::open(&data.join("giaoban.db"), "test", system_clock()).expect("the store opens");
    let key = |name: &str| {
        let key = Arc::new(Identity::generate().expect("a key"));
        open().enrol(key.public_key(), name, SiteRole::Participant).expect("enrolled");
        key
    };
    let (talker, operator) = (key("Tri Lễ"), key("Quế Phong"));
    // In this room alone: a bridge that has an operator prints no link, by which this test knows that it is there.
    open().set_role("Quế Phong", SiteRole::Operator, Some("giaoban")).expect("set");
    let (mut compared, mut worst, mut length) = (0, 0, 0);
    for round in 0..rounds {
        let lives = Duration::from_secs_f64(rng.between(RECORDED_MS.0, RECORDED_MS.1) / 1000.0);
        let mut bridge = BridgeProcess::start(&data, &log).expect("a bridge that was killed starts again");
        let (to, pins) = (bridge.at, bridge.pins());
        let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            tokio::spawn(talk(to, pins, talker.clone()));
            tokio::spawn(listen(to, pins, operator.clone(), heard.clone()));
            sleep(lives).await;
            bridge.process.0.kill().expect("killed");
            bridge.process.0.wait().expect("dead");
        });
        drop(runtime);
        let recordings = open().recordings().expect("the store is read");
        let heard = heard.lock().expect("no panic").clone();
        let Some(row) = recordings.first() else {
            assert!(heard.is_empty());
            continue;
        };
        assert_eq!(
            (recordings.len(), row.state),
            (1, RecordingState::On),
            "round {round}: one, and it goes on"
        );
        let packets = recorded(&data.join("recordings").join(sound_name(&row.file)));
        assert!(packets.len() >= length, "round {round}: what was there is there");
        let new = &packets[length.min(packets.len())..];
        let missing = heard.iter().filter(|packet| !new.contains(packet)).count();
        let last = heard.iter().rev().take_while(|packet| !new.contains(packet)).count();
        println!("round {round}: {} heard, {} written, {last} of them lost", heard.len(), new.len());
        assert_eq!(missing, last, "round {round}: nothing is missing before the end");
        assert!(last <= LOST_PACKETS, "round {round}: {last} packets of 60 ms are lost");
        compared += heard.len() - last;
        worst = worst.max(last);
        length = packets.len();
    }
    assert!(compared > rounds as usize * 10, "hardly anything was compared: {compared}");
    // The last start ends it: all of it is sound, to the last bit.
    let bridge = BridgeProcess::start(&data, &log).expect("a bridge");
    drop(bridge);
    let out = folder.path().join("out.opus");
    let done = Command::new(program("giaoban-bridge"))
        .args(["recordings", "export", "1"])
        .arg(&out)
        .arg("--data")
        .arg(&data)
        .stdout(Stdio::null())
        .status();
    assert!(done.expect("runs").success());
    let exported = recorded(&out);
    assert_eq!(exported.len(), length, "every packet that was found is in the export");
    let mut decoder = Decoder::new().expect("libopus");
    for packet in &exported[2..] {
        decoder.decode(packet, &mut [0.0; 5760]).expect("decodes");
    }
    println!(
        "{rounds} kills: {compared} packets compared, {worst} lost at most in one, {length} in the recording"
    );
}
