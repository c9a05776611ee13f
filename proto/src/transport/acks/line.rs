//! What is remembered of one connection's packets, to tell what should be acknowledged at once.
//!
//! Pure: the time comes in, as what has passed since the connection began. quinn drives a connection under
//! its lock, so that the order of calls is given and the atomics need none of their own.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::frames::{self, Received};

/// A direction in which two packets went in this time carries voice: packets of 60 or 120 ms, one of them
/// perhaps lost. Heartbeats are farther apart, the quick ones too. Packets of 240 ms count as none, so that
/// a lost one may cost an acknowledgement.
const RUNNING: Duration = Duration::from_millis(400);

/// At most one acknowledgement out of turn in this time, so that a busy stream does not spend again what is
/// saved. As long as the quick heartbeat that `Acks::unsettled` calls for.
const NUDGE_EVERY: Duration = Duration::from_millis(250);

/// See the module.
#[derive(Default)]
pub(super) struct Line {
    /// One above the highest packet number that was opened.
    next: AtomicU64,
    opened: Flow,
    sealed: Flow,
    /// When an acknowledgement out of turn may be asked for again, in milliseconds.
    nudge: AtomicU64,
    alone: AtomicU64,
    /// One above the number of the last packet with control that was sealed.
    control: AtomicU64,
    /// One above the highest number that the peer acknowledged.
    acked: AtomicU64,
}

impl Line {
    /// Notes an opened packet, and says whether it should be acknowledged at once.
    ///
    /// It should if it is no part of running voice and holds control, or follows a gap, in which control may
    /// have been; in running voice, if it does both. A gap alone is then a lost voice packet, which is not
    /// QUIC's business, and control alone can wait for the heartbeat. Nor need it be if we are sending
    /// voice, in which the news rides anyway.
    pub(super) fn opens(&self, elapsed: Duration, number: u64, frames: &[u8]) -> bool {
        let now = millis(elapsed);
        let Received { control, acked } = frames::received(frames);
        if let Some(acked) = acked {
            self.acked.fetch_max(acked.saturating_add(1), Relaxed);
        }
        let gap = self.next.fetch_max(number.saturating_add(1), Relaxed) < number;
        let news = if self.opened.is_running(now) { control && gap } else { control || gap };
        self.opened.note(now);
        let urgent = news && !self.sealed.is_running(now) && now >= self.nudge.load(Relaxed);
        if urgent {
            self.nudge.store(now.saturating_add(millis(NUDGE_EVERY)), Relaxed);
        }
        urgent
    }

    /// Notes a packet about to be sealed.
    pub(super) fn seals(&self, elapsed: Duration, number: u64, frames: &[u8]) {
        self.sealed.note(millis(elapsed));
        if frames::is_bare(frames) {
            self.alone.fetch_add(1, Relaxed);
        } else if frames::received(frames).control {
            self.control.store(number.saturating_add(1), Relaxed);
        }
    }

    /// How many sealed packets held nothing but an acknowledgement or a probe.
    pub(super) fn alone(&self) -> u64 {
        self.alone.load(Relaxed)
    }

    /// Whether control was sealed after the last packet that the peer acknowledged. When that is so no more
    /// while control is missing, quinn repeats it, and it is so again.
    pub(super) fn unsettled(&self) -> bool {
        self.control.load(Relaxed) > self.acked.load(Relaxed)
    }
}

/// When the last two packets went in one direction, in milliseconds from 1; 0 for never.
#[derive(Default)]
struct Flow {
    last: AtomicU64,
    before: AtomicU64,
}

impl Flow {
    fn note(&self, now: u64) {
        self.before.store(self.last.swap(now.max(1), Relaxed), Relaxed);
    }

    /// Whether both went in the last [`RUNNING`].
    fn is_running(&self, now: u64) -> bool {
        let before = self.before.load(Relaxed);
        before != 0 && now.saturating_sub(before) < millis(RUNNING)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOICE: &[u8] = &[0x31, 2, 9, 9];
    const STREAM: &[u8] = &[0x08, 0, 7];
    const ACK_OF_5: &[u8] = &[0x02, 5, 0, 0, 0];

    /// A line on which packets 0 … n came every `every` ms, and the time of the next.
    fn after(n: u64, every: u64) -> (Line, u64) {
        let line = Line::default();
        for number in 0..n {
            assert!(!line.opens(Duration::from_millis(1000 + number * every), number, VOICE));
        }
        (line, 1000 + n * every)
    }

    #[test]
    fn what_comes_is_urgent_by_this_table() {
        // Packets every so many ms, voice sent meanwhile, a gap, control: urgent?
        let table = [
            (60, false, false, false, false),
            (60, false, true, false, false),
            (60, false, false, true, false),
            (60, false, true, true, true),
            (120, false, true, false, false),
            (1000, false, false, false, false),
            (1000, false, true, false, true),
            (1000, false, false, true, true),
            (250, false, true, false, true),
            (1000, true, true, true, false),
            (60, true, true, true, false),
        ];
        for row in table {
            let (every, talking, gap, control, urgent) = row;
            let (line, now) = after(5, every);
            if talking {
                line.seals(Duration::from_millis(now - 70), 0, VOICE);
                line.seals(Duration::from_millis(now - 10), 1, VOICE);
            }
            let number = if gap { 6 } else { 5 };
            let frames = if control { STREAM } else { VOICE };
            assert_eq!(line.opens(Duration::from_millis(now), number, frames), urgent, "{row:?}");
        }
    }

    #[test]
    fn one_heartbeat_of_ours_does_not_count_as_talking() {
        let (line, now) = after(5, 1000);
        line.seals(Duration::from_millis(now - 1010), 0, VOICE);
        line.seals(Duration::from_millis(now - 10), 1, VOICE);
        assert!(line.opens(Duration::from_millis(now), 6, VOICE));
    }

    #[test]
    fn at_most_four_a_second_are_urgent() {
        let (line, now) = after(5, 1000);
        let urgent = (0..1000).filter(|ms| line.opens(Duration::from_millis(now + ms), 5 + 2 * ms, STREAM));
        assert_eq!(urgent.count(), 4);
    }

    #[test]
    fn control_is_unsettled_until_it_is_acknowledged() {
        let line = Line::default();
        line.seals(Duration::ZERO, 4, VOICE);
        assert!(!line.unsettled());
        line.seals(Duration::ZERO, 5, STREAM);
        line.seals(Duration::ZERO, 6, VOICE);
        assert!(line.unsettled());
        line.opens(Duration::ZERO, 0, ACK_OF_5);
        assert!(!line.unsettled());
    }

    #[test]
    fn only_packets_that_carry_nothing_count_as_alone() {
        let line = Line::default();
        for (number, frames) in [VOICE, STREAM, ACK_OF_5, &[0x01, 0x1f, 0]].into_iter().enumerate() {
            line.seals(Duration::ZERO, number as u64, frames);
        }
        assert_eq!(line.alone(), 2);
    }
}
