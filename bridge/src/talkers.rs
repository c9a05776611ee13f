//! Who is in the mix: at most four voices, the loudest, without flicker.
//!
//! A free place is taken at once; a taken one only by somebody clearly louder. Everybody's loudness is computed
//! here, on decoded sound: what a client says of itself does not count.

use giaoban_proto::unit::{Level, MemberId};

/// Voices in the mix at once. More is a murmur in which nobody is understood, and costs an encode each.
pub const MAX_VOICES: usize = 4;

/// How much louder one must be to take another's place, in dB. Less flickers between two at the same loudness.
const LOUDER_DB: f32 = 6.0;

/// Bricks of silence after which a place is free again: 300 ms. At 240 ms and more the member can go back to the
/// shared encode unheard; less would swap streams between two words.
const SILENT_BRICKS: u32 = 15;

/// As quiet as an office's own noise, or quieter: no reason to be in the mix, where it would make everybody's line
/// carry it. The client's own gate is a little below.
const INAUDIBLE_DBFS: f32 = -60.0;

/// What the remembered loudness loses in a brick of less, in dB: 15 dB/s, about a syllable's fall.
const DECAY_DB: f32 = 0.3;

/// One member's standing as a talker.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    loudness: Level,
    /// Bricks since it last said something.
    silent: u32,
    in_mix: bool,
}

impl Default for Standing {
    fn default() -> Self {
        Self { loudness: Level::SILENCE, silent: u32::MAX, in_mix: false }
    }
}

impl Standing {
    /// Takes this brick's loudness; `None` when the member says nothing. What nobody could hear is nothing, whatever
    /// the client sends.
    pub fn heard(&mut self, level: Option<Level>) {
        let level = level.filter(|level| level.dbfs() > INAUDIBLE_DBFS);
        let decayed = Level::from_dbfs(self.loudness.dbfs() - DECAY_DB);
        match level {
            Some(level) => {
                self.loudness = if level > decayed { level } else { decayed };
                self.silent = 0;
            }
            None => {
                self.loudness = decayed;
                self.silent = self.silent.saturating_add(1);
            }
        }
    }

    /// Whether its voice is in the mix.
    #[must_use]
    pub fn in_mix(&self) -> bool {
        self.in_mix
    }

    /// Takes it out of the mix, or keeps it from entering.
    pub fn leave(&mut self) {
        self.in_mix = false;
    }

    fn speaks(&self) -> bool {
        self.silent == 0
    }
}

/// A change to who is in the mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Enters with this brick.
    Enters(MemberId),
    /// Is in it no more; it may still be speaking.
    Leaves(MemberId),
}

/// Decides for this brick. `standings` is every member that may be heard, in a fixed order; `change` is told of each
/// change, in order: whoever gives up a place before whoever takes it.
pub fn choose<'a, I>(mut standings: I, mut change: impl FnMut(Change))
where
    I: Iterator<Item = (MemberId, &'a mut Standing)>,
{
    let mut voices: [Option<(MemberId, &'a mut Standing)>; MAX_VOICES] = [const { None }; MAX_VOICES];
    let mut waiting: Option<(MemberId, &'a mut Standing)> = None;
    // Those in the mix first: keep or release; remember the loudest of the others that speaks.
    let mut free = MAX_VOICES;
    for (id, standing) in standings.by_ref() {
        if standing.in_mix {
            if standing.silent >= SILENT_BRICKS {
                standing.in_mix = false;
                change(Change::Leaves(id));
            } else if let Some(place) = voices.iter_mut().find(|place| place.is_none()) {
                *place = Some((id, standing));
                free -= 1;
            }
        } else if standing.speaks() && waiting.as_ref().is_none_or(|(_, w)| standing.loudness > w.loudness) {
            waiting = Some((id, standing));
        }
    }
    // At most one enters in a brick: the next follows 20 ms later, and nothing is sorted or allocated.
    let Some((id, newcomer)) = waiting else { return };
    if free == 0 {
        let weakest = voices
            .iter_mut()
            .flatten()
            .min_by(|(_, a), (_, b)| a.loudness.dbfs().total_cmp(&b.loudness.dbfs()));
        let Some((weakest_id, weakest)) = weakest else { return };
        if newcomer.loudness.dbfs() < weakest.loudness.dbfs() + LOUDER_DB {
            return;
        }
        weakest.in_mix = false;
        change(Change::Leaves(*weakest_id));
    }
    newcomer.in_mix = true;
    change(Change::Enters(id));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members by place, each brick's loudness in dBFS (0 = silent), and the changes that it makes.
    fn play(standings: &mut [Standing], levels: &[f32]) -> Vec<Change> {
        for (standing, &level) in standings.iter_mut().zip(levels) {
            standing.heard((level < 0.0).then(|| Level::from_dbfs(level)));
        }
        let mut changes = Vec::new();
        choose((1..).map(MemberId).zip(standings), |change| changes.push(change));
        changes
    }

    #[test]
    fn whoever_speaks_enters_at_once_while_there_is_room() {
        let mut standings = [Standing::default(); 5];
        assert_eq!(play(&mut standings, &[0.0, -30.0, 0.0, 0.0, 0.0]), [Change::Enters(MemberId(2))]);
        assert_eq!(play(&mut standings, &[0.0, -30.0, 0.0, -50.0, 0.0]), [Change::Enters(MemberId(4))]);
        assert_eq!(play(&mut standings, &[0.0; 5]), []);
    }

    #[test]
    fn a_pause_between_words_keeps_the_place_and_silence_gives_it_back() {
        let mut standings = [Standing::default(); 2];
        play(&mut standings, &[-30.0, 0.0]);
        for _ in 0..14 {
            assert_eq!(play(&mut standings, &[0.0, 0.0]), []);
        }
        assert_eq!(play(&mut standings, &[0.0, 0.0]), [Change::Leaves(MemberId(1))]);
    }

    #[test]
    fn a_fifth_voice_needs_to_be_clearly_louder_than_the_weakest() {
        let mut standings = [Standing::default(); 5];
        for _ in 0..4 {
            play(&mut standings, &[-20.0, -22.0, -24.0, -26.0, 0.0]);
        }
        assert_eq!(play(&mut standings, &[-20.0, -22.0, -24.0, -26.0, -23.0]), []);
        assert_eq!(
            play(&mut standings, &[-20.0, -22.0, -24.0, -26.0, -19.0]),
            [Change::Leaves(MemberId(4)), Change::Enters(MemberId(5))]
        );
        // And then keeps it against the one it displaced.
        assert_eq!(play(&mut standings, &[-20.0, -22.0, -24.0, -20.0, -19.0]), []);
    }

    #[test]
    fn whoever_sends_silence_is_not_in_the_mix() {
        let mut standings = [Standing::default(); 2];
        for _ in 0..20 {
            assert_eq!(play(&mut standings, &[-120.0, -70.0]), []);
        }
    }

    #[test]
    fn a_hundred_at_once_are_never_more_than_four_and_settle() {
        let mut standings = [Standing::default(); 100];
        let levels: Vec<f32> = (0..100).map(|n| -20.0 - (n % 7) as f32).collect();
        let mut changes = 0;
        for brick in 0..200 {
            let now = play(&mut standings, &levels).len();
            changes += if brick > 50 { now } else { 0 };
            assert!(standings.iter().filter(|s| s.in_mix()).count() <= MAX_VOICES);
        }
        assert_eq!(changes, 0);
    }
}
