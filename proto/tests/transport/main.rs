//! Two ends over a wire in memory, in virtual time: who is let in, when what is acknowledged, what it costs.
//!
//! `cargo test -p giaoban-proto --test transport -- --nocapture` prints the measured tables.
#![cfg(feature = "transport")]
#![expect(clippy::disallowed_methods, reason = "the clock is tokio's, which stands still until all wait")]

mod acks;
mod bytes;
mod join;
mod keys;
mod loss;
mod net;
mod traffic;
mod tunnel;
