//! What both ends of a check do alike: send on a staircase of rates, and make figures of what arrives.
//!
//! ```text
//! End { Sender: words, load } --probes--> the other End { Gauge } -> Figures
//!         ^                                        |
//!         +------- overloaded: stop climbing ------+
//! ```
//!
//! A trickle of words goes both ways all the time, a few each second: round trip, jitter, and what the other end makes
//! of us. On top of it one end at a time climbs: each step sends at a rate, a little more than the one before, until
//! all are done or the other end says that more comes than the line carries. Where that happened, the packets come out
//! at the line's own rate, which is so measured and not only bracketed (packet trains: Dovrolis, Ramanathan, Moore,
//! "What do packet dispersion techniques measure?", INFOCOM 2001).
//!
//! Pure. Bounded: the staircase is climbed once, and only so many probes are remembered.

mod end;
mod gauge;
#[cfg(test)]
mod tests;

pub use end::{End, Outgoing};
pub use gauge::{Figures, Gauge};

use crate::unit::Bitrate;
use std::time::Duration;

/// One step of the staircase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it puts on the line, IP and UDP headers included.
    pub rate: Bitrate,
    /// The size of its packets, the same included.
    ///
    /// Small, because each is one more chance to be lost, and a share is known the better the more there are; not
    /// under 20 ms apart, what voice does at most. A line that counts packets more than bytes looks worse so than
    /// voice would find it.
    pub bytes: usize,
    /// How long it is sent. On a line that carries four fifths of a step, 300 ms pile up in one and a half seconds.
    /// Longer knows the loss better, and takes more of a person's time and data.
    pub lasts: Duration,
}

const fn step(kbps: u32, bytes: usize, lasts_ms: u64) -> Step {
    Step { rate: Bitrate::from_kbps(kbps), bytes, lasts: Duration::from_millis(lasts_ms) }
}

/// The staircase, from the least that voice can do with to what the dearest rung costs and some more.
pub const STEPS: [Step; 7] = [
    step(8, 60, 2000),
    step(12, 60, 2000),
    step(16, 60, 2000),
    step(24, 90, 1500),
    step(32, 80, 1500),
    step(48, 120, 1500),
    step(64, 160, 1500),
];

/// How long the whole staircase takes.
pub const CLIMB: Duration = {
    let (mut total, mut n) = (0, 0);
    while n < STEPS.len() {
        total += STEPS[n].lasts.as_millis();
        n += 1;
    }
    Duration::from_millis(total as u64)
};

/// How often a word goes out: with headers 66 bytes, some 2 kbit/s. Less often tells the other end later that its line
/// is full; more often is a load of its own.
pub const WORD_EVERY: Duration = Duration::from_millis(250);

/// Delay on top of the line's own up to which a rate is carried. A quarter of what makes people talk into each other's
/// sentences; more would call a line good whose queue is filling.
pub const CARRIED: Duration = Duration::from_millis(150);

/// Delay on top of the line's own at which nobody climbs on. Twice as much as [`CARRIED`], so that the jitter of a
/// mobile line is not taken for a queue; less than the second or two that modems queue, so that nothing is lost by it.
pub const TOO_MUCH: Duration = Duration::from_millis(300);

/// The longest that a check may take at the bridge, from the word that it may begin.
pub const AT_MOST: Duration = Duration::from_secs(40);
