//! The QUIC setting that both ends share: keys, configuration, and what keeps a line quiet.
//!
//! ```text
//! Identity, Pins -> client_config / server_config -> quinn::Endpoint -> Quiet -> UDP
//!                             |                                  +-> tunnel -> TLS -> TCP
//!                             +-- acks: the TLS session, which says when to acknowledge
//! ```
//!
//! quinn's types live here, in the client's `net` and in the bridge's `shell`, and nowhere else. Nothing
//! here knows what the datagrams and streams carry, or decides who may come in.
//!
//! * [`keys`]: Ed25519 identities, raw public keys (RFC 7250), what is pinned.
//! * [`config`]: every setting with its reason.
//! * [`congestion`]: one fixed window.
//! * [`acks`]: when to acknowledge.
//! * [`socket`]: the socket that counts.
//! * [`tunnel`]: the way around a network without UDP.
//! * [`endpoint`]: all of it put together.
//! * [`lost`]: what a connection's end means for who used it.
//! * [`private`]: key files that only their owner may read.

pub mod acks;
pub mod config;
pub mod congestion;
pub mod endpoint;
pub mod keys;
pub mod lost;
pub mod private;
pub mod socket;
pub mod tunnel;

pub use acks::{Acks, MAX_ACK_DELAY};
pub use config::{
    ALPN, ConfigError, IDLE_TIMEOUT, ResetKey, SERVER_NAME, client_config, client_endpoint_config,
    server_config, server_endpoint_config,
};
pub use endpoint::{BindError, ClientEnd, ServerEnd, StartError, bind_client, bind_client_over, bind_server};
pub use keys::{Identity, KeyError, Pins, PublicKey, Trust, peer_key};
pub use lost::Lost;
pub use socket::{Meter, Quiet, Traffic};
pub use tunnel::{Path, Road, Tunnel, Tunnels};
