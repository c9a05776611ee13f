//! What was typed, and what it means: past this file nothing sees a word of the command line.
//!
//! Every setting is a flag and an environment variable (`GIAOBAN_…`), the flag first.

use crate::audio::{Input, Output};
use crate::net::TcpPorts;
use crate::words::Lang;
use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};
use giaoban_proto::link::Link;
use giaoban_proto::media::ladder::RungId;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest `--duration`. More is a typing mistake, and an instant that far away need not exist.
const MAX_DURATION: Duration = Duration::from_secs(1000 * 3600);

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
    /// Join a room.
    Join(Box<Join>),
    /// Find out what a line will do.
    Check(Box<Check>),
    /// List the sound devices.
    Devices,
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

/// How to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Where to.
    pub link: Link,
    /// Where sound comes from.
    pub input: Input,
    /// Where it goes.
    pub output: Output,
    /// For how long; for ever without.
    pub duration: Option<Duration>,
    /// How the site wishes to be called.
    pub name: Option<String>,
    /// The most that each direction may cost, in kbit/s of wire; 0 leaves it to the bridge.
    pub max_kbps: u32,
    /// Where the figures of each second are written.
    pub stats: Option<PathBuf>,
    /// Whether the microphone is off.
    pub muted: bool,
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

#[derive(Parser)]
#[command(
    name = "giaoban",
    version,
    about = "A conference by voice for bad links",
    arg_required_else_help = true
)]
struct Typed {
    /// Language of what is said [default: that of LC_ALL or LANG]
    #[arg(long, env = "GIAOBAN_LANG", global = true, value_enum, value_name = "LANG")]
    lang: Option<Lang>,
    #[command(subcommand)]
    command: TypedCommand,
}

#[derive(Subcommand)]
enum TypedCommand {
    /// Join a room and stay until Ctrl-C
    ///
    /// Comes back by itself after the line was lost. Ends with 0 as asked, 2 for bad usage, 3 refused, 4 not
    /// reachable, 1 for anything else.
    Join(Box<TypedJoin>),
    /// Check what the line to the bridge will do: talk, listen only, not now
    ///
    /// Takes half a minute and 0.1 MB at most, joins nothing and disturbs nobody. Ends with 0 when one can at least
    /// listen, 1 when not, 2 for bad usage, 3 refused, 4 not reachable.
    Check(TypedCheck),
    /// List the sound devices
    Devices,
}

#[derive(Args)]
struct TypedJoin {
    /// The invitation: giaoban://HOST:PORT/ROOM?k=…
    #[arg(env = "GIAOBAN_LINK", hide_env_values = true)]
    link: Link,
    /// Where sound comes from: FILE.wav, device, device:NAME, tone or silence
    #[arg(long, env = "GIAOBAN_INPUT", default_value = "device")]
    input: Input,
    /// Where sound goes: FILE.wav, device, device:NAME or null
    #[arg(long, env = "GIAOBAN_OUTPUT", default_value = "device")]
    output: Output,
    /// Begin the input file again at its end
    #[arg(long = "loop", env = "GIAOBAN_LOOP", value_parser = FalseyValueParser::new())]
    repeat: bool,
    /// Leave after this time: 90, 60s, 5m, 1h or 300ms
    #[arg(long, env = "GIAOBAN_DURATION", value_parser = duration, value_name = "TIME")]
    duration: Option<Duration>,
    /// How this site wishes to be called [default: the computer's name]
    #[arg(long, env = "GIAOBAN_NAME", value_parser = name)]
    name: Option<String>,
    /// The most that each direction may cost, in kbit/s, all headers included [default: the bridge's choice]
    #[arg(long, env = "GIAOBAN_MAX_KBPS", value_parser = max_kbps, value_name = "N")]
    max_kbps: Option<u32>,
    /// Write the figures of each second to this file, one JSON object a line
    #[arg(long, env = "GIAOBAN_STATS", value_name = "FILE.jsonl")]
    stats: Option<PathBuf>,
    /// Join with the microphone off
    #[arg(long, env = "GIAOBAN_MUTED", value_parser = FalseyValueParser::new())]
    muted: bool,
    /// This device's key, made if it is not there [default: in the user's configuration folder]
    #[arg(long, env = "GIAOBAN_IDENTITY", value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Ports of the bridge to try by TCP where UDP is blocked, or off [default: the link's port, then 443]
    #[arg(long, env = "GIAOBAN_TCP", value_name = "PORT[,PORT]|off")]
    tcp: Option<TcpPorts>,
}

#[derive(Args)]
struct TypedCheck {
    /// The invitation: giaoban://HOST:PORT/ROOM?k=…
    #[arg(env = "GIAOBAN_LINK", hide_env_values = true)]
    link: Link,
    /// Print verdict and figures as one JSON object
    #[arg(long, env = "GIAOBAN_JSON", value_parser = FalseyValueParser::new())]
    json: bool,
    /// This device's key, made if it is not there [default: in the user's configuration folder]
    #[arg(long, env = "GIAOBAN_IDENTITY", value_name = "FILE")]
    identity: Option<PathBuf>,
}

impl Settings {
    /// From the words of a command line, the program's name first.
    ///
    /// # Errors
    /// [`NoSettings`], ready to be shown.
    pub fn from_words<W: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = W>,
    ) -> Result<Self, NoSettings> {
        let typed = Typed::try_parse_from(words).map_err(|error| no_settings(&error))?;
        let command = match typed.command {
            TypedCommand::Devices => Command::Devices,
            TypedCommand::Check(TypedCheck { link, json, identity }) => {
                for_devices(&link).map_err(NoSettings::Usage)?;
                Command::Check(Box::new(Check { link, json, identity }))
            }
            TypedCommand::Join(typed) => Command::Join(Box::new(join(*typed).map_err(NoSettings::Usage)?)),
        };
        Ok(Self { lang: typed.lang, command })
    }
}

fn join(typed: TypedJoin) -> Result<Join, String> {
    let TypedJoin { link, input, output, repeat, duration, name, max_kbps, stats, muted, identity, tcp } =
        typed;
    for_devices(&link)?;
    if repeat && !matches!(input, Input::File { .. }) {
        return Err(format!("--loop repeats an input file, and the input is `{input}`; leave it out"));
    }
    let paths = [
        ("--output", if let Output::File(path) = &output { Some(path) } else { None }),
        ("--stats", stats.as_ref()),
        ("--input", if let Input::File { path, .. } = &input { Some(path) } else { None }),
        ("--identity", identity.as_ref()),
    ];
    if let Some((one, other)) = same_file(&paths) {
        return Err(format!("{one} would write over the file of {other}; give each a file of its own"));
    }
    let max_kbps = max_kbps.unwrap_or(0);
    let input = input.repeating(repeat);
    Ok(Join {
        link,
        input,
        output,
        duration,
        name,
        max_kbps,
        stats,
        muted,
        identity,
        tcp: tcp.unwrap_or_default(),
    })
}

/// Whether a link is one that a device can use.
fn for_devices(link: &Link) -> Result<(), String> {
    if link.guest {
        return Err("this link is for guests with a PIN, which this version cannot do; ask for a link for \
                    this device"
            .into());
    }
    Ok(())
}

/// The first two that name one file, however they are spelled. Devices and pipes may be named twice.
fn same_file<'a>(paths: &[(&'a str, Option<&PathBuf>)]) -> Option<(&'a str, &'a str)> {
    let is_file = |path: &Path| path.metadata().map_or(true, |found| found.is_file());
    let files: Vec<_> = paths
        .iter()
        .filter_map(|&(flag, path)| path.filter(|path| is_file(path)).map(|path| (flag, canonical(path))))
        .collect();
    let pairs =
        files.iter().enumerate().flat_map(|(n, one)| files[n + 1..].iter().map(move |two| (one, two)));
    pairs.filter(|(one, two)| one.1 == two.1).map(|(one, two)| (one.0, two.0)).next()
}

/// The one spelling of a path; that of its folder where the file is not there yet.
fn canonical(path: &Path) -> PathBuf {
    let of_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new(".")).canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(of_folder).unwrap_or_else(|| path.to_owned())
}

/// `90`, `60s`, `5m`, `1h` or `300ms`.
fn duration(word: &str) -> Result<Duration, String> {
    let wrong = || "give a time such as 90, 60s, 5m, 1h or 300ms".to_owned();
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let (digits, millis) = units
        .into_iter()
        .find_map(|(unit, millis)| Some((word.strip_suffix(unit)?, millis)))
        .unwrap_or((word, 1000));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let total = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(millis));
    match total.map(Duration::from_millis) {
        Some(Duration::ZERO) => Err("it must be longer than nothing".into()),
        Some(duration) if duration <= MAX_DURATION => Ok(duration),
        _ => Err("it is longer than 1000h; leave it out to stay for ever".into()),
    }
}

fn name(word: &str) -> Result<String, String> {
    let name = word.trim();
    if name.is_empty() {
        Err("a name cannot be empty".into())
    } else if name.len() > MAX_NAME_BYTES {
        Err(format!("a name has at most {MAX_NAME_BYTES} bytes; an accented letter takes 2 or 3"))
    } else if name.chars().any(char::is_control) {
        Err("a name cannot hold control characters".into())
    } else {
        Ok(name.into())
    }
}

fn max_kbps(word: &str) -> Result<u32, String> {
    let least = RungId::all().map(|rung| rung.rung().wire.bps() / 1000).min().unwrap_or(0);
    match word.parse::<u32>() {
        Ok(kbps) if kbps >= least => Ok(kbps),
        Ok(_) => Err(format!("this version needs at least {least} kbit/s while somebody speaks")),
        Err(_) => Err("give a whole number of kbit/s such as 24".into()),
    }
}

/// clap explains on many lines; the first paragraph says what is wrong.
fn no_settings(error: &clap::Error) -> NoSettings {
    use clap::error::ErrorKind as Kind;
    let text = error.render().to_string();
    match error.kind() {
        Kind::DisplayHelp | Kind::DisplayVersion => NoSettings::Asked(text),
        Kind::DisplayHelpOnMissingArgumentOrSubcommand => NoSettings::Usage(
            "say what to do: `giaoban join LINK`, `giaoban check LINK` or `giaoban devices`".into(),
        ),
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
