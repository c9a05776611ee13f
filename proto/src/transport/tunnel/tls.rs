//! The TLS session of a tunnel: bytes in, bytes out, no socket.
//!
//! What it carries is QUIC, which has proved both keys and sealed everything already. TLS is here because it is
//! what a firewall lets through, and the bridge's key is pinned in it as well, so that a tunnel ends at the bridge
//! or nowhere. The client shows no key: it does in QUIC, and showing it twice costs a slow line 200 bytes.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::server::{AlwaysResolvesServerRawPublicKeys, NoServerSessionStorage};
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use thiserror::Error;

use super::super::config::{SERVER_NAME, provider};
use super::super::keys::{Identity, Trust, TrustedKey};

/// The protocol of a tunnel and its version.
pub const TUNNEL_ALPN: &[u8] = b"giaoban-tunnel/1";

/// Sealed bytes that may wait inside rustls. Never more than a batch of packets or a flight of the handshake.
const MAX_SEALED: usize = 16 * 1024;

/// Why a TLS session is no more, or never came to be.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum TlsError {
    /// rustls says why: no TLS, a wrong key, tampering.
    #[error("no tunnel to the bridge: {0}")]
    Tls(#[from] rustls::Error),
    /// Whoever answers speaks TLS and is no bridge of ours, or a bridge without tunnels.
    #[error("what answers carries no tunnel")]
    NotOurs,
}

/// A bridge's setting.
pub(super) fn server_config(identity: &Identity) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(identity.certified()?)));
    config.alpn_protocols = vec![TUNNEL_ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}

fn client_config(trust: Trust) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = provider();
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustedKey { trust, provider }))
        .with_no_client_auth();
    config.alpn_protocols = vec![TUNNEL_ALPN.to_vec()];
    // The name would only tell the wire where this goes.
    config.enable_sni = false;
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// One session, of either side.
pub(super) struct Tls(Connection);

impl Tls {
    /// A client's, to the bridge that `trust` names.
    pub(super) fn client(trust: impl Into<Trust>) -> Result<Self, TlsError> {
        let name = ServerName::try_from(SERVER_NAME).map_err(|_| TlsError::NotOurs)?;
        let connection = ClientConnection::new(client_config(trust.into())?, name)?;
        Ok(Self::new(connection.into()))
    }

    /// A bridge's.
    pub(super) fn server(config: Arc<ServerConfig>) -> Result<Self, TlsError> {
        Ok(Self::new(ServerConnection::new(config)?.into()))
    }

    fn new(mut connection: Connection) -> Self {
        connection.set_buffer_limit(Some(MAX_SEALED));
        Self(connection)
    }

    /// Whether the handshake goes on.
    pub(super) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Whether the other side speaks of tunnels; once the handshake is done.
    pub(super) fn check(&self) -> Result<(), TlsError> {
        if self.0.alpn_protocol() == Some(TUNNEL_ALPN) { Ok(()) } else { Err(TlsError::NotOurs) }
    }

    /// Seals these bytes. At most a record's worth, and only when all before was taken.
    pub(super) fn seal(&mut self, plain: &[u8]) {
        // Writes to memory; what does not fit would be cut, and never is that long.
        let _ = self.0.writer().write_all(plain);
    }

    /// Appends what is to be sent to `out`.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) {
        while self.0.wants_write() && self.0.write_tls(out).is_ok_and(|taken| taken > 0) {}
    }

    /// Opens what came, and appends what it says to `plain`; whether more may come.
    pub(super) fn open(&mut self, mut sealed: &[u8], plain: &mut Vec<u8>) -> Result<bool, TlsError> {
        let mut open = true;
        while !sealed.is_empty() && open {
            // From memory: an error means that rustls has no room, which emptying it below prevents.
            let taken = self.0.read_tls(&mut sealed).unwrap_or(0);
            let state = self.0.process_new_packets()?;
            let (len, ended) = (state.plaintext_bytes_to_read(), state.peer_has_closed());
            let from = plain.len();
            plain.resize(from + len, 0);
            let read = self.0.reader().read(&mut plain[from..]).unwrap_or(0);
            plain.truncate(from + read);
            open = taken > 0 && !ended;
        }
        Ok(open)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::keys::Pins;
    use super::*;

    fn pair(pinned: &Identity, shown: &Identity) -> (Tls, Tls) {
        let pins = Pins { key: pinned.fingerprint(), spare: None };
        (Tls::client(pins).unwrap(), Tls::server(server_config(shown).unwrap()).unwrap())
    }

    /// Carries bytes until nobody has any; how many went each way.
    fn shake(client: &mut Tls, server: &mut Tls) -> Result<(usize, usize), TlsError> {
        let (mut up, mut down) = (0, 0);
        loop {
            let (mut out, mut back, mut plain) = (Vec::new(), Vec::new(), Vec::new());
            client.take(&mut out);
            up += out.len();
            server.open(&out, &mut plain)?;
            server.take(&mut back);
            down += back.len();
            client.open(&back, &mut plain)?;
            if out.is_empty() && back.is_empty() {
                return Ok((up, down));
            }
        }
    }

    #[test]
    fn a_handshake_pins_the_bridges_key_and_is_small() {
        let bridge = Identity::generate().unwrap();
        let (mut client, mut server) = pair(&bridge, &bridge);
        let (up, down) = shake(&mut client, &mut server).unwrap();
        assert!(!client.is_handshaking() && !server.is_handshaking());
        assert_eq!((client.check(), server.check()), (Ok(()), Ok(())));
        assert!(up < 400 && down < 500, "{up} B up, {down} B down");
        let (mut out, mut plain) = (Vec::new(), Vec::new());
        client.seal(b"giao ban");
        client.take(&mut out);
        assert_eq!(out.len(), 8 + 22, "a record's own bytes");
        assert_eq!(server.open(&out, &mut plain), Ok(true));
        assert_eq!(plain, b"giao ban");
    }

    #[test]
    fn another_key_ends_the_handshake() {
        let (bridge, other) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        let (mut client, mut server) = pair(&bridge, &other);
        assert!(matches!(shake(&mut client, &mut server), Err(TlsError::Tls(_))));
    }

    #[test]
    fn what_is_no_tls_is_an_error_and_a_whole_flight_of_it_harmless() {
        let bridge = Identity::generate().unwrap();
        let (_, mut server) = pair(&bridge, &bridge);
        let request = b"GET / HTTP/1.1\r\nHost: bridge.example.vn\r\n\r\n".repeat(500);
        assert!(matches!(server.open(&request, &mut Vec::new()), Err(TlsError::Tls(_))));
    }
}
