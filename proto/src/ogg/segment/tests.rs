use super::*;
use crate::media::ladder::RungId;
use crate::media::{Outlet, Pcm, codec::Decoder};
use crate::testing::measure::{align, level_db};
use crate::testing::speech::voice;
use crate::unit::BRICK_SAMPLES;
use ogg::PacketReader;
use std::io::Cursor;
use std::process::{Command, Stdio};

fn label() -> Label {
    Label {
        program: "giaoban-bridge",
        room: "Giao ban huyện".into(),
        date: "2026-03-31T08:00:00+07:00".into(),
    }
}

/// What a meeting says: speech, then silence, then speech, as it is cut into packets. `None`: nobody speaks.
struct Meeting {
    outlet: Outlet,
    said: Vec<f32>,
    bricks: u64,
}

impl Meeting {
    fn new() -> Self {
        Self { outlet: Outlet::new(RungId::for_cap(24)).expect("libopus"), said: Vec::new(), bricks: 0 }
    }

    fn now(&self) -> MediaTime {
        MediaTime::from_bricks(self.bricks)
    }

    fn go_on(&mut self, segment: &mut Segment, sound: Option<&[f32]>, bricks: usize, out: &mut Vec<u8>) {
        for n in 0..bricks {
            let brick = sound.map(|sound| {
                let mut brick = Pcm::SILENCE;
                brick.samples_mut().copy_from_slice(&sound[n * BRICK_SAMPLES..][..BRICK_SAMPLES]);
                brick
            });
            self.said.extend_from_slice(brick.as_ref().unwrap_or(&Pcm::SILENCE).samples());
            match self.outlet.push(self.now(), brick.as_ref()).expect("encodes") {
                Some(packet) => segment.push(packet, out).expect("taken"),
                // As a room tells it: where no packet can be in the making.
                None if (self.bricks + 1).is_multiple_of(24) => {
                    segment.silence(MediaTime::from_bricks(self.bricks + 1), out);
                }
                None => {}
            }
            self.bricks += 1;
        }
    }
}

/// Packets by the `ogg` crate: each with its page's granule and whether it is the last on it.
fn packets(file: &[u8]) -> Vec<(Vec<u8>, u64, bool)> {
    let mut reader = PacketReader::new(Cursor::new(file));
    let mut packets = Vec::new();
    while let Some(packet) = reader.read_packet().expect("every page is sound") {
        packets.push((packet.data.clone(), packet.absgp_page(), packet.last_in_page()));
    }
    packets
}

/// Checks granules and page lengths against what the packets hold, and decodes them as a player does.
fn decode(file: &[u8]) -> Vec<f32> {
    let packets = packets(file);
    assert!(packets[0].0.starts_with(b"OpusHead") && packets[1].0.starts_with(b"OpusTags"));
    let mut decoder = Decoder::new().expect("libopus");
    let (mut sound, mut brick, mut page) = (Vec::new(), [0.0; 5760], 0);
    for (packet, granule, last) in &packets[2..] {
        let n = decoder.decode(packet, &mut brick).expect("decodes");
        sound.extend_from_slice(&brick[..n]);
        page += n;
        if *last {
            assert!(page <= 24_000, "a page of {} ms", page / 48);
            assert_eq!(*granule, sound.len() as u64);
            page = 0;
        }
    }
    sound.split_off(usize::from(PRE_SKIP))
}

/// Ten seconds of a voice, thirty of silence, ten of a voice; how long it is.
fn half_a_minute_of_silence() -> (Vec<u8>, Vec<f32>) {
    let (mut out, mut meeting) = (Vec::new(), Meeting::new());
    let mut segment = Segment::begin(7, &label(), &[], &mut out);
    segment.go_on(meeting.now());
    let speech = voice("en");
    meeting.go_on(&mut segment, Some(&speech), 500, &mut out);
    meeting.go_on(&mut segment, None, 1500, &mut out);
    meeting.go_on(&mut segment, Some(&speech[480_000..]), 500, &mut out);
    segment.end(&mut out);
    (out, meeting.said)
}

fn alike(said: &[f32], heard: &[f32]) {
    for (part, from) in [("before", 0), ("after", 1_920_000)] {
        let found = align(&said[from..from + 480_000], &heard[from..(from + 480_000).min(heard.len())], 960);
        println!("{part} the silence: {found:?}");
        assert!(found.correlation > 0.95 && found.lag_samples.abs() < 48, "{found:?}");
    }
    let silence = level_db(&heard[540_000..1_900_000]);
    println!("in the silence: {silence:.0} dBFS");
    // A player's own comfort noise and dither.
    assert!(silence < -60.0);
}

#[test]
fn what_is_recorded_is_what_was_said_when_it_was_said() {
    let (file, said) = half_a_minute_of_silence();
    let heard = decode(&file);
    assert!(heard.len().abs_diff(said.len()) < 2880, "{} of {}", heard.len(), said.len());
    alike(&said, &heard);
    println!("{} bytes for {} s", file.len(), said.len() / 48_000);
}

/// As other programs play it: what they print on the error output, and mono samples at 48 kHz.
fn played(program: &str, args: &[&str], file: &[u8]) -> Option<(String, Vec<f32>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("recording.opus");
    std::fs::write(&path, file).expect("written");
    let args = args.iter().map(|&arg| if arg == "FILE" { path.to_str().expect("UTF-8") } else { arg });
    let run = Command::new(program).args(args).stdin(Stdio::null()).output();
    let Ok(output) = run else {
        println!("{program} is not here: not played by it");
        return None;
    };
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program}: {words}");
    let samples = output.stdout.as_chunks::<2>().0.iter();
    Some((words, samples.map(|&bytes| f32::from(i16::from_le_bytes(bytes)) / 32_768.0).collect()))
}

const FFMPEG: [&str; 10] = ["-loglevel", "warning", "-i", "FILE", "-f", "s16le", "-ac", "1", "-ar", "48000"];

fn by_ffmpeg(file: &[u8]) -> Option<Vec<f32>> {
    for decoder in ["opus", "libopus"] {
        let args: Vec<&str> = ["-c:a", decoder].into_iter().chain(FFMPEG).chain(["-"]).collect();
        let (words, heard) = played("ffmpeg", &args, file)?;
        println!("ffmpeg, {decoder}: {} s; {words}", heard.len() as f64 / 48_000.0);
        if decoder == "libopus" {
            return Some(heard);
        }
    }
    None
}

#[test]
fn other_programs_play_it_at_the_right_times() {
    let (file, said) = half_a_minute_of_silence();
    if let Some((_, heard)) = played("opusdec", &["--quiet", "--force-stereo", "FILE", "-"], &file) {
        // A WAV file comes out, of two channels: left is every other sample after its head.
        let left: Vec<f32> = heard.iter().skip(22).step_by(2).copied().collect();
        alike(&said, &left);
    }
    if let Some(heard) = by_ffmpeg(&file) {
        assert!(heard.len().abs_diff(said.len()) < 2880, "{} of {}", heard.len(), said.len());
        alike(&said, &heard);
    }
}

#[test]
fn what_is_said_in_a_pause_is_left_out_and_takes_no_time() {
    let (mut out, mut meeting) = (Vec::new(), Meeting::new());
    let mut segment = Segment::begin(7, &label(), &[], &mut out);
    segment.go_on(meeting.now());
    let speech = voice("fr");
    meeting.go_on(&mut segment, Some(&speech), 300, &mut out);
    let before = segment.samples();
    assert_eq!(before, 300 * 960);
    segment.pause(&mut out);
    let packet = meeting.outlet.last().expect("a packet").clone();
    assert_eq!(segment.push(&packet, &mut out), Err(Refused::Past));
    assert_eq!(segment.samples_at(meeting.now()), before);
    meeting.bricks += 9000;
    segment.go_on(meeting.now());
    meeting.go_on(&mut segment, Some(&speech[288_000..]), 300, &mut out);
    assert_eq!(segment.samples_at(meeting.now() + Samples(480)), 600 * 960 + 480);
    segment.end(&mut out);
    let heard = decode(&out);
    let found = align(&speech[..576_000], &heard, 960);
    assert!(found.correlation > 0.95 && found.lag_samples.abs() < 48, "{found:?}");
}

#[test]
fn a_bundle_and_what_is_no_opus_are_refused_and_change_nothing() {
    let listening = RungId::within(
        crate::unit::Bitrate::from_kbps(12),
        crate::media::ladder::Role::Listening,
        crate::media::ladder::Repair::Ask,
    );
    let mut outlet = Outlet::new(listening).expect("libopus");
    let mut out = Vec::new();
    let mut segment = Segment::begin(7, &label(), &[], &mut out);
    segment.go_on(MediaTime(0));
    let before = out.len();
    let mut bundles = 0;
    for n in 0..48 {
        let brick = Pcm::SILENCE;
        if let Some(packet) = outlet.push(MediaTime::from_bricks(n), Some(&brick)).expect("encodes") {
            assert_eq!(segment.push(packet, &mut out), Err(Refused::Form));
            bundles += 1;
        }
    }
    assert!(bundles > 0);
    let mut nothing = Packet::default();
    nothing.length = Samples(2880);
    assert_eq!(segment.push(&nothing, &mut out), Err(Refused::Form));
    assert_eq!((segment.samples(), out.len()), (0, before));
}

#[test]
fn wherever_it_is_torn_it_ends_with_a_whole_page_and_goes_on_in_the_same_stream() {
    let speech = voice("it");
    let (mut whole, mut meeting) = (Vec::new(), Meeting::new());
    let mut segment = Segment::begin(9, &label(), &[], &mut whole);
    let headers = whole.len() as u64;
    let mut ends = vec![(headers, 0)];
    segment.go_on(meeting.now());
    for part in speech.chunks(24 * 960).take(6) {
        meeting.go_on(&mut segment, Some(part), 24, &mut whole);
        ends.push((whole.len() as u64, segment.samples()));
    }
    for cut in 0..=whole.len() {
        let found = find_end(&whole[..cut]).expect("reads");
        let Some(found) = found else {
            assert!((cut as u64) < headers, "nothing found at {cut}");
            continue;
        };
        let end = ends.iter().rev().find(|(bytes, _)| *bytes <= cut as u64).expect("the headers at least");
        assert_eq!((found.bytes, found.samples, found.ended), (end.0, end.1, false), "cut at {cut}");
    }
    // The first bytes of a page that was never synced may read as zeros.
    let at = ends[4].0 as usize;
    let mut zeroed = whole.clone();
    zeroed[at..at + 100].fill(0);
    assert_eq!(find_end(&zeroed[..]).expect("reads").expect("found").bytes, ends[4].0);

    // Torn in the middle of its last page, cut, and gone on with by a bridge that starts anew.
    let cut = (ends[5].0 + ends[6].0) as usize / 2;
    let found = find_end(&whole[..cut]).expect("reads").expect("found");
    let mut file = whole[..found.bytes as usize].to_vec();
    let mut resumed = Segment::resume(&found);
    let mut later = Meeting::new();
    resumed.go_on(later.now());
    later.go_on(&mut resumed, Some(&speech[480_000..]), 240, &mut file);
    resumed.end(&mut file);
    let heard = decode(&file);
    // And the packet without sound that carries the end.
    let (first, second) = (5 * 24 * 960, 240 * 960);
    assert_eq!(heard.len() + usize::from(PRE_SKIP), first + second + 2880);
    let before = align(&speech[..first], &heard[..first], 960);
    let after = align(&speech[480_000..480_000 + second], &heard[first..], 960);
    println!("{before:?}, {after:?}");
    assert!(before.correlation > 0.95 && before.lag_samples.abs() < 48);
    assert!(after.correlation > 0.95 && after.lag_samples.abs() < 48);
    if let Some(heard) = by_ffmpeg(&file) {
        assert!(heard.len().abs_diff(first + second) < 2880, "{}", heard.len());
    }
    assert!(find_end(&file[..]).expect("reads").expect("found").ended);
}

#[test]
fn a_copy_has_the_chapters_and_the_same_sound_however_it_was_torn() {
    let (file, _) = half_a_minute_of_silence();
    let chapters: Vec<String> = (1..=999)
        .flat_map(|n| {
            [
                format!("CHAPTER{n:02}=00:00:{:02}.000", n % 60),
                format!("CHAPTER{n:02}NAME=Tri Lễ {n}, {}", "x".repeat(80)),
            ]
        })
        .collect();
    let copied = |file: &[u8], chapters: &[String]| {
        let mut out = Vec::new();
        let samples = copy(file, &label(), chapters, |page| {
            out.extend_from_slice(page);
            Ok(())
        });
        (samples.expect("copies"), out)
    };
    // More than one page of tags.
    let (samples, out) = copied(&file, &chapters);
    assert_eq!(samples, find_end(&file[..]).expect("reads").map(|found| found.samples));
    assert_eq!(decode(&out), decode(&file));
    assert!(find_end(&out[..]).expect("reads").expect("found").ended);
    // A copy can be copied.
    assert_eq!(copied(&out, &[]).1, copied(&file, &[]).1);
    // Torn: what is whole.
    let torn = &file[..file.len() / 2];
    let (samples, out) = copied(torn, &chapters[..2]);
    assert_eq!(samples, find_end(torn).expect("reads").map(|found| found.samples));
    assert!(find_end(&out[..]).expect("reads").expect("found").ended);
    let headers = find_end(&file[..200]).expect("reads").expect("the head").bytes as usize;
    let (samples, out) = copied(&file[..headers], &[]);
    assert_eq!((samples, decode(&out).len()), (Some(0), 2880 - usize::from(PRE_SKIP)));
    assert_eq!(copied(b"no Ogg at all", &[]).0, None);
}
