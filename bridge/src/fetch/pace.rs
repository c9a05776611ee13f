//! How fast something that can wait goes to a line beside voice. Pure.
//!
//! ```text
//!   what the leg may cost now, less room for voice and its repair     (rate control)
//!   and what the line was seen to carry without a queue               (round trips)
//!        less all bytes that have gone to it                          (voice, repair, QUIC's own: the connection's count)
//!   = what may go now, of which nothing is saved up
//! ```
//!
//! QUIC's window is of no use here: it is fixed, so that nothing ever holds voice back. A queue on the way is seen where
//! round trips get longer than the fastest; while nobody speaks there is nothing else to see it by.

use giaoban_proto::unit::Bitrate;
use std::time::{Duration, Instant};

/// What it begins with, in bytes a second: 8 kbit/s, which nearly every line carries.
const BEGIN: f64 = 1000.0;

/// Less is never sent for long: a line that is so slow carries no voice either.
const LEAST: f64 = 250.0;

/// A round trip that is longer than the fastest by so much has met a queue, if the next one has too. Less takes jitter for
/// a queue, more is felt by whoever speaks.
const STANDS: Duration = Duration::from_millis(250);

/// A queue of this is none.
const GONE: Duration = Duration::from_millis(140);

/// Growth a second: doubled in 12 s.
const GROWTH: f64 = 0.06;

/// What is sent after a queue, of what made it.
const AFTER_QUEUE: f64 = 0.7;

/// What has made a queue is not tried again for so long, and what comes near it either.
const FULL_FOR: Duration = Duration::from_secs(60);

/// See [`FULL_FOR`].
const NEAR_FULL: f64 = 0.85;

/// What one part may cost, by how long it keeps the line from voice that begins meanwhile.
const PART: f64 = 0.1;

/// The smallest part that is worth its headers, and the largest that fits a message and a packet.
const PARTS: (f64, f64) = (200.0, 1000.0);

/// See the module.
#[derive(Clone, Debug)]
pub struct Pace {
    ceiling: f64,
    /// What may go now; negative where too much has gone.
    left: f64,
    at: Instant,
    /// Bytes that had gone by then.
    wire: u64,
    above: u32,
    holds: bool,
    full: Option<(f64, Instant)>,
}

/// What may go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Bytes, all headers included.
    pub bytes: u32,
    /// How large one part should be.
    pub part: u32,
}

impl Pace {
    /// For a line to which so many bytes have gone.
    #[must_use]
    pub const fn new(now: Instant, wire: u64) -> Self {
        Self { ceiling: BEGIN, left: 0.0, at: now, wire, above: 0, holds: false, full: None }
    }

    /// A round trip was measured, and `fastest` is the fastest of late.
    pub fn handle_round_trip(&mut self, now: Instant, round_trip: Duration, fastest: Duration) {
        let queue = round_trip.saturating_sub(fastest);
        if queue < STANDS {
            self.above = 0;
            self.holds &= queue > GONE;
            return;
        }
        self.above += 1;
        if !self.holds && (self.above >= 2 || queue >= STANDS * 2) {
            self.full = Some((self.ceiling, now));
            self.ceiling = (self.ceiling * AFTER_QUEUE).max(LEAST);
            self.holds = true;
        }
    }

    /// What may go now. To be asked some ten times a second: `most` is what the line may be sent in all, `wire` the
    /// bytes that have gone to it so far.
    pub fn credit(&mut self, now: Instant, most: Bitrate, wire: u64) -> Credit {
        let passed = now.saturating_duration_since(self.at).as_secs_f64().min(1.0);
        let used = wire.saturating_sub(self.wire);
        (self.at, self.wire) = (now, wire);
        let most = f64::from(most.bps()) / 8.0;
        self.full = self.full.filter(|(_, at)| now.saturating_duration_since(*at) < FULL_FOR);
        let highest = self.full.map_or(most, |(full, _)| most.min(full * NEAR_FULL));
        if !self.holds && self.ceiling < highest {
            self.ceiling = (self.ceiling * (1.0 + GROWTH * passed)).min(highest);
        }
        let rate = most.min(self.ceiling);
        let part = (rate * PART).clamp(PARTS.0, PARTS.1);
        self.left += rate.mul_add(passed, -(used as f64));
        // What is owed for a moment's excess is paid off within a second.
        self.left = self.left.clamp(-rate, part * 1.5);
        let stops = self.holds || rate == 0.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1,500")]
        let whole = |value: f64| value.max(0.0) as u32;
        Credit { bytes: if stops { 0 } else { whole(self.left) }, part: whole(part) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    /// A line of so many bytes a second that is so busy with voice; how much was fetched over it each second, and the
    /// longest queue in ms.
    fn run(line: f64, most_kbps: u32, voice: impl Fn(u32) -> f64, seconds: u32) -> (Vec<f64>, f64) {
        let start = start();
        let mut pace = Pace::new(start, 0);
        let (mut wire, mut queue, mut longest, mut fetched) = (0.0f64, 0.0f64, 0.0f64, vec![0.0]);
        let mut saved = 0.0;
        for tenth in 1..=seconds * 10 {
            let now = start + MS * 100 * tenth;
            let said = voice(tenth / 10) / 10.0;
            let credit = pace.credit(now, Bitrate::from_kbps(most_kbps), wire as u64);
            // A part is sent when it is affordable.
            let sent = if credit.bytes >= credit.part { f64::from(credit.part) } else { 0.0 };
            saved += sent;
            wire += said + sent;
            queue = (queue + said + sent - line / 10.0).max(0.0);
            longest = longest.max(queue / line * 1000.0);
            if tenth % 10 == 0 {
                pace.handle_round_trip(now, MS * 300 + Duration::from_secs_f64(queue / line), MS * 300);
                fetched.push(saved);
                saved = 0.0;
            }
        }
        (fetched, longest)
    }

    #[test]
    fn pauses_are_filled_and_voice_is_left_its_room() {
        // 16 kbit/s of line and budget; voice of 14 kbit/s for 20 s, then nothing.
        let (fetched, queue) = run(2000.0, 14, |second| if second < 20 { 1750.0 } else { 0.0 }, 60);
        assert!(fetched[..20].iter().sum::<f64>() < 200.0, "{fetched:?}");
        let later = fetched[46..].iter().sum::<f64>() / 15.0;
        assert!((1500.0..=1760.0).contains(&later), "{later} B/s of {fetched:?}");
        assert!(queue < 200.0, "{queue} ms");
    }

    #[test]
    fn a_line_that_carries_less_than_was_thought_is_found_out_and_left_alone() {
        let (fetched, queue) = run(1250.0, 48, |_| 0.0, 120);
        assert!(queue < 700.0, "{queue} ms");
        let later = fetched[60..].iter().sum::<f64>() / 60.0;
        assert!((700.0..1250.0).contains(&later), "{later} B/s");
    }

    #[test]
    fn nothing_goes_while_the_leg_has_nothing_to_spare_and_nothing_is_saved_up_meanwhile() {
        let now = start();
        let mut pace = Pace::new(now, 500);
        for tenth in 1..100 {
            let credit = pace.credit(now + MS * 100 * tenth, Bitrate::default(), 500);
            assert_eq!(credit.bytes, 0);
        }
        let credit = pace.credit(now + MS * 10_000, Bitrate::from_kbps(48), 500);
        assert!(credit.bytes <= 400, "{credit:?}");
    }
}
