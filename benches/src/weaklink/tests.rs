//! Over loopback with real sockets. Nothing here measures time; what waits, waits for a count.

use super::*;
use giaoban_proto::testing::link::{IP_UDP_HEADERS, Loss, Outages};
use std::sync::atomic::AtomicU64;
use tokio::time::timeout;

/// Guards against a hang, and is never waited out.
const HANG: Duration = Duration::from_secs(60);

/// Runs with real time and real sockets.
fn real<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { timeout(HANG, future).await.expect("no hang") })
}

fn any() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

/// Answers each datagram with the address that it saw and the contents.
async fn echo() -> SocketAddr {
    let socket = UdpSocket::bind(any()).await.expect("a socket");
    let address = socket.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut buffer = [0; 2000];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let answer = [&from.port().to_be_bytes(), &buffer[..length]].concat();
            socket.send_to(&answer, from).await.expect("sent");
        }
    });
    address
}

async fn client(relay: &Weaklink) -> UdpSocket {
    let socket = UdpSocket::bind(any()).await.expect("a socket");
    socket.connect(relay.address()).await.expect("connected");
    socket
}

async fn start(change: impl FnOnce(&mut Config)) -> Weaklink {
    let mut config = Config::new(any(), echo().await, Default::default(), 1);
    change(&mut config);
    Weaklink::start(config).await.expect("starts")
}

/// The port that the echo saw, and what came back.
async fn hear(client: &UdpSocket) -> (u16, Vec<u8>) {
    let mut buffer = [0; 2000];
    let length = client.recv(&mut buffer).await.expect("an answer");
    (u16::from_be_bytes([buffer[0], buffer[1]]), buffer[2..length].to_vec())
}

async fn until(counter: &AtomicU64, value: u64) {
    while counter.load(Relaxed) != value {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn packets_pass_both_ways_as_they_were() {
    real(async {
        let relay = start(|_| {}).await;
        let client = client(&relay).await;
        for length in [0, 1, 700, 1400] {
            let sent = vec![7; length];
            client.send(&sent).await.expect("sent");
            assert_eq!(hear(&client).await.1, sent);
        }
        let counters = relay.counters();
        assert_eq!((counters.up.passed.load(Relaxed), counters.down.passed.load(Relaxed)), (4, 4));
        assert_eq!(counters.up.bytes.load(Relaxed), (2101 + 4 * IP_UDP_HEADERS) as u64);
        assert_eq!(counters.up.under_way.load(Relaxed), 0);
    });
}

#[test]
fn the_packets_that_the_link_loses_by_its_seed_are_the_ones_that_are_lost() {
    const PACKETS: u16 = 400;
    let lossy = LinkConfig { loss: Loss::Bursts { mean_len: 3.0, p: 0.3 }, ..LinkConfig::default() };
    real(async {
        let mut pure = Config::new(any(), any(), Default::default(), 1);
        pure.up = lossy.clone();
        let mut link = pure.links(0, now()).0;
        let survivors: Vec<u16> = (0..PACKETS).filter(|_| link.send(now(), 30).fate().arrives()).collect();
        assert!((200..360).contains(&survivors.len()), "{}", survivors.len());

        let relay = start(|config| config.up = lossy.clone()).await;
        let client = client(&relay).await;
        let mut heard = Vec::new();
        for n in 0..PACKETS {
            client.send(&n.to_be_bytes()).await.expect("sent");
            // One at a time, so that no system's buffer has a say.
            if survivors.contains(&n) {
                let (_, back) = hear(&client).await;
                heard.push(u16::from_be_bytes([back[0], back[1]]));
            } else {
                until(&relay.counters().up.lost, u64::from(n) + 1 - heard.len() as u64).await;
            }
        }
        assert_eq!(heard, survivors);
    });
}

#[test]
fn each_client_address_has_an_address_and_a_line_of_its_own() {
    let coin = || LinkConfig { loss: Loss::Random(0.5), ..LinkConfig::default() };
    real(async {
        let relay = start(|_| {}).await;
        let (one, two) = (client(&relay).await, client(&relay).await);
        one.send(b"one").await.expect("sent");
        let first = hear(&one).await;
        two.send(b"two").await.expect("sent");
        let second = hear(&two).await;
        assert_eq!((first.1.as_slice(), second.1.as_slice()), (b"one".as_slice(), b"two".as_slice()));
        assert_ne!(first.0, second.0);
        one.send(b"again").await.expect("sent");
        assert_eq!(hear(&one).await, (first.0, b"again".to_vec()));
        assert_eq!(relay.counters().flows.load(Relaxed), 2);
    });
    let config = Config::new(any(), any(), (coin(), coin()), 1);
    let fates = |mut link: Link| (0..64).map(|_| link.send(now(), 30).fate()).collect::<Vec<_>>();
    let of = |flow| (fates(config.links(flow, now()).0), fates(config.links(flow, now()).1));
    assert_eq!(of(0), of(0));
    assert_ne!(of(0), of(1));
    assert_ne!(of(0).0, of(0).1);
}

#[test]
fn there_are_no_more_flows_than_allowed_and_a_forgotten_one_makes_room() {
    real(async {
        let relay = start(|config| {
            config.max_flows = 1;
            config.forget_after = Duration::from_millis(200);
        })
        .await;
        let (one, two) = (client(&relay).await, client(&relay).await);
        one.send(b"one").await.expect("sent");
        hear(&one).await;
        until(&relay.counters().flows, 0).await;
        // Asks again, since a machine that stands still for so long forgets this one too.
        let answer = loop {
            two.send(b"two").await.expect("sent");
            if let Ok(heard) = timeout(Duration::from_millis(100), hear(&two)).await {
                break heard.1;
            }
        };
        assert_eq!(answer, b"two");

        let relay = start(|config| config.max_flows = 1).await;
        let (one, two) = (client(&relay).await, client(&relay).await);
        one.send(b"one").await.expect("sent");
        hear(&one).await;
        two.send(b"two").await.expect("sent");
        until(&relay.counters().turned_away, 1).await;
        one.send(b"still here").await.expect("sent");
        assert_eq!(hear(&one).await.1, b"still here");
    });
}

#[test]
fn what_is_under_way_is_bounded_and_what_is_away_or_queued_is_counted_apart() {
    real(async {
        // A line so long that nothing arrives while the test runs.
        let relay = start(|config| config.up.delay = Duration::from_secs(3600)).await;
        let client_one = client(&relay).await;
        for n in 0..900 {
            client_one.send(&[0; 1400]).await.expect("sent");
            let up = &relay.counters().up;
            while up.under_way.load(Relaxed) + up.overrun.load(Relaxed) <= n {
                tokio::task::yield_now().await;
            }
        }
        let up = &relay.counters().up;
        assert_eq!(up.under_way.load(Relaxed), (1 << 20) / (1400 + IP_UDP_HEADERS as u64));
        assert_eq!(up.under_way.load(Relaxed) + up.overrun.load(Relaxed), 900);

        let relay = start(|config| {
            config.up.outages = Outages::Spans(vec![(Duration::ZERO, Duration::MAX)]);
        })
        .await;
        client(&relay).await.send(b"lost").await.expect("sent");
        until(&relay.counters().up.away, 1).await;

        let relay = start(|config| {
            // A packet takes days to send, and the queue is full with it.
            config.up.rate = Some(giaoban_proto::unit::Bitrate::from_bps(1));
        })
        .await;
        let slow = client(&relay).await;
        slow.send(&[0; 1000]).await.expect("sent");
        slow.send(&[0; 1000]).await.expect("sent");
        until(&relay.counters().up.queue_full, 1).await;
    });
}

#[test]
fn a_bridge_that_is_not_there_yet_ends_nothing() {
    real(async {
        let place = UdpSocket::bind(any()).await.expect("a socket").local_addr().expect("bound");
        let relay = Weaklink::start(Config::new(any(), place, Default::default(), 1)).await.expect("starts");
        let client = client(&relay).await;
        for n in 1..=3 {
            client.send(b"anybody?").await.expect("sent");
            until(&relay.counters().up.passed, n).await;
        }
        let late = UdpSocket::bind(place).await.expect("the place is still free");
        client.send(b"and now?").await.expect("sent");
        let mut buffer = [0; 20];
        let (length, _) = late.recv_from(&mut buffer).await.expect("heard");
        assert_eq!(&buffer[..length], b"and now?");
    });
}
