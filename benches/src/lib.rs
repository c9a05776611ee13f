//! Whole meetings, for tests and for figures: the one place where bridge and client meet.
//!
//! * [`hall`]: a bridge and its sites in virtual time, over real QUIC on a network in memory.
//! * [`timeline`]: who says what when, in real speech, and how what was heard is judged against it.
//! * [`quality`]: how speech comes through: cases with their targets, what is measured, scores, table and plot.
//! * [`scenario`]: a meeting of twenty sites on mixed lines, by the same measures.
//! * [`weaklink`]: a bad line between real programs, over real sockets.
//! * [`load`]: a crowd on one machine, and what it costs the bridge.
//! * [`echo`]: a microphone and a loudspeaker in one room, and what is left of the echo.
//! * [`outside`]: real programs as processes, and visitors over real sockets.

pub mod echo;
pub mod hall;
pub mod load;
pub mod outside;
pub mod quality;
pub mod scenario;
pub mod timeline;
pub mod weaklink;
