//! Where somebody comes from, as coarse as limits are counted: whoever has one address of a network has its
//! neighbours. Pure.

use std::net::IpAddr;

/// A network: the first 24 bits of an IPv4 address, the first 48 of an IPv6 one. What comes by TCP has an address of
/// its own for each tunnel (see the wire's section 7), and is counted by that; tunnels from one address are limited
/// where they are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix([u8; 16]);

/// The network of the addresses inside tunnels.
const TUNNELS: [u8; 8] = [0xfd, 0x67, 0x69, 0x61, 0x6f, 0x62, 0x61, 0x6e];

impl Prefix {
    /// The network of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        let mut kept = [0; 16];
        match ip {
            IpAddr::V4(ip) => {
                // Mapped, so that no IPv6 network is taken for it.
                kept[10..12].fill(0xff);
                kept[12..15].copy_from_slice(&ip.octets()[..3]);
            }
            IpAddr::V6(ip) if ip.octets().starts_with(&TUNNELS) => kept = ip.octets(),
            IpAddr::V6(ip) => kept[..6].copy_from_slice(&ip.octets()[..6]),
        }
        Self(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_network_and_tunnels_are_each_their_own() {
        let of = |text: &str| Prefix::of(text.parse().expect("an address"));
        assert_eq!(of("203.0.113.1"), of("203.0.113.200"));
        assert_eq!(of("203.0.113.1"), of("::ffff:203.0.113.9"));
        assert_ne!(of("203.0.113.1"), of("203.0.114.1"));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:9::1"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db8:2::1"));
        assert_ne!(of("fd67:6961:6f62:616e::1"), of("fd67:6961:6f62:616e::2"));
    }
}
