//! The thin client of giaoban.

pub mod audio;
