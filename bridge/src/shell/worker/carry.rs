//! What a tick has to send goes to the endpoint's thread in one piece, and from there to the connections.
//!
//! To hand over each packet by itself wakes that thread, by a system call, once for each: 2,000 times in a tick.

use bytes::Bytes;
use quinn::Connection;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Ticks' worth that may wait. More would be late for everybody, and a tick waits for nobody.
const WAITING: usize = 8;

/// Packets that are handed over before whatever else is to be done on that thread has its turn: what comes in, and
/// sending these.
const AT_ONCE: usize = 64;

/// Ticks that a packet may be put off: see [`crate::room::Transmit`].
const LATER: usize = 4;

/// The packets of one tick, one behind the other.
#[derive(Debug, Default)]
struct Load {
    packets: Vec<(Arc<Connection>, usize)>,
    bytes: Vec<u8>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Carrier {
    /// Those of this tick and of the next ones, round and round.
    ahead: [Load; LATER],
    tick: usize,
    loads: mpsc::Sender<Load>,
    unsent: u64,
}

impl Carrier {
    /// One that sends from a task of the current runtime, until it is dropped.
    pub(super) fn start() -> Self {
        let (loads, waiting) = mpsc::channel(WAITING);
        tokio::spawn(carry(waiting));
        Self { ahead: Default::default(), tick: 0, loads, unsent: 0 }
    }

    /// A packet goes with the load of this tick, or of one so many ticks later.
    pub(super) fn load(&mut self, to: &Arc<Connection>, bytes: &[u8], later: u8) {
        let load = &mut self.ahead[(self.tick + usize::from(later)) % LATER];
        load.packets.push((to.clone(), bytes.len()));
        load.bytes.extend_from_slice(bytes);
    }

    /// What was loaded for this tick is on its way, or counted where too much is waiting already.
    pub(super) fn go(&mut self) {
        let load = &mut self.ahead[self.tick];
        self.tick = (self.tick + 1) % LATER;
        if load.packets.is_empty() {
            return;
        }
        // The next will be about as large.
        let next = Load {
            packets: Vec::with_capacity(load.packets.len()),
            bytes: Vec::with_capacity(load.bytes.len()),
        };
        if let Err(error) = self.loads.try_send(std::mem::replace(load, next)) {
            self.unsent += error.into_inner().packets.len() as u64;
        }
    }

    /// Packets that were not sent since the endpoint's thread was too busy.
    pub(super) const fn unsent(&self) -> u64 {
        self.unsent
    }
}

async fn carry(mut loads: mpsc::Receiver<Load>) {
    while let Some(Load { packets, bytes }) = loads.recv().await {
        let mut rest = bytes.as_slice();
        for packets in packets.chunks(AT_ONCE) {
            for (to, length) in packets {
                let (packet, after) = rest.split_at(*length);
                // quinn drops its oldest datagram when a link takes no more: right for voice. What cannot be sent at
                // all belongs to a connection that is ending. A copy each: a part of the load that waits for a link
                // would keep the whole of it.
                let _ = to.send_datagram(Bytes::copy_from_slice(packet));
                rest = after;
            }
            tokio::task::yield_now().await;
        }
    }
}
