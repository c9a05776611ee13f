//! Recordings as files: one stream of Ogg Opus, written and read packet by packet. Pure.
//!
//! The bridge writes what a room says, and a client what it has fetched of that.

mod page;
mod reader;
mod segment;

pub use reader::{Reader, Timed};
pub use segment::{Found, Label, Refused, Segment, copy, find_end};
