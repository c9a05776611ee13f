//! The operator's screen: one table of all sites, one key for each act.
//!
//! ```text
//!   engine (its own thread) --> model (pure) --> view (ratatui) --> terminal
//!        ^                        |
//!        +------- commands -------+<-- keys, mouse
//! ```
//!
//! * [`model`]: what is seen, and what comes of each key. Pure; the window draws the same.
//! * [`view`]: how it looks in a terminal.
//! * [`terminal`]: the terminal itself.

pub mod model;
pub mod terminal;
pub mod view;

#[cfg(test)]
pub(crate) mod testing;
