use super::*;
use giaoban_proto::media::Outlet;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::ogg::{Label, Segment};
use giaoban_proto::testing::measure::align;
use giaoban_proto::testing::speech::{path, voice};
use giaoban_proto::unit::{BRICK_SAMPLES, MediaTime};
use tempfile::TempDir;

/// A folder with a WAV file of speech, the same as Ogg Opus, and files that are neither; and a WAV file beside it.
fn folder() -> (TempDir, Announcements) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(path("fr"), folder.path().join("secret.wav")).expect("copied");
    fs::create_dir(folder.path().join("here")).expect("made");
    let at = |name: &str| folder.path().join("here").join(name);
    fs::copy(path("fr"), at("Khai mạc.wav")).expect("copied");
    fs::write(at("recorded.opus"), recorded(&voice("fr")[..480_000])).expect("written");
    fs::write(at("broken.ogg"), b"OggS and nothing of it").expect("written");
    fs::write(at("text.wav"), b"no sound at all").expect("written");
    fs::write(at("notes.txt"), b"not looked at").expect("written");
    fs::create_dir(at("folder.wav")).expect("made");
    let announcements = Announcements::of(&folder.path().join("here")).patient();
    (folder, announcements)
}

/// Ten seconds as our own recordings have them.
fn recorded(sound: &[f32]) -> Vec<u8> {
    let label = Label { program: "giaoban-bridge", room: "giaoban".into(), date: String::new() };
    let (mut out, mut outlet) = (Vec::new(), Outlet::new(RungId::for_cap(24)).expect("libopus"));
    let mut segment = Segment::begin(1, &label, &[], &mut out);
    segment.go_on(MediaTime(0));
    for (n, part) in sound.chunks_exact(BRICK_SAMPLES).enumerate() {
        let mut brick = Pcm::SILENCE;
        brick.samples_mut().copy_from_slice(part);
        if let Some(packet) = outlet.push(MediaTime::from_bricks(n as u64), Some(&brick)).expect("encodes") {
            segment.push(packet, &mut out).expect("taken");
        }
    }
    segment.end(&mut out);
    out
}

fn played(announcements: &Announcements, name: &str) -> Result<Vec<f32>, NotPlayed> {
    let playing = announcements.play(name).blocking_recv().expect("answered")?;
    let mut sound = Vec::new();
    while let Ok(brick) = playing.pull() {
        sound.extend_from_slice(brick.samples());
    }
    Ok(sound)
}

#[test]
fn a_wav_file_and_an_opus_file_are_played_as_they_are() {
    let (_folder, announcements) = folder();
    let said = voice("fr");
    let wav = played(&announcements, "Khai mạc.wav").expect("plays");
    assert_eq!(wav[..said.len()], said[..]);
    // The same name in the other spelling, and without its ending.
    assert_eq!(played(&announcements, "Khai ma\u{323}c").expect("plays"), wav);
    let opus = played(&announcements, "recorded").expect("plays");
    let found = align(&said[..480_000], &opus, 960);
    assert!(found.correlation > 0.95 && found.lag_samples.abs() < 48, "{found:?}");
    assert!((announcements.seconds("recorded.opus").expect("reads") - 9.96).abs() < 0.001);
}

#[test]
fn what_is_no_announcement_is_told_from_what_is_not_there() {
    let (folder, announcements) = folder();
    for name in ["", ".", "..", "../secret", "../secret.wav", "/etc/passwd", "notes.txt", "folder", "nothing"]
    {
        assert_eq!(played(&announcements, name).err(), Some(NotPlayed::NoSuch), "{name}");
    }
    for name in ["broken", "text"] {
        assert_eq!(played(&announcements, name).err(), Some(NotPlayed::Unplayable), "{name}");
    }
    assert_eq!(
        announcements.list().expect("reads"),
        ["Khai mạc.wav", "broken.ogg", "recorded.opus", "text.wav"]
    );
    let nowhere = Announcements::of(&folder.path().join("nowhere"));
    assert_eq!(nowhere.list().expect("none"), [""; 0]);
}

#[test]
fn a_file_is_read_no_further_than_a_second_ahead_and_no_more_when_nobody_listens() {
    let (_folder, announcements) = folder();
    let playing = announcements.play("Khai mạc").blocking_recv().expect("answered").expect("plays");
    let first = playing.pull().expect("something to hear");
    assert_eq!(first.samples()[..], voice("fr")[..BRICK_SAMPLES]);
    // The queue bounds it: what is dropped unread ends the thread at its next brick.
    drop(playing);
}

#[test]
fn files_that_were_damaged_anywhere_end_and_nothing_else_happens() {
    let (folder, announcements) = folder();
    let whole = recorded(&voice("fr")[..96_000]);
    let mut rng = giaoban_proto::testing::rng::Rng::new(5);
    for n in 0..200 {
        let mut damaged = whole.clone();
        for _ in 0..1 + n % 4 {
            let at = rng.between(0.0, damaged.len() as f64) as usize;
            damaged[at.min(whole.len() - 1)] = rng.between(0.0, 256.0) as u8;
        }
        if n % 3 == 0 {
            damaged.truncate(rng.between(0.0, whole.len() as f64) as usize);
        }
        fs::write(folder.path().join("here/damaged.opus"), damaged).expect("written");
        if let Ok(sound) = played(&announcements, "damaged") {
            assert!(sound.len() <= 96_000 + 2 * 5760);
        }
    }
}
