//! How the line is, in one of a few words: for a person who has to know whether to go on, not for one who mends it. Pure.

use crate::stats::Stats;
use std::collections::VecDeque;

/// How far one looks back, in seconds: long enough that one burst of losses is no verdict, short enough that a line that has
/// become better says so while one looks at it.
const WINDOW: usize = 10;

/// Guessed sound in those seconds, in ms, from which words are lost.
const CONCEALED_MS: u64 = 300;

/// Packets that the bridge loses of ours, in percent, from which repair does not catch all.
const LOSS_PERCENT: f64 = 20.0;

/// A round trip, in ms, with which nobody can talk without stepping on the other's words.
const SLOW_MS: f64 = 1500.0;

/// How the line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quality {
    /// There is none yet.
    #[default]
    Connecting,
    /// A guest waits to be let in.
    Waiting,
    /// Every word comes through.
    Good,
    /// Some do not.
    Weak,
    /// They do, after a second or more.
    Slow,
    /// It is away, and on its way back.
    Lost,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Line {
    state: &'static str,
    concealed: VecDeque<u64>,
    loss: f64,
    rtt: f64,
}

impl Line {
    /// The figures of another second.
    pub fn handle_stats(&mut self, stats: &Stats) {
        if stats.state != self.state {
            // What was before the line went says nothing of how it is now.
            self.concealed.clear();
            self.state = stats.state;
        }
        self.concealed.push_back(stats.concealed_ms);
        if self.concealed.len() > WINDOW + 1 {
            self.concealed.pop_front();
        }
        self.loss = stats.up_loss_percent;
        self.rtt = stats.rtt_ms.unwrap_or_default();
    }

    /// The engine says that this is the state from now on, before its figures do.
    pub fn set_state(&mut self, state: &'static str) {
        if state != self.state {
            self.concealed.clear();
            self.state = state;
        }
    }

    /// Whether this end is in the room, and hears it.
    #[must_use]
    pub fn is_in(&self) -> bool {
        self.state == "in_room"
    }

    /// In a word.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let concealed = match (self.concealed.front(), self.concealed.back()) {
            (Some(first), Some(last)) => last.saturating_sub(*first),
            _ => 0,
        };
        match self.state {
            "in_room" if concealed >= CONCEALED_MS || self.loss >= LOSS_PERCENT => Quality::Weak,
            "in_room" if self.rtt >= SLOW_MS => Quality::Slow,
            "in_room" => Quality::Good,
            "in_lobby" => Quality::Waiting,
            "reconnecting" => Quality::Lost,
            _ => Quality::Connecting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::testing::stats;

    #[test]
    fn each_state_and_each_trouble_has_its_word() {
        let change = |change: fn(&mut Stats)| {
            let mut stats = stats("in_room", false);
            change(&mut stats);
            stats
        };
        for (figures, quality) in [
            (stats("connecting", false), Quality::Connecting),
            (stats("joining", false), Quality::Connecting),
            (stats("in_lobby", false), Quality::Waiting),
            (stats("in_room", false), Quality::Good),
            (stats("reconnecting", false), Quality::Lost),
            (change(|stats| stats.up_loss_percent = 19.9), Quality::Good),
            (change(|stats| stats.up_loss_percent = 20.0), Quality::Weak),
            (change(|stats| stats.rtt_ms = Some(1499.0)), Quality::Good),
            (change(|stats| stats.rtt_ms = Some(1500.0)), Quality::Slow),
        ] {
            let mut line = Line::default();
            line.handle_stats(&figures);
            assert_eq!(line.quality(), quality, "{figures:?}");
        }
    }

    #[test]
    fn guessed_sound_makes_a_line_weak_for_ten_seconds_and_a_new_line_begins_well() {
        let mut line = Line::default();
        let mut second = |state, concealed_ms| {
            line.handle_stats(&Stats { concealed_ms, ..stats(state, false) });
            line.quality()
        };
        assert_eq!(second("in_room", 5000), Quality::Good, "what was before is no news");
        assert_eq!(second("in_room", 5299), Quality::Good);
        assert_eq!(second("in_room", 5300), Quality::Weak);
        let after: Vec<Quality> = (0..10).map(|_| second("in_room", 5300)).collect();
        assert_eq!(after.iter().filter(|quality| **quality == Quality::Weak).count(), 8);
        assert_eq!(after.last(), Some(&Quality::Good));
        assert_eq!(second("in_room", 9000), Quality::Weak);
        assert_eq!(second("reconnecting", 9000), Quality::Lost);
        assert_eq!(second("in_room", 9000), Quality::Good);
    }
}
