//! Endpoints that are set as `config` says and send through `Quiet`, on a real socket or on one handed in.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::{AsyncUdpSocket, ConnectError, Connecting, Endpoint, EndpointConfig, Runtime, TokioRuntime};
use socket2::SockRef;
use thiserror::Error;

use super::config::{self, ConfigError, ResetKey};
use super::keys::{Identity, Pins};
use super::socket::{Meter, Quiet};
use super::tunnel::{Mux, Road, RoadSocket, TlsError, Tunnel, Tunnels, udp_road};

/// A client's end, for one attempt to join: make a new one for the next.
#[derive(Clone, Debug)]
pub struct ClientEnd {
    /// The endpoint, without a default configuration: connect by [`ClientEnd::connect`].
    pub endpoint: Endpoint,
    /// What its socket carried.
    pub meter: Meter,
    /// Which way it goes.
    pub road: Road,
}

/// A bridge's end.
#[derive(Clone, Debug)]
pub struct ServerEnd {
    /// The endpoint, listening.
    pub endpoint: Endpoint,
    /// What its socket carried, for all connections, tunnels included.
    pub meter: Meter,
    /// Takes streams that are to be tunnels. Without any it is an endpoint as others are.
    pub tunnels: Tunnels,
}

/// Why there is no endpoint.
#[derive(Debug, Error)]
pub enum BindError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}; is a bridge running there already?")]
    Listen(SocketAddr, #[source] io::Error),
    /// The system gave no socket.
    #[error("the system gives no network socket: {0}")]
    Socket(#[from] io::Error),
    /// The keys or the cryptographic library.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The same, for tunnels.
    #[error(transparent)]
    Tunnel(#[from] TlsError),
}

/// Why no attempt could be made.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum StartError {
    /// quinn does not try this address from this endpoint.
    #[error("cannot call this address: {0}")]
    Connect(#[from] ConnectError),
    /// The keys or the cryptographic library.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// What the system is asked to hold of a bridge's datagrams until they are read, in bytes. All of them share one socket:
/// with Linux's usual 200 kB a flood of 25,000 packets a second fills it in the 5 ms that a busy machine lets a thread
/// wait, and then the honest ones are dropped with the others. The system gives what it allows (`net.core.rmem_max`).
const RECEIVE_BUFFER: usize = 4 << 20;

/// An end from which to call `remote`, on a port of the system's choice. Must run inside tokio.
pub fn bind_client(remote: SocketAddr) -> Result<ClientEnd, BindError> {
    let runtime = Arc::new(TokioRuntime);
    let socket = runtime.wrap_udp_socket(any_udp(remote)?)?;
    ClientEnd::with_socket(socket, runtime, config::client_endpoint_config()?)
}

/// The same through a tunnel to that bridge, until UDP works. Must run inside tokio.
pub fn bind_client_over(tunnel: Tunnel, remote: SocketAddr) -> Result<ClientEnd, BindError> {
    let runtime = Arc::new(TokioRuntime);
    let socket = runtime.wrap_udp_socket(any_udp(remote)?)?;
    ClientEnd::over(tunnel, remote, socket, runtime, config::client_endpoint_config()?)
}

fn any_udp(remote: SocketAddr) -> io::Result<UdpSocket> {
    UdpSocket::bind(match remote {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    })
}

/// An end that listens on `listen`. Must run inside tokio.
pub fn bind_server(
    listen: SocketAddr,
    identity: &Identity,
    reset: &ResetKey,
) -> Result<ServerEnd, BindError> {
    let runtime = Arc::new(TokioRuntime);
    let socket = UdpSocket::bind(listen).map_err(|e| BindError::Listen(listen, e))?;
    // A smaller one serves too.
    let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
    let socket = runtime.wrap_udp_socket(socket)?;
    let endpoint = config::server_endpoint_config(reset)?;
    ServerEnd::with_socket(socket, runtime, endpoint, identity, reset)
}

impl ClientEnd {
    /// On a socket and a runtime of the caller's; `config` is [`config::client_endpoint_config`], perhaps
    /// with a fixed seed.
    pub fn with_socket(
        socket: Arc<dyn AsyncUdpSocket>,
        runtime: Arc<dyn Runtime>,
        config: EndpointConfig,
    ) -> Result<Self, BindError> {
        let meter = Meter::new();
        let quiet = Arc::new(Quiet::new(socket, meter.clone()));
        let endpoint = Endpoint::new_with_abstract_socket(config, None, quiet, runtime)?;
        Ok(Self { endpoint, meter, road: udp_road() })
    }

    /// The same through `tunnel`, which leads to the bridge whose UDP address is `remote`, until the socket proves
    /// to be a better way. Connects to that address only.
    pub fn over(
        tunnel: Tunnel,
        remote: SocketAddr,
        socket: Arc<dyn AsyncUdpSocket>,
        runtime: Arc<dyn Runtime>,
        config: EndpointConfig,
    ) -> Result<Self, BindError> {
        let meter = tunnel.meter();
        let (socket, road) = RoadSocket::new(Arc::new(Quiet::new(socket, meter.clone())), tunnel, remote);
        let endpoint = Endpoint::new_with_abstract_socket(config, None, Arc::new(socket), runtime)?;
        Ok(Self { endpoint, meter, road })
    }

    /// Begins to join, as `identity`, the bridge at `remote` that `pins` name.
    pub fn connect(
        &self,
        remote: SocketAddr,
        identity: &Identity,
        pins: Pins,
    ) -> Result<Connecting, StartError> {
        let config = config::client_config(identity, pins)?;
        Ok(self.endpoint.connect_with(config, remote, config::SERVER_NAME)?)
    }
}

impl ServerEnd {
    /// On a socket and a runtime of the caller's; `config` is [`config::server_endpoint_config`], perhaps
    /// with a fixed seed and connection ids.
    pub fn with_socket(
        socket: Arc<dyn AsyncUdpSocket>,
        runtime: Arc<dyn Runtime>,
        config: EndpointConfig,
        identity: &Identity,
        reset: &ResetKey,
    ) -> Result<Self, BindError> {
        let meter = Meter::new();
        let server = config::server_config(identity, reset)?;
        let quiet = Arc::new(Quiet::new(socket, meter.clone()));
        let (mux, tunnels) = Mux::new(quiet, identity, meter.clone())?;
        let endpoint = Endpoint::new_with_abstract_socket(config, Some(server), Arc::new(mux), runtime)?;
        Ok(Self { endpoint, meter, tunnels })
    }
}
