//! Recognises acknowledgements that travel alone, exactly, and says which of them may go.
//!
//! A listener's packets would otherwise be acknowledgements and little else: 230 to 470 bytes a second.
//! quinn puts an acknowledgement into every packet that it sends for another reason, so that one alone is
//! only news when nothing else goes out. quinn cannot be told that, but its keys can be wrapped: whatever
//! seals a packet sees its frames in the clear.
//!
//! ```text
//! poll_transmit -> PacketKey::encrypt: frames bare?  -> Line: may it go?  -> no: remember the end of its tag
//!               -> Quiet::try_send: ends like that?  -> yes: counted, not sent
//! ```
//!
//! A bare packet goes when nothing else has gone on its connection for [`PAUSE`], or when something that
//! its sender would repeat has come in since (see `frames::wants_ack`): so a control message is
//! acknowledged at once, and voice once a second. Probes are held back like the rest: a probe timeout that
//! has data to repeat makes a packet that is not bare.
//!
//! What this does to quinn, all harmless under a fixed window: packets that were held back count as lost in
//! its statistics, and its round-trip time is too long by up to a second on a line that carries only
//! heartbeats. Measure both ourselves.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quinn::crypto::{self, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey};
use quinn::{ConnectError, ConnectionId, Runtime, Side};
use quinn_proto::TransportError;
use quinn_proto::crypto::UnsupportedVersion;
use quinn_proto::transport_parameters::TransportParameters;

use super::frames::{self, Outgoing};
use super::socket::Meter;

/// How long a connection must have sent nothing before a bare acknowledgement goes.
///
/// A little over the heartbeat's second, so that a line with heartbeats never sends one. Longer makes the
/// far end learn later what was lost; shorter than the heartbeat costs a packet of some 50 bytes a second.
pub const PAUSE: Duration = Duration::from_millis(1100);

/// Places to remember tags in. A packet is sent right after it is sealed, so only as many can wait as
/// threads drive connections; two in one place cost a bare packet that goes after all.
const PLACES: usize = 256;

/// Shared between the keys of an endpoint's connections and its socket: what is to be held back.
#[derive(Clone)]
pub struct Hush(Arc<Shared>);

struct Shared {
    runtime: Arc<dyn Runtime>,
    epoch: Instant,
    marks: [AtomicU64; PLACES],
    meter: Meter,
}

impl Hush {
    /// For one endpoint. Time is `runtime`'s, as is quinn's, so that virtual time works.
    #[must_use]
    pub fn new(runtime: Arc<dyn Runtime>, meter: Meter) -> Self {
        let epoch = runtime.now();
        Self(Arc::new(Shared { runtime, epoch, marks: [const { AtomicU64::new(0) }; PLACES], meter }))
    }

    /// Whether this datagram is a bare packet that was told not to go; forgets it.
    pub(super) fn holds_back(&self, datagram: &[u8]) -> bool {
        // A datagram that begins with a long header may end in a bare packet, but carries the rest too.
        let Some(mark) = mark(datagram).filter(|_| is_short(datagram)) else {
            return false;
        };
        self.place(mark).compare_exchange(mark, 0, Relaxed, Relaxed).is_ok()
    }

    /// The meter of the endpoint's socket.
    pub(super) fn meter(&self) -> &Meter {
        &self.0.meter
    }

    /// Makes the sessions of `inner` mark what is bare.
    pub(super) fn client(&self, inner: Arc<dyn crypto::ClientConfig>) -> Arc<dyn crypto::ClientConfig> {
        Arc::new(Watched { inner, hush: self.clone() })
    }

    /// Makes the sessions of `inner` mark what is bare.
    pub(super) fn server(&self, inner: Arc<dyn crypto::ServerConfig>) -> Arc<dyn crypto::ServerConfig> {
        Arc::new(Watched { inner, hush: self.clone() })
    }

    fn place(&self, mark: u64) -> &AtomicU64 {
        &self.0.marks[mark as usize % PLACES]
    }

    /// Milliseconds since the endpoint began, from 1: 0 stands for never.
    fn millis(&self) -> u64 {
        let elapsed = self.0.runtime.now().saturating_duration_since(self.0.epoch);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX - 1) + 1
    }
}

impl fmt::Debug for Hush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hush").field("meter", self.meter()).finish_non_exhaustive()
    }
}

/// The end of a packet's AEAD tag: unpredictable, and left alone by header protection. Never 0.
fn mark(packet: &[u8]) -> Option<u64> {
    packet.last_chunk().map(|tail| u64::from_le_bytes(*tail)).filter(|mark| *mark != 0)
}

/// Whether the first packet has the short header of application data.
fn is_short(packet: &[u8]) -> bool {
    packet.first().is_some_and(|first| first & 0x80 == 0)
}

/// What is remembered of one connection. quinn drives a connection under its lock, so that order is given
/// and the atomics need none of their own.
struct Line {
    hush: Hush,
    /// When the last packet went, in [`Hush::millis`].
    last: AtomicU64,
    /// Whether the next acknowledgement may go alone.
    hurry: AtomicBool,
}

impl Line {
    /// Notes a packet about to go, and says whether it may.
    fn may_go(&self, packet: Outgoing) -> bool {
        let now = self.hush.millis();
        let last = self.last.load(Relaxed);
        let paused = last == 0 || now.saturating_sub(last) >= PAUSE.as_millis() as u64;
        let may = match packet {
            Outgoing::Carries => true,
            Outgoing::Ack => paused || self.hurry.load(Relaxed),
            Outgoing::Probe => paused,
        };
        if may {
            self.last.store(now, Relaxed);
            if packet != Outgoing::Probe {
                // Any acknowledgement that was due went along.
                self.hurry.store(false, Relaxed);
            }
            if packet != Outgoing::Carries {
                self.hush.meter().count_bare();
            }
        }
        may
    }
}

/// A configuration whose sessions are watched.
struct Watched<C: ?Sized> {
    hush: Hush,
    inner: Arc<C>,
}

impl<C: ?Sized> Watched<C> {
    fn session(&self, inner: Box<dyn crypto::Session>) -> Box<dyn crypto::Session> {
        let line = Line { hush: self.hush.clone(), last: AtomicU64::new(0), hurry: AtomicBool::new(false) };
        Box::new(WatchedSession { inner, line: Arc::new(line) })
    }
}

impl crypto::ClientConfig for Watched<dyn crypto::ClientConfig> {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn crypto::Session>, ConnectError> {
        Ok(self.session(self.inner.clone().start_session(version, server_name, params)?))
    }
}

impl crypto::ServerConfig for Watched<dyn crypto::ServerConfig> {
    fn initial_keys(&self, version: u32, dst_cid: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        self.inner.initial_keys(version, dst_cid)
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.inner.retry_tag(version, orig_dst_cid, packet)
    }

    fn start_session(
        self: Arc<Self>,
        version: u32,
        params: &TransportParameters,
    ) -> Box<dyn crypto::Session> {
        self.session(self.inner.clone().start_session(version, params))
    }
}

/// A TLS session whose packet keys are watched.
struct WatchedSession {
    inner: Box<dyn crypto::Session>,
    line: Arc<Line>,
}

impl WatchedSession {
    fn watch(&self, keys: KeyPair<Box<dyn PacketKey>>) -> KeyPair<Box<dyn PacketKey>> {
        let wrap = |inner| Box::new(WatchedKey { inner, line: self.line.clone() });
        KeyPair { local: wrap(keys.local), remote: wrap(keys.remote) }
    }
}

impl crypto::Session for WatchedSession {
    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let Keys { header, packet } = self.inner.write_handshake(buf)?;
        Some(Keys { header, packet: self.watch(packet) })
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let keys = self.inner.next_1rtt_keys()?;
        Some(self.watch(keys))
    }

    // The rest is handed through.

    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        self.inner.initial_keys(dst_cid, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.inner.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.inner.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        self.inner.early_crypto()
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.inner.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        self.inner.read_handshake(buf)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        self.inner.transport_parameters()
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.inner.is_valid_retry(orig_dst_cid, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.inner.export_keying_material(output, label, context)
    }
}

/// A packet key that looks at what it seals and opens.
struct WatchedKey {
    inner: Box<dyn PacketKey>,
    line: Arc<Line>,
}

impl PacketKey for WatchedKey {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        // The handshake's keys come by here too; their long headers leave them alone.
        let frames = buf.len().checked_sub(self.inner.tag_len()).and_then(|end| buf.get(header_len..end));
        let held = is_short(buf) && frames.is_some_and(|frames| !self.line.may_go(frames::outgoing(frames)));
        self.inner.encrypt(packet, buf, header_len);
        if let Some(mark) = mark(buf).filter(|_| held) {
            self.line.hush.place(mark).store(mark, Relaxed);
        }
    }

    fn decrypt(&self, packet: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        self.inner.decrypt(packet, header, payload)?;
        if is_short(header) && frames::wants_ack(payload) {
            self.line.hurry.store(true, Relaxed);
        }
        Ok(())
    }

    fn tag_len(&self) -> usize {
        self.inner.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.inner.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.inner.integrity_limit()
    }
}
