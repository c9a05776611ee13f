//! An in-memory network of seeded lines, for real quinn in virtual time.
//!
//! [`VirtualNet::socket`] gives what `quinn::Endpoint::new_with_abstract_socket` wants. Each datagram goes
//! through one direction of the [`Link`](super::link::Link) between the two sites and waits in its receiver's inbox, ordered by
//! arrival and then by number, until virtual time reaches it. Nothing here opens a socket or asks the real clock.
//!
//! A line belongs to two *places*, each an IP address or one port of it. What is not connected explicitly gets
//! a clean line (1 ms) between the two IP addresses, so that all sockets of a site share its line, its rate and
//! its queue, as at home. Lines know a socket by the address it was bound to, whatever a NAT makes of it later.
//!
//! [`VirtualNet::listen`] and [`VirtualNet::stream`] give reliable streams over the same lines.
//!
//! Memory is bounded: an inbox holds at most [`INBOX_BYTES`], records are kept only as many as asked for.

mod socket;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod trace;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quinn::AsyncUdpSocket;
use quinn::udp::EcnCodepoint;

use self::socket::VirtualSocket;
use self::state::State;
pub use self::stream::{VirtualListener, VirtualStream};
pub use self::trace::{Record, Seen};
use super::clock;
use super::link::LinkConfig;

/// The most that may be under way to one socket, headers included; more is dropped. A receiver that reads
/// never comes near: two hundred sites at 64 kbit/s over a second of delay are 1.6 MB.
pub const INBOX_BYTES: usize = 16 << 20;

/// Where one end of a line is: a whole site, or one port of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// All sockets of this address.
    Ip(IpAddr),
    /// This socket alone. Comes before [`Place::Ip`] where both would do.
    Addr(SocketAddr),
}

impl Place {
    const fn ip(self) -> IpAddr {
        match self {
            Self::Ip(ip) => ip,
            Self::Addr(addr) => addr.ip(),
        }
    }

    /// Whether one holds the other.
    fn meets(self, other: Self) -> bool {
        self == other
            || (self.ip() == other.ip() && (matches!(self, Self::Ip(_)) || matches!(other, Self::Ip(_))))
    }
}

impl From<IpAddr> for Place {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

impl From<Ipv4Addr> for Place {
    fn from(ip: Ipv4Addr) -> Self {
        Self::Ip(ip.into())
    }
}

impl From<SocketAddr> for Place {
    fn from(addr: SocketAddr) -> Self {
        Self::Addr(addr)
    }
}

/// What was sent in one direction, [`IP_UDP_HEADERS`](super::link::IP_UDP_HEADERS) counted with each packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets sent, arrived or not.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Those of the packets that never arrive.
    pub dropped: u64,
}

/// A network in memory. A clone is the same network.
#[derive(Clone)]
pub struct VirtualNet(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Apart from the state, so that an observer may ask the network for its counters.
    observer: Mutex<Option<Observer>>,
}

type Observer = Box<dyn FnMut(&Seen<'_>) + Send>;

impl VirtualNet {
    /// A network without sockets. It begins now; outages and records count from here.
    ///
    /// # Panics
    /// Outside [`clock::run`], where its time would be the real one.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        assert!(
            tokio::runtime::Handle::try_current().is_ok(),
            "VirtualNet::new belongs inside testing::run, where time is virtual"
        );
        Self(Arc::new(Shared { state: Mutex::new(State::new(seed)), observer: Mutex::new(None) }))
    }

    /// A socket at this address; port 0 takes the next that is free. It leaves the network when dropped.
    ///
    /// It takes up to ten segments in one send, as Linux does; the transport's own setting decides whether quinn
    /// makes use of that. It may fragment, which keeps MTU discovery off.
    ///
    /// # Panics
    /// When the address is taken.
    #[must_use]
    pub fn socket(&self, addr: SocketAddr) -> Arc<dyn AsyncUdpSocket> {
        let (id, home) = self.0.state().bind(addr);
        Arc::new(VirtualSocket::new(Arc::clone(&self.0), id, home))
    }

    /// Connects two places: `up` is what `a` sends to `b`, `down` the way back. Where they are connected
    /// already, the line changes from now on and keeps its counters.
    pub fn connect(&self, a: impl Into<Place>, b: impl Into<Place>, up: LinkConfig, down: LinkConfig) {
        let (a, b) = (a.into(), b.into());
        self.set_link(a, b, up);
        self.set_link(b, a, down);
    }

    /// Sets or changes one direction, from now on.
    pub fn set_link(&self, from: impl Into<Place>, to: impl Into<Place>, config: LinkConfig) {
        self.0.state().set_line((from.into(), to.into()), config);
    }

    /// What was sent from one place to another, on all lines between them.
    #[must_use]
    pub fn counters(&self, from: impl Into<Place>, to: impl Into<Place>) -> Counters {
        self.0.state().counters(from.into(), to.into())
    }

    /// Datagrams that went to an address which nobody had, or no longer when they arrived.
    #[must_use]
    pub fn astray(&self) -> u64 {
        self.0.state().astray
    }

    /// What a NAT does when it forgets: the socket that is seen as `old` is seen as `new` from now on. It does
    /// not notice itself, what is under way to `old` goes astray, and its line stays the same.
    ///
    /// # Panics
    /// When nobody is seen as `old`, or somebody as `new`.
    pub fn rebind(&self, old: SocketAddr, new: SocketAddr) {
        self.0.state().rebind(old, new);
    }

    /// Calls this with every datagram as it is sent, its fate known. Replaces the observer before.
    ///
    /// It may ask the network anything, but neither observe nor send.
    pub fn observe(&self, observer: impl FnMut(&Seen<'_>) + Send + 'static) {
        *lock(&self.0.observer) = Some(Box::new(observer));
    }

    /// Keeps the last `limit` records for [`trace`](Self::trace), to find where two runs part. None at first.
    pub fn record(&self, limit: usize) {
        self.0.state().trace.keep(limit);
    }

    /// The records kept, oldest first.
    #[must_use]
    pub fn trace(&self) -> Vec<Record> {
        self.0.state().trace.records()
    }

    /// A hash of everything that was sent and that arrived so far: when, from where, to where, how long and with
    /// what fate. The contents are left out: TLS draws its keys from the system. Two runs that agree in it had
    /// the same traffic, in this process or another. A newer quinn may send other packets, and so has another.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.0.state().trace.hash()
    }

    /// Time since the network began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        clock::now().saturating_duration_since(self.0.state().start)
    }
}

impl fmt::Debug for VirtualNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("VirtualNet")
            .field("seed", &state.seed)
            .field("sockets", &state.ports.len())
            .field("lines", &state.lines.len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Sends one datagram from this socket. It never fails: what cannot arrive is counted.
    fn send(&self, id: u64, to: SocketAddr, ecn: Option<EcnCodepoint>, contents: &[u8]) {
        let (record, reader) = self.state().send(id, to, ecn, contents);
        if let Some(observer) = lock(&self.observer).as_mut() {
            observer(&Seen { record, contents });
        }
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// A test that has panicked elsewhere must not hide its message behind a second panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
