//! How long sound waits: by the link's jitter, by what repair needs, and by whether anybody feels it.
//!
//! A listener waits as long as it takes to have nearly everything, up to a second and a half; whoever converses
//! waits for jitter and, where the round trip is short, for one answer.

use super::delay::CEILING;
use super::ladder::Role;
use std::time::Duration;

/// The most that repair may make a conversation wait beyond the fastest packet. One answer at 300 ms of round trip
/// with packets of 120 ms fits; more is felt as interrupting each other.
pub const CONVERSING: Duration = Duration::from_millis(520);

/// The least that a listener waits: it does not mind, and what is late by this much, or a rung with packets longer by
/// this much, is no hole.
const LISTENING_LEAST: Duration = Duration::from_millis(200);

/// What may still be missing after repair, as a share.
const MAY_BE_LOST: f64 = 0.005;

/// Below this loss nothing waits for answers while conversing: copies do, where the rate allows them, and a packet in
/// twenty can be concealed.
pub(super) const CONVERSING_FROM: f64 = 0.07;

/// Until a missing packet is noticed, at most: it is asked for when it is overdue by this (see `Inlet::poll_ask`).
const NOTICED: Duration = Duration::from_millis(75);

/// What an answer takes besides the round trip and half a packet: ticks at both ends.
const ANSWER: Duration = Duration::from_millis(40);

/// What an answer takes besides the round trip: on a line that is just fast enough, a packet takes nearly as long to
/// send as to say, and waits for the one before it. After that it is asked for again.
#[must_use]
pub fn patience(packet: Duration) -> Duration {
    ANSWER + packet / 2
}

/// How long after its last word, or after coming in, somebody still takes part in a conversation.
pub const TAKES_PART_FOR: Duration = Duration::from_secs(20);

/// How soon after a talkspurt's end a report says that it ended: who has lost the end asks for it then.
pub const AFTER_END: Duration = Duration::from_millis(150);

/// Weight of a round trip that is longer than before, one in this many.
const SLOWER: u32 = 8;

/// The round trip after another measurement: the way itself rather than what stood in queues on it, so down at once and
/// up slowly.
#[must_use]
pub fn smoothed(old: Option<Duration>, new: Duration) -> Duration {
    match old {
        Some(old) if new > old => old + (new - old) / SLOWER,
        _ => new,
    }
}

/// By how much the fastest round trip is believed to have become slower with each measurement that does not show it.
const SLOWS_BY: Duration = Duration::from_millis(1);

/// The fastest round trip of late after another measurement: on a line that is always full the smoothed one is half
/// queue, and whoever waits for that loses a round.
#[must_use]
pub fn fastest(old: Option<Duration>, new: Duration) -> Duration {
    old.map_or(new, |old| new.min(old + SLOWS_BY))
}

/// How much is lost, quick to grow and slow to forget: packets are lost in bursts, and the next burst is what the
/// wait is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Losses {
    fast: f64,
    slow: f64,
    seen: u32,
}

impl Losses {
    /// This many packets were lost, then one came.
    pub fn insert(&mut self, lost: u32) {
        for n in 0..=lost.min(20) {
            let lost = if n < lost { 1.0 } else { 0.0 };
            self.seen = self.seen.saturating_add(1);
            let weight = |most: f64| 1.0 / most.min(f64::from(self.seen).max(8.0));
            self.fast += (lost - self.fast) * weight(25.0);
            self.slow += (lost - self.slow) * weight(250.0);
        }
    }

    /// The share of packets that are lost before repair.
    #[must_use]
    pub fn steady(&self) -> f64 {
        self.slow
    }

    /// The same, or what is lost just now if that is more.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.slow.max(self.fast * 0.6)
    }
}

/// What decides how long sound waits.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// What the far end's words are waited for with.
    pub role: Role,
    /// The wait that jitter asks for.
    pub jitter: Duration,
    /// The round trip, where it is known.
    pub round_trip: Option<Duration>,
    /// The share of packets lost before repair.
    pub loss: f64,
    /// How much sound a packet holds.
    pub packet: Duration,
    /// How many packets later copies come; 0 where there are none.
    pub copies: u8,
}

/// The wait beyond the fastest packet.
#[must_use]
pub fn target(needs: &Needs) -> Duration {
    let Needs { role, jitter, loss, packet, copies, .. } = *needs;
    // A listener always waits for one answer: the first loss is no hole either.
    let (least, most, rounds) = match role {
        Role::Conversing if loss < CONVERSING_FROM => (Duration::ZERO, CONVERSING, 0),
        Role::Conversing => (Duration::ZERO, CONVERSING, rounds_for(loss)),
        Role::Listening => (LISTENING_LEAST, CEILING, rounds_for(loss)),
    };
    let repair = if copies > 0 {
        packet * u32::from(copies)
    } else if let Some(round_trip) = needs.round_trip {
        let waits = (1..=rounds).rev().map(|rounds| asked(rounds, round_trip, packet));
        let fits = waits.into_iter().find(|&wait| jitter + wait <= most);
        match role {
            // What does not fit in full is waited for as long as there is: answers also wait for each other.
            Role::Listening if rounds > 1 => {
                asked(rounds, round_trip, packet).min(most.saturating_sub(jitter))
            }
            Role::Listening | Role::Conversing => fits.unwrap_or_default(),
        }
    } else {
        Duration::ZERO
    };
    (jitter + repair).max(least).min(CEILING)
}

/// When the answer to this many requests for one packet is there, counted from when the packet should have been.
fn asked(rounds: u32, round_trip: Duration, packet: Duration) -> Duration {
    packet.min(NOTICED) + (round_trip + patience(packet)) * rounds
}

/// Rounds of asking after which less than [`MAY_BE_LOST`] is missing.
fn rounds_for(loss: f64) -> u32 {
    let loss = loss.clamp(0.0, 0.6);
    let mut missing = loss;
    for round in 1..8 {
        // The request or the answer may be lost; from the second on the answer comes twice.
        let answer = if round == 1 { loss } else { loss * loss };
        missing *= 1.0 - (1.0 - loss) * (1.0 - answer);
        if missing <= MAY_BE_LOST {
            return round;
        }
    }
    8
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn wait(role: Role, loss: f64, round_trip_ms: u32, packet_ms: u32) -> u128 {
        let needs = Needs {
            role,
            jitter: MS * 20,
            round_trip: Some(MS * round_trip_ms),
            loss,
            packet: MS * packet_ms,
            copies: 0,
        };
        target(&needs).as_millis()
    }

    #[test]
    fn who_converses_waits_for_one_answer_where_that_is_quick_and_not_at_all_elsewhere() {
        assert_eq!(wait(Role::Conversing, 0.0, 300, 120), 20);
        assert_eq!(wait(Role::Conversing, 0.1, 300, 120), 20 + 75 + 400);
        assert_eq!(wait(Role::Conversing, 0.3, 500, 120), 20);
    }

    #[test]
    fn who_listens_waits_for_as_many_answers_as_the_loss_needs_and_the_ceiling_allows() {
        assert_eq!(wait(Role::Listening, 0.0, 2, 60), 200);
        assert_eq!(wait(Role::Listening, 0.001, 300, 240), 20 + 75 + 460);
        assert_eq!(wait(Role::Listening, 0.3, 200, 240), 1500);
        assert_eq!(wait(Role::Listening, 0.05, 200, 120), 20 + 75 + 300);
        assert!(wait(Role::Listening, 0.5, 700, 240) <= 1500);
    }

    #[test]
    fn the_fastest_round_trip_is_not_measured_by_a_queue() {
        let all = (0..60).map(|n| if n % 20 == 0 { 410 } else { 520 });
        let fastest = all.fold(None, |old, ms| Some(fastest(old, MS * ms)));
        assert!(fastest.is_some_and(|fastest| fastest < MS * 435), "{fastest:?}");
    }

    #[test]
    fn losses_are_noticed_within_a_burst_and_forgotten_within_minutes() {
        let mut losses = Losses::default();
        for _ in 0..100 {
            losses.insert(0);
        }
        losses.insert(4);
        assert!(losses.share() > 0.05);
        for _ in 0..1000 {
            losses.insert(0);
        }
        assert!(losses.share() < 0.003);
        for n in 0..400 {
            losses.insert(u32::from(n % 4 == 0));
        }
        assert!((0.15..0.3).contains(&losses.share()), "{}", losses.share());
    }
}
