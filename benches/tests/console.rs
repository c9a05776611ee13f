//! The real console in a pseudo-terminal, beside a real bridge and real sites on this machine's loopback: keys are typed,
//! and what the screen then shows is what became of them.
//!
//! Nothing is asserted about how long anything takes: what is to be seen is waited for, and given up on after a time that
//! no machine needs.
#![cfg(target_os = "linux")]

use giaoban_benches::outside::{BridgeProcess, Running, program};
use giaoban_bridge::store::{AuditFilter, Registry, VisitFilter};
use giaoban_proto::transport::private;
use giaoban_proto::wire::SiteRole;
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const OPERATOR: &str = "Điều hành";
const SITES: [&str; 3] = ["Xã Tri Lễ", "Xã Na Loi", "Bản Mường"];
const ROWS: NonZeroU16 = NonZeroU16::new(30).expect("some");
const COLUMNS: NonZeroU16 = NonZeroU16::new(132).expect("some");

/// What the audit says of the operator besides what was typed: a console answers the roll by itself.
const BESIDE: [&str; 4] = ["device enrolled", "admitted", "answer roll call", "left"];

/// After so long without it, what is waited for does not come.
const GIVES_UP: Duration = Duration::from_secs(60);

/// A terminal with nobody before it, and what stands on its screen.
struct Terminal {
    keys: File,
    slave: OwnedFd,
    screen: Arc<(Mutex<vt100::Parser>, Condvar)>,
}

impl Terminal {
    fn open() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let size = Winsize { ws_row: ROWS.get(), ws_col: COLUMNS.get(), ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("sized");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("opened");
        let screen = Arc::new((Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)), Condvar::new()));
        let keys = File::from(master);
        let (mut shown, drawn) = (keys.try_clone().expect("the same terminal"), Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // An error means that the last one who had the terminal is gone.
            while let Ok(read @ 1..) = shown.read(&mut bytes) {
                drawn.0.lock().expect("no panic").process(&bytes[..read]);
                drawn.1.notify_all();
            }
        });
        Self { keys, slave, screen }
    }

    fn side(&self) -> OwnedFd {
        self.slave.try_clone().expect("the same terminal")
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("typed");
    }

    /// Waits until the screen is so; what it shows then.
    fn until(&self, what: &str, so: impl Fn(&vt100::Screen) -> bool) -> String {
        let (screen, drawn) = &*self.screen;
        let parser = screen.lock().expect("no panic");
        let waited = drawn.wait_timeout_while(parser, GIVES_UP, |parser| !so(parser.screen()));
        let (parser, waited) = waited.expect("no panic");
        let shown = parser.screen().contents();
        drop(parser);
        assert!(!waited.timed_out(), "{what} is not to be seen:\n{shown}");
        shown
    }

    fn see(&self, text: &str) -> String {
        self.until(text, |screen| screen.contents().contains(text) || log(screen).contains(text))
    }

    /// Waits until the line of this site shows that.
    fn see_of(&self, site: &str, text: &str) {
        let so = |line: &str| line.contains(site) && line.contains(text);
        self.until(&format!("{site}: {text}"), |screen| table(screen).any(|line| so(&line)));
    }
}

/// The lines of the table, without what stands right of it.
fn table(screen: &vt100::Screen) -> impl Iterator<Item = String> {
    let lines: Vec<String> = screen.contents().lines().map(str::to_owned).collect();
    lines.into_iter().map(|line| line.split('│').next().unwrap_or_default().to_owned())
}

/// What stands right of the table: what happened, without its breaks of lines.
fn log(screen: &vt100::Screen) -> String {
    let contents = screen.contents();
    let parts = contents.lines().filter_map(|line| Some(line.split_once('│')?.1.trim()));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A site that comes in and stays.
fn join(bridge: &BridgeProcess, folder: &Path, name: &str, words: &[&str]) -> Running {
    let mut site = Command::new(program("giaoban"));
    site.args(["join", &bridge.link.to_string(), "--output", "null", "--tcp", "off", "--identity"]);
    site.arg(key(bridge, folder, name, SiteRole::Participant)).args(words);
    Running(site.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("a client starts"))
}

fn key(bridge: &BridgeProcess, folder: &Path, name: &str, role: SiteRole) -> std::path::PathBuf {
    let key = folder.join(format!("{name}.key"));
    let device = private::identity(&key).expect("a key").public_key();
    bridge.registry().expect("opens").enrol(device, name, role).expect("enrolled");
    key
}

#[test]
fn an_operator_runs_a_meeting_by_keys_and_sees_it_done() {
    let folder = TempDir::new().expect("a folder");
    let bridge =
        BridgeProcess::start(&folder.path().join("data"), &folder.path().join("log")).expect("a bridge");
    let operator = key(&bridge, folder.path(), OPERATOR, SiteRole::Operator);
    let mut terminal = Terminal::open();
    let before = tcgetattr(&terminal.slave).expect("a terminal");
    let mut console = Command::new(program("giaoban"));
    console.args(["console", &bridge.link.to_string(), "--input", "silence", "--output", "null"]);
    console.args(["--tcp", "off", "--muted", "--lang", "en", "--identity"]).arg(operator);
    console.env("TERM", "xterm-256color").env("XDG_CONFIG_HOME", folder.path());
    let console = console.stdin(terminal.side()).stdout(terminal.side()).stderr(terminal.side()).spawn();
    let mut console = Running(console.expect("the console starts"));
    terminal.until("a screen of its own", vt100::Screen::alternate_screen);
    terminal.see_of(OPERATOR, "(you)");

    let words =
        [&["--input", "tone"][..], &["--input", "silence", "--answer-roll-call"], &["--input", "silence"]];
    let sites: Vec<Running> =
        SITES.iter().zip(words).map(|(name, words)| join(&bridge, folder.path(), name, words)).collect();
    for name in SITES {
        terminal.see_of(name, "here");
    }
    terminal.see("4 sites");

    terminal.see_of("Xã Tri Lễ", "speaks");

    // The roll: one answers by itself, the operator ticks another.
    terminal.press("c");
    terminal.see("roll 1: 1/3");
    terminal.see_of("Xã Na Loi", "✓");
    terminal.press("/ban muong\r");
    terminal.until("one site alone", |screen| {
        table(screen).filter(|line| SITES.iter().any(|site| line.contains(site))).count() == 1
    });
    terminal.press("p");
    terminal.see_of("Bản Mường", "✓");
    terminal.see("roll 1: 2/3");
    terminal.press("c");
    terminal.see("y yes");
    terminal.press("y");
    terminal.see("roll call 1 is over: 2 of 3 present");

    // Silenced, and its voice given back.
    terminal.press("m");
    terminal.see_of("Bản Mường", "silenced");
    terminal.press("m");
    terminal.until("its voice", |screen| {
        table(screen).any(|line| line.contains("Bản Mường") && !line.contains("silenced"))
    });
    terminal.see("Bản Mường has its voice back");

    // The floor.
    terminal.press("2");
    terminal.see("floor by hands");
    terminal.press("g");
    terminal.see_of("Bản Mường", "FLOOR");
    terminal.press("t");
    terminal.see("nobody has the floor");

    // Recorded.
    terminal.press("r");
    terminal.see("● RECORDING");
    terminal.press("r");
    terminal.see("y yes");
    terminal.press("n");
    terminal.press("s112/BC\r");
    terminal.see("\"112/BC\"");
    terminal.see("● RECORDING");
    terminal.press("r");
    terminal.see("y yes");
    terminal.press("y");
    terminal.see("the recording has ended");

    // The operator leaves, and the terminal is as it was.
    drop(sites);
    terminal.press("q");
    terminal.see("y yes");
    terminal.press("y");
    terminal.until("the screen that was there", |screen| !screen.alternate_screen());
    assert_eq!(console.0.wait().expect("it ends").code(), Some(0));
    let after = tcgetattr(&terminal.slave).expect("a terminal");
    assert_eq!(
        (after.local_modes, after.input_modes, after.output_modes),
        (before.local_modes, before.input_modes, before.output_modes)
    );
    terminal.until("the cursor", |screen| !screen.hide_cursor());

    // The bridge has it in writing, in the order in which it was typed.
    let registry: Registry = bridge.registry().expect("opens");
    let acts: Vec<String> = registry
        .audit(AuditFilter::default())
        .expect("reads")
        .into_iter()
        .filter(|row| row.actor.contains(OPERATOR) && !BESIDE.contains(&row.act.as_str()))
        .map(|row| row.act)
        .collect();
    let typed = [
        "call roll",
        "tick present",
        "end roll call",
        "silence",
        "unsilence",
        "set floor",
        "grant floor",
        "take floor back",
        "recording started",
        "say",
        "recording ended",
    ];
    assert_eq!(acts, typed);
    let messages = registry.messages(&VisitFilter::default()).expect("reads");
    assert_eq!(messages.iter().map(|message| message.text.as_str()).collect::<Vec<_>>(), ["112/BC"]);
}
