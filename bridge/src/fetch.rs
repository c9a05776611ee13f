//! Fetching what was recorded: who may, and how fast. Pure; `shell::fetch` drives it.

mod pace;
mod right;

pub use pace::{Credit, Pace};
pub use right::{Asker, Tape, may_fetch};
