//! QUIC through a tunnel over the virtual network, no UDP at all: what a stall does to voice.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use giaoban_proto::testing::link::{LinkConfig, Loss, Outages};
use giaoban_proto::testing::{VirtualNet, now, quic, run};
use giaoban_proto::transport::tunnel::{Listener as _, Path};
use giaoban_proto::transport::{ClientEnd, Identity, Pins, ResetKey, ServerEnd, Tunnel};
use giaoban_proto::unit::Bitrate;
use quinn::TokioRuntime;
use tokio::time::sleep;

use crate::traffic::ms;

const SITE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1));
const BRIDGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 4646);
const DOOR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 443);

struct Ends {
    server: ServerEnd,
    client: ClientEnd,
    up: quinn::Connection,
    down: quinn::Connection,
}

/// A connection through a tunnel over this line, on which UDP is lost.
async fn connect(net: &VirtualNet, line: LinkConfig) -> Ends {
    let gone = LinkConfig { loss: Loss::Random(1.0), ..LinkConfig::default() };
    net.connect(SITE, BRIDGE, gone.clone(), gone);
    net.connect(SITE, BRIDGE.ip(), line.clone(), line);
    let (bridge, site) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    let pins = Pins { key: bridge.fingerprint(), spare: None };
    let runtime = Arc::new(TokioRuntime);
    let config = quic::server_endpoint_config(1);
    let reset = ResetKey::from_bytes([1; 32]);
    let server =
        ServerEnd::with_socket(net.socket(BRIDGE), runtime.clone(), config, &bridge, &reset).unwrap();
    let mut listener = net.listen(DOOR);
    let tunnels = server.tunnels.clone();
    tokio::spawn(async move {
        let (stream, local, peer) = listener.accept().await.unwrap();
        tunnels.serve(stream, local, peer.ip()).await
    });
    let stream = net.stream(SITE, DOOR).await.unwrap();
    let tunnel = Tunnel::open(Box::new(stream), DOOR.ip(), pins).await.unwrap();
    let config = quic::client_endpoint_config(2);
    let client = ClientEnd::over(tunnel, BRIDGE, net.socket((SITE, 0).into()), runtime, config).unwrap();
    let connecting = client.connect(BRIDGE, &site, pins).unwrap();
    let (up, down) = tokio::join!(connecting, async { server.endpoint.accept().await.unwrap().await });
    Ends { server, client, up: up.unwrap(), down: down.unwrap() }
}

#[test]
fn voice_is_as_late_after_a_stall_as_before_it_and_never_later_than_the_stall() {
    run(async {
        let net = VirtualNet::new(1);
        let line = LinkConfig {
            delay: ms(100),
            rate: Some(Bitrate::from_bps(48_000)),
            outages: Outages::Spans(vec![(ms(10_000), ms(13_000))]),
            ..LinkConfig::default()
        };
        let ends = connect(&net, line).await;
        // 16 kbit/s of Opus in packets of 60 ms.
        let sender = tokio::spawn(async move {
            for _ in 0..500 {
                let mut data = vec![0; 120];
                data[..8].copy_from_slice(&(net.elapsed().as_millis() as u64).to_le_bytes());
                ends.down.send_datagram(data.into()).unwrap();
                sleep(ms(60)).await;
            }
            (ends.server.tunnels.dropped(), net)
        });
        let start = now();
        let mut came = Vec::new();
        while let Ok(Ok(data)) = tokio::time::timeout(ms(8000), ends.up.read_datagram()).await {
            came.push((u64::from_le_bytes(data[..8].try_into().unwrap()), now()));
        }
        let (dropped, net) = sender.await.unwrap();
        let begun = now() - net.elapsed();
        assert!(begun <= start);
        let late = came.iter().map(|(said, at)| (*said, (*at - begun).as_millis() as u64 - said));
        let worst = |from: u64, to: u64| {
            late.clone().filter(|(said, _)| (from..to).contains(said)).map(|(_, late)| late).max().unwrap()
        };
        let (before, during, after) = (worst(0, 9_500), worst(9_500, 17_500), worst(17_500, 60_000));
        println!(
            "{} of 500 came; late: {before} ms before, {during} in, {after} after; {dropped:?}",
            came.len()
        );
        assert_eq!(came.len() as u64 + dropped.old, 500);
        // What TCP had in hand comes late, and is some ten packets.
        let stale = late.clone().filter(|(_, late)| *late > before + 500).count();
        println!("{stale} came more than half a second later than usual");
        // The line is away for three seconds, the last repetition finds it back after six.
        assert!((50..110).contains(&dropped.old) && stale < 25);
        assert!(before < 200 && after <= before + 20 && during < 7_000);
        assert_eq!(ends.client.road.path(), Path::Tcp);
    });
}

#[test]
fn what_a_tunnel_costs_is_counted_to_a_few_per_cent() {
    run(async {
        let net = VirtualNet::new(2);
        let ends = connect(&net, LinkConfig { delay: ms(50), ..LinkConfig::default() }).await;
        let before = (net.counters(SITE, DOOR), net.counters(DOOR, SITE), ends.client.meter.read());
        for _ in 0..100 {
            ends.down.send_datagram(vec![0; 120].into()).unwrap();
            sleep(ms(60)).await;
        }
        let counted = ends.client.meter.read() - before.2;
        // The trial after ten seconds has not begun; nothing but the tunnel has sent.
        let down = net.counters(DOOR, SITE).bytes - before.1.bytes;
        let up = net.counters(SITE, DOOR).bytes - before.0.bytes;
        println!(
            "down {down} B on the wire, {} counted; up {up}, {}",
            counted.received_bytes, counted.sent_bytes
        );
        println!("{} B a packet of 120, and {} B back", down / 100, up / 100);
        for (wire, counted) in [(down, counted.received_bytes), (up, counted.sent_bytes)] {
            assert!((counted as f64 / wire as f64 - 1.0).abs() < 0.05);
        }
    });
}

#[test]
fn another_bridges_key_makes_no_tunnel() {
    run(async {
        let net = VirtualNet::new(3);
        let ends = connect(&net, LinkConfig::default()).await;
        let mut listener = net.listen(DOOR);
        let tunnels = ends.server.tunnels.clone();
        let served = tokio::spawn(async move {
            let (stream, local, peer) = listener.accept().await.unwrap();
            tunnels.serve(stream, local, peer.ip()).await
        });
        let stream = net.stream(SITE, DOOR).await.unwrap();
        let other = Identity::generate().unwrap();
        let pins = Pins { key: other.fingerprint(), spare: None };
        let refused = Tunnel::open(Box::new(stream), DOOR.ip(), pins).await;
        assert!(refused.is_err());
        assert!(served.await.unwrap().is_err());
        assert_eq!(ends.server.tunnels.count(), 1, "the first one stands");
        sleep(Duration::from_secs(1)).await;
        assert!(ends.up.close_reason().is_none());
    });
}
