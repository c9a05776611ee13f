//! Reading WAV files, as they are found rather than as they ought to be.
//!
//! Must not trust a single length in the file, nor hold more than one small buffer of it: whatever the bytes
//! are, opening ends after at most a thousand chunks and reading at the end of the file.
//!
//! hound, which writes our files, does not read these: it refuses a header that a recorder or a pipe left
//! unfinished (a data length of 0 or 0xFFFFFFFF, which many have), loses its way after a chunk of odd length
//! (they are padded to even ones), and knows no 32-bit integers in a long format chunk. It is the witness in
//! the tests instead.
//!
//! Source: "Multimedia Programming Interface and Data Specifications 1.0" (RIFF WAVE), and Microsoft's
//! `WAVEFORMATEXTENSIBLE`.

use std::io::{self, Read, Seek, SeekFrom};

/// Rates that can be played, in samples a second.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// Real files have a handful of chunks before their sound; this only ends the reading of an endless file.
const MOST_CHUNKS: usize = 1_000;
/// Frames read at once; at most 8 channels of 4 bytes each.
const FRAMES_AT_ONCE: usize = 1_024;

/// Why a file cannot be played: either it or the disk is at fault.
#[derive(Debug)]
pub enum Refused {
    /// The file.
    Fault(WavFault),
    /// The disk.
    Io(io::Error),
}

/// What is wrong with a WAV file, as the end of a sentence that begins with its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavFault {
    /// Nothing in it, or a header and nothing after it.
    #[error("holds no sound: record it again")]
    NoSound,
    /// It does not begin as a WAV file does.
    #[error("is not a WAV file: save the sound as WAV, 16-bit PCM")]
    NotWav,
    /// It ends before its sound begins.
    #[error("ends inside its header: it was not saved or copied whole, do that again")]
    CutHeader,
    /// The sound comes before the description of its format, or that is missing or too short.
    #[error("does not say what format its sound has: save it again as WAV, 16-bit PCM")]
    NoFormat,
    /// More chunks before the sound than any real file has.
    #[error("has no sound after a thousand chunks of other things: save it again as WAV, 16-bit PCM")]
    Clutter,
    /// No channels, or more than are mixed down.
    #[error("has {0} channels, and 1 to 8 can be played: save it again with one")]
    Channels(u16),
    /// A rate that no sound card has.
    #[error("has {0} samples a second, and 8000 to 192000 can be played: save it again with 48000")]
    Rate(u32),
    /// Compressed, or of an odd width.
    #[error("is coded as format {tag} in {bits} bits, which cannot be played: save it again as 16-bit PCM")]
    Coding {
        /// The format tag: 1 is PCM, 3 is float, others are compressed.
        tag: u16,
        /// Bits of one sample.
        bits: u16,
    },
}

/// A WAV file that is being read, mixed down to mono.
pub struct Wav<R> {
    reader: R,
    format: Format,
    data_start: u64,
    /// Bytes of sound as the header has it; `u64::MAX` where it leaves that to the end of the file.
    data_len: u64,
    left: u64,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Format {
    channels: usize,
    rate: u32,
    sample: Sample,
}

/// How one sample is stored, little-endian. A width between two of these is stored left-justified in the wider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sample {
    U8,
    I16,
    I24,
    I32,
    F32,
}

impl Sample {
    const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::I16 => 2,
            Self::I24 => 3,
            Self::I32 | Self::F32 => 4,
        }
    }

    /// The sample in `bytes`, which are as many as [`bytes`](Self::bytes) says, in −1.0 … 1.0.
    fn decode(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Self::U8, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Self::I16, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (Self::I24, &[a, b, c]) => i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0,
            (Self::I32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (Self::F32, &[a, b, c, d]) => {
                let value = f32::from_le_bytes([a, b, c, d]);
                if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 }
            }
            _ => 0.0,
        }
    }
}

impl<R: Read + Seek> Wav<R> {
    /// Reads the header and stops where the sound begins.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn open(mut reader: R) -> Result<Self, Refused> {
        riff_header(&mut reader)?;
        let mut format = None;
        for _ in 0..MOST_CHUNKS {
            let mut head = [0; 8];
            read_header(&mut reader, &mut head)?;
            let [a, b, c, d, len @ ..] = head;
            let len = u32::from_le_bytes(len);
            match &[a, b, c, d] {
                b"fmt " => format = Some(read_format(&mut reader, len)?),
                b"data" => {
                    let format = format.ok_or(Refused::Fault(WavFault::NoFormat))?;
                    let data_start = reader.stream_position().map_err(Refused::Io)?;
                    // A recorder that was killed leaves 0, a pipe 0xFFFFFFFF: both mean "to the end".
                    let data_len = if matches!(len, 0 | u32::MAX) { u64::MAX } else { u64::from(len) };
                    let bytes = vec![0; FRAMES_AT_ONCE * format.channels * format.sample.bytes()];
                    return Ok(Self { reader, format, data_start, data_len, left: data_len, bytes });
                }
                // A chunk of odd length is followed by one byte that makes it even.
                _ => skip(&mut reader, u64::from(len) + u64::from(len & 1))?,
            }
        }
        Err(Refused::Fault(WavFault::Clutter))
    }

    /// Samples a second, 8,000 … 192,000.
    pub const fn rate(&self) -> u32 {
        self.format.rate
    }

    /// Reads the next frames, each mixed down to one sample, to the front of `mono`; 0 is the end.
    ///
    /// # Errors
    /// As the system says.
    pub fn read(&mut self, mono: &mut [f32]) -> io::Result<usize> {
        let width = self.format.sample.bytes();
        let frame = width * self.format.channels;
        let frames = mono.len().min(FRAMES_AT_ONCE);
        let wanted = usize::try_from(self.left).map_or(frames * frame, |left| left.min(frames * frame));
        let got = read_up_to(&mut self.reader, &mut self.bytes[..wanted])?;
        self.left -= got as u64;
        let frames = got / frame;
        for (out, frame) in mono.iter_mut().zip(self.bytes[..frames * frame].chunks_exact(frame)) {
            let sum: f32 = frame.chunks_exact(width).map(|bytes| self.format.sample.decode(bytes)).sum();
            *out = sum / self.format.channels as f32;
        }
        Ok(frames)
    }

    /// Back to the beginning of the sound.
    ///
    /// # Errors
    /// As the system says.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(self.data_start))?;
        self.left = self.data_len;
        Ok(())
    }
}

fn riff_header(reader: &mut impl Read) -> Result<(), Refused> {
    let mut head = [0; 12];
    let got = read_up_to(reader, &mut head).map_err(Refused::Io)?;
    let like = |at: usize, tag: &[u8; 4]| {
        head[at..].iter().zip(tag).take(got.saturating_sub(at)).all(|(a, b)| a == b)
    };
    Err(Refused::Fault(match got {
        0 => WavFault::NoSound,
        _ if !like(0, b"RIFF") || !like(8, b"WAVE") => WavFault::NotWav,
        12 => return Ok(()),
        _ => WavFault::CutHeader,
    }))
}

fn read_format(reader: &mut (impl Read + Seek), len: u32) -> Result<Format, Refused> {
    if len < 16 {
        return Err(Refused::Fault(WavFault::NoFormat));
    }
    let mut chunk = [0; 40];
    let known = (len as usize).min(chunk.len());
    read_header(reader, &mut chunk[..known])?;
    skip(reader, u64::from(len) - known as u64 + u64::from(len & 1))?;
    parse_format(&chunk[..known]).map_err(Refused::Fault)
}

/// The format in the first 16 to 40 bytes of a `fmt ` chunk.
fn parse_format(chunk: &[u8]) -> Result<Format, WavFault> {
    let short = |at: usize| match chunk.get(at..at + 2) {
        Some(&[a, b]) => u16::from_le_bytes([a, b]),
        _ => 0,
    };
    let (channels, align, bits) = (short(2), short(12), short(14));
    let rate = u32::from(short(4)) | u32::from(short(6)) << 16;
    // An extensible format has its tag at the head of the GUID at the end.
    let tag = if short(0) == 0xfffe { short(24) } else { short(0) };
    if !(1..=8).contains(&channels) {
        return Err(WavFault::Channels(channels));
    }
    if !RATES.contains(&rate) {
        return Err(WavFault::Rate(rate));
    }
    // What a sample takes up, not how much of it is used, says where the next one is.
    let sample = match (tag, align / channels, align % channels) {
        (1, 1, 0) if (1..=8).contains(&bits) => Sample::U8,
        (1, 2, 0) if (1..=16).contains(&bits) => Sample::I16,
        (1, 3, 0) if (1..=24).contains(&bits) => Sample::I24,
        (1, 4, 0) if (1..=32).contains(&bits) => Sample::I32,
        (3, 4, 0) if bits == 32 => Sample::F32,
        _ => return Err(WavFault::Coding { tag, bits }),
    };
    Ok(Format { channels: usize::from(channels), rate, sample })
}

/// Steps over `bytes`, past the end of the file if need be: the next read finds that out.
fn skip(reader: &mut impl Seek, bytes: u64) -> Result<(), Refused> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    reader.seek(SeekFrom::Current(bytes)).map(|_| ()).map_err(Refused::Io)
}

/// Fills `bytes` from a header, where the end of the file is the file's fault.
fn read_header(reader: &mut impl Read, bytes: &mut [u8]) -> Result<(), Refused> {
    match read_up_to(reader, bytes) {
        Ok(got) if got == bytes.len() => Ok(()),
        Ok(_) => Err(Refused::Fault(WavFault::CutHeader)),
        Err(reason) => Err(Refused::Io(reason)),
    }
}

/// Fills `bytes` as far as the file goes, and says how far.
fn read_up_to(reader: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < bytes.len() {
        match reader.read(&mut bytes[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests;
