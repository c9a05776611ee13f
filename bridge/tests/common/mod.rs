//! A bridge on the virtual network, and visitors that speak the wire by hand.

use giaoban_bridge::shell::{listen::Bridge, worker::Config};
use giaoban_bridge::store::{SqliteStore, UnixMs};
use giaoban_proto::link::Code;
use giaoban_proto::testing::visitor::{self, Visitor};
use giaoban_proto::testing::{VirtualNet, now, quic};
use giaoban_proto::transport::{ClientEnd, Identity, Pins, ResetKey, ServerEnd};
use giaoban_proto::wire::{Hello, SiteRole};
use quinn::TokioRuntime;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

pub(crate) const BRIDGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 4646);

/// A bridge with one room, `giaoban`.
pub(crate) struct House {
    pub(crate) net: VirtualNet,
    pub(crate) bridge: Bridge,
    pub(crate) store: Arc<SqliteStore>,
    identity: Identity,
    visitors: u8,
}

/// A hello of an enrolled device.
pub(crate) fn hello() -> Hello {
    visitor::hello("giaoban")
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
        let start = now();
        let clock = move || UnixMs(1_767_225_600_000 + (now() - start).as_millis() as i64);
        let store = Arc::new(SqliteStore::in_memory(Box::new(clock)).expect("a store"));
        let bridge = Bridge::in_task(end.endpoint, store.clone(), Config::for_members(max_members));
        Self { net, bridge, store, identity, visitors: 0 }
    }

    /// The key of a new device of this site, which is added if there is none of that name.
    pub(crate) fn enrol(&self, name: &str) -> Identity {
        let identity = Identity::generate().expect("a key");
        self.store.enrol(identity.public_key(), name, SiteRole::Participant).expect("enrolled");
        identity
    }

    /// An invitation for a new site.
    pub(crate) fn invite(&self, name: &str) -> Code {
        let name = name.to_owned();
        let invited = self.store.edit(move |registry| {
            registry.add_site(&name, SiteRole::Participant)?;
            registry.invite(&name)
        });
        invited.expect("a store").expect("invited").code
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

    /// Enrols a device, connects and joins.
    pub(crate) async fn join(&mut self, name: &str) -> Visitor {
        let identity = self.enrol(name);
        let mut visitor = self.connect(&identity).await;
        visitor.say(hello()).await;
        visitor.welcome().await.expect("welcome");
        visitor
    }
}
