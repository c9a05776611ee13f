//! The network by its bare sockets, without quinn.

use std::io::IoSliceMut;

use quinn::udp::{RecvMeta, Transmit};

use super::*;
use crate::testing::clock::run;
use crate::testing::link::{Fate, Loss, Outages, named};
use crate::unit::Bitrate;

fn addr(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, host], port))
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn send(socket: &Arc<dyn AsyncUdpSocket>, to: SocketAddr, contents: &[u8]) {
    let transmit = Transmit { destination: to, ecn: None, contents, segment_size: None, src_ip: None };
    socket.try_send(&transmit).expect("sending never fails");
}

/// Receives one datagram, or none within two virtual seconds.
async fn receive(socket: &Arc<dyn AsyncUdpSocket>) -> Option<(SocketAddr, Vec<u8>)> {
    let mut buf = [0; 1500];
    let mut meta = [RecvMeta::default()];
    let got = std::future::poll_fn(|cx| socket.poll_recv(cx, &mut [IoSliceMut::new(&mut buf)], &mut meta));
    tokio::time::timeout(ms(2000), got).await.ok()?.expect("receiving never fails");
    Some((meta[0].addr, buf[..meta[0].len].to_vec()))
}

#[test]
fn a_datagram_takes_the_delay_of_its_line() {
    run(async {
        let net = VirtualNet::new(1);
        let (a, b) = (net.socket(addr(1, 1000)), net.socket(addr(2, 2000)));
        send(&a, addr(2, 2000), b"clean");
        assert_eq!(receive(&b).await, Some((addr(1, 1000), b"clean".to_vec())));
        assert_eq!(net.elapsed(), ms(1));

        let (up, down) = named("vsat").unwrap();
        net.connect(addr(1, 0).ip(), addr(2, 2000), LinkConfig { rate: None, loss: Loss::None, ..up }, down);
        send(&a, addr(2, 2000), b"by satellite");
        assert_eq!(receive(&b).await.unwrap().1, b"by satellite");
        assert_eq!(net.elapsed(), ms(301));
    });
}

#[test]
fn a_faster_line_wakes_a_reader_that_waits_for_a_slower_one() {
    run(async {
        let net = VirtualNet::new(1);
        let [far, near, here] = [addr(1, 1), addr(2, 1), addr(3, 1)].map(|a| net.socket(a));
        let slow = LinkConfig { delay: ms(500), ..LinkConfig::default() };
        net.connect(addr(1, 1), addr(3, 1), slow.clone(), slow);
        let reader = tokio::spawn(async move { [receive(&here).await, receive(&here).await] });
        send(&far, addr(3, 1), b"far");
        tokio::time::sleep(ms(10)).await;
        send(&near, addr(3, 1), b"near");
        let got = reader.await.unwrap().map(|got| got.unwrap().1);
        assert_eq!(got, [b"near".to_vec(), b"far".to_vec()]);
        assert_eq!(net.elapsed(), ms(500));
    });
}

#[test]
fn what_arrives_at_one_instant_arrives_in_the_order_sent() {
    run(async {
        let net = VirtualNet::new(1);
        let senders: Vec<_> = (0..20).map(|n| net.socket(addr(10 + n, 1))).collect();
        let here = net.socket(addr(1, 1));
        for (n, socket) in senders.iter().enumerate().rev() {
            send(socket, addr(1, 1), &[n as u8]);
        }
        for n in (0..20).rev() {
            assert_eq!(receive(&here).await.unwrap().1, [n]);
        }
    });
}

#[test]
fn a_send_is_split_into_its_segments() {
    run(async {
        let net = VirtualNet::new(1);
        let (a, b) = (net.socket(addr(1, 1)), net.socket(addr(2, 1)));
        let contents: Vec<u8> = (0..250).collect();
        let whole = Transmit {
            destination: addr(2, 1),
            ecn: None,
            contents: &contents,
            segment_size: Some(100),
            src_ip: None,
        };
        a.try_send(&whole).unwrap();
        for part in contents.chunks(100) {
            assert_eq!(receive(&b).await.unwrap().1, part);
        }
        let counted = net.counters(addr(1, 1), addr(2, 0).ip());
        assert_eq!(counted, Counters { packets: 3, bytes: 250 + 3 * 28, dropped: 0 });
        assert_eq!(net.counters(addr(2, 1), addr(1, 1)), Counters::default());
    });
}

#[test]
fn all_sockets_of_a_site_share_its_line() {
    run(async {
        let net = VirtualNet::new(1);
        let line = LinkConfig { rate: Some(Bitrate::from_kbps(8)), ..LinkConfig::default() };
        net.connect(addr(1, 0).ip(), addr(2, 1), line.clone(), line);
        let (one, two, here) = (net.socket(addr(1, 1)), net.socket(addr(1, 2)), net.socket(addr(2, 1)));
        send(&one, addr(2, 1), &[0; 72]);
        send(&two, addr(2, 1), &[0; 72]);
        receive(&here).await.unwrap();
        receive(&here).await.unwrap();
        assert_eq!(
            net.elapsed(),
            ms(201),
            "100 bytes at 8 kbit/s are 100 ms, and the second waits for the first"
        );
    });
}

#[test]
fn after_a_rebinding_the_site_is_seen_elsewhere_and_its_line_is_the_same() {
    run(async {
        let net = VirtualNet::new(1);
        let (site, bridge) = (net.socket(addr(1, 5)), net.socket(addr(2, 1)));
        let slow = LinkConfig { delay: ms(50), ..LinkConfig::default() };
        net.connect(addr(1, 0).ip(), addr(2, 1), slow.clone(), slow);
        send(&bridge, addr(1, 5), b"under way");
        net.rebind(addr(1, 5), addr(9, 77));
        send(&site, addr(2, 1), b"who am I");
        assert_eq!(receive(&bridge).await, Some((addr(9, 77), b"who am I".to_vec())));
        assert_eq!(net.elapsed(), ms(50));
        send(&bridge, addr(1, 5), b"to the old address");
        send(&bridge, addr(9, 77), b"to the new one");
        assert_eq!(receive(&site).await.unwrap().1, b"to the new one");
        assert_eq!(net.astray(), 2);
        assert_eq!(site.local_addr().unwrap(), addr(1, 5));
    });
}

#[test]
fn what_goes_to_nobody_is_counted_and_an_address_is_free_again_when_its_socket_is_gone() {
    run(async {
        let net = VirtualNet::new(1);
        let a = net.socket(addr(1, 0));
        let b = net.socket(addr(2, 1));
        send(&a, addr(3, 1), b"nobody");
        drop(b);
        send(&a, addr(2, 1), b"gone");
        assert_eq!(net.astray(), 2);
        let b = net.socket(addr(2, 1));
        send(&a, addr(2, 1), b"back");
        assert_eq!(receive(&b).await.unwrap().1, b"back");
        assert_eq!(receive(&b).await, None);
    });
}

#[test]
fn a_line_that_changes_keeps_its_counters() {
    run(async {
        let net = VirtualNet::new(1);
        let (a, b) = (net.socket(addr(1, 1)), net.socket(addr(2, 1)));
        send(&a, addr(2, 1), b"one");
        let away = Outages::Spans(vec![(Duration::ZERO, Duration::MAX)]);
        net.set_link(addr(1, 0).ip(), addr(2, 0).ip(), LinkConfig { outages: away, ..LinkConfig::default() });
        send(&a, addr(2, 1), b"two");
        assert_eq!(receive(&b).await.unwrap().1, b"one");
        assert_eq!(receive(&b).await, None);
        assert_eq!(net.counters(addr(1, 1), addr(2, 1)), Counters { packets: 2, bytes: 62, dropped: 1 });
    });
}

#[test]
fn a_reader_that_sleeps_costs_bounded_memory() {
    run(async {
        let net = VirtualNet::new(1);
        let (a, _b) = (net.socket(addr(1, 1)), net.socket(addr(2, 1)));
        net.record(10);
        for _ in 0..20_000 {
            send(&a, addr(2, 1), &[0; 1200]);
        }
        let taken = (INBOX_BYTES / 1228) as u64;
        assert_eq!(net.counters(addr(1, 1), addr(2, 1)).dropped, 20_000 - taken);
        assert_eq!(net.trace().len(), 10);
        assert!(net.trace().iter().all(|record| record.fate == Fate::InboxFull));
    });
}

#[test]
fn the_observer_sees_each_datagram_and_may_ask_for_counters() {
    run(async {
        let net = VirtualNet::new(1);
        let (a, _b) = (net.socket(addr(1, 1)), net.socket(addr(2, 1)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (sink, asked) = (Arc::clone(&seen), net.clone());
        net.observe(move |datagram| {
            let packets = asked.counters(datagram.record.from, datagram.record.to).packets;
            lock(&sink).push((datagram.record.bytes, datagram.contents.to_vec(), packets));
        });
        send(&a, addr(2, 1), b"abc");
        send(&a, addr(2, 1), b"d");
        assert_eq!(*lock(&seen), [(31, b"abc".to_vec(), 1), (29, b"d".to_vec(), 2)]);
    });
}

#[test]
fn the_same_seed_gives_the_same_trace_whatever_was_connected_first() {
    let trace = |seed, swapped: bool| {
        run(async move {
            let net = VirtualNet::new(seed);
            net.record(1000);
            let sites = if swapped { [2, 1] } else { [1, 2] };
            for site in sites {
                let (up, down) = named("3g-edge").unwrap();
                net.connect(addr(site, 0).ip(), addr(9, 1), up, down);
            }
            let (a, b, bridge) = (net.socket(addr(1, 1)), net.socket(addr(2, 1)), net.socket(addr(9, 1)));
            for _ in 0..200 {
                send(&a, addr(9, 1), &[0; 50]);
                send(&b, addr(9, 1), &[0; 60]);
                tokio::time::sleep(ms(20)).await;
            }
            while receive(&bridge).await.is_some() {}
            (net.trace_hash(), net.trace())
        })
    };
    assert_eq!(trace(1, false), trace(1, true));
    assert_ne!(trace(1, false).0, trace(2, false).0);
}
