//! The client's two doors: one Outlet on the way to the bridge, one Inlet on the way back, and the heartbeat that
//! says how both fare.
//!
//! ```text
//! Source -> Cleaner -> Uplink { silence gate, Outlet, numbers } -> datagram ‥‥ bridge
//! Sink   <- Downlink { Inlet }                         <- datagram ‥‥ bridge
//!           Heartbeat { report out, round trip in }   <-> datagram ‥‥ bridge
//! ```
//!
//! Pure: no device, no socket, no clock. Media time advances with every brick that comes in, spoken or not, muted
//! or not, so that silence keeps its length; numbers advance only with packets.

mod cleaner;
mod cue;
mod downlink;
mod effort;
mod heartbeat;
mod skew;
mod uplink;

pub use cleaner::{Cleaner, Cleaning};
pub use cue::{Cue, Cues};
pub use downlink::{Downlink, DownlinkCounters, Heard};
pub use effort::Effort;
pub use heartbeat::{Heartbeat, PERIOD, PERIOD_IN_SILENCE};
pub use skew::{CardTime, Skew};
pub use uplink::Uplink;

#[cfg(test)]
pub(crate) mod testing {
    use giaoban_proto::media::Pcm;
    use giaoban_proto::unit::BRICK_SAMPLES;
    use std::time::Instant;

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    pub(crate) fn start() -> Instant {
        Instant::now()
    }

    /// Brick `n` of a buzz with many harmonics, loud enough for any gate.
    pub(crate) fn buzz(n: u64) -> Pcm {
        let mut brick = Pcm::SILENCE;
        for (i, sample) in brick.samples_mut().iter_mut().enumerate() {
            *sample = if (n as usize * BRICK_SAMPLES + i) % 384 < 40 { 0.3 } else { -0.03 };
        }
        brick
    }
}
