//! How good a decoder this machine can afford. Pure: told how long decoding took, it says when to take a lesser one.
//!
//! ```text
//!   6 (LACE) --too slow--> 5 (deep concealment alone) --too slow--> 0 (what every Opus decoder does)
//! ```
//!
//! It never goes up again while the program runs: what is too slow for a while breaks words each time that it is tried, and
//! the difference is one of comfort. On a PC of ten years ago LACE takes a hundredth of a processor.

use giaoban_proto::media::codec::CLIENT_COMPLEXITY;
use giaoban_proto::unit::BRICK;
use std::time::Duration;

/// Bricks of speech that are judged together: 2 s. Fewer take another program's moment for a slow machine; more leave
/// words broken for longer.
const JUDGED: u32 = 100;

/// Of the sound's own time so much may go into it, as a divisor: a quarter. The rest is for the window, the echo canceller
/// and whatever else runs on an office PC.
const SHARE: u32 = 4;

/// Of these bricks so many must have been slow, so that one long wait for the processor is not taken for work.
const SLOW_OF_JUDGED: u32 = JUDGED / 4;

/// See the module.
#[derive(Clone, Debug)]
pub struct Effort {
    complexity: i32,
    bricks: u32,
    slow: u32,
    spent: Duration,
}

impl Default for Effort {
    fn default() -> Self {
        Self { complexity: CLIENT_COMPLEXITY, bricks: 0, slow: 0, spent: Duration::ZERO }
    }
}

impl Effort {
    /// A brick of speech took so long; the decoder's complexity from now on, where that is another.
    pub fn note(&mut self, spent: Duration) -> Option<i32> {
        self.bricks += 1;
        self.spent += spent;
        self.slow += u32::from(spent > BRICK / SHARE);
        if self.bricks < JUDGED {
            return None;
        }
        let too_slow = self.spent > BRICK * JUDGED / SHARE && self.slow >= SLOW_OF_JUDGED;
        let lesser = match self.complexity {
            6.. => 5,
            1..=5 => 0,
            _ => self.complexity,
        };
        let before = self.complexity;
        *self = Self { complexity: if too_slow { lesser } else { before }, ..Self::default() };
        (self.complexity != before).then_some(self.complexity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of it when each brick takes so long by this complexity.
    fn run(effort: &mut Effort, bricks: u32, takes: impl Fn(i32) -> Duration) -> Vec<i32> {
        let mut complexity = effort.complexity;
        let mut all = Vec::new();
        for _ in 0..bricks {
            if let Some(other) = effort.note(takes(complexity)) {
                complexity = other;
                all.push(other);
            }
        }
        all
    }

    #[test]
    fn a_slow_processor_takes_lesser_decoders_until_it_keeps_up_and_stays_there() {
        let ms = Duration::from_millis;
        assert!(run(&mut Effort::default(), 1000, |_| ms(1)).is_empty());
        let mut effort = Effort::default();
        assert_eq!(run(&mut effort, 1000, |complexity| ms(if complexity > 5 { 9 } else { 3 })), [5]);
        assert!(run(&mut effort, 1000, |_| Duration::ZERO).is_empty(), "never up again");
        assert_eq!(run(&mut Effort::default(), 300, |_| ms(30)), [5, 0], "two seconds of speech each");
    }

    #[test]
    fn a_processor_that_was_elsewhere_for_a_moment_is_not_slow() {
        let mut effort = Effort::default();
        for n in 0..1000 {
            let spent = Duration::from_millis(if n % 100 == 0 { 900 } else { 1 });
            assert_eq!(effort.note(spent), None);
        }
    }
}
