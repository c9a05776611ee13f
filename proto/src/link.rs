//! The join link: where the bridge is, which room, and whose key must answer.
//!
//! ```text
//! giaoban://HOST:PORT/ROOM?k=FINGERPRINT            join, for an enrolled device
//! giaoban://HOST:PORT/ROOM?k=FINGERPRINT&i=CODE     enrol, then join
//! giaoban://HOST:PORT/ROOM?k=FINGERPRINT&g=1        dial in as a guest
//! ```
//!
//! `k2=` may name a spare key, so that a bridge whose disk died goes on with the key that was kept aside.
//! Query keys that are not known are skipped: an old client must read the links of a newer bridge.
//! Nothing here resolves names, reads files or computes digests; it turns text into values and back
//! (RFC 3986, of which only what the four lines above need).

mod name;
mod token;

pub use name::{Host, HostError, RoomName, RoomNameError, composed};
pub use token::{Code, Fingerprint, TokenError};

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The UDP port of a bridge where a link names none.
pub const DEFAULT_PORT: u16 = 4646;

/// Longest link that is read or written, in bytes.
///
/// Fits a QR code that a cheap telephone still reads (version 17 at medium correction). The longest parts
/// that the types here allow come to less, so that every link that can be built can be written.
pub const MAX_LINK: usize = 512;

const SCHEME: &str = "giaoban://";

/// A join link, read and valid.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    /// Name or address of the bridge, without brackets.
    pub host: Host,
    /// Its UDP port.
    pub port: u16,
    /// The room.
    pub room: RoomName,
    /// The key that must answer.
    pub key: Fingerprint,
    /// A second key that may answer instead.
    pub spare: Option<Fingerprint>,
    /// The single-use code that enrols this device. Never together with `guest`.
    pub code: Option<Code>,
    /// Dial in with the meeting's PIN, through the lobby.
    pub guest: bool,
}

/// Why a text is not a link, and what to do. Each is one line for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LinkError {
    /// Longer than [`MAX_LINK`].
    #[error("this link is longer than 512 characters; copy it again, from giaoban:// to its end")]
    TooLong,
    /// Some other kind of text.
    #[error("a link begins with giaoban://; copy it again from the invitation")]
    NotALink,
    /// No usable host.
    #[error("the link names no usable bridge: {0}")]
    Host(#[from] HostError),
    /// A port that is no number in 1 … 65535.
    #[error("the port after the colon must be a number from 1 to 65535")]
    Port,
    /// No usable room.
    #[error("the link names no usable room: {0}")]
    Room(#[from] RoomNameError),
    /// A `%` that two hexadecimal digits do not follow, or bytes that are not UTF-8.
    #[error("the room in the link is garbled near a % sign; copy the link again")]
    Escape,
    /// `k` is missing.
    #[error("the link lacks the bridge's key (k=); copy it again, up to its end")]
    NoKey,
    /// `k` or `k2` does not hold a fingerprint.
    #[error("the bridge's key in the link is damaged ({0}); copy the link again")]
    Key(TokenError),
    /// `i` does not hold a code.
    #[error("the invitation code in the link is damaged ({0}); copy the link again or ask for a new one")]
    Code(TokenError),
    /// A known key given twice.
    #[error("the link says {0}= twice; copy it again")]
    Twice(&'static str),
    /// `i` and `g=1` together.
    #[error("a link either enrols a device (i=) or lets a guest in (g=1), not both; ask for a new link")]
    Contradiction,
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        // People paste: a line break or a blank at either end is no fault of theirs.
        let text = text.trim();
        if text.len() > MAX_LINK {
            return Err(LinkError::TooLong);
        }
        let rest = match text.split_at_checked(SCHEME.len()) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest,
            _ => return Err(LinkError::NotALink),
        };
        // A fragment never means anything here; a newer bridge may use one.
        let rest = rest.split('#').next().unwrap_or(rest);
        let (front, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, room) = front.split_once('/').unwrap_or((front, ""));
        let (host, port) = place(authority)?;
        let room = RoomName::from_str(&unescape(room)?)?;
        let Query { key, spare, code, guest } = Query::read(query)?;
        let key = key.ok_or(LinkError::NoKey)?;
        Ok(Self { host, port, room, key, spare, code, guest })
    }
}

/// A host and a port as they stand in a link, and as people type them: `HOST`, `HOST:PORT` or `[ADDRESS]:PORT`.
///
/// # Errors
/// [`LinkError::Host`] or [`LinkError::Port`].
pub fn place(text: &str) -> Result<(Host, u16), LinkError> {
    let (host, port) = split_port(text)?;
    Ok((host.parse()?, port))
}

/// What follows the question mark.
#[derive(Default)]
struct Query {
    key: Option<Fingerprint>,
    spare: Option<Fingerprint>,
    code: Option<Code>,
    guest: bool,
}

impl Query {
    fn read(text: &str) -> Result<Self, LinkError> {
        let mut read = Self::default();
        let mut guest = None;
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "k" => once(&mut read.key, value.parse().map_err(LinkError::Key)?, "k")?,
                "k2" => once(&mut read.spare, value.parse().map_err(LinkError::Key)?, "k2")?,
                "i" => once(&mut read.code, value.parse().map_err(LinkError::Code)?, "i")?,
                "g" => once(&mut guest, value == "1", "g")?,
                _ => {}
            }
        }
        read.guest = guest.unwrap_or(false);
        if read.guest && read.code.is_some() {
            return Err(LinkError::Contradiction);
        }
        Ok(read)
    }
}

fn once<T>(slot: &mut Option<T>, value: T, name: &'static str) -> Result<(), LinkError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(LinkError::Twice(name)),
    }
}

/// Host and port; the port is [`DEFAULT_PORT`] where none is given. Brackets are taken off.
fn split_port(authority: &str) -> Result<(&str, u16), LinkError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => {
            let (host, port) = inner.split_once(']').ok_or(HostError)?;
            // Brackets hold an IPv6 address and nothing else.
            if !host.contains(':') {
                return Err(HostError.into());
            }
            (host, port)
        }
        None => match authority.find(':') {
            Some(at) => authority.split_at(at),
            None => (authority, ""),
        },
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => DEFAULT_PORT,
        // `u16` would also read a plus sign.
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => match digits.parse() {
            Ok(0) | Err(_) => return Err(LinkError::Port),
            Ok(port) => port,
        },
        _ => return Err(LinkError::Port),
    };
    Ok((host, port))
}

/// Undoes percent-encoding. What is not escaped stays, letters beyond ASCII too: people type links.
fn unescape(text: &str) -> Result<String, LinkError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(LinkError::Escape);
        };
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| LinkError::Escape)
}

/// Writes all but RFC 3986's unreserved characters as `%XX`.
fn escape(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                write!(f, "{}", char::from(byte))?;
            }
            _ => write!(f, "%{byte:02X}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Link {
    /// The link as it is given out. Shows the enrolling code: whoever sees it can enrol.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, room, key, spare, code, guest } = self;
        f.write_str(SCHEME)?;
        if host.contains(':') {
            write!(f, "[{host}]:{port}/")?;
        } else {
            write!(f, "{host}:{port}/")?;
        }
        escape(room.as_str(), f)?;
        write!(f, "?k={key}")?;
        if let Some(spare) = spare {
            write!(f, "&k2={spare}")?;
        }
        if let Some(code) = code {
            write!(f, "&i={}", code.reveal())?;
        }
        if *guest {
            f.write_str("&g=1")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
