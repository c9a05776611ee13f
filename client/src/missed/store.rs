//! What a site has fetched of recordings, on its disk: a shell.
//!
//! A file for each recording, beside the device's key and its owner's alone, that is only added to: what was missed, how
//! far the meeting was heard, and the parts that have come, in the order in which they came. Each record has its length
//! before it and a checksum behind it; what a power cut has torn is cut off. From it the sound is written, as Ogg Opus
//! that every player takes, whole or not at all.
//!
//! Nothing is kept of a guest.

use super::{Keep, Known};
use giaoban_proto::ogg::{Label, Segment};
use giaoban_proto::spans::Span;
use giaoban_proto::transport::private::{self, PrivateError};
use giaoban_proto::unit::MediaTime;
use giaoban_proto::wire::Part;
use prost::Message as _;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The largest file that is read: a meeting of a day.
const MOST: u64 = 200_000_000;

/// Silence between two pieces, so that it is heard that something is left out.
const BETWEEN_MS: u64 = 1000;

/// Players read three digits.
const MOST_CHAPTERS: usize = 999;

/// One record.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Record {
    /// A piece that was missed: its beginning, and its end.
    #[prost(uint64, repeated, tag = "1")]
    want: Vec<u64>,
    #[prost(uint64, tag = "2")]
    heard_ms: u64,
    #[prost(message, optional, tag = "3")]
    part: Option<Part>,
}

/// What is fetched of the meetings of one room.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    /// What the files' names begin with: the room and whose it is.
    stem: String,
    room: String,
}

impl Store {
    /// Beside a device's key, for a room of the bridge with this fingerprint.
    #[must_use]
    pub fn beside(key: &Path, room: &str, bridge: &str) -> Self {
        let safe: String = room.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).take(30).collect();
        let bridge: String = bridge.chars().take(8).collect();
        let name =
            key.file_stem().map_or_else(|| "device".into(), |stem| stem.to_string_lossy().into_owned());
        let folder =
            key.with_file_name(if name == "device" { "missed".into() } else { format!("{name}.missed") });
        Self { folder, stem: format!("{safe}_{bridge}"), room: room.to_owned() }
    }

    /// The file in which parts of a recording are kept.
    #[must_use]
    pub fn parts(&self, recording: u64) -> PathBuf {
        self.folder.join(format!("{}_{recording}.parts", self.stem))
    }

    /// The file in which its sound is.
    #[must_use]
    pub fn sound(&self, recording: u64) -> PathBuf {
        self.folder.join(format!("{}_{recording}.opus", self.stem))
    }

    /// What is known of each recording. What is torn is cut off.
    ///
    /// # Errors
    /// A file cannot be read, or others may read it.
    pub fn known(&self) -> Result<BTreeMap<u64, Known>, PrivateError> {
        let mut all = BTreeMap::new();
        let Ok(files) = std::fs::read_dir(&self.folder) else { return Ok(all) };
        for file in files.flatten() {
            let name = file.file_name().to_string_lossy().into_owned();
            let number =
                name.strip_prefix(&format!("{}_", self.stem)).and_then(|rest| rest.strip_suffix(".parts"));
            if let Some(recording) = number.and_then(|number| number.parse().ok()) {
                all.insert(recording, self.read(recording)?.0);
            }
        }
        Ok(all)
    }

    /// What is known of a recording, and its parts in the order in which they came.
    fn read(&self, recording: u64) -> Result<(Known, Vec<Part>), PrivateError> {
        let path = self.parts(recording);
        let bytes = private::read(&path, MOST)?.unwrap_or_default();
        let (mut known, mut parts, mut rest) = (Known::default(), Vec::new(), &bytes[..]);
        while let Some((record, after)) = next(rest) {
            rest = after;
            if let [from, until] = record.want[..] {
                known.wants.add((from, until));
            }
            known.heard_ms = known.heard_ms.max(record.heard_ms);
            if let Some(part) = record.part {
                known.has.add((part.from_ms, part.until_ms));
                parts.push(part);
            }
        }
        if !rest.is_empty() {
            let whole = (bytes.len() - rest.len()) as u64;
            // Where this cannot be done, what is added is not found again, and is fetched once more.
            let _ = OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(whole));
        }
        Ok((known, parts))
    }

    /// Keeps something; where its sound now is, if that was written.
    ///
    /// # Errors
    /// As the system says.
    pub fn keep(&self, keep: Keep) -> Result<Option<PathBuf>, PrivateError> {
        let (recording, record) = match keep {
            Keep::Want(recording, (from, until)) => {
                (recording, Record { want: vec![from, until], ..Record::default() })
            }
            Keep::Heard(recording, heard_ms) => (recording, Record { heard_ms, ..Record::default() }),
            Keep::Part(recording, part) => (recording, Record { part: Some(part), ..Record::default() }),
            Keep::Whole(recording, _) => {
                let path = self.sound(recording);
                return self.write(recording, &path).map(|()| Some(path));
            }
        };
        let path = self.parts(recording);
        let fault = |error| PrivateError::Io(path.clone(), error);
        private::folder(&self.folder)?;
        self.append(recording, &record).map_err(fault)?;
        Ok(None)
    }

    fn append(&self, recording: u64, record: &Record) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file: File = options.open(self.parts(recording))?;
        let body = record.encode_to_vec();
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let bytes = [&length.to_le_bytes()[..], &body, &sum(&body).to_le_bytes()].concat();
        file.write_all(&bytes)
    }

    /// The pieces that are there, each with its packets and when each begins, in order and without what came twice.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn pieces(&self, recording: u64) -> Result<Vec<Piece>, PrivateError> {
        let (known, mut parts) = self.read(recording)?;
        parts.sort_by_key(|part| part.from_ms);
        let mut pieces: Vec<Piece> =
            known.has.iter().map(|span| Piece { span, packets: Vec::new() }).collect();
        for part in parts {
            let Some(piece) =
                pieces.iter_mut().find(|piece| (piece.span.0..=piece.span.1).contains(&part.from_ms))
            else {
                continue;
            };
            let mut at = part.from_ms;
            for packet in part.packets {
                let Ok(length) = giaoban_proto::media::codec::packet_length(&packet) else { break };
                let ms = u64::from(length.0) / 48;
                if piece.packets.last().is_none_or(|(last, _)| *last < at) {
                    piece.packets.push((at, packet));
                }
                at += ms;
            }
        }
        Ok(pieces)
    }

    /// Writes what is there of a recording as Ogg Opus, with a chapter for each piece.
    ///
    /// # Errors
    /// The parts cannot be read, or the file not be written.
    pub fn write(&self, recording: u64, path: &Path) -> Result<(), PrivateError> {
        let pieces = self.pieces(recording)?;
        let label =
            Label { program: "giaoban", room: format!("{} ({recording})", self.room), date: String::new() };
        let serial = u32::try_from(recording).unwrap_or(u32::MAX);
        let mut out = Vec::new();
        let mut segment = Segment::begin(serial, &label, &chapters(&pieces), &mut out);
        for (n, piece) in pieces.iter().enumerate() {
            if n > 0 {
                // Longer than whatever is left of the piece before.
                segment.go_on(bricks(0));
                segment.silence(bricks(BETWEEN_MS), &mut out);
                segment.pause(&mut out);
            }
            segment.go_on(bricks(piece.span.0));
            for (at, packet) in &piece.packets {
                // One that overlaps the one before it, of another way of coding, is left out.
                let _ = segment.push_opus(bricks(*at), packet, &mut out);
            }
            segment.silence(bricks(piece.span.1), &mut out);
            segment.pause(&mut out);
        }
        segment.end(&mut out);
        private::replace(path, &out)
    }
}

/// A piece of a recording, with its packets and when each begins, in ms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// From when to when.
    pub span: Span,
    /// Opus packets.
    pub packets: Vec<(u64, Vec<u8>)>,
}

const fn bricks(ms: u64) -> MediaTime {
    MediaTime::from_bricks(ms / 20)
}

fn clock(ms: u64) -> String {
    let s = ms / 1000;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

fn chapters(pieces: &[Piece]) -> Vec<String> {
    let mut at = 0;
    let mut chapters = Vec::new();
    for (n, Piece { span, .. }) in pieces.iter().take(MOST_CHAPTERS).enumerate() {
        let number = n + 1;
        chapters.push(format!("CHAPTER{number:02}={}.{:03}", clock(at), at % 1000));
        chapters.push(format!("CHAPTER{number:02}NAME={} - {}", clock(span.0), clock(span.1)));
        at += span.1 - span.0 + BETWEEN_MS;
    }
    chapters
}

/// The first record, and what follows it; `None` where it is not whole.
fn next(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (body, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let (said, rest) = rest.split_first_chunk::<4>()?;
    let whole = u32::from_le_bytes(*said) == sum(body);
    Some((Record::decode(body).ok().filter(|_| whole)?, rest))
}

/// FNV-1a: against what a power cut leaves, not against anybody.
fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::ogg;
    use std::fs;

    fn part(from_ms: u64, packets: u64) -> Part {
        let packet = |n| vec![11 << 3, (from_ms / 60 + n) as u8, 9];
        Part {
            from_ms,
            until_ms: from_ms + packets * 60,
            packets: (0..packets).map(packet).collect(),
            last: false,
        }
    }

    fn home() -> (tempfile::TempDir, Store) {
        let home = tempfile::tempdir().expect("a folder");
        let store = Store::beside(&home.path().join("device.key"), "Giao ban/1", "abcdefghij");
        (home, store)
    }

    #[test]
    fn what_was_kept_is_known_again_wherever_it_was_torn() {
        let (_home, store) = home();
        let keeps = [
            Keep::Want(7, (1000, 4000)),
            Keep::Heard(7, 900),
            Keep::Part(7, part(1000, 10)),
            Keep::Part(7, part(1600, 10)),
        ];
        let mut known = vec![(0, Known::default())];
        for keep in keeps {
            assert_eq!(store.keep(keep).expect("kept"), None);
            let length = fs::metadata(store.parts(7)).expect("is there").len();
            known.push((length, store.known().expect("reads").remove(&7).expect("known")));
        }
        assert_eq!(known[4].1.has.iter().collect::<Vec<_>>(), [(1000, 2200)]);
        let bytes = fs::read(store.parts(7)).expect("reads");
        for cut in 0..bytes.len() {
            fs::write(store.parts(7), &bytes[..cut]).expect("torn");
            let (length, expected) = known.iter().rfind(|(length, _)| *length <= cut as u64).expect("some");
            assert_eq!(store.known().expect("reads")[&7], *expected, "cut at {cut}");
            assert_eq!(fs::metadata(store.parts(7)).expect("is there").len(), *length);
            // It is gone on with.
            store.keep(Keep::Heard(7, 5000)).expect("kept");
            assert_eq!(store.known().expect("reads")[&7].heard_ms, 5000);
        }
    }

    #[test]
    fn pieces_are_in_order_in_the_end_whatever_came_first_and_nothing_is_there_twice() {
        let (_home, store) = home();
        for part in [part(9000, 10), part(1600, 10), part(1000, 10), part(1300, 10)] {
            store.keep(Keep::Part(3, part)).expect("kept");
        }
        let path = store.keep(Keep::Whole(3, 0)).expect("written").expect("a file");
        let pieces = store.pieces(3).expect("reads");
        let spans: Vec<Span> = pieces.iter().map(|piece| piece.span).collect();
        assert_eq!(spans, [(1000, 2200), (9000, 9600)]);
        let times: Vec<u64> = pieces[0].packets.iter().map(|(at, _)| *at).collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
        let file = fs::read(path).expect("reads");
        let found = ogg::find_end(&file[..]).expect("reads").expect("ours");
        assert!(found.ended);
        // Each piece, a second between them, and a frame at the end.
        let ms = found.samples / 48;
        assert!((1200 + 960 + 600..=1200 + 1020 + 600 + 120).contains(&ms), "{ms} ms");
        let mut reader = ogg::Reader::open(&file[..], 0).expect("reads").expect("ours");
        let mut first = Vec::new();
        while let Some(packet) = reader.read().expect("reads") {
            first.push((packet.at / 48, packet.opus[1]));
        }
        assert_eq!(first[0], (0, 16));
        let text = String::from_utf8_lossy(&file).into_owned();
        assert!(text.contains("CHAPTER02NAME=00:00:09 - 00:00:09"), "{text}");
    }

    #[test]
    fn rooms_and_devices_do_not_meet() {
        let at = |key: &str, room: &str, bridge: &str| Store::beside(Path::new(key), room, bridge).parts(1);
        assert_eq!(at("/h/device.key", "a/b", "abc"), Path::new("/h/missed/a-b_abc_1.parts"));
        assert_eq!(at("/h/second.key", "a", "abc"), Path::new("/h/second.missed/a_abc_1.parts"));
    }
}
