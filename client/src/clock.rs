//! The one place where the client reads the time: tokio's clock, so that tests can move it.

use std::time::Instant;

/// Now.
#[expect(clippy::disallowed_methods, reason = "the shells' clock; the cores are handed what it says")]
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
