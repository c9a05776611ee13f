//! A client on the virtual network, and a bridge that has one room, says its own lines by the book, and sends
//! everybody's voice back to where it came from.

mod bridge;

pub(crate) use bridge::{BRIDGE, Bridge, Door, FREED_AFTER, Keys, Lie, PIN, bridge, seat, welcome};
use giaoban_client::audio::{AudioError, Polled, Sink, Source};
use giaoban_client::engine::{Client, Command, OnBody, Outcome};
use giaoban_client::meeting::{Entry, Meeting};
use giaoban_client::stats::Stats;
use giaoban_client::testing::Site;
use giaoban_client::words::Lang;
use giaoban_proto::link::{Code, Fingerprint, Link};
use giaoban_proto::media::Pcm;
use giaoban_proto::testing::{VirtualNet, now};
use giaoban_proto::transport::{Identity, Pins};
use giaoban_proto::unit::{BRICK, BRICK_SAMPLES};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

pub(crate) const SITE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);

/// What a client under test said and heard.
#[derive(Clone, Default)]
pub(crate) struct Ears {
    pub(crate) heard: Arc<Mutex<Vec<f32>>>,
    pub(crate) said: Arc<Mutex<Vec<String>>>,
    pub(crate) stats: Arc<Mutex<Vec<Stats>>>,
    /// Times that the loop looked at its source.
    pub(crate) polls: Arc<Mutex<u64>>,
    pub(crate) finished: Arc<Mutex<bool>>,
    /// The keys that were to be remembered, at each welcome.
    pub(crate) remembered: Arc<Mutex<Vec<Pins>>>,
}

impl Ears {
    pub(crate) fn words(&self) -> String {
        self.said.lock().unwrap().join(" | ")
    }
}

pub(crate) struct Speaker {
    samples: Vec<f32>,
    start: Instant,
    bricks: u64,
    polls: Arc<Mutex<u64>>,
}

impl Speaker {
    fn due(&self, brick: u64) -> Instant {
        self.start + BRICK * u32::try_from(brick).unwrap()
    }
}

impl Source for Speaker {
    fn poll(&mut self, now: Instant, brick: &mut Pcm) -> Result<Polled, AudioError> {
        *self.polls.lock().unwrap() += 1;
        if now < self.next_due(now) {
            return Ok(Polled::NotYet);
        }
        let from = self.bricks as usize * BRICK_SAMPLES;
        let Some(samples) = self.samples.get(from..from + BRICK_SAMPLES) else { return Ok(Polled::Ended) };
        brick.samples_mut().copy_from_slice(samples);
        self.bricks += 1;
        Ok(Polled::Brick)
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.due(self.bricks + 1)
    }
}

struct Recorder {
    start: Instant,
    bricks: u64,
    ears: Ears,
    /// Fails at this brick, as a full disk does.
    full_at: Option<u64>,
}

impl Sink for Recorder {
    fn wants(&mut self, now: Instant) -> bool {
        now >= self.next_due(now)
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.start + BRICK * u32::try_from(self.bricks).unwrap()
    }

    fn write(&mut self, brick: &Pcm) -> Result<(), AudioError> {
        if self.full_at == Some(self.bricks) {
            return Err(AudioError::Full { path: "heard.wav".into() });
        }
        self.bricks += 1;
        self.ears.heard.lock().unwrap().extend_from_slice(brick.samples());
        Ok(())
    }

    fn position(&self) -> Duration {
        BRICK * u32::try_from(self.bricks).unwrap()
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        *self.ears.finished.lock().unwrap() = true;
        Ok(())
    }
}

/// By what right a client under test comes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Right {
    /// Its key, and an invitation.
    Invited,
    /// Its key, which is known.
    Known,
    /// A link for guests, and this PIN.
    GuestLink(&'static str),
    /// Host, room and this PIN.
    Dials(&'static str),
}

/// How a client under test is set up.
pub(crate) struct Setup {
    pub(crate) key: Fingerprint,
    pub(crate) right: Right,
    /// Where it goes, when it is not to be told by the above.
    pub(crate) elsewhere: Option<Meeting>,
    pub(crate) host: &'static str,
    pub(crate) speech: Vec<f32>,
    pub(crate) max_kbps: u32,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) muted: bool,
    pub(crate) raise: bool,
    pub(crate) answers: bool,
    /// Where all that the bridge says is shown too.
    pub(crate) watch: Option<OnBody>,
    pub(crate) duration: Option<Duration>,
    pub(crate) full_at: Option<u64>,
    pub(crate) seed: u64,
}

impl Setup {
    pub(crate) fn new(keys: &Keys) -> Self {
        Self {
            key: keys.identity.fingerprint(),
            right: Right::Known,
            elsewhere: None,
            host: "10.0.0.1",
            speech: Vec::new(),
            max_kbps: 24,
            max_bytes: None,
            muted: false,
            raise: false,
            answers: false,
            watch: None,
            duration: None,
            full_at: None,
            seed: 1,
        }
    }

    /// Where it goes.
    pub(crate) fn meeting(&self) -> Meeting {
        let link = format!("giaoban://{}:4646/giaoban?k={}", self.host, self.key).parse::<Link>().unwrap();
        if let Some(meeting) = &self.elsewhere {
            return meeting.clone();
        }
        let pin = |pin: &str| pin.parse().unwrap();
        match self.right {
            Right::Known => Meeting::for_device(link),
            Right::Invited => Meeting::for_device(Link { code: Some(Code::from_bytes([9; 16])), ..link }),
            Right::GuestLink(typed) => Meeting::for_guest(link, pin(typed)),
            Right::Dials(typed) => {
                let entry = Entry::Guest { pin: pin(typed), pins: None };
                Meeting { entry, ..Meeting::for_device(link) }
            }
        }
    }
}

pub(crate) struct Running {
    pub(crate) ears: Ears,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) site: Arc<Site>,
    task: tokio::task::JoinHandle<Outcome>,
}

impl Running {
    pub(crate) fn start(net: &VirtualNet, setup: Setup) -> Self {
        let ears = Ears::default();
        let (commands, commands_in) = mpsc::channel(4);
        let site = Site::new(net, SITE, setup.seed);
        let (start, meeting) = (now(), setup.meeting());
        let source = Speaker { samples: setup.speech, start, bricks: 0, polls: Arc::clone(&ears.polls) };
        let sink = Recorder { start, bricks: 0, ears: ears.clone(), full_at: setup.full_at };
        let (stats, said) = (Arc::clone(&ears.stats), Arc::clone(&ears.said));
        let remembered = Arc::clone(&ears.remembered);
        let client = Client {
            meeting,
            identity: Identity::generate().unwrap(),
            name: "Tri Lễ".into(),
            max_kbps: setup.max_kbps,
            max_bytes: setup.max_bytes,
            muted: setup.muted,
            raise: setup.raise,
            answers: setup.answers,
            as_source: false,
            watch: setup.watch,
            duration: setup.duration,
            source: Box::new(source),
            sink: Box::new(sink),
            network: Arc::clone(&site) as _,
            commands: commands_in,
            stats: Box::new(move |line| stats.lock().unwrap().push(line.clone())),
            say: Box::new(move |message| said.lock().unwrap().push(message.text(Lang::En))),
            remember: Box::new(move |pins| remembered.lock().unwrap().push(pins)),
            missed: None,
            unix_start: Duration::from_secs(1_767_225_600),
        };
        Self { ears, commands, site, task: tokio::spawn(client.run()) }
    }

    pub(crate) async fn end(self) -> (Outcome, Ears) {
        (self.task.await.unwrap(), self.ears)
    }

    pub(crate) async fn stop(self) -> (Outcome, Ears) {
        self.commands.send(Command::Stop).await.unwrap();
        self.end().await
    }

    pub(crate) fn state(&self) -> &'static str {
        self.ears.stats.lock().unwrap().last().map_or("none", |line| line.state)
    }
}
