//! The desktop window: for the person at a commune's PC who wants to be in the meeting and nothing else.
//!
//! ```text
//!   what the bridge says, what the engine tells, figures --+
//!   buttons, keys, time -----------------------------------+--> model --> view (what stands where, in words) --> screen
//!                                                                  +--> acts (to the engine, the sound check, the disk)
//! ```
//!
//! * [`model`]: what is shown of a meeting, and what comes of what its person does. Pure. The operator's panel is the very
//!   machine of [`crate::console::model`].
//! * [`line`](mod@line): how the line is, in one of a few words. Pure.
//! * [`start`]: what was typed before a meeting, and what it means. Pure.
//! * [`sound`]: the sound check, step after step. Pure.
//! * [`meter`]: how loud the microphone and the loudspeaker are, from the doors' own bricks.
//! * [`kept`]: what the window remembers, one file.
//! * [`alone`]: that there is one window, and what a second start tells it.
//! * [`words`]: what stands on the screen, from the Fluent files.
//! * [`shell`]: what comes of each thing that happens or is done, before, in and after a meeting.
//! * [`view`]: the screen, drawn by Slint without a graphics driver.
//!
//! The threads beside it, which run the engine and the sound check, are in the program.

pub mod alone;
pub mod kept;
pub mod line;
pub mod meter;
pub mod model;
pub mod shell;
pub mod sound;
pub mod start;
pub mod view;
pub mod words;
