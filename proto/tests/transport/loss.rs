//! Voice under loss and outage: never later than the link makes it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::net::Pair;
use crate::traffic::{heartbeats, ms};

/// Sends `count` numbered packets down, `every` apart; when each was sent and when it came.
async fn run(pair: &Pair, size: usize, every: Duration, count: usize) -> Vec<(Instant, Option<Instant>)> {
    let mut log = Vec::new();
    let send = async {
        let mut log = Vec::new();
        for number in 0..count as u32 {
            let mut data = vec![0; size];
            data[..4].copy_from_slice(&number.to_le_bytes());
            log.push(Instant::now());
            pair.down.send_datagram(data.into()).unwrap();
            sleep(every).await;
        }
        sleep(ms(5000)).await;
        log
    };
    let receive = async {
        let mut came = vec![None; count];
        loop {
            let data = pair.up.read_datagram().await.unwrap();
            if data.len() == size {
                let number = u32::from_le_bytes(data[..4].try_into().unwrap());
                came[number as usize] = Some(Instant::now());
                log.clone_from(&came);
            }
        }
    };
    let sent = tokio::select! { sent = send => sent, _ = receive => Vec::new() };
    sent.into_iter().zip(log).collect()
}

#[tokio::test(start_paused = true)]
async fn at_one_second_and_forty_per_cent_voice_is_as_late_as_the_link() {
    let pair = Pair::new(ms(1000), 41).await;
    heartbeats(&pair);
    pair.net().set_loss(0.4);
    // 12 kbit/s of Opus in packets of 60 ms, for five minutes.
    let packets = run(&pair, 94, ms(60), 5000).await;
    let delays: Vec<_> = packets.iter().filter_map(|(sent, came)| Some(*came.as_ref()? - *sent)).collect();
    let worst = delays.iter().max().unwrap();
    let share = delays.len() as f64 / packets.len() as f64;
    let mut hole = 0;
    let mut longest = 0;
    for (_, came) in &packets {
        hole = if came.is_some() { 0 } else { hole + 1 };
        longest = longest.max(hole);
    }
    println!(
        "1 s, 40 % loss: {:.1} % came, at most {worst:?} late, longest hole {} ms",
        share * 100.0,
        longest * 60
    );
    assert!(*worst <= ms(501), "{worst:?}");
    assert!((0.57..=0.63).contains(&share), "{share}");
    // Chance alone makes some ten in a row of 5,000.
    assert!(longest <= 16, "{longest} packets in a row");
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_the_first_packet_comes_through() {
    let pair = Pair::new(ms(300), 42).await;
    heartbeats(&pair);
    sleep(ms(5000)).await;
    // 64 kbit/s on the wire, away for as long as a connection may be.
    let began = Instant::now();
    let (packets, ()) = tokio::join!(run(&pair, 431, ms(60), 700), async {
        sleep(ms(5000)).await;
        pair.net().set_loss(1.0);
        sleep(ms(29_000)).await;
        pair.net().set_loss(0.0);
    });
    let back = began + ms(34_000);
    let (sent, came) = packets.iter().find(|(sent, _)| *sent >= back).unwrap();
    assert_eq!(*came, Some(*sent + ms(150)), "the first packet after the outage");
    assert!(
        packets.iter().filter(|(sent, _)| *sent >= back).all(|(sent, came)| *came == Some(*sent + ms(150)))
    );
    assert!(pair.up.close_reason().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_voice_is_not_paced() {
    let pair = Pair::new(ms(1000), 43).await;
    sleep(ms(5000)).await;
    // What a bridge sends in one moment to a member that asked for a second of voice again.
    let packets = run(&pair, 134, ms(0), 17).await;
    assert!(packets.iter().all(|(sent, came)| *came == Some(*sent + ms(500))), "{packets:?}");
}
