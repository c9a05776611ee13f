//! Time as it is written down: by the wall, since it must mean something after a restart.

use std::fmt;
use std::time::Duration;

/// Unix time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// This much later.
    #[must_use]
    pub const fn after(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl From<Duration> for UnixMs {
    /// From the time since 1970.
    fn from(since: Duration) -> Self {
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for UnixMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(time) => time.fmt(f),
            Err(_) => self.0.fmt(f),
        }
    }
}

/// Says what time it is.
pub type Clock = Box<dyn FnMut() -> UnixMs + Send>;

/// The machine's clock. One that stands before 1970 says 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the store's real clock is read")]
pub fn system_clock() -> Clock {
    Box::new(|| std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().into())
}
