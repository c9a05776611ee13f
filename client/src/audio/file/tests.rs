use std::io::{Cursor, SeekFrom};

use giaoban_proto::unit::BRICK;
use proptest::prelude::*;

use super::*;
use crate::audio::testing::start;
use crate::audio::{Input, Output};

const MS: Duration = Duration::from_millis(1);

/// A WAV file in memory: `sound` at `rate`, the same in all channels.
fn wav(rate: u32, channels: u16, sound: &[f32]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for &sample in sound {
        for _ in 0..channels {
            writer.write_sample(sample).unwrap();
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn source(bytes: Vec<u8>, repeat: bool, start: Instant) -> FileSource<Cursor<Vec<u8>>> {
    FileSource::new(Cursor::new(bytes), Path::new("a.wav"), repeat, start).unwrap()
}

fn sine(hz: f64, rate: u32, count: usize) -> Vec<f32> {
    (0..count)
        .map(|n| (0.5 * (std::f64::consts::TAU * hz * n as f64 / f64::from(rate)).sin()) as f32)
        .collect()
}

/// Polls far in the future until the end or `most` bricks; all that was heard.
fn hear(source: &mut impl Source, now: Instant, most: usize) -> Vec<f32> {
    let mut brick = Pcm::SILENCE;
    let mut heard = Vec::new();
    for _ in 0..most {
        match source.poll(now, &mut brick).unwrap() {
            Polled::Brick => heard.extend_from_slice(brick.samples()),
            Polled::Ended => break,
            Polled::NotYet => panic!("not in a year"),
        }
    }
    heard
}

fn difference_db(heard: &[f32], ideal: &[f32]) -> f64 {
    let energy = |samples: &mut dyn Iterator<Item = f32>| samples.map(|s| f64::from(s).powi(2)).sum::<f64>();
    let error = energy(&mut heard.iter().zip(ideal).map(|(a, b)| a - b));
    10.0 * (error / energy(&mut ideal.iter().copied())).log10()
}

#[test]
fn a_file_speaks_as_a_microphone_would_and_then_ends() {
    let t0 = start();
    let sound: Vec<f32> = (0..960 * 3 + 100).map(|n| n as f32 / 4_000.0).collect();
    let mut source = source(wav(48_000, 1, &sound), false, t0);
    let mut brick = Pcm::SILENCE;
    for n in 0..4u32 {
        let due = t0 + BRICK * (n + 1);
        assert_eq!(source.next_due(t0), due);
        assert_eq!(source.poll(due - MS, &mut brick).unwrap(), Polled::NotYet, "brick {n} is never early");
        assert_eq!(source.poll(due, &mut brick).unwrap(), Polled::Brick);
        assert_eq!(brick.samples()[99], sound[n as usize * 960 + 99]);
    }
    assert_eq!(brick.samples()[100..], [0.0; 860], "the last brick is filled up with silence");
    assert_eq!(source.poll(t0 + BRICK * 4, &mut brick).unwrap(), Polled::Ended);
    assert_eq!(source.poll(t0 + BRICK * 400, &mut brick).unwrap(), Polled::Ended);
}

#[test]
fn a_caller_who_is_late_catches_up_and_nothing_drifts() {
    let t0 = start();
    let mut source = source(wav(48_000, 1, &[0.1; 96_000]), false, t0);
    let mut brick = Pcm::SILENCE;
    let late = t0 + BRICK * 10 + MS * 3;
    for _ in 0..10 {
        assert_eq!(source.poll(late, &mut brick).unwrap(), Polled::Brick);
    }
    assert_eq!(source.poll(late, &mut brick).unwrap(), Polled::NotYet);
    assert_eq!(source.next_due(late), t0 + BRICK * 11);
}

#[test]
fn a_sine_of_another_rate_is_heard_as_the_ideal_sine_at_its_time() {
    let t0 = start();
    let year = t0 + Duration::from_secs(365 * 24 * 3600);
    for (rate, channels) in [(44_100, 2), (16_000, 1), (8_000, 1), (22_050, 8), (192_000, 2)] {
        let mut source = source(wav(rate, channels, &sine(1_000.0, rate, rate as usize)), false, t0);
        let heard = hear(&mut source, year, 1_000);
        assert!((heard.len() as i64 - 48_000).abs() <= 960, "{rate} Hz: {} samples", heard.len());
        let ideal = sine(1_000.0, 48_000, 48_000);
        let error = difference_db(&heard[4_800..43_200], &ideal[4_800..43_200]);
        assert!(error < -60.0, "{rate} Hz: {error:.1} dB");
        let peak = heard[4_800..43_200].iter().fold(0.0f32, |a, &b| a.max(b.abs()));
        assert!((20.0 * (peak / 0.5).log10()).abs() < 0.1, "{rate} Hz: amplitude {peak}");
    }
}

#[test]
fn a_file_that_repeats_does_so_without_a_gap_or_click() {
    let t0 = start();
    let year = t0 + Duration::from_secs(365 * 24 * 3600);
    for rate in [48_000u32, 44_100, 8_000] {
        // A tenth of a second holds whole waves, so the endless file is one endless sine.
        let mut source = source(wav(rate, 1, &sine(1_000.0, rate, rate as usize / 10)), true, t0);
        let heard = hear(&mut source, year, 200);
        assert_eq!(heard.len(), 200 * 960);
        let ideal = sine(1_000.0, 48_000, heard.len());
        let error = difference_db(&heard[4_800..], &ideal[4_800..]);
        assert!(error < -60.0, "{rate} Hz: {error:.1} dB");
    }
}

#[test]
fn files_that_cannot_be_played_are_refused_in_one_line_with_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("empty.wav"), b"").unwrap();
    std::fs::write(path("song.wav"), b"ID3\x03\0\0\0 this is an mp3").unwrap();
    std::fs::write(path("header.wav"), wav(48_000, 1, &[])).unwrap();
    std::fs::create_dir(path("folder.wav")).unwrap();
    for (name, words) in [
        ("missing.wav", "it is not there; check the name and the folder"),
        ("empty.wav", "holds no sound: record it again"),
        ("song.wav", "is not a WAV file: save the sound as WAV, 16-bit PCM"),
        ("header.wav", "holds no sound: record it again"),
        ("folder.wav", "is not a file: name a WAV file"),
    ] {
        for repeat in [false, true] {
            let input = Input::File { path: path(name), repeat };
            let said = input.open(start()).err().expect("it opened").to_string();
            assert!(said.contains(name) && said.ends_with(words), "{said}");
            assert_eq!(said.lines().count(), 1);
        }
    }
    let output = Output::File(path("folder.wav"));
    assert!(output.open(start()).err().unwrap().to_string().ends_with("is not a file: name a WAV file"));
    let output = Output::File(path("nowhere/a.wav"));
    assert!(output.open(start()).err().unwrap().to_string().contains("cannot make"));
}

#[test]
fn what_is_written_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.wav");
    let t0 = start();
    let mut sink = Output::File(path.clone()).open(t0).unwrap();
    let sound = sine(440.0, 48_000, 960 * 30);
    for (n, samples) in (0u32..).zip(sound.chunks(960)) {
        assert!(sink.wants(t0 + BRICK * n));
        assert_eq!(sink.next_due(t0), t0 + BRICK * n);
        let mut brick = Pcm::SILENCE;
        brick.samples_mut().copy_from_slice(samples);
        sink.write(&brick).unwrap();
        assert!(!sink.wants(t0 + BRICK * (n + 1) - MS));
    }
    assert_eq!(sink.position(), BRICK * 30);
    sink.finish().unwrap();
    sink.finish().unwrap();
    assert!(!sink.wants(t0 + BRICK * 1_000), "nothing is wanted after the end");

    let mut source = Input::File { path, repeat: false }.open(t0).unwrap();
    let mut brick = Pcm::SILENCE;
    let mut heard = Vec::new();
    while source.poll(t0 + BRICK * 1_000, &mut brick).unwrap() == Polled::Brick {
        heard.extend_from_slice(brick.samples());
    }
    assert_eq!(heard.len(), sound.len());
    assert!(heard.iter().zip(&sound).all(|(a, b)| (a - b).abs() <= 0.5 / 32_768.0 + 1e-7));
}

#[test]
fn too_loud_is_cut_and_not_a_number_is_silence() {
    assert_eq!(
        [2.0, -2.0, 1.0, -1.0, f32::NAN, 0.5].map(to_i16),
        [32_767, -32_768, 32_767, -32_768, 0, 16_384]
    );
}

#[test]
fn a_killed_client_leaves_a_file_that_lacks_a_second_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.wav");
    let mut sink = FileSink::create(&path, start()).unwrap();
    assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 0, "playable from the first moment");
    for n in 1..=180u32 {
        sink.write(&Pcm::SILENCE).unwrap();
        let there = hound::WavReader::open(&path).unwrap().duration();
        assert!(there + 48_000 > n * 960, "{there} samples after {n} bricks");
    }
    std::mem::forget(sink);
    assert_eq!(hound::WavReader::open(&path).unwrap().into_samples::<i16>().count(), 150 * 960);
}

/// A disk with room for so many bytes.
struct SmallDisk(Cursor<Vec<u8>>, u64);

impl Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.position() + bytes.len() as u64 > self.1 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for SmallDisk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_full_disk_is_told_in_plain_words() {
    let disk = SmallDisk(Cursor::new(Vec::new()), 10_000);
    let mut sink = FileSink::new(disk, Path::new("out.wav"), start()).unwrap();
    let said = (0..100).find_map(|_| sink.write(&Pcm::SILENCE).err()).expect("the disk is full").to_string();
    assert_eq!(said, "cannot write to out.wav: the disk is full; free some space or choose another place");
}

#[test]
fn a_file_of_twelve_hours_is_full() {
    let mut sink = FileSink::new(Cursor::new(Vec::new()), Path::new("out.wav"), start()).unwrap();
    for _ in 0..MOST_BRICKS {
        sink.pace.step();
    }
    assert!(matches!(sink.write(&Pcm::SILENCE), Err(AudioError::Full { .. })));
    assert!(MOST_BRICKS * 960 * 2 + 44 < u64::from(u32::MAX), "hound counts bytes in 32 bits");
    assert_eq!(sink.position(), Duration::from_secs(12 * 3600));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_file_with_any_bytes_changed_speaks_or_is_refused(
        changes in prop::collection::vec((0usize..300, any::<u8>()), 1..6),
        cut in 0usize..600,
        repeat in any::<bool>(),
    ) {
        let mut bytes = wav(16_000, 2, &[0.25; 60]);
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        bytes.truncate(cut.max(1));
        let t0 = start();
        match FileSource::new(Cursor::new(bytes), Path::new("a.wav"), repeat, t0) {
            Err(error) => prop_assert_eq!(error.to_string().lines().count(), 1),
            Ok(mut source) => {
                let mut brick = Pcm::SILENCE;
                for n in 1..100u32 {
                    if source.poll(t0 + BRICK * n, &mut brick).unwrap() == Polled::Brick {
                        prop_assert!(brick.samples().iter().all(|s| (-1.0..=1.0).contains(s)));
                    }
                }
                prop_assert!(repeat || source.poll(t0 + BRICK * 100, &mut brick).unwrap() == Polled::Ended);
            }
        }
    }
}
