//! A bridge on the virtual network, and visitors that speak the wire by hand.

use giaoban_bridge::shell::{listen::Bridge, worker};
use giaoban_bridge::store::MemoryStore;
use giaoban_proto::link::Code;
use giaoban_proto::testing::visitor::{self, Visitor};
use giaoban_proto::testing::{VirtualNet, quic};
use giaoban_proto::transport::{ClientEnd, Identity, Pins, ResetKey, ServerEnd};
use giaoban_proto::wire::Hello;
use quinn::TokioRuntime;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

const CODE: Code = Code::from_bytes([7; 16]);
pub(crate) const BRIDGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 4646);

/// A bridge with one room, `giaoban`.
pub(crate) struct House {
    pub(crate) net: VirtualNet,
    pub(crate) bridge: Bridge,
    identity: Identity,
    visitors: u8,
}

/// A hello that is let in.
pub(crate) fn hello() -> Hello {
    Hello { name: "Tri Lễ".into(), ..visitor::hello("giaoban", CODE.as_bytes()) }
}

#[allow(dead_code, reason = "each test program uses what it needs")]
impl House {
    pub(crate) fn new(max_members: usize) -> Self {
        let net = VirtualNet::new(1);
        let identity = Identity::generate().expect("a key");
        let reset = ResetKey::from_bytes([1; 32]);
        let config = quic::server_endpoint_config(1);
        let end =
            ServerEnd::with_socket(net.socket(BRIDGE), Arc::new(TokioRuntime), config, &identity, &reset)
                .expect("an endpoint");
        let store = Arc::new(MemoryStore::new(&["giaoban"], CODE));
        let bridge = Bridge::start(end.endpoint, store, worker::start_task(max_members));
        Self { net, bridge, identity, visitors: 0 }
    }

    /// Connects with this key, and says nothing yet.
    pub(crate) async fn connect(&mut self, identity: &Identity) -> Visitor {
        self.visitors += 1;
        let from = SocketAddr::from((Ipv4Addr::new(10, 0, 1, self.visitors), 0));
        let pins = Pins { key: self.identity.fingerprint(), spare: None };
        let seed = self.visitors.into();
        Visitor::connect(&self.net, from, BRIDGE, identity, pins, seed).await.expect("a connection")
    }

    /// How many have come so far: the last number of the latest one's address.
    pub(crate) fn visitors(&self) -> u8 {
        self.visitors
    }

    /// Calls from this address, as often as a client would, and waits for nothing.
    pub(crate) fn call_from(&self, from: SocketAddr) -> (ClientEnd, quinn::Connecting) {
        let config = quic::client_endpoint_config(from.port().into());
        let end =
            ClientEnd::with_socket(self.net.socket(from), Arc::new(TokioRuntime), config).expect("an end");
        let identity = Identity::generate().expect("a key");
        let pins = Pins { key: self.identity.fingerprint(), spare: None };
        let calling = end.connect(BRIDGE, &identity, pins).expect("calls");
        (end, calling)
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
