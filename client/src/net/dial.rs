//! How a call gets through: by UDP, and where that does not answer, through a tunnel over TCP.
//!
//! Both are tried at once after a head start for UDP, and whichever finishes its handshake first is the call
//! (after "Happy Eyeballs", RFC 8305). The loser is dropped; the bridge never sees a request to join from it.

use super::task::loss;
use super::{Network, Target};
use crate::session::Loss;
use giaoban_proto::transport::{ClientEnd, Lost, Meter, Road, SERVER_NAME, Trust, Tunnel, client_config};
use quinn::{Connection, Endpoint};
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long UDP is tried alone. On a lossy line half of all handshakes that succeed have done so by then; a tunnel
/// that is made for nothing costs 4 kB, and each second here is one that a blocked site waits, once: from the second
/// attempt on there is no head start.
const HEAD_START: Duration = Duration::from_secs(3);

/// Time between one port and the next: long enough for a refusal to come back, and short against all the rest.
const NEXT_PORT: Duration = Duration::from_millis(300);

/// Ports that may be given. Each costs a stranger a connection.
const MAX_PORTS: usize = 8;

/// On which TCP ports of the bridge's host a tunnel is tried, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TcpPorts {
    /// The port of the link and 443, the one that nearly every firewall lets through.
    #[default]
    Usual,
    /// These. None: there is no fallback.
    These(Vec<u16>),
}

impl TcpPorts {
    /// For a link that names this UDP port.
    #[must_use]
    pub fn of(&self, udp: u16) -> Vec<u16> {
        match self {
            Self::Usual if udp == 443 => vec![443],
            Self::Usual => vec![udp, 443],
            Self::These(ports) => ports.clone(),
        }
    }
}

impl FromStr for TcpPorts {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if word == "off" {
            return Ok(Self::These(Vec::new()));
        }
        let port = |word: &str| word.trim().parse::<u16>().ok().filter(|port| *port > 0);
        let ports: Option<Vec<u16>> = word.split(',').map(port).collect();
        match ports {
            Some(ports) if ports.len() <= MAX_PORTS => Ok(Self::These(ports)),
            Some(_) => Err(format!("at most {MAX_PORTS} ports can be tried")),
            None => Err("give a port such as 443, several such as 443,8443, or off".into()),
        }
    }
}

/// What the sockets of a call have carried; there are two while it is not known which way will do.
#[derive(Clone, Debug, Default)]
pub(super) struct Meters(Arc<[OnceLock<Meter>; 2]>);

impl Meters {
    fn set(&self, way: Way, meter: &Meter) {
        // The first of its way: a call binds once for each.
        let _ = self.0[way as usize].set(meter.clone());
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Meter> {
        self.0.iter().filter_map(OnceLock::get)
    }
}

#[derive(Clone, Copy)]
enum Way {
    Udp = 0,
    Tcp = 1,
}

/// A call that got through.
pub(super) struct Dialled {
    pub(super) endpoint: Endpoint,
    pub(super) connection: Connection,
    pub(super) road: Road,
}

/// Calls `remote` by whichever way works.
pub(super) async fn dial(target: &Target, remote: SocketAddr, meters: &Meters) -> Result<Dialled, Loss> {
    let ports = target.network.tcp_ports().of(remote.port());
    // What blocked UDP a moment ago does so still, more likely than not.
    let head_start = if target.udp_failed.load(Ordering::Relaxed) { Duration::ZERO } else { HEAD_START };
    // That UDP failed, for the attempt after this one as well, however this one ends.
    let doubted = |doubted| target.udp_failed.store(doubted, Ordering::Relaxed);
    let hopeless = Notify::new();
    let by_udp = by_udp(target, remote, meters);
    let by_tcp = async {
        // An error is the time that is over.
        let _ = timeout(head_start, hopeless.notified()).await;
        doubted(true);
        by_tcp(target, remote, &ports, meters).await
    };
    tokio::pin!(by_udp, by_tcp);
    tokio::select! {
        biased;
        dialled = &mut by_udp => match dialled {
            // It got through, or somebody answered and there is nothing to get through to.
            Ok(_) | Err(Loss::WrongKey | Loss::OtherVersion) => {
                doubted(false);
                dialled
            }
            Err(loss) => {
                hopeless.notify_one();
                by_tcp.await.map_err(|()| loss)
            }
        },
        dialled = &mut by_tcp => match dialled {
            Ok(dialled) => Ok(dialled),
            Err(()) => by_udp.await.inspect(|_| doubted(false)),
        },
    }
}

async fn by_udp(target: &Target, remote: SocketAddr, meters: &Meters) -> Result<Dialled, Loss> {
    let end = target.network.bind(remote).map_err(|error| {
        tracing::warn!(%error, "no socket");
        Loss::Broken
    })?;
    meters.set(Way::Udp, &end.meter);
    connect(target, end, remote).await
}

/// Through the first tunnel that stands. What goes wrong says nothing about the bridge: on the ports that are tried
/// there may be anybody.
async fn by_tcp(target: &Target, remote: SocketAddr, ports: &[u16], meters: &Meters) -> Result<Dialled, ()> {
    let mut tunnels = JoinSet::new();
    for (n, &port) in (0u32..).zip(ports) {
        let (network, trust) = (target.network.clone(), target.trust());
        tunnels.spawn(async move {
            sleep(NEXT_PORT * n).await;
            open_tunnel(&*network, SocketAddr::new(remote.ip(), port), trust).await
        });
    }
    let tunnel = loop {
        match tunnels.join_next().await {
            Some(Ok(Some(tunnel))) => break tunnel,
            Some(_) => {}
            None => return Err(()),
        }
    };
    drop(tunnels);
    let end = target.network.bind_over(tunnel, remote).map_err(|error| {
        tracing::warn!(%error, "no socket");
    })?;
    meters.set(Way::Tcp, &end.meter);
    connect(target, end, remote).await.map_err(|_| ())
}

async fn open_tunnel(network: &dyn Network, to: SocketAddr, trust: Trust) -> Option<Tunnel> {
    let say = |error: &dyn std::fmt::Display| tracing::debug!(%error, %to, "no tunnel");
    let stream = network.stream(to).await.inspect_err(|error| say(error)).ok()?;
    Tunnel::open(stream, to.ip(), trust).await.inspect_err(|error| say(error)).ok()
}

async fn connect(target: &Target, end: ClientEnd, remote: SocketAddr) -> Result<Dialled, Loss> {
    let mut config = client_config(&target.identity, target.trust()).map_err(|error| {
        tracing::warn!(%error, "no setting for a connection");
        Loss::Broken
    })?;
    target.network.settle(&mut config);
    let ClientEnd { endpoint, road, .. } = end;
    let connecting = endpoint.connect_with(config, remote, SERVER_NAME).map_err(|error| {
        tracing::warn!(%error, %remote, "cannot call");
        Loss::Broken
    })?;
    match connecting.await {
        Ok(connection) => Ok(Dialled { endpoint, connection, road }),
        Err(error) => {
            tracing::debug!(%error, %remote, "no connection");
            Err(loss(&Lost::new(&error, false)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_a_list_or_off() {
        let of = |word: &str| word.parse::<TcpPorts>();
        assert_eq!(of("off"), Ok(TcpPorts::These(vec![])));
        assert_eq!(of("443, 8443"), Ok(TcpPorts::These(vec![443, 8443])));
        for wrong in ["", "0", "x", "443,", "65536", "1,2,3,4,5,6,7,8,9"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
        assert_eq!(TcpPorts::Usual.of(4646), [4646, 443]);
        assert_eq!(TcpPorts::Usual.of(443), [443]);
    }
}
