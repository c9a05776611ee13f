//! When to acknowledge: rarely, and nearly always inside a packet that goes anyway.
//!
//! By default quinn acknowledges every second packet by a packet of its own, so that a listener sends 230 to
//! 470 bytes a second of nothing else. It also puts an acknowledgement into whatever it sends for another
//! reason; with a heartbeat a second that is all that is needed, if only it would wait. It has no setting
//! for that: the peer may ask it to wait (the acknowledgement frequency extension), but quinn cuts the wait
//! to the round trip and does not repeat the request when it is lost. Dropping such packets in the socket
//! does not do either: quinn takes them for sent and leaves the next heartbeat without one, so that on an
//! idle line no acknowledgement ever arrives.
//!
//! So the TLS session is wrapped, and with it the keys that open packets:
//!
//! 1. The transport parameters that we send say what is true here: up to [`MAX_ACK_DELAY`] may pass. The
//!    peer then waits that long before it probes, and takes the wait off its round-trip times.
//! 2. The first packets that a connection opens gain an ACK_FREQUENCY frame in front, as if the peer had
//!    asked for that wait. Its sequence number is the highest there is, so that no peer changes it.
//! 3. A packet on an otherwise quiet line gains an IMMEDIATE_ACK frame if it holds control, or shows that
//!    something before it is missing which may have been control (see `Line::opens`): the sender learns
//!    at once what arrived, and what to repeat.
//!
//! quinn's view stays true: its statistics, its round-trip time and its loss detection mean what they say.
//! Only frames are added that the peer may send at any time, and only after a packet proved genuine.

mod frames;
mod line;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use quinn::crypto::{self, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey};
use quinn::{ConnectError, Connection, ConnectionId, Side};
use quinn_proto::TransportError;
use quinn_proto::crypto::UnsupportedVersion;
use quinn_proto::transport_parameters::TransportParameters;

use line::Line;

/// How long an acknowledgement waits for a packet to ride in before it goes alone.
///
/// A little over the heartbeat's second, so that with heartbeats none goes alone. Longer makes the far end
/// repeat lost control messages later, and by as much; shorter than the heartbeat costs a packet of some 50
/// bytes a second.
pub const MAX_ACK_DELAY: Duration = Duration::from_millis(1100);

/// How many of the first packets gain the ACK_FREQUENCY frame: one is enough, but for duplicates, which
/// quinn drops after it has opened them.
const TOLD: u8 = 4;

/// ACK_FREQUENCY: type 0xaf, sequence 2^62 - 1; then: at once after a hundred packets, else in the time above
/// (microseconds), and never because one came out of order (voice is not sent again by QUIC).
const ACK_FREQUENCY: [u8; 17] = {
    let [a, b, c, d] = (MAX_ACK_DELAY.as_micros() as u32).to_be_bytes();
    [0x40, 0xaf, 255, 255, 255, 255, 255, 255, 255, 255, 0x40, 100, 0x80 | a, b, c, d, 0]
};

/// IMMEDIATE_ACK.
const IMMEDIATE_ACK: [u8; 1] = [0x1f];

/// The transport parameter max_ack_delay (0x0b), two bytes of milliseconds.
const MAX_ACK_DELAY_PARAMETER: [u8; 4] = {
    let [high, low] = (MAX_ACK_DELAY.as_millis() as u16).to_be_bytes();
    [0x0b, 2, 0x40 | high, low]
};

/// Makes the sessions of `inner` acknowledge as this module says.
pub(super) fn client(inner: Arc<dyn crypto::ClientConfig>) -> Arc<dyn crypto::ClientConfig> {
    Arc::new(Patient(inner))
}

/// Makes the sessions of `inner` acknowledge as this module says.
pub(super) fn server(inner: Arc<dyn crypto::ServerConfig>) -> Arc<dyn crypto::ServerConfig> {
    Arc::new(Patient(inner))
}

/// A view on how one connection acknowledges.
#[derive(Clone)]
pub struct Acks(Arc<Shared>);

impl Acks {
    /// Of a connection that was configured here, once its handshake is through.
    #[must_use]
    pub fn of(connection: &Connection) -> Option<Self> {
        connection.handshake_data()?.downcast::<Self>().ok().map(|acks| *acks)
    }

    /// How many packets we have sent that held nothing but an acknowledgement or a probe.
    #[must_use]
    pub fn alone(&self) -> u64 {
        self.0.line.alone()
    }

    /// Whether we have sent control (stream data and the like) that the peer has not acknowledged.
    ///
    /// While it lasts, and no voice is being sent, send the heartbeat every 250 ms: if control was lost, the
    /// peer sees the gap at the next packet and says so, and quinn repeats it. Without that, lost control
    /// waits for the next heartbeats.
    #[must_use]
    pub fn unsettled(&self) -> bool {
        self.0.line.unsettled()
    }
}

impl fmt::Debug for Acks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acks").field("alone", &self.alone()).field("unsettled", &self.unsettled()).finish()
    }
}

/// What a session and its keys share.
struct Shared {
    epoch: Instant,
    line: Line,
    /// Whether the handshake is through; before, quinn may drop packets that it has opened.
    ready: AtomicBool,
    /// How many packets have gained the ACK_FREQUENCY frame.
    told: AtomicU8,
}

impl Shared {
    fn new() -> Self {
        Self { epoch: now(), line: Line::default(), ready: AtomicBool::new(false), told: AtomicU8::new(0) }
    }

    /// Whether this packet is to say how we acknowledge.
    fn tells(&self) -> bool {
        self.ready.load(Relaxed)
            && self.told.fetch_update(Relaxed, Relaxed, |n| (n < TOLD).then_some(n + 1)).is_ok()
    }

    fn elapsed(&self) -> Duration {
        now().saturating_duration_since(self.epoch)
    }
}

#[expect(clippy::disallowed_methods, reason = "quinn calls the keys without the time; this is its clock")]
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Whether the packet has the short header of application data.
fn is_short(header: &[u8]) -> bool {
    header.first().is_some_and(|first| first & 0x80 == 0)
}

/// `params` with our acknowledgement delay in it. `peer` is who will read them.
fn announce(params: &TransportParameters, peer: Side) -> TransportParameters {
    let mut bytes = Vec::with_capacity(128);
    params.write(&mut bytes);
    bytes.extend_from_slice(&MAX_ACK_DELAY_PARAMETER);
    // Fails only should quinn learn to set the delay itself; then it stays as quinn says.
    TransportParameters::read(peer, &mut &bytes[..]).unwrap_or(*params)
}

/// A configuration whose sessions wait with acknowledgements.
struct Patient<C: ?Sized>(Arc<C>);

impl crypto::ClientConfig for Patient<dyn crypto::ClientConfig> {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        params: &TransportParameters,
    ) -> Result<Box<dyn crypto::Session>, ConnectError> {
        let params = announce(params, Side::Server);
        let inner = self.0.clone().start_session(version, server_name, &params)?;
        Ok(Box::new(Session { inner, shared: Arc::new(Shared::new()) }))
    }
}

impl crypto::ServerConfig for Patient<dyn crypto::ServerConfig> {
    fn initial_keys(&self, version: u32, dst_cid: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        self.0.initial_keys(version, dst_cid)
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.0.retry_tag(version, orig_dst_cid, packet)
    }

    fn start_session(
        self: Arc<Self>,
        version: u32,
        params: &TransportParameters,
    ) -> Box<dyn crypto::Session> {
        let params = announce(params, Side::Client);
        let inner = self.0.clone().start_session(version, &params);
        Box::new(Session { inner, shared: Arc::new(Shared::new()) })
    }
}

/// A TLS session whose packet keys are [`Key`]s.
struct Session {
    inner: Box<dyn crypto::Session>,
    shared: Arc<Shared>,
}

impl Session {
    fn wrap(&self, keys: KeyPair<Box<dyn PacketKey>>) -> KeyPair<Box<dyn PacketKey>> {
        let wrap = |inner| Box::new(Key { inner, shared: self.shared.clone() });
        KeyPair { local: wrap(keys.local), remote: wrap(keys.remote) }
    }

    fn note_progress(&self) {
        if !self.inner.is_handshaking() {
            self.shared.ready.store(true, Relaxed);
        }
    }
}

impl crypto::Session for Session {
    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        let got = self.inner.read_handshake(buf)?;
        self.note_progress();
        Ok(got)
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let keys = self.inner.write_handshake(buf);
        self.note_progress();
        let Keys { header, packet } = keys?;
        Some(Keys { header, packet: self.wrap(packet) })
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        let keys = self.inner.next_1rtt_keys()?;
        Some(self.wrap(keys))
    }

    /// Our own, for [`Acks::of`]: what rustls would give is known here beforehand.
    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.inner.handshake_data()?;
        Some(Box::new(Acks(self.shared.clone())))
    }

    // The rest is handed through.

    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        self.inner.initial_keys(dst_cid, side)
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

/// A packet key that counts what it seals and may add to what it opens. The handshake's keys come by here
/// too; their long headers leave them alone.
struct Key {
    inner: Box<dyn PacketKey>,
    shared: Arc<Shared>,
}

impl PacketKey for Key {
    fn encrypt(&self, packet: u64, buf: &mut [u8], header_len: usize) {
        let end = buf.len().saturating_sub(self.inner.tag_len());
        if let Some(frames) = buf.get(header_len..end).filter(|_| is_short(buf)) {
            self.shared.line.seals(self.shared.elapsed(), packet, frames);
        }
        self.inner.encrypt(packet, buf, header_len);
    }

    fn decrypt(&self, packet: u64, header: &[u8], payload: &mut BytesMut) -> Result<(), CryptoError> {
        self.inner.decrypt(packet, header, payload)?;
        if !is_short(header) {
            return Ok(());
        }
        let urgent = self.shared.line.opens(self.shared.elapsed(), packet, payload);
        let tells = self.shared.tells();
        if urgent || tells {
            // In front, because the last frame of a packet may run to its end. This copies a packet, but
            // only the first ones and then at most four a second.
            let frequency: &[u8] = if tells { &ACK_FREQUENCY } else { &[] };
            let immediate: &[u8] = if urgent { &IMMEDIATE_ACK } else { &[] };
            let mut all = BytesMut::with_capacity(frequency.len() + immediate.len() + payload.len());
            for part in [frequency, immediate, payload] {
                all.extend_from_slice(part);
            }
            *payload = all;
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
