//! The conference bridge.
//!
//! ```text
//! peer (a connection) -> session (admission) -> room { Inlet … mixer … Outlet } -> peer
//! ```
//!
//! [`room`], [`mixer`], [`talkers`], [`audience`], [`session`], [`permit`], [`doorkeeper`], [`cue`], [`fetch`] and [`check`] are pure: they take `now` and own nothing but
//! state. Sockets, threads, clocks and files are in `shell`.

pub mod announcement;
pub mod audience;
pub mod bucket;
pub mod check;
pub mod command;
pub mod cue;
pub mod doorkeeper;
pub mod fetch;
pub mod howl;
pub mod lateness;
pub mod limits;
pub mod mixer;
pub mod permit;
pub mod prefix;
pub mod recording;
pub mod room;
pub mod session;
pub mod settings;
pub mod shell;
pub mod store;
pub mod talkers;
