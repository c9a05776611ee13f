//! What happened on the network: a running hash always, the last records when asked for.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Place;
use crate::testing::link::Fate;

/// One datagram as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, since the network began.
    pub t: Duration,
    /// The sender, as the receiver sees it.
    pub from: SocketAddr,
    /// The receiver.
    pub to: SocketAddr,
    /// Its size with IP and UDP headers.
    pub bytes: usize,
    /// What becomes of it.
    pub fate: Fate,
}

/// What an observer is shown of each datagram sent.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// When, between whom, how long.
    pub record: Record,
    /// What is in it: one QUIC datagram, sealed.
    pub contents: &'a [u8],
}

#[derive(Default)]
pub(super) struct Trace {
    hash: Fnv,
    limit: usize,
    records: VecDeque<Record>,
}

impl Trace {
    pub(super) fn sent(&mut self, record: Record) {
        self.hash.byte(b's');
        self.hash.number(record.t.as_nanos() as u64);
        self.hash.address(record.from);
        self.hash.address(record.to);
        self.hash.number(record.bytes as u64);
        self.hash.byte(record.fate as u8);
        if self.limit > 0 {
            self.records.push_back(record);
            self.trim();
        }
    }

    pub(super) fn arrived(&mut self, t: Duration, number: u64, reached: bool) {
        self.hash.byte(if reached { b'r' } else { b'x' });
        self.hash.number(t.as_nanos() as u64);
        self.hash.number(number);
    }

    pub(super) fn keep(&mut self, limit: usize) {
        self.limit = limit;
        self.trim();
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.records.iter().copied().collect()
    }

    pub(super) const fn hash(&self) -> u64 {
        self.hash.0
    }

    fn trim(&mut self) {
        while self.records.len() > self.limit {
            self.records.pop_front();
        }
    }
}

/// A number for the direction from one place to another.
pub(super) fn hash_of(from: Place, to: Place) -> u64 {
    let mut hash = Fnv::default();
    for place in [from, to] {
        match place {
            Place::Ip(ip) => hash.ip(ip),
            Place::Addr(addr) => hash.address(addr),
        }
        hash.byte(0xff);
    }
    hash.0
}

/// FNV-1a with 64 bits, written here so that it stays the same.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    const fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn number(&mut self, n: u64) {
        n.to_le_bytes().into_iter().for_each(|b| self.byte(b));
    }

    fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => ip.octets().into_iter().for_each(|b| self.byte(b)),
            IpAddr::V6(ip) => ip.octets().into_iter().for_each(|b| self.byte(b)),
        }
    }

    fn address(&mut self, addr: SocketAddr) {
        self.ip(addr.ip());
        addr.port().to_le_bytes().into_iter().for_each(|b| self.byte(b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        let mut hash = Fnv::default();
        b"foobar".iter().for_each(|b| hash.byte(*b));
        assert_eq!(hash.0, 0x8594_4171_f739_67e8);
    }
}
