//! What a voice packet costs beyond itself.

use tokio::time::{Instant, sleep};

use crate::net::Pair;
use crate::traffic::{HEARTBEAT, heartbeats, ms, send_every};

/// Bytes on the wire beyond `payload`, sorted, of the packets from `from` that carry it.
fn overheads(pair: &Pair, from: std::net::SocketAddr, since: Instant, payload: usize) -> Vec<usize> {
    let sent = pair.net().sent(from, since);
    let mut over: Vec<_> =
        sent.iter().map(|s| s.len + 28).filter(|len| *len >= payload + 28).map(|len| len - payload).collect();
    over.sort_unstable();
    over
}

#[tokio::test(start_paused = true)]
async fn a_voice_packet_costs_at_most_49_bytes_down_and_52_up() {
    println!("bytes beyond the payload, median and highest: alone | while the other side talks");
    for round_trip in [100, 300, 1000] {
        for payload in [77, 134] {
            let mut row = Vec::new();
            for (voice_up, voice_down) in [(true, false), (false, true), (true, true)] {
                let pair = Pair::new(ms(round_trip), 31).await;
                heartbeats(&pair);
                if voice_up {
                    send_every(&pair.up, payload, ms(60), ms(7));
                }
                if voice_down {
                    send_every(&pair.down, payload, ms(60), ms(31));
                }
                sleep(ms(5000)).await;
                let since = Instant::now();
                sleep(ms(60_000)).await;
                for (voice, from, most) in
                    [(voice_up, pair.client_addr(), 52), (voice_down, pair.bridge.addr, 49)]
                {
                    if !voice {
                        continue;
                    }
                    let over = overheads(&pair, from, since, payload);
                    assert!(over.len() >= 990, "{} packets", over.len());
                    let median = over[over.len() / 2];
                    // Heartbeat and voice of one moment may share a packet; that is no overhead of voice.
                    let highest = *over.iter().rfind(|over| **over <= most + 3 + HEARTBEAT).unwrap();
                    let both = voice_up && voice_down;
                    assert!(median <= if both { most + 8 } else { most }, "{median} of {most}");
                    assert!(highest <= most + 9, "{highest} of {most}");
                    row.push((if most == 52 { "up" } else { "down" }, median, highest));
                }
            }
            println!("{round_trip:4} ms, {payload:3} B: {row:?}");
        }
    }
}
