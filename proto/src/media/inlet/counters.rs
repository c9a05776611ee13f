//! What an Inlet counts, and how numbers tell what is lost.

use crate::unit::Seq;

/// Totals since the Inlet was made. Packets unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InletCounters {
    /// Arrived, each once, in time or late.
    pub received: u64,
    /// Missing by their numbers, as of now.
    pub lost: u64,
    /// Arrived after their sound was due.
    pub late: u64,
    /// Arrived a second time.
    pub duplicate: u64,
    /// Did not parse or decode.
    pub damaged: u64,
    /// Thrown away unplayed because newer sound had piled up behind them.
    pub skipped: u64,
    /// Bricks of 20 ms that were a guess.
    pub concealed: u64,
    /// Bricks that were merged with the one after them, to catch up.
    pub merged: u64,
    /// Times that the sender's clock jumped and all was begun anew.
    pub resyncs: u64,
}

/// Which numbers have come: the highest and a bit for each of the 64 at and below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    span: Option<(Seq, Seq)>,
    recent: u64,
    received: u64,
}

impl Numbers {
    /// Where the next number is expected.
    pub(super) fn highest(&self) -> Seq {
        // Far from zero, so that a first packet that overtook others widens without wrapping.
        self.span.map_or(Seq(1 << 20), |(_, highest)| highest)
    }

    /// Whether this number is new. One too old to tell counts as new: it will be too late anyway.
    pub(super) fn insert(&mut self, seq: Seq) -> bool {
        let Some((lowest, highest)) = self.span else {
            *self = Self { span: Some((seq, seq)), recent: 1, received: 1 };
            return true;
        };
        let ahead = seq.ahead_of(highest);
        if ahead > 0 {
            self.recent =
                u32::try_from(ahead).ok().and_then(|by| self.recent.checked_shl(by)).unwrap_or(0) | 1;
            self.span = Some((lowest, seq));
        } else {
            let bit = u32::try_from(-ahead).ok().and_then(|by| 1u64.checked_shl(by)).unwrap_or(0);
            if self.recent & bit != 0 {
                return false;
            }
            self.recent |= bit;
            self.span = Some((lowest.min(seq), highest));
        }
        self.received += 1;
        true
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    pub(super) fn lost(&self) -> u64 {
        let expected = self.span.map_or(0, |(lowest, highest)| highest.ahead_of(lowest).unsigned_abs() + 1);
        expected.saturating_sub(self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(numbers: &[u64]) -> (u64, u64, usize) {
        let mut seen = Numbers::default();
        let duplicates = numbers.iter().filter(|&&n| !seen.insert(Seq(1000 + n))).count();
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
}
