//! Recording: what a room says, written down so that neither a power cut nor a full disk takes more than a second of it.
//!
//! ```text
//!   room (one more listener, on a rung of its own) -> Tape: a bounded queue -> Recorder: one thread for all rooms
//!        -> Segment (Ogg Opus, `giaoban_proto::ogg`) -> a file, page by page, synced each second; chapters beside it; the store says which
//! ```
//!
//! A tick waits for none of it: what finds the queue full is dropped and counted, and the recording counts as failed
//! when nothing is taken out of the queue for [`GIVE_UP_AFTER`]. [`chapters`] is pure.

mod archive;
pub mod chapters;
pub mod disk;
mod name;
mod recorder;
mod reel;
pub mod shelf;

pub use recorder::{Begun, GIVE_UP_AFTER, Recorder, Resumed, Tape};

use giaoban_proto::media::Packet;
use giaoban_proto::unit::MediaTime;
use std::sync::Arc;

/// What a room gives a recorder, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taped {
    /// What is said from then on is written down.
    GoesOn(MediaTime),
    /// A packet of the mix.
    Sound(Arc<Packet>),
    /// Nothing more comes of what was before this.
    Silence(MediaTime),
    /// The floor was given to whoever has this name, or taken back.
    Floor(MediaTime, Option<String>),
}

/// The file that holds the sound of a recording.
#[must_use]
pub fn sound_name(file: &str) -> String {
    format!("{file}.opus")
}

/// The file that holds its chapters.
#[must_use]
pub fn chapters_name(file: &str) -> String {
    format!("{file}.chapters.txt")
}
