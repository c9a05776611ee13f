//! A bridge on the virtual network, and visitors that speak the wire by hand: what a client would never do, they can.

use giaoban_bridge::shell::{listen::Bridge, worker};
use giaoban_bridge::store::MemoryStore;
use giaoban_proto::link::Code;
use giaoban_proto::testing::net::VirtualNet;
use giaoban_proto::testing::quic;
use giaoban_proto::transport::{ClientEnd, Identity, Pins, ResetKey, ServerEnd};
use giaoban_proto::wire::{
    ClientMessage, CloseCode, Framer, Hello, ServerMessage, VERSION, frame, server_message,
};
use quinn::{Connection, ConnectionError, RecvStream, SendStream, TokioRuntime};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

pub(crate) const CODE: Code = Code::from_bytes([7; 16]);
const BRIDGE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 4646);

/// A bridge with one room, `giaoban`, for at most `max_members`.
pub(crate) struct House {
    pub(crate) net: VirtualNet,
    pub(crate) bridge: Bridge,
    pub(crate) identity: Identity,
    visitors: u8,
}

impl House {
    pub(crate) fn new(max_members: usize) -> Self {
        let net = VirtualNet::new(1);
        let identity = Identity::generate().expect("a key");
        let end = ServerEnd::with_socket(
            net.socket(BRIDGE),
            Arc::new(TokioRuntime),
            quic::server_endpoint_config(1),
            &identity,
            &ResetKey::from_bytes([1; 32]),
        )
        .expect("an endpoint");
        let store = Arc::new(MemoryStore::new(&["giaoban"], CODE));
        let bridge = Bridge::start(end.endpoint, store, worker::start_task(max_members));
        Self { net, bridge, identity, visitors: 0 }
    }

    /// Connects with this key, and says nothing yet.
    pub(crate) async fn connect(&mut self, identity: &Identity) -> Visitor {
        self.visitors += 1;
        let from = SocketAddr::from((Ipv4Addr::new(10, 0, 1, self.visitors), 0));
        let config = quic::client_endpoint_config(self.visitors.into());
        let end = ClientEnd::with_socket(self.net.socket(from), Arc::new(TokioRuntime), config)
            .expect("an endpoint");
        let pins = Pins { key: self.identity.fingerprint(), spare: None };
        let connection = end.connect(BRIDGE, identity, pins).expect("starts").await.expect("a handshake");
        let (send, receive) = connection.open_bi().await.expect("a stream");
        Visitor { connection, send, receive, framer: Framer::default(), _end: end }
    }

    /// Connects with a new key and joins with the code.
    pub(crate) async fn join(&mut self, name: &str) -> Visitor {
        let identity = Identity::generate().expect("a key");
        let mut visitor = self.connect(&identity).await;
        visitor.say(Hello { name: name.into(), ..hello() }).await;
        visitor.welcome().await.expect("welcome");
        visitor
    }
}

pub(crate) struct Visitor {
    pub(crate) connection: Connection,
    pub(crate) send: SendStream,
    receive: RecvStream,
    framer: Framer,
    _end: ClientEnd,
}

/// A hello that is let in.
pub(crate) fn hello() -> Hello {
    Hello {
        version: VERSION,
        room: "giaoban".into(),
        name: "Tri Lễ".into(),
        code: CODE.as_bytes().to_vec(),
        ..Hello::default()
    }
}

impl Visitor {
    pub(crate) async fn say(&mut self, message: impl Into<ClientMessage>) {
        self.say_bytes(&frame(&message.into())).await;
    }

    /// Whatever the bridge makes of it: it may have closed the connection already.
    pub(crate) async fn say_bytes(&mut self, bytes: &[u8]) {
        let _ = self.send.write_all(bytes).await;
    }

    /// The next control message, or the code with which the bridge closed.
    pub(crate) async fn hear(&mut self) -> Result<ServerMessage, Option<CloseCode>> {
        loop {
            if let Some(message) = self.framer.poll().expect("the bridge's messages are well formed") {
                return Ok(message);
            }
            let mut bytes = [0; 512];
            match self.receive.read(&mut bytes).await {
                Ok(Some(read)) => self.framer.push(&bytes[..read]),
                _ => return Err(self.closed().await),
            }
        }
    }

    /// The name in the welcome.
    pub(crate) async fn welcome(&mut self) -> Result<String, Option<CloseCode>> {
        loop {
            if let Some(server_message::Body::Welcome(welcome)) = self.hear().await?.body {
                return Ok(welcome.name);
            }
        }
    }

    /// The code with which the bridge ended the connection.
    pub(crate) async fn closed(&self) -> Option<CloseCode> {
        match self.connection.closed().await {
            ConnectionError::ApplicationClosed(close) => CloseCode::from_code(close.error_code.into_inner()),
            _ => None,
        }
    }
}
