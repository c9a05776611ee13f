//! A moment, as a person types one: a day, a time of day, or so long ago.
//!
//! Pure: which moment it is depends on the time zone and on now, and both are given.

use crate::store::UnixMs;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::str::FromStr;

/// A moment, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// This day.
    Day(Date),
    /// This time of day, where the bridge is.
    Time(DateTime),
    /// This moment.
    Moment(Timestamp),
    /// So long before now.
    Ago(SignedDuration),
}

/// It is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "give a day such as 2026-03-31, a time such as \"2026-03-31 08:00\", or 7d, 12h, 30m for so long ago"
)]
pub struct NoMoment;

impl When {
    /// The moment from which on something is meant; a day begins at midnight.
    #[must_use]
    pub fn begin(self, zone: &TimeZone, now: UnixMs) -> Option<UnixMs> {
        let at = match self {
            Self::Day(day) => midnight(zone, day),
            Self::Time(time) => zone.to_timestamp(time).ok(),
            Self::Moment(moment) => Some(moment),
            Self::Ago(ago) => Timestamp::from_millisecond(now.0).ok()?.checked_sub(ago).ok(),
        };
        at.map(|at| UnixMs(at.as_millisecond()))
    }

    /// The moment until which something is meant; a day with its end.
    #[must_use]
    pub fn end(self, zone: &TimeZone, now: UnixMs) -> Option<UnixMs> {
        match self {
            Self::Day(day) => midnight(zone, day.tomorrow().ok()?).map(|at| UnixMs(at.as_millisecond())),
            other => other.begin(zone, now),
        }
    }
}

fn midnight(zone: &TimeZone, day: Date) -> Option<Timestamp> {
    zone.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok()
}

impl FromStr for When {
    type Err = NoMoment;

    fn from_str(text: &str) -> Result<Self, NoMoment> {
        let text = text.trim();
        if let Some(ago) = ago(text) {
            return Ok(Self::Ago(ago));
        }
        // With its zone it is a moment wherever it is read; without one only here.
        if let Ok(moment) = text.parse() {
            return Ok(Self::Moment(moment));
        }
        match (text.contains(['T', 't', ' ']), text.parse::<DateTime>()) {
            (true, Ok(time)) => Ok(Self::Time(time)),
            (false, Ok(day)) => Ok(Self::Day(day.date())),
            (_, Err(_)) => Err(NoMoment),
        }
    }
}

fn ago(text: &str) -> Option<SignedDuration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3600,
        "m" => 60,
        _ => return None,
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(seconds).map(SignedDuration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_774_929_600_000); // 2026-03-31 04:00 UTC, 11:00 in Hà Nội

    fn range(text: &str) -> Option<(i64, i64)> {
        let zone = TimeZone::fixed(jiff::tz::offset(7));
        let when: When = text.parse().ok()?;
        let hours = |at: UnixMs| (at.0 - NOW.0) / 3_600_000;
        Some((hours(when.begin(&zone, NOW)?), hours(when.end(&zone, NOW)?)))
    }

    #[test]
    fn what_people_type_is_a_moment_where_the_bridge_is() {
        for (typed, meant) in [
            ("2026-03-31", (-11, 13)),
            ("2026-03-31 08:00", (-3, -3)),
            ("2026-03-31T08:00", (-3, -3)),
            ("2026-03-31T08:00:00Z", (4, 4)),
            ("2026-03-31T08:00+07:00", (-3, -3)),
            ("7d", (-168, -168)),
            ("12h", (-12, -12)),
            ("180m", (-3, -3)),
        ] {
            assert_eq!(range(typed), Some(meant), "{typed}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for wrong in
            ["", "yesterday", "2026-13-01", "31/03/2026", "d", "-3d", "7", "99999999999999999999d", "ngày"]
        {
            assert_eq!(wrong.parse::<When>(), Err(NoMoment), "{wrong}");
        }
        assert_eq!(range("9999999999999d"), None);
    }
}
