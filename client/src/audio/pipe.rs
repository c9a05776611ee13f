//! Another program as a microphone and as a loudspeaker: sound on standard input and output.
//!
//! ```text
//! stdin ─ [thread: wav ─ convert] ─ queue ─ PipeSource          PipeSink ─ queue ─ [thread] ─ stdout
//! ```
//!
//! Reading and writing wait for the other program, each in a thread of its own; nothing else here waits. What comes in is
//! a WAV file, told by its first four bytes, or 16-bit mono PCM at 48 kHz; what goes out is a WAV file whose length is left
//! open, as recorders that write to a pipe do, so that players and converters read it without being told its format.
//!
//! A program that is faster than real time (a file) is held back: its thread reads on when there is room. One that keeps
//! real time by a faster clock is held back too, and then waits with at most [`AHEAD`] and what the system's pipe holds.
//! One that is late is waited for with silence.

use std::collections::VecDeque;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use giaoban_proto::media::Pcm;
use giaoban_proto::sound::convert::{Block, Converter};
use giaoban_proto::sound::wav::{Refused, Wav};
use giaoban_proto::unit::{BRICK, BRICK_SAMPLES, SAMPLE_RATE};

use super::file::to_i16;
use super::pace::Pace;
use super::{AudioError, Health, Polled, Sink, Source, WavFault};

/// What is read ahead, at most: it is delay where the other program keeps real time, so no more than takes up the blocks in
/// which programs write (mostly 4 KiB, 43 ms).
const AHEAD: Duration = Duration::from_millis(200);

/// What must be there before sound begins, and begins again after the other program was late. Less is late again at once,
/// more is delay.
const BEFORE: Duration = Duration::from_millis(100);

/// What may wait for a program that reads slowly: its own stalls of half a second are not heard, and what is older is dropped.
const BEHIND: usize = 25;

/// How long the end waits for a program that does not read what is left.
const END_WITHIN: Duration = Duration::from_millis(500);

/// Samples read at once: 10 ms.
const AT_ONCE: usize = BRICK_SAMPLES / 2;

/// What messages call it.
fn path() -> PathBuf {
    PathBuf::from("-")
}

const fn samples(time: Duration) -> usize {
    time.as_millis() as usize * (SAMPLE_RATE as usize / 1000)
}

/// A program that speaks.
pub(super) struct PipeSource {
    sound: Receiver<Result<Vec<f32>, AudioError>>,
    ready: VecDeque<f32>,
    pace: Pace,
    /// Whether sound runs: enough was there, and it has not run out.
    runs: bool,
    ended: bool,
    health: Health,
}

impl PipeSource {
    /// Reads what comes from the beginning on; its time 0 is `start`.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn open(reader: impl Read + Send + 'static, start: Instant) -> Result<Self, AudioError> {
        let (out, sound) = sync_channel(1);
        let read = move || {
            if let Err(error) = read_all(reader, &out) {
                // Whoever no longer listens does not care.
                let _ = out.send(Err(error));
            }
        };
        let failed = |reason| AudioError::Open { path: path(), reason };
        std::thread::Builder::new().name("input".into()).spawn(read).map_err(failed)?;
        let (ready, health) = (VecDeque::with_capacity(2 * samples(AHEAD)), Health::default());
        Ok(Self { sound, ready, pace: Pace::new(start), runs: false, ended: false, health })
    }

    /// Takes what was read, as far as there is room.
    fn fill(&mut self) -> Result<(), AudioError> {
        while self.ready.len() < samples(AHEAD) && !self.ended {
            match self.sound.try_recv() {
                Ok(sound) => self.ready.extend(sound?),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.ended = true,
            }
        }
        Ok(())
    }
}

impl Source for PipeSource {
    fn poll(&mut self, now: Instant, brick: &mut Pcm) -> Result<Polled, AudioError> {
        if now < self.pace.end() {
            return Ok(Polled::NotYet);
        }
        self.fill()?;
        if self.ended && self.ready.is_empty() {
            return Ok(Polled::Ended);
        }
        self.pace.step();
        let enough = if self.runs { BRICK } else { BEFORE };
        let runs = self.ended || self.ready.len() >= samples(enough);
        self.health.underruns += u64::from(self.runs && !runs);
        self.runs = runs;
        let there = if runs { self.ready.len().min(BRICK_SAMPLES) } else { 0 };
        let (said, silent) = brick.samples_mut().split_at_mut(there);
        said.iter_mut().zip(self.ready.drain(..there)).for_each(|(out, sample)| *out = sample);
        silent.fill(0.0);
        Ok(Polled::Brick)
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.pace.end()
    }

    fn health(&self) -> Health {
        self.health
    }
}

/// Reads to the end of it, or until nobody listens.
fn read_all(
    mut reader: impl Read + Send + 'static,
    out: &SyncSender<Result<Vec<f32>, AudioError>>,
) -> Result<(), AudioError> {
    let failed = |reason| AudioError::Read { path: path(), reason };
    let (mut head, mut got) = ([0; 4], 0);
    while got < head.len() {
        match reader.read(&mut head[got..]) {
            Ok(0) => break,
            Ok(read) => got += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    // What is no WAV file gets the header that it lacks, and is read as one.
    let before = if head[..got] == *b"RIFF" { Vec::new() } else { header().to_vec() };
    let reader =
        Forward { reader: Cursor::new(before).chain(Cursor::new(head[..got].to_vec())).chain(reader), at: 0 };
    let mut wav = Wav::open(reader).map_err(|refused| match refused {
        Refused::Fault(fault) => AudioError::Wav { path: path(), fault },
        Refused::Io(reason) => failed(reason),
    })?;
    let rate = wav.rate();
    let mut converter = Converter::new(rate, SAMPLE_RATE, Block::Long)
        .map_err(|_| AudioError::Wav { path: path(), fault: WavFault::Rate(rate) })?;
    let mut mono = [0.0; AT_ONCE];
    loop {
        let got = wav.read(&mut mono).map_err(failed)?;
        if got == 0 {
            converter.finish();
        } else {
            converter.push(&mono[..got]);
        }
        let mut sound = vec![0.0; converter.ready()];
        let pulled = converter.pull(&mut sound);
        sound.truncate(pulled);
        // A filter rings a little beyond the peaks that it was given.
        sound.iter_mut().for_each(|sample| *sample = sample.clamp(-1.0, 1.0));
        if (!sound.is_empty() && out.send(Ok(sound)).is_err()) || got == 0 {
            return Ok(());
        }
    }
}

/// A stream that is sought in forwards only, as the reading of a WAV file from its beginning does.
struct Forward<R> {
    reader: R,
    at: u64,
}

impl<R: Read> Read for Forward<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(bytes)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: Read> Seek for Forward<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Current(ahead) = to else { return Err(io::ErrorKind::NotSeekable.into()) };
        let ahead = u64::try_from(ahead).map_err(|_| io::Error::from(io::ErrorKind::NotSeekable))?;
        io::copy(&mut self.by_ref().take(ahead), &mut io::sink())?;
        Ok(self.at)
    }
}

/// The header of a WAV file of 16-bit mono PCM at 48 kHz whose length is open.
fn header() -> [u8; 44] {
    let mut header = *b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0data\xff\xff\xff\xff";
    header[24..28].copy_from_slice(&SAMPLE_RATE.to_le_bytes());
    header[28..32].copy_from_slice(&(2 * SAMPLE_RATE).to_le_bytes());
    header
}

/// A program that listens.
pub(super) struct PipeSink {
    /// `None` once it is finished.
    sound: Option<SyncSender<Vec<u8>>>,
    /// How the writing ended.
    ended: Receiver<io::Result<()>>,
    pace: Pace,
    health: Health,
}

impl PipeSink {
    /// Wants sound from `start` on.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub(super) fn open(mut writer: impl Write + Send + 'static, start: Instant) -> Result<Self, AudioError> {
        let (sound, bricks) = sync_channel::<Vec<u8>>(BEHIND);
        let (out, ended) = sync_channel(1);
        let write = move || {
            let mut all = || {
                writer.write_all(&header())?;
                // Each brick at once: whoever reads is to hear it now.
                bricks.iter().try_for_each(|brick| writer.write_all(&brick).and_then(|()| writer.flush()))
            };
            let _ = out.send(all());
        };
        let failed = |reason| AudioError::Create { path: path(), reason };
        std::thread::Builder::new().name("output".into()).spawn(write).map_err(failed)?;
        Ok(Self { sound: Some(sound), ended, pace: Pace::new(start), health: Health::default() })
    }
}

impl Sink for PipeSink {
    fn wants(&mut self, now: Instant) -> bool {
        self.sound.is_some() && now >= self.pace.begin()
    }

    fn next_due(&self, _now: Instant) -> Instant {
        self.pace.begin()
    }

    fn write(&mut self, brick: &Pcm) -> Result<(), AudioError> {
        let Some(sound) = &self.sound else { return Ok(()) };
        self.pace.step();
        let bytes = brick.samples().iter().flat_map(|&sample| to_i16(sample).to_le_bytes()).collect();
        match sound.try_send(bytes) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                self.health.overruns += 1;
                Ok(())
            }
            Err(TrySendError::Disconnected(_)) => {
                let reason = self.ended.try_recv().ok().and_then(Result::err);
                let reason = reason.unwrap_or_else(|| io::ErrorKind::BrokenPipe.into());
                Err(AudioError::Write { path: path(), reason })
            }
        }
    }

    fn position(&self) -> Duration {
        self.pace.length()
    }

    fn finish(&mut self) -> Result<(), AudioError> {
        if self.sound.take().is_none() {
            return Ok(());
        }
        // A program that reads no more, or not in time, has what it wanted.
        let _ = self.ended.recv_timeout(END_WITHIN);
        Ok(())
    }

    fn health(&self) -> Health {
        self.health
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::testing::start;

    /// Polls as a client would, but no faster than the thread reads: until it has ended, or for so many bricks.
    fn heard(source: &mut PipeSource, bricks: usize) -> Result<Vec<f32>, AudioError> {
        let (t0, mut all, mut brick) = (start(), Vec::new(), Pcm::SILENCE);
        source.pace = Pace::new(t0);
        for n in 1.. {
            // No time passes in a test: what the thread is about to send is waited for.
            while !source.ended && source.ready.len() < samples(AHEAD) {
                match source.sound.recv() {
                    Ok(sound) => source.ready.extend(sound?),
                    Err(_) => source.ended = true,
                }
            }
            match source.poll(t0 + BRICK * n, &mut brick)? {
                Polled::Brick => all.extend_from_slice(brick.samples()),
                Polled::NotYet => panic!("it is due"),
                Polled::Ended => break,
            }
            if all.len() >= bricks * BRICK_SAMPLES {
                break;
            }
        }
        Ok(all)
    }

    fn wave(samples: usize) -> Vec<f32> {
        (0..samples).map(|n| 0.5 * (n as f32 * 0.05).sin()).collect()
    }

    fn raw(wave: &[f32]) -> Vec<u8> {
        wave.iter().flat_map(|&sample| to_i16(sample).to_le_bytes()).collect()
    }

    /// That `heard` is `said` after nothing but silence.
    fn assert_said(heard: &[f32], said: &[f32]) {
        let from = heard.iter().position(|sample| *sample != 0.0).expect("something is heard");
        // The wave begins with a zero of its own.
        let heard = &heard[from - 1..];
        for (n, (heard, said)) in heard.iter().zip(said).enumerate() {
            assert!((heard - said).abs() < 1.0 / 16_384.0, "sample {n}: {heard} for {said}");
        }
        assert!(heard.len() >= said.len() && heard[said.len()..].iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn bare_pcm_is_heard_as_it_was_written() {
        let said = wave(48_000 + 123);
        let mut source = PipeSource::open(Cursor::new(raw(&said)), start()).expect("opens");
        assert_said(&heard(&mut source, usize::MAX / BRICK_SAMPLES).expect("reads"), &said);
        assert_eq!(source.health().underruns, 0);
    }

    #[test]
    fn a_wav_file_is_told_by_its_head_and_its_other_chunks_are_stepped_over() {
        let said = wave(9_600);
        let mut file = header().to_vec();
        file.splice(36..36, *b"LIST\x03\0\0\0abc\0");
        file.extend(raw(&said));
        let mut source = PipeSource::open(Cursor::new(file), start()).expect("opens");
        assert_said(&heard(&mut source, usize::MAX / BRICK_SAMPLES).expect("reads"), &said);
    }

    #[test]
    fn a_wav_file_of_another_rate_takes_as_long_as_it_did() {
        let mut file = header();
        file[24..28].copy_from_slice(&16_000_u32.to_le_bytes());
        let file = [file.to_vec(), raw(&wave(16_000))].concat();
        let mut source = PipeSource::open(Cursor::new(file), start()).expect("opens");
        let all = heard(&mut source, usize::MAX / BRICK_SAMPLES).expect("reads");
        let sounds = all.iter().filter(|sample| **sample != 0.0).count();
        assert!((47_500..=48_500).contains(&sounds), "{sounds}");
    }

    #[test]
    fn what_cannot_be_played_is_said_in_one_line() {
        let mut file = header();
        file[20] = 0x55;
        let mut source = PipeSource::open(Cursor::new(file), start()).expect("opens");
        let said = heard(&mut source, 10).expect_err("it is MP3").to_string();
        assert!(said.starts_with("- is coded as format 85"), "{said}");
    }

    #[test]
    fn nothing_at_all_is_an_end_and_no_fault() {
        let mut source = PipeSource::open(io::empty(), start()).expect("opens");
        assert!(heard(&mut source, 10).expect("no fault").is_empty());
    }

    #[test]
    fn a_program_that_is_late_is_waited_for_with_silence_and_begins_when_there_is_enough() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let t0 = start();
        let mut source = PipeSource::open(reader, t0).expect("opens");
        let mut brick = Pcm::SILENCE;
        assert_eq!(source.poll(t0 + BRICK, &mut brick).expect("waits"), Polled::Brick);
        assert_eq!(brick.samples(), Pcm::SILENCE.samples());
        // 120 ms, in whole blocks of the thread.
        writer.write_all(&raw(&vec![0.25; 6 * BRICK_SAMPLES])).expect("written");
        for n in 0..12 {
            source.ready.extend(source.sound.recv().expect("runs").expect("reads"));
            assert_eq!(source.ready.len(), (n + 1) * AT_ONCE);
        }
        for n in 2..8 {
            source.poll(t0 + BRICK * n, &mut brick).expect("reads");
            assert!(brick.samples()[0] > 0.2, "brick {n}");
        }
        source.poll(t0 + BRICK * 8, &mut brick).expect("waits");
        assert_eq!(brick.samples(), Pcm::SILENCE.samples());
        assert_eq!(source.health().underruns, 1);
        drop(writer);
        assert!(source.sound.recv().is_err());
        assert_eq!(source.poll(t0 + BRICK * 9, &mut brick).expect("ends"), Polled::Ended);
    }

    #[test]
    fn what_is_written_is_a_wav_file_that_is_read_again() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let t0 = start();
        let mut sink = PipeSink::open(writer, t0).expect("opens");
        let said = wave(10 * BRICK_SAMPLES);
        let mut brick = Pcm::SILENCE;
        for (n, samples) in said.chunks(BRICK_SAMPLES).enumerate() {
            assert!(sink.wants(t0 + sink.position()) && sink.position() == BRICK * n as u32);
            brick.samples_mut().copy_from_slice(samples);
            sink.write(&brick).expect("written");
        }
        sink.finish().expect("ends");
        assert!(!sink.wants(t0 + BRICK * 20));
        let mut source = PipeSource::open(reader, t0).expect("opens");
        assert_said(&heard(&mut source, usize::MAX / BRICK_SAMPLES).expect("reads"), &said);
    }

    #[test]
    fn a_program_that_does_not_read_delays_nothing_and_one_that_has_ended_is_an_error() {
        let (reader, writer) = io::pipe().expect("a pipe");
        let mut sink = PipeSink::open(writer, start()).expect("opens");
        // Beyond the pipe's own 64 KiB and the queue: more than it can have taken.
        for _ in 0..200 {
            sink.write(&Pcm::SILENCE).expect("goes on");
        }
        assert!(sink.health().overruns >= 100, "{:?}", sink.health());
        drop(reader);
        let error = loop {
            // The thread has yet to learn it.
            if let Err(error) = sink.write(&Pcm::SILENCE) {
                break error;
            }
            std::thread::yield_now();
        };
        assert!(matches!(error, AudioError::Write { .. }), "{error}");
    }
}
