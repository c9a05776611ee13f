use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// A chunk, padded to an even length.
fn chunk(tag: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = tag.to_vec();
    chunk.extend((body.len() as u32).to_le_bytes());
    chunk.extend(body);
    chunk.resize(chunk.len().next_multiple_of(2), 0);
    chunk
}

fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = [b"WAVE".to_vec(), chunks.concat()].concat();
    chunk(b"RIFF", &body)
}

fn fmt(tag: u16, channels: u16, rate: u32, sample_bytes: u16, bits: u16) -> Vec<u8> {
    let align = channels.wrapping_mul(sample_bytes);
    let mut body = Vec::new();
    body.extend(tag.to_le_bytes());
    body.extend(channels.to_le_bytes());
    body.extend(rate.to_le_bytes());
    body.extend(rate.wrapping_mul(u32::from(align)).to_le_bytes());
    body.extend(align.to_le_bytes());
    body.extend(bits.to_le_bytes());
    body
}

fn pcm16(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|s| s.to_le_bytes()).collect()
}

fn plain(samples: &[i16]) -> Vec<u8> {
    riff(&[chunk(b"fmt ", &fmt(1, 1, 48_000, 2, 16)), chunk(b"data", &pcm16(samples))])
}

fn fault(bytes: &[u8]) -> WavFault {
    match Wav::open(Cursor::new(bytes)) {
        Err(Refused::Fault(fault)) => fault,
        Err(Refused::Io(e)) => panic!("refused by the disk: {e}"),
        Ok(_) => panic!("opened"),
    }
}

/// All sound in a file; panics where it goes on for longer than the file has bytes.
fn all(bytes: &[u8]) -> Vec<f32> {
    let mut wav = Wav::open(Cursor::new(bytes)).map_err(|_| "refused").unwrap();
    let mut sound = Vec::new();
    let mut piece = [0.0; 700];
    loop {
        let got = wav.read(&mut piece).unwrap();
        if got == 0 {
            return sound;
        }
        sound.extend_from_slice(&piece[..got]);
        assert!(sound.len() <= bytes.len());
    }
}

/// What hound makes of the same sound, as witness.
fn by_hound(channels: u16, bits: u16, format: hound::SampleFormat, frames: &[f32]) -> Vec<u8> {
    let spec = hound::WavSpec { channels, sample_rate: 16_000, bits_per_sample: bits, sample_format: format };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for &sample in frames {
        for channel in 0..channels {
            // The first channel has everything; the mean is then one part in `channels`.
            let sample = if channel == 0 { sample } else { 0.0 };
            match format {
                hound::SampleFormat::Float => writer.write_sample(sample).unwrap(),
                hound::SampleFormat::Int => {
                    let full = 2f64.powi(i32::from(bits) - 1);
                    writer.write_sample((f64::from(sample) * full) as i32).unwrap();
                }
            }
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

#[test]
fn every_width_and_number_of_channels_reads_as_it_was_written() {
    use hound::SampleFormat::{Float, Int};
    let frames: Vec<f32> = (0..2_500).map(|n| (n as f32 / 50.0).sin() * 0.9).collect();
    for (bits, format, step) in [(8, Int, 7), (16, Int, 15), (24, Int, 22), (32, Int, 22), (32, Float, 24)] {
        for channels in 1..=8 {
            let read = all(&by_hound(channels, bits, format, &frames));
            assert_eq!(read.len(), frames.len());
            let tolerance = 2f32.powi(-step);
            for (a, b) in read.iter().zip(&frames) {
                let off = (a * f32::from(channels) - b).abs();
                assert!(
                    off <= tolerance * f32::from(channels),
                    "{bits} bits, {channels} channels: {a} of {b}"
                );
            }
        }
    }
}

#[test]
fn chunks_that_are_not_sound_are_stepped_over_even_of_odd_length() {
    let file = riff(&[
        chunk(b"JUNK", &[7; 29]),
        chunk(b"fmt ", &[fmt(1, 1, 8_000, 2, 16), vec![0; 3]].concat()),
        chunk(b"LIST", b"INFO of an odd length!!"),
        chunk(b"data", &pcm16(&[16_384, -16_384])),
        chunk(b"id3 ", &[255; 100]),
    ]);
    assert_eq!(all(&file), [0.5, -0.5]);
}

#[test]
fn a_file_whose_length_was_never_written_plays_to_its_end() {
    for unknown in [0, u32::MAX, 0x7fff_f000] {
        let mut file = plain(&[16_384; 10]);
        file[40..44].copy_from_slice(&u32::to_le_bytes(unknown));
        file[4..8].fill(0xff);
        assert_eq!(all(&file), [0.5; 10]);
    }
}

#[test]
fn a_file_that_was_cut_plays_what_is_there() {
    let file = plain(&[16_384; 2_000]);
    assert_eq!(all(&file[..44 + 2 * 1_500 + 1]), [0.5; 1_500]);
    assert_eq!(all(&file[..44]), Vec::<f32>::new());
}

#[test]
fn what_is_no_number_in_a_float_file_is_silence_and_what_is_too_loud_is_cut() {
    let samples = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3.0, -1e30, 0.25];
    let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    let file = riff(&[chunk(b"fmt ", &fmt(3, 1, 48_000, 4, 32)), chunk(b"data", &data)]);
    assert_eq!(all(&file), [0.0, 0.0, 0.0, 1.0, -1.0, 0.25]);
}

#[test]
fn an_extensible_format_says_at_its_end_what_it_is() {
    let mut body = fmt(0xfffe, 1, 48_000, 4, 32);
    body.extend(22u16.to_le_bytes());
    body.extend(24u16.to_le_bytes()); // 24 valid bits, left-justified in 32
    body.extend(0u32.to_le_bytes());
    body.extend([1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]);
    let data = chunk(b"data", &0x4000_0000i32.to_le_bytes());
    assert_eq!(all(&riff(&[chunk(b"fmt ", &body), data.clone()])), [0.5]);
    body[24] = 2;
    assert_eq!(fault(&riff(&[chunk(b"fmt ", &body), data])), WavFault::Coding { tag: 2, bits: 32 });
}

#[test]
fn each_way_to_be_no_wav_has_its_own_words() {
    let data = chunk(b"data", &[0; 8]);
    let with = |format: Vec<u8>| riff(&[chunk(b"fmt ", &format), data.clone()]);
    for (bytes, expected) in [
        (vec![], WavFault::NoSound),
        (b"ID3\x04 a song".to_vec(), WavFault::NotWav),
        (b"RIFF\0\0\0\0AVI LIST".to_vec(), WavFault::NotWav),
        (b"RI".to_vec(), WavFault::CutHeader),
        (b"RIFF\0\0\0\0WAVE".to_vec(), WavFault::CutHeader),
        (plain(&[])[..30].to_vec(), WavFault::CutHeader),
        (riff(std::slice::from_ref(&data)), WavFault::NoFormat),
        (with(vec![1, 0, 1, 0]), WavFault::NoFormat),
        (riff(&vec![chunk(b"JUNK", &[]); 1_200]), WavFault::Clutter),
        (with(fmt(1, 0, 48_000, 2, 16)), WavFault::Channels(0)),
        (with(fmt(1, 9, 48_000, 2, 16)), WavFault::Channels(9)),
        (with(fmt(1, 1, 0, 2, 16)), WavFault::Rate(0)),
        (with(fmt(1, 1, 7_999, 2, 16)), WavFault::Rate(7_999)),
        (with(fmt(1, 1, u32::MAX, 2, 16)), WavFault::Rate(u32::MAX)),
        (with(fmt(6, 1, 8_000, 1, 8)), WavFault::Coding { tag: 6, bits: 8 }),
        (with(fmt(1, 1, 8_000, 0, 0)), WavFault::Coding { tag: 1, bits: 0 }),
        (with(fmt(1, 1, 8_000, 2, 24)), WavFault::Coding { tag: 1, bits: 24 }),
        (with(fmt(3, 1, 8_000, 8, 64)), WavFault::Coding { tag: 3, bits: 64 }),
    ] {
        assert_eq!(fault(&bytes), expected);
    }
}

#[test]
fn a_file_can_be_read_again_from_its_beginning() {
    let file = plain(&[8_192, 16_384, -8_192]);
    let mut wav = Wav::open(Cursor::new(&file)).map_err(|_| "refused").unwrap();
    let mut mono = [0.0; 8];
    for _ in 0..3 {
        assert_eq!(wav.read(&mut mono).unwrap(), 3);
        assert_eq!(mono[..3], [0.25, 0.5, -0.25]);
        assert_eq!(wav.read(&mut mono).unwrap(), 0);
        wav.rewind().unwrap();
    }
}

/// Opens and reads, whatever it is; the memory held is bounded by construction and checked here.
fn survive(bytes: &[u8]) {
    if let Ok(mut wav) = Wav::open(Cursor::new(bytes)) {
        assert!(wav.bytes.len() <= 1_024 * 32);
        assert!(RATES.contains(&wav.rate()));
        let mut piece = [0.0; 1_024];
        let mut frames = 0;
        loop {
            let got = wav.read(&mut piece).unwrap();
            if got == 0 {
                break;
            }
            assert!(piece[..got].iter().all(|s| (-1.0..=1.0).contains(s)));
            frames += got;
        }
        assert!(frames <= bytes.len());
    }
}

proptest! {
    #[test]
    fn a_header_with_any_bytes_changed_is_played_or_refused(
        changes in prop::collection::vec((0usize..120, any::<u8>()), 1..8),
        cut in 0usize..400,
        float in any::<bool>(),
    ) {
        let (format, data) = if float { (fmt(3, 2, 44_100, 4, 32), [0xc1; 128]) } else { (fmt(1, 2, 44_100, 2, 16), [0x11; 128]) };
        let mut file = riff(&[chunk(b"JUNK", &[0; 5]), chunk(b"fmt ", &format), chunk(b"fact", &[1; 4]), chunk(b"data", &data)]);
        for (at, byte) in changes {
            let at = at % file.len();
            file[at] = byte;
        }
        let cut = cut.min(file.len());
        survive(&file[..cut]);
        survive(&file);
    }

    #[test]
    fn any_bytes_after_a_header_are_played_or_refused(
        format in prop::collection::vec(any::<u8>(), 0..64),
        tail in prop::collection::vec(any::<u8>(), 0..256),
    ) {
        survive(&tail);
        survive(&[b"RIFF\0\0\0\0WAVE".to_vec(), tail.clone()].concat());
        survive(&riff(&[chunk(b"fmt ", &format), chunk(b"data", &tail)]));
    }
}
