//! What can go wrong with sound, in words for the person who has to mend it.
//!
//! Each message is one line: it names the file or device, says what happened, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use giaoban_proto::sound::wav::WavFault;

/// Why sound cannot come from, or go to, where it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// The word given as a source of sound is none.
    #[error("`{}` is no source of sound: give FILE.wav, device, device:NAME, tone, silence or -", OneLine(.0))]
    UnknownInput(String),
    /// The word given as a place for sound is none.
    #[error("`{}` is no place for sound: give FILE.wav, device, device:NAME, null or -", OneLine(.0))]
    UnknownOutput(String),
    /// What was named is a folder, a pipe or a device file.
    #[error("{} is not a file: name a WAV file", Shown(path))]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// The file is there or not, and cannot be opened.
    #[error("cannot open {}: {}", Shown(path), Plain(reason))]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The file can be read and is no WAV that can be played.
    #[error("{} {fault}", Shown(path))]
    Wav {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: WavFault,
    },
    /// Reading stopped working in the middle of the file.
    #[error("cannot read on in {}: {}", Shown(path), Plain(reason))]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The file to be written cannot be made.
    #[error("cannot make {}: {}", Shown(path), Plain(reason))]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// Writing stopped working: the disk is full, most often.
    #[error("cannot write to {}: {}", Shown(path), Plain(reason))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// A WAV file counts its bytes in 32 bits, and this one is at the end of them.
    #[error("{} holds 12 hours of sound, which is all that a WAV file can: start another", Shown(path))]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// No device of that name, or none at all.
    #[error("there is no {} {}: `giaoban devices` lists what there is", direction.noun(), Named(name))]
    NoDevice {
        /// Whether a microphone or a loudspeaker was wanted.
        direction: Direction,
        /// The name asked for; `None` for the default device.
        name: Option<String>,
    },
    /// The device is there and does not open.
    #[error("the {} {} does not open: {}", direction.noun(), Named(name), OneLine(reason))]
    Device {
        /// Whether it is a microphone or a loudspeaker.
        direction: Direction,
        /// The name asked for; `None` for the default device.
        name: Option<String>,
        /// What the sound system said.
        reason: String,
    },
    /// The list of devices cannot be had.
    #[error("cannot list the sound devices: {}", OneLine(.0))]
    NoList(String),
}

/// Which way sound goes through a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a microphone to us.
    Capture,
    /// From us to a loudspeaker.
    Playback,
}

impl Direction {
    /// What a person calls such a device.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Capture => "microphone",
            Self::Playback => "loudspeaker",
        }
    }
}

/// A path that cannot break the line it is shown on.
struct Shown<'a>(&'a Path);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        OneLine(&self.0.to_string_lossy()).fmt(f)
    }
}

/// Text of others (a path, a driver's message) on one line: control characters become a `?`.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| write!(f, "{}", if c.is_control() { '?' } else { c }))
    }
}

/// A device's name in a sentence.
struct Named<'a>(&'a Option<String>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "named `{}`", OneLine(name)),
            None => f.write_str("set as the default"),
        }
    }
}

/// What the system says about a file, with what to do where that is known.
struct Plain<'a>(&'a io::Error);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.kind() {
            io::ErrorKind::NotFound => f.write_str("it is not there; check the name and the folder"),
            io::ErrorKind::PermissionDenied => {
                f.write_str("you may not; change its permissions or choose another")
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                f.write_str("the disk is full; free some space or choose another place")
            }
            io::ErrorKind::IsADirectory => f.write_str("it is a folder; name a file in it"),
            _ => OneLine(&self.0.to_string()).fmt(f),
        }
    }
}
