//! The ladder: what a leg may cost on the wire, and what that buys. One table, one file.
//!
//! A leg picks a rung, never a free mixture, so that all who listen on one rung can share one encode. Packets cost
//! more than the codec: at 60 ms everything around the Opus packet (28 B of IPv4 and UDP, 20 to 24 of QUIC, 4 of
//! ours) is about 7 kbit/s, at 20 ms about 21. Rungs below 16 need packets longer than 60 ms and are not built yet.

use crate::unit::{Bitrate, Samples};

/// One rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// What it costs one direction on the wire while somebody speaks, all headers included.
    pub wire: Bitrate,
    /// How much sound one packet holds.
    pub packet: Samples,
    /// What is left for the codec.
    pub codec: Bitrate,
}

const fn rung(wire_kbps: u32, packet_ms: u32, codec_bps: u32) -> Rung {
    Rung {
        wire: Bitrate::from_kbps(wire_kbps),
        packet: Samples(packet_ms * 48),
        codec: Bitrate::from_bps(codec_bps),
    }
}

/// The rungs, cheapest first.
const RUNGS: [Rung; 4] = [
    rung(16, 60, 8_500),
    rung(24, 60, 16_400),
    rung(32, 60, 24_000),
    // The luxury: a third of the delay of the others, for half as much again.
    rung(48, 20, 25_000),
];

/// A rung by its place on the ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RungId(u8);

impl RungId {
    /// How many there are.
    pub const COUNT: usize = RUNGS.len();

    /// What a leg gets that says nothing about its link: most commune lines carry it, and it sounds well.
    pub const USUAL: Self = Self(1);

    /// The dearest rung within `cap`; the cheapest when even that is above it.
    #[must_use]
    pub fn within(cap: Bitrate) -> Self {
        let affordable = RUNGS.iter().take_while(|rung| rung.wire <= cap).count();
        Self(u8::try_from(affordable.saturating_sub(1)).unwrap_or(0))
    }

    /// The rung for what a peer asked: a cap in kbit/s, 0 for no wish.
    #[must_use]
    pub fn for_cap(max_kbps: u32) -> Self {
        if max_kbps == 0 { Self::USUAL } else { Self::within(Bitrate::from_kbps(max_kbps)) }
    }

    /// What it is.
    #[must_use]
    pub const fn rung(self) -> Rung {
        RUNGS[self.index()]
    }

    /// Its place, 0 for the cheapest, below [`RungId::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// All of them, cheapest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..RUNGS.len()).filter_map(|n| u8::try_from(n).ok()).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_buys_the_dearest_rung_that_it_covers() {
        let wire = |kbps| RungId::for_cap(kbps).rung().wire.bps() / 1000;
        assert_eq!([0, 1, 16, 23, 24, 31, 47, 48, 1000].map(wire), [24, 16, 16, 16, 24, 24, 32, 48, 48]);
    }

    #[test]
    fn codec_and_packets_together_fit_the_rung() {
        // The dearer direction: client to bridge, 52 B around an Opus packet and our 4 B.
        for rung in RungId::all().map(RungId::rung) {
            let packets_per_s = 48_000.0 / f64::from(rung.packet.0);
            let wire = f64::from(rung.codec.bps()) + packets_per_s * 56.0 * 8.0;
            assert!(wire <= f64::from(rung.wire.bps()) * 1.02, "{rung:?} costs {wire:.0} bit/s");
        }
    }
}
