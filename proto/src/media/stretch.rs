//! Stretching: sound played up to a quarter faster or slower without changing its pitch.
//!
//! Between the decoder and whoever hears, a short queue of samples. Each brick pulled is taken from it as it is, or one
//! pitch period shorter or longer: where the sound repeats itself, two periods are faded into one, or one into two. It
//! must not touch what does not repeat (a plosive, a hiss), for there a cut is heard; in pauses it may cut anywhere,
//! and so it does most of its work there. Pure; allocates in [`Stretcher::new`] only.
//!
//! ```text
//! faster   |----- at -----|== fades ==|-- as is --      ends one period further on in the source than a brick
//!                         |a…a → b…b|                   a: the period at `at`, b: the one after it
//! slower   the same with b the period before `at`, which ends one period short of a brick
//! ```
//!
//! Method: overlap and add where the waveforms are most alike (WSOLA: Verhelst and Roelands, ICASSP 1993). Six voices
//! over ten seconds each, with their pauses: 1.18 to 1.26 times as fast, 0.75 to 0.84 times as slow; 1.14 and 0.87 in a
//! room with noise at −35 dBFS. Takes 0.03 ms of processor per second of sound as it is, 0.5 ms while it stretches, 0.8
//! ms while it searches in vain.

use super::Pcm;
use crate::unit::BRICK_SAMPLES;

/// How much the queue holds: 300 ms. More would hide delay from whoever decides about it, less must still hold a
/// packet of 120 ms on top of what a search needs.
const CAPACITY: usize = 14_400;

/// The shortest and the longest piece that is left out or repeated: 5 and 15 ms. Voices repeat every 2.5 to 15 ms; of
/// the high ones two or three periods go at once, since a fade shorter than 5 ms begins to be heard.
const SHORTEST: usize = 240;
const LONGEST: usize = 720;

/// The longest piece in a pause: 10 ms a brick, so that a pause shrinks by a third or grows by the half.
const LONGEST_QUIET: usize = 480;

/// What is searched at a sixth of the rate, 8 kHz: pitch is well below, and it costs a 36th.
const COARSE: usize = 6;

/// How alike two periods must be, up to 1, to be faded into one. Lower reaches into consonants and roughens them, for
/// little: at 0.8 speech goes 1.20 times as fast, at 0.9 1.19, at 0.95 1.17.
const ALIKE: f32 = 0.9;

/// And in a pause, where nothing need be alike but must not cancel out (a hum, half a turn off).
const ALIKE_QUIET: f32 = -0.1;

/// What a longer piece is worth in a pause against likeness: enough that noise, where nothing is alike, goes quickly.
const QUIET_LENGTH_WORTH: f32 = 0.5;

/// The power below which it is a pause: −50 dBFS, for 5 ms. Above lie soft endings, below the room of most offices.
const QUIET_POWER: f32 = 1e-5;
const QUIET_PIECE: usize = 240;

/// Over how many bricks the limits hold: 200 ms. Longer allows bursts that are heard as stumbling.
const WINDOW_BRICKS: usize = 10;

/// What may be left out in a window: 1.25 times as fast. Speech at that rate is followed without effort.
const MOST_LEFT_OUT: usize = WINDOW_BRICKS * BRICK_SAMPLES / 4;
/// What may be added in a window: 0.8 times as fast.
const MOST_ADDED: usize = WINDOW_BRICKS * BRICK_SAMPLES / 5;

/// No decoder gives more; what does is cut, so that sums stay finite.
const BOUND: f32 = 8.0;

/// What a brick should do to the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Leave the sound alone.
    #[default]
    AsIs,
    /// Shorten: less delay.
    Faster,
    /// Lengthen: more delay.
    Slower,
}

/// A queue of sound, mono, 48 kHz, that is pulled in bricks and can be shortened or lengthened while it is.
pub struct Stretcher {
    /// What was pulled last, then what is to be pulled: `begin..end`.
    sound: Box<[f32]>,
    begin: usize,
    end: usize,
    /// What the last bricks left out (above 0) or added of sound that was no pause.
    spent: [i32; WINDOW_BRICKS],
    turn: usize,
}

/// Where a brick is shortened or lengthened, in samples of the source.
#[derive(Clone, Copy)]
struct Splice {
    at: usize,
    length: usize,
    alike: f32,
    quiet: bool,
}

impl Default for Stretcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Stretcher {
    /// An empty queue.
    #[must_use]
    pub fn new() -> Self {
        let size = LONGEST + CAPACITY + 4 * BRICK_SAMPLES; // some slack, so that not every push moves all of it
        Self { sound: vec![0.0; size].into(), begin: 0, end: 0, spent: [0; WINDOW_BRICKS], turn: 0 }
    }

    /// Appends decoded sound. Returns how many of the oldest samples had to go because the queue was full, 0 when
    /// [`room`](Self::room) was asked before.
    ///
    /// What is not finite becomes silence.
    pub fn push(&mut self, sound: &[f32]) -> usize {
        let taken = &sound[sound.len().saturating_sub(CAPACITY)..];
        let over = taken.len().saturating_sub(self.room());
        self.begin += over;
        if self.end + taken.len() > self.sound.len() {
            let keep = self.begin - self.begin.min(LONGEST);
            self.sound.copy_within(keep..self.end, 0);
            self.begin -= keep;
            self.end -= keep;
        }
        for (to, from) in self.sound[self.end..].iter_mut().zip(taken) {
            *to = if from.is_finite() { from.clamp(-BOUND, BOUND) } else { 0.0 };
        }
        self.end += taken.len();
        over + sound.len() - taken.len()
    }

    /// Samples that can be pulled, were they pulled as they are.
    #[must_use]
    pub const fn available(&self) -> usize {
        self.end - self.begin
    }

    /// Samples that can be pushed before the oldest go.
    #[must_use]
    pub const fn room(&self) -> usize {
        CAPACITY - self.available()
    }

    /// Takes a brick: as it is, or shorter or longer where `wish` asks for it and the sound allows it.
    ///
    /// Returns how many more samples than a brick left the queue: 0 as it is, above 0 when some were left out, below 0
    /// when some were added. `None`, and `brick` untouched, when less than a brick is there: the end of a talkspurt is
    /// the caller's to fill.
    ///
    /// To find anything to leave out it must see 5 to 15 ms beyond the brick (35 ms available find all there is); to
    /// add it looks at what was pulled before.
    pub fn pull(&mut self, brick: &mut Pcm, wish: Wish) -> Option<i32> {
        self.available().checked_sub(BRICK_SAMPLES)?;
        let splice = match wish {
            Wish::AsIs => None,
            Wish::Faster | Wish::Slower => self.splice(wish),
        };
        let (to, source) = (brick.samples_mut(), &self.sound[self.begin..]);
        let mut beyond = 0;
        if let Some(Splice { at, length, alike, .. }) = splice {
            let faded = at + length;
            // Where in the source the second part begins, and the place from which it is faded in.
            let (next, with) = match wish {
                Wish::Faster => (faded + length, &source[faded..]),
                Wish::AsIs | Wish::Slower => (at, &self.sound[self.begin + at - length..]),
            };
            to[..at].copy_from_slice(&source[..at]);
            fade(&mut to[at..faded], &source[at..], with, alike);
            to[faded..].copy_from_slice(&source[next..next + BRICK_SAMPLES - faded]);
            beyond = if wish == Wish::Faster { length as i32 } else { -(length as i32) };
        } else {
            to.copy_from_slice(&source[..BRICK_SAMPLES]);
        }
        self.begin = self.begin.saturating_add_signed(beyond as isize) + BRICK_SAMPLES;
        self.spent[self.turn] = if splice.is_some_and(|s| s.quiet) { 0 } else { beyond };
        self.turn = (self.turn + 1) % WINDOW_BRICKS;
        Some(beyond)
    }

    /// Forgets all sound, for a new voice or after a hole that was bridged in another way.
    pub const fn clear(&mut self) {
        self.begin = 0;
        self.end = 0;
    }

    /// The best place in the next brick to shorten or lengthen it, if there is a good one.
    fn splice(&self, wish: Wish) -> Option<Splice> {
        let faster = wish == Wish::Faster;
        // All that may be looked at: the brick and what follows it, or what went before and the brick. The latter in
        // whole coarse samples, so that the brick begins with one.
        let origin = if faster { 0 } else { self.begin.min(LONGEST) / COARSE * COARSE };
        let reach =
            if faster { self.available().min(BRICK_SAMPLES + LONGEST) } else { origin + BRICK_SAMPLES };
        let sound = &self.sound[self.begin - origin..][..reach];

        let quiet = sound.chunks(QUIET_PIECE).all(|part| dot(part, part) < QUIET_POWER * part.len() as f32);
        let most = if quiet { LONGEST_QUIET } else { self.budget(faster).min(LONGEST) };
        let most = most.min(if faster { reach - BRICK_SAMPLES } else { origin });
        if most < SHORTEST {
            return None;
        }
        let worth = if quiet { QUIET_LENGTH_WORTH / LONGEST_QUIET as f32 } else { 0.0 };
        // Where the earlier of two periods begins.
        let first = |at: usize, length: usize| if faster { at } else { at - length };

        let coarse = Coarse::of(sound);
        let (origin_c, brick_c) = (origin / COARSE, BRICK_SAMPLES / COARSE);
        let (mut best, mut found) = (f32::MIN, (0, 0));
        for length in SHORTEST / COARSE..=most / COARSE {
            for third in 0..3 {
                let at = (brick_c - length) * third / 2;
                let score =
                    coarse.alike(first(origin_c + at, length), length) + worth * (length * COARSE) as f32;
                if score > best {
                    (best, found) = (score, (at, length));
                }
            }
        }

        let near = found.1 * COARSE;
        let lengths = near.saturating_sub(COARSE).max(SHORTEST)..=(near + COARSE).min(most);
        let splices = lengths.map(|length| {
            let at = (found.0 * COARSE).min(BRICK_SAMPLES - length);
            let (a, b) = sound[first(origin + at, length)..].split_at(length);
            Splice { at, length, alike: alike(dot(a, b), dot(a, a) + dot(b, &b[..length])), quiet }
        });
        let best = splices.max_by(|a, b| a.alike.total_cmp(&b.alike))?;
        (best.alike >= if quiet { ALIKE_QUIET } else { ALIKE }).then_some(best)
    }

    /// What this brick may still leave out or add.
    fn budget(&self, faster: bool) -> usize {
        // The brick that this one takes the place of was pulled a window ago.
        let others = self.spent.iter().enumerate().filter(|(n, _)| *n != self.turn).map(|(_, spent)| *spent);
        let spent = others.filter(|spent| (*spent > 0) == faster).map(i32::unsigned_abs).sum::<u32>();
        let most = if faster { MOST_LEFT_OUT } else { MOST_ADDED };
        most.saturating_sub(spent as usize)
    }
}

impl std::fmt::Debug for Stretcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stretcher").field("available", &self.available()).finish_non_exhaustive()
    }
}

const COARSE_MOST: usize = (BRICK_SAMPLES + LONGEST) / COARSE;

/// Sound at a sixth of its rate, and its energy up to each sample.
struct Coarse {
    sound: [f32; COARSE_MOST],
    energy: [f64; COARSE_MOST + 1],
}

impl Coarse {
    fn of(sound: &[f32]) -> Self {
        let mut coarse = Self { sound: [0.0; COARSE_MOST], energy: [0.0; COARSE_MOST + 1] };
        // The mean of six is filter enough: what it lets through of 5 to 8 kHz is weak in a voice, and the fine search
        // has the last word.
        let means = sound.chunks_exact(COARSE).map(|six| six.iter().sum::<f32>() / COARSE as f32);
        for (n, mean) in means.enumerate() {
            coarse.sound[n] = mean;
            coarse.energy[n + 1] = coarse.energy[n] + f64::from(mean * mean);
        }
        coarse
    }

    /// How alike the pieces are that begin at `from` and at `from + length`.
    fn alike(&self, from: usize, length: usize) -> f32 {
        let (a, b) = self.sound[from..from + 2 * length].split_at(length);
        alike(dot(a, b), (self.energy[from + 2 * length] - self.energy[from]) as f32)
    }
}

/// How alike two pieces are: 1 when they are the same to the sample, 0 when they have nothing in common, below when one
/// is the other upside down. Unlike a correlation it also falls when one is louder.
fn alike(product: f32, energies: f32) -> f32 {
    if energies < 1e-12 { 1.0 } else { (2.0 * product / energies).clamp(-1.0, 1.0) }
}

/// Fades from one piece to the other, with the loudness of both all along: the less they are alike, the more the middle
/// has to be lifted.
fn fade(to: &mut [f32], from: &[f32], into: &[f32], alike: f32) {
    let step = 1.0 / to.len() as f32;
    let peak = |piece: &[f32]| piece.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
    let bound = peak(&from[..to.len()]).max(peak(&into[..to.len()]));
    let alike = alike.max(0.0);
    for (n, (to, (a, b))) in to.iter_mut().zip(from.iter().zip(into)).enumerate() {
        let t = (n as f32 + 0.5) * step;
        let up = t * t * (3.0 - 2.0 * t);
        let down = 1.0 - up;
        let power = 1.0 - 2.0 * (1.0 - alike) * up * down;
        *to = ((down * a + up * b) / power.sqrt()).clamp(-bound, bound);
    }
}

/// The sum of products over the shorter of both, in eight sums at once so that the processor can do so too.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a8, b8) = (a.chunks_exact(8), b[..b.len().min(a.len())].chunks_exact(8));
    let rest = a8.remainder().iter().zip(b8.remainder()).map(|(x, y)| x * y).sum::<f32>();
    for (x, y) in a8.zip(b8) {
        for n in 0..8 {
            sums[n] += x[n] * y[n];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests;
