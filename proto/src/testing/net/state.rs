//! What the network knows: who is where, what is under way, which lines there are.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::task::Waker;
use std::time::Instant;

use bytes::Bytes;
use quinn::udp::EcnCodepoint;
use tokio::sync::mpsc;

use super::stream::VirtualStream;
use super::trace::{self, Trace};
use super::{Counters, INBOX_BYTES, Place, Record};
use crate::testing::clock;
use crate::testing::link::{Fate, IP_UDP_HEADERS, Link, LinkConfig};
use crate::testing::rng::splitmix64;

/// Where ports given for port 0 begin.
const FIRST_FREE_PORT: u16 = 49_152;

/// The network itself, behind its lock.
pub(super) struct State {
    pub(super) seed: u64,
    pub(super) start: Instant,
    next_socket: u64,
    next_port: u16,
    next_parcel: u64,
    pub(super) ports: BTreeMap<u64, Port>,
    /// Who has which address as seen from outside.
    addresses: BTreeMap<SocketAddr, u64>,
    pub(super) lines: BTreeMap<(Place, Place), Line>,
    pub(super) astray: u64,
    pub(super) trace: Trace,
    /// Where streams are taken.
    pub(super) listeners: BTreeMap<SocketAddr, mpsc::Sender<(VirtualStream, SocketAddr)>>,
}

/// What the network knows of a socket.
pub(super) struct Port {
    home: SocketAddr,
    /// `home`, until a NAT has another idea.
    seen_as: SocketAddr,
    inbox: BinaryHeap<Reverse<Parcel>>,
    inbox_bytes: usize,
    reader: Option<Waker>,
}

pub(super) struct Line {
    link: Link,
    counters: Counters,
}

/// A datagram under way.
pub(super) struct Parcel {
    at: Instant,
    number: u64,
    pub(super) from: SocketAddr,
    to: SocketAddr,
    pub(super) ecn: Option<EcnCodepoint>,
    pub(super) contents: Bytes,
}

impl Parcel {
    fn wire_bytes(&self) -> usize {
        self.contents.len() + IP_UDP_HEADERS
    }
}

impl Ord for Parcel {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl PartialOrd for Parcel {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Parcel {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Parcel {}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            start: clock::now(),
            next_socket: 0,
            next_port: FIRST_FREE_PORT,
            next_parcel: 0,
            ports: BTreeMap::new(),
            addresses: BTreeMap::new(),
            lines: BTreeMap::new(),
            astray: 0,
            trace: Trace::default(),
            listeners: BTreeMap::new(),
        }
    }

    /// An address with a port that nobody has.
    pub(super) fn free_addr(&mut self, ip: IpAddr) -> SocketAddr {
        loop {
            let addr = SocketAddr::new(ip, self.next_port);
            self.next_port = self.next_port.checked_add(1).unwrap_or(FIRST_FREE_PORT);
            if !self.addresses.contains_key(&addr) {
                return addr;
            }
        }
    }

    pub(super) fn bind(&mut self, addr: SocketAddr) -> (u64, SocketAddr) {
        let home = if addr.port() == 0 { self.free_addr(addr.ip()) } else { addr };
        assert!(!self.addresses.contains_key(&home), "{home} is taken");
        let id = self.next_socket;
        self.next_socket += 1;
        self.addresses.insert(home, id);
        let port = Port { home, seen_as: home, inbox: BinaryHeap::new(), inbox_bytes: 0, reader: None };
        self.ports.insert(id, port);
        (id, home)
    }

    pub(super) fn unbind(&mut self, id: u64) {
        if let Some(port) = self.ports.remove(&id) {
            self.addresses.remove(&port.seen_as);
        }
    }

    pub(super) fn rebind(&mut self, old: SocketAddr, new: SocketAddr) {
        assert!(!self.addresses.contains_key(&new), "{new} is taken");
        let Some(id) = self.addresses.remove(&old) else { panic!("nobody is seen as {old}") };
        self.addresses.insert(new, id);
        if let Some(port) = self.ports.get_mut(&id) {
            port.seen_as = new;
        }
    }

    pub(super) fn counters(&self, from: Place, to: Place) -> Counters {
        let mut sum = Counters::default();
        for ((a, b), line) in &self.lines {
            if a.meets(from) && b.meets(to) {
                sum.packets += line.counters.packets;
                sum.bytes += line.counters.bytes;
                sum.dropped += line.counters.dropped;
            }
        }
        sum
    }

    pub(super) fn set_line(&mut self, key: (Place, Place), config: LinkConfig) {
        if let Some(line) = self.lines.get_mut(&key) {
            line.link.set_config(config);
            return;
        }
        // From the places, not from a running number: a line is the same whatever was connected before it.
        let seed = splitmix64(self.seed) ^ trace::hash_of(key.0, key.1);
        let link = Link::new(config, seed, self.start);
        self.lines.insert(key, Line { link, counters: Counters::default() });
    }

    /// The line between two sockets by the addresses they were bound to: the most particular there is.
    fn line(&mut self, from: SocketAddr, to: SocketAddr) -> Option<&mut Line> {
        let (from_ip, to_ip) = (Place::Ip(from.ip()), Place::Ip(to.ip()));
        let (from, to) = (Place::Addr(from), Place::Addr(to));
        let keys = [(from, to), (from_ip, to), (from, to_ip), (from_ip, to_ip)];
        let key = match keys.into_iter().find(|key| self.lines.contains_key(key)) {
            Some(key) => key,
            None => {
                self.set_line((from_ip, to_ip), LinkConfig::default());
                (from_ip, to_ip)
            }
        };
        self.lines.get_mut(&key)
    }

    /// A segment of a stream uses the line; when it arrives, if it does.
    pub(super) fn segment(&mut self, from: SocketAddr, to: SocketAddr, bytes: usize) -> Option<Instant> {
        let line = self.line(from, to)?;
        let arrives = line.link.send(clock::now(), bytes).iter().next();
        line.counters.packets += 1;
        line.counters.bytes += bytes as u64;
        line.counters.dropped += u64::from(arrives.is_none());
        arrives
    }

    /// Returns what happened and who is to be woken.
    pub(super) fn send(
        &mut self,
        id: u64,
        to: SocketAddr,
        ecn: Option<EcnCodepoint>,
        contents: &[u8],
    ) -> (Record, Option<Waker>) {
        let now = clock::now();
        let bytes = contents.len() + IP_UDP_HEADERS;
        let sender = self.ports.get(&id).map(|port| (port.home, port.seen_as));
        let (home, from) = sender.unwrap_or((to, to));
        let mut record =
            Record { t: now.saturating_duration_since(self.start), from, to, bytes, fate: Fate::Lost };
        let mut reader = None;

        let receiver = self.addresses.get(&to).copied();
        let receiver = receiver.and_then(|id| Some((id, self.ports.get(&id)?.home)));
        if let Some((receiver, receiver_home)) = receiver
            && let Some(line) = self.line(home, receiver_home)
        {
            let deliveries = line.link.send(now, bytes);
            record.fate = deliveries.fate();
            let contents = Bytes::copy_from_slice(contents);
            for at in deliveries.iter() {
                let number = self.next_parcel;
                self.next_parcel += 1;
                let parcel = Parcel { at, number, from, to, ecn, contents: contents.clone() };
                match self.ports.get_mut(&receiver).map(|port| port.post(parcel)) {
                    Some(Ok(woken)) => reader = reader.or(woken),
                    _ => record.fate = Fate::InboxFull,
                }
            }
            if let Some(line) = self.line(home, receiver_home) {
                line.counters.packets += 1;
                line.counters.bytes += bytes as u64;
                line.counters.dropped += u64::from(!record.fate.arrives());
            }
        } else {
            record.fate = Fate::NoSuchAddress;
            self.astray += 1;
        }
        self.trace.sent(record);
        (record, reader)
    }

    /// The next datagram that has arrived for this socket.
    pub(super) fn receive(&mut self, id: u64, now: Instant) -> Option<Parcel> {
        loop {
            let port = self.ports.get_mut(&id)?;
            if port.inbox.peek().is_none_or(|Reverse(parcel)| parcel.at > now) {
                return None;
            }
            let Reverse(parcel) = port.inbox.pop()?;
            port.inbox_bytes -= parcel.wire_bytes();
            let reached = parcel.to == port.seen_as;
            self.trace.arrived(now.saturating_duration_since(self.start), parcel.number, reached);
            if reached {
                return Some(parcel);
            }
            self.astray += 1;
        }
    }

    /// Leaves word whom to wake for this socket, and says when its next datagram arrives.
    pub(super) fn wait(&mut self, id: u64, reader: &Waker) -> Option<Instant> {
        let port = self.ports.get_mut(&id)?;
        match &mut port.reader {
            Some(known) => known.clone_from(reader),
            none => *none = Some(reader.clone()),
        }
        port.inbox.peek().map(|Reverse(parcel)| parcel.at)
    }
}

impl Port {
    /// Takes a datagram in; who is to be woken, if it comes before all others. The error: no room.
    fn post(&mut self, parcel: Parcel) -> Result<Option<Waker>, ()> {
        let bytes = parcel.wire_bytes();
        if self.inbox_bytes + bytes > INBOX_BYTES {
            return Err(());
        }
        let first = self.inbox.peek().is_none_or(|Reverse(next)| parcel < *next);
        self.inbox_bytes += bytes;
        self.inbox.push(Reverse(parcel));
        Ok(if first { self.reader.take() } else { None })
    }
}
