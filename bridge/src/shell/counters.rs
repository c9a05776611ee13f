//! What happens at the door, counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the door has seen since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Handshakes that came to nothing.
    pub failed_handshakes: AtomicU64,
    /// Connections turned away because too many were on their way in.
    pub turned_away: AtomicU64,
    /// Connections turned away because too many from their network came to nothing.
    pub turned_away_by_network: AtomicU64,
    /// Strangers turned away because too many of them were on their way in.
    pub strangers_turned_away: AtomicU64,
    /// Guests that did not know the PIN.
    pub wrong_pins: AtomicU64,
    /// Guests that were not let try, since too many had been wrong.
    pub pins_held_off: AtomicU64,
    /// Times that a member's control messages had to wait.
    pub messages_held_off: AtomicU64,
    /// Devices that were not admitted.
    pub refused: AtomicU64,
    /// Connections that had to prove their address first.
    pub retried: AtomicU64,
    /// Pieces of recordings that were begun, and those that were not to be had.
    pub fetches: AtomicU64,
    /// See [`Counters::fetches`].
    pub fetches_refused: AtomicU64,
    /// Datagrams of members that were none of ours.
    pub bad_datagrams: AtomicU64,
    /// Datagrams beyond a member's share, or that found the worker's queue full.
    pub dropped_datagrams: AtomicU64,
}

impl Counters {
    /// Each by its name.
    #[must_use]
    pub fn list(&self) -> [(&'static str, u64); 13] {
        [
            ("failed_handshakes", &self.failed_handshakes),
            ("turned_away", &self.turned_away),
            ("turned_away_by_network", &self.turned_away_by_network),
            ("strangers_turned_away", &self.strangers_turned_away),
            ("wrong_pins", &self.wrong_pins),
            ("pins_held_off", &self.pins_held_off),
            ("messages_held_off", &self.messages_held_off),
            ("refused", &self.refused),
            ("retried", &self.retried),
            ("fetches", &self.fetches),
            ("fetches_refused", &self.fetches_refused),
            ("bad_datagrams", &self.bad_datagrams),
            ("dropped_datagrams", &self.dropped_datagrams),
        ]
        .map(|(name, counter)| (name, counter.load(Relaxed)))
    }
}
