//! A client's place on the virtual network of `giaoban_proto::testing`, for tests and benches.

use crate::net::{Network, Streaming, TcpPorts};
use giaoban_proto::testing::{VirtualNet, quic};
use giaoban_proto::transport::tunnel::ByteStream;
use giaoban_proto::transport::{BindError, ClientEnd, Tunnel};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A site with one IP address. The same seed makes the same choices in every run.
#[derive(Debug)]
pub struct Site {
    net: VirtualNet,
    ip: IpAddr,
    seed: u64,
    attempts: AtomicU64,
}

impl Site {
    /// A site at `ip`.
    #[must_use]
    pub fn new(net: &VirtualNet, ip: impl Into<IpAddr>, seed: u64) -> Arc<Self> {
        Arc::new(Self { net: net.clone(), ip: ip.into(), seed, attempts: AtomicU64::new(0) })
    }

    /// How many endpoints were made here.
    #[must_use]
    pub fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Relaxed)
    }

    /// A seed of its own for each attempt.
    fn seed(&self) -> u64 {
        self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(self.attempts())
    }
}

impl Network for Site {
    fn bind(&self, _remote: SocketAddr) -> Result<ClientEnd, BindError> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let socket = self.net.socket((self.ip, 0).into());
        ClientEnd::with_socket(
            socket,
            Arc::new(quinn::TokioRuntime),
            quic::client_endpoint_config(self.seed()),
        )
    }

    fn bind_over(&self, tunnel: Tunnel, remote: SocketAddr) -> Result<ClientEnd, BindError> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let socket = self.net.socket((self.ip, 0).into());
        let config = quic::client_endpoint_config(self.seed());
        ClientEnd::over(tunnel, remote, socket, Arc::new(quinn::TokioRuntime), config)
    }

    fn stream(&self, to: SocketAddr) -> Streaming {
        let (net, ip) = (self.net.clone(), self.ip);
        Box::pin(async move { Ok(Box::new(net.stream(ip, to).await?) as Box<dyn ByteStream>) })
    }

    fn tcp_ports(&self) -> TcpPorts {
        TcpPorts::Usual
    }

    fn settle(&self, config: &mut quinn::ClientConfig) {
        quic::settle_client(config, self.seed());
    }
}
