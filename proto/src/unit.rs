//! Units as types: what counts packets, what counts sound, what counts bits.
//!
//! Wide inside, narrow on the wire: the wire module cuts these to their low bits and widens them again
//! next to a value that the receiver already knows.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Samples a second, everywhere inside: bricks, mixing, media time.
pub const SAMPLE_RATE: u32 = 48_000;

/// Length of one brick, the step in which everything inside is cut, mixed and pulled.
pub const BRICK: Duration = Duration::from_millis(20);

/// Samples in one brick: 20 ms at 48 kHz.
pub const BRICK_SAMPLES: usize = 960;

/// The number of a packet on one leg in one direction. Counts packets, so silence does not advance it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// How many numbers `self` is ahead of `other`; negative when behind.
    #[must_use]
    pub const fn ahead_of(self, other: Self) -> i64 {
        self.0.wrapping_sub(other.0) as i64
    }

    /// Widens the low `bits` of a number to the value closest to `near`.
    #[must_use]
    pub const fn widen(low: u64, bits: u32, near: Self) -> Self {
        Self(widen(low, bits, near.0))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// When a sound was made, in samples at 48 kHz since the sender began. Advances through silence.
///
/// Its zero is the sender's own: it is compared with a clock only where delay is estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaTime(pub u64);

impl MediaTime {
    /// The time at which brick number `n` begins.
    #[must_use]
    pub const fn from_bricks(n: u64) -> Self {
        Self(n * BRICK_SAMPLES as u64)
    }

    /// Whole bricks since zero.
    #[must_use]
    pub const fn bricks(self) -> u64 {
        self.0 / BRICK_SAMPLES as u64
    }

    /// Samples by which `self` is ahead of `other`; negative when behind.
    #[must_use]
    pub const fn ahead_of(self, other: Self) -> i64 {
        self.0.wrapping_sub(other.0) as i64
    }

    /// Widens the low `bits` of a brick number to the time closest to `near`.
    #[must_use]
    pub const fn widen_bricks(low: u64, bits: u32, near: Self) -> Self {
        Self::from_bricks(widen(low, bits, near.bricks()))
    }
}

impl Add<Samples> for MediaTime {
    type Output = Self;
    fn add(self, rhs: Samples) -> Self {
        Self(self.0.wrapping_add(u64::from(rhs.0)))
    }
}

impl Sub<Samples> for MediaTime {
    type Output = Self;
    fn sub(self, rhs: Samples) -> Self {
        Self(self.0.wrapping_sub(u64::from(rhs.0)))
    }
}

/// A length of sound, in samples at 48 kHz.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Samples(pub u32);

impl Samples {
    /// The length of `n` bricks.
    #[must_use]
    pub const fn from_bricks(n: u32) -> Self {
        Self(n * BRICK_SAMPLES as u32)
    }

    /// Whole bricks in this length.
    #[must_use]
    pub const fn bricks(self) -> u32 {
        self.0 / BRICK_SAMPLES as u32
    }

    /// This length in time.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_nanos(self.0 as u64 * 1_000_000_000 / SAMPLE_RATE as u64)
    }
}

/// A rate of bits, in bits a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u32);

impl Bitrate {
    /// From bits a second.
    #[must_use]
    pub const fn from_bps(bps: u32) -> Self {
        Self(bps)
    }

    /// From kilobits (1,000 bits) a second.
    #[must_use]
    pub const fn from_kbps(kbps: u32) -> Self {
        Self(kbps.saturating_mul(1000))
    }

    /// Bits a second.
    #[must_use]
    pub const fn bps(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} kbit/s", f64::from(self.0) / 1000.0)
    }
}

/// How loud a stretch of sound is: the root of its mean square in decibels below full scale (dBFS).
///
/// Never above 0; digital silence is [`Level::SILENCE`]. RFC 6464 counts the same scale downwards.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Level(f32);

impl Level {
    /// What digital silence, and everything quieter than −127 dBFS, counts as.
    pub const SILENCE: Self = Self(-127.0);

    /// From decibels relative to full scale, clamped to −127 … 0. Not-a-number is silence.
    #[must_use]
    pub const fn from_dbfs(db: f32) -> Self {
        if db > 0.0 {
            Self(0.0)
        } else if db >= -127.0 {
            Self(db)
        } else {
            Self::SILENCE
        }
    }

    /// Of samples in −1.0 … 1.0.
    #[must_use]
    pub fn of(samples: &[f32]) -> Self {
        if samples.is_empty() {
            return Self::SILENCE;
        }
        let power = samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32;
        Self::from_dbfs(10.0 * power.max(1e-13).log10())
    }

    /// Decibels relative to full scale, −127 … 0.
    #[must_use]
    pub const fn dbfs(self) -> f32 {
        self.0
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::SILENCE
    }
}

/// A member of one room, for as long as its seat lasts. Never reused by a running bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {}", self.0)
    }
}

/// The value closest to `near` whose low `bits` are `low`.
const fn widen(low: u64, bits: u32, near: u64) -> u64 {
    let size = 1u64 << bits;
    let half = size / 2;
    let candidate = (near & !(size - 1)) | (low & (size - 1));
    if candidate > near && candidate - near > half && candidate >= size {
        candidate - size
    } else if near > candidate && near - candidate >= half {
        match candidate.checked_add(size) {
            Some(up) => up,
            None => candidate,
        }
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_within_half_the_range_survives_narrowing(value in 4096u64..1 << 40, shift in -2047i64..2048) {
            let near = value.wrapping_add_signed(shift);
            prop_assert_eq!(Seq::widen(value & 0xfff, 12, Seq(near)), Seq(value));
        }

        #[test]
        fn widening_never_panics_and_keeps_the_low_bits(low in any::<u64>(), near in any::<u64>()) {
            let wide = Seq::widen(low, 12, Seq(near));
            prop_assert_eq!(wide.0 & 0xfff, low & 0xfff);
        }
    }

    #[test]
    fn silence_has_the_lowest_level_and_full_scale_the_highest() {
        assert_eq!(Level::of(&[0.0; 960]), Level::SILENCE);
        assert_eq!(Level::of(&[1.0; 960]).dbfs(), 0.0);
        assert_eq!(Level::of(&[f32::NAN; 4]), Level::SILENCE);
        assert!((Level::of(&[0.1; 960]).dbfs() + 20.0).abs() < 1e-3);
    }

    #[test]
    fn a_packet_of_sixty_milliseconds_has_three_bricks() {
        assert_eq!(Samples(2880).bricks(), 3);
        assert_eq!(Samples(2880).duration(), Duration::from_millis(60));
        assert_eq!(MediaTime::from_bricks(2) + Samples(960), MediaTime(2880));
    }
}
