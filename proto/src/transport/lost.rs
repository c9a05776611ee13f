//! Why a connection is not, or no longer, there: by who must do what about it.

use quinn::{ConnectionError, TransportErrorCode};
use thiserror::Error;

/// TLS alert access_denied: what `keys::PinnedKey` answers to a wrong key.
const ACCESS_DENIED: u8 = 49;

/// TLS alert no_application_protocol: the other end does not speak giaoban/1.
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// Longest reason that is kept, in bytes.
const MAX_REASON: usize = 256;

/// The end of a connection or of an attempt. Each is one line for a person.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Lost {
    /// The other end closed with a code of the protocol's and a reason in its own words: do what that says.
    #[error("the other side ended the call (code {code}): {reason}")]
    Refused {
        /// See `wire::CloseCode`.
        code: u64,
        /// At most 256 bytes, without control characters. Written by the peer: show it, never act on it.
        reason: Box<str>,
    },
    /// The bridge has too many callers that wait: try again in a few seconds.
    #[error("the bridge is busy; trying again in a few seconds may help")]
    Busy,
    /// Somebody else answered, or the bridge has a new key: get a new link.
    #[error("this is not the bridge that the link names; do not speak here, and ask for a new link")]
    WrongKey,
    /// Nobody ever answered: look at address, port, network.
    #[error("no answer from the bridge; check that this machine is online and that the link is right")]
    NotReachable,
    /// It was there and then fell silent: call again.
    #[error("the line to the bridge fell silent")]
    TimedOut,
    /// The bridge restarted and knows nothing of this connection: call again, at once.
    #[error("the bridge restarted")]
    Restarted,
    /// What answers does not speak this version, or is no bridge: update.
    #[error("the other side speaks another version; update giaoban")]
    VersionMismatch,
    /// We closed it.
    #[error("the call was ended here")]
    Closed,
    /// A fault in one of the programs, or a hostile peer: report it.
    #[error("the connection failed: {0}")]
    Other(Box<str>),
}

impl Lost {
    /// Sorts an error of a connection that stood (`established`) or was still being made.
    ///
    /// Whoever sees the first packet of a handshake can forge a close of it, so no reason is believed before the
    /// other end has shown its key: a genuine refusal answers the request to join, which is later.
    #[must_use]
    pub fn new(error: &ConnectionError, established: bool) -> Self {
        let not_ours = TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL);
        match error {
            ConnectionError::ApplicationClosed(close) if established => {
                Self::Refused { code: close.error_code.into_inner(), reason: plain(&close.reason) }
            }
            ConnectionError::ConnectionClosed(close)
                if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
            {
                Self::Busy
            }
            ConnectionError::TransportError(fault)
                if fault.code == TransportErrorCode::crypto(ACCESS_DENIED) =>
            {
                Self::WrongKey
            }
            ConnectionError::VersionMismatch => Self::VersionMismatch,
            ConnectionError::ConnectionClosed(close) if close.error_code == not_ours => Self::VersionMismatch,
            ConnectionError::TransportError(fault) if fault.code == not_ours => Self::VersionMismatch,
            ConnectionError::TimedOut if established => Self::TimedOut,
            ConnectionError::TimedOut => Self::NotReachable,
            ConnectionError::Reset => Self::Restarted,
            ConnectionError::LocallyClosed => Self::Closed,
            other => Self::Other(plain(other.to_string().as_bytes())),
        }
    }
}

/// A peer's words, fit for a terminal: valid UTF-8, no control characters, bounded.
fn plain(bytes: &[u8]) -> Box<str> {
    let bytes = &bytes[..bytes.len().min(MAX_REASON)];
    let text = String::from_utf8_lossy(bytes);
    let mut out: String = text.chars().filter(|c| !c.is_control()).collect();
    while out.len() > MAX_REASON {
        out.pop();
    }
    out.into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn silence_means_not_reachable_before_and_timed_out_after() {
        assert_eq!(Lost::new(&ConnectionError::TimedOut, false), Lost::NotReachable);
        assert_eq!(Lost::new(&ConnectionError::TimedOut, true), Lost::TimedOut);
    }

    #[test]
    fn a_refusal_is_believed_only_from_who_has_shown_the_key() {
        let close = quinn::ApplicationClose { error_code: 3u8.into(), reason: "go away".into() };
        let close = ConnectionError::ApplicationClosed(close);
        assert!(matches!(Lost::new(&close, true), Lost::Refused { code: 3, .. }));
        assert!(matches!(Lost::new(&close, false), Lost::Other(_)));
    }

    proptest! {
        #[test]
        fn a_peers_words_are_bounded_and_cannot_move_the_cursor(bytes in proptest::collection::vec(any::<u8>(), 0..1000)) {
            let text = plain(&bytes);
            prop_assert!(text.len() <= MAX_REASON);
            prop_assert!(!text.chars().any(char::is_control));
        }
    }
}
