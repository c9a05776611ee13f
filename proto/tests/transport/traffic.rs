//! What applications do on a connection: heartbeats, voice, a control stream.

use std::time::Duration;

use giaoban_proto::transport::{Acks, Traffic};
use quinn::{Connection, RecvStream, SendStream};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use crate::net::Pair;

pub(crate) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A heartbeat with its report.
pub(crate) const HEARTBEAT: usize = 14;

/// Sends datagrams of `size` bytes until the connection ends, the first after `offset`.
pub(crate) fn send_every(connection: &Connection, size: usize, every: Duration, offset: Duration) {
    let connection = connection.clone();
    tokio::spawn(async move {
        let mut tick = interval_at(Instant::now() + offset, every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if connection.send_datagram(vec![0; size].into()).is_err() {
                return;
            }
        }
    });
}

/// One heartbeat a second, and every 250 ms while control is unsettled.
pub(crate) fn heartbeat(connection: &Connection, offset: Duration) {
    send_every(connection, HEARTBEAT, ms(1000), offset);
    let connection = connection.clone();
    tokio::spawn(async move {
        let acks = Acks::of(&connection).unwrap();
        let mut quiet_since = Instant::now();
        loop {
            sleep(ms(25)).await;
            if !acks.unsettled() {
                quiet_since = Instant::now();
            } else if quiet_since.elapsed() >= ms(250) {
                quiet_since = Instant::now();
                if connection.send_datagram(vec![0; HEARTBEAT].into()).is_err() {
                    return;
                }
            }
        }
    });
}

/// Heartbeats both ways, out of step.
pub(crate) fn heartbeats(pair: &Pair) {
    heartbeat(&pair.up, ms(0));
    heartbeat(&pair.down, ms(370));
}

/// The control stream, open and used both ways: (client's ends, bridge's ends).
pub(crate) async fn control(pair: &Pair) -> ((SendStream, RecvStream), (SendStream, RecvStream)) {
    let mut client = pair.up.open_bi().await.unwrap();
    client.0.write_all(&[1]).await.unwrap();
    let mut bridge = pair.down.accept_bi().await.unwrap();
    let mut byte = [0];
    bridge.1.read_exact(&mut byte).await.unwrap();
    bridge.0.write_all(&[2]).await.unwrap();
    client.1.read_exact(&mut byte).await.unwrap();
    (client, bridge)
}

/// What both sockets carried in a stretch of time: (client's, bridge's).
pub(crate) async fn carried(pair: &Pair, time: Duration) -> (Traffic, Traffic) {
    let before = (pair.client.meter.read(), pair.bridge.end.meter.read());
    sleep(time).await;
    (pair.client.meter.read() - before.0, pair.bridge.end.meter.read() - before.1)
}

/// Kilobits a second.
pub(crate) fn kbps(bytes: u64, time: Duration) -> f64 {
    bytes as f64 * 8.0 / 1000.0 / time.as_secs_f64()
}
