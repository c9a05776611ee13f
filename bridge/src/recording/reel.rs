//! One recording on a disk: its sound, and its chapters beside it.
//!
//! Whatever fails, what lies on the disk ends with a whole page: the part of one that was written is cut off again, or,
//! where that fails too, before it is gone on with.

use super::chapters::Chapters;
use super::disk::{Disk, Sheet};
use super::{Taped, chapters_name, sound_name};
use giaoban_proto::ogg::{self, Label, Refused, Segment};
use std::io;

/// A file that is longer than this and does not begin as ours do is left alone: it holds something.
const NOTHING_YET: u64 = 4096;

/// See the module.
pub(super) struct Reel {
    segment: Segment,
    sound: Box<dyn Sheet>,
    /// Bytes of whole pages.
    whole: u64,
    chapters: Chapters,
    beside: Box<dyn Sheet>,
    out: Vec<u8>,
    unsynced: bool,
    refused: u64,
}

impl Reel {
    /// Begins these files, or goes on with them where they were torn; `None` where the recording was ended.
    pub(super) fn open(disk: &dyn Disk, file: &str, serial: u32, label: &Label) -> io::Result<Option<Self>> {
        let mut sound = disk.open(&sound_name(file))?;
        let length = sound.length()?;
        let mut out = Vec::new();
        let (segment, whole) = match ogg::find_end(sound.read()?)? {
            Some(found) if found.ended => return Ok(None),
            Some(found) => (Segment::resume(&found), found.bytes),
            None if length > NOTHING_YET => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the file does not begin as a recording",
                ));
            }
            None => (Segment::begin(serial, label, &[], &mut out), 0),
        };
        if length > whole {
            sound.cut(whole)?;
        }
        let mut beside = disk.open(&chapters_name(file))?;
        let mut text = Vec::new();
        beside.read()?.read_to_end(&mut text)?;
        let (chapters, whole_text) = Chapters::resume(&text);
        if text.len() as u64 > whole_text {
            beside.cut(whole_text)?;
        }
        let mut reel = Self { segment, sound, whole, chapters, beside, out, unsynced: true, refused: 0 };
        reel.write()?;
        reel.sync()?;
        Ok(Some(reel))
    }

    /// Writes down what the room has said.
    pub(super) fn take(&mut self, taped: &Taped) -> io::Result<()> {
        match taped {
            Taped::GoesOn(time) => self.segment.go_on(*time),
            Taped::Silence(until) => self.segment.silence(*until, &mut self.out),
            Taped::Sound(packet) => match self.segment.push(packet, &mut self.out) {
                Ok(()) => {}
                // The one that was being said when it went on.
                Err(Refused::Past) => {}
                Err(Refused::Form) => self.refused += 1,
            },
            // Its words need the clock: whoever has that calls `chapter`.
            Taped::Floor(..) => {}
        }
        self.write()
    }

    /// Samples that it holds.
    pub(super) const fn samples(&self) -> u64 {
        self.segment.samples()
    }

    /// A chapter begins at a time in the meeting, or now.
    pub(super) fn chapter(
        &mut self,
        time: Option<giaoban_proto::unit::MediaTime>,
        name: &str,
    ) -> io::Result<()> {
        let samples = time.map_or_else(|| self.segment.samples(), |time| self.segment.samples_at(time));
        let Some(lines) = self.chapters.add(samples, name) else { return Ok(()) };
        self.beside.add(lines.as_bytes())?;
        self.beside.sync()
    }

    /// What comes is left out until it goes on; what came is on the disk.
    pub(super) fn pause(&mut self) -> io::Result<()> {
        self.segment.pause(&mut self.out);
        self.write()?;
        self.sync()
    }

    /// It has ended, and is on the disk.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.segment.end(&mut self.out);
        self.write()?;
        self.sync()
    }

    /// What was written survives a power cut.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.unsynced) { self.sound.sync() } else { Ok(()) }
    }

    /// Packets that were none for a recording; none is expected.
    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }

    fn write(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let written = self.sound.add(&self.out);
        let bytes = self.out.len() as u64;
        self.out.clear();
        match written {
            Ok(()) => {
                self.whole += bytes;
                self.unsynced = true;
                Ok(())
            }
            Err(error) => {
                // Where this fails too, the next start does it.
                let _ = self.sound.cut(self.whole);
                Err(error)
            }
        }
    }
}
