//! What was heard against what was said: delay second by second, holes, and how soon after an outage all was well.
//!
//! Pure. A receiver stretches time, so that there is no one lag: each second is aligned by itself, and between two
//! seconds the lag is taken to go evenly from one to the other.

use crate::timeline::SECOND;
use giaoban_proto::testing::measure::{BLOCK, align_segments, level_db};
use std::ops::Range;

/// A second is aligned between this much early and this much late, in samples: a little noise around nothing, and two
/// seconds of a full queue on top of a listener's patience.
const EARLY: isize = -(SECOND as isize) / 10;
const LATE: isize = 9 * SECOND as isize / 2;

/// Less alike than this, what was found in a second is chance: real speech on the lowest rung is above 0.6, and what
/// best fits by chance below 0.35.
const ALIKE: f64 = 0.5;

/// Louder than this somebody speaks, quieter than that nothing is heard, in dBFS. Voices lie around −20, what a codec
/// leaves of a pause around −70; concealment passes −60 on its way to nothing.
const SPOKEN_DB: f64 = -40.0;
const SILENT_DB: f64 = -60.0;

/// Again heard is what is louder than this for a brick, in dBFS: neither the end of a fade nor noise.
const HEARD_DB: f64 = -50.0;

/// Within a word there may be so much quiet (before a `t`), in blocks of 5 ms, and a hole around it is one hole.
const WITHIN_A_WORD: usize = 30;

/// Delay is as before when it is within this of what it was, in samples: 100 ms.
const AS_BEFORE: isize = SECOND as isize / 10;

/// What was said and what was heard, from the same moment on.
#[derive(Clone, Copy, Debug)]
pub struct Sound<'a> {
    /// By the talker.
    pub said: &'a [f32],
    /// By the listener.
    pub heard: &'a [f32],
}

/// How late the sound was, where that could be told.
#[derive(Clone, Debug, Default)]
pub struct Lags {
    /// The middle of a second of what was said, and its lag, both in samples.
    points: Vec<(usize, isize)>,
}

impl Lags {
    /// Looks at each whole second of these spans in which somebody spoke.
    #[must_use]
    pub fn of(sound: Sound<'_>, spans: &[Range<usize>]) -> Self {
        let around = (EARLY + LATE) / 2;
        let reach = (LATE - EARLY).unsigned_abs() / 2;
        let mut points = Vec::new();
        for span in spans {
            let begin = span.start.min(sound.heard.len());
            let end = span.end.saturating_add_signed(LATE).min(sound.heard.len());
            let (said, heard) = (&sound.said[span.clone()], &sound.heard[begin..end]);
            for second in align_segments(said, heard, SECOND, around, reach) {
                if second.level_db > SPOKEN_DB && second.alignment.correlation > ALIKE {
                    points.push((span.start + second.start + SECOND / 2, second.alignment.lag_samples));
                }
            }
        }
        Self { points }
    }

    /// The middle of each second in which a lag could be told, and that lag, both in samples.
    pub fn points(&self) -> impl Iterator<Item = (usize, isize)> + '_ {
        self.points.iter().copied()
    }

    /// Median and 95th percentile, in ms.
    #[must_use]
    pub fn delays_ms(&self) -> Option<(f64, f64)> {
        let lags = self.sorted(&(0..usize::MAX));
        let at = |share: usize| Some(*lags.get(lags.len() * share / 100)? as f64 / 48.0);
        Some((at(50)?, at(95)?))
    }

    /// The median of a span, in ms.
    #[must_use]
    pub fn within(&self, span: &Range<usize>) -> Option<f64> {
        Some(self.median(span)? as f64 / 48.0)
    }

    /// The median of a span, in samples.
    #[must_use]
    pub fn median(&self, span: &Range<usize>) -> Option<isize> {
        let lags = self.sorted(span);
        lags.get(lags.len() / 2).copied()
    }

    fn sorted(&self, span: &Range<usize>) -> Vec<isize> {
        let within = self.points.iter().filter(|(at, _)| span.contains(at));
        let mut lags: Vec<isize> = within.map(|(_, lag)| *lag).collect();
        lags.sort_unstable();
        lags
    }

    /// The lag at a sample: evenly from one second to the next, as the nearest before the first and after the last.
    #[must_use]
    pub fn at(&self, sample: usize) -> isize {
        let next = self.points.partition_point(|(at, _)| *at <= sample);
        let before = next.checked_sub(1).and_then(|n| self.points.get(n));
        match (before, self.points.get(next)) {
            (Some(&(from, a)), Some(&(to, b))) => {
                let along = (sample - from) as f64 / (to - from).max(1) as f64;
                a + ((b - a) as f64 * along) as isize
            }
            (Some(&(_, lag)), None) | (None, Some(&(_, lag))) => lag,
            (None, None) => 0,
        }
    }
}

/// The longest stretch of these spans, in samples, in which somebody speaks and nothing is heard.
#[must_use]
pub fn longest_hole(sound: Sound<'_>, spans: &[Range<usize>], lags: &Lags) -> usize {
    spans.iter().map(|span| hole_in(sound, span, lags)).max().unwrap_or(0) * BLOCK
}

fn hole_in(sound: Sound<'_>, span: &Range<usize>, lags: &Lags) -> usize {
    let (mut longest, mut hole): (usize, Option<(usize, usize)>) = (0, None);
    for (n, block) in sound.said[span.clone()].chunks_exact(BLOCK).enumerate() {
        let start = span.start + n * BLOCK;
        let lag = lags.at(start);
        let at = |sample: usize| sample.saturating_add_signed(lag).min(sound.heard.len());
        let silent = level_db(&sound.heard[at(start)..at(start + BLOCK)]) < SILENT_DB;
        let spoken = level_db(block) > SPOKEN_DB;
        hole = match hole {
            _ if !silent => None,
            Some((first, last)) if !spoken => (n - last <= WITHIN_A_WORD).then_some((first, last)),
            Some((first, _)) => Some((first, n)),
            None => spoken.then_some((n, n)),
        };
        if let Some((first, last)) = hole {
            longest = longest.max(last - first + 1);
        }
    }
    longest
}

/// How long after a link's return something was heard, in s, the worst of all returns; not counting that nobody may
/// have spoken just then. `None` without a return.
#[must_use]
pub fn sound_again(sound: Sound<'_>, outages: &[Range<f64>]) -> Option<f64> {
    let first_loud = |signal: &[f32], from: usize, above: f64| {
        let bricks = signal.get(from..)?.chunks(SECOND / 50);
        Some(from + bricks.enumerate().find(|(_, brick)| level_db(brick) > above)?.0 * (SECOND / 50))
    };
    let returns = outages.iter().map(|outage| (outage.end * SECOND as f64) as usize);
    let waits = returns.filter_map(|back| {
        let spoken = first_loud(sound.said, back, SPOKEN_DB)?;
        let heard = first_loud(sound.heard, spoken, HEARD_DB).unwrap_or(sound.heard.len());
        Some((heard - spoken) as f64 / SECOND as f64)
    });
    waits.max_by(f64::total_cmp)
}

/// How long after a link's return the sound was as late as before the outage, and stayed so until the next, in s, the
/// worst of all returns. To a second: of each second of speech one lag is known.
#[must_use]
pub fn normal_again(sound: Sound<'_>, turns: &[Range<usize>], outages: &[Range<f64>]) -> Option<f64> {
    if outages.is_empty() {
        return None;
    }
    let lags = Lags::of(sound, turns);
    let samples = |seconds: f64| (seconds * SECOND as f64) as usize;
    let mut worst = None;
    for (n, outage) in outages.iter().enumerate() {
        let (away, back) = (samples(outage.start), samples(outage.end));
        let next = outages.get(n + 1).map_or(usize::MAX, |next| samples(next.start));
        let since = n.checked_sub(1).map_or(0, |before| samples(outages[before].end));
        let Some(before) = lags.median(&(since..away.saturating_sub(SECOND))) else { continue };
        let after: Vec<_> = lags.points.iter().filter(|(at, _)| back < *at && *at < next).collect();
        // No sound after it is no return to what was before.
        let Some(last) = after.last() else { continue };
        let late = after.iter().rev().find(|(_, lag)| *lag > before + AS_BEFORE);
        let normal = match late {
            Some(&&(at, _)) if at == last.0 => f64::INFINITY,
            Some(&&(at, lag)) => {
                (at + SECOND / 2).saturating_add_signed(lag).saturating_sub(back) as f64 / SECOND as f64
            }
            None => 0.0,
        };
        worst = Some(worst.map_or(normal, |worst: f64| worst.max(normal)));
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::testing::signal::{babble, noise};
    use giaoban_proto::unit::Level;
    use std::time::Duration;

    /// Sound that begins to speak at 0 and comes 200 ms late.
    fn late() -> (Vec<f32>, Vec<f32>) {
        let said = babble(3, Level::from_dbfs(-22.0), Duration::from_secs(20));
        let mut heard = vec![0.0; SECOND / 5];
        heard.extend(&said);
        (said, heard)
    }

    #[test]
    fn delay_and_its_change_are_found() {
        let (said, mut heard) = late();
        // From the second half on another 300 ms.
        heard.splice(10 * SECOND..10 * SECOND, vec![0.0; 3 * SECOND / 10]);
        let sound = Sound { said: &said, heard: &heard };
        let lags = Lags::of(sound, &[0..10 * SECOND, 10 * SECOND..20 * SECOND]);
        assert_eq!(lags.median(&(0..9 * SECOND)), Some(SECOND as isize / 5));
        assert_eq!(lags.median(&(11 * SECOND..usize::MAX)), Some(SECOND as isize / 2));
        assert!((lags.delays_ms().expect("delays").1 - 500.0).abs() < 1.0);
    }

    #[test]
    fn a_hole_is_as_long_as_what_is_missing_and_pauses_are_none() {
        let mut said = noise(3, Level::from_dbfs(-22.0), Duration::from_secs(20));
        said[2 * SECOND..3 * SECOND].fill(0.0);
        let mut heard = vec![0.0; SECOND / 5];
        heard.extend(&said);
        let whole = 0..20 * SECOND;
        let spans = std::slice::from_ref(&whole);
        let hole = |heard: &[f32]| {
            let sound = Sound { said: &said, heard };
            longest_hole(sound, spans, &Lags::of(sound, spans)) * 1000 / SECOND
        };
        assert_eq!(hole(&heard), 0);
        heard[5 * SECOND..6 * SECOND].fill(0.0);
        assert!((990..=1000).contains(&hole(&heard)), "{}", hole(&heard));
    }

    #[test]
    fn after_an_outage_the_return_of_sound_and_of_its_delay_are_told() {
        let (said, mut heard) = late();
        heard[8 * SECOND..12 * SECOND + SECOND / 2].fill(0.0);
        let again = |heard: &[f32]| {
            let sound = Sound { said: &said, heard };
            let turns = [0..10 * SECOND, 10 * SECOND..20 * SECOND];
            let outage = 8.0..12.0;
            let outages = std::slice::from_ref(&outage);
            (sound_again(sound, outages), normal_again(sound, &turns, outages))
        };
        let (sounds, normal) = again(&heard);
        assert!((0.3..1.0).contains(&sounds.expect("a return")), "{sounds:?}");
        assert_eq!(normal, Some(0.0));
        // Comes back a second later, and is for good.
        heard.splice(12 * SECOND..12 * SECOND, vec![0.0; SECOND]);
        assert_eq!(again(&heard).1, Some(f64::INFINITY));
    }
}
