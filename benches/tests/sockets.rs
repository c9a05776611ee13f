//! The real binaries over real sockets on this machine's loopback: a bridge in one process, sites in others, real
//! speech from WAV files, and what each recorded judged against what the others said.
//!
//! These take as long as they sound. Nothing is asserted about how long anything takes but mouth to ear, as a median
//! over many turns, which is what the sites recorded and not what a clock says.

use giaoban_benches::timeline::{SECOND, Timeline};
use giaoban_bridge::store::{Registry, system_clock};
use giaoban_proto::link::Link;
use giaoban_proto::testing::measure::align;
use giaoban_proto::transport::private;
use giaoban_proto::wire::SiteRole;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// A program of the workspace, built beside this test.
fn program(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().expect("this program");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    let program = path.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is not built; run: cargo build --workspace", program.display());
    program
}

/// A process that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Bridge {
    process: Running,
    /// For enrolled devices.
    link: String,
    data: TempDir,
}

impl Bridge {
    fn start() -> Self {
        let data = TempDir::new().expect("a folder");
        let mut process = Command::new(program("giaoban-bridge"))
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(data.path().join("data"))
            .env("GIAOBAN_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the bridge starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let link = lines.find_map(|line| {
            let line = line.expect("text");
            line.trim().starts_with("giaoban://").then(|| line.trim().to_owned())
        });
        // The rest is read too, or the bridge would wait for somebody to.
        std::thread::spawn(move || lines.for_each(drop));
        let mut link: Link = link.expect("a join link").parse().expect("sound");
        link.code = None;
        Self { process: Running(process), link: link.to_string(), data }
    }

    /// Makes the key in this file that of a site's device, unless it is: beside the running bridge, as the command
    /// line would.
    fn enrol(&self, key: &Path, site: &str) {
        if key.exists() {
            return;
        }
        let device = private::identity(key).expect("a key").public_key();
        let store = self.data.path().join("data/giaoban.db");
        let mut registry = Registry::open(&store, "test", system_clock()).expect("opens");
        registry.enrol(device, site, SiteRole::Participant).expect("enrolled");
    }

    /// From /proc: resident memory in KiB, and how many files are open.
    fn size(&self) -> (u64, usize) {
        let proc = PathBuf::from(format!("/proc/{}", self.process.0.id()));
        let status = std::fs::read_to_string(proc.join("status")).expect("its status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kib = resident.trim().trim_end_matches(" kB").parse().expect("a number");
        (kib, std::fs::read_dir(proc.join("fd")).expect("its files").count())
    }

    fn join(&self, folder: &Path, name: &str, more: &[&str]) -> Running {
        let key = folder.join(format!("{name}.key"));
        self.enrol(&key, name);
        let site = Command::new(program("giaoban"))
            .args(["join", &self.link, "--name", name, "--identity"])
            .arg(key)
            .args(more)
            .stderr(Stdio::null())
            .spawn();
        Running(site.expect("a client starts"))
    }
}

fn write_wav(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).expect("a file");
    for sample in samples {
        wav.write_sample((sample * 32_767.0) as i16).expect("writes");
    }
    wav.finalize().expect("ends");
}

fn read_wav(path: &Path) -> Vec<f32> {
    let mut wav = hound::WavReader::open(path).expect("a recording");
    assert_eq!(wav.spec().sample_rate, 48_000);
    wav.samples::<i16>().map(|sample| f32::from(sample.expect("whole")) / 32_768.0).collect()
}

/// Unix time, in seconds, of the first sample of what a site says and hears: its files begin when it does.
fn beginning(stats: &Path) -> f64 {
    let text = std::fs::read_to_string(stats).expect("figures");
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let mut begun: Vec<f64> = Vec::new();
    for line in lines {
        let number = |key: &str| line[key].as_f64().expect("a number") / 1000.0;
        let since = line["t_s"].as_f64().expect("a number");
        begun.push(number("unix_ms") - since);
        // A brick said is one whole brick behind the time, a brick played at most one ahead of it.
        let (said, played) = (since - number("in_ms"), number("out_ms") - since);
        assert!((-0.005..0.1).contains(&said) && (-0.1..0.025).contains(&played), "{line}");
    }
    begun.sort_unstable_by(f64::total_cmp);
    begun[begun.len() / 2]
}

/// A middlebox: passes UDP to the bridge and back, but for the first datagrams to it.
fn relay(bridge: u16, swallows: usize) -> u16 {
    let front = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let back = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    back.connect(("127.0.0.1", bridge)).expect("an address");
    let port = front.local_addr().expect("an address").port();
    let caller = Arc::new(Mutex::new(None));
    let (front_too, back_too, known) = (front.try_clone(), back.try_clone(), caller.clone());
    let (front_too, back_too) = (front_too.expect("a socket"), back_too.expect("a socket"));
    // Both end with this program.
    std::thread::spawn(move || {
        let mut packet = [0; 2000];
        for n in 0.. {
            let Ok((len, from)) = front.recv_from(&mut packet) else { continue };
            *known.lock().expect("no panic") = Some(from);
            if n >= swallows {
                // As on a network, what cannot be sent is lost.
                let _ = back.send(&packet[..len]);
            }
        }
    });
    std::thread::spawn(move || {
        let mut packet = [0; 2000];
        loop {
            let Ok(len) = back_too.recv(&mut packet) else { continue };
            if let Some(to) = *caller.lock().expect("no panic") {
                let _ = front_too.send_to(&packet[..len], to);
            }
        }
    });
    port
}

/// Three sites with this cap; what each recorded, and when each began, in seconds of Unix time.
fn meet(timeline: &Timeline, kbps: &str) -> (Vec<Vec<f32>>, Vec<f64>) {
    let bridge = Bridge::start();
    let folder = TempDir::new().expect("a folder");
    let path = |name: String| folder.path().join(name);
    let seconds = (timeline.len() / SECOND + 1).to_string();
    let sites: Vec<Running> = timeline
        .says
        .iter()
        .enumerate()
        .map(|(n, says)| {
            write_wav(&path(format!("says{n}.wav")), says);
            let (input, output) = (path(format!("says{n}.wav")), path(format!("heard{n}.wav")));
            let stats = path(format!("stats{n}.jsonl"));
            let text = |path: &Path| path.to_str().expect("a plain path").to_owned();
            bridge.join(
                folder.path(),
                &format!("site{n}"),
                &[
                    "--input",
                    &text(&input),
                    "--output",
                    &text(&output),
                    "--stats",
                    &text(&stats),
                    "--max-kbps",
                    kbps,
                    "--duration",
                    &seconds,
                ],
            )
        })
        .collect();
    for mut site in sites {
        assert!(site.0.wait().expect("ends").success());
    }
    for n in 0..timeline.says.len() {
        let figures = std::fs::read_to_string(path(format!("stats{n}.jsonl"))).expect("figures");
        println!("site {n}: {}", figures.lines().last().unwrap_or("no figures"));
    }
    let heard = (0..timeline.says.len()).map(|n| read_wav(&path(format!("heard{n}.wav")))).collect();
    let begun = (0..timeline.says.len()).map(|n| beginning(&path(format!("stats{n}.jsonl")))).collect();
    (heard, begun)
}

#[test]
fn three_processes_hear_each_other_and_not_themselves() {
    let turns: &[(&[usize], f64)] = &[(&[0], 4.0), (&[1], 4.0), (&[2], 4.0), (&[0, 1], 8.0)];
    let timeline = Timeline::of(&["en", "fr", "ru"], turns);
    let (heard, _) = meet(&timeline, "30");
    for turn in &timeline.turns {
        let mut lags = vec![0; heard.len()];
        for site in 0..heard.len() {
            if turn.speakers == [site] {
                let echo = timeline.echo_db(site, turn, &heard[site]);
                println!("{:?}: site {site} hears its own at {echo:.1} dB", turn.speakers);
                assert!(echo < -40.0);
                continue;
            }
            let found = timeline.heard_by_seconds(site, turn, &heard[site]);
            println!("{:?}: site {site}: correlation {:.3}", turn.speakers, found.correlation);
            lags[site] = found.lag_samples;
            // Two at once began at moments of their own, so that their sum is not the sum of the files.
            if turn.speakers.len() == 1 || turn.speakers.contains(&site) {
                assert!(found.correlation > 0.9);
            }
        }
        for &speaker in turn.speakers.iter().filter(|_| turn.speakers.len() > 1) {
            // When the third one hears the speaker is when it would hear itself, give or take its own beginning.
            let own = timeline.own_voice_db(speaker, turn, &heard[speaker], lags[speaker]);
            println!("{:?}: site {speaker} has {own:.1} dB of its own voice", turn.speakers);
            assert!(own < -40.0);
        }
    }
}

#[test]
fn mouth_to_ear_is_within_120_ms_at_packets_of_20_ms() {
    // Many short turns, each with a start of its own and so a phase of its own against every tick.
    let turns: Vec<(&[usize], f64)> = (0..12).map(|n| ([&[0][..], &[1]][n % 2], 1.5)).collect();
    let timeline = Timeline::of(&["en", "fr", "ru"], &turns);
    let (heard, begun) = meet(&timeline, "60");
    let mut delays = Vec::new();
    for turn in &timeline.turns {
        for listener in (0..3).filter(|listener| turn.speakers != [*listener]) {
            let found = align(
                &timeline.says[turn.speakers[0]][turn.span.clone()],
                &heard[listener][turn.span.start..],
                SECOND,
            );
            let apart = begun[listener] - begun[turn.speakers[0]];
            delays.push((found.lag_samples as f64 / 48.0 + apart * 1000.0).round() as i64);
        }
    }
    delays.sort_unstable();
    println!("mouth to ear, ms: {delays:?}");
    assert!(delays[0] > 40, "faster than sound can be: the measure is wrong");
    assert!(delays[delays.len() / 2] <= 120);
}

#[test]
fn a_site_whose_udp_is_swallowed_is_in_by_tcp_and_goes_back_to_udp_in_the_meeting() {
    let mut bridge = Bridge::start();
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let other = bridge.join(folder.path(), "other", &["--input", "tone", "--output", "null"]);
    let authority = bridge.link.split('/').nth(2).expect("an address").to_owned();
    let port: u16 = authority.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    // The handshake sends some four before the tunnel is taken; the first trial finds the rest.
    let swallowing = relay(port, 12);
    bridge.link = bridge.link.replace(&authority, &format!("127.0.0.1:{swallowing}"));
    let (stats, heard, tcp) = (path("stats.jsonl"), path("heard.wav"), port.to_string());
    let more = ["--input", "tone", "--output", &heard, "--stats", &stats, "--tcp", &tcp, "--duration", "22s"];
    let mut site = bridge.join(folder.path(), "site", &more);
    assert!(site.0.wait().expect("ends").success());
    drop(other);
    let figures = std::fs::read_to_string(&stats).expect("figures");
    let figures: Vec<serde_json::Value> =
        figures.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut ways: Vec<&str> = figures.iter().filter_map(|line| line["path"].as_str()).collect();
    ways.dedup();
    println!("ways: {ways:?}; the last line: {}", figures.last().expect("figures"));
    assert_eq!(ways, ["tcp", "udp"]);
    assert_eq!(figures.last().expect("figures")["reconnects"], 0);
    // The other's tone is heard by either way.
    let heard = read_wav(Path::new(&heard));
    for (line, way) in figures.iter().filter_map(|line| Some((line, line["path"].as_str()?))).skip(2) {
        let to = line["out_ms"].as_u64().expect("a number") as usize * 48;
        let second = &heard[to.saturating_sub(SECOND).min(heard.len())..to.min(heard.len())];
        let power = second.iter().map(|s| f64::from(s * s)).sum::<f64>() / second.len().max(1) as f64;
        println!("{way}: {:.1} dBFS", 10.0 * power.max(1e-12).log10());
        assert!(power > 1e-4, "{line}");
    }
}

#[test]
fn a_hundred_processes_come_and_go_and_the_bridge_is_as_it_was() {
    let bridge = Bridge::start();
    let folder = TempDir::new().expect("a folder");
    // Ten at a time, each for a second.
    let round = |first: usize| {
        let come = |n| {
            let name = format!("site{n}");
            bridge.join(folder.path(), &name, &["--input", "tone", "--output", "null", "--duration", "1s"])
        };
        let mut sites: Vec<Running> = (first..first + 10).map(come).collect();
        assert!(sites.iter_mut().all(|site| site.0.wait().expect("ends").success()), "round {first}");
    };
    // The first ones make what is made once.
    (0..3).for_each(|n| round(n * 10));
    let before = bridge.size();
    (3..13).for_each(|n| round(n * 10));
    let after = bridge.size();
    println!("before {before:?}, after {after:?} (KiB resident, files)");
    assert_eq!(before.1, after.1);
    assert!(after.0 < before.0 + 2048, "a hundred joins left {} KiB", after.0 - before.0);
}
