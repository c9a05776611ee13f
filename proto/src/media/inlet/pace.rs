//! When sound is played: the wait that is aimed at, and going faster or slower to be there.

use super::{AHEAD, Inlet, State};
use crate::media::ladder::Role;
use crate::media::stretch::Wish;
use crate::media::wait::{self, Needs};
use crate::unit::{BRICK_SAMPLES, MediaTime};
use std::time::{Duration, Instant};

/// Sound is stretched when it is played this much too late or too early, until it is within [`NEAR`]. One brick is
/// the grid on which it is pulled; less would stretch for ever.
const FAR: Duration = Duration::from_millis(35);

/// A conversation bears only this much too early, half of what the delay estimate adds to what packets need: where the
/// sender's clock is the slower one, the next packet is not there before long. Less stretches for what rounding does,
/// more has a hole every minute.
const TOO_EARLY: Duration = Duration::from_millis(5);

/// In the middle of a word a conversation bears this much too late, and a listener, who feels no delay, this much more:
/// pauses are for that.
pub(super) const FAR_IN_SPEECH: Duration = Duration::from_millis(70);

/// See [`FAR_IN_SPEECH`].
const FAR_FOR_LISTENER: Duration = Duration::from_millis(400);

/// See [`FAR`].
const NEAR: Duration = Duration::from_millis(8);

/// Packets after the last copy for which the wait reckons with copies.
const COPIES_FOR: u32 = 16;

/// How long the longest wait of late is kept before it shrinks.
const HOLD_LISTENING: Duration = Duration::from_secs(30);

/// The same for a conversation, where delay is felt.
const HOLD_CONVERSING: Duration = Duration::from_secs(6);

/// By how much the wait shrinks in a brick, at most: 50 ms a second.
const SHRINK_LISTENING: Duration = Duration::from_millis(1);

/// The same for a conversation: faster than stretching can follow.
const SHRINK_CONVERSING: Duration = Duration::from_millis(8);

impl Inlet {
    /// Quick to grow; slow to shrink, since the next burst is what the wait is for, and whatever changes it stretches
    /// speech. A conversation does not wait for that.
    pub(super) fn aim(&mut self, now: Instant) {
        let wanted = self.wanted();
        let conversing = self.role == Role::Conversing;
        let (hold, shrink) = if conversing {
            (HOLD_CONVERSING, SHRINK_CONVERSING)
        } else {
            (HOLD_LISTENING, SHRINK_LISTENING)
        };
        if wanted >= self.wait {
            self.wait = wanted;
            self.wanted_at = Some(now);
        } else if self.wanted_at.is_none_or(|at| now.saturating_duration_since(at) > hold)
            || (conversing && self.wait > wait::CONVERSING)
        {
            self.wait = wanted.max(self.wait.saturating_sub(shrink));
        }
    }

    /// The wait that the line and the role ask for.
    fn wanted(&self) -> Duration {
        wait::target(&Needs {
            role: self.role,
            jitter: self.delay.jitter(),
            round_trip: self.round_trip,
            loss: match self.role {
                Role::Conversing => self.losses.steady(),
                Role::Listening => self.losses.share(),
            },
            packet: self.delay.length().duration(),
            copies: if self.copies.1 < COPIES_FOR { self.copies.0 } else { 0 },
        })
    }

    /// Whether what is pulled next should go faster or slower, to be played when it is planned.
    pub(super) fn wish(&mut self, now: Instant) -> Wish {
        let Some(due) = self.due() else { return Wish::AsIs };
        let (late, early) = (now.saturating_duration_since(due), due.saturating_duration_since(now));
        let too_late = match self.role {
            _ if self.quiet => FAR,
            Role::Conversing => FAR_IN_SPEECH,
            Role::Listening => FAR_FOR_LISTENER,
        };
        let too_early = match self.role {
            Role::Conversing => TOO_EARLY,
            Role::Listening => FAR,
        };
        self.wish = match self.wish {
            _ if late > too_late => Wish::Faster,
            _ if early > too_early => Wish::Slower,
            Wish::Faster if !self.quiet && self.role == Role::Listening && late < too_late / 2 => Wish::AsIs,
            Wish::Faster if late > NEAR => Wish::Faster,
            Wish::Slower if early > NEAR => Wish::Slower,
            _ => Wish::AsIs,
        };
        // Only what is there already can be hurried through.
        let more = self.out.available() >= AHEAD || self.buffer.first().is_some();
        if self.wish == Wish::Faster && !more { Wish::AsIs } else { self.wish }
    }

    /// Whether sound is as late as the line and the role ask for: stretching takes a second or two.
    pub(super) fn waits_in_full(&self, now: Instant) -> bool {
        self.due_with(self.wanted()).is_none_or(|due| due.saturating_duration_since(now) <= FAR)
    }

    /// When the sound that is pulled next should be, so that the next packet is there in time: what is decoded and fills
    /// no brick is pulled together with the first of that.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due_with(self.wait)
    }

    fn due_with(&self, wait: Duration) -> Option<Instant> {
        let State::Playing { next, .. } = self.state else { return None };
        let whole = self.out.available() / BRICK_SAMPLES * BRICK_SAMPLES;
        self.delay.playout(MediaTime(next.0.saturating_sub(whole as u64)), wait)
    }
}
