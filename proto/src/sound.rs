//! Sound in files and at other rates, for whoever plays some into a meeting: a client's microphone that is a file, a
//! bridge's announcement.

pub mod convert;
pub mod wav;
