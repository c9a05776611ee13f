//! Real quinn endpoints without chance: what the same seed sends, it sends at the same virtual time.
//!
//! quinn draws random bytes in five places: the endpoint's own generator, connection ids, the reset key, the
//! token key and a client's first destination id. All five are set here from a seed, and the wall clock that
//! ages tokens is virtual. TLS still draws its keys from the system; their contents differ from run to run, their
//! lengths do not, as long as signatures are Ed25519 and tickets stateful. Never for a real network.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use quinn::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, Endpoint, EndpointConfig, ServerConfig, TimeSource,
    TokioRuntime,
};
use ring::{hkdf, hmac};

use super::clock;
use super::net::VirtualNet;
use super::rng::Rng;

/// Length of a bridge's connection ids, in bytes.
pub const SERVER_CID_LEN: usize = 3;

/// When virtual wall clocks begin: 2026-01-01 00:00 UTC.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// The setting of an endpoint that only connects: connection ids of no length, so one connection to each peer
/// address; take a new endpoint for each attempt.
#[must_use]
pub fn client_endpoint_config(seed: u64) -> EndpointConfig {
    endpoint_config(seed, || Box::new(NoCids))
}

/// The setting of an endpoint that accepts: connection ids of [`SERVER_CID_LEN`] bytes, counted from the seed.
///
/// A bridge that restarts needs another seed, or its new ids are the old ones and its clients are not told by a
/// reset; and for them to be told it needs the same `reset_key`, which can be set on what this returns.
#[must_use]
pub fn server_endpoint_config(seed: u64) -> EndpointConfig {
    let first = Rng::of(seed, 30).next_u64();
    endpoint_config(seed, move || Box::new(CountedCids { next: first }))
}

fn endpoint_config(
    seed: u64,
    cids: impl Fn() -> Box<dyn ConnectionIdGenerator> + Send + Sync + 'static,
) -> EndpointConfig {
    let mut config = EndpointConfig::new(reset_key(seed));
    config.rng_seed(Some(bytes(seed, 31))).cid_generator(cids);
    config
}

/// The key of an endpoint's stateless resets, from a seed.
#[must_use]
pub fn reset_key(seed: u64) -> Arc<dyn quinn::crypto::HmacKey> {
    Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &bytes::<64>(seed, 32)))
}

/// Takes chance and the wall clock out of a server's setting: its token key and the age of tokens.
///
/// Call it inside [`clock::run`]: the virtual wall clock starts here.
pub fn settle_server(config: &mut ServerConfig, seed: u64) {
    let key = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&bytes::<64>(seed, 33));
    config.token_key(Arc::new(key)).time_source(Arc::new(VirtualWallClock { start: clock::now() }));
}

/// Takes chance out of a client's setting: the destination id of its first packets.
pub fn settle_client(config: &mut ClientConfig, seed: u64) {
    let attempts = AtomicU64::new(0);
    config.initial_dst_cid_provider(Arc::new(move || {
        let attempt = attempts.fetch_add(1, Ordering::Relaxed);
        // 20 bytes, as quinn's own: the length shows on the wire.
        ConnectionId::new(&bytes::<20>(Rng::of(seed, attempt).next_u64(), 34))
    }));
}

/// An endpoint on the virtual network, with a server's setting if it is to accept. That one is settled here, a
/// client's by [`settle_client`]. Inside [`clock::run`] only.
///
/// # Errors
/// When quinn refuses to make an endpoint.
pub fn endpoint(
    net: &VirtualNet,
    addr: SocketAddr,
    seed: u64,
    server: Option<ServerConfig>,
) -> io::Result<Endpoint> {
    let config = if server.is_some() { server_endpoint_config(seed) } else { client_endpoint_config(seed) };
    let server = server.map(|mut server| {
        settle_server(&mut server, seed);
        server
    });
    Endpoint::new_with_abstract_socket(config, server, net.socket(addr), Arc::new(TokioRuntime))
}

/// A wall clock that follows virtual time.
struct VirtualWallClock {
    start: Instant,
}

impl TimeSource for VirtualWallClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + EPOCH + clock::now().saturating_duration_since(self.start)
    }
}

struct NoCids;

impl ConnectionIdGenerator for NoCids {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&[])
    }

    fn cid_len(&self) -> usize {
        0
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Ids that do not repeat before 16.7 million: a counter times an odd number, modulo 2^24.
struct CountedCids {
    next: u64,
}

impl ConnectionIdGenerator for CountedCids {
    fn generate_cid(&mut self) -> ConnectionId {
        self.next = self.next.wrapping_add(1);
        let mixed = self.next.wrapping_mul(0x009e_3779_b979).to_le_bytes();
        ConnectionId::new(&mixed[..SERVER_CID_LEN])
    }

    fn cid_len(&self) -> usize {
        SERVER_CID_LEN
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// As many bytes as wanted from a seed, for one purpose.
fn bytes<const N: usize>(seed: u64, purpose: u64) -> [u8; N] {
    let mut rng = Rng::of(seed, purpose);
    std::array::from_fn(|_| rng.next_u64() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn connection_ids_do_not_repeat_and_follow_the_seed() {
        let ids = |seed: u64| -> Vec<Vec<u8>> {
            let mut cids = CountedCids { next: Rng::of(seed, 30).next_u64() };
            (0..70_000).map(|_| cids.generate_cid().to_vec()).collect()
        };
        let first = ids(1);
        assert!(first.iter().all(|id| id.len() == SERVER_CID_LEN));
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len());
        assert_eq!(first, ids(1));
        assert_ne!(first, ids(2));
    }
}
