//! What arrives, and what it says of the line. Figures are made from records, after the fact.

use super::{CARRIED, STEPS, TOO_MUCH};
use crate::unit::{Bitrate, Seq};
use crate::wire::{CheckResult, PROBE_STEPS, Probe};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Probes that are remembered: several times what a whole check sends. What a hostile end sends beyond is ignored.
pub(super) const MAX_RECORDS: usize = 4096;

/// How far back "lately" goes: two words, or ten packets of the slowest step. Less takes jitter for a queue; more
/// notices a queue later.
const LATELY: Duration = Duration::from_millis(600);

/// Left out of the jitter, at the beginning.
const SETTLES: Duration = Duration::from_secs(1);

/// How many of its last packets say what was queued at a step's end. Fewer take jitter for a queue; more look back to
/// when the queue was shorter.
const AT_ITS_END: usize = 10;

/// Packets without which a step says nothing.
const ENOUGH: u64 = 5;

/// Packets without which the loss of a step says nothing.
const ENOUGH_FOR_LOSS: u64 = 20;

/// A step that loses this share more than those before it did is more than the line carries: such a line drops where
/// others queue.
const LOSS_JUMP: f64 = 0.15;

/// How one direction of the line did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// The rate that it carries, IP and UDP headers included.
    pub rate: Bitrate,
    /// Whether it might carry more: the staircase ended before the line did.
    pub or_more: bool,
    /// The share of packets lost while it was not overloaded, 0 … 1.
    pub loss: f64,
    /// How many are lost in a row, on average; 0 without loss.
    pub burst: f64,
    /// By how much the slowest twentieth of the trickle comes later than the fastest.
    pub jitter: Duration,
    /// Probes that arrived.
    pub received: u64,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    at: Instant,
    /// Arrival minus departure, beyond that of the first: the clocks' difference falls out.
    late_ms: i32,
    step: u8,
    bytes: usize,
}

/// The receiving half of an end.
#[derive(Debug, Default)]
pub struct Gauge {
    records: BTreeMap<u64, Record>,
    first: Option<(Instant, u16)>,
    last_at: Option<Instant>,
    highest_step: u8,
    base_ms: i32,
}

/// What is known of one step, or of several.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    received: u64,
    lost: u64,
    bursts: u64,
}

impl Tally {
    const fn and(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            lost: self.lost + other.lost,
            bursts: self.bursts + other.bursts,
        }
    }

    const fn all(self) -> u64 {
        self.received + self.lost
    }

    fn loss(self) -> f64 {
        self.lost as f64 / self.all().max(1) as f64
    }

    fn burst(self) -> f64 {
        self.lost as f64 / self.bursts.max(1) as f64
    }
}

impl Gauge {
    /// A probe came that took `wire_bytes` on the line.
    pub fn handle_probe(&mut self, now: Instant, probe: &Probe, wire_bytes: usize) {
        let highest = self.records.last_key_value().map_or(0, |(&number, _)| number);
        let number = Seq::widen(probe.number.into(), 16, Seq(highest)).0;
        if self.records.len() >= MAX_RECORDS || self.records.contains_key(&number) {
            return;
        }
        let (first_at, first_sent) = *self.first.get_or_insert((now, probe.sent_ms));
        let sent = i64::from(probe.sent_ms.wrapping_sub(first_sent));
        let passed = i64::try_from((now - first_at).as_millis()).unwrap_or(i64::MAX);
        // The sender's clock wraps after 65 s, more than a check takes; what is half of that off is its nonsense.
        let late_ms = ((passed.wrapping_sub(sent) + 0x8000).rem_euclid(0x1_0000) - 0x8000) as i32;
        self.base_ms = self.base_ms.min(late_ms);
        self.last_at = Some(now);
        self.highest_step = self.highest_step.max(probe.step);
        self.records.insert(number, Record { at: now, late_ms, step: probe.step, bytes: wire_bytes });
    }

    /// The highest step of which something came; 0 for none.
    #[must_use]
    pub const fn highest_step(&self) -> u8 {
        self.highest_step
    }

    /// When something came last.
    #[must_use]
    pub const fn last_at(&self) -> Option<Instant> {
        self.last_at
    }

    /// Probes that came.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.records.len() as u64
    }

    /// When the last probe of any step came.
    #[must_use]
    pub fn last_load_at(&self) -> Option<Instant> {
        self.records.values().rev().find(|record| record.step > 0).map(|record| record.at)
    }

    /// How much longer than the fastest those took that came lately: what waits before the line. The fastest of them
    /// says it, since jitter delays some and a queue all.
    #[must_use]
    pub fn queued(&self) -> Duration {
        let latest = self.records.values().rev();
        let Some(last_at) = self.last_at else { return Duration::ZERO };
        let lately = latest.take_while(|record| last_at.saturating_duration_since(record.at) < LATELY);
        self.beyond_base(lately.map(|record| record.late_ms).min())
    }

    /// Whether more comes than the line carries.
    #[must_use]
    pub fn overloaded(&self) -> bool {
        self.highest_step > 0
            && (self.queued() > TOO_MUCH || self.failing_step().is_some_and(|step| step < self.highest_step))
    }

    fn beyond_base(&self, late_ms: Option<i32>) -> Duration {
        let beyond = late_ms.unwrap_or(self.base_ms).saturating_sub(self.base_ms);
        Duration::from_millis(u64::try_from(beyond).unwrap_or(0))
    }

    /// Packets of each step: received, and missing by their numbers. A gap between two steps counts with the higher,
    /// since what overloads the line is what loses.
    fn tallies(&self) -> [Tally; PROBE_STEPS as usize] {
        let mut tallies = [Tally::default(); PROBE_STEPS as usize];
        // What was sent before the first that came may have come before this end listened.
        let mut expected = self.records.first_key_value().map_or(0, |(&number, _)| number);
        let mut before = 0;
        for (&number, record) in &self.records {
            let lost = number.saturating_sub(expected);
            if let Some(tally) = tallies.get_mut(usize::from(record.step.max(before))) {
                tally.lost += lost;
                tally.bursts += u64::from(lost > 0);
            }
            if let Some(tally) = tallies.get_mut(usize::from(record.step)) {
                tally.received += 1;
            }
            (expected, before) = (number + 1, record.step);
        }
        tallies
    }

    /// Whether a queue had grown when the step ended: the last of its packets all came late, and those of its second
    /// half mostly. A spike of jitter has the one or the other, a queue both.
    fn queued_by(&self, step: u8) -> bool {
        let of_step = || self.records.values().rev().filter(|record| record.step == step);
        let Some(last) = of_step().next() else { return false };
        let lately = of_step().take_while(|record| last.at.saturating_duration_since(record.at) < LATELY);
        let least = lately.take(AT_ITS_END).map(|record| record.late_ms).min();
        let mut half: Vec<i32> = of_step().map(|record| record.late_ms).collect();
        half.truncate(half.len().div_ceil(2));
        half.sort_unstable();
        let median = half.get(half.len() / 2).copied();
        self.beyond_base(least) > CARRIED && self.beyond_base(median) > CARRIED * 2 / 3
    }

    /// The lowest step that the line does not carry, so far as is known.
    fn failing_step(&self) -> Option<u8> {
        let tallies = self.tallies();
        let mut below = tallies.first().copied().unwrap_or_default();
        for (step, tally) in (1..).zip(tallies.iter().skip(1)) {
            if step > self.highest_step {
                return None;
            }
            // A step of which next to nothing came, and something of a higher one: the line was away.
            let hardly = tally.received < ENOUGH && step < self.highest_step;
            if hardly || (tally.received >= ENOUGH && self.queued_by(step)) {
                return Some(step);
            }
            if tally.all() >= ENOUGH_FOR_LOSS && drops_what_is_too_much(below, *tally) {
                return Some(step);
            }
            below = below.and(*tally);
        }
        None
    }

    /// What all of it says.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let failing = self.failing_step();
        let within = failing.unwrap_or(PROBE_STEPS);
        let tallies = self.tallies();
        let (carried, beyond) = tallies.split_at(within.into());
        let mut base = carried.iter().fold(Tally::default(), |all, tally| all.and(*tally));
        // A queue that is stopped from filling loses nothing: what is missing then is chance as well.
        let by_chance = beyond.iter().filter(|tally| !drops_what_is_too_much(base, **tally));
        base = by_chance.fold(base, |all, tally| all.and(*tally));
        let floor = rate_of(within.min(self.highest_step + 1) - 1);
        let measured = failing.and_then(|step| self.rate_through(step, base.loss()));
        let rate = measured.map_or(floor, |rate| rate.clamp(floor, rate_of(within).max(floor)));
        Figures {
            rate,
            or_more: failing.is_none() && usize::from(self.highest_step) == STEPS.len(),
            loss: base.loss(),
            burst: if base.lost > 0 { base.burst() } else { 0.0 },
            jitter: self.jitter(),
            received: self.received(),
        }
    }

    /// The rate at which the packets of a step came out of the line that it overloaded.
    fn rate_through(&self, step: u8, base_loss: f64) -> Option<Bitrate> {
        let mut within = self.records.iter().filter(|(_, record)| record.step == step);
        let (&first, from) = within.next()?;
        let (&last, to) = within.next_back()?;
        let (mut bytes, mut received) = (0, 0u64);
        for (_, record) in self.records.range(first + 1..=last) {
            bytes += record.bytes;
            received += 1;
        }
        let span = to.at.saturating_duration_since(from.at);
        if received < ENOUGH || span < Duration::from_millis(200) {
            return None;
        }
        // What was lost by chance has used the line, as on radio; what a full queue refused has not. Told apart by
        // how much was to be expected.
        let arrived = received as f64 / (last - first) as f64;
        let expected = 1.0 - base_loss;
        let share = if arrived < expected - LOSS_JUMP { expected } else { arrived };
        let through = bytes as f64 * 8.0 / span.as_secs_f64() / share;
        Some(Bitrate::from_bps(through as u32))
    }

    /// Of the trickle before the first step.
    fn jitter(&self) -> Duration {
        let Some((first_at, _)) = self.first else { return Duration::ZERO };
        // The first ones wait behind what is left of the handshake.
        let waited = |record: &&Record| record.at < first_at + SETTLES;
        let trickle = self.records.values().skip_while(waited).take_while(|record| record.step == 0);
        let mut late: Vec<i32> = trickle.map(|record| record.late_ms).collect();
        late.sort_unstable();
        let Some(&least) = late.first() else { return Duration::ZERO };
        let slow = late.get((late.len() * 19 / 20).min(late.len() - 1)).copied().unwrap_or(least);
        Duration::from_millis(u64::try_from(slow - least).unwrap_or(0))
    }
}

/// Whether a step lost more than chance would, after what those below it lost.
///
/// A full queue refuses a packet here and there all the time, which one long burst does not; and the difference must
/// be more than four deviations of a share that is lost in such bursts. With three, one of twenty checks of a line that
/// loses a fifth took chance for overload.
fn drops_what_is_too_much(below: Tally, tally: Tally) -> bool {
    let all = below.and(tally);
    let p = all.loss();
    // Both shares are known only as well as their numbers allow.
    let known = 1.0 / tally.all().max(1) as f64 + 1.0 / below.all().max(1) as f64;
    let spread = p * (1.0 - p) * (2.0 * all.burst() - 1.0).max(1.0) * known;
    tally.bursts >= ENOUGH && tally.loss() > below.loss() + LOSS_JUMP.max(4.0 * spread.sqrt())
}

/// What a step sends; nothing for 0.
fn rate_of(step: u8) -> Bitrate {
    let index = usize::from(step).checked_sub(1);
    index.map_or_else(Bitrate::default, |index| STEPS[index.min(STEPS.len() - 1)].rate)
}

impl From<Figures> for CheckResult {
    fn from(figures: Figures) -> Self {
        Self {
            rate_bps: figures.rate.bps(),
            or_more: figures.or_more,
            loss_permille: (figures.loss * 1e3).round() as u32,
            burst_hundredths: (figures.burst * 1e2).round() as u32,
            jitter_ms: u32::try_from(figures.jitter.as_millis()).unwrap_or(u32::MAX),
            received: u32::try_from(figures.received).unwrap_or(u32::MAX),
        }
    }
}

impl From<CheckResult> for Figures {
    fn from(result: CheckResult) -> Self {
        Self {
            rate: Bitrate::from_bps(result.rate_bps),
            or_more: result.or_more,
            loss: f64::from(result.loss_permille.min(1000)) / 1e3,
            burst: f64::from(result.burst_hundredths) / 1e2,
            jitter: Duration::from_millis(result.jitter_ms.into()),
            received: result.received.into(),
        }
    }
}
