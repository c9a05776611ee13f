//! The command line as it is typed. What it means is said in `settings`.

use super::parse;
use crate::audio::{Input, Output};
use crate::net::TcpPorts;
use crate::words::Lang;
use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use giaoban_proto::link::{Host, Link, RoomName};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Parser)]
#[command(
    name = "giaoban",
    version,
    about = "A conference by voice for bad links",
    long_about = "A conference by voice for bad links.\n\nWithout a command it opens its window, in the meeting that this \
                  device remembers; where there is no screen it joins that meeting as `giaoban join` does."
)]
pub(super) struct Typed {
    /// Language of what is said [default: that of LC_ALL or LANG]
    #[arg(long, env = "GIAOBAN_LANG", global = true, value_enum, value_name = "LANG")]
    pub(super) lang: Option<Lang>,
    #[command(subcommand)]
    pub(super) command: Option<TypedCommand>,
}

#[derive(Subcommand)]
pub(super) enum TypedCommand {
    /// Open the window, as without a command; with a link, or a file that holds one, in that meeting
    Window(Box<TypedWindow>),
    /// Join a room and stay until Ctrl-C
    ///
    /// With the link of an invitation this device is enrolled, and remembers the meeting: from then on no link is needed.
    /// Comes back by itself after the line was lost. Ends with 0 as asked, 2 for bad usage, 3 refused, 4 not
    /// reachable, 1 for anything else.
    Join(Box<TypedJoin>),
    /// Dial in as a guest, with the PIN of the meeting
    ///
    /// Waits in the lobby until an operator lets it in. Nothing is kept on this machine. Ends as join does.
    Dial(Box<TypedDial>),
    /// Check what the line to the bridge will do: talk, listen only, not now
    ///
    /// Takes half a minute and 0.1 MB at most, joins nothing and disturbs nobody. Ends with 0 when one can at least
    /// listen, 1 when not, 2 for bad usage, 3 refused, 4 not reachable.
    Check(TypedCheck),
    /// The operator's screen: all sites in one table, one key for each act
    ///
    /// Takes part in the meeting as join does, with an operator's device. Ends as join does.
    Console(Box<TypedConsole>),
    /// Act as an operator from a script: who, status, watch, admit N, silence N, grant N …
    ///
    /// who, lobby, status; watch prints what happens as JSON lines until interrupted;
    /// admit N, refuse N (guests in the lobby); expel N, silence N (or mute), unsilence N (or unmute), silence-all
    /// [--but-floor], unsilence-all, gain N DB, rename N NAME; floor open|moderated|announcement [--turn 3m], grant N|next,
    /// take-back, lower N|all; rollcall [--within 2m], rollcall end, tick N, untick N; record start|stop|pause; play NAME,
    /// play (stops); say TEXT [--operators]; lock, unlock, newcomers silent|speak; deputy N|none;
    /// two-way N, one-way N (whether a source hears the meeting).
    ///
    /// Takes no seat in the room and makes no sound. Ends with 0 done, 1 not possible, 2 for bad usage, 3 refused, 4 not
    /// reachable.
    Ctl(Box<TypedCtl>),
    /// Fetch what was recorded of a meeting: what this device missed, or all of it
    ///
    /// Goes on where it was interrupted. Prints the name of the file, Ogg Opus for any player. Ends with 0 when it is
    /// whole, 1 when it was interrupted or cannot be kept, 2 for bad usage, 3 refused, 4 not reachable.
    Missed(TypedMissed),
    /// List the sound devices
    Devices,
}

#[derive(Args)]
pub(super) struct TypedJoin {
    /// The invitation: giaoban://HOST:PORT/ROOM?k=… [default: the meeting that is remembered]
    #[arg(env = "GIAOBAN_LINK", hide_env_values = true)]
    pub(super) link: Option<Link>,
    #[command(flatten)]
    pub(super) stay: TypedStay,
    /// What is missed of a recorded meeting: fetch it while nobody speaks, or later by `giaoban missed`
    /// [default: fetch; later with --max-mb]
    #[arg(long, env = "GIAOBAN_MISSED", value_enum, value_name = "fetch|later")]
    pub(super) missed: Option<TypedWhen>,
    /// Bring another meeting in, or a device or a program: be heard, and hear nothing unless an operator says so
    ///
    /// For an operator's device, beside its own seat, and for a site whose role is source. Leaves when the input has ended.
    /// Without --output nothing is played.
    #[arg(long, env = "GIAOBAN_SOURCE", value_parser = FalseyValueParser::new())]
    pub(super) source: bool,
    /// This device's key, made if it is not there [default: in the user's configuration folder]
    #[arg(long, env = "GIAOBAN_IDENTITY", value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TypedWhen {
    Fetch,
    Later,
}

#[derive(Args)]
pub(super) struct TypedMissed {
    /// The meeting's link [default: the meeting that is remembered]
    #[arg(env = "GIAOBAN_LINK", hide_env_values = true)]
    pub(super) link: Option<Link>,
    /// Only list what is recorded, and what of it is here
    #[arg(long, conflicts_with_all = ["recording", "whole", "save", "play"])]
    pub(super) list: bool,
    /// Which recording, by its number in the list [default: the latest]
    #[arg(long, value_name = "N")]
    pub(super) recording: Option<u64>,
    /// All of it, not only what was missed
    #[arg(long)]
    pub(super) whole: bool,
    /// Write the sound there [default: beside this device's key]
    #[arg(long, value_name = "FILE.opus")]
    pub(super) save: Option<PathBuf>,
    /// Play it when it is there
    #[arg(long)]
    pub(super) play: bool,
    /// The most that it may cost, in kbit/s; up to 16 the sound is coded anew, for three fifths of the bytes
    #[arg(long, env = "GIAOBAN_MAX_KBPS", value_parser = parse::max_kbps, value_name = "N")]
    pub(super) max_kbps: Option<u32>,
    /// This device's key, made if it is not there [default: in the user's configuration folder]
    #[arg(long, env = "GIAOBAN_IDENTITY", value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,
    /// Ports of the bridge to try by TCP where UDP is blocked, or off [default: the link's port, then 443]
    #[arg(long, env = "GIAOBAN_TCP", value_name = "PORT[,PORT]|off")]
    pub(super) tcp: Option<TcpPorts>,
}

#[derive(Args)]
pub(super) struct TypedWindow {
    /// The invitation: giaoban://HOST:PORT/ROOM?k=…, or a file that holds it [default: the meeting that is remembered]
    #[arg(env = "GIAOBAN_LINK", hide_env_values = true, value_name = "LINK|FILE")]
    pub(super) open: Option<String>,
    #[command(flatten)]
    pub(super) stay: TypedStay,
    /// This device's key, made if it is not there [default: in the user's configuration folder]
    #[arg(long, env = "GIAOBAN_IDENTITY", value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct TypedDial {
    /// The bridge: HOST or HOST:PORT
    #[arg(value_parser = parse::host, value_name = "HOST[:PORT]")]
    pub(super) host: (Host, u16),
    /// The room
    pub(super) room: RoomName,
    #[command(flatten)]
    pub(super) stay: TypedStay,
}

/// What joining and the operator's screen have in common.
#[derive(Args)]
pub(super) struct TypedSound {
    /// Where sound comes from: FILE.wav, device, device:NAME, tone, silence, or - for another program's (WAV, or 16-bit mono
    /// PCM at 48 kHz)
    #[arg(long, env = "GIAOBAN_INPUT", default_value = "device")]
    pub(super) input: Input,
    /// Where sound goes: FILE.wav, device, device:NAME, null, or - for another program (WAV) [default: device]
    #[arg(long, env = "GIAOBAN_OUTPUT")]
    pub(super) output: Option<Output>,
    /// Begin the input file again at its end
    #[arg(long = "loop", env = "GIAOBAN_LOOP", value_parser = FalseyValueParser::new())]
    pub(super) repeat: bool,
    /// The most that each direction may cost, in kbit/s, all headers included [default: the bridge's choice]
    #[arg(long, env = "GIAOBAN_MAX_KBPS", value_parser = parse::max_kbps, value_name = "N")]
    pub(super) max_kbps: Option<u32>,
    /// What the meeting should cost at most, in MB, both ways and all headers together
    ///
    /// The rate is set by it: from the beginning with --duration, else when four fifths are used. At the lowest rate the
    /// meeting goes on beyond it, at 4 MB an hour of speech at most; that is told.
    #[arg(long, env = "GIAOBAN_MAX_MB", value_parser = parse::max_mb, value_name = "N")]
    pub(super) max_mb: Option<u32>,
    /// Write the figures of each second to this file, one JSON object a line
    #[arg(long, env = "GIAOBAN_STATS", value_name = "FILE.jsonl")]
    pub(super) stats: Option<PathBuf>,
    /// Join with the microphone off
    #[arg(long, env = "GIAOBAN_MUTED", value_parser = FalseyValueParser::new())]
    pub(super) muted: bool,
    /// Ports of the bridge to try by TCP where UDP is blocked, or off [default: the link's port, then 443]
    #[arg(long, env = "GIAOBAN_TCP", value_name = "PORT[,PORT]|off")]
    pub(super) tcp: Option<TcpPorts>,
}

/// What joining and dialling have in common.
#[derive(Args)]
pub(super) struct TypedStay {
    #[command(flatten)]
    pub(super) sound: TypedSound,
    /// Leave after this time: 90, 60s, 5m, 1h or 300ms
    #[arg(long, env = "GIAOBAN_DURATION", value_parser = parse::duration, value_name = "TIME")]
    pub(super) duration: Option<Duration>,
    /// How a guest wishes to be called [default: the computer's name]; an enrolled site's name comes from the bridge
    #[arg(long, env = "GIAOBAN_NAME", value_parser = parse::name)]
    pub(super) name: Option<String>,
    /// A guest's PIN, 8 to 16 digits [default: it is asked for]
    // Read later, so that what was mistyped is not shown.
    #[arg(long, env = "GIAOBAN_PIN", hide_env_values = true, value_name = "NNNNNNNN")]
    pub(super) pin: Option<String>,
    /// Raise the hand, once hands can be raised
    #[arg(long, env = "GIAOBAN_RAISE", value_parser = FalseyValueParser::new())]
    pub(super) raise: bool,
    /// Answer roll calls without being asked
    #[arg(long = "answer-roll-call", env = "GIAOBAN_ANSWER_ROLL_CALL", value_parser = FalseyValueParser::new())]
    pub(super) answers: bool,
}

#[derive(Args)]
pub(super) struct TypedCtl {
    /// The meeting's link, or - for the one that is remembered, as without; then the act and whom or what it is about
    #[arg(required = true, num_args = 1.., allow_negative_numbers = true, value_name = "LINK|- ACT …")]
    pub(super) words: Vec<String>,
    #[arg(long, env = "GIAOBAN_LINK", hide_env_values = true, hide = true)]
    pub(super) link: Option<Link>,
    /// With floor: take the floor back after this time [default: never]
    #[arg(long, value_parser = parse::duration, value_name = "TIME")]
    pub(super) turn: Option<Duration>,
    /// With rollcall: for how long it may be answered [default: 2m]
    #[arg(long, value_parser = parse::duration, value_name = "TIME")]
    pub(super) within: Option<Duration>,
    /// With silence-all: all but whoever has the floor
    #[arg(long)]
    pub(super) but_floor: bool,
    /// With say: to operators only
    #[arg(long)]
    pub(super) operators: bool,
    /// Print the answer as one JSON object
    #[arg(long, env = "GIAOBAN_JSON", value_parser = FalseyValueParser::new())]
    pub(super) json: bool,
    /// The operator's key, made if it is not there [default: in the user's configuration folder]
    #[arg(long, env = "GIAOBAN_IDENTITY", value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,
    /// Ports of the bridge to try by TCP where UDP is blocked, or off [default: the link's port, then 443]
    #[arg(long, env = "GIAOBAN_TCP", value_name = "PORT[,PORT]|off")]
    pub(super) tcp: Option<TcpPorts>,
}

#[derive(Args)]
pub(super) struct TypedConsole {
    /// The operator's link [default: the meeting that is remembered]
    #[arg(env = "GIAOBAN_LINK", hide_env_values = true)]
    pub(super) link: Option<Link>,
    #[command(flatten)]
    pub(super) sound: TypedSound,
    /// This device's key, made if it is not there [default: in the user's configuration folder]
    #[arg(long, env = "GIAOBAN_IDENTITY", value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct TypedCheck {
    /// The invitation: giaoban://HOST:PORT/ROOM?k=…
    #[arg(env = "GIAOBAN_LINK", hide_env_values = true)]
    pub(super) link: Link,
    /// Print verdict and figures as one JSON object
    #[arg(long, env = "GIAOBAN_JSON", value_parser = FalseyValueParser::new())]
    pub(super) json: bool,
    /// This device's key, made if it is not there [default: in the user's configuration folder]
    #[arg(long, env = "GIAOBAN_IDENTITY", value_name = "FILE")]
    pub(super) identity: Option<PathBuf>,
}
