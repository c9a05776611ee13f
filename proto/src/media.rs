//! The voice path: what turns sound into packets and packets into sound.
//!
//! ```text
//! sound -> Outlet { Opus, bundles } -> Packet -> Departures { numbers, copies, sent again } -> datagram
//!                                                     ^ rung: RateControl <- the far end's reports
//! datagram -> Inlet { numbers, Asker, JitterBuffer, wait, Opus or concealment, Stretcher } -> sound
//! ```
//!
//! A client is one of each; a member's leg in the bridge is an Inlet and Departures, with the mixer and the Outlets
//! that legs share between. Nothing here knows the network, a thread or a clock: time comes in as `now`.

mod asker;
#[cfg(feature = "opus")]
pub mod codec;
pub mod comfort;
pub mod delay;
mod departures;
#[cfg(feature = "opus")]
mod inlet;
pub mod jitter;
pub mod ladder;
pub mod level;
#[cfg(feature = "opus")]
mod outlet;
mod packet;
pub mod rate;
pub mod stretch;
pub mod tune;
pub mod wait;

pub use asker::{Asker, Manner};
pub use departures::{AROUND_BYTES, DepartureCounters, Departures, Terrible};
#[cfg(feature = "opus")]
pub use inlet::{Inlet, InletCounters, Pulled};
#[cfg(feature = "opus")]
pub use outlet::Outlet;
pub use packet::Packet;

use crate::unit::{BRICK_SAMPLES, Level};

/// One brick of sound: 20 ms, mono, 48 kHz, samples in −1.0 … 1.0.
///
/// Fixed in size so that it lives in place and is never allocated on the way.
#[derive(Clone, PartialEq)]
pub struct Pcm([f32; BRICK_SAMPLES]);

impl Pcm {
    /// A brick of digital silence.
    pub const SILENCE: Self = Self([0.0; BRICK_SAMPLES]);

    /// The samples.
    #[must_use]
    pub const fn samples(&self) -> &[f32; BRICK_SAMPLES] {
        &self.0
    }

    /// The samples, to be changed in place.
    pub const fn samples_mut(&mut self) -> &mut [f32; BRICK_SAMPLES] {
        &mut self.0
    }

    /// Its loudness.
    #[must_use]
    pub fn level(&self) -> Level {
        Level::of(&self.0)
    }
}

impl Default for Pcm {
    fn default() -> Self {
        Self::SILENCE
    }
}

impl std::fmt::Debug for Pcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pcm({:.1} dBFS)", self.level().dbfs())
    }
}
