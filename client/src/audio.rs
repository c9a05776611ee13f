//! Where a client's sound comes from and where it goes to: files, devices, or neither.
//!
//! ```text
//! FILE.wav ─ wav ─ convert ──────────────────────┐                    ┌────────────────────────────── FILE.wav
//! stdin ─ [thread] ─ pipe ──────────────────────┤                    ├──────────────── pipe ─ [thread] ─ stdout
//! device ─ [callback] ─ ring ─ capture ─ convert ─┼─ Source ‥ Sink ───┼─ convert ─ playback ─ ring ─ [callback] ─ device
//! tone, silence ──────────────────────────────────┘   bricks of 20 ms └─ null
//! ```
//!
//! Nothing here reads a clock: `now` is taken in, so that a test moves time as it likes. Only `device` touches
//! hardware, and only through a thread of its own, so that neither a poll nor a write ever waits for a card.
//! What runs in a device's callback is in [`capture`] and [`playback`], under the law written there.
//!
//! The loop that drives one of each:
//!
//! ```text
//! loop {
//!     while let Polled::Brick = source.poll(now, &mut brick)? { uplink.push(now, &brick) }
//!     while sink.wants(now) { downlink.pull(now, &mut brick); sink.write(&brick)? }
//!     wait until min(source.next_due(now), sink.next_due(now))
//! }
//! ```

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

use giaoban_proto::media::Pcm;

pub mod capture;
mod device;
mod error;
mod file;
mod line;
mod pace;
mod pipe;
pub mod playback;

pub use device::{DeviceInfo, list_devices};
pub use error::{AudioError, Direction};
pub use giaoban_proto::sound::wav::WavFault;

/// What [`Source::poll`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// A brick is in the buffer. Another may be due already: poll again.
    Brick,
    /// The next 20 ms are not complete.
    NotYet,
    /// There is no more. Open [`Input::Silence`] in its place to go on without a gap.
    Ended,
}

/// One place that sound comes from.
pub trait Source: Send {
    /// Fills `brick` with the next 20 ms if they are complete at `now`. Never waits.
    ///
    /// Whoever comes late is given one brick at each call until the past is caught up with.
    ///
    /// # Errors
    /// Where a file cannot be read on. A device that goes away is not an error: silence comes at its pace until
    /// it is back, and [`health`](Self::health) says so.
    fn poll(&mut self, now: Instant, brick: &mut Pcm) -> Result<Polled, AudioError>;

    /// Whether it is a microphone, which is never quite silent while it works.
    fn is_device(&self) -> bool {
        false
    }

    /// When [`poll`](Self::poll) may have something: exactly for files, a few milliseconds ahead for devices.
    fn next_due(&self, now: Instant) -> Instant;

    /// What went wrong so far; all zero for what cannot.
    fn health(&self) -> Health {
        Health::default()
    }
}

/// One place that sound goes to.
pub trait Sink: Send {
    /// Whether it wants another brick at `now`: a file one each 20 ms since it began, a device when what it
    /// holds has fallen below its mark.
    fn wants(&mut self, now: Instant) -> bool;

    /// When [`wants`](Self::wants) may become true.
    fn next_due(&self, now: Instant) -> Instant;

    /// Takes a brick. Never waits for a device; what it has no room for is dropped and counted.
    ///
    /// # Errors
    /// Where a file cannot be written on.
    fn write(&mut self, brick: &Pcm) -> Result<(), AudioError>;

    /// How much sound was written since the start.
    fn position(&self) -> Duration;

    /// Ends it: a file's header is completed, a device is let go. Nothing is wanted afterwards.
    ///
    /// # Errors
    /// Where the file cannot be completed.
    fn finish(&mut self) -> Result<(), AudioError>;

    /// What went wrong so far; all zero for what cannot.
    fn health(&self) -> Health {
        Health::default()
    }
}

/// What a device has been through since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Times that a loudspeaker asked for sound and found too little: each is heard as a gap.
    pub underruns: u64,
    /// Times that sound was thrown away because nobody took it in time.
    pub overruns: u64,
    /// Times that the device was opened anew after it had gone silent.
    pub rebuilds: u64,
    /// Whether it is gone at this moment.
    pub missing: bool,
}

/// Where a person wants the client's sound to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A WAV file.
    File {
        /// Its path.
        path: PathBuf,
        /// Whether it begins again after its end.
        repeat: bool,
    },
    /// A microphone: by its name, or the default one.
    Device(Option<String>),
    /// A second of 440 Hz and a second of silence, by turns.
    Tone,
    /// Nothing at all.
    Silence,
    /// Another program, on standard input: a WAV file, or 16-bit mono PCM at 48 kHz.
    Pipe,
}

/// Where a person wants the client's sound to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A WAV file, written over if it exists.
    File(PathBuf),
    /// A loudspeaker: by its name, or the default one.
    Device(Option<String>),
    /// Nowhere, at the pace of a loudspeaker.
    Null,
    /// Another program, on standard output, as a WAV file.
    Pipe,
}

impl Input {
    /// The same input; a file begins again after its end if `repeat` says so.
    #[must_use]
    pub fn repeating(self, repeat: bool) -> Self {
        match self {
            Self::File { path, .. } => Self::File { path, repeat },
            other => other,
        }
    }

    /// Opens it; its time 0 is `now`.
    ///
    /// Waits for the disk, or up to some seconds for a device.
    ///
    /// # Errors
    /// Where it is not there, or is nothing that can be played.
    pub fn open(&self, now: Instant) -> Result<Box<dyn Source>, AudioError> {
        Ok(match self {
            Self::File { path, repeat } => Box::new(file::FileSource::open(path, *repeat, now)?),
            Self::Device(name) => Box::new(device::open_source(name.as_deref(), now)?),
            Self::Tone => Box::new(pace::Tone::new(now)),
            Self::Silence => Box::new(pace::Silence::new(now)),
            Self::Pipe => Box::new(pipe::PipeSource::open(std::io::stdin(), now)?),
        })
    }
}

impl Output {
    /// Opens it; its time 0 is `now`.
    ///
    /// Waits for the disk, or up to some seconds for a device.
    ///
    /// # Errors
    /// Where it is not there, or cannot be written.
    pub fn open(&self, now: Instant) -> Result<Box<dyn Sink>, AudioError> {
        Ok(match self {
            Self::File(path) => Box::new(file::FileSink::create(path, now)?),
            Self::Device(name) => Box::new(device::open_sink(name.as_deref(), now)?),
            Self::Null => Box::new(pace::Null::new(now)),
            Self::Pipe => Box::new(pipe::PipeSink::open(std::io::stdout(), now)?),
        })
    }
}

/// `FILE.wav`, `device`, `device:NAME`, `tone`, `silence` or `-`.
impl FromStr for Input {
    type Err = AudioError;

    fn from_str(word: &str) -> Result<Self, AudioError> {
        match word {
            "device" => Ok(Self::Device(None)),
            "tone" => Ok(Self::Tone),
            "silence" => Ok(Self::Silence),
            "-" => Ok(Self::Pipe),
            _ => match (device_name(word), file_path(word)) {
                (Some(name), _) => Ok(Self::Device(Some(name))),
                (None, Some(path)) => Ok(Self::File { path, repeat: false }),
                (None, None) => Err(AudioError::UnknownInput(word.to_owned())),
            },
        }
    }
}

/// `FILE.wav`, `device`, `device:NAME`, `null` or `-`.
impl FromStr for Output {
    type Err = AudioError;

    fn from_str(word: &str) -> Result<Self, AudioError> {
        match word {
            "device" => Ok(Self::Device(None)),
            "null" => Ok(Self::Null),
            "-" => Ok(Self::Pipe),
            _ => match (device_name(word), file_path(word)) {
                (Some(name), _) => Ok(Self::Device(Some(name))),
                (None, Some(path)) => Ok(Self::File(path)),
                (None, None) => Err(AudioError::UnknownOutput(word.to_owned())),
            },
        }
    }
}

/// As it is typed; two files that differ only in `repeat` look the same.
impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => path.display().fmt(f),
            Self::Device(None) => f.write_str("device"),
            Self::Device(Some(name)) => write!(f, "device:{name}"),
            Self::Tone => f.write_str("tone"),
            Self::Silence => f.write_str("silence"),
            Self::Pipe => f.write_str("-"),
        }
    }
}

/// As it is typed.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Device(None) => f.write_str("device"),
            Self::Device(Some(name)) => write!(f, "device:{name}"),
            Self::Null => f.write_str("null"),
            Self::Pipe => f.write_str("-"),
        }
    }
}

fn device_name(word: &str) -> Option<String> {
    word.strip_prefix("device:").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// A path is known by its ending or by a separator in it, so that a mistyped word is not taken for a file.
fn file_path(word: &str) -> Option<PathBuf> {
    let path = PathBuf::from(word);
    let wav =
        path.extension().is_some_and(|e| e.eq_ignore_ascii_case("wav") || e.eq_ignore_ascii_case("wave"));
    let separated = word.contains(std::path::is_separator);
    ((wav || separated) && !word.starts_with("device:")).then_some(path)
}

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_an_input_and_reads_the_same_again() {
        let file = |path: &str| Input::File { path: path.into(), repeat: false };
        for (word, input) in [
            ("a.wav", file("a.wav")),
            ("họp xã.WAV", file("họp xã.WAV")),
            ("./recording", file("./recording")),
            ("device", Input::Device(None)),
            ("device:USB Headset", Input::Device(Some("USB Headset".to_owned()))),
            ("device:hw:CARD=1/2", Input::Device(Some("hw:CARD=1/2".to_owned()))),
            ("tone", Input::Tone),
            ("silence", Input::Silence),
            ("-", Input::Pipe),
        ] {
            assert_eq!(word.parse::<Input>().unwrap(), input);
            assert_eq!(input.to_string(), word);
        }
        assert_eq!(file("a.wav").repeating(true), Input::File { path: "a.wav".into(), repeat: true });
        assert_eq!(Input::Tone.repeating(true), Input::Tone);
    }

    #[test]
    fn what_is_typed_becomes_an_output_and_reads_the_same_again() {
        for (word, output) in [
            ("a.wav", Output::File("a.wav".into())),
            ("device", Output::Device(None)),
            ("device:Loa", Output::Device(Some("Loa".to_owned()))),
            ("null", Output::Null),
            ("-", Output::Pipe),
        ] {
            assert_eq!(word.parse::<Output>().unwrap(), output);
            assert_eq!(output.to_string(), word);
        }
    }

    #[test]
    fn a_word_that_is_nothing_is_answered_in_one_line_with_what_could_be_said() {
        for word in ["", "mic", "null", "device:", "device: ", "song.mp3", "Device", "two\nlines"] {
            let said = word.parse::<Input>().unwrap_err().to_string();
            assert!(said.contains("FILE.wav, device, device:NAME, tone, silence or -"), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
        }
        for word in ["", "tone", "device:", "silence"] {
            let said = word.parse::<Output>().unwrap_err().to_string();
            assert!(said.contains("FILE.wav, device, device:NAME, null or -"), "{said}");
        }
    }
}
