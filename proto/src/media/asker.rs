//! The asking half of a leg: which packets are missing, and when to ask for each of them (again).
//!
//! ```text
//!              number skipped, said to be sent, or overdue
//!   unknown ----------------------------------------------> missing --ask--> asked --a round trip, no answer--+
//!                                                              |  ^              |                           |
//!                                     it comes, or is too late |  +--------------+---------------------------+
//!                                                              v                 v
//!                                                          forgotten         forgotten
//! ```
//!
//! A request is a datagram like any other and is lost like any other, so it is repeated; from the second time on the
//! answer is asked for twice. Nothing is asked for that could not come in time.

use crate::unit::{MediaTime, Seq};
use crate::wire::{ASK_SPAN, Ask};
use std::time::{Duration, Instant};

/// Packets that may be missing at once. More means that the link is away, and asking would not help.
const MISSING: usize = 40;

/// Until a number that was skipped counts as missing: what merely overtook another is not asked for.
const REORDERED: Duration = Duration::from_millis(15);

/// On a bad line a request is sent once more, or several times, this long after each other: it costs 80 B on the way
/// that carries least, and saves a round trip in one case of five. A burst of losses is counted in packets, and whoever
/// sends few of them stays in it for seconds. The far end takes all of them for one.
const REPEAT: Duration = Duration::from_millis(45);

/// The round trip where none was measured yet.
const ROUND_TRIP: Duration = Duration::from_millis(400);

/// Times that one packet is asked for.
const ROUNDS: u8 = 8;

/// On a terrible line all that is missing is asked for so often until it comes: a burst of losses is counted in packets,
/// and a request that is lost is a round lost, of two or three. More often costs rate (57 B each), more rarely words:
/// every 20, 40, 60 and 120 ms leave 2.4, 3.0, 3.1 and 3.7 % missing by the model in `benches/runs/2026-11-28-quality`.
/// With ticks of 20 ms this is about every 40.
const ALWAYS: Duration = Duration::from_millis(30);

/// How to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Once for each round, and then as often as it is repeated; an answer is waited for for the round trip and `patience`.
    Rounds {
        /// What an answer takes besides the round trip.
        patience: Duration,
        /// Times that a request is repeated unseen.
        repeats: u8,
    },
    /// All the time: the far end knows when to answer again.
    Always,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    seq: Seq,
    /// When its sound begins, as far as can be told.
    time: MediaTime,
    ask_at: Instant,
    rounds: u8,
    /// How many times more the last request is to be repeated, unanswered or not.
    repeats: u8,
}

/// Keeps what is missing.
#[derive(Debug, Default)]
pub struct Asker {
    missing: Vec<Missing>,
    asked: u64,
    /// When the last request of [`Manner::Always`] went.
    asked_at: Option<Instant>,
}

impl Asker {
    /// How many packets were asked for, each time counted.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.asked
    }

    /// Whether this packet is missing.
    #[must_use]
    pub fn is_missing(&self, seq: Seq) -> bool {
        self.missing.iter().any(|missing| missing.seq == seq)
    }

    /// The first that is missing and whose sound begins before `time`.
    #[must_use]
    pub fn missing_before(&self, time: MediaTime) -> bool {
        self.missing.iter().any(|missing| missing.time < time)
    }

    /// A packet did not come whose sound would begin at about `time`.
    pub fn insert(&mut self, now: Instant, seq: Seq, time: MediaTime) {
        if self.is_missing(seq) || self.missing.len() >= MISSING {
            return;
        }
        let missing = Missing { seq, time, ask_at: now + REORDERED, rounds: 0, repeats: 0 };
        let place = self.missing.partition_point(|other| other.seq < seq);
        self.missing.insert(place, missing);
    }

    /// A packet came; whether it had been asked for.
    pub fn remove(&mut self, seq: Seq) -> bool {
        let Some(place) = self.missing.iter().position(|missing| missing.seq == seq) else { return false };
        self.missing.remove(place).rounds > 0
    }

    /// Forgets all that is too late: those before `time`.
    pub fn forget_before(&mut self, time: MediaTime) {
        self.missing.retain(|missing| missing.time >= time);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.missing.clear();
    }

    /// The request that is due at `now`. `due` says when sound of a time is to be played.
    pub fn poll(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
        manner: Manner,
        due: impl Fn(MediaTime) -> Option<Instant>,
    ) -> Option<Ask> {
        let round_trip = round_trip.unwrap_or(ROUND_TRIP);
        self.missing.retain(|missing| {
            // In the last round no further request could be answered in time.
            let in_time = due(missing.time).is_none_or(|due| now <= due);
            in_time && missing.rounds < ROUNDS
        });
        let could_come = |missing: &Missing| due(missing.time).is_none_or(|due| now + round_trip <= due);
        let (patience, repeats) = match manner {
            Manner::Rounds { patience, repeats } => (patience, repeats),
            Manner::Always => return self.poll_always(now, could_come),
        };
        let is_due = |missing: &Missing| missing.ask_at <= now && could_come(missing);
        let first = self.missing.iter().find(|missing| is_due(missing))?.seq;
        let answer_twice = self
            .missing
            .iter()
            .any(|missing| is_due(missing) && missing.rounds > u8::from(missing.repeats > 0));
        let mut numbers = [first; ASK_SPAN as usize];
        let mut count = 0;
        for missing in &mut self.missing {
            // Those that were asked for a moment ago ride along for nothing, but their answer is on its way.
            let with =
                missing.ask_at <= now && could_come(missing) && missing.seq.ahead_of(first) < ASK_SPAN as i64;
            if with && count < numbers.len() {
                numbers[count] = missing.seq;
                count += 1;
                if missing.repeats > 0 {
                    missing.repeats -= 1;
                } else {
                    missing.rounds += 1;
                    missing.repeats = repeats;
                }
                let repeated = missing.repeats > 0;
                missing.ask_at = now + if repeated { REPEAT } else { round_trip + patience };
                self.asked += 1;
            }
        }
        Some(Ask::new(first, numbers[..count].iter().copied(), answer_twice))
    }

    /// All that is missing, again and again.
    fn poll_always(&mut self, now: Instant, could_come: impl Fn(&Missing) -> bool) -> Option<Ask> {
        if self.asked_at.is_some_and(|at| now.saturating_duration_since(at) < ALWAYS) {
            return None;
        }
        // What has only just been missed does not make a request of its own, and goes with the next.
        let wanted = |missing: &Missing| missing.ask_at <= now && could_come(missing);
        let first = self.missing.iter().find(|missing| wanted(missing))?.seq;
        let mut numbers = [first; ASK_SPAN as usize];
        let mut count = 0;
        for missing in &mut self.missing {
            if could_come(missing) && missing.seq.ahead_of(first) < ASK_SPAN as i64 && count < numbers.len() {
                numbers[count] = missing.seq;
                count += 1;
                missing.rounds = missing.rounds.max(1);
                self.asked += 1;
            }
        }
        self.asked_at = Some(now);
        Some(Ask::new(first, numbers[..count].iter().copied(), false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const ROUNDS_OF_70: Manner = Manner::Rounds { patience: Duration::from_millis(70), repeats: 0 };

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    /// When, in ms, a packet that never comes is asked for, given until when it could be played.
    fn asked_at(round_trip_ms: u32, play_within_ms: u32) -> Vec<u32> {
        let start = start();
        let mut asker = Asker::default();
        asker.insert(start, Seq(7), MediaTime(0));
        let due = |_| Some(start + MS * play_within_ms);
        (0..3000)
            .filter(|&ms| asker.poll(start + MS * ms, Some(MS * round_trip_ms), ROUNDS_OF_70, due).is_some())
            .collect()
    }

    #[test]
    fn a_packet_is_asked_for_until_no_answer_could_be_in_time() {
        assert_eq!(asked_at(300, 1500), [15, 385, 755, 1125]);
        assert_eq!(asked_at(300, 460), [15]);
        assert_eq!(asked_at(600, 500), []);
    }

    #[test]
    fn what_comes_is_not_asked_for_and_what_is_missing_shares_a_request() {
        let start = start();
        let mut asker = Asker::default();
        for seq in [5, 6, 9] {
            asker.insert(start, Seq(seq), MediaTime(0));
        }
        assert!(!asker.remove(Seq(6)));
        let ask = asker.poll(start + MS * 20, None, ROUNDS_OF_70, |_| None).expect("a request");
        assert_eq!(ask.numbers(Seq(9)).collect::<Vec<_>>(), [Seq(5), Seq(9)]);
        assert!(!ask.twice);
        assert!(asker.remove(Seq(5)));
        let ask = asker.poll(start + MS * 600, None, ROUNDS_OF_70, |_| None).expect("a request");
        assert!(ask.twice && ask.numbers(Seq(9)).eq([Seq(9)]));
    }

    #[test]
    fn on_a_terrible_line_all_that_is_missing_is_in_each_of_many_requests_until_no_answer_could_be_in_time() {
        let start = start();
        let mut asker = Asker::default();
        for seq in [5, 9] {
            asker.insert(start, Seq(seq), MediaTime(0));
        }
        let mut asked = Vec::new();
        for ms in 0..1000 {
            let now = start + MS * ms;
            let ask = asker.poll(now, Some(MS * 400), Manner::Always, |_| Some(start + MS * 700));
            if let Some(ask) = ask {
                assert!(!ask.twice && ask.numbers(Seq(9)).eq([Seq(5), Seq(9)]));
                asked.push(ms);
            }
        }
        assert_eq!((asked.first(), asked.last(), asked.len()), (Some(&15), Some(&285), 10));
    }

    #[test]
    fn memory_stays_bounded() {
        let start = start();
        let mut asker = Asker::default();
        for seq in 0..10_000 {
            asker.insert(start, Seq(seq), MediaTime(seq));
        }
        assert_eq!(asker.missing.len(), MISSING);
    }
}
