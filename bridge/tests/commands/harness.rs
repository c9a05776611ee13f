//! A data folder, and the real binary on it.

use giaoban_bridge::store::{Registry, UnixMs, system_clock};
use giaoban_proto::transport::private;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What a program has said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: Option<i32>,
}

/// A bridge's data folder.
pub(crate) struct House {
    place: TempDir,
}

/// A bridge that runs; killed with the test.
pub(crate) struct Running {
    child: Child,
    out: Option<BufReader<std::process::ChildStdout>>,
    /// What it announced.
    pub(crate) announced: Value,
}

impl House {
    /// None yet.
    pub(crate) fn empty() -> Self {
        Self { place: tempfile::tempdir().expect("a folder") }
    }

    /// One that a bridge has left behind.
    pub(crate) fn used() -> Self {
        let house = Self::empty();
        private::folder(&house.data()).expect("a folder");
        for key in ["bridge.key", "spare.key"] {
            private::identity(&house.file(key)).expect("a key");
        }
        private::file(&house.file("giaoban.db")).expect("a file");
        let mut registry = house.registry();
        registry.keep("announced", "bridge.example.vn:4646").expect("kept");
        house
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// A file of the data folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    /// A path beside the data folder.
    pub(crate) fn beside(&self, name: &str) -> String {
        self.place.path().join(name).to_str().expect("a plain path").to_owned()
    }

    pub(crate) fn registry(&self) -> Registry {
        Registry::open(&self.file("giaoban.db"), "test", system_clock()).expect("opens")
    }

    /// The store, by a clock that stands still.
    pub(crate) fn registry_at(&self, at: UnixMs) -> Registry {
        Registry::open(&self.file("giaoban.db"), "test", Box::new(move || at)).expect("opens")
    }

    /// Runs the binary with these words.
    pub(crate) fn run(&self, words: &[&str]) -> Said {
        let done = self.command(words).output().expect("runs");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Said { out: text(done.stdout), err: text(done.stderr), code: done.status.code() }
    }

    /// The same, which is to go well and say nothing on the side; what it printed.
    pub(crate) fn well(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert!(said.code == Some(0) && said.err.is_empty(), "{words:?}: {said:?}");
        said.out
    }

    /// The same with `--json`.
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let out = self.well(&[words, &["--json"]].concat());
        assert_eq!(out.lines().count(), 1, "{out}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{words:?}: {error}: {out}"))
    }

    /// The same, which is not to be done; why not, in one line.
    pub(crate) fn fault(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert!(
            said.code == Some(1) && said.out.is_empty() && said.err.lines().count() == 1,
            "{words:?}: {said:?}"
        );
        said.err
    }

    /// Starts a bridge on a port of this machine, and waits for what it announces.
    pub(crate) fn serve(&self) -> Running {
        let words = ["serve", "--json", "--listen", "127.0.0.1:0"];
        let mut child = self.command(&words).stdout(Stdio::piped()).spawn().expect("starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("reads");
        let announced = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Running { child, out: Some(out), announced }
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_giaoban-bridge"));
        for name in [
            "CONFIG",
            "LISTEN",
            "LISTEN_TCP",
            "PUBLIC",
            "MAX_MEMBERS",
            "LIMIT",
            "KEEP_RECORDINGS",
            "LOG_NAMES",
        ] {
            command.env_remove(format!("GIAOBAN_{name}"));
        }
        command
            .args(words)
            .env("GIAOBAN_DATA", self.data())
            .env("TZ", "Asia/Ho_Chi_Minh")
            .env("GIAOBAN_LOG", "error");
        command
    }
}

impl Running {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.announced[key].as_str().unwrap_or_else(|| panic!("{key}: {}", self.announced))
    }

    /// Asks it to end; whether it did so well.
    pub(crate) fn stop(mut self) -> bool {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("runs");
        // What it still says is read, or it might wait for that.
        let rest = self.out.take().map(|out| out.lines().count());
        self.child.wait().expect("ends").success() && rest == Some(0)
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("runs");
        self.child.wait().expect("ends");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Gives a path these permissions.
pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
}

/// A path's permissions.
pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("is there").permissions().mode() & 0o777
}
