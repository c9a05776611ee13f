//! A meeting in virtual time: the whole bridge and whole clients, over real QUIC on a network in memory.
//!
//! Everything is in one thread on tokio's paused clock, so that a minute passes as fast as its work is done and the
//! same seed gives the same traffic.

use anyhow::Context as _;
use giaoban_bridge::announcement::Announcements;
use giaoban_bridge::recording::{Recorder, disk::memory::Memory, shelf::Shelf};
use giaoban_bridge::shell::listen::Bridge;
use giaoban_bridge::shell::worker::Config;
use giaoban_bridge::store::{SqliteStore, UnixMs};
use giaoban_client::audio::{AudioError, Polled, Sink, Source};
use giaoban_client::engine::{Client, Command, Keeping, Outcome};
use giaoban_client::meeting::Meeting;
use giaoban_client::stats::Stats;
use giaoban_client::testing::Site;
use giaoban_client::words::Lang;
use giaoban_proto::link::Link;
use giaoban_proto::media::Pcm;
use giaoban_proto::testing::link::LinkConfig;
use giaoban_proto::testing::{VirtualNet, now, quic};
use giaoban_proto::transport::{Identity, Meter, ResetKey, ServerEnd, Tunnels};
use giaoban_proto::unit::{BRICK, BRICK_SAMPLES};
use giaoban_proto::wire::SiteRole;
use jiff::tz::TimeZone;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Where the bridge of a hall is.
pub const BRIDGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 4646);

/// When a hall is opened, in Unix time: all figures and rows of a seed are the same whenever it is run.
const OPENED: Duration = Duration::from_secs(1_767_225_600);

/// A bridge with one room, `giaoban`.
pub struct Hall {
    /// The network.
    pub net: VirtualNet,
    /// The bridge.
    pub bridge: Bridge,
    /// What it records.
    pub recordings: Memory,
    /// Its store.
    pub store: Arc<SqliteStore>,
    /// What passed its socket.
    pub meter: Meter,
    /// Takes streams, where some are to come in.
    pub tunnels: Tunnels,
    link: Link,
    start: Instant,
    sites: u8,
    identity: Identity,
    config: Config,
    seed: u64,
}

/// Who comes to a hall.
pub struct Guest {
    /// Its name: that of its site.
    pub name: &'static str,
    /// What it says, from the hall's first moment on, mono at 48 kHz; silence after its end.
    pub says: Vec<f32>,
    /// Whether its microphone is off, so that it can only listen.
    pub muted: bool,
    /// Its cap in kbit/s, 0 for none.
    pub max_kbps: u32,
    /// Its line: what it sends on, what it hears on.
    pub line: (LinkConfig, LinkConfig),
    /// How long it stays.
    pub stays: Duration,
}

/// What a site has instead of a microphone and a loudspeaker.
pub struct Program {
    /// Where its sound comes from.
    pub source: Box<dyn Source>,
    /// Where what it hears goes.
    pub sink: Box<dyn Sink>,
    /// Whether it comes in as a source.
    pub as_source: bool,
}

/// A site in the hall, running.
pub struct Seat {
    /// The address from which it speaks.
    pub ip: IpAddr,
    client: JoinHandle<Outcome>,
    tape: Arc<Mutex<Vec<f32>>>,
    figures: Arc<Mutex<Vec<Stats>>>,
    said: Arc<Mutex<Vec<String>>>,
    /// Asks things of the client.
    pub commands: mpsc::Sender<Command>,
}

/// What a site leaves behind.
pub struct Left {
    /// How its client ended.
    pub outcome: Outcome,
    /// What it heard, from the hall's first moment on, mono at 48 kHz.
    pub heard: Vec<f32>,
    /// Its figures, one a second.
    pub figures: Vec<Stats>,
    /// What its person was told, in English.
    pub said: Vec<String>,
}

impl Hall {
    /// Opens a hall. Belongs inside [`giaoban_proto::testing::run`].
    ///
    /// # Errors
    /// When no key, no store or no endpoint can be made.
    pub fn open(seed: u64, max_members: usize) -> anyhow::Result<Self> {
        Self::open_with(seed, max_members, None)
    }

    /// The same, with what can be played there.
    ///
    /// # Errors
    /// As [`Hall::open`].
    pub fn open_with(
        seed: u64,
        max_members: usize,
        announcements: Option<Announcements>,
    ) -> anyhow::Result<Self> {
        let net = VirtualNet::new(seed);
        let identity = Identity::generate()?;
        let start = now();
        let store = Arc::new(SqliteStore::in_memory(Box::new(clock(start)))?);
        let recordings = Memory::default();
        let recorder = recorder(&store, &recordings, start);
        let announcements = announcements.map(Announcements::patient);
        let shelf = Some(Shelf::inline(recordings.clone()));
        let config =
            Config { recorder: Some(recorder), shelf, announcements, ..Config::for_members(max_members) };
        let end = end(&net, seed, &identity)?;
        let bridge = Bridge::in_task(end.endpoint, store.clone(), config.clone());
        let link = Link {
            host: BRIDGE.ip().to_string().parse()?,
            port: BRIDGE.port(),
            room: "giaoban".parse()?,
            key: identity.fingerprint(),
            spare: None,
            code: None,
            guest: false,
        };
        let (meter, tunnels) = (end.meter, end.tunnels);
        Ok(Self {
            net,
            bridge,
            recordings,
            store,
            meter,
            tunnels,
            link,
            start,
            sites: 0,
            identity,
            config,
            seed,
        })
    }

    /// The bridge ends and another takes its place, with the same keys and store. What the recorder had not written yet
    /// is gone, as when the power goes.
    ///
    /// # Errors
    /// When there is no endpoint.
    pub async fn restart(self) -> anyhow::Result<Self> {
        self.restart_after(Duration::from_secs(3)).await
    }

    /// As [`Hall::restart`], after so long: where a line was away, QUIC takes its round trip for long, and lets go of the
    /// bridge's address after a dozen of them only.
    ///
    /// # Errors
    /// When there is no endpoint.
    pub async fn restart_after(self, time: Duration) -> anyhow::Result<Self> {
        self.bridge.stop().await;
        drop((self.meter, self.tunnels));
        // The endpoint's own task lets go of the socket when the last connection has drained.
        tokio::time::sleep(time).await;
        let recorder = Some(recorder(&self.store, &self.recordings, self.start));
        let config = Config { recorder, ..self.config };
        let end = end(&self.net, self.seed, &self.identity)?;
        let bridge = Bridge::in_task(end.endpoint, self.store.clone(), config.clone());
        Ok(Self { bridge, config, meter: end.meter, tunnels: end.tunnels, ..self })
    }

    /// The key of a new device of this site, which is added if there is none of that name.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn enrol(&self, name: &str) -> anyhow::Result<Identity> {
        self.enrol_as(name, SiteRole::Participant)
    }

    /// As [`Hall::enrol`], for a site of this role.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn enrol_as(&self, name: &str, role: SiteRole) -> anyhow::Result<Identity> {
        let identity = Identity::generate()?;
        self.store.enrol(identity.public_key(), name, role)?;
        Ok(identity)
    }

    /// The way in for a device that is not enrolled yet, once: an invitation for this site, which is added.
    ///
    /// # Errors
    /// When there is such a site.
    pub fn invite(&self, name: &str) -> anyhow::Result<Link> {
        let name = name.to_owned();
        let invited = self.store.edit(move |registry| {
            registry.add_site(&name, SiteRole::Participant)?;
            registry.invite(&name)
        });
        let code = invited.context("the store has ended")??.code;
        Ok(Link { code: Some(code), ..self.link.clone() })
    }

    /// The way in, for enrolled devices.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// Time since the hall was opened.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        now() - self.start
    }

    /// Lets a guest in: its client starts now.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn seat(&mut self, guest: Guest) -> anyhow::Result<Seat> {
        let (meeting, identity) = (Meeting::for_device(self.link.clone()), self.enrol(guest.name)?);
        Ok(self.seat_by(guest, meeting, identity))
    }

    /// As [`Hall::seat`], for one that lets the meeting cost so many bytes.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn seat_within(&mut self, guest: Guest, max_bytes: u64) -> anyhow::Result<Seat> {
        let (meeting, identity) = (Meeting::for_device(self.link.clone()), self.enrol(guest.name)?);
        Ok(self.sit(guest, meeting, identity, Some(max_bytes)))
    }

    /// As [`Hall::seat`], for one that comes by this right and with this key.
    pub fn seat_by(&mut self, guest: Guest, meeting: Meeting, identity: Identity) -> Seat {
        self.sit(guest, meeting, identity, None)
    }

    /// As [`Hall::seat`], for one that keeps what it misses of a recording.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn seat_keeping(&mut self, guest: Guest, keeping: Keeping) -> anyhow::Result<Seat> {
        let (meeting, identity) = (Meeting::for_device(self.link.clone()), self.enrol(guest.name)?);
        Ok(self.start(guest, meeting, identity, |client| client.missed = Some(keeping)))
    }

    /// As [`Hall::seat_by`], with a program in the place of people: what the guest says is not said.
    pub fn seat_program(
        &mut self,
        guest: Guest,
        meeting: Meeting,
        identity: Identity,
        program: Program,
    ) -> Seat {
        self.start(guest, meeting, identity, |client| {
            let Program { source, sink, as_source } = program;
            (client.source, client.sink, client.as_source) = (source, sink, as_source);
        })
    }

    fn sit(&mut self, guest: Guest, meeting: Meeting, identity: Identity, max_bytes: Option<u64>) -> Seat {
        self.start(guest, meeting, identity, |client| client.max_bytes = max_bytes)
    }

    fn start(
        &mut self,
        guest: Guest,
        meeting: Meeting,
        identity: Identity,
        change: impl FnOnce(&mut Client),
    ) -> Seat {
        self.sites += 1;
        let ip = IpAddr::V4(Ipv4Addr::new(10, 0, 1, self.sites));
        self.net.connect(ip, BRIDGE, guest.line.0, guest.line.1);
        let (commands, asked) = mpsc::channel(4);
        let (tape, figures) = (Arc::<Mutex<Vec<f32>>>::default(), Arc::<Mutex<Vec<Stats>>>::default());
        let (kept, said) = (figures.clone(), Arc::<Mutex<Vec<String>>>::default());
        let words = said.clone();
        let mut client = Client {
            meeting,
            identity,
            name: guest.name.into(),
            max_kbps: guest.max_kbps,
            max_bytes: None,
            muted: guest.muted,
            raise: false,
            answers: false,
            as_source: false,
            duration: Some(guest.stays),
            source: Box::new(Microphone { says: guest.says, start: self.start, next: self.bricks() }),
            sink: Box::new(Loudspeaker { tape: tape.clone(), start: self.start, next: self.bricks() }),
            network: Site::new(&self.net, ip, self.sites.into()),
            commands: asked,
            stats: Box::new(move |stats| lock(&kept).push(stats.clone())),
            say: Box::new(move |message| lock(&words).push(message.text(Lang::En))),
            watch: None,
            remember: Box::new(|_| {}),
            missed: None,
            unix_start: OPENED + self.elapsed(),
        };
        change(&mut client);
        Seat { ip, client: tokio::spawn(client.run()), tape, figures, said, commands }
    }

    fn bricks(&self) -> u32 {
        u32::try_from(self.elapsed().as_millis() / BRICK.as_millis()).unwrap_or(u32::MAX)
    }
}

/// A bridge's end of the network.
/// The hall's time of day, which begins with it.
fn clock(start: Instant) -> impl Fn() -> UnixMs + Send {
    move || UnixMs::from(OPENED + (now() - start))
}

/// What writes recordings, into memory.
fn recorder(store: &Arc<SqliteStore>, recordings: &Memory, start: Instant) -> Recorder {
    Recorder::inline(store.clone(), recordings.clone(), Box::new(clock(start)), TimeZone::UTC, None)
}

fn end(net: &VirtualNet, seed: u64, identity: &Identity) -> anyhow::Result<ServerEnd> {
    let reset = ResetKey::from_bytes([seed as u8; 32]);
    let config = quic::server_endpoint_config(seed);
    let runtime = Arc::new(quinn::TokioRuntime);
    Ok(ServerEnd::with_socket(net.socket(BRIDGE), runtime, config, identity, &reset)?)
}

impl Seat {
    /// Waits until its client has ended.
    ///
    /// # Errors
    /// When the client panicked.
    pub async fn leave(self) -> anyhow::Result<Left> {
        let outcome = self.client.await?;
        let heard = std::mem::take(&mut *lock(&self.tape));
        let figures = std::mem::take(&mut *lock(&self.figures));
        let said = std::mem::take(&mut *lock(&self.said));
        Ok(Left { outcome, heard, figures, said })
    }

    /// Ends its client at once, as a power cut would.
    pub fn cut(self) {
        self.client.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a site says, brick by brick as it is spoken: a brick can be had when its last sample has been said.
struct Microphone {
    says: Vec<f32>,
    start: Instant,
    next: u32,
}

impl Source for Microphone {
    fn poll(&mut self, now: Instant, brick: &mut Pcm) -> Result<Polled, AudioError> {
        if now < self.next_due(now) {
            return Ok(Polled::NotYet);
        }
        let from = (self.next as usize * BRICK_SAMPLES).min(self.says.len());
        let said = &self.says[from..(from + BRICK_SAMPLES).min(self.says.len())];
        brick.samples_mut().fill(0.0);
        brick.samples_mut()[..said.len()].copy_from_slice(said);
        self.next += 1;
        Ok(Polled::Brick)
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.start + BRICK * (self.next + 1)
    }
}

/// What a site hears, from the hall's first moment on: a brick is wanted when its first sample is to be played.
struct Loudspeaker {
    tape: Arc<Mutex<Vec<f32>>>,
    start: Instant,
    next: u32,
}

impl Sink for Loudspeaker {
    fn wants(&mut self, now: Instant) -> bool {
        now >= self.next_due(now)
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.start + BRICK * self.next
    }

    fn write(&mut self, brick: &Pcm) -> Result<(), AudioError> {
        let mut tape = lock(&self.tape);
        tape.resize(self.next as usize * BRICK_SAMPLES, 0.0);
        tape.extend_from_slice(brick.samples());
        self.next += 1;
        Ok(())
    }

    fn position(&self) -> Duration {
        BRICK * self.next
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        Ok(())
    }
}
