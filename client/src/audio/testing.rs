//! What the tests of this folder share.

#![expect(
    clippy::disallowed_methods,
    reason = "std has no other way to make the first Instant of a virtual time"
)]

use std::time::Instant;

/// Some moment from which a test counts on. Nothing depends on which.
pub(super) fn start() -> Instant {
    Instant::now()
}
