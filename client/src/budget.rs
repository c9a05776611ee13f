//! What a meeting may cost in bytes, and the rate at which that lasts.
//!
//! ```text
//!   Plenty --80 % used--> Saving --all used--> Spent
//! ```
//!
//! Words come before bytes: the budget sets the rate and never takes the word from anybody. Where the end of the meeting
//! is known, the rate is set from the beginning so that all of it fits. Where not, what is left after four fifths is
//! spread over as long again. At the lowest rung words are understood still (PESQ-WB 2.3, STOI 0.94), so there it stays,
//! and what goes beyond the budget is told.
//!
//! Pure; takes the time as it comes.

use giaoban_proto::media::ladder::RungId;
use std::time::{Duration, Instant};

/// How often the rate is set anew. More often follows each pause of a talker, and each change costs a message; less
/// often spends too much of a small budget before it is seen.
const EVERY: Duration = Duration::from_secs(30);

/// Both heartbeats and what acknowledges them, in kbit/s: what a silent meeting costs.
const SILENT_KBPS: f64 = 1.3;

/// A step up is taken when there is so much more than it costs: pauses of a talker are not to move the rate.
const PLENTY_MORE: f64 = 1.15;

/// For how long what is left has to last at least where nobody knows when the meeting ends.
const AT_LEAST: Duration = Duration::from_secs(15 * 60);

/// What a person should know, once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Four fifths are used.
    Low,
    /// All is used.
    Spent,
}

/// The budget of one run of the program, over all its lines.
#[derive(Clone, Debug)]
pub struct Budget {
    max_bytes: u64,
    /// What the person lets each direction cost, as the bridge is told: 0 leaves it to the bridge.
    usual_kbps: u32,
    /// The same while it is to last.
    saving_kbps: Option<u32>,
    began: Instant,
    ends: Option<Instant>,
    set_at: Option<Instant>,
    told: Option<News>,
}

impl Budget {
    /// Of so many bytes, both ways together, for a meeting that begins now; `ends`, where it is known.
    #[must_use]
    pub fn new(now: Instant, max_bytes: u64, usual_kbps: u32, ends: Option<Instant>) -> Self {
        Self { max_bytes, usual_kbps, saving_kbps: None, began: now, ends, set_at: None, told: None }
    }

    /// How much it is, in bytes.
    #[must_use]
    pub const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// What each direction may cost now, as the bridge is told.
    #[must_use]
    pub fn max_kbps(&self) -> u32 {
        self.saving_kbps.unwrap_or(self.usual_kbps)
    }

    /// So much has gone both ways, all headers included. Once a second or so.
    pub fn handle_used(&mut self, now: Instant, bytes: u64) -> Option<News> {
        let level = match bytes {
            bytes if bytes >= self.max_bytes => Some(News::Spent),
            bytes if bytes >= self.max_bytes / 5 * 4 => Some(News::Low),
            _ => None,
        };
        if level.is_some() && self.ends.is_none() {
            self.ends = Some(now + now.saturating_duration_since(self.began).max(AT_LEAST));
        }
        let news = level.filter(|_| self.told != level && self.told != Some(News::Spent));
        self.told = news.or(self.told);
        if news.is_some() || self.set_at.is_none_or(|at| now.saturating_duration_since(at) >= EVERY) {
            self.set_at = Some(now);
            self.set(now, self.max_bytes.saturating_sub(bytes));
        }
        news
    }

    /// The rate at which so many bytes last until the end.
    fn set(&mut self, now: Instant, left: u64) {
        let Some(ends) = self.ends else { return };
        // One talks at a time: what a direction may cost, the meeting may.
        let seconds = ends.saturating_duration_since(now).max(EVERY).as_secs_f64();
        let kbps = left as f64 * 8.0 / 1000.0 / seconds - SILENT_KBPS;
        let usual = RungId::cap(self.usual_kbps);
        let step = RungId::steps().rfind(|step| f64::from(step.bps()) <= kbps * 1000.0);
        let step = step.or_else(|| RungId::steps().next()).unwrap_or(usual).min(usual);
        let wanted = step.bps() / 1000;
        let before = self.saving_kbps.unwrap_or_else(|| usual.bps() / 1000);
        if wanted > before && kbps < f64::from(wanted) * PLENTY_MORE {
            return;
        }
        self.saving_kbps = (step < usual).then_some(wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    /// How a meeting went: bytes used, the rates that were had, what was told and after how many minutes.
    struct Went {
        used: u64,
        kbps: Vec<u32>,
        told: Vec<(u32, News)>,
    }

    /// A meeting of so many minutes in which somebody speaks `spoken` of the time, at what the budget allows.
    fn meet(minutes: u32, max_bytes: u64, known: bool, spoken: f64) -> Went {
        let start = start();
        let ends = known.then(|| start + MINUTE * minutes);
        let mut budget = Budget::new(start, max_bytes, 0, ends);
        let (mut used, mut kbps, mut told) = (0.0, Vec::new(), Vec::new());
        for second in 1..=minutes * 60 {
            let rate = RungId::for_cap(budget.max_kbps()).rung().wire;
            // Turns of twenty seconds.
            let speaks = f64::from(second % 20) < spoken * 20.0;
            used += 162.0 + if speaks { f64::from(rate.bps()) / 8.0 } else { 0.0 };
            let news = budget.handle_used(start + Duration::from_secs(second.into()), used as u64);
            told.extend(news.map(|news| (second / 60, news)));
            if kbps.last() != Some(&budget.max_kbps()) {
                kbps.push(budget.max_kbps());
            }
        }
        Went { used: used as u64, kbps, told }
    }

    #[test]
    fn a_meeting_whose_end_is_known_stays_within_its_budget_at_the_best_rate() {
        for spoken in [0.3, 0.6, 1.0] {
            for max_bytes in [5_000_000, 7_000_000, 9_000_000] {
                let went = meet(60, max_bytes, true, spoken);
                assert!(went.used <= max_bytes, "{} of {max_bytes}, {:?}", went.used, went.kbps);
                assert!(!went.told.iter().any(|(_, news)| *news == News::Spent));
                // What is not used is a rung less than it might have been, or more than is wanted.
                assert!(went.used * 100 > max_bytes * 80 || went.kbps.last() == Some(&0), "{:?}", went.kbps);
            }
        }
    }

    #[test]
    fn what_is_enough_changes_nothing() {
        let went = meet(60, 30_000_000, true, 1.0);
        assert_eq!((went.kbps, went.told), (vec![0], vec![]));
    }

    #[test]
    fn a_meeting_whose_end_is_not_known_is_at_the_usual_rate_until_four_fifths_and_then_lasts() {
        let went = meet(60, 6_000_000, false, 0.6);
        assert_eq!((went.kbps[0], went.told[0].1), (0, News::Low));
        assert!((38..=40).contains(&went.told[0].0), "{:?}", went.told);
        assert!(went.used <= 6_000_000 && went.told.len() == 1, "{} B, {:?}", went.used, went.told);
        assert_eq!(went.kbps.last(), Some(&8));
    }

    #[test]
    fn what_cannot_last_at_the_lowest_rate_goes_on_there_and_is_told_once() {
        for known in [false, true] {
            let went = meet(60, 1_000_000, known, 0.6);
            let news: Vec<News> = went.told.iter().map(|(_, news)| *news).collect();
            assert_eq!((news, went.kbps.last()), (vec![News::Low, News::Spent], Some(&8)));
        }
    }

    #[test]
    fn what_the_person_allows_is_never_exceeded() {
        let start = start();
        let mut budget = Budget::new(start, 2_000_000, 12, Some(start + MINUTE * 30));
        for second in 0..1800u64 {
            // Nothing is used, so that there is more and more for what is left.
            budget.handle_used(start + Duration::from_secs(second), 0);
            assert!(matches!(budget.max_kbps(), 8..=12));
        }
        assert_eq!(budget.max_kbps(), 12);
    }
}
