//! The thin client of giaoban: captures, sends, receives, plays.
//!
//! ```text
//! main -> engine -> { session, guest, roster, floor, budget, voice, stats, words }     pure: they take `now`
//!            |
//!            +----> { net, audio }                                shells: sockets, devices, files
//! ```
//!
//! * [`settings`]: what was typed, and what it means.
//! * [`engine`]: the one loop that drives a client; several run in one process.
//! * [`check`]: what a line will do, before the meeting.
//! * [`meeting`]: where a client goes and by what right. Pure.
//! * [`memory`]: the meeting that is remembered, one file.
//! * [`missed`]: what was missed of a meeting that is recorded. Pure; what is kept of it is not.
//! * [`ctl`]: an operator's acts, one at a time.
//! * [`console`]: an operator's screen.
//! * [`guest`]: the PIN's exchange. Pure.
//! * [`session`]: whether this client is in its room, and the way back. Pure.
//! * [`roster`]: who else is there, who waits in the lobby, and who may speak. Pure.
//! * [`floor`]: what of the meeting concerns this site. Pure.
//! * [`budget`]: what the meeting may cost in bytes. Pure.
//! * [`voice`]: the two doors and the heartbeat. Pure.
//! * [`stats`]: one line of figures a second. Pure.
//! * `window` (feature `window`): the desktop window, on the same machines.
//! * [`words`]: all that is said to a person, in each language. Pure.
//! * [`net`]: connections, one task for each.
//! * [`audio`]: where sound comes from and goes to.
//! * `testing` (feature `testing`): a place on the virtual network.

pub mod audio;
pub mod budget;
pub mod check;
mod clock;
pub mod console;
pub mod ctl;
pub mod engine;
pub mod floor;
pub mod guest;
pub mod meeting;
pub mod memory;
pub mod missed;
pub mod net;
pub mod roster;
pub mod session;
pub mod settings;
pub mod stats;
#[cfg(feature = "testing")]
pub mod testing;
pub mod voice;
#[cfg(feature = "window")]
pub mod window;
pub mod words;
