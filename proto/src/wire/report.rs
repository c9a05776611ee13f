//! A report: a sign of life that says what its sender receives, and measures the round trip.

use super::{DecodeError, kind};
use crate::unit::{Bitrate, Level, Seq};
use std::time::Duration;

/// Bytes of a report. A decoder takes longer ones and reads what it knows.
const REPORT_BYTES: usize = 19;

const FLAG_DEAD: u8 = 1 << 0;
const FLAG_CLIPPING: u8 = 1 << 1;
const FLAG_MISSING: u8 = 1 << 2;
const FLAG_LISTENING: u8 = 1 << 3;

/// What the microphone's owner should be told about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Microphone {
    /// Digital silence for seconds: unplugged, or switched off at its foot.
    pub dead: bool,
    /// Samples at full scale: too near, or turned up too far.
    pub clipping: bool,
    /// No capture device at all.
    pub missing: bool,
}

/// What one end has received so far and how it fares. Counters are the low bits of totals: the receiver of the
/// report takes differences, so a lost report loses nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Report {
    /// The sender's clock in milliseconds, low sixteen bits: what an answer echoes.
    pub sent_ms: u16,
    /// The latest `sent_ms` that the sender has received, and how long it has held it; `None` before the first.
    pub echo: Option<Echo>,
    /// Voice packets received.
    pub received: u16,
    /// Voice packets missing by their numbers, before any repair.
    pub lost: u16,
    /// Bricks that were concealed instead of played.
    pub concealed: u16,
    /// How long sound waits in the sender's jitter buffer, in steps of ten milliseconds.
    pub delay: Delay,
    /// Loudness of the sender's microphone.
    pub level: Level,
    /// What is wrong with the microphone.
    pub microphone: Microphone,
    /// Whether it may be kept waiting: its sender only listens for now, so words matter more than delay.
    pub listening: bool,
    /// By how much what it receives now is later than what it received at best: a queue that stands on the way.
    pub queue: Delay,
    /// Voice received lately, IP and UDP headers included; nothing where nothing came.
    pub rate: Rate,
    /// Low twelve bits of the number that its sender's next voice packet will have: what is before it has been sent.
    pub next: u16,
}

/// A rate as a report carries it: half kilobits a second, at most 127.5 kbit/s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate(u8);

impl Rate {
    /// The nearest that a report can carry.
    #[must_use]
    pub fn from_bitrate(rate: Bitrate) -> Self {
        Self(u8::try_from((rate.bps() + 250) / 500).unwrap_or(u8::MAX))
    }

    /// As a rate.
    #[must_use]
    pub fn bitrate(self) -> Bitrate {
        Bitrate::from_bps(u32::from(self.0) * 500)
    }
}

/// The half of a ping that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Echo {
    /// The `sent_ms` of the report that is answered.
    pub sent_ms: u16,
    /// Milliseconds for which it was held; at most 65,534.
    pub held_ms: u16,
}

/// A delay as a report carries it: tens of milliseconds, at most 2,550 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delay(u8);

impl Delay {
    /// The nearest that a report can carry.
    #[must_use]
    pub fn from_duration(delay: Duration) -> Self {
        Self(u8::try_from((delay.as_millis() + 5) / 10).unwrap_or(u8::MAX))
    }

    /// As a time.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_millis(u64::from(self.0) * 10)
    }
}

impl Report {
    /// The number that the next voice packet will have, cut to what a report carries.
    #[must_use]
    pub const fn next_of(seq: Seq) -> u16 {
        (seq.0 & 0xfff) as u16
    }

    /// The same, widened next to the highest number received.
    #[must_use]
    pub fn next(&self, near: Seq) -> Seq {
        Seq::widen(u64::from(self.next), 12, near)
    }

    /// The round trip that this report proves, at a receiver whose own clock shows `now_ms`.
    ///
    /// `None` when it echoes nothing yet. Wraps after 65 s, more than any idle timeout lets live.
    #[must_use]
    pub fn round_trip(&self, now_ms: u16) -> Option<Duration> {
        let echo = self.echo?;
        let round = now_ms.wrapping_sub(echo.sent_ms).wrapping_sub(echo.held_ms);
        // A clock step of one millisecond between the two ends' roundings shows as a tiny negative.
        (round < 60_000).then(|| Duration::from_millis(u64::from(round)))
    }

    /// The datagram.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a level is within -127 and 0"
    )]
    pub fn encode(&self) -> [u8; REPORT_BYTES] {
        let flags = if self.microphone.dead { FLAG_DEAD } else { 0 }
            | if self.microphone.clipping { FLAG_CLIPPING } else { 0 }
            | if self.microphone.missing { FLAG_MISSING } else { 0 }
            | if self.listening { FLAG_LISTENING } else { 0 };
        let [n0, n1] = self.next.to_be_bytes();
        let [s0, s1] = self.sent_ms.to_be_bytes();
        let (echo, held) =
            self.echo.map_or((0, u16::MAX), |echo| (echo.sent_ms, echo.held_ms.min(u16::MAX - 1)));
        let [e0, e1] = echo.to_be_bytes();
        let [h0, h1] = held.to_be_bytes();
        let [r0, r1] = self.received.to_be_bytes();
        let [l0, l1] = self.lost.to_be_bytes();
        let [c0, c1] = self.concealed.to_be_bytes();
        let level = (-self.level.dbfs()).round() as u8;
        [
            kind::REPORT << 5 | flags,
            s0,
            s1,
            e0,
            e1,
            h0,
            h1,
            r0,
            r1,
            l0,
            l1,
            c0,
            c1,
            self.delay.0,
            level,
            self.queue.0,
            self.rate.0,
            n0,
            n1,
        ]
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let fixed: &[u8; REPORT_BYTES] = bytes.first_chunk().ok_or(DecodeError::Short)?;
        let [flags, s0, s1, e0, e1, h0, h1, r0, r1, l0, l1, c0, c1, delay, level, queue, rate, n0, n1] =
            *fixed;
        let held_ms = u16::from_be_bytes([h0, h1]);
        Ok(Self {
            sent_ms: u16::from_be_bytes([s0, s1]),
            echo: (held_ms != u16::MAX).then(|| Echo { sent_ms: u16::from_be_bytes([e0, e1]), held_ms }),
            received: u16::from_be_bytes([r0, r1]),
            lost: u16::from_be_bytes([l0, l1]),
            concealed: u16::from_be_bytes([c0, c1]),
            delay: Delay(delay),
            level: Level::from_dbfs(-f32::from(level)),
            microphone: Microphone {
                dead: flags & FLAG_DEAD != 0,
                clipping: flags & FLAG_CLIPPING != 0,
                missing: flags & FLAG_MISSING != 0,
            },
            listening: flags & FLAG_LISTENING != 0,
            queue: Delay(queue),
            rate: Rate(rate),
            next: u16::from_be_bytes([n0, n1]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Datagram;

    #[test]
    fn a_report_survives_the_wire_and_stays_small() {
        let report = Report {
            sent_ms: 65_000,
            echo: Some(Echo { sent_ms: 12, held_ms: 800 }),
            received: 40_000,
            lost: 3,
            concealed: 9,
            delay: Delay::from_duration(Duration::from_millis(180)),
            level: Level::from_dbfs(-23.0),
            microphone: Microphone { clipping: true, ..Microphone::default() },
            listening: true,
            queue: Delay::from_duration(Duration::from_millis(120)),
            rate: Rate::from_bitrate(Bitrate::from_bps(15_900)),
            next: 4_000,
        };
        let bytes = report.encode();
        assert!(bytes.len() < 20);
        assert_eq!(Datagram::decode(&bytes), Ok(Datagram::Report(report)));
    }

    #[test]
    fn a_longer_report_of_the_future_is_read_as_far_as_known() {
        let mut bytes = Report::default().encode().to_vec();
        bytes.extend([1, 2, 3]);
        assert_eq!(Datagram::decode(&bytes), Ok(Datagram::Report(Report::default())));
        assert_eq!(Datagram::decode(&bytes[..18]), Err(DecodeError::Short));
    }

    #[test]
    fn the_round_trip_leaves_out_how_long_the_echo_was_held() {
        let echo = Some(Echo { sent_ms: 65_500, held_ms: 700 });
        let report = Report { echo, ..Report::default() };
        // 65,500 + 700 + 300 wraps to 964.
        assert_eq!(report.round_trip(964), Some(Duration::from_millis(300)));
        assert_eq!(Report::default().round_trip(5), None);
    }
}
