//! The sound path of the real program on a machine without a sound card: PulseAudio in a folder of its own, with a
//! microphone and a loudspeaker that are made up, `giaoban` with cpal (ALSA) on both, a real bridge, and a site of files at
//! the other end.
//!
//! Needs PulseAudio and its plug-in for ALSA (`.ci/setup ci`). Where they are missing it says so and passes; where `CI` is
//! set they must be there. Takes as long as it sounds; nothing is asserted about how long anything takes but by generous
//! bounds.

use giaoban_benches::outside::{BridgeProcess, Running, program};
use giaoban_proto::testing::measure::{align, level_db};
use giaoban_proto::testing::speech::voice;
use giaoban_proto::transport::private;
use giaoban_proto::wire::SiteRole;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const SECOND: usize = 48_000;

/// How long anything of the machine's is waited for: many times what it takes.
const PATIENCE: Duration = Duration::from_secs(40);

/// A sound server with a loudspeaker, and a microphone that hears what is played to `micfeed`.
struct Server {
    folder: TempDir,
    server: Option<Running>,
    /// Without a reader its made-up devices work in blocks of 2 s.
    keepers: Vec<Running>,
}

impl Server {
    fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("ours alone");
        // The default device is these two and no other, so that there is none when one of them goes.
        let asound = "pcm.!default {\n type asym\n capture.pcm { type pulse device mic }\n\
                      playback.pcm { type pulse device spk }\n}\nctl.!default { type pulse }\n";
        fs::write(folder.path().join(".asoundrc"), asound).expect("a file");
        let mut server = Self { folder, server: None, keepers: Vec::new() };
        let socket = server.socket();
        let script = format!(
            "load-module module-native-protocol-unix socket={socket} auth-anonymous=1\n\
             load-module module-null-sink sink_name=spk rate=48000 channels=1\n\
             load-module module-null-sink sink_name=micfeed rate=48000 channels=1\n\
             load-module module-remap-source source_name=mic master=micfeed.monitor\n\
             set-default-sink spk\nset-default-source mic\n"
        );
        fs::write(server.folder.path().join("ci.pa"), script).expect("a file");
        server.run();
        server
    }

    fn socket(&self) -> String {
        self.folder.path().join("pulse.sock").to_str().expect("a plain path").to_owned()
    }

    fn run(&mut self) {
        let mut command = self.command("pulseaudio");
        command.args(["-n", "-F"]).arg(self.folder.path().join("ci.pa")).args([
            "--daemonize=no",
            "--exit-idle-time=-1",
            "--use-pid-file=no",
        ]);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(Running(quiet.spawn().expect("pulseaudio starts")));
        until("the sound server answers", || self.pactl(&["info"]).is_some());
        self.keepers = ["micfeed.monitor", "spk.monitor"]
            .map(|device| {
                let mut keeper = self.command("parec");
                let keeper = keeper.args(["--latency-msec=10", "-d", device]).stdout(Stdio::null());
                Running(keeper.spawn().expect("parec starts"))
            })
            .into();
    }

    /// As a crash would.
    fn kill(&mut self) {
        self.keepers.clear();
        self.server = None;
    }

    fn command(&self, name: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(name);
        command.env("HOME", self.folder.path()).env("XDG_RUNTIME_DIR", self.folder.path());
        command.env("PULSE_SERVER", format!("unix:{}", self.socket()));
        command
    }

    fn pactl(&self, words: &[&str]) -> Option<String> {
        let done = self.command("pactl").args(words).stderr(Stdio::null()).output().expect("pactl starts");
        done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
    }

    /// The microphone hears this, for as long as it takes.
    fn speak(&self, says: &Path) -> Running {
        let mut play = self.command("paplay");
        Running(play.arg("--device=micfeed").arg(says).spawn().expect("paplay starts"))
    }

    /// What a device says from now on.
    fn record(&self, device: &str) -> Recording {
        let mut command = self.command("parec");
        command.args(["--latency-msec=10", "--format=s16le", "--rate=48000", "--channels=1", "-d", device]);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("parec starts");
        let mut out = process.stdout.take().expect("its output");
        let tape = Arc::new(Mutex::new(Tape { samples: Vec::new(), began: None }));
        let to = Arc::clone(&tape);
        std::thread::spawn(move || {
            let mut bytes = [0; 960];
            while out.read_exact(&mut bytes).is_ok() {
                to.lock().expect("no panic").push(&bytes);
            }
        });
        Recording { _process: Running(process), tape }
    }
}

struct Recording {
    _process: Running,
    tape: Arc<Mutex<Tape>>,
}

struct Tape {
    samples: Vec<f32>,
    /// The latest that its first sample can have been: no sample is here before it sounds.
    began: Option<Instant>,
}

impl Tape {
    fn push(&mut self, bytes: &[u8]) {
        self.samples.extend(
            bytes.as_chunks::<2>().0.iter().map(|two| f32::from(i16::from_le_bytes(*two)) / 32_768.0),
        );
        let before = now().checked_sub(Duration::from_secs_f64(self.samples.len() as f64 / SECOND as f64));
        self.began = match (self.began, before) {
            (Some(began), Some(before)) => Some(began.min(before)),
            (one, other) => one.or(other),
        };
    }
}

#[expect(clippy::disallowed_methods, reason = "real programs run by real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "real programs run by real time")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

/// Waits for it, and says how long that took.
fn until(what: &str, mut is: impl FnMut() -> bool) -> Duration {
    let began = now();
    while !is() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        wait(Duration::from_millis(20));
    }
    began.elapsed()
}

/// The program as a site.
struct Site {
    _process: Running,
    said: PathBuf,
    stats: PathBuf,
}

impl Site {
    fn join(server: &Server, bridge: &BridgeProcess, name: &str, words: &[&str]) -> Self {
        let place = |end: &str| server.folder.path().join(format!("{name}.{end}"));
        let key = place("key");
        let device = private::identity(&key).expect("a key").public_key();
        bridge.registry().expect("opens").enrol(device, name, SiteRole::Participant).expect("enrolled");
        let mut command = server.command(program("giaoban"));
        command.args(["join", &bridge.link.to_string(), "--lang", "en", "--identity"]).arg(key);
        command.arg("--stats").arg(place("jsonl")).args(words);
        let said = File::create(place("log")).expect("a file");
        let process = Running(command.stderr(said).spawn().expect("a client starts"));
        Self { _process: process, said: place("log"), stats: place("jsonl") }
    }

    fn has_said(&self, words: &str) -> usize {
        fs::read_to_string(&self.said).unwrap_or_default().matches(words).count()
    }

    /// The figures of the last second.
    fn figures(&self) -> Option<serde_json::Value> {
        let text = fs::read_to_string(&self.stats).ok()?;
        serde_json::from_str(text.trim_end().lines().last()?).ok()
    }

    fn is_in(&self) -> bool {
        self.figures().is_some_and(|figures| figures["state"] == "in_room" && figures["members"] == 2)
    }
}

fn write_wav(path: &Path, samples: &[f32]) {
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: SECOND as u32, bits_per_sample: 16, sample_format };
    let mut wav = hound::WavWriter::create(path, spec).expect("a file");
    samples.iter().for_each(|sample| wav.write_sample((sample * 32_767.0) as i16).expect("writes"));
    wav.finalize().expect("ends");
}

fn read_wav(path: &Path) -> Vec<f32> {
    let mut wav = hound::WavReader::open(path).expect("a recording");
    wav.samples::<i16>().map(|sample| f32::from(sample.expect("whole")) / 32_768.0).collect()
}

/// The middle of how alike each second is, aligned by itself: the delay moves by stretching.
fn alike(says: &[f32], heard: &[f32]) -> (isize, f64) {
    let all = align(says, heard, heard.len());
    let around = all.lag_samples;
    let parts = giaoban_proto::testing::measure::align_segments(says, heard, SECOND, around, SECOND / 2);
    let mut found: Vec<f64> = parts.iter().map(|part| part.alignment.correlation).collect();
    found.sort_unstable_by(f64::total_cmp);
    (around, found[found.len() / 2])
}

/// Whether the machine has what this needs.
fn can() -> bool {
    let there = |name: &str| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok();
    let can = there("pulseaudio") && there("parec") && there("paplay") && there("pactl");
    assert!(can || std::env::var_os("CI").is_none(), "PulseAudio is missing: run .ci/setup ci");
    if !can {
        println!("SKIPPED: there is no PulseAudio here; .ci/setup ci installs it");
    }
    can
}

#[test]
fn speech_goes_through_both_devices_and_the_session_outlives_devices_and_sound_server() {
    if !can() {
        return;
    }
    let mut server = Server::start();
    let place = |name: &str| server.folder.path().join(name);
    let bridge = BridgeProcess::start(&place("data"), &place("bridge.log")).expect("a bridge");
    let (here, there) = (voice("en")[..12 * SECOND].to_vec(), voice("it")[..12 * SECOND].to_vec());
    write_wav(&place("here.wav"), &here);
    // The other site says nothing until the first has spoken.
    let quiet = 40 * SECOND;
    let mut says = vec![0.0; quiet];
    says.extend(&there);
    write_wav(&place("there.wav"), &says);
    let (input, output) = (place("there.wav"), place("heard.wav"));
    let files = [input.to_str().expect("plain"), output.to_str().expect("plain")];
    // As it is captured: what a noise suppressor leaves is no longer the same waveform, and is judged by the bench `echo`.
    let site = Site::join(&server, &bridge, "commune", &["--max-kbps", "48", "--clean", "off"]);
    let other = Site::join(
        &server,
        &bridge,
        "district",
        &["--max-kbps", "48", "--input", files[0], "--output", files[1]],
    );
    until("both are in", || site.is_in() && other.is_in());

    // From the microphone to the other site, whose figures tell that it came.
    let microphone = server.record("micfeed.monitor");
    let loudspeaker = server.record("spk.monitor");
    let mut spoken = server.speak(&place("here.wav"));
    spoken.0.wait().expect("it ends");
    // From the other site to the loudspeaker.
    until("the other site is at its end", || other.has_said("input file is at its end") == 1);
    wait(Duration::from_secs(3));
    let (heard, there_heard) = (loudspeaker.tape.lock().expect("no panic").samples.clone(), {
        let kept = place("kept.wav");
        // As far as it is written.
        fs::copy(&output, &kept).expect("a copy");
        read_wav(&kept)
    });
    let fed = microphone.tape.lock().expect("no panic").samples.clone();
    let (_, fed_alike) = alike(&here, &fed);
    let (_, up) = alike(&here, &there_heard);
    let (_, down) = alike(&there, &heard);
    println!(
        "microphone fed {fed_alike:.3}; microphone to the other site {up:.3}; other site to loudspeaker {down:.3}"
    );
    println!("loudspeaker {:.1} dBFS", level_db(&heard));
    println!("figures: {}", site.figures().expect("figures"));
    assert!(up > 0.9 && down > 0.9, "{up:.3} up, {down:.3} down");

    // The microphone is pulled out, and plugged in again.
    let modules = server.pactl(&["list", "short", "modules"]).expect("a list");
    let module = modules.lines().find(|line| line.contains("source_name=mic")).expect("the microphone");
    let module = module.split('\t').next().expect("its number").to_owned();
    // PulseAudio gives who listens to it another source meanwhile, so that nobody is told.
    assert!(server.pactl(&["unload-module", &module]).is_some());
    wait(Duration::from_secs(3));
    let source = ["load-module", "module-remap-source", "source_name=mic", "master=micfeed.monitor"];
    assert!(server.pactl(&source).is_some());
    let heard_ms = |site: &Site| site.figures().expect("figures")["in_ms"].as_u64().expect("a number");
    let before = heard_ms(&site);
    until("the microphone's sound goes on", || heard_ms(&site) > before + 3000);
    assert!(site.is_in(), "{}", site.figures().expect("figures"));

    // The sound server dies, and comes back.
    let told = |what: &str| site.has_said(what);
    let gone = (told("the microphone is gone"), told("the loudspeaker is gone"));
    let came = (told("the microphone is back"), told("the loudspeaker is back"));
    server.kill();
    let noticed = until("it is told that both are gone", || {
        told("the microphone is gone") > gone.0 && told("the loudspeaker is gone") > gone.1
    });
    wait(Duration::from_secs(2));
    server.run();
    let back = until("it is told that both are back", || {
        told("the microphone is back") > came.0 && told("the loudspeaker is back") > came.1
    });
    println!("{}", fs::read_to_string(&site.said).unwrap_or_default());
    println!("sound server: gone noticed after {noticed:.1?}, back after {back:.1?}");
    let figures = site.figures().expect("figures");
    println!("figures: {figures}");
    assert!(site.is_in() && figures["reconnects"] == 0, "{figures}");

    // And is heard as before, once the made-up devices have found their pace again.
    wait(Duration::from_secs(5));
    let microphone = server.record("micfeed.monitor");
    let mut spoken = server.speak(&server.folder.path().join("here.wav"));
    spoken.0.wait().expect("it ends");
    wait(Duration::from_secs(3));
    let fed = microphone.tape.lock().expect("no panic").samples.clone();
    println!("microphone fed again {:.3}", alike(&here, &fed).1);
    let kept = server.folder.path().join("kept.wav");
    fs::copy(&output, &kept).expect("a copy");
    let all = read_wav(&kept);
    let (_, again) = alike(&here, &all[all.len().saturating_sub(22 * SECOND)..]);
    println!("and again: {again:.3}");
    assert!(again > 0.9, "{again:.3}");
}
