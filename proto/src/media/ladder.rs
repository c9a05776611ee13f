//! The ladder: what a leg may cost on the wire, and what that buys. One table, one file.
//!
//! A leg picks a rung, never a free mixture, so that all who listen on one rung can share one encode. Packets cost
//! more than the codec: at 60 ms everything around the Opus packets (28 B of IPv4 and UDP, 20 to 24 of QUIC, 4 of
//! ours) is about 7 kbit/s, at 240 ms 1.8. So packets
//! are 120 ms long below 24 kbit/s, and longer for those who only listen at 12 and less. Long packets are bundles of 60 ms Opus frames:
//! two of 60 ms sound better than one frame set of 120 (PESQ-WB 3.16 against 2.76 at 9 kbit/s).
//!
//! Where asking again has no time to work, a rung with copies takes the place of the plain one: each packet carries
//! the one before it, exactly. At these rates that beats DRED and LBRR in nearly every case measured.

use crate::unit::{Bitrate, Samples};

/// What the far end of a leg does with what it hears, for now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It takes part: delay is felt in every answer.
    #[default]
    Conversing,
    /// It only listens: words matter, a second does not.
    Listening,
}

/// For whom a rung is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Conversing,
    Listening,
    Both,
}

impl For {
    const fn serves(self, role: Role) -> bool {
        matches!(
            (self, role),
            (Self::Both, _) | (Self::Conversing, Role::Conversing) | (Self::Listening, Role::Listening)
        )
    }
}

/// One rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// What it costs one direction on the wire while somebody speaks, all headers and the heartbeat included.
    pub wire: Bitrate,
    whom: For,
    /// How much sound one packet holds.
    pub packet: Samples,
    /// How much sound one Opus packet in it holds.
    pub frame: Samples,
    /// What is left for the codec.
    pub codec: Bitrate,
    /// How many packets back the copy is that each carries; 0 for none.
    pub copy: u8,
}

impl Rung {
    /// Whether it is for somebody in this role.
    #[must_use]
    pub const fn serves(&self, role: Role) -> bool {
        self.whom.serves(role)
    }
}

const fn rung(whom: For, wire_kbps: u32, frames: u32, codec_bps: u32, copy: u8) -> Rung {
    let frame = Samples(60 * 48);
    Rung {
        wire: Bitrate::from_kbps(wire_kbps),
        whom,
        packet: Samples(frames * frame.0),
        frame,
        codec: Bitrate::from_bps(codec_bps),
        copy,
    }
}

/// The luxury: a third of the delay of the others, for half as much again.
const LUXURY: Rung = Rung {
    wire: Bitrate::from_kbps(48),
    whom: For::Conversing,
    packet: Samples(20 * 48),
    frame: Samples(20 * 48),
    codec: Bitrate::from_bps(25_000),
    copy: 0,
};

/// What a packet costs more in a tunnel over TCP: 24 B of its header, the rest of TLS and of our frame.
const TUNNEL_BYTES: u32 = 47;

const C: For = For::Conversing;
const L: For = For::Listening;
const B: For = For::Both;

/// The rungs: plain before copies, cheapest first.
///
/// Below 8.5 kbit/s the codec is narrow band. A listener's packets could be longer than 120 ms at all rates (240 ms at
/// 16 kbit/s score 4.07 PESQ-WB where nothing is lost, against 3.9), but what is lost is noticed later then, and takes
/// longer to send again: at 20 % loss and 24 kbit/s that lost one packet in ten for good.
const RUNGS: [Rung; 20] = [
    // 240 ms of delay are the price of taking part at all at this rate.
    rung(C, 8, 4, 5_700, 0),
    rung(L, 8, 8, 6_600, 0),
    rung(C, 10, 2, 6_000, 0),
    rung(L, 10, 4, 7_900, 0),
    rung(C, 12, 2, 7_900, 0),
    rung(L, 12, 4, 9_800, 0),
    rung(B, 13, 2, 8_800, 0),
    rung(B, 14, 2, 9_900, 0),
    rung(B, 16, 2, 11_800, 0),
    rung(B, 18, 2, 13_800, 0),
    rung(B, 20, 2, 15_800, 0),
    rung(C, 24, 1, 16_100, 0),
    rung(L, 24, 2, 19_700, 0),
    rung(C, 32, 1, 24_000, 0),
    rung(L, 32, 2, 27_500, 0),
    LUXURY,
    rung(L, 48, 2, 43_500, 0),
    rung(C, 24, 2, 9_800, 1),
    // Not 32: on a line of 32 kbit/s the packets would stand in line for each other, and that is felt (60 to 160 ms).
    rung(C, 28, 1, 9_900, 1),
    rung(C, 48, 1, 19_500, 1),
];

/// A rung by its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RungId(u8);

/// How what is lost is had back on a leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Repair {
    /// By asking again, where that has time: nothing is spent before something is lost.
    #[default]
    Ask,
    /// By a copy of each packet in the next.
    Copies,
}

impl RungId {
    /// How many there are.
    pub const COUNT: usize = RUNGS.len();

    /// What a leg may cost that says nothing about its link: most commune lines carry it, and it sounds well.
    pub const USUAL: Bitrate = Bitrate::from_kbps(24);

    /// The dearest rung within `budget` for this role and repair; the cheapest when even that is above it. Where
    /// copies cannot be had, plain packets.
    #[must_use]
    pub fn within(budget: Bitrate, role: Role, repair: Repair) -> Self {
        let copies = repair == Repair::Copies;
        let all = || Self::all().filter(|id| id.rung().serves(role));
        let of_kind = |copies: bool| {
            let kind = move |id: &Self| (id.rung().copy > 0) == copies && id.rung().wire <= budget;
            all().filter(kind).max_by_key(|id| id.rung().wire)
        };
        let cheapest = || all().min_by_key(|id| (id.rung().copy, id.rung().wire)).unwrap_or(Self(0));
        of_kind(copies).or_else(|| of_kind(false)).unwrap_or_else(cheapest)
    }

    /// What a peer that asked for `max_kbps` (0 for no wish) may be sent.
    #[must_use]
    pub const fn cap(max_kbps: u32) -> Bitrate {
        if max_kbps == 0 { Self::USUAL } else { Bitrate::from_kbps(max_kbps) }
    }

    /// What to stay within by the ladder where every packet costs 47 B more, so that all of it is within `cap`.
    #[must_use]
    pub fn tunnelled(cap: Bitrate) -> Bitrate {
        let all = RUNGS.iter().filter(|rung| rung.serves(Role::Conversing) && rung.copy == 0);
        let fits = |rung: &&Rung| {
            let more = f64::from(TUNNEL_BYTES * 8) / rung.packet.duration().as_secs_f64();
            f64::from(rung.wire.bps()) + more <= f64::from(cap.bps())
        };
        let cheapest = || RUNGS.iter().map(|rung| rung.wire).min().unwrap_or(cap);
        all.filter(fits).map(|rung| rung.wire).max().unwrap_or_else(cheapest)
    }

    /// The conversing rung for what a peer asked, before anything is known of its link.
    #[must_use]
    pub fn for_cap(max_kbps: u32) -> Self {
        Self::within(Self::cap(max_kbps), Role::Conversing, Repair::Ask)
    }

    /// The wire rates that there are, cheapest first.
    pub fn steps() -> impl DoubleEndedIterator<Item = Bitrate> {
        RUNGS.iter().filter(|rung| rung.serves(Role::Conversing) && rung.copy == 0).map(|rung| rung.wire)
    }

    /// What it is.
    #[must_use]
    pub const fn rung(self) -> Rung {
        RUNGS[self.index()]
    }

    /// Its place, below [`RungId::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..RUNGS.len()).filter_map(|n| u8::try_from(n).ok()).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(kbps: u32, role: Role, repair: Repair) -> (u32, u8) {
        let rung = RungId::within(Bitrate::from_kbps(kbps), role, repair).rung();
        assert!(rung.serves(role));
        (rung.wire.bps() / 1000, rung.copy)
    }

    #[test]
    fn a_cap_buys_the_dearest_rung_that_it_covers() {
        let conversing =
            [1, 8, 16, 23, 24, 31, 47, 48, 1000].map(|kbps| wire(kbps, Role::Conversing, Repair::Ask).0);
        assert_eq!(conversing, [8, 8, 16, 20, 24, 24, 32, 48, 48]);
        let listening = [1, 8, 23, 1000].map(|kbps| wire(kbps, Role::Listening, Repair::Ask).0);
        assert_eq!(listening, [8, 8, 20, 48]);
        assert_eq!(RungId::for_cap(0).rung().wire, RungId::USUAL);
    }

    #[test]
    fn in_a_tunnel_a_cap_buys_less() {
        let kbps =
            [8, 12, 16, 24, 32, 48, 80].map(|kbps| RungId::tunnelled(Bitrate::from_kbps(kbps)).bps() / 1000);
        assert_eq!(kbps, [8, 8, 12, 20, 24, 32, 48]);
    }

    #[test]
    fn copies_are_had_where_they_are_affordable() {
        let copies = [8, 12, 16, 24, 40, 48].map(|kbps| wire(kbps, Role::Conversing, Repair::Copies));
        assert_eq!(copies, [(8, 0), (12, 0), (16, 0), (24, 1), (28, 1), (48, 1)]);
        assert_eq!(wire(24, Role::Listening, Repair::Copies), (24, 0));
    }

    #[test]
    fn codec_copies_and_packets_together_fit_the_rung() {
        // From bridge to client: 49 B around an Opus packet and our 4, and a report each four seconds.
        for rung in RungId::all().map(RungId::rung) {
            let frames = rung.packet.0 / rung.frame.0;
            let packets_per_s = 48_000.0 / f64::from(rung.packet.0);
            let around =
                53 + if frames > 1 { frames } else { 0 } + if rung.copy > 0 { 4 + frames } else { 0 };
            let codec = f64::from(rung.codec.bps()) * f64::from(1 + u8::from(rung.copy > 0));
            let wire = codec + packets_per_s * f64::from(around * 8) + 150.0;
            assert!(wire <= f64::from(rung.wire.bps()) * 1.01, "{rung:?} costs {wire:.0} bit/s");
            assert!(wire >= f64::from(rung.wire.bps()) * 0.93, "{rung:?} wastes: {wire:.0} bit/s");
        }
    }

    #[test]
    fn packets_of_all_rungs_meet_at_common_boundaries() {
        // Where streams are changed: multiples of the longest of all.
        for rung in RungId::all().map(RungId::rung) {
            assert_eq!(rung.packet.0 % rung.frame.0, 0);
            assert_eq!(480 * 48 % rung.packet.0, 0, "{rung:?}");
        }
    }
}
