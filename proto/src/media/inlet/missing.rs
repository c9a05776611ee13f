//! What is missing: which packets are overdue or were skipped, when they are asked for, and when the line was away.

use super::{Inlet, Latest};
use crate::media::asker::Manner;
use crate::media::delay::CEILING;
use crate::media::ladder::Role;
use crate::media::wait;
use crate::unit::{BRICK, MediaTime, Samples, Seq};
use crate::wire::{Ask, Report};
use std::time::{Duration, Instant};

/// After this long without a packet inside a talkspurt the line was away.
const AWAY: Duration = Duration::from_millis(1500);

/// For how long after that packets come that were held on the way, at most. Longer, and a way that has become slower is
/// learnt later.
const HELD: Duration = Duration::from_millis(700);

/// A packet is overdue, and asked for unseen, when it is this much later than half of the jitter explains: to ask in
/// vain now and then costs less than to ask late.
const OVERDUE: Duration = Duration::from_millis(40);

/// The same on a line that loses nothing, and what such a line loses.
const OVERDUE_IF_CLEAN: Duration = Duration::from_millis(300);

/// See [`OVERDUE_IF_CLEAN`].
const LOSES: f64 = 0.01;

/// Packets asked for unseen, at most, while nothing comes.
const UNSEEN: u64 = 3;

/// The same on a terrible line: who asks in vain there costs nothing, since the far end knows when it sent what.
const OVERDUE_IF_TERRIBLE: Duration = Duration::from_millis(30);
const UNSEEN_IF_TERRIBLE: u64 = 8;

/// Packets that were skipped and are asked for, at most. More in a row is an outage.
const SKIPPED: u64 = 24;

/// How much later than planned what is asked for may come while conversing: it is played late rather than not.
const LATE_ANSWER: Duration = Duration::from_millis(60);

/// Loss from which requests are sent four times.
const TERRIBLE: f64 = 0.22;

/// Loss from which requests are sent twice.
const BAD: f64 = 0.12;

impl Inlet {
    /// The far end's report says which number it will send next: what is before it and has not come is lost, even
    /// when nothing follows it.
    pub fn handle_report(&mut self, now: Instant, report: &Report) {
        let Some(latest) = self.latest else { return };
        let highest = self.numbers.highest();
        let sent = report.next(highest).ahead_of(highest) - 1;
        if let Ok(sent @ 1..=SKIPPED) = u64::try_from(sent) {
            for n in 1..=sent {
                self.asker.insert(now, Seq(highest.0 + n), latest.time + latest.length);
            }
        }
    }

    /// The request for lost packets that is due at `now`.
    pub fn poll_ask(&mut self, now: Instant) -> Option<Ask> {
        self.miss_what_is_overdue(now);
        if let Some(played) = self.played {
            self.asker.forget_before(played);
        }
        let wait = match self.role {
            Role::Listening => CEILING + LATE_ANSWER,
            Role::Conversing => self.wait + LATE_ANSWER,
        };
        let delay = &self.delay;
        let lost = self.losses.steady();
        let manner = if self.is_terrible() {
            Manner::Always
        } else {
            Manner::Rounds {
                patience: wait::patience(delay.length().duration()),
                repeats: u8::from(lost > BAD) + 2 * u8::from(lost > TERRIBLE),
            }
        };
        let round_trip = if self.is_terrible() { self.fastest } else { self.round_trip };
        self.asker.poll(now, round_trip, manner, |time| delay.playout(time, wait))
    }

    /// Whether so much is lost that all that is missing is asked for all the time.
    pub(super) fn is_terrible(&self) -> bool {
        self.role == Role::Listening && self.losses.steady() > TERRIBLE
    }

    /// Takes note of what was skipped before number `seq`; how many those are.
    pub(super) fn notice_missing(&mut self, now: Instant, seq: Seq, time: MediaTime) -> u32 {
        if self.numbers.is_empty() {
            return 0;
        }
        let highest = self.numbers.highest();
        let Ok(lost @ 1..=4095) = u64::try_from(seq.ahead_of(highest) - 1) else { return 0 };
        let Some(latest) = self.latest else { return 0 };
        let from = latest.time + latest.length;
        let gap = u64::try_from(time.ahead_of(from)).unwrap_or(0);
        for n in lost.saturating_sub(SKIPPED)..lost {
            // Where in the gap each was cannot be told; evenly is near enough to know until when it is wanted.
            let at = MediaTime(from.0 + gap * n / lost);
            self.asker.insert(now, Seq(highest.0 + 1 + n), at);
        }
        u32::try_from(lost).unwrap_or(u32::MAX)
    }

    /// Inside a talkspurt packets follow each other. One that does not come is missed before the next one shows it.
    fn miss_what_is_overdue(&mut self, now: Instant) {
        let Some(latest) = self.latest.filter(|latest| !latest.end) else { return };
        let length = latest.length.duration().max(BRICK);
        // Where nothing is ever lost, what does not come stands in a queue, and asking would make it longer.
        let (overdue_by, unseen) = if self.is_terrible() {
            (OVERDUE_IF_TERRIBLE, UNSEEN_IF_TERRIBLE)
        } else if self.losses.steady() > LOSES {
            (self.delay.jitter() / 2 + OVERDUE, UNSEEN)
        } else {
            (self.delay.jitter() / 2 + OVERDUE_IF_CLEAN, UNSEEN)
        };
        let since = now.saturating_duration_since(latest.at + overdue_by);
        let overdue = (since.as_micros() / length.as_micros()) as u64;
        for n in 1..=overdue.min(unseen) {
            let seq = Seq(self.numbers.highest().0 + n);
            if !self.numbers.has(seq) {
                let after = u64::from(latest.length.0) * n;
                self.asker.insert(now, seq, MediaTime(latest.time.0 + after));
            }
        }
    }

    /// So many were missed, then one came.
    pub(super) fn count_losses(&mut self, missed: u32) {
        // More than that is no loss, the line was away.
        self.losses.insert(if u64::from(missed) > SKIPPED { 0 } else { missed });
    }

    /// A packet came: the latest, or one that others have overtaken.
    pub(super) fn note_latest(&mut self, came: Latest) {
        if self.latest.is_some_and(|latest| came.time <= latest.time) {
            return;
        }
        let away = self.latest.is_none_or(|latest| {
            !latest.end && came.at.saturating_duration_since(latest.at) > AWAY + latest.length.duration()
        });
        if away {
            self.woke = Some(came.at);
            self.held_until = self.latest.map(|_| came.at + HELD);
        }
        self.latest = Some(came);
    }

    /// Whether a packet is late because the line was away: what TCP, or a radio link, held meanwhile says nothing about
    /// how late packets will be.
    pub(super) fn was_held(&mut self, now: Instant, time: MediaTime, length: Samples) -> bool {
        self.held_until = self.held_until.filter(|&until| now < until);
        self.held_until.is_some() && self.delay.lateness(now, time, length) > self.wait
    }
}
