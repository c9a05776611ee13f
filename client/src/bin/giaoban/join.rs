//! `giaoban join`, `giaoban dial` and `giaoban` alone: taking part in a meeting.

use crate::{interrupted, key_file, on_a_runtime, remembered, say};
use anyhow::Context as _;
use giaoban_client::audio::{self, Sink, Source};
use giaoban_client::engine::{Client, Command, Keeping, OnBody, OnStats, OnWelcome};
use giaoban_client::meeting::{self, Meeting};
use giaoban_client::memory::{self, Kept};
use giaoban_client::missed::store::Store;
use giaoban_client::net::System;
use giaoban_client::settings::{self, Join, To};
use giaoban_client::words::{Lang, Message};
use giaoban_proto::pin::Pin;
use giaoban_proto::transport::{Identity, private};
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc;

/// What a shell reports for a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// How often somebody may mistype a PIN at the terminal.
const TRIES: usize = 3;

/// Who comes in where.
pub(crate) struct Entry {
    pub(crate) meeting: Meeting,
    identity: Identity,
    /// Where the meeting is remembered; a guest is nobody that is known, and leaves nothing behind.
    memory: Option<PathBuf>,
    /// Where what was missed is kept, likewise.
    missed: Option<Store>,
}

/// Who is told what is said to the person.
pub(crate) type Note = Arc<dyn Fn(&Message<'_>) + Send + Sync>;

/// Where sound comes from, and where it goes.
pub(crate) type Doors = (Box<dyn Source>, Box<dyn Sink>);

/// Looks at what goes through them.
pub(crate) type Watch = Box<dyn FnOnce(Doors) -> Doors + Send>;

/// Who is told what, and asks.
pub(crate) struct Ears {
    pub(crate) note: Note,
    pub(crate) stats: OnStats,
    pub(crate) watch: Option<OnBody>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) doors: Option<Watch>,
}

pub(crate) fn run(mut join: Join, lang: Lang) -> anyhow::Result<u8> {
    let entry = match entry(&mut join, lang)? {
        Ok(entry) => entry,
        Err(message) => {
            say(&message.text(lang));
            return Ok(2);
        }
    };
    let (commands_out, commands) = mpsc::channel(4);
    let ears = Ears {
        note: Arc::new(move |message| say(&message.text(lang))),
        stats: stats_writer(join.stats.as_deref())?,
        watch: None,
        commands,
        doors: None,
    };
    on_a_runtime(async {
        tokio::spawn(watch_signals(commands_out));
        stay(entry, join, ears).await
    })
}

impl Entry {
    /// For this meeting: a guest is nobody that is known, all others are the device with this key.
    #[cfg(feature = "window")]
    pub(crate) fn of(meeting: Meeting, key: &Path) -> anyhow::Result<Self> {
        match meeting.entry {
            meeting::Entry::Guest { .. } => Self::guest(meeting),
            meeting::Entry::Device { .. } => Self::device(meeting, key),
        }
    }

    fn guest(meeting: Meeting) -> anyhow::Result<Self> {
        Ok(Self { meeting, identity: Identity::generate()?, memory: None, missed: None })
    }

    fn device(meeting: Meeting, key: &Path) -> anyhow::Result<Self> {
        let (memory, missed) = (Some(memory::place(key)), Some(crate::missed::store(key, &meeting)));
        Ok(Self { identity: private::identity(key)?, meeting, memory, missed })
    }
}

pub(crate) fn entry(join: &mut Join, lang: Lang) -> anyhow::Result<Result<Entry, Message<'static>>> {
    match std::mem::replace(&mut join.to, To::Remembered) {
        To::Guest { host, port, room, pins, pin } => {
            let pin = match pin.map_or_else(|| ask_pin(lang), Ok) {
                Ok(pin) => pin,
                Err(message) => return Ok(Err(message)),
            };
            let meeting = Meeting { host, port, room, entry: meeting::Entry::Guest { pin, pins } };
            Entry::guest(meeting).map(Ok)
        }
        to => {
            let key = key_file(join.identity.take())?;
            let meeting = match to {
                To::Device(link) => Some(Meeting::for_device(link)),
                _ => remembered(&key)?,
            };
            let Some(meeting) = meeting else { return Ok(Err(Message::NothingRemembered)) };
            Entry::device(meeting, &key).map(Ok)
        }
    }
}

/// Remembers at the first welcome after an enrolment, and when keys change: a few times in a device's life, so that the
/// disk may be waited for.
fn remember(path: PathBuf, meeting: Meeting, note: Note) -> OnWelcome {
    Box::new(move |pins| match memory::keep(&path, &meeting, pins) {
        Ok(Kept::Nothing) => {}
        Ok(Kept::Meeting) => note(&Message::Remembered),
        Ok(Kept::Keys) => note(&Message::KeysNoted),
        Err(error) => note(&Message::NotRemembered(&error)),
    })
}

/// Asks at the terminal, where there is one.
fn ask_pin(lang: Lang) -> Result<Pin, Message<'static>> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Message::NoPin);
    }
    for _ in 0..TRIES {
        let _ = write!(std::io::stderr(), "giaoban: {} ", Message::AskPin.text(lang));
        let mut line = String::new();
        match input.read_line(&mut line) {
            Ok(read) if read > 0 => {}
            _ => return Err(Message::NoPin),
        }
        match line.trim().parse() {
            Ok(pin) => return Ok(pin),
            Err(_) => say(&Message::NotAPin.text(lang)),
        }
    }
    Err(Message::NoPin)
}

pub(crate) async fn stay(entry: Entry, join: Join, ears: Ears) -> anyhow::Result<u8> {
    let Entry { meeting, identity, memory, missed } = entry;
    let Join {
        input,
        output,
        duration,
        name,
        max_kbps,
        max_mb,
        cleaning,
        muted,
        raise,
        answers,
        source,
        fetches,
        tcp,
        ..
    } = join;
    let Ears { note, stats, watch, commands, doors } = ears;
    let remember: OnWelcome = match memory {
        Some(path) => remember(path, meeting.clone(), Arc::clone(&note)),
        None => Box::new(|_| {}),
    };
    // A source misses nothing: it is not let hear.
    let missed = match missed.filter(|_| !source) {
        Some(store) => {
            let (known, keep) = crate::missed::keeper(store, Arc::clone(&note))?;
            Some(Keeping { known, fetches, keep })
        }
        None => None,
    };
    let name = name.or_else(computer_name).unwrap_or_default();
    let now = now();
    let microphone = match input.open(now) {
        Ok(microphone) => microphone,
        Err(error) => return Ok(no_sound(&note, &error)),
    };
    let sink = match output.open(now) {
        Ok(sink) => sink,
        Err(error) => return Ok(no_sound(&note, &error)),
    };
    let (microphone, sink) = match doors {
        Some(watch) => watch((microphone, sink)),
        None => (microphone, sink),
    };
    let network = Arc::new(System { tcp_ports: tcp });
    let unix_start = unix_now();
    let client = Client {
        meeting,
        identity,
        name,
        max_kbps,
        max_bytes: max_mb.map(|mb| u64::from(mb) * 1_000_000),
        cleaning,
        muted,
        raise,
        answers,
        as_source: source,
        duration,
        source: microphone,
        sink,
        network,
        commands,
        stats,
        say: Box::new(move |message| note(message)),
        watch,
        remember,
        missed,
        unix_start,
    };
    Ok(client.run().await.ending.exit_code())
}

#[expect(clippy::disallowed_methods, reason = "the program's clock, beside the engine's")]
pub(crate) fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

#[expect(clippy::disallowed_methods, reason = "the time of day is asked once, for the figures")]
fn unix_now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn no_sound(note: &Note, error: &audio::AudioError) -> u8 {
    note(&Message::Sound(error));
    1
}

/// Writes lines of figures, each at once. A disk that is full stops them, not the meeting.
pub(crate) fn stats_writer(path: Option<&Path>) -> anyhow::Result<OnStats> {
    let Some(path) = path else { return Ok(Box::new(|_| {})) };
    let file =
        File::create(path).with_context(|| format!("cannot write the figures to {}", path.display()))?;
    let mut file = Some(file);
    let path = path.to_owned();
    Ok(Box::new(move |stats| {
        if let Some(open) = &mut file
            && let Err(error) = open.write_all(stats.to_line().as_bytes())
        {
            say(&format!("no more figures are written to {}: {error}", path.display()));
            file = None;
        }
    }))
}

/// The first Ctrl-C leaves in good order, the second at once.
async fn watch_signals(commands: mpsc::Sender<Command>) {
    if !interrupted().await {
        return;
    }
    // A client that has ended does not care.
    let _ = commands.try_send(Command::Stop);
    if interrupted().await {
        std::process::exit(INTERRUPTED);
    }
}

/// What this computer is called, cut to what a name may be.
fn computer_name() -> Option<String> {
    let variables = ["COMPUTERNAME", "HOSTNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
    let named = variables.chain(files.into_iter().filter_map(|path| std::fs::read_to_string(path).ok()));
    named.map(|name| name.trim().to_owned()).find(|name| {
        !name.is_empty() && name.len() <= settings::MAX_NAME_BYTES && !name.chars().any(char::is_control)
    })
}
