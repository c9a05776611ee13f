//! What waits for a tunnel that takes no more just now: bounded in bytes and in age, the oldest dropped first. Pure.
//!
//! TCP stops when a segment is lost and then wants to send all that it missed. Voice that is older than a
//! listener's patience must not be among that: it would take the line from what is being said now, and for as
//! long as the stall was.

use std::collections::VecDeque;
use std::ops::Add;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::frames::MAX_PACKET;

/// How long a packet may wait. Beyond what a jitter buffer adds to a bad line, so that a hiccup drops nothing
/// that would still be played; more is delay that each stall leaves behind, less makes losses of hiccups. What
/// QUIC sent in it is repeated by QUIC.
pub const MAX_AGE: Duration = Duration::from_millis(400);

/// How much may wait. [`MAX_AGE`] at 320 kbit/s, five times what the dearest rung sends; room for a list of two
/// thousand sites would only fill the line for seconds, and QUIC repeats what is dropped.
pub const MAX_BYTES: usize = 16 * 1024;

/// Packets that were not sent, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// They had waited for [`MAX_AGE`].
    pub old: u64,
    /// There was no room left for newer ones.
    pub full: u64,
}

impl Add for Dropped {
    type Output = Self;
    /// Those of two queues.
    fn add(self, other: Self) -> Self {
        Self { old: self.old + other.old, full: self.full + other.full }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Queue {
    packets: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    dropped: Dropped,
}

impl Queue {
    /// Takes a packet. What no tunnel carries is dropped.
    pub fn push(&mut self, now: Instant, packet: &[u8]) {
        self.drop_old(now);
        if packet.is_empty() || packet.len() > MAX_PACKET {
            self.dropped.full += 1;
            return;
        }
        while self.bytes + packet.len() > MAX_BYTES && self.pop_front().is_some() {
            self.dropped.full += 1;
        }
        self.bytes += packet.len();
        self.packets.push_back((now, Bytes::copy_from_slice(packet)));
    }

    /// The oldest packet that is still worth sending.
    pub fn pop(&mut self, now: Instant) -> Option<Bytes> {
        self.drop_old(now);
        self.pop_front()
    }

    /// The length of what [`Queue::pop`] would give.
    #[must_use]
    pub fn next_len(&self) -> Option<usize> {
        self.packets.front().map(|(_, packet)| packet.len())
    }

    /// What was dropped so far.
    #[must_use]
    pub const fn dropped(&self) -> Dropped {
        self.dropped
    }

    fn drop_old(&mut self, now: Instant) {
        while self.packets.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= MAX_AGE) {
            self.pop_front();
            self.dropped.old += 1;
        }
    }

    fn pop_front(&mut self) -> Option<Bytes> {
        let (_, packet) = self.packets.pop_front()?;
        self.bytes -= packet.len();
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::now;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn old_packets_are_dropped_and_the_newest_kept() {
        let start = now();
        let mut queue = Queue::default();
        for n in 0..10u8 {
            queue.push(start + MS * 60 * n.into(), &[n]);
        }
        // At 600 ms those of 0, 60, … 180 ms are too old; the one of 240 has waited for 360.
        let left: Vec<u8> =
            std::iter::from_fn(|| queue.pop(start + MS * 600)).map(|packet| packet[0]).collect();
        assert_eq!(left, [4, 5, 6, 7, 8, 9]);
        assert_eq!(queue.dropped(), Dropped { old: 4, full: 0 });
    }

    #[test]
    fn a_full_queue_makes_room_for_the_newest() {
        let start = now();
        let mut queue = Queue::default();
        for n in 0..20u8 {
            queue.push(start, &[n; 1200]);
        }
        assert_eq!(queue.dropped(), Dropped { old: 0, full: 7 });
        assert_eq!(queue.pop(start).map(|packet| packet[0]), Some(7));
        queue.push(start, &[0; MAX_PACKET + 1]);
        queue.push(start, &[]);
        assert_eq!(queue.dropped().full, 9);
    }

    proptest! {
        #[test]
        fn it_is_bounded_and_loses_count_of_nothing(
            pushes in proptest::collection::vec((0u64..300, 1usize..=MAX_PACKET, any::<bool>()), 0..200)
        ) {
            let (mut queue, mut at, mut taken) = (Queue::default(), now(), 0);
            for &(later, len, pop) in &pushes {
                at += Duration::from_millis(later);
                queue.push(at, &vec![1; len]);
                prop_assert!(queue.bytes <= MAX_BYTES);
                taken += u64::from(pop && queue.pop(at).is_some());
            }
            let Dropped { old, full } = queue.dropped();
            prop_assert_eq!(old + full + taken + queue.packets.len() as u64, pushes.len() as u64);
            prop_assert_eq!(queue.bytes, queue.packets.iter().map(|(_, packet)| packet.len()).sum::<usize>());
        }
    }
}
