//! The roll call: which round runs, and until when. Pure; who answered stands on the seats.
//!
//! ```text
//!   none --call--> runs(1) --time over, ended--> over(1) --call--> runs(2) ...      a call while one runs begins the next
//! ```

use super::floor::NotNow;
use std::time::{Duration, Instant};

/// The roll calls of one meeting.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Roll {
    number: u32,
    until: Option<Instant>,
}

impl Roll {
    /// The last round, counted from 1; 0: there was none.
    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    /// When the round that runs is over.
    pub(super) const fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Begins the next round.
    pub(super) fn call(&mut self, now: Instant, within: Duration) {
        self.number += 1;
        self.until = Some(now + within);
    }

    /// Ends the round that runs.
    pub(super) fn end(&mut self) -> Result<(), NotNow> {
        self.until.take().map(drop).ok_or(NotNow)
    }

    /// Whether a site may answer this round: the one that runs.
    pub(super) fn answer(&self, now: Instant, number: u32) -> Result<(), NotNow> {
        if number == self.number && self.until.is_some_and(|until| now < until) {
            Ok(())
        } else {
            Err(NotNow)
        }
    }

    /// Whether an operator may answer for a site: of the last round, after its time as well.
    pub(super) fn tick(&self) -> Result<u32, NotNow> {
        if self.number > 0 { Ok(self.number) } else { Err(NotNow) }
    }

    /// Time has passed.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.until = self.until.filter(|until| now < *until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Call,
        End,
        Answer(u32),
        Tick,
        Soon,
        Later,
    }

    /// Every state by every event: whether it was done, the round, and whether one runs.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn every_event_in_every_state() {
        use Event as E;
        let (now, within) = (Instant::now(), Duration::from_secs(60));
        let none = Roll::default();
        let mut runs = none;
        runs.call(now, within);
        let mut over = runs;
        over.end().expect("runs");
        let mut second = over;
        second.call(now, within);
        let (y, n) = (true, false);
        let table = [
            (E::Call, [(y, 1, y), (y, 2, y), (y, 2, y), (y, 3, y)]),
            (E::End, [(n, 0, n), (y, 1, n), (n, 1, n), (y, 2, n)]),
            (E::Answer(0), [(n, 0, n), (n, 1, y), (n, 1, n), (n, 2, y)]),
            (E::Answer(1), [(n, 0, n), (y, 1, y), (n, 1, n), (n, 2, y)]),
            (E::Answer(2), [(n, 0, n), (n, 1, y), (n, 1, n), (y, 2, y)]),
            (E::Tick, [(n, 0, n), (y, 1, y), (y, 1, n), (y, 2, y)]),
            (E::Soon, [(y, 0, n), (y, 1, y), (y, 1, n), (y, 2, y)]),
            (E::Later, [(y, 0, n), (y, 1, n), (y, 1, n), (y, 2, n)]),
        ];
        for (event, row) in table {
            for (state, expected) in [none, runs, over, second].into_iter().zip(row) {
                let mut roll = state;
                let mut done = Ok(());
                match event {
                    E::Call => roll.call(now, within),
                    E::End => done = roll.end(),
                    E::Answer(number) => done = roll.answer(now, number),
                    E::Tick => done = roll.tick().map(drop),
                    E::Soon => roll.handle_timeout(now + within / 2),
                    E::Later => roll.handle_timeout(now + within),
                }
                assert_eq!(
                    (done.is_ok(), roll.number(), roll.until().is_some()),
                    expected,
                    "{event:?} in {state:?}"
                );
            }
        }
    }
}
