//! QUIC's packets inside TLS over TCP, for networks that let no UDP through.
//!
//! ```text
//! client                                                                bridge
//! quinn -> RoadSocket -+------------------- UDP ---------------------- Quiet -+- Mux -> quinn
//!            (choice)  +-> Queue -> frames -> TLS -> TCP -> TLS -> frames ----+
//! ```
//!
//! The connection inside is the one that would go by UDP: same keys, admission, control and datagrams, and it
//! changes between the two without noticing ([`choice`]). A tunnel is worse than UDP, by 50 to 100 bytes a packet and
//! by a stall for each lost segment, so it is only taken when UDP fails, and left when UDP works again.
//!
//! * [`frames`]: packets in a stream (pure).
//! * [`queue`]: what waits, bounded in bytes and in age (pure).
//! * [`choice`]: which way to go (pure).
//! * `tls`: the session, pinned as QUIC's is (no socket).
//! * `pump`: the task that moves bytes.
//! * `road`: the client's socket. `mux`: the bridge's. `tcp`: what the system's is set to.

pub mod choice;
pub mod frames;
mod mux;
mod pump;
pub mod queue;
mod road;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;

pub use mux::{MAX_TUNNELS, TunnelCounters, Tunnels};
pub use pump::{ByteStream, TunnelError};
pub use road::{Path, Road, Tunnel};
pub use tcp::{Arrived, Listener, tune};
pub use tls::{TUNNEL_ALPN, TlsError};

pub(super) use mux::Mux;
pub(super) use road::{RoadSocket, udp_road};
