//! Announcements: files that whoever runs the bridge has put into a folder, and operators play into their rooms.
//!
//! ```text
//!   WAV of any rate ---> mono -> 48 kHz --+
//!                                         +-> bricks -> a bounded queue -> the room's mix
//!   Ogg Opus ----------> decoded ---------+
//! ```
//!
//! Read by a thread of its own for each, a second ahead, so that neither a slow disk nor a strange file delays a tick or
//! takes memory by its length. A name is looked for among the names in the folder and never becomes a path.

use giaoban_proto::link::composed;
use giaoban_proto::media::Pcm;
use giaoban_proto::media::codec::{Decoder, MAX_PACKET};
use giaoban_proto::sound::convert::{Block, Converter};
use giaoban_proto::sound::wav::Wav;
use giaoban_proto::unit::SAMPLE_RATE;
use ogg::PacketReader;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use tokio::sync::oneshot;

/// Bricks that are read ahead: a second, longer than a disk that spins up stalls.
const AHEAD: usize = 50;

/// Files that are looked at, at most.
const MOST_FILES: usize = 10_000;

/// Why nothing is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPlayed {
    /// No file of that name.
    #[error("there is no such announcement; `giaoban-bridge announcements list` says which there are")]
    NoSuch,
    /// Neither WAV nor Ogg Opus, or nothing in it.
    #[error("it cannot be played; save it as WAV, 16-bit PCM, or as Ogg Opus")]
    Unplayable,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Announcements {
    folder: PathBuf,
    /// Whether the room waits for the thread, where its time is virtual.
    patient: bool,
}

/// What is being read.
#[derive(Debug)]
pub struct Playing {
    bricks: Receiver<Pcm>,
    patient: bool,
}

impl Announcements {
    /// Those of this folder, which need not be there.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), patient: false }
    }

    /// The same for rooms whose time is virtual.
    #[must_use]
    pub fn patient(self) -> Self {
        Self { patient: true, ..self }
    }

    /// The files there are, by name.
    ///
    /// # Errors
    /// The folder cannot be read. One that is not there has none.
    pub fn list(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries.take(MOST_FILES) {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string()
                && is_sound(&name)
                && entry.path().is_file()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// How long one is, in seconds. Reads all of it.
    ///
    /// # Errors
    /// [`NotPlayed`].
    pub fn seconds(&self, name: &str) -> Result<f64, NotPlayed> {
        let mut sound = self.open(name)?;
        let mut bricks = 0u32;
        while sound.next().is_some() {
            bricks += 1;
        }
        if bricks > 0 { Ok(f64::from(bricks) * 0.02) } else { Err(NotPlayed::Unplayable) }
    }

    /// Begins to read one; the name may be without its ending. The answer comes when there is something to hear.
    #[must_use]
    pub fn play(&self, name: &str) -> oneshot::Receiver<Result<Playing, NotPlayed>> {
        let (answer, later) = oneshot::channel();
        let (folder, name) = (self.clone(), name.to_owned());
        // Without a thread the answer is dropped.
        let _ =
            std::thread::Builder::new().name("announcement".into()).spawn(move || folder.read(&name, answer));
        later
    }

    fn read(&self, name: &str, answer: oneshot::Sender<Result<Playing, NotPlayed>>) {
        let first = self.open(name).and_then(|mut sound| {
            let first = sound.next().ok_or(NotPlayed::Unplayable)?;
            Ok((sound, first))
        });
        // Nobody may be waiting any more, and then nobody takes the bricks either.
        match first {
            Err(why) => drop(answer.send(Err(why))),
            Ok((sound, first)) => {
                let (queue, bricks) = sync_channel(AHEAD);
                let answered = answer.send(Ok(Playing { bricks, patient: self.patient }));
                if answered.is_ok() {
                    feed(&queue, first, sound);
                }
            }
        }
    }

    fn open(&self, name: &str) -> Result<Sound, NotPlayed> {
        let wanted = composed(name);
        let is_it = |file: &String| {
            let file = composed(file);
            file == wanted || file.rsplit_once('.').is_some_and(|(stem, _)| stem == wanted)
        };
        let found =
            self.list().ok().and_then(|names| names.into_iter().find(is_it)).ok_or(NotPlayed::NoSuch)?;
        let file = File::open(self.folder.join(&found)).map_err(|_| NotPlayed::NoSuch)?;
        Sound::open(file)
    }
}

impl Playing {
    /// The next 20 ms.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`] where they are not read yet, [`TryRecvError::Disconnected`] at the end.
    pub fn pull(&self) -> Result<Pcm, TryRecvError> {
        if self.patient {
            self.bricks.recv().map_err(|_| TryRecvError::Disconnected)
        } else {
            self.bricks.try_recv()
        }
    }
}

/// Whether a file is looked at at all.
fn is_sound(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    !name.starts_with('.') && matches!(ending.as_deref(), Some("wav" | "opus" | "ogg"))
}

fn feed(queue: &SyncSender<Pcm>, first: Pcm, sound: Sound) {
    for brick in std::iter::once(first).chain(sound) {
        // Whoever played it has ended it.
        if queue.send(brick).is_err() {
            return;
        }
    }
}

/// Bricks of a file, the last filled up with silence.
enum Sound {
    Wav(Box<WavFile>),
    Opus(Box<Opus>),
}

/// A WAV file that is being read.
struct WavFile {
    wav: Wav<BufReader<File>>,
    converter: Converter,
    ended: bool,
}

/// An Ogg Opus file that is being read.
struct Opus {
    packets: PacketReader<BufReader<File>>,
    serial: u32,
    decoder: Decoder,
    /// Samples that are to be left out yet.
    skip: usize,
    sound: Vec<f32>,
}

impl Sound {
    fn open(mut file: File) -> Result<Self, NotPlayed> {
        let mut head = [0; 4];
        let read = file.read_exact(&mut head).and_then(|()| file.rewind());
        read.map_err(|_| NotPlayed::Unplayable)?;
        let reader = BufReader::new(file);
        if &head == b"OggS" {
            return Opus::open(reader).map(Box::new).map(Self::Opus).ok_or(NotPlayed::Unplayable);
        }
        let wav = Wav::open(reader).map_err(|_| NotPlayed::Unplayable)?;
        let converter =
            Converter::new(wav.rate(), SAMPLE_RATE, Block::Long).map_err(|_| NotPlayed::Unplayable)?;
        Ok(Self::Wav(Box::new(WavFile { wav, converter, ended: false })))
    }
}

impl Iterator for Sound {
    type Item = Pcm;

    fn next(&mut self) -> Option<Pcm> {
        let mut brick = Pcm::SILENCE;
        let samples = brick.samples_mut();
        let got = match self {
            Self::Wav(file) => {
                let mut mono = [0.0; 512];
                while file.converter.ready() < samples.len() && !file.ended {
                    // A file that cannot be read on ends there.
                    let got = file.wav.read(&mut mono).unwrap_or(0);
                    file.converter.push(&mono[..got]);
                    if got == 0 {
                        file.ended = true;
                        file.converter.finish();
                    }
                }
                file.converter.pull(samples)
            }
            Self::Opus(opus) => {
                while opus.sound.len() < samples.len() && opus.more() {}
                let got = opus.sound.len().min(samples.len());
                samples[..got].copy_from_slice(&opus.sound[..got]);
                opus.sound.drain(..got);
                got
            }
        };
        for sample in samples.iter_mut() {
            *sample = sample.clamp(-1.0, 1.0);
        }
        (got > 0).then_some(brick)
    }
}

impl Opus {
    fn open(reader: BufReader<File>) -> Option<Self> {
        let mut packets = PacketReader::new(reader);
        let head = packets.read_packet().ok()??;
        // What a later version than ours, or more than two voices, would need is not known here.
        let known = head.data.len() >= 19
            && head.data.starts_with(b"OpusHead")
            && head.data[8] < 16
            && (1..=2).contains(&head.data[9])
            && head.data[18] == 0;
        if !known {
            return None;
        }
        let skip = usize::from(u16::from_le_bytes([head.data[10], head.data[11]]));
        let tags = packets.read_packet().ok()??;
        if !tags.data.starts_with(b"OpusTags") {
            return None;
        }
        let (serial, decoder) = (head.stream_serial(), Decoder::new().ok()?);
        Some(Self { packets, serial, decoder, skip, sound: Vec::new() })
    }

    /// Decodes another packet; whether there was one. What is damaged ends it.
    fn more(&mut self) -> bool {
        let Ok(Some(packet)) = self.packets.read_packet() else { return false };
        if packet.stream_serial() != self.serial {
            return false;
        }
        let mut sound = [0.0; MAX_PACKET.0 as usize];
        let Ok(samples) = self.decoder.decode(&packet.data, &mut sound) else { return false };
        let skipped = self.skip.min(samples);
        self.skip -= skipped;
        self.sound.extend_from_slice(&sound[skipped..samples]);
        true
    }
}

#[cfg(test)]
mod tests;
