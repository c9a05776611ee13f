//! The jitter buffer's shelf: Opus packets that have arrived and not yet been played, in order of their sound.
//!
//! It only keeps and hands out; how long to wait is decided in [`super::delay`], what to do about a hole by the
//! Inlet. Once warm it allocates nothing: the bytes' memory goes round.

use crate::unit::{MediaTime, Samples, Seq};
use std::collections::VecDeque;

/// Packets kept at most: 2.5 s at 20 ms, 7.7 s at 60. A peer that sends faster than time loses its oldest.
const CAPACITY: usize = 128;

/// A packet on the shelf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The number of the datagram that it belongs to.
    pub seq: Seq,
    /// When its sound begins.
    pub time: MediaTime,
    /// How much sound it holds.
    pub length: Samples,
    /// First of a talkspurt.
    pub start: bool,
    /// Last of a talkspurt.
    pub end: bool,
    /// One Opus packet.
    pub opus: Vec<u8>,
}

impl Kept {
    /// When the sound after it begins.
    #[must_use]
    pub fn next_time(&self) -> MediaTime {
        self.time + self.length
    }
}

/// Packets in order of their sound.
#[derive(Debug, Default)]
pub struct JitterBuffer {
    kept: VecDeque<Kept>,
    spare: Vec<Vec<u8>>,
}

impl JitterBuffer {
    /// Puts a packet in its place. `packet.opus` is copied from `opus`, so that the memory stays here.
    ///
    /// Returns `false` for a time that is there already.
    pub fn insert(&mut self, mut packet: Kept, opus: &[u8]) -> bool {
        let place = self.kept.iter().rposition(|kept| kept.time <= packet.time);
        if place.and_then(|place| self.kept.get(place)).is_some_and(|kept| kept.time == packet.time) {
            return false;
        }
        packet.opus = self.spare.pop().unwrap_or_default();
        packet.opus.extend_from_slice(opus);
        self.kept.insert(place.map_or(0, |place| place + 1), packet);
        if self.kept.len() > CAPACITY {
            self.drop_first();
        }
        true
    }

    /// The packet whose sound comes first.
    #[must_use]
    pub fn first(&self) -> Option<&Kept> {
        self.kept.front()
    }

    /// The packet whose sound comes last.
    #[must_use]
    pub fn last(&self) -> Option<&Kept> {
        self.kept.back()
    }

    /// Takes the first packet off the shelf.
    pub fn drop_first(&mut self) {
        if let Some(mut packet) = self.kept.pop_front() {
            packet.opus.clear();
            self.spare.push(packet.opus);
        }
    }

    /// Empties the shelf.
    pub fn clear(&mut self) {
        while self.first().is_some() {
            self.drop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packet(n: u64) -> Kept {
        Kept { seq: Seq(n), time: MediaTime::from_bricks(n), length: Samples(960), ..Kept::default() }
    }

    proptest! {
        #[test]
        fn packets_come_out_in_order_whatever_order_they_came_in(order in proptest::collection::vec(0u64..200, 0..300)) {
            let mut buffer = JitterBuffer::default();
            let mut fresh = std::collections::BTreeSet::new();
            for n in order {
                // A full shelf drops its oldest, which may then come again; the model follows.
                prop_assert_eq!(buffer.insert(packet(n), &[n as u8]), fresh.insert(n));
                if fresh.len() > CAPACITY {
                    fresh.pop_first();
                }
            }
            for n in fresh {
                prop_assert_eq!(buffer.first().map(|kept| (kept.seq, kept.opus.clone())), Some((Seq(n), vec![n as u8])));
                buffer.drop_first();
            }
            prop_assert!(buffer.first().is_none());
        }
    }
}
