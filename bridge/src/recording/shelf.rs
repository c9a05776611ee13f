//! Recordings that are read again, also while they are written: one thread for all who fetch, or the same inline where
//! time is virtual.
//!
//! Where a line is slow the sound is coded anew, at 9.8 kbit/s instead of the 16 of the file: at a score of 3.5 instead of
//! 4.0 (PESQ-WB, see `media::ladder`) a line of 16 kbit/s then carries more than a second of it in each second of silence,
//! and the person pays for three fifths of the bytes. One second of sound costs 10 ms of processor.

use super::disk::Disk;
use super::{chapters_name, sound_name};
use giaoban_proto::media::codec::{CodecError, Decoder, Encoder, MAX_PACKET};
use giaoban_proto::ogg::{self, Reader, Timed};
use giaoban_proto::unit::{Bitrate, Samples};
use giaoban_proto::wire::Part;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use tokio::sync::oneshot;

/// What may wait for the thread: each who fetches waits for one answer.
const QUEUE: usize = 64;

/// The codec's rate where sound is coded anew: that of a listener's rung of 12 kbit/s, the cheapest in wide band.
const COARSE: Bitrate = Bitrate::from_bps(9_800);

/// How long packets are that are coded anew: all that a room is recorded in.
const FRAME: Samples = Samples(60 * 48);

/// Places at which a recording was paused that are told, and words that its chapters say of them.
const PAUSES: usize = 64;
const PAUSED: [&str; 2] = ["Paused /", "The bridge was started again /"];

type Work = Box<dyn FnOnce(&dyn Disk) + Send>;

/// Reads recordings. Clones are the same one.
#[derive(Clone)]
pub struct Shelf(Arc<Shell>);

enum Shell {
    Thread(SyncSender<Work>),
    Inline(Box<dyn Disk>),
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf").finish_non_exhaustive()
    }
}

/// What is known of a recording without its sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// How long it is by now, in ms.
    pub length_ms: u64,
    /// Where it was paused.
    pub paused_ms: Vec<u64>,
}

/// A piece of a recording that is being read.
pub struct Piece {
    reader: Reader<Box<dyn Read + Send>>,
    coder: Option<Coder>,
    /// The next packet, already read.
    held: Option<Timed>,
    /// Samples: what comes next, and where it ends.
    at: u64,
    until: u64,
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Piece").field("at", &self.at).field("until", &self.until).finish_non_exhaustive()
    }
}

impl Shelf {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives none.
    pub fn on_thread(disk: impl Disk) -> io::Result<Self> {
        let (works, waiting) = sync_channel::<Work>(QUEUE);
        std::thread::Builder::new().name("shelf".into()).spawn(move || {
            while let Ok(work) = waiting.recv() {
                work(&disk);
            }
        })?;
        Ok(Self(Arc::new(Shell::Thread(works))))
    }

    /// The same with everything done before a call returns, for tests and benches.
    #[must_use]
    pub fn inline(disk: impl Disk) -> Self {
        Self(Arc::new(Shell::Inline(Box::new(disk))))
    }

    /// How long a recording is. A dropped answer means that it cannot be read.
    #[must_use]
    pub fn look(&self, file: String) -> oneshot::Receiver<Looked> {
        self.ask(move |disk| look(disk, &file).ok())
    }

    /// Begins to read a piece, in ms. A dropped answer means that it cannot be read.
    #[must_use]
    pub fn open(&self, file: String, from_ms: u64, until_ms: u64, coarse: bool) -> oneshot::Receiver<Piece> {
        self.ask(move |disk| Piece::open(disk, &file, from_ms, until_ms, coarse).ok())
    }

    /// The next part of a piece, of some `bytes` of sound; none where it is not written yet. A dropped answer means that
    /// it cannot be read.
    #[must_use]
    pub fn next(&self, mut piece: Piece, bytes: usize) -> oneshot::Receiver<(Piece, Option<Part>)> {
        self.ask(move |_| {
            let part = piece.next(bytes).ok()?;
            Some((piece, part))
        })
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Disk) -> Option<T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (answer, later) = oneshot::channel();
        let work = move |disk: &dyn Disk| {
            if let Some(done) = work(disk) {
                // Whoever asked may have gone.
                let _ = answer.send(done);
            }
        };
        match &*self.0 {
            // Full: the answer is dropped with the work.
            Shell::Thread(works) => drop(works.try_send(Box::new(work))),
            Shell::Inline(disk) => work(&**disk),
        }
        later
    }
}

fn look(disk: &dyn Disk, file: &str) -> io::Result<Looked> {
    let found = ogg::find_end(disk.read(&sound_name(file))?)?.ok_or(io::ErrorKind::InvalidData)?;
    let mut chapters = String::new();
    // Without them it can be heard all the same.
    let _ = disk.read(&chapters_name(file)).and_then(|mut beside| beside.read_to_string(&mut chapters));
    Ok(Looked { length_ms: found.samples / 48, paused_ms: pauses(&chapters) })
}

fn pauses(chapters: &str) -> Vec<u64> {
    let lines: Vec<&str> = chapters.lines().collect();
    let paused = lines.chunks_exact(2).filter(|pair| PAUSED.iter().any(|words| pair[1].contains(words)));
    let ms = paused.filter_map(|pair| {
        let (_, time) = pair[0].split_once('=')?;
        let (clock, ms) = time.split_once('.')?;
        let seconds =
            clock.split(':').try_fold(0u64, |sum, part| Some(sum * 60 + part.parse::<u64>().ok()?))?;
        Some(seconds * 1000 + ms.parse::<u64>().ok()?)
    });
    ms.take(PAUSES).collect()
}

impl Piece {
    fn open(disk: &dyn Disk, file: &str, from_ms: u64, until_ms: u64, coarse: bool) -> io::Result<Self> {
        let (at, until) = (from_ms.saturating_mul(48), until_ms.saturating_mul(48));
        let reader = Reader::open(disk.read(&sound_name(file))?, at)?.ok_or(io::ErrorKind::InvalidData)?;
        let coder = if coarse { Some(Coder::new().map_err(io::Error::other)?) } else { None };
        Ok(Self { reader, coder, held: None, at, until })
    }

    /// The next part, of some `bytes` of sound.
    fn next(&mut self, bytes: usize) -> io::Result<Option<Part>> {
        let (from, mut end, mut taken) = (self.at, self.at, 0);
        let mut packets = Vec::new();
        loop {
            if self.held.is_none() {
                self.held = self.reader.read()?;
                if let (Some(packet), Some(coder)) = (&mut self.held, &mut self.coder) {
                    coder.code(packet);
                }
            }
            let fits = |packet: &mut Timed| {
                let more = taken == 0 || taken + packet.opus.len() <= bytes;
                packet.at < self.until && packet.at == end && more
            };
            let Some(packet) = self.held.take_if(fits) else { break };
            taken += packet.opus.len();
            end += u64::from(packet.length.0);
            packets.push(packet.opus);
        }
        let silent = self.held.as_ref().map_or_else(|| self.reader.covered(), |packet| packet.at);
        end = end.max(silent.min(self.until));
        let last = end >= self.until || (self.held.is_none() && self.reader.ended());
        if end == from && !last {
            return Ok(None);
        }
        self.at = end;
        Ok(Some(Part { from_ms: from / 48, until_ms: end / 48, packets, last }))
    }
}

/// Codes sound anew.
struct Coder {
    decoder: Decoder,
    encoder: Encoder,
    sound: Box<[f32; MAX_PACKET.0 as usize]>,
}

impl Coder {
    fn new() -> Result<Self, CodecError> {
        let (decoder, encoder) = (Decoder::new()?, Encoder::new(COARSE)?);
        Ok(Self { decoder, encoder, sound: Box::new([0.0; MAX_PACKET.0 as usize]) })
    }

    /// What cannot be coded anew is left as it is.
    fn code(&mut self, packet: &mut Timed) {
        if packet.length != FRAME {
            return;
        }
        let mut opus = [0; 400];
        let coded = self
            .decoder
            .decode(&packet.opus, &mut self.sound[..])
            .and_then(|samples| self.encoder.encode(&self.sound[..samples], &mut opus));
        if let Ok(length) = coded {
            opus[..length].clone_into(&mut packet.opus);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::disk::memory::Memory;
    use giaoban_proto::media::Outlet;
    use giaoban_proto::media::Pcm;
    use giaoban_proto::media::ladder::RungId;
    use giaoban_proto::ogg::{Label, Segment};
    use giaoban_proto::testing::measure::align;
    use giaoban_proto::testing::speech::voice;
    use giaoban_proto::unit::{BRICK_SAMPLES, MediaTime};

    /// Ten seconds of speech, five of silence, ten of speech.
    fn recorded() -> (Vec<f32>, Memory) {
        let spoken = voice("en");
        let mut said = spoken[..480_000].to_vec();
        said.resize(720_000, 0.0);
        said.extend_from_slice(&spoken[480_000..960_000]);
        let label = Label { program: "test", room: "r".into(), date: String::new() };
        let mut file = Vec::new();
        let mut segment = Segment::begin(1, &label, &[], &mut file);
        segment.go_on(MediaTime::default());
        let mut outlet = Outlet::new(RungId::for_cap(24)).expect("libopus");
        for (n, brick) in said.chunks_exact(BRICK_SAMPLES).enumerate() {
            let mut pcm = Pcm::SILENCE;
            pcm.samples_mut().copy_from_slice(brick);
            let speaks = !(500..750).contains(&n);
            if let Some(packet) =
                outlet.push(MediaTime::from_bricks(n as u64), speaks.then_some(&pcm)).expect("encodes")
            {
                segment.push(packet, &mut file).expect("taken");
            }
        }
        segment.end(&mut file);
        let disk = Memory::default();
        disk.put("a.opus", file);
        disk.put(
            "a.chapters.txt",
            b"CHAPTER01=00:00:00.000\nCHAPTER01NAME=08:00:12 Recording begins / x\nCHAPTER02=01:02:03.400\nCHAPTER02NAME=09:00:00 Paused / y\n"
                .to_vec(),
        );
        (said, disk)
    }

    fn read(disk: &Memory, span: (u64, u64), coarse: bool) -> (Vec<f32>, usize) {
        let shelf = Shelf::inline(disk.clone());
        let mut piece = shelf.open("a".into(), span.0, span.1, coarse).blocking_recv().expect("opens");
        let mut decoder = Decoder::new().expect("libopus");
        let (mut sound, mut at, mut bytes) = (Vec::new(), span.0, 0);
        loop {
            let (again, part) = shelf.next(piece, 200).blocking_recv().expect("reads");
            let part = part.expect("all is written");
            assert_eq!(part.from_ms, at, "parts follow each other");
            at = part.until_ms;
            for packet in &part.packets {
                let mut brick = [0.0; 5760];
                let samples = decoder.decode(packet, &mut brick).expect("decodes");
                sound.extend_from_slice(&brick[..samples]);
                bytes += packet.len();
            }
            sound.resize((at - span.0) as usize * 48, 0.0);
            if part.last {
                break;
            }
            piece = again;
        }
        (sound, bytes)
    }

    #[test]
    fn a_piece_is_what_was_said_then_and_coded_anew_it_takes_three_fifths() {
        let (said, disk) = recorded();
        let mut costs = Vec::new();
        for coarse in [false, true] {
            let (sound, bytes) = read(&disk, (4000, 21_000), coarse);
            let found = align(&said[4000 * 48..10_000 * 48], &sound, 4800);
            assert!(found.correlation > 0.85, "{coarse}: {found:?}");
            let later = align(&said[15_200 * 48..20_800 * 48], &sound[11_200 * 48..], 4800);
            assert!(later.correlation > 0.85, "{coarse}: {later:?}");
            costs.push(bytes);
        }
        println!("{costs:?} bytes");
        assert!(costs[1] * 100 < costs[0] * 70, "{costs:?}");
        let looked = Shelf::inline(disk).look("a".into()).blocking_recv().expect("reads");
        assert!((24_900..25_200).contains(&looked.length_ms), "{looked:?}");
        assert_eq!(looked.paused_ms, [3_723_400]);
    }

    #[test]
    fn what_is_not_there_gives_no_answer() {
        let shelf = Shelf::inline(Memory::default());
        assert!(shelf.look("b".into()).blocking_recv().is_err());
        assert!(shelf.open("b".into(), 0, 1, false).blocking_recv().is_err());
    }
}
