//! Where endpoints and streams come from: the system, or a test's network.

use super::TcpPorts;
use giaoban_proto::transport::tunnel::{ByteStream, tune};
use giaoban_proto::transport::{BindError, ClientEnd, Tunnel, bind_client, bind_client_over};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

/// Where a client's endpoints come from: the system, or a test's network.
pub trait Network: Send + Sync {
    /// A fresh end from which to call `remote`. Called once for each attempt, inside tokio.
    ///
    /// # Errors
    /// When there is no socket; the attempt then fails, and another follows.
    fn bind(&self, remote: SocketAddr) -> Result<ClientEnd, BindError>;

    /// A fresh end from which to call `remote` through a tunnel to it.
    ///
    /// # Errors
    /// As [`Network::bind`].
    fn bind_over(&self, tunnel: Tunnel, remote: SocketAddr) -> Result<ClientEnd, BindError>;

    /// A stream to `to`, for a tunnel.
    fn stream(&self, to: SocketAddr) -> Streaming;

    /// Where tunnels are tried.
    fn tcp_ports(&self) -> TcpPorts;

    /// Changes a connection's setting before use; nothing by default.
    fn settle(&self, _config: &mut quinn::ClientConfig) {}
}

/// A stream that is being opened.
pub type Streaming = Pin<Box<dyn Future<Output = io::Result<Box<dyn ByteStream>>> + Send>>;

/// The system's network: UDP, and TCP where that does not get through.
#[derive(Clone, Debug, Default)]
pub struct System {
    /// Where tunnels are tried.
    pub tcp_ports: TcpPorts,
}

impl Network for System {
    fn bind(&self, remote: SocketAddr) -> Result<ClientEnd, BindError> {
        bind_client(remote)
    }

    fn bind_over(&self, tunnel: Tunnel, remote: SocketAddr) -> Result<ClientEnd, BindError> {
        bind_client_over(tunnel, remote)
    }

    fn stream(&self, to: SocketAddr) -> Streaming {
        Box::pin(async move {
            let stream = tokio::net::TcpStream::connect(to).await?;
            tune(&stream);
            Ok(Box::new(stream) as Box<dyn ByteStream>)
        })
    }

    fn tcp_ports(&self) -> TcpPorts {
        self.tcp_ports.clone()
    }
}
