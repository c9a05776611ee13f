//! When what is acknowledged.

use std::sync::Arc;

use giaoban_proto::transport::{Acks, Identity, client_config};
use quinn::{AckFrequencyConfig, TransportConfig};
use tokio::time::{Instant, sleep};

use crate::net::{Bridge, Pair};
use crate::traffic::{carried, control, heartbeats, kbps, ms, send_every};

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

fn alone(connection: &quinn::Connection) -> u64 {
    Acks::of(connection).unwrap().alone()
}

#[tokio::test(start_paused = true)]
async fn an_idle_line_carries_heartbeats_and_nothing_else() {
    for (round_trip, seed) in [(20, 1), (100, 2), (300, 3), (900, 4)] {
        let pair = Pair::new(ms(round_trip), seed).await;
        heartbeats(&pair);
        sleep(MINUTE).await;
        let before = (alone(&pair.up), alone(&pair.down));
        let (up, down) = carried(&pair, MINUTE).await;
        let alone = (alone(&pair.up) - before.0, alone(&pair.down) - before.1);
        let rates = (kbps(up.sent_bytes, MINUTE), kbps(down.sent_bytes, MINUTE));
        let rtt = (pair.up.rtt(), pair.down.rtt());
        println!(
            "idle, {round_trip} ms: {:.2} up, {:.2} down kbit/s, {alone:?} alone, {rtt:?}",
            rates.0, rates.1
        );
        assert!(rates.0 <= 0.8 && rates.1 <= 0.8, "{rates:?}");
        // quinn skips a packet number now and then, which looks like a loss.
        assert!(alone.0 <= 2 && alone.1 <= 2, "{alone:?}");
        // Both know the round trip, though each waits up to a second with its acknowledgements.
        for rtt in [rtt.0, rtt.1] {
            assert!(rtt.abs_diff(ms(round_trip)) <= ms(5), "{rtt:?} for {round_trip} ms");
        }
        for end in [&pair.up, &pair.down] {
            assert_eq!(end.stats().frame_tx.immediate_ack + end.stats().frame_tx.ping, 0, "probes");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_acknowledges_in_its_heartbeats() {
    for (round_trip, seed, loss) in [(100, 5, 0.0), (300, 6, 0.0), (300, 7, 0.2)] {
        let pair = Pair::new(ms(round_trip), seed).await;
        pair.net().set_loss(loss);
        heartbeats(&pair);
        send_every(&pair.down, 77, ms(60), ms(11));
        sleep(ms(5000)).await;
        let before = alone(&pair.up);
        let (up, _) = carried(&pair, MINUTE).await;
        let (rate, alone) = (kbps(up.sent_bytes, MINUTE), alone(&pair.up) - before);
        println!(
            "listening, {round_trip} ms, loss {loss}: {rate:.2} kbit/s up, {alone} of {} alone",
            up.sent
        );
        assert!(rate <= 0.8, "{rate} kbit/s");
        assert!(alone <= if loss > 0.0 { 12 } else { 2 }, "{alone} alone");
    }
}

#[tokio::test(start_paused = true)]
async fn without_heartbeats_one_a_second_goes_alone() {
    for (round_trip, seed) in [(100, 8), (300, 9)] {
        let pair = Pair::new(ms(round_trip), seed).await;
        send_every(&pair.down, 77, ms(60), ms(0));
        sleep(ms(5000)).await;
        let before = alone(&pair.up);
        let (up, _) = carried(&pair, MINUTE).await;
        let alone = alone(&pair.up) - before;
        println!("listening without heartbeats, {round_trip} ms: {alone} alone in a minute");
        assert!((40..=60).contains(&alone), "{alone} alone");
        // The client sent nothing else: each of its packets was known for what it is.
        assert_eq!(alone, up.sent);
    }
}

#[tokio::test(start_paused = true)]
async fn no_peer_changes_how_we_acknowledge() {
    let bridge = Bridge::new(ms(100), 10);
    let client = bridge.client("10.0.0.2:1000", 10);
    let mut config = client_config(&Identity::generate().unwrap(), bridge.pins()).unwrap();
    let mut ack_all = AckFrequencyConfig::default();
    ack_all.ack_eliciting_threshold(0u32.into());
    let mut transport = TransportConfig::default();
    transport.ack_frequency_config(Some(ack_all)).mtu_discovery_config(None);
    config.transport_config(Arc::new(transport));
    let connecting = client.endpoint.connect_with(config, bridge.addr, "giaoban").unwrap();
    let accepting = async { bridge.end.endpoint.accept().await.unwrap().await };
    let (up, down) = tokio::join!(connecting, accepting);
    let (up, down) = (up.unwrap(), down.unwrap());
    send_every(&up, 77, ms(60), ms(0));
    sleep(ms(5000)).await;
    let before = alone(&down);
    sleep(MINUTE).await;
    assert!(up.stats().frame_tx.ack_frequency > 0, "the client must have asked");
    assert!(alone(&down) - before <= 60, "{}", alone(&down) - before);
}

#[tokio::test(start_paused = true)]
async fn control_on_a_quiet_line_is_acknowledged_at_once() {
    let pair = Pair::new(ms(300), 11).await;
    heartbeats(&pair);
    let (mut client, mut bridge) = control(&pair).await;
    sleep(ms(5500)).await;
    for (stream, connection) in [(&mut client.0, &pair.up), (&mut bridge.0, &pair.down)] {
        let acks = Acks::of(connection).unwrap();
        assert!(!acks.unsettled());
        stream.write_all(&[0; 60]).await.unwrap();
        sleep(ms(150)).await;
        assert!(acks.unsettled());
        sleep(ms(160)).await;
        assert!(!acks.unsettled());
        sleep(ms(3040)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_lost_control_message_is_there_within_a_second_and_two_round_trips() {
    for (round_trip, seed) in [(100, 12), (300, 13), (600, 14)] {
        for (voice_up, voice_down) in [(false, false), (false, true), (true, true)] {
            let pair = Pair::new(ms(round_trip), seed).await;
            let (mut client, mut bridge) = control(&pair).await;
            heartbeats(&pair);
            for (voice, connection) in [(voice_up, &pair.up), (voice_down, &pair.down)] {
                if voice {
                    send_every(connection, 77, ms(60), ms(7));
                }
            }
            let mut worst = [ms(0); 2];
            for (way, worst) in worst.iter_mut().enumerate() {
                for phase in 0..10 {
                    // Every phase against the heartbeats.
                    sleep(ms(5090 + 10 * phase)).await;
                    let (send, receive) = match way {
                        0 => (&mut client.0, &mut bridge.1),
                        _ => (&mut bridge.0, &mut client.1),
                    };
                    let began = Instant::now();
                    pair.net().set_loss(1.0);
                    send.write_all(&[0; 60]).await.unwrap();
                    sleep(ms(1)).await;
                    pair.net().set_loss(0.0);
                    receive.read_exact(&mut [0; 60]).await.unwrap();
                    *worst = began.elapsed().max(*worst);
                }
            }
            println!("one loss, {round_trip} ms, voice {voice_up}/{voice_down}: {worst:?} up and down");
            for worst in worst {
                assert!(worst <= ms(1000 + 2 * round_trip), "{worst:?} at {round_trip} ms");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn control_gets_through_thirty_per_cent_of_loss() {
    for (name, voice_up, voice_down) in
        [("idle", false, false), ("listening", false, true), ("talking", true, true)]
    {
        for way in ["up", "down"] {
            let mut times = Vec::new();
            for seed in 20..28 {
                let pair = Pair::new(ms(300), seed).await;
                let (mut client, mut bridge) = control(&pair).await;
                heartbeats(&pair);
                for (voice, connection) in [(voice_up, &pair.up), (voice_down, &pair.down)] {
                    if voice {
                        send_every(connection, 77, ms(60), ms(7));
                    }
                }
                pair.net().set_loss(0.3);
                let (send, receive) =
                    if way == "up" { (&mut client.0, &mut bridge.1) } else { (&mut bridge.0, &mut client.1) };
                for phase in 0..10 {
                    sleep(ms(4000 + 137 * phase)).await;
                    let began = Instant::now();
                    send.write_all(&[0; 60]).await.unwrap();
                    receive.read_exact(&mut [0; 60]).await.unwrap();
                    times.push(began.elapsed());
                }
                pair.up.close(0u32.into(), b"");
            }
            times.sort();
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
            println!(
                "control {way} at 300 ms and 30 % loss, {name}: median {:?}, 90 % {:?}, 95 % {:?}, worst {:?}",
                at(0.5),
                at(0.9),
                at(0.95),
                at(1.0)
            );
            assert!(at(0.9) <= ms(3500) && at(1.0) <= ms(12_000), "{:?} {:?}", at(0.9), at(1.0));
        }
    }
}
