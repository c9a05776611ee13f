//! WAV files as a microphone and as a loudspeaker: at the pace of real sound, whatever the caller's.
//!
//! Position 0 of a file is spoken at the moment at which it was opened, so that two recordings made on one
//! machine can be laid over each other to measure delay. Reading is streamed, one brick ahead; nothing here
//! waits but for the disk.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use giaoban_proto::media::Pcm;
use giaoban_proto::sound::convert::{Block, Converter};
use giaoban_proto::sound::wav::{Refused, Wav};
use giaoban_proto::unit::SAMPLE_RATE;

use super::pace::Pace;
use super::{AudioError, Polled, Sink, Source, WavFault};

/// A WAV file that speaks.
pub(super) struct FileSource<R> {
    path: PathBuf,
    wav: Wav<R>,
    converter: Converter,
    repeat: bool,
    pace: Pace,
    /// The brick that is due at the end of the pace's; `None` after the last one.
    next: Option<Pcm>,
    /// Whether all sound has been read. A file that repeats never gets here.
    drained: bool,
}

impl FileSource<BufReader<File>> {
    /// Opens a file, 8 to 192 kHz, 1 to 8 channels, that begins to speak at `start`.
    pub(super) fn open(path: &Path, repeat: bool, start: Instant) -> Result<Self, AudioError> {
        // Asked before opening, because opening a pipe waits until somebody writes into it.
        let meta =
            std::fs::metadata(path).map_err(|reason| AudioError::Open { path: path.into(), reason })?;
        if !meta.is_file() {
            return Err(AudioError::NotAFile { path: path.into() });
        }
        let file = File::open(path).map_err(|reason| AudioError::Open { path: path.into(), reason })?;
        Self::new(BufReader::new(file), path, repeat, start)
    }
}

impl<R: Read + Seek> FileSource<R> {
    /// Reads from anything that is laid out as a WAV file; `path` is its name in messages.
    pub(super) fn new(reader: R, path: &Path, repeat: bool, start: Instant) -> Result<Self, AudioError> {
        let wav = Wav::open(reader).map_err(|refused| match refused {
            Refused::Fault(fault) => AudioError::Wav { path: path.into(), fault },
            Refused::Io(reason) => AudioError::Read { path: path.into(), reason },
        })?;
        let rate = wav.rate();
        let converter = Converter::new(rate, SAMPLE_RATE, Block::Long)
            .map_err(|_| AudioError::Wav { path: path.into(), fault: WavFault::Rate(rate) })?;
        let pace = Pace::new(start);
        let mut source = Self { path: path.into(), wav, converter, repeat, pace, next: None, drained: false };
        source.next = source.read()?;
        if source.next.is_none() {
            return Err(AudioError::Wav { path: source.path, fault: WavFault::NoSound });
        }
        Ok(source)
    }

    /// Reads a brick; the last one of a file is filled up with silence.
    fn read(&mut self) -> Result<Option<Pcm>, AudioError> {
        let mut brick = Pcm::SILENCE;
        let samples = brick.samples_mut();
        while self.converter.ready() < samples.len() && !self.drained {
            self.refill().map_err(|reason| AudioError::Read { path: self.path.clone(), reason })?;
        }
        let got = self.converter.pull(samples);
        // A filter rings a little beyond the peaks that it was given.
        for sample in &mut samples[..got] {
            *sample = sample.clamp(-1.0, 1.0);
        }
        Ok((got > 0).then_some(brick))
    }

    /// Reads a little more of the file, from its beginning again where it repeats.
    fn refill(&mut self) -> io::Result<()> {
        let mut mono = [0.0; 512];
        let mut got = self.wav.read(&mut mono)?;
        if got == 0 && self.repeat {
            self.wav.rewind()?;
            got = self.wav.read(&mut mono)?;
        }
        self.converter.push(&mono[..got]);
        if got == 0 {
            self.drained = true;
            self.converter.finish();
        }
        Ok(())
    }
}

impl<R: Read + Seek + Send> Source for FileSource<R> {
    fn poll(&mut self, now: Instant, brick: &mut Pcm) -> Result<Polled, AudioError> {
        let Some(next) = &self.next else { return Ok(Polled::Ended) };
        if now < self.pace.end() {
            return Ok(Polled::NotYet);
        }
        brick.clone_from(next);
        self.pace.step();
        self.next = None;
        self.next = self.read()?;
        Ok(Polled::Brick)
    }

    fn next_due(&self, now: Instant) -> Instant {
        if self.next.is_some() { self.pace.end() } else { now }
    }
}

/// How many bricks may be missing from a file whose writer was killed: one second.
///
/// Writing the header costs one seek and a few bytes; a tenth of this would still be cheap, ten times it would
/// lose words.
const BRICKS_A_FLUSH: u64 = 50;

/// Twelve hours: below the 4 GiB at which the lengths in a WAV header, and hound's count of them, are full.
const MOST_BRICKS: u64 = 12 * 3600 * 50;

/// A WAV file that listens: 48 kHz, mono, 16 bits.
pub(super) struct FileSink<W: Write + Seek> {
    path: PathBuf,
    /// `None` once it is finished.
    writer: Option<hound::WavWriter<W>>,
    pace: Pace,
}

impl FileSink<BufWriter<File>> {
    /// Makes the file, or empties it, and wants sound from `start` on.
    pub(super) fn create(path: &Path, start: Instant) -> Result<Self, AudioError> {
        let failed = |reason| AudioError::Create { path: path.into(), reason };
        // As in reading: a pipe would wait for its reader, and neither it nor a device can be sought in.
        if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
            return Err(AudioError::NotAFile { path: path.into() });
        }
        let file = File::create(path).map_err(failed)?;
        Self::new(BufWriter::new(file), path, start)
    }
}

impl<W: Write + Seek> FileSink<W> {
    /// Writes to anything that can be sought in; `path` is its name in messages.
    pub(super) fn new(writer: W, path: &Path, start: Instant) -> Result<Self, AudioError> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let failed = |error| AudioError::Create { path: path.into(), reason: into_io(error) };
        let mut writer = hound::WavWriter::new(writer, spec).map_err(failed)?;
        writer.flush().map_err(failed)?;
        Ok(Self { path: path.into(), writer: Some(writer), pace: Pace::new(start) })
    }

    fn failed(&self, error: hound::Error) -> AudioError {
        AudioError::Write { path: self.path.clone(), reason: into_io(error) }
    }
}

impl<W: Write + Seek + Send> Sink for FileSink<W> {
    fn wants(&mut self, now: Instant) -> bool {
        self.writer.is_some() && now >= self.pace.begin()
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.pace.begin()
    }

    fn write(&mut self, brick: &Pcm) -> Result<(), AudioError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        if self.pace.bricks() >= MOST_BRICKS {
            return Err(AudioError::Full { path: self.path.clone() });
        }
        self.pace.step();
        let flush = self.pace.bricks().is_multiple_of(BRICKS_A_FLUSH);
        let written = brick.samples().iter().try_for_each(|&sample| writer.write_sample(to_i16(sample)));
        written.and_then(|()| if flush { writer.flush() } else { Ok(()) }).map_err(|e| self.failed(e))
    }

    fn position(&self) -> Duration {
        self.pace.length()
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.finalize().map_err(|e| self.failed(e))
    }
}

/// A sample for a 16-bit file: too loud is cut, not-a-number is silence.
pub(super) fn to_i16(sample: f32) -> i16 {
    // A cast from float to integer saturates, and takes not-a-number to 0.
    (sample * 32_768.0).round() as i16
}

fn into_io(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(reason) => reason,
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
