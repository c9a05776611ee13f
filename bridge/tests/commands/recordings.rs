//! Recordings and announcements, as the command line shows them.

use crate::MORNING;
use crate::harness::{House, mode};
use giaoban_bridge::recording::disk::Folder;
use giaoban_bridge::recording::{Recorder, Tape, Taped};
use giaoban_bridge::store::{SqliteStore, UnixMs};
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Outlet, Pcm};
use giaoban_proto::unit::MediaTime;
use giaoban_proto::wire::Record;
use jiff::tz::TimeZone;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

/// Two recordings of a bridge that has ended: one of three seconds, and one that goes on.
#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
fn recorded(house: &House) {
    let clock = || Box::new(|| UnixMs(MORNING));
    let store = Arc::new(SqliteStore::open(&house.file("giaoban.db"), clock()).expect("opens"));
    let folder = Folder::at(&house.file("recordings")).expect("a folder");
    let recorder = Recorder::on_thread(store, folder, clock(), TimeZone::UTC, None).expect("a thread");
    let mut outlet = Outlet::new(RungId::for_cap(24)).expect("libopus");
    for room in ["giaoban", "Họp"] {
        let begun = recorder.begin(room.parse().expect("a name"), None).blocking_recv().expect("begins");
        let mut tape = Tape::new(Instant::now(), recorder.clone(), &begun);
        tape.put(Taped::GoesOn(MediaTime(0)));
        for n in 0..150 {
            let packet = outlet.push(MediaTime::from_bricks(n), Some(&Pcm::SILENCE)).expect("encodes");
            packet.into_iter().for_each(|packet| tape.put(Taped::Sound(packet.clone())));
            if n == 75 {
                tape.put(Taped::Floor(MediaTime::from_bricks(n), Some("Tri Lễ".into())));
            }
        }
        if room == "giaoban" {
            recorder.stand(begun.id, Record::Stop, None).blocking_recv().expect("ends");
        }
    }
    recorder.finish();
}

#[test]
fn recordings_are_listed_exported_with_their_chapters_and_removed() {
    let house = House::used();
    assert_eq!(house.json(&["recordings", "list"]), serde_json::json!([]));
    assert!(house.well(&["recordings", "list"]).contains("chưa có"));
    recorded(&house);
    let listed = house.json(&["recordings", "list"]);
    assert_eq!(
        (&listed[0]["id"], &listed[0]["state"], &listed[0]["room"]),
        (&1.into(), &"ended".into(), &"giaoban".into())
    );
    // What ends a stream is a packet of its own.
    assert_eq!((&listed[0]["ms"], &listed[1]["ms"]), (&3060.into(), &3000.into()));
    assert_eq!((&listed[1]["state"], &listed[1]["ended"]), (&"on".into(), &serde_json::Value::Null));
    let sound = listed[0]["file"].as_str().expect("a file");
    assert!(sound.ends_with("/recordings/2026-03-31_0100_giaoban_1.opus"), "{sound}");
    assert_eq!((mode(sound.as_ref()), mode(&house.file("recordings"))), (0o600, 0o700));
    let table = house.well(&["recordings", "list"]);
    assert!(
        table.contains("Họp") && table.contains("0:00:03") && table.contains("2026-03-31 08:00"),
        "{table}"
    );

    let to = house.beside("out.opus");
    assert_eq!(house.json(&["recordings", "export", "1", &to])["ms"], 3060);
    let exported = fs::read(&to).expect("written");
    let has = |text: &str| exported.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("CHAPTER02=00:00:01.500") && has("CHAPTER02NAME=01:00:00 Tri Lễ") && has("TITLE=giaoban"));
    assert_eq!(mode(to.as_ref()), 0o600);
    assert!(house.fault(&["recordings", "export", "1", &to]).contains("cannot make"));
    assert!(house.fault(&["recordings", "export", "7", &house.beside("x")]).contains("recordings list"));
    // One that goes on is exported as far as it has come, and not removed.
    assert_eq!(house.json(&["recordings", "export", "2", &house.beside("on.opus")])["ms"], 3000);
    assert!(house.fault(&["recordings", "remove", "2"]).contains("goes on"));
    assert_eq!(house.json(&["recordings", "remove", "1"])["removed"], 1);
    assert!(!fs::exists(sound).expect("looked"));
    assert_eq!(fs::read_dir(house.file("recordings")).expect("reads").count(), 2);
    assert!(house.fault(&["recordings", "remove", "1"]).contains("recordings list"));
    let audit = house.well(&["audit", "list"]);
    assert!(audit.contains("recording started") && audit.contains("recording removed"), "{audit}");
    // A file that somebody has taken away is told of.
    fs::remove_file(listed[1]["file"].as_str().expect("a file")).expect("removed");
    assert!(house.well(&["recordings", "list"]).contains("file is gone"));
    assert_eq!(house.json(&["recordings", "list"])[0]["ms"], serde_json::Value::Null);
    // Open to others it is refused, with what to do.
    crate::harness::chmod(&house.file("recordings"), 0o755);
    assert!(house.fault(&["recordings", "list"]).contains("chmod 700"));
}

#[test]
fn announcements_are_listed_with_how_long_they_are() {
    let house = House::used();
    assert!(house.well(&["announcements", "list"]).contains("announcements"));
    fs::create_dir(house.file("announcements")).expect("made");
    let speech = giaoban_proto::testing::speech::path("fr");
    fs::copy(speech, house.file("announcements/Khai mạc.wav")).expect("copied");
    fs::write(house.file("announcements/broken.opus"), b"nothing").expect("written");
    let listed = house.json(&["announcements", "list"]);
    assert_eq!(listed[0]["name"], "Khai mạc.wav");
    assert!(listed[0]["seconds"].as_f64().is_some_and(|seconds| seconds > 20.0), "{listed}");
    assert!(listed[1]["fault"].as_str().is_some_and(|fault| fault.contains("WAV")), "{listed}");
    assert!(house.well(&["announcements", "list"]).contains("Khai mạc.wav"));
}
