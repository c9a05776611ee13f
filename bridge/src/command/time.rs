//! Moments as people read them, in the time zone of this machine.

use crate::store::{UnixMs, system_clock};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What the clock says.
#[must_use]
pub(super) fn now() -> UnixMs {
    system_clock()()
}

/// Where this machine is.
#[must_use]
pub(super) fn zone() -> TimeZone {
    TimeZone::system()
}

/// A moment to the minute.
#[must_use]
pub(super) fn local(zone: &TimeZone, at: UnixMs) -> String {
    written(zone, at, "%Y-%m-%d %H:%M")
}

/// A moment to the second.
#[must_use]
pub(super) fn exact(zone: &TimeZone, at: UnixMs) -> String {
    written(zone, at, "%Y-%m-%d %H:%M:%S")
}

/// A moment that means the same everywhere (RFC 3339).
#[must_use]
pub(super) fn rfc3339(zone: &TimeZone, at: UnixMs) -> String {
    written(zone, at, "%Y-%m-%dT%H:%M:%S%:z")
}

/// By how much clocks there are ahead of UTC.
#[must_use]
pub(super) fn offset(zone: &TimeZone, at: UnixMs) -> String {
    written(zone, at, "%:z")
}

/// A day, to be part of a file's name.
#[must_use]
pub(super) fn written_for_names(zone: &TimeZone, at: UnixMs) -> String {
    written(zone, at, "%Y-%m-%d")
}

fn written(zone: &TimeZone, at: UnixMs, form: &str) -> String {
    // A clock that far off is shown as the number that it is.
    Timestamp::from_millisecond(at.0)
        .map_or_else(|_| at.to_string(), |at| at.to_zoned_datetime(zone.clone()).strftime(form).to_string())
}
