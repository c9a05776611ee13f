//! Settings of a bridge that runs: flags over the environment over the TOML file over the defaults.

use super::SettingsError;
use super::typed::{CommonTyped, ServeTyped};
use crate::limits::Limits;
use giaoban_proto::link::{DEFAULT_PORT, Host};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Members in one room at most: the list of more would not fit what may wait for a newcomer's line.
pub(super) const MOST_MEMBERS: usize = 2500;

/// What links carry instead of this machine's own address.
pub type Public = (Host, Option<u16>);

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FileTyped {
    pub(super) listen: Option<SocketAddr>,
    listen_tcp: Option<String>,
    data: Option<PathBuf>,
    public: Option<String>,
    max_members: Option<usize>,
    #[serde(default)]
    limits: BTreeMap<String, u32>,
    keep_recordings: Option<String>,
    log_names: Option<bool>,
}

/// How to hold meetings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serve {
    /// Where to listen. `[::]` stands for all addresses of either family.
    pub listen: SocketAddr,
    /// Where to listen by TCP.
    pub listen_tcp: ListenTcp,
    /// What links carry instead of this machine's own address.
    pub public: Option<Public>,
    /// What anybody may ask of it.
    pub limits: Limits,
    /// For how long recordings are kept after their end; `None` for ever. A short time is soon regretted, a long one
    /// takes 7 MB of disk for each hour of speech.
    pub keep_recordings: Option<Duration>,
    /// Whether names and addresses are written to the log.
    pub log_names: bool,
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

impl ServeTyped {
    /// Makes it usable.
    pub(super) fn usable(self, file: &FileTyped) -> Result<Serve, SettingsError> {
        let listen_tcp = self.listen_tcp.or_else(|| file.listen_tcp.clone());
        let keep_recordings = self.keep_recordings.or_else(|| file.keep_recordings.clone());
        Ok(Serve {
            listen: self.listen.or(file.listen).unwrap_or_else(everywhere),
            listen_tcp: listen_tcp.map_or(Ok(ListenTcp::AsUdp), parse_listen_tcp)?,
            public: public(self.public, file)?,
            limits: limits(&self.limit, self.max_members, file)?,
            keep_recordings: keep_recordings.map_or(Ok(None), parse_keep)?,
            log_names: self.log_names || file.log_names.unwrap_or(false),
        })
    }
}

/// The limits: the usual, then what the file says, then what was typed.
fn limits(typed: &[String], max_members: Option<usize>, file: &FileTyped) -> Result<Limits, SettingsError> {
    let mut limits = Limits::default();
    let members = |limits: &mut Limits, most: Option<usize>| match most {
        None => Ok(()),
        Some(most @ 1..=MOST_MEMBERS) => {
            limits.members = u32::try_from(most).unwrap_or(u32::MAX);
            Ok(())
        }
        Some(_) => Err(SettingsError::Members),
    };
    members(&mut limits, file.max_members)?;
    for (name, &value) in &file.limits {
        limits.set(name, value)?;
    }
    members(&mut limits, max_members)?;
    for word in typed {
        limits.set_word(word)?;
    }
    Ok(limits)
}

/// All addresses, at the port that is a bridge's.
pub(super) fn everywhere() -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), DEFAULT_PORT)
}

/// The data folder.
pub(super) fn data(common: &CommonTyped, file: &FileTyped) -> Result<PathBuf, SettingsError> {
    let given = common.data.clone().or_else(|| file.data.clone());
    given.or_else(default_data).ok_or(SettingsError::NoHome)
}

/// The settings in the file, if one is named.
pub(super) fn file(common: &CommonTyped) -> Result<FileTyped, SettingsError> {
    common.config.as_deref().map(read).transpose().map(Option::unwrap_or_default)
}

/// What links carry, as typed or as the file says.
pub(super) fn public(typed: Option<String>, file: &FileTyped) -> Result<Option<Public>, SettingsError> {
    typed.or_else(|| file.public.clone()).map(parse_public).transpose()
}

fn read(path: &Path) -> Result<FileTyped, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|error| SettingsError::File(path.to_owned(), error))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        let message = error.message().replace('\n', " ");
        SettingsError::Toml(path.to_owned(), format!("line {line}: {message}"))
    })
}

fn parse_listen_tcp(text: String) -> Result<ListenTcp, SettingsError> {
    if text == "off" {
        return Ok(ListenTcp::Off);
    }
    text.parse().map(ListenTcp::At).map_err(|_| SettingsError::ListenTcp(text))
}

fn parse_keep(text: String) -> Result<Option<Duration>, SettingsError> {
    if text == "forever" {
        return Ok(None);
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse::<NonZeroU16>().ok());
    match days {
        Some(days) => Ok(Some(Duration::from_secs(u64::from(days.get()) * 86_400))),
        None => Err(SettingsError::KeepRecordings(text)),
    }
}

fn parse_public(text: String) -> Result<Public, SettingsError> {
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

    #[test]
    fn recordings_are_kept_for_whole_days_or_for_ever() {
        let kept = |text: &str| parse_keep(text.to_owned()).ok();
        assert_eq!(kept("forever"), Some(None));
        assert_eq!(kept("90d"), Some(Some(Duration::from_secs(90 * 86_400))));
        for wrong in ["", "0d", "-1d", "90", "3h", "70000d", "d", "Forever"] {
            assert_eq!(kept(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_public_name_may_have_a_port() {
        let public =
            |text: &str| parse_public(text.to_owned()).map(|(host, port)| (host.as_str().to_owned(), port));
        assert_eq!(public("bridge.example.vn").expect("a host"), ("bridge.example.vn".into(), None));
        assert_eq!(public("bridge.example.vn:443").expect("a host"), ("bridge.example.vn".into(), Some(443)));
        assert_eq!(public("[2001:db8::1]:443").expect("a host"), ("2001:db8::1".into(), Some(443)));
        assert_eq!(public("2001:db8::1").expect("a host"), ("2001:db8::1".into(), None));
        for wrong in ["", "a b", "host:port", "[::1", "host:99999", "host:0"] {
            assert!(public(wrong).is_err(), "{wrong}");
        }
    }
}
