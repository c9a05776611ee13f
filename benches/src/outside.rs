//! The real programs as processes on this machine's loopback, and visitors that call them by hand over real sockets:
//! what somebody outside can do, and see.
//!
//! For tests and figures alone: a fault of the machine is a panic that says so.

use anyhow::Context as _;
use giaoban_bridge::store::{Clock, Registry, system_clock};
use giaoban_proto::link::Link;
use giaoban_proto::testing::visitor::Visitor;
use giaoban_proto::transport::{ClientEnd, Identity, Lost, Pins, client_endpoint_config};
use giaoban_proto::wire::SiteRole;
use quinn::Runtime as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::SystemTime;

/// A program of the workspace, built beside this one.
///
/// # Panics
/// When it is not built; it says how.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().expect("this program");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    let program = path.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is not built; run: cargo build --workspace", program.display());
    program
}

/// Milliseconds of Unix time, by this machine.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "real programs run by real time")]
pub fn unix_ms() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0
}

/// A process that ends with its owner.
#[derive(Debug)]
pub struct Running(pub Child);

impl Running {
    /// Asks it to end, as the system would, and waits until it has.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn ask_to_end(&mut self) -> anyhow::Result<()> {
        Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A bridge that listens on a port of 127.0.0.1, by UDP and TCP.
#[derive(Debug)]
pub struct BridgeProcess {
    /// It.
    pub process: Running,
    /// For enrolled devices.
    pub link: Link,
    /// Where it is.
    pub at: SocketAddr,
    data: PathBuf,
}

impl BridgeProcess {
    /// Starts one on this data folder, which is made if it is not there. What it logs goes to `log`.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(data: &Path, log: &Path) -> anyhow::Result<Self> {
        Self::start_with(data, log, &[])
    }

    /// The same, with these words of its command line as well.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_with(data: &Path, log: &Path, words: &[&str]) -> anyhow::Result<Self> {
        let mut process = Command::new(program("giaoban-bridge"))
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(words)
            .env("GIAOBAN_LOG", "warn,giaoban_bridge=info,giaoban_bridge::shell::worker=debug")
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .stderr(File::create(log)?)
            .spawn()?;
        let out = process.stdout.take().context("its output")?;
        let process = Running(process);
        let mut lines = BufReader::new(out).lines();
        let link = lines.find_map(|line| {
            let line = line.ok()?;
            line.trim().starts_with("giaoban://").then(|| line.trim().to_owned())
        });
        // The rest is read too, or the bridge would wait for somebody to.
        std::thread::spawn(move || lines.for_each(drop));
        let mut link: Link = link.context("the bridge printed no link")?.parse()?;
        link.code = None;
        let at = SocketAddr::new(link.host.to_string().parse()?, link.port);
        Ok(Self { process, link, at, data: data.to_owned() })
    }

    /// The file of its store.
    #[must_use]
    pub fn store_file(&self) -> PathBuf {
        self.data.join("giaoban.db")
    }

    /// Its store, as another process beside it would open it.
    ///
    /// # Errors
    /// When it does not open.
    pub fn registry(&self) -> anyhow::Result<Registry> {
        self.registry_at(system_clock())
    }

    /// The same, by this clock.
    ///
    /// # Errors
    /// When it does not open.
    pub fn registry_at(&self, clock: Clock) -> anyhow::Result<Registry> {
        Ok(Registry::open(&self.store_file(), "test", clock)?)
    }

    /// A new device of this site, which is added if there is none of that name.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn enrol(&self, site: &str, role: SiteRole) -> anyhow::Result<Identity> {
        let identity = Identity::generate()?;
        self.registry()?.enrol(identity.public_key(), site, role)?;
        Ok(identity)
    }

    /// What a client believes of its key.
    #[must_use]
    pub fn pins(&self) -> Pins {
        Pins::from(&self.link)
    }

    /// Its resident memory in KiB, from /proc.
    ///
    /// # Errors
    /// Where there is no /proc, or it is gone.
    pub fn resident_kib(&self) -> anyhow::Result<u64> {
        resident_kib(self.process.0.id())
    }
}

/// A process' resident memory in KiB, from /proc.
///
/// # Errors
/// Where there is no /proc, or it is gone.
pub fn resident_kib(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(resident.trim().trim_end_matches(" kB").parse()?)
}

/// A client's end on a port of this address of this machine. Belongs inside tokio.
///
/// # Errors
/// When there is no such socket.
pub fn end_at(from: IpAddr) -> anyhow::Result<ClientEnd> {
    let runtime = Arc::new(quinn::TokioRuntime);
    let socket = runtime.wrap_udp_socket(UdpSocket::bind((from, 0))?)?;
    Ok(ClientEnd::with_socket(socket, runtime, client_endpoint_config()?)?)
}

/// Connects from this address with this key, opens the control stream, and says nothing. Belongs inside tokio.
///
/// # Errors
/// When the bridge does not want it.
///
/// # Panics
/// When this machine has no more sockets.
pub async fn call(
    from: impl Into<IpAddr>,
    to: SocketAddr,
    identity: &Identity,
    pins: Pins,
) -> Result<Visitor, Lost> {
    let end = end_at(from.into()).expect("a socket");
    Visitor::over(end, to, identity, pins).await
}
