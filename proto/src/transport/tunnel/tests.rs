//! What a bridge puts up with from whoever opens a stream.

use std::future::poll_fn;
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use quinn::AsyncUdpSocket;
use quinn::udp::{RecvMeta, Transmit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::mux::{MAX_FROM_ONE, Mux, Tunnels};
use super::pump::{Toll, TunnelError, establish, now};
use super::tls::Tls;
use crate::testing::{VirtualNet, run};
use crate::transport::socket::Meter;
use crate::transport::{Identity, Pins};

const BRIDGE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const SITE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1));

struct House {
    net: VirtualNet,
    mux: Mux,
    tunnels: Tunnels,
    pins: Pins,
}

impl House {
    fn new() -> Self {
        let (net, identity) = (VirtualNet::new(1), Identity::generate().unwrap());
        let (mux, tunnels) = Mux::new(net.socket((BRIDGE, 4646).into()), &identity, Meter::new()).unwrap();
        Self { net, mux, tunnels, pins: Pins { key: identity.fingerprint(), spare: None } }
    }

    /// Somebody opens a stream.
    fn come(&self) -> (DuplexStream, JoinHandle<Result<(), TunnelError>>) {
        let (ours, theirs) = duplex(64 * 1024);
        let tunnels = self.tunnels.clone();
        (ours, tokio::spawn(async move { tunnels.serve(theirs, Some(BRIDGE), SITE).await }))
    }

    /// And gets through the handshake.
    async fn enter(&self) -> (DuplexStream, Tls, JoinHandle<Result<(), TunnelError>>) {
        let (mut stream, served) = self.come();
        let toll = Toll { meter: Meter::new(), peer: BRIDGE };
        let mut tls = Tls::client(self.pins).unwrap();
        establish(&mut stream, &mut tls, &toll, &mut Vec::new()).await.unwrap();
        (stream, tls, served)
    }

    /// Reads what has come, up to so many packets.
    async fn read(&self, most: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut space = vec![vec![0; 1500]; most];
        let mut metas = vec![RecvMeta::default(); most];
        let mut slices: Vec<_> = space.iter_mut().map(|space| IoSliceMut::new(space)).collect();
        let reading = poll_fn(|cx| self.mux.poll_recv(cx, &mut slices, &mut metas));
        let count = tokio::time::timeout(Duration::from_secs(1), reading).await.map_or(0, Result::unwrap);
        drop(slices);
        metas
            .iter()
            .zip(space)
            .take(count)
            .map(|(meta, space)| (meta.addr, space[..meta.len].to_vec()))
            .collect()
    }
}

async fn say(stream: &mut DuplexStream, tls: &mut Tls, plain: &[u8]) {
    let mut out = Vec::new();
    tls.seal(plain);
    tls.take(&mut out);
    stream.write_all(&out).await.unwrap();
}

#[test]
fn packets_come_from_an_address_of_their_own_and_answers_go_back_to_it() {
    run(async {
        let house = House::new();
        let (mut stream, mut tls, _served) = house.enter().await;
        say(&mut stream, &mut tls, &[0, 2, 7, 8, 0, 1, 9]).await;
        let came = house.read(8).await;
        let [(from, first), (same, second)] = &came[..] else { panic!("{came:?}") };
        assert_eq!((from, &first[..], &second[..]), (same, &[7, 8][..], &[9][..]));
        let contents = &[5; 1200];
        let transmit = Transmit { destination: *from, ecn: None, contents, segment_size: None, src_ip: None };
        house.mux.try_send(&transmit).unwrap();
        let (mut read, mut plain) = ([0; 2000], Vec::new());
        let len = stream.read(&mut read).await.unwrap();
        assert!(tls.open(&read[..len], &mut plain).unwrap());
        assert_eq!((&plain[..2], plain.len()), (&1200u16.to_be_bytes()[..], 1202));
    });
}

#[test]
fn who_says_nothing_is_closed_after_ten_seconds_and_an_idle_tunnel_after_ninety() {
    run(async {
        let house = House::new();
        let begun = now();
        let (_stream, served) = house.come();
        assert!(matches!(served.await.unwrap(), Err(TunnelError::Idle)));
        assert_eq!((now() - begun).as_secs(), 10);
        let begun = now();
        let (_stream, _tls, served) = house.enter().await;
        assert!(matches!(served.await.unwrap(), Err(TunnelError::Idle)));
        assert_eq!((now() - begun).as_secs(), 90);
        let counters = house.tunnels.counters();
        assert_eq!((counters.opened.load(Relaxed), counters.failed.load(Relaxed)), (1, 1));
        assert_eq!((counters.idle.load(Relaxed), house.tunnels.count()), (1, 0));
    });
}

#[test]
fn what_is_no_packet_closes_the_tunnel_and_what_is_no_tls_the_stream() {
    run(async {
        let house = House::new();
        let (mut stream, mut tls, served) = house.enter().await;
        say(&mut stream, &mut tls, &[0xff; 40]).await;
        assert!(matches!(served.await.unwrap(), Err(TunnelError::Frame(_))));
        let (mut stream, served) = house.come();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(matches!(served.await.unwrap(), Err(TunnelError::Tls(_))));
        let counters = house.tunnels.counters();
        assert_eq!((counters.bad_frames.load(Relaxed), counters.failed.load(Relaxed)), (1, 1));
    });
}

#[test]
fn one_tunnel_takes_no_more_than_its_share_of_what_waits() {
    run(async {
        let house = House::new();
        let (mut loud, mut tls, _served) = house.enter().await;
        for _ in 0..200 {
            say(&mut loud, &mut tls, &[0, 1, 1]).await;
        }
        let (mut quiet, mut tls, _served) = house.enter().await;
        say(&mut quiet, &mut tls, &[0, 1, 2]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let came = house.read(300).await;
        assert_eq!((came.len(), came.last().map(|(_, packet)| packet[0])), (65, Some(2)));
        assert_eq!(house.tunnels.counters().inbox_full.load(Relaxed), 200 - 64);
    });
}

#[test]
fn one_address_takes_a_quarter_of_the_places_at_most_and_gives_them_back() {
    run(async {
        let house = House::new();
        let all: Vec<_> = (0..MAX_FROM_ONE).map(|_| house.come()).collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (_stream, served) = house.come();
        assert!(matches!(served.await.unwrap(), Err(TunnelError::TooMany)));
        drop(all);
        tokio::time::sleep(Duration::from_secs(1)).await;
        house.enter().await;
    });
}

#[test]
fn nobody_speaks_for_a_tunnel_by_udp() {
    run(async {
        let house = House::new();
        let (mut stream, mut tls, _served) = house.enter().await;
        say(&mut stream, &mut tls, &[0, 1, 1]).await;
        let (tunnel, _) = house.read(1).await[0].clone();
        let forger = house.net.socket(tunnel);
        let destination = (BRIDGE, 4646).into();
        let transmit =
            Transmit { destination, ecn: None, contents: &[6; 50], segment_size: None, src_ip: None };
        forger.try_send(&transmit).unwrap();
        assert_eq!(house.read(4).await, [(tunnel, Vec::new())], "quinn skips what is empty");
        let honest: Arc<dyn AsyncUdpSocket> = house.net.socket((SITE, 5).into());
        honest.try_send(&transmit).unwrap();
        assert_eq!(house.read(4).await, [((SITE, 5).into(), vec![6; 50])]);
    });
}
