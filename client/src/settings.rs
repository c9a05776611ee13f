//! What was typed, and what it means: past this file nothing sees a word of the command line.
//!
//! Every setting is a flag and an environment variable (`GIAOBAN_…`), the flag first.

mod parse;
mod typed;

use parse::CtlOptions;
pub(crate) use parse::duration;

use crate::audio::{Input, Output};
use crate::ctl::Wish;
use crate::missed;
use crate::net::TcpPorts;
use crate::words::Lang;
use clap::Parser as _;
use giaoban_proto::link::{Host, Link, RoomName};
use giaoban_proto::pin::Pin;
use giaoban_proto::transport::Pins;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use typed::{
    Typed, TypedCheck, TypedCommand, TypedConsole, TypedCtl, TypedDial, TypedJoin, TypedMissed, TypedSound,
    TypedStay, TypedWhen, TypedWindow,
};

/// The longest name of a site, in bytes: the bridge cuts what is longer.
pub const MAX_NAME_BYTES: usize = 64;

/// What to do, and in which language to speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What `--lang` says; the locale's where it says nothing.
    pub lang: Option<Lang>,
    /// What to do.
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open the window.
    Window(Box<Window>),
    /// Join a room.
    Join(Box<Join>),
    /// Show the operator's screen.
    Console(Box<Join>),
    /// Find out what a line will do.
    Check(Box<Check>),
    /// Act as an operator.
    Ctl(Box<Ctl>),
    /// Fetch what was recorded.
    Missed(Box<Missed>),
    /// List the sound devices.
    Devices,
}

/// Where to go, and by what right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// To the meeting that this device remembers.
    Remembered,
    /// Where the link says, as this device.
    Device(Link),
    /// As a guest.
    Guest {
        /// The bridge.
        host: Host,
        /// Its UDP port.
        port: u16,
        /// The room.
        room: RoomName,
        /// Whose key must answer, when there was a link.
        pins: Option<Pins>,
        /// The PIN; to be asked for without.
        pin: Option<Pin>,
    },
}

/// How to act as an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ctl {
    /// Where to; never as a guest.
    pub to: To,
    /// What is wanted.
    pub wish: Wish,
    /// Whether the answer is printed as one JSON object.
    pub json: bool,
    /// The device's key file; the usual place without.
    pub identity: Option<PathBuf>,
    /// Where the bridge is tried by TCP when UDP does not get through.
    pub tcp: TcpPorts,
}

/// How to fetch what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Where to; never as a guest.
    pub to: To,
    /// What is wanted.
    pub wish: missed::run::Wish,
    /// Where the sound goes; beside the device's key without.
    pub save: Option<PathBuf>,
    /// Whether it is played.
    pub play: bool,
    /// The most that it may cost, in kbit/s of wire; 0 for as much as the line carries.
    pub max_kbps: u32,
    /// The device's key file; the usual place without.
    pub identity: Option<PathBuf>,
    /// Where the bridge is tried by TCP when UDP does not get through.
    pub tcp: TcpPorts,
}

/// How to check a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Where to.
    pub link: Link,
    /// Whether the figures are printed as one JSON object.
    pub json: bool,
    /// The device's key file; the usual place without.
    pub identity: Option<PathBuf>,
}

/// How the window begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// A link, or a file that holds one; the meeting that is remembered without.
    pub open: Option<String>,
    /// How it joins, and how any meeting is joined where there is no screen.
    pub join: Join,
}

/// How to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Where to.
    pub to: To,
    /// Where sound comes from.
    pub input: Input,
    /// Where it goes.
    pub output: Output,
    /// For how long; for ever without.
    pub duration: Option<Duration>,
    /// How a guest wishes to be called.
    pub name: Option<String>,
    /// The most that each direction may cost, in kbit/s of wire; 0 leaves it to the bridge.
    pub max_kbps: u32,
    /// What the meeting should cost at most, in MB of 1,000,000 B, both ways together; no budget without.
    pub max_mb: Option<u32>,
    /// Where the figures of each second are written.
    pub stats: Option<PathBuf>,
    /// Whether the microphone is off.
    pub muted: bool,
    /// Whether it raises its hand.
    pub raise: bool,
    /// Whether it answers roll calls by itself.
    pub answers: bool,
    /// Whether what it misses of a recorded meeting is fetched while it is in.
    pub fetches: bool,
    /// Whether it comes in as a source.
    pub source: bool,
    /// The device's key file; the usual place without.
    pub identity: Option<PathBuf>,
    /// Where the bridge is tried by TCP when UDP does not get through.
    pub tcp: TcpPorts,
}

/// Why there is nothing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoSettings {
    /// Help or the version was asked for: this is it.
    Asked(String),
    /// What was typed makes no sense: one line that says why.
    Usage(String),
}

/// The environment names no folder for the device's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no home folder is known, so there is no place for this device's key; name one with --identity FILE")]
pub struct NoHome;

/// The key's usual place: `giaoban/device.key` in the user's configuration folder, by what `variable` says of the
/// environment.
///
/// # Errors
/// [`NoHome`].
pub fn default_path(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, NoHome> {
    let folder = |name: &str| variable(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let config = if cfg!(windows) {
        folder("APPDATA")
    } else {
        // A relative path in it is to be ignored (XDG base directory specification).
        folder("XDG_CONFIG_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| folder("HOME").map(|home| home.join(".config")))
    };
    Ok(config.ok_or(NoHome)?.join("giaoban").join("device.key"))
}

impl Settings {
    /// From the words of a command line, the program's name first.
    ///
    /// # Errors
    /// [`NoSettings`], ready to be shown.
    pub fn from_words<W: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = W>,
    ) -> Result<Self, NoSettings> {
        let mut words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        let read = |words: &[OsString]| Typed::try_parse_from(words).map_err(|error| no_settings(&error));
        let mut typed = read(&words)?;
        if typed.command.is_none() {
            // Without a command it is this one, with what the environment says of it.
            words.push("window".into());
            typed = read(&words)?;
        }
        let command = match typed.command {
            None | Some(TypedCommand::Devices) => Ok(Command::Devices),
            Some(TypedCommand::Window(typed)) => {
                window(*typed).map(|window| Command::Window(Box::new(window)))
            }
            Some(TypedCommand::Check(typed)) => check(typed).map(|check| Command::Check(Box::new(check))),
            Some(TypedCommand::Join(typed)) => join(*typed).map(|join| Command::Join(Box::new(join))),
            Some(TypedCommand::Console(typed)) => {
                console(*typed).map(|join| Command::Console(Box::new(join)))
            }
            Some(TypedCommand::Missed(typed)) => {
                missed(typed).map(|missed| Command::Missed(Box::new(missed)))
            }
            Some(TypedCommand::Dial(typed)) => dial(*typed).map(|join| Command::Join(Box::new(join))),
            Some(TypedCommand::Ctl(typed)) => ctl(*typed).map(|ctl| Command::Ctl(Box::new(ctl))),
        };
        Ok(Self { lang: typed.lang, command: command.map_err(NoSettings::Usage)? })
    }
}

fn check(TypedCheck { link, json, identity }: TypedCheck) -> Result<Check, String> {
    if link.guest {
        return Err("this link is for guests; a line is checked with the link of a device".into());
    }
    Ok(Check { link, json, identity })
}

fn ctl(typed: TypedCtl) -> Result<Ctl, String> {
    let TypedCtl { words, link: usual, turn, within, but_floor, operators, json, identity, tcp } = typed;
    let remembered = words.first().is_some_and(|word| word == "-");
    let (link, wish) = parse::ctl(&words, CtlOptions { turn, within, but_floor, operators })?;
    let to = match link.or_else(|| usual.filter(|_| !remembered)) {
        None => To::Remembered,
        Some(link) if link.guest => return Err("this link is for guests, and acts are for operators".into()),
        Some(link) => To::Device(link),
    };
    Ok(Ctl { to, wish, json, identity, tcp: tcp.unwrap_or_default() })
}

fn window(TypedWindow { open, stay, identity }: TypedWindow) -> Result<Window, String> {
    let open = open.filter(|open| !open.trim().is_empty());
    self::stay(To::Remembered, stay, false, identity).map(|join| Window { open, join })
}

fn missed(typed: TypedMissed) -> Result<Missed, String> {
    let TypedMissed { link, list, recording, whole, save, play, max_kbps, identity, tcp } = typed;
    let to = match link {
        None => To::Remembered,
        Some(link) if link.guest => {
            return Err("this link is for guests, who have what they missed in the meeting only".into());
        }
        Some(link) => To::Device(link),
    };
    let wish = match list {
        true => missed::run::Wish::List,
        false => missed::run::Wish::Fetch { recording: recording.unwrap_or(0), whole },
    };
    let (max_kbps, tcp) = (max_kbps.unwrap_or(0), tcp.unwrap_or_default());
    Ok(Missed { to, wish, save, play, max_kbps, identity, tcp })
}

fn join(typed: TypedJoin) -> Result<Join, String> {
    let TypedJoin { link, stay, missed, source, identity } = typed;
    let to = match link {
        None => To::Remembered,
        Some(link) if link.guest && source => {
            return Err("this link is for guests, and a source is an operator's or has that role".into());
        }
        Some(link) if link.guest => {
            let pins = Some(Pins::from(&link));
            let Link { host, port, room, .. } = link;
            To::Guest { host, port, room, pins, pin: pin(&stay)? }
        }
        Some(link) => To::Device(link),
    };
    let joined = self::stay(to, stay, source, identity)?;
    // Whoever counts bytes is to say so.
    let fetches = missed.map_or_else(|| joined.max_mb.is_none() && !source, |when| when == TypedWhen::Fetch);
    Ok(Join { fetches, ..joined })
}

/// One joins by it, and nothing more can be wished: whoever runs the meeting has no hand to raise.
fn console(TypedConsole { link, sound, identity }: TypedConsole) -> Result<Join, String> {
    let to = match link {
        None => To::Remembered,
        Some(link) if link.guest => {
            return Err("this link is for guests, and the console is for operators".into());
        }
        Some(link) => To::Device(link),
    };
    let stay = TypedStay { sound, duration: None, name: None, pin: None, raise: false, answers: true };
    self::stay(to, stay, false, identity)
}

fn dial(typed: TypedDial) -> Result<Join, String> {
    let TypedDial { host: (host, port), room, stay } = typed;
    let to = To::Guest { host, port, room, pins: None, pin: pin(&stay)? };
    self::stay(to, stay, false, None)
}

fn pin(stay: &TypedStay) -> Result<Option<Pin>, String> {
    stay.pin.as_ref().map(|pin| pin.parse::<Pin>().map_err(|error| format!("--pin: {error}"))).transpose()
}

fn stay(to: To, typed: TypedStay, source: bool, identity: Option<PathBuf>) -> Result<Join, String> {
    let TypedStay { sound, duration, name, pin: _, raise, answers } = typed;
    let TypedSound { input, output, repeat, max_kbps, max_mb, stats, muted, tcp } = sound;
    let output = output.unwrap_or(if source { Output::Null } else { Output::Device(None) });
    if repeat && !matches!(input, Input::File { .. }) {
        return Err(format!("--loop repeats an input file, and the input is `{input}`; leave it out"));
    }
    let paths = [
        ("--output", if let Output::File(path) = &output { Some(path) } else { None }),
        ("--stats", stats.as_ref()),
        ("--input", if let Input::File { path, .. } = &input { Some(path) } else { None }),
        ("--identity", identity.as_ref()),
    ];
    if let Some((one, other)) = parse::same_file(&paths) {
        return Err(format!("{one} would write over the file of {other}; give each a file of its own"));
    }
    let max_kbps = max_kbps.unwrap_or(0);
    let input = input.repeating(repeat);
    let tcp = tcp.unwrap_or_default();
    Ok(Join {
        to,
        input,
        output,
        duration,
        name,
        max_kbps,
        max_mb,
        stats,
        muted,
        raise,
        answers,
        fetches: max_mb.is_none() && !source,
        source,
        identity,
        tcp,
    })
}

/// clap explains on many lines; the first paragraph says what is wrong.
fn no_settings(error: &clap::Error) -> NoSettings {
    use clap::error::ErrorKind as Kind;
    let text = error.render().to_string();
    match error.kind() {
        Kind::DisplayHelp | Kind::DisplayVersion => NoSettings::Asked(text),
        _ => {
            let paragraph = text.lines().map(str::trim).take_while(|line| !line.is_empty());
            let line = paragraph.collect::<Vec<_>>().join(" ");
            let line = line.strip_prefix("error: ").unwrap_or(&line);
            NoSettings::Usage(format!("{line}; `giaoban --help` says what there is"))
        }
    }
}

#[cfg(test)]
mod tests;
