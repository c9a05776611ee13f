//! How long it takes to join under loss: handshake, first control message, its answer.

use giaoban_proto::transport::Identity;
use quinn::{Connection, Endpoint};
use tokio::time::{Instant, timeout};

use crate::net::Bridge;
use crate::traffic::{heartbeat, ms};

/// Answers the first message of each that calls.
async fn serve(endpoint: Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let connection = incoming.await.ok()?;
            heartbeat(&connection, ms(370));
            let (mut send, mut receive) = connection.accept_bi().await.ok()?;
            receive.read_exact(&mut [0; 100]).await.ok()?;
            send.write_all(&[2; 100]).await.ok()?;
            connection.closed().await;
            Some(())
        });
    }
}

/// Says hello and waits for the answer.
async fn greet(connection: &Connection) -> Option<()> {
    // From the first moment on, so that a lost hello is noticed.
    heartbeat(connection, ms(0));
    let (mut send, mut receive) = connection.open_bi().await.ok()?;
    send.write_all(&[1; 100]).await.ok()?;
    receive.read_exact(&mut [0; 100]).await.ok()
}

#[tokio::test(start_paused = true)]
async fn nearly_all_have_joined_after_eight_seconds_at_twenty_per_cent_of_loss() {
    for (round_trip, loss) in [(300, 0.0), (300, 0.1), (300, 0.2), (600, 0.2)] {
        let mut times = Vec::new();
        for seed in 0..100 {
            let bridge = Bridge::new(ms(round_trip), seed);
            bridge.net.set_loss(loss);
            tokio::spawn(serve(bridge.end.endpoint.clone()));
            let client = bridge.client("10.0.0.2:1000", seed);
            let began = Instant::now();
            let me = Identity::generate().unwrap();
            let connecting = client.connect(bridge.addr, &me, bridge.pins()).unwrap();
            let join = async {
                let connection = connecting.await.ok()?;
                greet(&connection).await?;
                connection.close(0u32.into(), b"");
                Some(())
            };
            let joined = timeout(ms(30_000), join).await;
            times.push(if joined == Ok(Some(())) { began.elapsed() } else { ms(30_000) });
        }
        times.sort();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!(
            "join, {round_trip} ms, loss {loss}: median {:?}, 90 % {:?}, 95 % {:?}, worst {:?}",
            at(0.5),
            at(0.9),
            at(0.95),
            at(1.0)
        );
        if loss == 0.0 {
            assert_eq!(at(1.0), ms(2 * round_trip));
        }
        assert!(at(0.9) <= ms(8000), "{:?}", at(0.9));
    }
}
