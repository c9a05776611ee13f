//! One direction of one line, seeded: delay, jitter, loss, reordering, copies, a rate with a finite queue, and
//! times when it is away.
//!
//! Pure: no socket, no clock; `now` comes in, arrival instants come out. What a packet meets, in this order:
//!
//! ```text
//! send -> away? -> queue (tail drop) -> sent bit by bit at the rate -> away? -> lost? -> delay + jitter -> arrives
//! ```
//!
//! So a lost packet has used the line, as on radio, and one that the full queue refused has not. Packets arrive
//! in the order in which they were sent: jitter only ever bunches them, unless [`LinkConfig::reorder`] asks
//! otherwise. Each kind of chance draws from its own stream, once a packet, so that turning up the jitter
//! leaves the losses where they were.
//!
//! Loss in bursts is Gilbert's: "Capacity of a Burst-Noise Channel", BSTJ 39 (1960), with nothing lost in the
//! good state and everything in the bad one.

mod named;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use named::{NAMES, named};

use super::rng::Rng;
use crate::unit::Bitrate;

/// What IPv4 (20 B) and UDP (8 B) add to each datagram. Everything here counts bytes with it.
pub const IP_UDP_HEADERS: usize = 28;

/// How one direction of a line behaves. The default is clean: 1 ms, nothing lost, no limit.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkConfig {
    /// The least time from the last bit sent to arrival, one way.
    pub delay: Duration,
    /// What is added to the delay, drawn for each packet.
    pub jitter: Jitter,
    /// Which packets vanish on the way.
    pub loss: Loss,
    /// The share of packets, 0 … 1, that are held back by [`reorder_by`](Self::reorder_by) and overtaken.
    pub reorder: f64,
    /// How much later a held packet arrives.
    pub reorder_by: Duration,
    /// The share of packets, 0 … 1, that arrive twice. The copy draws its own jitter and never comes first.
    pub duplicate: f64,
    /// Bits a second, IP and UDP headers counted; `None` sends at once. A rate of zero sends nothing, ever.
    pub rate: Option<Bitrate>,
    /// How much may wait for the rate. Without a rate nothing ever waits.
    pub queue: Queue,
    /// When the line is away.
    pub outages: Outages,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            delay: Duration::from_millis(1),
            jitter: Jitter::None,
            loss: Loss::None,
            reorder: 0.0,
            reorder_by: Duration::from_millis(100),
            duplicate: 0.0,
            rate: None,
            queue: Queue::default(),
            outages: Outages::None,
        }
    }
}

/// How the delay of one packet differs from the least. Never negative; the value is the most that is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jitter {
    /// All packets take equally long.
    None,
    /// Evenly between nothing and this.
    Uniform(Duration),
    /// Around the middle of this (three even draws averaged).
    Bell(Duration),
    /// Mostly little, now and then up to this (an even draw to the fourth power; the mean is a fifth).
    Tail(Duration),
}

impl Jitter {
    /// One draw. Takes as many draws from `rng` whatever the kind.
    fn draw(self, rng: &mut Rng) -> Duration {
        let [a, b, c] = [rng.unit(), rng.unit(), rng.unit()];
        let (most, share) = match self {
            Self::None => return Duration::ZERO,
            Self::Uniform(most) => (most, a),
            Self::Bell(most) => (most, (a + b + c) / 3.0),
            Self::Tail(most) => (most, a * a * a * a),
        };
        // Shares are below 1, so neither the product nor the cast can leave the range of `most`.
        let nanos = most.as_nanos() as f64 * share;
        Duration::from_nanos(nanos as u64).min(most)
    }
}

/// Which packets are lost. Probabilities are 0 … 1; what lies outside is brought inside, not-a-number is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// None.
    None,
    /// Each packet by itself, with this probability.
    Random(f64),
    /// In bursts: the share `p` of all packets, in runs of `mean_len` packets in the mean.
    ///
    /// A share that cannot be had from such short runs (more than `mean_len / (1 + mean_len)`) makes the runs
    /// longer, so that `p` holds.
    Bursts {
        /// Mean number of packets lost in a row, at least 1.
        mean_len: f64,
        /// Share of all packets lost.
        p: f64,
    },
}

/// How much may wait for the rate; what comes on top is dropped. An empty queue takes one packet of any size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// This many bytes, the packet being sent included.
    Bytes(usize),
    /// As many bytes as the rate carries in this time.
    Time(Duration),
}

impl Default for Queue {
    /// Two seconds: short for a cheap modem, and yet enough for a handshake at 16 kbit/s (three datagrams of
    /// 1,200 B). More hides overload as delay, less turns a handshake into losses.
    fn default() -> Self {
        Self::Time(Duration::from_secs(2))
    }
}

/// When nothing gets through. Times count from the link's start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outages {
    /// Never.
    #[default]
    None,
    /// In each of these spans: from, inclusive, to, exclusive.
    Spans(Vec<(Duration, Duration)>),
    /// For the last `away` of each `every`, so that the line begins by working.
    Periodic {
        /// Length of a period.
        every: Duration,
        /// How much of it the line is away.
        away: Duration,
    },
}

impl Outages {
    /// Whether the line is away at this time after its start.
    #[must_use]
    pub fn away_at(&self, t: Duration) -> bool {
        match self {
            Self::None => false,
            Self::Spans(spans) => spans.iter().any(|&(from, to)| from <= t && t < to),
            Self::Periodic { every, away } => {
                let period = every.as_nanos();
                period > 0 && t.as_nanos() % period >= period.saturating_sub(away.as_nanos())
            }
        }
    }
}

/// What became of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Fate {
    /// It arrives once.
    Delivered = 0,
    /// It arrives twice.
    Duplicated = 1,
    /// Lost on the way, by chance.
    Lost = 2,
    /// The queue before the line was full.
    QueueFull = 3,
    /// The line was away.
    Away = 4,
    /// Nobody has that address, or no longer when it arrived. Given by the network, not by a link.
    NoSuchAddress = 5,
    /// The receiver does not read. Given by the network, not by a link.
    InboxFull = 6,
}

impl Fate {
    /// Whether it arrives at all.
    #[must_use]
    pub const fn arrives(self) -> bool {
        matches!(self, Self::Delivered | Self::Duplicated)
    }
}

/// What [`Link::send`] returns: the instants, none, one or two, at which the packet arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deliveries {
    fate: Fate,
    arrivals: [Option<Instant>; 2],
}

impl Deliveries {
    /// What became of the packet.
    #[must_use]
    pub const fn fate(&self) -> Fate {
        self.fate
    }

    /// When it arrives, the earlier first.
    pub fn iter(&self) -> impl Iterator<Item = Instant> + use<> {
        self.arrivals.into_iter().flatten()
    }

    const fn none(fate: Fate) -> Self {
        Self { fate, arrivals: [None, None] }
    }
}

/// One direction of one line, with its memory: what is queued, whether a burst is on, who arrived last.
#[derive(Clone, Debug)]
pub struct Link {
    config: LinkConfig,
    start: Instant,
    /// Since `start`: when the last bit of what was accepted will have been sent.
    busy_until: Duration,
    /// Since `start`: nobody who is not reordered arrives before this.
    last_arrival: Duration,
    in_burst: bool,
    loss: Rng,
    jitter: Rng,
    reorder: Rng,
    duplicate: Rng,
}

impl Link {
    /// A line that begins at `start`; outages count from there. The same seed gives the same line.
    #[must_use]
    pub fn new(config: LinkConfig, seed: u64, start: Instant) -> Self {
        let mut loss = Rng::of(seed, 1);
        let in_burst = matches!(config.loss, Loss::Bursts { p, .. } if loss.chance(p));
        Self {
            config,
            start,
            busy_until: Duration::ZERO,
            last_arrival: Duration::ZERO,
            in_burst,
            loss,
            jitter: Rng::of(seed, 2),
            reorder: Rng::of(seed, 3),
            duplicate: Rng::of(seed, 4),
        }
    }

    /// How it behaves now.
    #[must_use]
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// Changes how it behaves from now on. What is under way stays so; what is queued has its time already.
    pub fn set_config(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// Sends a packet of this many bytes, [`IP_UDP_HEADERS`] included, and says when it arrives.
    ///
    /// `now` should not go backwards; where it does, nothing worse happens than a packet later than needed.
    pub fn send(&mut self, now: Instant, wire_bytes: usize) -> Deliveries {
        // Drawn for each packet, whatever else befalls it: see the module's text.
        let lost = self.draw_loss();
        let delays = [self.config.jitter.draw(&mut self.jitter), self.config.jitter.draw(&mut self.jitter)];
        let held = self.reorder.chance(self.config.reorder);
        let twice = self.duplicate.chance(self.config.duplicate);

        let t = now.saturating_duration_since(self.start);
        if self.config.outages.away_at(t) {
            return Deliveries::none(Fate::Away);
        }
        let Some(sent) = self.enqueue(t, wire_bytes) else { return Deliveries::none(Fate::QueueFull) };
        if self.config.outages.away_at(sent) {
            return Deliveries::none(Fate::Away);
        }
        if lost {
            return Deliveries::none(Fate::Lost);
        }

        let mut arrival =
            sent.saturating_add(self.config.delay).saturating_add(delays[0]).max(self.last_arrival);
        if held {
            arrival = arrival.saturating_add(self.config.reorder_by);
        } else {
            self.last_arrival = arrival;
        }
        // Beyond what an instant can hold is never.
        let Some(first) = self.start.checked_add(arrival) else { return Deliveries::none(Fate::Lost) };
        if !twice {
            return Deliveries { fate: Fate::Delivered, arrivals: [Some(first), None] };
        }
        let second = first.checked_add(delays[1]);
        Deliveries { fate: Fate::Duplicated, arrivals: [Some(first), Some(second.unwrap_or(first))] }
    }

    /// Puts a packet into the queue; when its last bit will have been sent, or none if it was dropped.
    fn enqueue(&mut self, t: Duration, bytes: usize) -> Option<Duration> {
        let Some(rate) = self.config.rate else { return Some(t) };
        let waiting = self.busy_until.saturating_sub(t);
        let takes = time_for(bytes, rate)?;
        let room = match self.config.queue {
            Queue::Time(most) => most,
            // A queue that takes longer than can be counted has no limit in practice.
            Queue::Bytes(most) => time_for(most, rate).unwrap_or(Duration::MAX),
        };
        if !waiting.is_zero() && waiting.saturating_add(takes) > room {
            return None;
        }
        self.busy_until = self.busy_until.max(t).saturating_add(takes);
        Some(self.busy_until)
    }

    /// Whether the next packet is lost. Draws once.
    fn draw_loss(&mut self) -> bool {
        let draw = self.loss.unit();
        match self.config.loss {
            Loss::None => false,
            Loss::Random(p) => draw < p,
            Loss::Bursts { mean_len, p } => {
                if p.is_nan() || p <= 0.0 {
                    self.in_burst = false;
                    return false;
                }
                if p >= 1.0 {
                    return true;
                }
                // `max` also turns a mean that is not a number into 1. Above p / (1 - p) the way into a burst
                // has a probability of at most 1, which is what makes the share hold.
                let mean_len = mean_len.max(1.0).max(p / (1.0 - p));
                let leave = 1.0 / mean_len;
                let enter = leave * p / (1.0 - p);
                let lost = self.in_burst;
                self.in_burst = if lost { draw >= leave } else { draw < enter };
                lost
            }
        }
    }
}

/// How long this many bytes take at this rate; none when that is never.
fn time_for(bytes: usize, rate: Bitrate) -> Option<Duration> {
    if rate.bps() == 0 {
        return None;
    }
    let nanos = bytes as u128 * 8 * 1_000_000_000 / u128::from(rate.bps());
    u64::try_from(nanos).ok().map(Duration::from_nanos)
}
