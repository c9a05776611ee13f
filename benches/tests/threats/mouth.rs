//! A voice by hand: a tone, coded and sent as a client would, at whatever pace.

use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Outlet, Pcm};
use giaoban_proto::unit::{BRICK, BRICK_SAMPLES, MediaTime, Seq};
use giaoban_proto::wire::{Datagram, MAX_DATAGRAM_BYTES, Voice};
use quinn::Connection;
use std::f32::consts::TAU;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};

pub(crate) struct Mouth {
    outlet: Outlet,
    hz: f32,
    bricks: u64,
    seq: Seq,
}

/// What came to somebody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ear {
    pub(crate) voices: usize,
    pub(crate) others: usize,
    pub(crate) bytes: usize,
}

impl Mouth {
    pub(crate) fn new(hz: f32) -> Self {
        let outlet = Outlet::new(RungId::for_cap(24)).expect("libopus");
        Self { outlet, hz, bricks: 0, seq: Seq(0) }
    }

    /// The next 20 ms; a datagram where one is complete.
    pub(crate) fn say(&mut self) -> Option<Vec<u8>> {
        let mut brick = Pcm::SILENCE;
        for (n, sample) in brick.samples_mut().iter_mut().enumerate() {
            let at = (self.bricks as usize * BRICK_SAMPLES + n) % 48_000;
            *sample = 0.3 * (TAU * self.hz * at as f32 / 48_000.0).sin();
        }
        let time = MediaTime::from_bricks(self.bricks);
        self.bricks += 1;
        let frame = self.outlet.push(time, Some(&brick)).expect("encodes")?;
        let voice = Voice::new(self.seq, frame.time, frame.start, frame.end, frame.body());
        self.seq = self.seq.next();
        Some(voice.encode(&mut [0; MAX_DATAGRAM_BYTES]).to_vec())
    }

    /// Speaks for so long.
    pub(crate) async fn speak(&mut self, connection: &Connection, time: Duration) {
        let mut ticks = interval(BRICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for _ in 0..time.as_millis() / BRICK.as_millis() {
            ticks.tick().await;
            if let Some(bytes) = self.say() {
                // That the connection has ended is for whoever listens.
                let _ = connection.send_datagram(bytes.into());
            }
        }
    }
}

/// Counts what comes within this time.
pub(crate) async fn listen(connection: &Connection, time: Duration) -> Ear {
    let mut ear = Ear::default();
    let hearing = async {
        while let Ok(bytes) = connection.read_datagram().await {
            ear.bytes += bytes.len();
            match Datagram::decode(&bytes) {
                Ok(Datagram::Voice(_)) => ear.voices += 1,
                _ => ear.others += 1,
            }
        }
        // The connection has ended: nothing more comes.
        std::future::pending::<()>().await;
    };
    let _ = timeout(time, hearing).await;
    ear
}
