//! The honest meeting that goes on throughout: three real clients, each speaking a tone of its own and recording what
//! it hears.

use crate::tone;
use giaoban_benches::outside::{BridgeProcess, Running, program};
use giaoban_benches::timeline::SECOND;
use giaoban_proto::transport::private;
use giaoban_proto::wire::SiteRole;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the three say, in Hz.
const TONES: [f64; 3] = [500.0, 900.0, 1400.0];

/// Shorter gaps than this are not even listed, in ms.
const LEAST_MS: f64 = 40.0;

pub(crate) struct Meeting {
    sites: Vec<Running>,
    folder: PathBuf,
}

/// A stretch in which one of the three did not hear another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hole {
    pub(crate) listener: usize,
    pub(crate) talker: usize,
    /// In Unix time.
    pub(crate) from_ms: f64,
    pub(crate) ms: f64,
}

/// What one of the three has heard.
pub(crate) struct Heard {
    tape: Vec<f32>,
    /// When it began, in Unix time.
    begun_ms: f64,
    /// How much of it was a guess, by its client, at which moment.
    concealed: Vec<(f64, f64)>,
}

impl Meeting {
    pub(crate) fn start(bridge: &BridgeProcess, folder: &Path) -> anyhow::Result<Self> {
        let mut sites = Vec::new();
        for (n, hz) in TONES.into_iter().enumerate() {
            let path = |name: &str| folder.join(format!("site{n}{name}"));
            tone::write_wav(&path("-says.wav"), &tone::tone(hz, 30))?;
            let device = private::identity(&path(".key"))?.public_key();
            bridge.registry()?.enrol(device, &format!("Xã {}", n + 1), SiteRole::Participant)?;
            let site = Command::new(program("giaoban"))
                .args(["join", &bridge.link.to_string(), "--loop", "--identity"])
                .arg(path(".key"))
                .arg("--input")
                .arg(path("-says.wav"))
                .arg("--output")
                .arg(path("-heard.wav"))
                .arg("--stats")
                .arg(path(".jsonl"))
                .stderr(std::fs::File::create(path(".log"))?)
                .stdout(Stdio::null())
                .spawn()?;
            sites.push(Running(site));
        }
        Ok(Self { sites, folder: folder.to_owned() })
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        self.sites.iter().map(|site| site.0.id()).collect()
    }

    /// The three leave, and leave their recordings.
    pub(crate) fn end(mut self) -> anyhow::Result<Vec<Heard>> {
        for site in &mut self.sites {
            site.ask_to_end()?;
        }
        (0..TONES.len()).map(|n| Heard::read(&self.folder, n)).collect()
    }
}

impl Heard {
    fn read(folder: &Path, site: usize) -> anyhow::Result<Self> {
        let tape = tone::read_wav(&folder.join(format!("site{site}-heard.wav")))?;
        let stats = std::fs::read_to_string(folder.join(format!("site{site}.jsonl")))?;
        let (mut begun, mut concealed) = (Vec::new(), Vec::new());
        for line in stats.lines() {
            let line: serde_json::Value = serde_json::from_str(line)?;
            let number = |key: &str| line[key].as_f64().unwrap_or(f64::NAN);
            begun.push(number("unix_ms") - number("out_ms"));
            concealed.push((number("unix_ms"), number("concealed_ms")));
        }
        begun.sort_unstable_by(f64::total_cmp);
        Ok(Self { tape, begun_ms: begun[begun.len() / 2], concealed })
    }

    /// Of the other two's voices, the holes.
    pub(crate) fn holes(&self, listener: usize) -> Vec<Hole> {
        let mut holes = Vec::new();
        for (talker, hz) in TONES.into_iter().enumerate().filter(|(talker, _)| *talker != listener) {
            holes.extend(tone::holes(&self.tape, hz, LEAST_MS).into_iter().map(|(from, ms)| Hole {
                listener,
                talker,
                from_ms: self.begun_ms + from,
                ms,
            }));
        }
        holes
    }

    /// The loudest that this tone was between these moments of Unix time, in dBFS.
    pub(crate) fn loudest(&self, hz: f64, from_ms: f64, to_ms: f64) -> f64 {
        let at = |ms: f64| {
            (((ms - self.begun_ms).max(0.0) / 1000.0 * SECOND as f64) as usize).min(self.tape.len())
        };
        tone::loudest(&self.tape[at(from_ms)..at(to_ms)], hz)
    }

    /// Sound that was a guess between these moments, in ms, by the client's own count.
    pub(crate) fn concealed_ms(&self, from_ms: f64, to_ms: f64) -> f64 {
        let at = |ms: f64| {
            let before = self.concealed.iter().rev().find(|(at, _)| *at <= ms);
            before.map_or(0.0, |(_, concealed)| *concealed)
        };
        at(to_ms) - at(from_ms)
    }
}
