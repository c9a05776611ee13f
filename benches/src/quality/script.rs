//! Who says what when in a case: many voices from one mouth, and short words from the other.

use crate::timeline::{SECOND, Timeline, Turn};
use giaoban_proto::testing::speech;

use super::cases::Role;

/// The people who read; the synthetic voice is left out, since scores are made for people's.
const VOICES: [&str; 5] = ["en", "fr", "it", "ru", "es"];

/// Before the first word, in samples: a join on a middling line.
const LEAD: usize = 2 * SECOND;

/// Where the other's words are taken from within its voice, and how long one is, in samples.
const WORD_FROM: usize = 15 * SECOND;
const WORD: usize = 3 * SECOND / 2;

/// A cut in running speech gets this long a fade, in samples: 10 ms, so that it does not click.
const FADE: usize = SECOND / 100;

/// The talker is site 0, the listener site 1. The first turns are for getting in and settling and are not in
/// [`Timeline::turns`]; see [`settle_turns`].
///
/// Listening: 8 s of speech, 1 s of pause. Conversing: 7 s of speech, 3 s of pause with a word of the other in its
/// middle, so that no word falls into what is judged and one comes every ten seconds.
///
/// # Panics
/// Where the speech is missing; it says what to run.
#[must_use]
pub fn script(role: Role, rounds: usize) -> Timeline {
    let (length, pause) = match role {
        Role::Listening => (8 * SECOND, SECOND),
        Role::Conversing => (7 * SECOND, 3 * SECOND),
    };
    let voices = VOICES.map(speech::voice);
    let other = speech::voice("it");
    let mut said = [0; VOICES.len()];
    let (mut talker, mut listener) = (vec![0.0; LEAD], Vec::new());
    let mut turns = Vec::new();
    for round in 0..rounds + settle_turns(role) {
        let voice = round % VOICES.len();
        let start = talker.len();
        talker.extend(voices[voice].iter().cycle().skip(said[voice]).take(length));
        said[voice] += length;
        fade(&mut talker[start..]);
        let end = talker.len();
        if round >= settle_turns(role) {
            turns.push(Turn { speakers: vec![0], span: start..end });
        }
        talker.resize(end + pause, 0.0);
        if role == Role::Conversing {
            listener.resize(end + (pause - WORD) / 2, 0.0);
            let word = listener.len();
            listener.extend(other.iter().cycle().skip(WORD_FROM).take(WORD));
            fade(&mut listener[word..]);
        }
    }
    // What was said last is heard late.
    talker.resize(talker.len() + 2 * SECOND, 0.0);
    listener.resize(talker.len(), 0.0);
    Timeline { says: vec![talker, listener], turns }
}

/// How many turns pass before anything is judged: one for a slow join; when conversing another, since until its first
/// word the other is but a listener.
#[must_use]
pub const fn settle_turns(role: Role) -> usize {
    match role {
        Role::Listening => 1,
        Role::Conversing => 2,
    }
}

fn fade(sound: &mut [f32]) {
    let len = sound.len();
    for n in 0..FADE.min(len) {
        let gain = n as f32 / FADE as f32;
        sound[n] *= gain;
        sound[len - 1 - n] *= gain;
    }
}
