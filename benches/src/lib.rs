//! Whole meetings, for tests and for figures: the one place where bridge and client meet.
//!
//! * [`hall`]: a bridge and its sites in virtual time, over real QUIC on a network in memory.
//! * [`timeline`]: who says what when, in real speech, and how what was heard is judged against it.
//! * [`weaklink`]: a bad line between real programs, over real sockets.

pub mod hall;
pub mod timeline;
pub mod weaklink;
