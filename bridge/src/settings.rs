//! Settings: as typed, then as usable. Nothing past here sees a string.
//!
//! A flag wins over the environment (`GIAOBAN_…`), that over the TOML file, that over the default.

use clap::{Args, Parser, Subcommand};
use giaoban_proto::link::{DEFAULT_PORT, Host};
use serde::Deserialize;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

/// Members in one room at most: the list of more would not fit what may wait for a newcomer's line.
const MOST_MEMBERS: usize = 2000;

/// Members in one room, unless set.
const DEFAULT_MAX_MEMBERS: usize = 250;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "giaoban-bridge",
    version,
    about = "The giaoban conference bridge",
    args_conflicts_with_subcommands = true
)]
struct Typed {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeTyped,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hold meetings (what the bridge does when no command is given)
    Serve(ServeTyped),
}

#[derive(Debug, Default, Args)]
struct ServeTyped {
    /// Where to listen, an address with a UDP port [default: all addresses, port 4646]
    #[arg(long, value_name = "ADDR", env = "GIAOBAN_LISTEN")]
    listen: Option<SocketAddr>,
    /// Where to listen by TCP, for sites whose network lets no UDP through: an address with a port such as
    /// 0.0.0.0:443, or off [default: as --listen]
    #[arg(long, value_name = "ADDR|off", env = "GIAOBAN_LISTEN_TCP")]
    listen_tcp: Option<String>,
    /// The folder for keys and the store [default: ~/.local/share/giaoban-bridge]
    #[arg(long, value_name = "DIR", env = "GIAOBAN_DATA")]
    data: Option<PathBuf>,
    /// The name or address that join links carry, when sites reach this machine by another than its own
    #[arg(long, value_name = "HOST[:PORT]", env = "GIAOBAN_PUBLIC")]
    public: Option<String>,
    /// How many may be in one room [default: 250]
    #[arg(long, value_name = "N", env = "GIAOBAN_MAX_MEMBERS")]
    max_members: Option<usize>,
    /// A TOML file with these settings, named as the flags are (max-members = 100)
    #[arg(long, value_name = "FILE.toml", env = "GIAOBAN_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileTyped {
    listen: Option<SocketAddr>,
    listen_tcp: Option<String>,
    data: Option<PathBuf>,
    public: Option<String>,
    max_members: Option<usize>,
}

/// What to do, ready to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen. `[::]` stands for all addresses of either family.
    pub listen: SocketAddr,
    /// Where to listen by TCP.
    pub listen_tcp: ListenTcp,
    /// The folder for keys and the store.
    pub data: PathBuf,
    /// What join links carry instead of this machine's own address.
    pub public: Option<(Host, Option<u16>)>,
    /// How many may be in one room.
    pub max_members: usize,
}

/// Where a bridge listens by TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenTcp {
    /// At the address of UDP, whatever port that turns out to be.
    AsUdp,
    /// There.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

/// What was typed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No words of ours.
    #[error("{0}; `giaoban-bridge --help` says what there is")]
    Words(String),
    /// Help or the version was asked for, and is this text.
    #[error("{0}")]
    Asked(String),
    /// The file is not there or not readable.
    #[error("cannot read the settings in {0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    /// The file is no TOML of ours.
    #[error("the settings in {0} make no sense: {1}")]
    Toml(PathBuf, String),
    /// No host in `--public`.
    #[error("--public {0}: {1}")]
    Public(String, String),
    /// No address in `--listen-tcp`.
    #[error("--listen-tcp {0}: give an address with a port such as 0.0.0.0:443, or off")]
    ListenTcp(String),
    /// No home folder to put the data in.
    #[error("there is no home folder to keep data in; give one with --data DIR")]
    NoHome,
    /// A room for nobody, or for too many.
    #[error("--max-members must be from 1 to 2000")]
    Members,
}

impl Settings {
    /// What these words, the environment and the file that they name come to. The first word is the program's name.
    ///
    /// # Errors
    /// [`SettingsError`]; [`SettingsError::Asked`] is no fault.
    pub fn from_words<W: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = W>,
    ) -> Result<Self, SettingsError> {
        let typed = Typed::try_parse_from(words).map_err(|error| {
            let text = error.render().to_string();
            if !error.use_stderr() {
                return SettingsError::Asked(text);
            }
            // The first paragraph says it; what follows repeats the usage.
            let said: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            SettingsError::Words(said.join(" ").trim_start_matches("error: ").to_owned())
        })?;
        typed.usable()
    }
}

impl Typed {
    /// Makes it usable.
    fn usable(self) -> Result<Settings, SettingsError> {
        let typed = match self.command {
            Some(Command::Serve(serve)) => serve,
            None => self.serve,
        };
        let file = typed.config.as_deref().map(read).transpose()?.unwrap_or_default();
        let max_members = typed.max_members.or(file.max_members).unwrap_or(DEFAULT_MAX_MEMBERS);
        if !(1..=MOST_MEMBERS).contains(&max_members) {
            return Err(SettingsError::Members);
        }
        let everywhere = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), DEFAULT_PORT);
        Ok(Settings {
            listen: typed.listen.or(file.listen).unwrap_or(everywhere),
            listen_tcp: typed.listen_tcp.or(file.listen_tcp).map_or(Ok(ListenTcp::AsUdp), listen_tcp)?,
            data: typed.data.or(file.data).or_else(default_data).ok_or(SettingsError::NoHome)?,
            public: typed.public.or(file.public).map(public).transpose()?,
            max_members,
        })
    }
}

fn read(path: &Path) -> Result<FileTyped, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|error| SettingsError::File(path.to_owned(), error))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        let message = error.message().replace('\n', " ");
        SettingsError::Toml(path.to_owned(), format!("line {line}: {message}"))
    })
}

fn listen_tcp(text: String) -> Result<ListenTcp, SettingsError> {
    if text == "off" {
        return Ok(ListenTcp::Off);
    }
    text.parse().map(ListenTcp::At).map_err(|_| SettingsError::ListenTcp(text))
}

fn public(text: String) -> Result<(Host, Option<u16>), SettingsError> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (host, port) = match bare {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, port.strip_prefix(':')),
        // An IPv6 address without brackets has no port.
        None if text.matches(':').count() > 1 => (text.as_str(), None),
        None => text.split_once(':').map_or((text.as_str(), None), |(host, port)| (host, Some(port))),
    };
    let wrong = |why: String| SettingsError::Public(text.clone(), why);
    let port = port.map(|port| {
        port.parse::<NonZeroU16>()
            .map(NonZeroU16::get)
            .map_err(|_| wrong("the port must be a number from 1 to 65535".into()))
    });
    Ok((host.parse().map_err(|error| wrong(format!("{error}")))?, port.transpose()?))
}

fn default_data() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let share = set("XDG_DATA_HOME")
        .or_else(|| set("APPDATA"))
        .or_else(|| set("HOME").map(|home| home.join(".local/share")));
    share.map(|share| share.join("giaoban-bridge"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable(args: &[&str]) -> Result<Settings, SettingsError> {
        let args = ["giaoban-bridge"].iter().chain(args).chain(&["--data", "/d"]);
        Settings::from_words(args)
    }

    #[test]
    fn nothing_typed_is_enough() {
        let settings = usable(&[]).expect("usable");
        assert_eq!(settings.listen, "[::]:4646".parse().expect("an address"));
        assert_eq!((settings.public, settings.max_members), (None, 250));
        assert_eq!(usable(&["serve"]).expect("usable").listen.port(), 4646);
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bridge.toml");
        std::fs::write(&path, "listen = '127.0.0.1:5000'\nmax-members = 7\n").expect("writes");
        let file = path.to_str().expect("a plain path");
        let settings = usable(&["--config", file, "--max-members", "9"]).expect("usable");
        assert_eq!((settings.listen.port(), settings.max_members), (5000, 9));
        std::fs::write(&path, "listen = '127.0.0.1:5000'\nmax_member = 7\n").expect("writes");
        let said = usable(&["--config", file]).expect_err("refused").to_string();
        assert!(said.contains("line 2") && said.contains("max_member") && !said.contains('\n'), "{said}");
    }

    #[test]
    fn what_makes_no_sense_is_said_in_one_line() {
        for wrong in
            [&["--bogus"][..], &["--listen", "nowhere"], &["serve", "twice"], &["--max-members", "0"]]
        {
            let said = usable(wrong).expect_err("refused").to_string();
            assert!(!said.contains('\n') && said.len() > 20, "{said}");
        }
        assert!(matches!(usable(&["--help"]), Err(SettingsError::Asked(_))));
    }

    #[test]
    fn tcp_is_listened_on_as_udp_unless_said_otherwise() {
        let tcp = |args: &[&str]| usable(args).map(|settings| settings.listen_tcp);
        assert_eq!(tcp(&[]).expect("usable"), ListenTcp::AsUdp);
        assert_eq!(tcp(&["--listen-tcp", "off"]).expect("usable"), ListenTcp::Off);
        let at = ListenTcp::At("0.0.0.0:443".parse().expect("an address"));
        assert_eq!(tcp(&["--listen-tcp", "0.0.0.0:443"]).expect("usable"), at);
        let said = tcp(&["--listen-tcp", "443"]).expect_err("refused").to_string();
        assert!(said.contains("0.0.0.0:443") && !said.contains('\n'), "{said}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bridge.toml");
        std::fs::write(&path, "listen-tcp = '0.0.0.0:443'\n").expect("writes");
        assert_eq!(tcp(&["--config", path.to_str().expect("a plain path")]).expect("usable"), at);
    }

    #[test]
    fn the_public_name_may_have_a_port() {
        let public =
            |text: &str| public(text.to_owned()).map(|(host, port)| (host.as_str().to_owned(), port));
        assert_eq!(public("bridge.example.vn").expect("a host"), ("bridge.example.vn".into(), None));
        assert_eq!(public("bridge.example.vn:443").expect("a host"), ("bridge.example.vn".into(), Some(443)));
        assert_eq!(public("[2001:db8::1]:443").expect("a host"), ("2001:db8::1".into(), Some(443)));
        assert_eq!(public("2001:db8::1").expect("a host"), ("2001:db8::1".into(), None));
        for wrong in ["", "a b", "host:port", "[::1", "host:99999", "host:0"] {
            assert!(public(wrong).is_err(), "{wrong}");
        }
    }
}
