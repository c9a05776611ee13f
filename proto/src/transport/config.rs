//! Every QUIC and TLS setting, with its reason. The figures were measured with quinn 0.11 in virtual time.

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, ConnectionIdGenerator, EndpointConfig, IdleTimeout, NoneTokenStore, ServerConfig,
    TransportConfig, ValidationTokenConfig, VarInt,
};
use quinn_proto::RandomConnectionIdGenerator;
use ring::rand::{SecureRandom, SystemRandom};
use ring::{hkdf, hmac};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring as ring_provider;
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::version::TLS13;
use thiserror::Error;

use super::acks;
use super::congestion::Steady;
use super::keys::{AnyKey, Identity, KeyError, Trust, TrustedKey};

/// The protocol and its version. Nothing but the handshake depends on it: what else an end can do is said
/// in the first control message.
pub const ALPN: &[u8] = b"giaoban/1";

/// What a client passes to quinn as the server's name. Never sent (no SNI), never checked: the key is.
pub const SERVER_NAME: &str = "giaoban";

/// A connection on which nothing came in for this long is gone. After 3 s of silence a client tries a second
/// one in parallel and keeps the first, which is back within one packet if the outage was shorter than this.
/// Longer keeps dead seats; shorter makes outages cost a handshake (2 to 8 s).
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Payload and bookkeeping (32 B each) of datagrams that wait to be sent; the oldest is dropped for a new
/// one. About a second of voice, or two datagrams of full size, so that no more can be sent in one breath
/// either. The default, 1 MiB, is 17 minutes.
const DATAGRAM_SEND_BUFFER: usize = 3 * 1024;

/// The same for received ones that the application has not yet taken: some eighty voice packets, what comes
/// at once when a link with five seconds of queue wakes up.
const DATAGRAM_RECEIVE_BUFFER: usize = 16 * 1024;

/// Bytes of control that may be on the way in each direction. Eight seconds of a 64 kbit/s link; more would
/// only let one peer pin more memory.
const STREAM_WINDOW: u32 = 64 * 1024;

/// Every datagram that we send fits every path (RFC 9000 section 14). Probing for more costs 5.7 kB each
/// way at the start, 2.8 s of a 16 kbit/s link, and voice never needs it.
const MTU: u16 = 1200;

/// Bytes of the connection ids that the bridge gives out, and so of each packet from a client. 2^24 of them
/// for some thousands of connections with five each; fewer bytes would make a stray packet hit somebody
/// else's connection too often (it fails to decrypt, at a cost). None at all would forbid changing address.
const BRIDGE_CID_LEN: usize = 3;

/// Half-open connections at the bridge that wait to be looked at; above, quinn refuses.
const MAX_INCOMING: usize = 256;

/// What one of those may send ahead: the rest of its first flight.
const INCOMING_BUFFER: u64 = 4 * 1024;

/// What all of those may send ahead.
const INCOMING_BUFFER_TOTAL: u64 = 256 * 1024;

/// What the bridge must remember across restarts, besides its identity, so that clients of before learn at
/// once that it restarted (stateless reset) instead of waiting for the idle timeout: all back in 6.5 s
/// (99th percentile) instead of 39.
#[derive(Clone)]
pub struct ResetKey([u8; 32]);

impl ResetKey {
    /// A new one, from the system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).map_err(|_| KeyError::NoRandomness)?;
        Ok(Self(bytes))
    }

    /// From the 32 bytes that were stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes to store, as secret as the identity.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn derive(&self, label: &[u8]) -> hkdf::Prk {
        hkdf::Salt::new(hkdf::HKDF_SHA256, label).extract(&self.0)
    }

    fn reset(&self) -> Result<hmac::Key, ConfigError> {
        let prk = self.derive(b"giaoban stateless reset");
        let okm = prk.expand(&[], hmac::HMAC_SHA256).map_err(|_| ConfigError::Crypto)?;
        Ok(okm.into())
    }
}

impl std::fmt::Debug for ResetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResetKey(…)")
    }
}

/// Why there is no configuration. Never seen with keys that were made here.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ConfigError {
    /// rustls does not take the key.
    #[error("the key is not usable: {0}")]
    Tls(#[from] rustls::Error),
    /// The cryptographic library lacks what QUIC needs.
    #[error("the cryptographic library lacks what QUIC needs")]
    Crypto,
}

/// For `quinn::Endpoint::connect_with`: join as `identity` the bridge that `trust` names, usually by its pins.
pub fn client_config(identity: &Identity, trust: impl Into<Trust>) -> Result<ClientConfig, ConfigError> {
    let trust = trust.into();
    let provider = provider();
    let mut tls = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustedKey { trust, provider }))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(identity.certified()?)));
    tls.alpn_protocols = vec![ALPN.to_vec()];
    // The name would only tell the wire where this goes.
    tls.enable_sni = false;
    // See `server_config`.
    tls.resumption = Resumption::disabled();
    let quic = QuicClientConfig::try_from(tls).map_err(|_| ConfigError::Crypto)?;

    let mut config = ClientConfig::new(acks::client(Arc::new(quic)));
    let mut transport = transport();
    // The bridge may open one stream for bulk, so that minutes or a recording never hold up control.
    transport.max_concurrent_bidi_streams(VarInt::from_u32(0));
    transport.max_concurrent_uni_streams(VarInt::from_u32(1));
    config.transport_config(Arc::new(transport));
    // The bridge gives out no address tokens.
    config.token_store(Arc::new(NoneTokenStore));
    Ok(config)
}

/// For a bridge's endpoint.
pub fn server_config(identity: &Identity, reset: &ResetKey) -> Result<ServerConfig, ConfigError> {
    let provider = provider();
    let mut tls = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(AnyKey { provider }))
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(identity.certified()?)));
    tls.alpn_protocols = vec![ALPN.to_vec()];
    // No tickets while there is no 0-RTT: with raw keys a full handshake takes no more datagrams than a
    // resumed one, all of them padded, and each of the two tickets that rustls would send costs 83 bytes.
    tls.send_tls13_tickets = 0;
    tls.session_storage = Arc::new(NoServerSessionStorage {});
    let quic = QuicServerConfig::try_from(tls).map_err(|_| ConfigError::Crypto)?;

    let token_key = reset.derive(b"giaoban retry token");
    let mut config = ServerConfig::new(acks::server(Arc::new(quic)), Arc::new(token_key));
    let mut transport = transport();
    // Two streams, which the client opens: control, and what it fetches of a recording.
    transport.max_concurrent_bidi_streams(VarInt::from_u32(2));
    transport.max_concurrent_uni_streams(VarInt::from_u32(0));
    config.transport_config(Arc::new(transport));
    // With this off, sound never came back after a carrier had changed a client's port.
    config.migration(true);
    config.max_incoming(MAX_INCOMING);
    config.incoming_buffer_size(INCOMING_BUFFER);
    config.incoming_buffer_size_total(INCOMING_BUFFER_TOTAL);
    // A token for the next visit costs some 50 bytes each time; who has to retry gets one then.
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0);
    config.validation_token_config(tokens);
    Ok(config)
}

/// For a client's endpoint, which must be a fresh one for each attempt: without connection ids a new
/// connection on a used endpoint goes deaf when the old one drains.
pub fn client_endpoint_config() -> Result<EndpointConfig, ConfigError> {
    // Nobody knows this key, and nothing would be served by keeping it: a client that is gone is gone.
    let reset = ResetKey::generate().map_err(|_| ConfigError::Crypto)?;
    endpoint_config(&reset, 0)
}

/// For a bridge's endpoint.
pub fn server_endpoint_config(reset: &ResetKey) -> Result<EndpointConfig, ConfigError> {
    endpoint_config(reset, BRIDGE_CID_LEN)
}

fn endpoint_config(reset: &ResetKey, cid_len: usize) -> Result<EndpointConfig, ConfigError> {
    let mut config = EndpointConfig::new(Arc::new(reset.reset()?));
    config.cid_generator(move || -> Box<dyn ConnectionIdGenerator> {
        Box::new(RandomConnectionIdGenerator::new(cid_len))
    });
    // QUIC version 1 alone; quinn would also answer to the drafts.
    config.supported_versions(vec![1]);
    // After a restart every client asks at once, and each must hear it. A reset is shorter than what it
    // answers, so that nothing is amplified.
    config.min_reset_interval(Duration::ZERO);
    Ok(config)
}

/// What both ends set alike.
fn transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .congestion_controller_factory(Arc::new(Steady))
        // Each end knows by itself how to acknowledge (see `acks`) and need not be asked.
        .ack_frequency_config(None)
        .datagram_send_buffer_size(DATAGRAM_SEND_BUFFER)
        .datagram_receive_buffer_size(Some(DATAGRAM_RECEIVE_BUFFER))
        .initial_mtu(MTU)
        .min_mtu(MTU)
        .mtu_discovery_config(None)
        // No other value was better everywhere: lower repeats handshakes needlessly on slow links, higher
        // recovers later on the others.
        .initial_rtt(Duration::from_millis(333))
        .max_idle_timeout(VarInt::from_u64(IDLE_TIMEOUT.as_millis() as u64).ok().map(IdleTimeout::from))
        // Our own heartbeat carries a report as well.
        .keep_alive_interval(None)
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(STREAM_WINDOW.into())
        .send_window(STREAM_WINDOW.into())
        // Handshake messages out of order: ours fit one datagram each way.
        .crypto_buffer_size(8 * 1024)
        // It would show each listener on the wire how long the round trip is, for nothing.
        .allow_spin(false)
        // Packets of a batch are padded to equal length, and one is sent at a time anyway.
        .enable_segmentation_offload(false);
    config
}

/// One suite and one group: a shorter hello, and nothing to negotiate.
///
/// AES-128-GCM, because QUIC's first packets need it in any case, a bridge has the instructions for it, and
/// at twenty packets a second a PC without them does not notice (some microseconds each, bit-sliced and in
/// constant time). ChaCha20 has the same overhead on the wire.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![ring_provider::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![ring_provider::kx_group::X25519],
        ..ring_provider::default_provider()
    })
}
