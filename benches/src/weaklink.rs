//! A bad line between real programs: relays UDP over the named, seeded links of `giaoban_proto::testing::link`.
//!
//! ```text
//! clients -> listening socket --+--> flow { up: Link, down: Link } <-> upstream socket -> bridge
//!                               +--> flow …
//! ```
//!
//! Each client address has a flow: a socket of its own towards the bridge, which so sees different addresses, and a
//! pair of links of its own. A link decides what becomes of each packet and when; this file only waits until then.
//!
//! Bounded: so many flows, so much under way in each; a flow on which nothing passes is forgotten. Not for a network
//! that anybody can send to: whoever can reach the listening port can use the line.

mod flow;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use giaoban_proto::testing::link::{Fate, Link, LinkConfig};
use giaoban_proto::testing::rng::Rng;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use self::flow::{Flow, Packet};

/// Longest datagram that is relayed: any that UDP can carry.
const MAX_BYTES: usize = 65_536;

/// Packets that may wait for a flow's task to look at them. A hundredth of a second at any rate that is of interest.
const INBOX: usize = 256;

/// How often flows that have ended are cleared away.
const SWEEP: Duration = Duration::from_secs(5);

/// How a relay is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients send to; port 0 for any.
    pub listen: SocketAddr,
    /// The bridge.
    pub to: SocketAddr,
    /// What clients send on.
    pub up: LinkConfig,
    /// What they hear on.
    pub down: LinkConfig,
    /// The same seed gives the n-th flow the same line in each run.
    pub seed: u64,
    /// Client addresses at once; what others send is dropped and counted. 64 by default: each may hold 2 MiB.
    pub max_flows: usize,
    /// After this long without a packet either way a flow is forgotten. Two minutes by default: longer than a
    /// connection's idle timeout, so that no line changes its address under a living connection.
    pub forget_after: Duration,
}

impl Config {
    /// The usual bounds.
    #[must_use]
    pub fn new(listen: SocketAddr, to: SocketAddr, (up, down): (LinkConfig, LinkConfig), seed: u64) -> Self {
        Self { listen, to, up, down, seed, max_flows: 64, forget_after: Duration::from_secs(120) }
    }

    /// The lines, up and down, of the flow with this number; the first is 0.
    #[must_use]
    pub fn links(&self, flow: u64, start: Instant) -> (Link, Link) {
        let mut seeds = Rng::of(self.seed, flow);
        let (up, down) = (seeds.next_u64(), seeds.next_u64());
        (Link::new(self.up.clone(), up, start), Link::new(self.down.clone(), down, start))
    }
}

/// What became of the packets of one direction, of all flows, since the start.
#[derive(Debug, Default)]
pub struct Direction {
    /// Arrived, copies included.
    pub passed: AtomicU64,
    /// Bytes of those, IP and UDP headers counted.
    pub bytes: AtomicU64,
    /// Lost on the way, by chance.
    pub lost: AtomicU64,
    /// Refused by the full queue before the line.
    pub queue_full: AtomicU64,
    /// Sent while the line was away.
    pub away: AtomicU64,
    /// Dropped by the relay itself, which was too slow or held too much. The figures of a run with any are no good.
    pub overrun: AtomicU64,
    /// On their way at this moment; the only one that falls again.
    pub under_way: AtomicU64,
}

impl Direction {
    fn count_failed(&self, fate: Fate) {
        let counter = match fate {
            Fate::QueueFull => &self.queue_full,
            Fate::Away => &self.away,
            _ => &self.lost,
        };
        counter.fetch_add(1, Relaxed);
    }
}

/// What a relay has seen.
#[derive(Debug, Default)]
pub struct Counters {
    /// From clients to the bridge.
    pub up: Direction,
    /// From the bridge to clients.
    pub down: Direction,
    /// Flows that are alive at this moment.
    pub flows: AtomicU64,
    /// Packets of clients for whom there was no flow left, or no socket.
    pub turned_away: AtomicU64,
}

/// A running relay; dropped, it ends.
#[derive(Debug)]
pub struct Weaklink {
    address: SocketAddr,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

impl Weaklink {
    /// Starts to relay, on the current tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(config: Config) -> io::Result<Self> {
        let socket = UdpSocket::bind(config.listen).await?;
        let address = socket.local_addr()?;
        let counters = Arc::new(Counters::default());
        let task = tokio::spawn(relay(socket.into(), config, counters.clone()));
        Ok(Self { address, counters, task })
    }

    /// Where clients send to.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has seen.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl Drop for Weaklink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "a shell: this is where the relay's clock is read")]
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn relay(socket: Arc<UdpSocket>, config: Config, counters: Arc<Counters>) {
    let mut flows: BTreeMap<SocketAddr, mpsc::Sender<Packet>> = BTreeMap::new();
    let mut tasks = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    let mut begun = 0;
    let mut buffer = vec![0; MAX_BYTES];
    loop {
        tokio::select! {
            biased;
            _ = sweep.tick() => {
                flows.retain(|_, inbox| !inbox.is_closed());
                while tasks.try_join_next().is_some() {}
            }
            received = socket.recv_from(&mut buffer) => {
                // Some systems tell of an earlier answer that nobody took.
                let Ok((length, client)) = received else { continue };
                if flows.get(&client).is_some_and(mpsc::Sender::is_closed) {
                    flows.remove(&client);
                }
                if !flows.contains_key(&client) && flows.len() >= config.max_flows {
                    flows.retain(|_, inbox| !inbox.is_closed());
                }
                let full = flows.len() >= config.max_flows;
                let inbox = match flows.entry(client) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) if !full => {
                        let Ok(flow) = Flow::begin(&config, begun, client, &socket, &counters).await else {
                            counters.turned_away.fetch_add(1, Relaxed);
                            continue;
                        };
                        begun += 1;
                        let (inbox, packets) = mpsc::channel(INBOX);
                        tasks.spawn(flow.run(packets));
                        place.insert(inbox)
                    }
                    Entry::Vacant(_) => {
                        counters.turned_away.fetch_add(1, Relaxed);
                        continue;
                    }
                };
                let packet = Packet { at: now(), bytes: buffer[..length].into() };
                if inbox.try_send(packet).is_err() {
                    counters.up.overrun.fetch_add(1, Relaxed);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
