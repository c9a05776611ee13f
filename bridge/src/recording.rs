//! Recording: what a room says, written down so that neither a power cut nor a full disk takes more than a second of it.
//!
//! ```text
//!   room (one more listener, on a rung of its own) -> Tape: a bounded queue -> one thread for all rooms
//!        -> Segment (Ogg Opus) -> a file, page by page, synced each second; chapters beside it
//! ```
//!
//! [`segment`] and [`chapters`] are pure.

pub mod chapters;
mod page;
pub mod segment;
