//! The one loop that drives a client: session, doors, input, output, calls and figures.
//!
//! ```text
//!            +-- what came in: events of calls, commands of a person
//!   loop  ---+-- what is due:  session, input -> Uplink -> call, Downlink -> output, heartbeat, figures
//!            +-- sleep until the next of all that, or until something comes in
//! ```
//!
//! One task on one thread, so that nothing here is locked. It asks the time when it wakes and never waits for
//! anything but its own sleep: what may block (name resolution, a device) is elsewhere. It runs unchanged on tokio's
//! paused clock.

mod control;
mod drive;
mod figures;
mod missed;
mod sound;

use crate::audio::{AudioError, Sink, Source};
use crate::clock;
use crate::meeting::Meeting;
use crate::missed::Known;
use crate::net::Network;
use crate::session::End;
use crate::stats::Stats;
use crate::words::Message;
use drive::{Doors, Engine};
use giaoban_proto::media::codec::CodecError;
use giaoban_proto::transport::{Identity, Pins};
use giaoban_proto::wire::{Act, server_message::Body};
pub use missed::OnMissed;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// What a person may ask while a client runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Switch the microphone off (`true`) or on.
    Mute(bool),
    /// Send the bridge this act, if there is a line. Its number is not 0: the engine's own acts have that one.
    Act(Act),
    /// Leave the room and end.
    Stop,
}

/// Called with the figures of each second, and once more at the end.
pub type OnStats = Box<dyn FnMut(&Stats) + Send>;

/// Called with what a person should know, as it happens.
pub type OnMessage = Box<dyn FnMut(&Message<'_>) + Send>;

/// Called each time that the bridge has welcomed this client, with the keys that are the bridge's from now on.
pub type OnWelcome = Box<dyn FnMut(Pins) + Send>;

/// Called with what the bridge says on the line that carries sound, its welcome first.
pub type OnBody = Box<dyn FnMut(&Body) + Send>;

/// All that a client needs to run. Nothing of it is a global: several run in one process.
pub struct Client {
    /// Where to, and by what right.
    pub meeting: Meeting,
    /// The device's key; a guest's is a fresh one.
    pub identity: Identity,
    /// How a guest calls itself; may be empty. A site's name is the bridge's business.
    pub name: String,
    /// The most that each direction may cost, in kbit/s of wire; 0 leaves it to the bridge.
    pub max_kbps: u32,
    /// The bytes that all of it should cost at most, both ways, headers included: see [`crate::budget`].
    pub max_bytes: Option<u64>,
    /// Whether the microphone is off at first.
    pub muted: bool,
    /// Whether it raises its hand, once hands can be raised.
    pub raise: bool,
    /// Whether it answers roll calls by itself.
    pub answers: bool,
    /// Whether it comes in as a source, and leaves when its input has ended.
    pub as_source: bool,
    /// For how long; without, until stopped.
    pub duration: Option<Duration>,
    /// Where sound comes from.
    pub source: Box<dyn Source>,
    /// Where it goes; finished at the end.
    pub sink: Box<dyn Sink>,
    /// Where endpoints come from.
    pub network: Arc<dyn Network>,
    /// What a person asks. A sender that is dropped asks nothing more.
    pub commands: mpsc::Receiver<Command>,
    /// What becomes of the figures.
    pub stats: OnStats,
    /// What becomes of messages.
    pub say: OnMessage,
    /// Whoever else hears the bridge, how the lines of all members are included: a console.
    pub watch: Option<OnBody>,
    /// What is to be remembered of the bridge.
    pub remember: OnWelcome,
    /// What is kept of recordings, and what was before; nothing where nothing is to be.
    pub missed: Option<Keeping>,
    /// What the time of day was, since 1970, when [`Client::run`] is called: figures carry it.
    pub unix_start: Duration,
}

/// How what was missed is kept.
pub struct Keeping {
    /// What was kept before, by the number of the recording.
    pub known: BTreeMap<u64, Known>,
    /// Whether it is fetched in the meeting.
    pub fetches: bool,
    /// What becomes of it.
    pub keep: OnMissed,
}

/// Why a client ended.
#[derive(Debug)]
pub enum Ending {
    /// The session did.
    Session(End),
    /// Sound could not be gone on with.
    Sound(AudioError),
    /// There was no encoder or decoder.
    Codec(CodecError),
}

impl Ending {
    /// What the program returns: 0 ended as asked, 3 refused, 4 not reachable, 1 anything else.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Session(End::Asked | End::Ended) => 0,
            Self::Session(End::Refused(_)) => 3,
            Self::Session(End::NotReachable(_)) => 4,
            Self::Sound(_) | Self::Codec(_) => 1,
        }
    }
}

/// What is left of a client.
#[derive(Debug)]
pub struct Outcome {
    /// Why it ended.
    pub ending: Ending,
    /// The last figures, the same that the callback saw last; `None` when it never began.
    pub stats: Option<Stats>,
}

impl Client {
    /// Runs to the end: calls, joins, speaks, hears, comes back, leaves. Nothing of it is left running afterwards.
    ///
    /// Belongs on a current-thread runtime with time and, for real networks, I/O.
    pub async fn run(self) -> Outcome {
        match Doors::new(clock::now(), &self) {
            Ok(doors) => {
                let mut engine = Engine::new(clock::now(), self, doors);
                let ending = engine.drive().await;
                engine.wind_up(ending).await
            }
            Err(error) => self.refuse(error),
        }
    }

    /// There is no codec: says so, and leaves a whole file behind all the same.
    fn refuse(mut self, error: CodecError) -> Outcome {
        (self.say)(&Message::Fault(&error));
        if let Err(error) = self.sink.finish() {
            (self.say)(&Message::Sound(&error));
        }
        Outcome { ending: Ending::Codec(error), stats: None }
    }
}
