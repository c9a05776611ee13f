//! Sockets, threads, clocks and files: what drives the pure machines.
//!
//! ```text
//! listen: endpoint -> peer task for each connection -> worker (one thread, owns the rooms) -> connections
//!                                   |                        |
//!                                   +-> store (one thread) <-+-> recorder (one thread)
//! tunnels: TCP -> a task for each -> the same endpoint
//! ```

mod announce;
mod check;
pub mod counters;
mod entry;
mod fetch;
pub mod house;
pub mod listen;
mod peer;
mod players;
pub mod run;
mod tapes;
pub mod tunnels;
pub mod worker;
