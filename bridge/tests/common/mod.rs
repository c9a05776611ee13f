//! A bridge on the virtual network, and visitors that speak the wire by hand.

use giaoban_bridge::recording::{Recorder, disk::memory::Memory};
use giaoban_bridge::shell::{listen::Bridge, worker::Config};
use giaoban_bridge::store::{SqliteStore, UnixMs};
use giaoban_proto::link::Code;
use giaoban_proto::testing::visitor::{self, Visitor};
use giaoban_proto::testing::{VirtualNet, now, quic};
use giaoban_proto::transport::{ClientEnd, Identity, Pins, ResetKey, ServerEnd};
use giaoban_proto::wire::{Hello, SiteRole};
use jiff::tz::TimeZone;
use quinn::TokioRuntime;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) const BRIDGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 4646);

/// A bridge with one room, `giaoban`.
pub(crate) struct House {
    pub(crate) net: VirtualNet,
    pub(crate) bridge: Bridge,
    pub(crate) store: Arc<SqliteStore>,
    /// What it records.
    pub(crate) recordings: Memory,
    /// When it was made: the time of day is [`House::time_of_day`] of this.
    start: Instant,
    identity: Identity,
    max_members: usize,
    visitors: u16,
}

/// A hello of an enrolled device.
pub(crate) fn hello() -> Hello {
    visitor::hello("giaoban")
}

#[allow(dead_code, reason = "each test program uses what it needs")]
impl House {
    pub(crate) fn new(max_members: usize) -> Self {
        let (net, start) = (VirtualNet::new(1), now());
        let identity = Identity::generate().expect("a key");
        let store = Arc::new(SqliteStore::in_memory(Box::new(clock(start))).expect("a store"));
        let recordings = Memory::default();
        let bridge = open(&net, &identity, &store, &recordings, start, max_members);
        Self { net, bridge, store, recordings, start, identity, max_members, visitors: 0 }
    }

    /// The bridge ends and another takes its place, with the same key and store.
    pub(crate) async fn restart(self) -> Self {
        let Self { net, bridge, store, recordings, start, identity, max_members, visitors } = self;
        bridge.stop().await;
        // The endpoint's own task lets go of the socket when the last connection has drained.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let bridge = open(&net, &identity, &store, &recordings, start, max_members);
        Self { net, bridge, store, recordings, start, identity, max_members, visitors }
    }

    /// What a clock on the wall shows at that moment.
    pub(crate) fn time_of_day(&self, at: Instant) -> UnixMs {
        UnixMs(OPENED + (at - self.start).as_millis() as i64)
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
        let from = SocketAddr::from((address(self.visitors), 0));
        let pins = Pins { key: self.identity.fingerprint(), spare: None };
        let seed = self.visitors.into();
        Visitor::connect(&self.net, from, BRIDGE, identity, pins, seed).await.expect("a connection")
    }

    /// The address of the last one that came, and that of the next.
    pub(crate) fn addresses(&self) -> [Ipv4Addr; 2] {
        [address(self.visitors), address(self.visitors + 1)]
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

/// When a house is opened, in Unix time.
const OPENED: i64 = 1_767_225_600_000;

/// The address of the visitor of this number.
fn address(number: u16) -> Ipv4Addr {
    let place = number.saturating_sub(1);
    Ipv4Addr::new(10, 0, 1 + (place / 250) as u8, 1 + (place % 250) as u8)
}

fn clock(start: Instant) -> impl Fn() -> UnixMs + Send {
    move || UnixMs(OPENED + (now() - start).as_millis() as i64)
}

/// A bridge on this network.
fn open(
    net: &VirtualNet,
    identity: &Identity,
    store: &Arc<SqliteStore>,
    recordings: &Memory,
    start: Instant,
    max_members: usize,
) -> Bridge {
    let (reset, config) = (ResetKey::from_bytes([1; 32]), quic::server_endpoint_config(1));
    let end = ServerEnd::with_socket(net.socket(BRIDGE), Arc::new(TokioRuntime), config, identity, &reset)
        .expect("an endpoint");
    let recorder =
        Recorder::inline(store.clone(), recordings.clone(), Box::new(clock(start)), TimeZone::UTC, None);
    let config = Config { recorder: Some(recorder), ..Config::for_members(max_members) };
    Bridge::in_task(end.endpoint, store.clone(), config)
}
