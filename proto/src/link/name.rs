//! The two names in a link: a host and a room.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Deref;
use std::str::FromStr;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;

/// Longest host, in bytes: under DNS' 253, so that the longest link stays under its own bound.
const MAX_HOST: usize = 200;

/// Where a bridge is: a DNS name, an IPv4 address or an IPv6 address without brackets.
///
/// Lower case. Read as `&str` where one is wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

/// A host that is neither name nor address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected a name such as bridge.example.vn, or an address such as 192.0.2.7 or [2001:db8::7]")]
pub struct HostError;

impl Host {
    /// The host as text, without brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if text.is_empty() || text.len() > MAX_HOST {
            return Err(HostError);
        }
        if text.contains(':') {
            // Written in one way only, so that equal hosts are equal values.
            return text.parse::<Ipv6Addr>().map(|a| Self(a.to_string())).map_err(|_| HostError);
        }
        if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return text.parse::<Ipv4Addr>().map(|a| Self(a.to_string())).map_err(|_| HostError);
        }
        // A final dot (the DNS root) is left on: it means something to the resolver.
        let labels = text.strip_suffix('.').unwrap_or(text);
        let good = labels.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
        if good { Ok(Self(text.to_ascii_lowercase())) } else { Err(HostError) }
    }
}

impl Deref for Host {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name in the one spelling in which it is compared: Unicode's form C. Some systems type "ễ" as one character,
/// others as a letter and two marks; to people it is one name.
#[must_use]
pub fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// The name of a room: 1 to 64 bytes of UTF-8 without control characters, [`composed`], then compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(String);

/// A text that cannot name a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RoomNameError {
    /// No characters at all.
    #[error("a room's name cannot be empty")]
    Empty,
    /// Over [`RoomName::MAX`] bytes.
    #[error("a room's name has at most 64 bytes; an accented letter takes 2 or 3")]
    TooLong,
    /// A line break, a tab or the like.
    #[error("a room's name cannot hold control characters")]
    Control,
}

impl RoomName {
    /// Longest name, in bytes.
    pub const MAX: usize = 64;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomName {
    type Err = RoomNameError;

    fn from_str(text: &str) -> Result<Self, RoomNameError> {
        // Composing makes a name shorter; what is far too long is not even looked at.
        if text.len() > 8 * Self::MAX {
            return Err(RoomNameError::TooLong);
        }
        let text = composed(text);
        if text.is_empty() {
            Err(RoomNameError::Empty)
        } else if text.len() > Self::MAX {
            Err(RoomNameError::TooLong)
        } else if text.chars().any(char::is_control) {
            Err(RoomNameError::Control)
        } else {
            Ok(Self(text))
        }
    }
}

impl AsRef<str> for RoomName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
