//! At what rate voice comes in, for the far end's rate control.

use crate::media::departures::AROUND_BYTES;
use crate::unit::Bitrate;
use crate::wire::{VOICE_HEADER_BYTES, Voice};
use std::time::{Duration, Instant};

/// Over how long the received rate is counted.
const RATE_OVER: Duration = Duration::from_millis(900);

/// How much came.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Received {
    since: Option<Instant>,
    bytes: usize,
    rate: Bitrate,
}

impl Received {
    /// A packet came.
    pub(super) fn insert(&mut self, now: Instant, voice: &Voice<'_>) {
        let copy = voice.copy.map_or(0, |copy| copy.body.bytes().len() + 3);
        let bytes = voice.body.bytes().len() + copy + VOICE_HEADER_BYTES + AROUND_BYTES;
        match self.since {
            Some(then) if now.saturating_duration_since(then) < 3 * RATE_OVER => {
                self.bytes += bytes;
                let over = now.saturating_duration_since(then);
                if over >= RATE_OVER {
                    let bps = self.bytes as f64 * 8.0 / over.as_secs_f64();
                    self.rate = Bitrate::from_bps(bps as u32);
                    (self.since, self.bytes) = (Some(now), 0);
                }
            }
            // The first of a talkspurt: its bytes belong to the time before it.
            _ => (self.since, self.bytes) = (Some(now), 0),
        }
    }

    /// Voice received lately, headers included.
    pub(super) fn rate(&self, now: Instant) -> Bitrate {
        // What is old is of a talkspurt that is over.
        let fresh = self.since.is_some_and(|since| now.saturating_duration_since(since) < 3 * RATE_OVER);
        if fresh { self.rate } else { Bitrate::default() }
    }
}
