//! Packets that begin nothing: handshakes that are never gone on with, and noise.
#![expect(clippy::disallowed_methods, reason = "real programs run by real time")]

use crate::crowd::Answers;
use crate::door::stranger;
use crate::{Report, Scene, pause, runtime};
use anyhow::ensure;
use giaoban_benches::outside::end_at;
use giaoban_proto::testing::rng::Rng;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// Handshakes that are begun.
const HANDSHAKES: usize = 5000;

/// Packets of noise, and how many in a breath of a millisecond: 25,000 a second, some 140 Mbit/s.
const PACKETS: usize = 1_000_000;
const IN_A_BREATH: usize = 25;

/// First packets of as many handshakes, each a sound one of its own: sent by real clients to a socket of ours.
fn first_packets(scene: &Scene, count: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let sink = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    sink.set_read_timeout(Some(Duration::from_secs(2)))?;
    let (to, pins) = (sink.local_addr()?, scene.bridge.pins());
    let identity = stranger();
    let (mut packets, mut known) = (Vec::with_capacity(count), std::collections::HashSet::new());
    runtime().block_on(async {
        let end = end_at(Ipv4Addr::LOCALHOST.into())?;
        for _ in 0..count {
            // Dropped before it hears anything; its first packet is out when its driver has run once.
            let calling = end.connect(to, &identity, pins)?;
            tokio::task::yield_now().await;
            let mut packet = [0; 2000];
            let length = loop {
                sink.set_nonblocking(true)?;
                match sink.recv(&mut packet) {
                    // The connection's id tells it from the good-byes of those that were dropped.
                    Ok(length) if length >= 1200 && known.insert(packet[5..14].to_vec()) => break length,
                    Ok(_) => {}
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            packets.push(packet[..length].to_vec());
            drop(calling);
        }
        anyhow::Ok(())
    })?;
    Ok(packets)
}

/// What the bridge answers to somebody who has sent one packet, by QUIC's invariants.
fn kind(packet: &[u8]) -> &'static str {
    // The second highest bit is now and then another than usual, so that nobody relies on it.
    match packet.first().map(|first| (first >> 7, first >> 4 & 3)) {
        Some((1, 3)) => "Retry",
        Some((1, 0)) => "Initial",
        Some((1, _)) => "Handshake",
        _ => "short",
    }
}

/// From many addresses, those of the honest sites' network among them.
pub(crate) fn half_open(scene: &Scene) -> anyhow::Result<Report> {
    let packets = first_packets(scene, HANDSHAKES)?;
    let mut sockets = Vec::with_capacity(packets.len());
    let begun = Instant::now();
    for (n, packet) in packets.iter().enumerate() {
        let from = match n % 10 {
            0 => Ipv4Addr::new(127, 0, 0, 2 + (n / 10 % 250) as u8),
            _ => Ipv4Addr::new(127, 20 + (n % 7) as u8, (n / 250) as u8, 1 + (n % 250) as u8),
        };
        let socket = UdpSocket::bind((from, 0))?;
        socket.send_to(packet, scene.bridge.at)?;
        socket.set_nonblocking(true)?;
        sockets.push(socket);
        if n % 5 == 4 {
            // A thousand a second at most.
            pause(Duration::from_millis(5));
        }
    }
    let took = begun.elapsed();
    pause(Duration::from_secs(3));
    let mut answers = Answers::default();
    for socket in &sockets {
        let mut packet = [0; 2000];
        match socket.recv(&mut packet) {
            Ok(length) => answers.add(kind(&packet[..length]).into()),
            Err(_) => answers.add("nothing".into()),
        }
    }
    ensure!(answers.of("Retry") * 10 > HANDSHAKES * 9, "addresses were not asked to be shown: {answers}");
    Ok(Report::new(
        format!(
            "{HANDSHAKES} first packets in {:.0} s from as many ports of {} addresses, never gone on with",
            took.as_secs_f64(),
            HANDSHAKES / 10 * 9 + 250
        ),
        format!("first answers: {answers}"),
    ))
}

/// By UDP, a part of it shaped as QUIC's; and by TCP, instead of TLS.
pub(crate) fn random(scene: &Scene) -> anyhow::Result<Report> {
    let to = scene.bridge.at;
    let tcp = std::thread::spawn(move || noise_by_tcp(to));
    let sockets: Vec<UdpSocket> =
        (0..16).map(|n| UdpSocket::bind((Ipv4Addr::new(127, 30, n, 1), 0))).collect::<Result<_, _>>()?;
    sockets.iter().try_for_each(|socket| socket.set_nonblocking(true))?;
    let mut rng = Rng::new(20_261_128);
    let noise: Vec<u8> = (0..1 << 16).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
    let begun = Instant::now();
    let (mut bytes, mut sent) = (0, 0);
    for breath in 0..PACKETS / IN_A_BREATH {
        for n in 0..IN_A_BREATH {
            let draw = rng.next_u64() as usize;
            let at = draw % (noise.len() - 1500);
            let mut packet = [0; 1450];
            let length = 1 + (draw >> 20) % 1450;
            packet[..length].copy_from_slice(&noise[at..at + length]);
            match n % 4 {
                // A short header; a long one of our version; one of another.
                0 => packet[0] = 0x40 | packet[0] & 0x3f,
                1 => {
                    packet[0] |= 0xc0;
                    packet[1..6].copy_from_slice(&[0, 0, 0, 1, 8]);
                }
                2 => packet[0] |= 0xc0,
                _ => {}
            }
            // A full buffer drops it, as a line would.
            if let Ok(length) = sockets[draw % 16].send_to(&packet[..length], to) {
                bytes += length;
                sent += 1;
            }
        }
        let due = Duration::from_millis(breath as u64);
        let ahead = due.saturating_sub(begun.elapsed());
        if !ahead.is_zero() {
            pause(ahead);
        }
    }
    let took = begun.elapsed().as_secs_f64();
    let streams = tcp.join().expect("no panic")?;
    ensure!(sent * 10 > PACKETS * 9, "only {sent} were sent");
    ensure!(streams == 200, "only {streams} of 200 streams of noise were closed");
    let mut answers = 0;
    for socket in &sockets {
        while socket.recv(&mut [0; 2000]).is_ok() {
            answers += 1;
        }
    }
    Ok(Report::new(
        format!(
            "{sent} UDP packets, {:.0} MB in {took:.0} s, a quarter each shaped as short header, as our version, as another; \
             200 TCP streams of 64 kB noise instead of TLS",
            bytes as f64 / 1e6
        ),
        format!(
            "{answers} of its answers (resets, versions) were left in the senders' sockets; {streams} of 200 streams were closed"
        ),
    ))
}

fn noise_by_tcp(to: SocketAddr) -> anyhow::Result<usize> {
    let mut rng = Rng::new(7);
    let mut closed = 0;
    for _ in 0..200 {
        let mut stream = TcpStream::connect(to)?;
        stream.set_write_timeout(Some(Duration::from_secs(1)))?;
        let noise: Vec<u8> = (0..8192).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
        let written = noise.chunks(1024).try_for_each(|part| stream.write_all(part));
        pause(Duration::from_millis(20));
        // Who was put out cannot write any more.
        closed += usize::from(
            written.is_err()
                || (0..3).any(|_| {
                    pause(Duration::from_millis(5));
                    stream.write_all(&noise[..64]).is_err()
                }),
        );
    }
    Ok(closed)
}
