//! What both ends of a giaoban call must agree on, and do alike.
//!
//! ```text
//! unit  <-  wire  <-  media  <-  { bridge, client }
//! ```
//!
//! * [`link`]: the join link. Pure.
//! * [`mod@unit`]: packet numbers, media time, rates, levels. Pure.
//! * [`wire`]: bytes to messages and back. Pure; knows neither time nor state.
//! * [`spans`]: which parts of something long are there. Pure.
//! * `ogg` (feature `opus`): recordings as files. Pure.
//! * [`probe`]: how a line is measured before a meeting. Pure.
//! * `media` (feature `media`): the two doors that every voice passes, `Outlet` and `Inlet`.
//! * `sound` (feature `sound`): WAV files, and sound from one rate to another.
//! * `pin` (feature `transport`): how a guest and a bridge prove to each other that both know the PIN.
//! * `transport` (feature `transport`): the QUIC setting that both ends share.
//! * `testing` (feature `testing`): a seeded link, an in-memory network, real speech.
//!
//! With `--no-default-features` only the pure ones are left, so a wire that named the media would not build.

pub mod link;
#[cfg(feature = "media")]
pub mod media;
#[cfg(feature = "opus")]
pub mod ogg;
#[cfg(feature = "transport")]
pub mod pin;
pub mod probe;
#[cfg(feature = "sound")]
pub mod sound;
pub mod spans;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "transport")]
pub mod transport;
pub mod unit;
pub mod wire;
