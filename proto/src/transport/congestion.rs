//! A congestion controller that does not control: one fixed, generous window.
//!
//! Voice is a trickle whose rate its own control sets, from what the far end reports; a window that shrinks
//! with every lost packet only starves it. At 20 % loss and 600 ms this window delivers all that the link
//! does, at the link's delay, where CUBIC adds 1.4 s at the 95th percentile and NewReno 4 s. Bulk cannot
//! abuse it: streams are held to 64 KiB by flow control (see `config`).

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory};

/// Bytes that may be on the way, unacknowledged.
///
/// More than 64 kbit/s sends within the idle timeout (240 kB), so that no outage which the connection
/// survives ever blocks voice: blocked, the first sound after the outage would wait for a probe whose timer
/// had doubled all the while. Less brings that back (64 KiB block 48 kbit/s after 11 s); more lets a peer
/// that never acknowledges pin more memory: quinn keeps a record of some 150 bytes for each packet on the
/// way, so at 100-byte packets this bounds it to 400 kB.
pub const WINDOW: u64 = 256 * 1024;

/// The controller, and the factory of itself: it has no state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steady;

impl ControllerFactory for Steady {
    fn build(self: Arc<Self>, _now: Instant, _current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Self)
    }
}

impl Controller for Steady {
    fn on_congestion_event(&mut self, _now: Instant, _sent: Instant, _persistent: bool, _lost_bytes: u64) {}

    fn on_mtu_update(&mut self, _new_mtu: u16) {}

    /// quinn's pacer derives its rate from this: bursts of 12,000 bytes, refilled at 1.25 windows a round
    /// trip. At a round trip of 4 s that is still 655 kbit/s, so it never delays a voice packet.
    fn window(&self) -> u64 {
        WINDOW
    }

    fn initial_window(&self) -> u64 {
        WINDOW
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(*self)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
