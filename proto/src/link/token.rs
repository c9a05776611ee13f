//! The two 128-bit tokens in a link: whose key must answer, and the code that enrols.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use thiserror::Error;

/// Bytes in a token.
const LEN: usize = 16;

/// Characters in a token: base 32 (RFC 4648) without padding.
const CHARS: usize = 26;

/// Whose key: the first 16 bytes of the SHA-256 of an Ed25519 public key's 32 bytes.
///
/// To pass for a bridge somebody must find a second key with the same 128 bits (a second preimage, 2^128
/// work). A pair of own keys that collide costs 2^64, but both are then the same person's, so that nothing
/// is won. Half a digest keeps links short enough to be read aloud.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; LEN]);

/// A secret of 128 bits that enrols one device, once.
///
/// Its `Debug` hides it; [`Code::reveal`] does not.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code([u8; LEN]);

/// A text that is no token. Upper and lower case read alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Not 26 characters.
    #[error("it must have 26 characters")]
    Length,
    /// A character outside `a`–`z`, `2`–`7`, or a last one that holds stray bits.
    #[error("a character in it is wrong; 0, 1, 8 and 9 never occur")]
    Character,
}

impl Fingerprint {
    /// From the 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; LEN]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

impl Code {
    /// From 16 bytes, which must come from a source fit for secrets.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; LEN]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }

    /// The code as it stands in a link: 26 characters, lower case.
    #[must_use]
    pub fn reveal(&self) -> String {
        write(&self.0)
    }
}

fn write(bytes: &[u8; LEN]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

fn read(text: &str) -> Result<[u8; LEN], TokenError> {
    if text.len() != CHARS {
        return Err(TokenError::Length);
    }
    let upper = text.to_ascii_uppercase();
    let bytes = BASE32_NOPAD.decode(upper.as_bytes()).map_err(|_| TokenError::Character)?;
    bytes.try_into().map_err(|_| TokenError::Length)
}

impl FromStr for Fingerprint {
    type Err = TokenError;
    fn from_str(text: &str) -> Result<Self, TokenError> {
        read(text).map(Self)
    }
}

impl FromStr for Code {
    type Err = TokenError;
    fn from_str(text: &str) -> Result<Self, TokenError> {
        read(text).map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}
