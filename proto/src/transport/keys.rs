//! Who is who: Ed25519 keys, shown raw (RFC 7250) in both directions of the TLS handshake.
//!
//! No certificates, since commune clocks are wrong and nobody would renew them; no names, since nothing
//! would be proved by them. The client demands the key that its link names. The bridge demands *a* key and
//! learns which: whether that one may come in is decided later, by what the store says.
//!
//! Keys are made and read here, never stored: files belong to the shells.

use std::fmt;
use std::sync::Arc;

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use thiserror::Error as ThisError;

use crate::link::{Fingerprint, Link};

/// The DER of an Ed25519 public key before its 32 bytes (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// An Ed25519 public key: what a device or a bridge is known by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// From its 32 bytes. Any will do: one that is no point on the curve proves nothing in a handshake.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What a link names it by.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.0);
        let mut short = [0; 16];
        short.copy_from_slice(&digest.as_ref()[..16]);
        Fingerprint::from_bytes(short)
    }

    fn to_spki(self) -> Vec<u8> {
        [&SPKI_PREFIX[..], &self.0].concat()
    }

    fn from_spki(der: &[u8]) -> Result<Self, Error> {
        let bytes = der.strip_prefix(&SPKI_PREFIX).and_then(|key| key.try_into().ok());
        bytes.map(Self).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

/// A key pair. Its `Debug` shows only whose it is.
#[derive(Clone)]
pub struct Identity {
    pkcs8: Arc<[u8]>,
    public: PublicKey,
}

/// Why there is no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub enum KeyError {
    /// The system gave no randomness.
    #[error("the system gives no random numbers, so that no key can be made; restart the machine")]
    NoRandomness,
    /// What was read is not an Ed25519 key in PKCS#8.
    #[error(
        "this is not a key of giaoban, or it is damaged; restore it from a copy or let a new one be made"
    )]
    Damaged,
}

impl Identity {
    /// A new key pair, from the system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let pkcs8 =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::NoRandomness)?;
        Self::from_pkcs8(pkcs8.as_ref())
    }

    /// A key pair as [`Identity::to_pkcs8`] wrote it, or any other Ed25519 key in PKCS#8 (DER).
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::Damaged)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Damaged)?;
        Ok(Self { pkcs8: der.into(), public: PublicKey(public) })
    }

    /// The secret key in PKCS#8 (DER). Whoever has it is this device.
    #[must_use]
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The public key.
    #[must_use]
    pub const fn public_key(&self) -> PublicKey {
        self.public
    }

    /// What a link names it by.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.public.fingerprint()
    }

    /// For rustls: the raw public key in place of a certificate.
    pub(super) fn certified(&self) -> Result<Arc<CertifiedKey>, Error> {
        let der = PrivatePkcs8KeyDer::from(&*self.pkcs8);
        let key = rustls::crypto::ring::sign::any_eddsa_type(&der)?;
        Ok(Arc::new(CertifiedKey::new(vec![CertificateDer::from(self.public.to_spki())], key)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint())
    }
}

/// Whose key a client takes for the bridge's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pins {
    /// The key of the bridge.
    pub key: Fingerprint,
    /// The one kept aside for the day when that is lost.
    pub spare: Option<Fingerprint>,
}

impl Pins {
    fn hold(&self, key: PublicKey) -> bool {
        let shown = key.fingerprint();
        shown == self.key || self.spare == Some(shown)
    }
}

/// What a client makes of the key that whoever answers shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Takes it if it is one of these, and nothing else.
    Pinned(Pins),
    /// Takes any, and so knows nothing of who is there: for a guest alone, who says nothing but the PIN's exchange
    /// until the other end has proved, over this very session, that it knows the PIN too (see `crate::pin`).
    AnyoneUntilThePinIsProved,
}

impl Trust {
    fn holds(&self, key: PublicKey) -> bool {
        match self {
            Self::Pinned(pins) => pins.hold(key),
            Self::AnyoneUntilThePinIsProved => true,
        }
    }
}

impl From<Pins> for Trust {
    fn from(pins: Pins) -> Self {
        Self::Pinned(pins)
    }
}

impl From<&Link> for Pins {
    fn from(link: &Link) -> Self {
        Self { key: link.key, spare: link.spare }
    }
}

/// The key that the other end of `connection` proved to own. `None` before the handshake is through.
#[must_use]
pub fn peer_key(connection: &quinn::Connection) -> Option<PublicKey> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    PublicKey::from_spki(chain.first()?).ok()
}

/// Takes the bridge's key if it is to be trusted.
#[derive(Debug)]
pub(super) struct TrustedKey {
    pub(super) trust: Trust,
    pub(super) provider: Arc<CryptoProvider>,
}

/// Takes any client's key.
#[derive(Debug)]
pub(super) struct AnyKey {
    pub(super) provider: Arc<CryptoProvider>,
}

fn verify(
    provider: &CryptoProvider,
    message: &[u8],
    key: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let spki = SubjectPublicKeyInfoDer::from(key.as_ref());
    verify_tls13_signature_with_raw_key(
        message,
        &spki,
        signature,
        &provider.signature_verification_algorithms,
    )
}

/// QUIC is TLS 1.3 only, so that this is never asked.
fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("TLS 1.2 is not spoken here".into()))
}

impl ServerCertVerifier for TrustedKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.trust.holds(PublicKey::from_spki(end_entity)?) {
            Ok(ServerCertVerified::assertion())
        } else {
            // Its alert, access_denied, is what `Lost` knows a wrong key by.
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify(&self.provider, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for AnyKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        PublicKey::from_spki(end_entity).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify(&self.provider, message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_written_key_reads_back_as_the_same_device() {
        let made = Identity::generate().unwrap();
        let read = Identity::from_pkcs8(made.to_pkcs8()).unwrap();
        assert_eq!(made.public_key(), read.public_key());
        assert_eq!(made.fingerprint(), read.fingerprint());
        assert_ne!(made.fingerprint(), Identity::generate().unwrap().fingerprint());
    }

    #[test]
    fn the_fingerprint_is_the_first_half_of_the_sha_256() {
        // sha256 of 32 zero bytes is 66687aadf862bd776c8fc18b8e9f8e20…
        let zero = PublicKey::from_bytes([0; 32]).fingerprint();
        assert_eq!(
            zero.as_bytes(),
            &[0x66, 0x68, 0x7a, 0xad, 0xf8, 0x62, 0xbd, 0x77, 0x6c, 0x8f, 0xc1, 0x8b, 0x8e, 0x9f, 0x8e, 0x20]
        );
    }

    #[test]
    fn our_spki_is_the_one_that_rustls_writes() {
        let identity = Identity::generate().unwrap();
        let key = identity.certified().unwrap();
        assert_eq!(key.key.public_key().unwrap().as_ref(), &*identity.public_key().to_spki());
    }

    #[test]
    fn secrets_are_not_shown_by_debug() {
        let identity = Identity::generate().unwrap();
        assert_eq!(format!("{identity:?}"), format!("Identity({})", identity.fingerprint()));
    }

    proptest! {
        #[test]
        fn a_damaged_key_is_refused_and_never_panics(cut in 0usize..83, noise in proptest::collection::vec(any::<u8>(), 0..100)) {
            let identity = Identity::generate().unwrap();
            prop_assert_eq!(Identity::from_pkcs8(&identity.to_pkcs8()[..cut]).err(), Some(KeyError::Damaged));
            prop_assert_eq!(Identity::from_pkcs8(&noise).err(), Some(KeyError::Damaged));
            prop_assert!(PublicKey::from_spki(&noise).is_err());
        }
    }
}
