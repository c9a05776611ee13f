//! What an Inlet counts, and how numbers tell what is lost.

use crate::unit::Seq;

/// Totals since the Inlet was made. Packets unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InletCounters {
    /// Had in the end, each once, in time or late: sent once, sent again or as a copy.
    pub received: u64,
    /// Missing by their numbers when they were sent first: loss before any repair.
    pub lost: u64,
    /// Lost, and had because they were sent again.
    pub recovered_by_asking: u64,
    /// Lost, and had by a copy in a later one.
    pub recovered_by_copy: u64,
    /// Of those had by either, how many were in time to be played.
    pub recovered_in_time: u64,
    /// Requests for a lost packet, each time counted.
    pub asked: u64,
    /// Arrived after their sound was due.
    pub late: u64,
    /// Arrived a second time.
    pub duplicate: u64,
    /// Did not parse or decode.
    pub damaged: u64,
    /// Thrown away unplayed because newer sound had piled up behind them.
    pub skipped: u64,
    /// Bricks of 20 ms that were a guess, or silence where there was speech.
    pub concealed: u64,
    /// Samples by which sound was shortened, to catch up.
    pub shortened: u64,
    /// Samples by which it was lengthened, to wait longer.
    pub lengthened: u64,
    /// Times that the sender's clock jumped and all was begun anew.
    pub resyncs: u64,
}

impl std::ops::Add for InletCounters {
    type Output = Self;
    fn add(self, more: Self) -> Self {
        Self {
            received: self.received + more.received,
            lost: self.lost + more.lost,
            recovered_by_asking: self.recovered_by_asking + more.recovered_by_asking,
            recovered_by_copy: self.recovered_by_copy + more.recovered_by_copy,
            recovered_in_time: self.recovered_in_time + more.recovered_in_time,
            asked: self.asked + more.asked,
            late: self.late + more.late,
            duplicate: self.duplicate + more.duplicate,
            damaged: self.damaged + more.damaged,
            skipped: self.skipped + more.skipped,
            concealed: self.concealed + more.concealed,
            shortened: self.shortened + more.shortened,
            lengthened: self.lengthened + more.lengthened,
            resyncs: self.resyncs + more.resyncs,
        }
    }
}

/// Which numbers have come: the highest and a bit for each of the 64 at and below it, for those had at all and for
/// those that came when they were sent first.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    span: Option<(Seq, Seq)>,
    recent: u64,
    recent_first: u64,
    received: u64,
    first: u64,
}

impl Numbers {
    /// Where the next number is expected.
    pub(super) fn highest(&self) -> Seq {
        // Far from zero, so that a first packet that overtook others widens without wrapping.
        self.span.map_or(Seq(1 << 20), |(_, highest)| highest)
    }

    /// Whether anything has come.
    pub(super) fn is_empty(&self) -> bool {
        self.span.is_none()
    }

    /// Whether this number has been had already.
    pub(super) fn has(&self, seq: Seq) -> bool {
        self.span.is_some_and(|(_, highest)| self.recent & bit(highest.ahead_of(seq)) != 0)
    }

    /// Whether this number is new; `again` for what was not sent for the first time. One too old to tell counts as
    /// new: it will be too late anyway.
    pub(super) fn insert(&mut self, seq: Seq, again: bool) -> bool {
        let first = !again;
        let Some((lowest, highest)) = self.span else {
            *self = Self {
                span: Some((seq, seq)),
                recent: 1,
                recent_first: u64::from(first),
                received: 1,
                first: u64::from(first),
            };
            return true;
        };
        let ahead = seq.ahead_of(highest);
        if ahead > 0 {
            let shifted =
                |bits: u64| u32::try_from(ahead).ok().and_then(|by| bits.checked_shl(by)).unwrap_or(0);
            self.recent = shifted(self.recent) | 1;
            self.recent_first = shifted(self.recent_first) | u64::from(first);
            self.span = Some((lowest, seq));
        } else {
            let bit = bit(-ahead);
            // What was had already by repair may yet come by itself: then it was not lost.
            let late_first = first && self.recent_first & bit == 0;
            if self.recent & bit != 0 {
                self.first += u64::from(late_first);
                self.recent_first |= if first { bit } else { 0 };
                return false;
            }
            self.recent |= bit;
            self.recent_first |= if first { bit } else { 0 };
            self.span = Some((lowest.min(seq), highest));
        }
        self.received += 1;
        self.first += u64::from(first);
        true
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Those that did not come when they were sent first.
    pub(super) fn lost(&self) -> u64 {
        let expected = self.span.map_or(0, |(lowest, highest)| highest.ahead_of(lowest).unsigned_abs() + 1);
        expected.saturating_sub(self.first)
    }

    /// Those that did.
    pub(super) fn first(&self) -> u64 {
        self.first
    }
}

/// The bit of a number that is so many below the highest; none where that is not kept.
fn bit(below: i64) -> u64 {
    u32::try_from(below).ok().and_then(|by| 1u64.checked_shl(by)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(numbers: &[u64]) -> (u64, u64, usize) {
        let mut seen = Numbers::default();
        let duplicates = numbers.iter().filter(|&&n| !seen.insert(Seq(1000 + n), false)).count();
        (seen.received(), seen.lost(), duplicates)
    }

    #[test]
    fn holes_are_lost_until_they_are_filled_and_doubles_count_once() {
        assert_eq!(counted(&[0, 1, 2, 5]), (4, 2, 0));
        assert_eq!(counted(&[0, 1, 2, 5, 4, 3]), (6, 0, 0));
        assert_eq!(counted(&[0, 1, 1, 0, 2, 2]), (3, 0, 3));
        assert_eq!(counted(&[5, 3, 4]), (3, 0, 0));
        assert_eq!(counted(&[0, 100, 36, 37, 37]), (4, 97, 1));
    }

    #[test]
    fn what_is_repaired_was_lost_all_the_same() {
        let mut seen = Numbers::default();
        for (n, again) in [(0, false), (1, false), (4, false), (2, true), (3, true), (3, false)] {
            seen.insert(Seq(1000 + n), again);
        }
        // The last came by itself after all.
        assert_eq!((seen.received(), seen.first(), seen.lost()), (5, 4, 1));
        assert!(seen.has(Seq(1002)) && !seen.has(Seq(1005)));
    }
}
