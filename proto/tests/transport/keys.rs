//! Who is let in, and what a failure is called.

use std::sync::Arc;
use std::time::Duration;

use giaoban_proto::pin;
use giaoban_proto::transport::{
    ALPN, IDLE_TIMEOUT, Identity, Lost, Pins, ResetKey, SERVER_NAME, Trust, bind_client, bind_server,
    client_config, peer_key,
};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, ConnectionError};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use tokio::time::Instant;

use crate::net::{Bridge, Pair};
use crate::traffic::{ms, send_every};

/// Calls `bridge` with these pins; what either end gets.
async fn call(bridge: &Bridge, pins: Pins) -> (Result<(), Lost>, Result<(), Lost>) {
    let client = bridge.client("10.0.0.2:1000", 1);
    let connecting = client.connect(bridge.addr, &Identity::generate().unwrap(), pins).unwrap();
    let accepting = async { bridge.end.endpoint.accept().await.unwrap().await };
    let (up, down) = tokio::join!(connecting, accepting);
    let sort = |result: Result<quinn::Connection, ConnectionError>| {
        result.map(drop).map_err(|error| Lost::new(&error, false))
    };
    (sort(up), sort(down))
}

#[tokio::test(start_paused = true)]
async fn a_pinned_key_is_taken_and_each_end_knows_the_other() {
    let bridge = Bridge::new(ms(100), 1);
    let client = bridge.client("10.0.0.2:1000", 1);
    let me = Identity::generate().unwrap();
    let connecting = client.connect(bridge.addr, &me, bridge.pins()).unwrap();
    let accepting = async { bridge.end.endpoint.accept().await.unwrap().await };
    let (up, down) = tokio::join!(connecting, accepting);
    assert_eq!(peer_key(&up.unwrap()), Some(bridge.identity.public_key()));
    assert_eq!(peer_key(&down.unwrap()), Some(me.public_key()));
}

#[tokio::test(start_paused = true)]
async fn the_spare_key_is_taken_too() {
    let bridge = Bridge::new(ms(100), 2);
    let pins = Pins { spare: Some(bridge.identity.fingerprint()), ..Bridge::wrong_pins() };
    assert_eq!(call(&bridge, pins).await, (Ok(()), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_is_refused_and_called_so() {
    let bridge = Bridge::new(ms(100), 3);
    let (up, down) = call(&bridge, Bridge::wrong_pins()).await;
    assert_eq!(up, Err(Lost::WrongKey));
    assert!(matches!(down, Err(Lost::Other(_))), "{down:?}");
}

#[tokio::test(start_paused = true)]
async fn a_guest_without_a_pin_for_the_key_takes_any_and_both_ends_name_the_session_alike() {
    let bridge = Bridge::new(ms(100), 3);
    let client = bridge.client("10.0.0.2:1000", 1);
    let me = Identity::generate().unwrap();
    let config = client_config(&me, Trust::AnyoneUntilThePinIsProved).unwrap();
    let connecting = client.endpoint.connect_with(config, bridge.addr, SERVER_NAME).unwrap();
    let accepting = async { bridge.end.endpoint.accept().await.unwrap().await };
    let (up, down) = tokio::join!(connecting, accepting);
    let (up, down) = (up.unwrap(), down.unwrap());
    assert_eq!(peer_key(&up), Some(bridge.identity.public_key()));
    let binding = |connection: &quinn::Connection| {
        let mut binding = pin::Binding::default();
        connection.export_keying_material(&mut binding, pin::EXPORTER_LABEL, &[]).unwrap();
        binding
    };
    assert_eq!(binding(&up), binding(&down));
    assert_ne!(binding(&up), pin::Binding::default());
}

/// A client of somebody else's: takes any bridge, shows no key.
#[derive(Debug)]
struct Stranger;

impl ServerCertVerifier for Stranger {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        unreachable!("QUIC has no TLS 1.2")
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// What becomes of a stranger that speaks `protocol`: (at the stranger, at the bridge).
async fn stranger(protocol: &[u8]) -> (Option<Lost>, Option<Lost>) {
    let bridge = Bridge::new(ms(100), 4);
    let client = bridge.client("10.0.0.2:1000", 1);
    let mut tls =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Stranger))
            .with_no_client_auth();
    tls.alpn_protocols = vec![protocol.to_vec()];
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let connecting = client.endpoint.connect_with(config, bridge.addr, SERVER_NAME).unwrap();
    let accepting = async { bridge.end.endpoint.accept().await.unwrap().await.err() };
    let outcome = async {
        // A client that shows no key may be through before the bridge has seen that.
        match connecting.await {
            Err(error) => error,
            Ok(connection) => connection.closed().await,
        }
    };
    let (up, down) = tokio::join!(outcome, accepting);
    (Some(Lost::new(&up, false)), down.map(|error| Lost::new(&error, false)))
}

#[tokio::test(start_paused = true)]
async fn a_client_that_shows_no_key_is_refused() {
    let (up, down) = stranger(ALPN).await;
    assert!(matches!((&up, &down), (Some(Lost::Other(_)), Some(Lost::Other(_)))), "{up:?} {down:?}");
}

#[tokio::test(start_paused = true)]
async fn another_protocol_is_called_another_version() {
    let (up, _) = stranger(b"giaoban/0").await;
    assert_eq!(up, Some(Lost::VersionMismatch));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_answers_the_bridge_is_not_reachable() {
    let bridge = Bridge::new(ms(100), 5);
    bridge.net.set_loss(1.0);
    let client = bridge.client("10.0.0.2:1000", 1);
    let began = Instant::now();
    let connecting = client.connect(bridge.addr, &Identity::generate().unwrap(), bridge.pins()).unwrap();
    let error = connecting.await.unwrap_err();
    assert_eq!(Lost::new(&error, false), Lost::NotReachable);
    assert!(began.elapsed() <= IDLE_TIMEOUT + Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_code_and_a_reason_arrive() {
    let pair = Pair::new(ms(100), 6).await;
    pair.down.close(7u32.into(), "hết giờ\n".as_bytes());
    let lost = Lost::new(&pair.up.closed().await, true);
    assert_eq!(lost, Lost::Refused { code: 7, reason: "hết giờ".into() });
}

#[tokio::test(start_paused = true)]
async fn a_restarted_bridge_says_so_within_a_round_trip() {
    let pair = Pair::new(ms(100), 7).await;
    let _after = pair.bridge.restart();
    let began = Instant::now();
    send_every(&pair.up, 14, ms(1000), ms(0));
    assert_eq!(Lost::new(&pair.up.closed().await, true), Lost::Restarted);
    assert!(began.elapsed() <= ms(110), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_handshake_costs_little_more_than_its_padding() {
    let pair = Pair::new(ms(300), 8).await;
    tokio::time::sleep(ms(3000)).await;
    let (up, down) = (pair.client.meter.read(), pair.bridge.end.meter.read());
    println!("handshake: up {} B in {}, down {} B in {}", up.sent_bytes, up.sent, down.sent_bytes, down.sent);
    assert!(up.sent_bytes <= 2_700 && down.sent_bytes <= 1_700, "{up:?} {down:?}");
    assert_eq!((up.sent, up.sent_bytes), (down.received, down.received_bytes));
    assert_eq!((down.sent, down.sent_bytes), (up.received, up.received_bytes));
}

#[tokio::test]
async fn both_families_work_on_real_sockets() {
    for listen in ["127.0.0.1:0", "[::1]:0"] {
        let identity = Identity::generate().unwrap();
        let bridge = match bind_server(listen.parse().unwrap(), &identity, &ResetKey::generate().unwrap()) {
            Ok(bridge) => bridge,
            // A machine without IPv6 has nothing to show here.
            Err(error) if listen.starts_with('[') => {
                println!("skipped: {error}");
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let addr = bridge.endpoint.local_addr().unwrap();
        let client = bind_client(addr).unwrap();
        let pins = Pins { key: identity.fingerprint(), spare: None };
        let connecting = client.connect(addr, &Identity::generate().unwrap(), pins).unwrap();
        let accepting = async { bridge.endpoint.accept().await.unwrap().await };
        let (up, down) = tokio::join!(connecting, accepting);
        let (up, down) = (up.unwrap(), down.unwrap());
        up.send_datagram(vec![9; 77].into()).unwrap();
        assert_eq!(down.read_datagram().await.unwrap().as_ref(), [9; 77]);
        let headers = if listen.starts_with('[') { 48 } else { 28 };
        let sent = client.meter.read();
        assert_eq!(sent.sent_bytes, up.stats().udp_tx.bytes + sent.sent * headers);
    }
}
