//! Real quinn over the virtual network: a minute passes at once, and the same seed gives the same minute.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use giaoban_proto::testing::link::{self, LinkConfig, Loss};
use giaoban_proto::testing::{VirtualNet, quic, run};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig};
use tokio::time::{interval, sleep};

const MINUTE: Duration = Duration::from_secs(60);
/// One packet of voice at the usual length, and what 12 kbit/s leave for its contents.
const PACKET: Duration = Duration::from_millis(60);
const VOICE: [u8; 40] = [7; 40];

fn bridge() -> SocketAddr {
    ([10, 0, 0, 1], 4433).into()
}

fn site() -> SocketAddr {
    ([10, 0, 1, 1], 5000).into()
}

/// A connection between a site and a bridge over the named line, and the endpoints, which must be kept.
async fn connect(net: &VirtualNet, seed: u64) -> (Connection, Connection, [Endpoint; 2]) {
    let mut client_config = tls::client();
    quic::settle_client(&mut client_config, seed);
    let server = quic::endpoint(net, bridge(), seed, Some(tls::server())).unwrap();
    let client = quic::endpoint(net, site(), seed + 1, None).unwrap();
    let accepting = tokio::spawn({
        let server = server.clone();
        async move { server.accept().await.unwrap().await.unwrap() }
    });
    let near = client.connect_with(client_config, bridge(), "bridge").unwrap().await.unwrap();
    (near, accepting.await.unwrap(), [client, server])
}

/// Sends voice for this long; then the number of datagrams sent.
async fn talk(connection: Connection, length: Duration) -> usize {
    let packets = (length.as_millis() / PACKET.as_millis()) as usize;
    let mut clock = interval(PACKET);
    for _ in 0..packets {
        clock.tick().await;
        // A connection that was lost is seen by the listener.
        let _ = connection.send_datagram(VOICE.as_slice().into());
    }
    packets
}

/// Counts datagrams until the connection ends.
async fn listen(connection: Connection) -> usize {
    let mut heard = 0;
    while connection.read_datagram().await.is_ok() {
        heard += 1;
    }
    heard
}

#[derive(Debug, PartialEq)]
struct Minute {
    trace: u64,
    sent: usize,
    heard_by_bridge: usize,
    heard_by_site: usize,
    virtual_time: Duration,
}

/// A minute of voice both ways over a named line; `during` may disturb it.
fn minute<F: Future<Output = ()> + Send>(
    name: &str,
    seed: u64,
    during: impl FnOnce(VirtualNet) -> F + Send,
) -> Minute {
    run(async {
        let net = VirtualNet::new(seed);
        let (up, down) = link::named(name).expect("a line of that name");
        net.connect(site().ip(), bridge(), up, down);
        let (near, far, endpoints) = connect(&net, seed).await;
        let at_bridge = tokio::spawn(listen(far.clone()));
        let at_site = tokio::spawn(listen(near.clone()));
        let (sent, ..) =
            tokio::join!(talk(near.clone(), MINUTE), talk(far.clone(), MINUTE), during(net.clone()));
        sleep(Duration::from_secs(2)).await;
        near.close(0u32.into(), b"");
        far.close(0u32.into(), b"");
        for endpoint in endpoints {
            endpoint.wait_idle().await;
        }
        Minute {
            trace: net.trace_hash(),
            sent,
            heard_by_bridge: at_bridge.await.unwrap(),
            heard_by_site: at_site.await.unwrap(),
            virtual_time: net.elapsed(),
        }
    })
}

async fn nothing(_: VirtualNet) {}

#[test]
#[expect(clippy::disallowed_methods, reason = "compares virtual time with the real one")]
fn the_same_seed_gives_the_same_minute_and_another_seed_another() {
    let real = std::time::Instant::now();
    let first = minute("3g-edge", 1, nothing);
    let took = real.elapsed();
    assert_eq!(first, minute("3g-edge", 1, nothing));
    assert_ne!(first.trace, minute("3g-edge", 2, nothing).trace);

    assert!(first.virtual_time > MINUTE);
    assert!(took < Duration::from_secs(20), "a virtual minute took {took:?}");
    for heard in [first.heard_by_bridge, first.heard_by_site] {
        let share = heard as f64 / first.sent as f64;
        assert!((0.94..0.99).contains(&share), "3 % are lost on the way: {first:?}");
    }
}

#[test]
fn every_named_line_is_the_same_in_each_run() {
    for name in link::NAMES {
        let first = minute(name, 5, nothing);
        assert_eq!(first, minute(name, 5, nothing), "{name}");
        assert!(first.heard_by_bridge > 0 && first.heard_by_site > 0, "{name}: {first:?}");
    }
}

#[test]
fn a_forgetful_nat_costs_a_moment_and_not_the_call() {
    let seen = minute("clean", 3, async |net: VirtualNet| {
        sleep(MINUTE / 2).await;
        net.rebind(site(), ([192, 0, 2, 7], 1024).into());
    });
    assert!(seen.heard_by_bridge == seen.sent, "what the site says still arrives: {seen:?}");
    // The bridge learns the new address from the site's next packet, 60 ms later at most.
    assert!(seen.heard_by_site >= seen.sent - 2, "{seen:?}");
}

#[test]
fn a_line_that_comes_back_carries_on() {
    let gone = LinkConfig { loss: Loss::Random(1.0), ..LinkConfig::default() };
    let seen = minute("clean", 4, async move |net: VirtualNet| {
        sleep(Duration::from_secs(20)).await;
        net.connect(site().ip(), bridge(), gone.clone(), gone.clone());
        sleep(Duration::from_secs(10)).await;
        net.connect(site().ip(), bridge(), LinkConfig::default(), LinkConfig::default());
    });
    let share = seen.heard_by_bridge as f64 / seen.sent as f64;
    assert!((0.5..0.85).contains(&share), "at least ten seconds of sixty are missing, and not all: {seen:?}");
}

/// TLS with raw Ed25519 keys: signatures of constant length, no dates, the server's key pinned.
mod tls {
    use super::*;
    use rustls::DigitallySignedStruct;
    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key};
    use rustls::pki_types::{
        CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
    };
    use rustls::server::AlwaysResolvesServerRawPublicKeys;
    use rustls::sign::CertifiedKey;
    use rustls::version::TLS13;

    /// The server's key, of a fixed seed, and its public half as both ends know it.
    fn key() -> CertifiedKey {
        // RFC 8410: PKCS #8 of an Ed25519 private key is this prefix and the seed.
        let mut pkcs8 = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        pkcs8.extend([42; 32]);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8));
        let key = ring::default_provider().key_provider.load_private_key(key).unwrap();
        let public = CertificateDer::from(key.public_key().unwrap().to_vec());
        CertifiedKey::new(vec![public], key)
    }

    pub(super) fn server() -> ServerConfig {
        let tls = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(Arc::new(key()))));
        ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()))
    }

    pub(super) fn client() -> ClientConfig {
        let provider = Arc::new(ring::default_provider());
        let pinned = Pinned { key: key().cert[0].clone(), provider: Arc::clone(&provider) };
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(pinned))
            .with_no_client_auth();
        ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
    }

    #[derive(Debug)]
    struct Pinned {
        key: CertificateDer<'static>,
        provider: Arc<CryptoProvider>,
    }

    impl ServerCertVerifier for Pinned {
        fn verify_server_cert(
            &self,
            end_entity: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            if *end_entity == self.key {
                Ok(ServerCertVerified::assertion())
            } else {
                Err(rustls::CertificateError::ApplicationVerificationFailure.into())
            }
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            Err(rustls::PeerIncompatible::Tls13RequiredForQuic.into())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            let key = SubjectPublicKeyInfoDer::from(cert.as_ref());
            verify_tls13_signature_with_raw_key(message, &key, dss, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }

        fn requires_raw_public_keys(&self) -> bool {
            true
        }
    }
}
