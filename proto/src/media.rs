//! The voice path: what turns sound into packets and packets into sound.
//!
//! ```text
//! sound -> Outlet { silence decision, Opus, numbering } -> Frame -> … -> Frame -> Inlet { reorder, wait, decode or conceal } -> sound
//! ```
//!
//! A client is one Outlet and one Inlet; a member's leg in the bridge is one Inlet and one Outlet with the
//! mixer between. Nothing here knows the network, a thread or a clock: time comes in as `now`.

#[cfg(feature = "opus")]
pub mod codec;
pub mod comfort;
pub mod delay;
#[cfg(feature = "opus")]
mod inlet;
pub mod jitter;
pub mod ladder;
pub mod level;
#[cfg(feature = "opus")]
mod outlet;
pub mod stretch;

#[cfg(feature = "opus")]
pub use inlet::{Inlet, InletCounters, Pulled};
#[cfg(feature = "opus")]
pub use outlet::Outlet;

use crate::unit::{BRICK_SAMPLES, Level, MediaTime};

/// One encoded packet on its way out, not yet numbered: the leg that sends it does that, since legs share encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// When its sound begins.
    pub time: MediaTime,
    /// The first of a talkspurt.
    pub start: bool,
    /// The last of a talkspurt: silence follows.
    pub end: bool,
    /// One Opus packet.
    pub opus: &'a [u8],
}

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
