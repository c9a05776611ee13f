//! Who says what when, and how what was heard is judged against it.

use giaoban_proto::testing::measure::{
    Alignment, Known, align, align_segments, leakage_db, level_db, mean_correlation,
};
use giaoban_proto::testing::speech;
use giaoban_proto::unit::Level;
use std::ops::Range;

/// Samples in a second.
pub const SECOND: usize = 48_000;

/// The furthest that sound may be behind, in samples: two seconds.
const MAX_LAG: usize = 2 * SECOND;

/// A stretch of the meeting in which the same sites speak.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Who, by number.
    pub speakers: Vec<usize>,
    /// When, in samples since the beginning.
    pub span: Range<usize>,
}

/// What each site says.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// By site, all of the same length.
    pub says: Vec<Vec<f32>>,
    /// In order.
    pub turns: Vec<Turn>,
}

impl Timeline {
    /// Real speech: site n speaks with the voice `voices[n]`, in the turns given as (speakers, seconds), with a
    /// second of silence before each turn and two after the last.
    ///
    /// # Panics
    /// Where the speech is missing; it says what to run.
    #[must_use]
    pub fn of(voices: &[&str], turns: &[(&[usize], f64)]) -> Self {
        let spoken: Vec<Vec<f32>> = voices.iter().map(|voice| speech::voice(voice)).collect();
        let mut said = vec![0; voices.len()];
        let mut timeline = Self { says: vec![Vec::new(); voices.len()], turns: Vec::new() };
        let mut at = 0;
        for &(speakers, seconds) in turns {
            let length = (seconds * SECOND as f64) as usize;
            at += SECOND;
            for &speaker in speakers {
                let says = &mut timeline.says[speaker];
                says.resize(at, 0.0);
                // Voices have thirty seconds; who has said all begins again.
                let words = spoken[speaker].iter().cycle().skip(said[speaker]).take(length);
                says.extend(words);
                said[speaker] += length;
            }
            timeline.turns.push(Turn { speakers: speakers.to_vec(), span: at..at + length });
            at += length;
        }
        for says in &mut timeline.says {
            says.resize(at + 2 * SECOND, 0.0);
        }
        timeline
    }

    /// How long it is, in samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.says.first().map_or(0, Vec::len)
    }

    /// Whether nobody says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What all but `listener` said together.
    #[must_use]
    pub fn others(&self, listener: usize) -> Vec<f32> {
        let mut sum = vec![0.0; self.len()];
        for (_, says) in self.says.iter().enumerate().filter(|(site, _)| *site != listener) {
            for (sum, said) in sum.iter_mut().zip(says) {
                *sum += said;
            }
        }
        sum
    }

    /// Where, in what `listener` heard during a turn, the others' words are, and how alike they are.
    ///
    /// The listener heard something later than it was said; its tape is looked at up to two seconds longer.
    #[must_use]
    pub fn heard(&self, listener: usize, turn: &Turn, tape: &[f32]) -> Alignment {
        let reference = &self.others(listener)[turn.span.clone()];
        align(reference, during(turn, tape), MAX_LAG)
    }

    /// As [`Timeline::heard`], but each second of it aligned by itself: where a busy machine made the sound wait for a
    /// moment, what came after it is later and no less right.
    #[must_use]
    pub fn heard_by_seconds(&self, listener: usize, turn: &Turn, tape: &[f32]) -> Alignment {
        let whole = self.heard(listener, turn, tape);
        let reference = &self.others(listener)[turn.span.clone()];
        let tape = during(turn, tape);
        let seconds = align_segments(reference, tape, SECOND, whole.lag_samples, SECOND / 10);
        let correlation = mean_correlation(&seconds, Level::from_dbfs(-40.0)).unwrap_or(0.0);
        Alignment { correlation, ..whole }
    }

    /// How much of `speaker`'s own words is in what it heard during a turn in which others spoke too, in decibels
    /// against how loud the others heard it. `lag` is by how much later they did.
    #[must_use]
    pub fn own_voice_db(&self, speaker: usize, turn: &Turn, tape: &[f32], lag: isize) -> f64 {
        let own = Known { signal: &self.says[speaker][turn.span.clone()], lag };
        let others: Vec<Known<'_>> = turn
            .speakers
            .iter()
            .filter(|&&other| other != speaker)
            .flat_map(|&other| {
                // Neighbouring lags, so that what the codec does to a voice is followed too.
                let signal = &self.says[other][turn.span.clone()];
                (-24..=24).step_by(6).map(move |near| Known { signal, lag: lag + near })
            })
            .collect();
        leakage_db(own, &others, during(turn, tape))
    }

    /// How loud it was at `listener` while nobody but itself spoke, against how loud it spoke, in decibels.
    #[must_use]
    pub fn echo_db(&self, listener: usize, turn: &Turn, tape: &[f32]) -> f64 {
        level_db(during(turn, tape)) - level_db(&self.says[listener][turn.span.clone()])
    }
}

/// The tape from a turn's beginning to a second after its end, when nobody speaks yet.
fn during<'a>(turn: &Turn, tape: &'a [f32]) -> &'a [f32] {
    let from = turn.span.start.min(tape.len());
    &tape[from..(turn.span.end + SECOND - SECOND / 10).min(tape.len())]
}
