use super::*;
use crate::recording::disk::memory::Memory;
use crate::recording::recorder::{GIVE_UP_AFTER, Recorder, Tape};
use crate::store::AuditFilter;
use giaoban_proto::media::ladder::RungId;
use giaoban_proto::media::{Outlet, Pcm};
use giaoban_proto::ogg;
use giaoban_proto::unit::{BRICK, MediaTime};
use std::sync::Mutex;
use std::time::Instant;

const BEGAN: i64 = 1_774_918_800_000; // 2026-03-31 01:00 UTC

/// A store, a disk and a clock that can be set; recorders come and go.
struct House {
    store: Arc<SqliteStore>,
    disk: Memory,
    clock: Arc<Mutex<i64>>,
    keep: Option<Duration>,
}

impl House {
    fn new() -> Self {
        let clock = Arc::new(Mutex::new(BEGAN));
        let store = SqliteStore::in_memory(hand(&clock)).expect("a store");
        Self { store: Arc::new(store), disk: Memory::default(), clock, keep: None }
    }

    fn later(&self, ms: i64) {
        *self.clock.lock().expect("no panic") += ms;
    }

    fn recorder(&self) -> Recorder {
        Recorder::inline(self.store.clone(), self.disk.clone(), hand(&self.clock), TimeZone::UTC, self.keep)
    }

    fn archive(&self) -> Archive {
        let disk = Arc::new(self.disk.clone());
        Archive::new(self.store.clone(), disk, hand(&self.clock), TimeZone::UTC, self.keep)
    }

    fn rows(&self) -> Vec<RecordingRow> {
        self.store.edit(|registry| registry.recordings()).expect("inline").expect("reads")
    }

    fn acts(&self) -> Vec<String> {
        let rows = self.store.edit(|registry| registry.audit(AuditFilter::default())).expect("inline");
        rows.expect("reads")
            .into_iter()
            .map(|row| row.act)
            .filter(|act| act.starts_with("recording"))
            .collect()
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.disk.file(name).expect("a file")).expect("UTF-8")
    }
}

fn hand(clock: &Arc<Mutex<i64>>) -> Clock {
    let clock = clock.clone();
    Box::new(move || UnixMs(*clock.lock().expect("no panic")))
}

/// Says `bricks` of a buzz on a tape, from brick `from` of the meeting on.
fn say(tape: &mut Tape, from: u64, bricks: u64) {
    let mut outlet = Outlet::new(RungId::for_cap(24)).expect("libopus");
    let mut brick = Pcm::SILENCE;
    brick.samples_mut().iter_mut().enumerate().for_each(|(n, s)| *s = if n % 384 < 40 { 0.3 } else { -0.03 });
    tape.put(Taped::GoesOn(MediaTime::from_bricks(from)));
    for n in from..from + bricks {
        if let Some(packet) = outlet.push(MediaTime::from_bricks(n), Some(&brick)).expect("encodes") {
            tape.put(Taped::Sound(packet.clone()));
        }
    }
}

fn room() -> RoomName {
    "Giao ban huyện".parse().expect("a name")
}

#[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
fn begin(recorder: &Recorder) -> (Tape, Instant) {
    let now = Instant::now();
    let begun = recorder.begin(room(), None).try_recv().expect("it begins");
    (Tape::new(now, recorder.clone(), &begun), now)
}

fn resume(recorder: &Recorder, now: Instant) -> Option<(Tape, bool)> {
    match recorder.resume(room()).try_recv().expect("answered") {
        Resumed::GoesOn(begun, paused) => Some((Tape::new(now, recorder.clone(), &begun), paused)),
        Resumed::Nothing => None,
        Resumed::Failed => panic!("failed"),
    }
}

fn seconds(house: &House, file: &str) -> (f64, bool) {
    let found = ogg::find_end(&house.disk.file(file).expect("a file")[..]).expect("reads").expect("ours");
    (found.samples as f64 / 48_000.0, found.ended)
}

#[test]
fn a_recording_is_begun_paused_gone_on_with_and_ended_with_its_chapters() {
    let house = House::new();
    let recorder = house.recorder();
    let (mut tape, now) = begin(&recorder);
    say(&mut tape, 0, 150);
    tape.put(Taped::Floor(MediaTime::from_bricks(100), Some("Tri Lễ".into())));
    house.later(3_000);
    recorder.stand(tape.id(), Record::Pause, None).try_recv().expect("paused");
    assert_eq!(house.rows()[0].state, RecordingState::Paused);
    house.later(600_000);
    recorder.stand(tape.id(), Record::Start, None).try_recv().expect("goes on");
    say(&mut tape, 30_150, 150);
    tape.put(Taped::Floor(MediaTime::from_bricks(30_300), None));
    house.later(3_000);
    recorder.stand(tape.id(), Record::Stop, None).try_recv().expect("ended");
    assert!(!tape.has_failed(now + GIVE_UP_AFTER * 2));
    let row = &house.rows()[0];
    assert_eq!((row.state, row.ended), (RecordingState::Ended, Some(UnixMs(BEGAN + 606_000))));
    assert_eq!(row.file, "2026-03-31_0100_giao-ban-huyen_1");
    assert_eq!(seconds(&house, "2026-03-31_0100_giao-ban-huyen_1.opus"), (6.06, true));
    assert_eq!(
        house.text("2026-03-31_0100_giao-ban-huyen_1.chapters.txt"),
        "CHAPTER01=00:00:00.000\nCHAPTER01NAME=01:00:00 Recording begins / Bắt đầu ghi âm\n\
         CHAPTER02=00:00:03.000\nCHAPTER02NAME=01:00:00 Tri Lễ\n\
         CHAPTER03=00:00:03.000\nCHAPTER03NAME=01:00:03 Paused / Tạm dừng\n\
         CHAPTER04=00:00:03.000\nCHAPTER04NAME=01:10:03 Goes on / Ghi tiếp\n\
         CHAPTER05=00:00:06.000\nCHAPTER05NAME=01:10:03 Nobody has the floor / Không ai giữ quyền phát biểu\n"
    );
    assert_eq!(
        house.acts(),
        ["recording started", "recording paused", "recording goes on", "recording ended"]
    );
    assert!(resume(&recorder, now).is_none());
}

#[test]
fn a_full_disk_ends_the_recording_visibly_and_leaves_whole_pages() {
    let house = House::new();
    let recorder = house.recorder();
    let (mut tape, now) = begin(&recorder);
    house.disk.set_room(Some(5_000));
    say(&mut tape, 0, 24);
    assert!(!tape.has_failed(now), "half a second of it fits");
    let mut bricks = 24;
    while !tape.has_failed(now + BRICK * bricks) {
        say(&mut tape, u64::from(bricks), 24);
        bricks += 24;
        assert!(bricks < 500, "ten seconds and nobody knows");
    }
    let file = "2026-03-31_0100_giao-ban-huyen_1.opus";
    let found = ogg::find_end(&house.disk.file(file).expect("a file")[..]).expect("reads").expect("ours");
    assert_eq!(found.bytes, house.disk.file(file).expect("a file").len() as u64);
    assert_eq!(house.rows()[0].state, RecordingState::Failed);
    assert_eq!(house.acts(), ["recording started", "recording failed"]);
    // It is no more, and what is still said is dropped.
    assert!(recorder.stand(tape.id(), Record::Pause, None).try_recv().is_err());
    say(&mut tape, 600, 24);
    // No new one can begin, and one can as soon as there is room.
    house.disk.set_room(Some(0));
    assert!(recorder.begin(room(), None).try_recv().is_err());
    assert_eq!(house.rows()[1].state, RecordingState::Failed);
    house.disk.set_room(None);
    let (mut tape, now) = begin(&recorder);
    say(&mut tape, 0, 48);
    assert!(!tape.has_failed(now));
}

#[test]
fn a_disk_that_takes_nothing_for_four_seconds_has_failed() {
    let house = House::new();
    let recorder = house.recorder();
    let (mut tape, now) = begin(&recorder);
    say(&mut tape, 0, 48);
    // What the thread would be behind by.
    tape.put += 1;
    let almost = GIVE_UP_AFTER - BRICK;
    assert!(!tape.has_failed(now) && !tape.has_failed(now + almost));
    say(&mut tape, 48, 48);
    assert!(!tape.has_failed(now + almost), "it has taken something");
    assert!(!tape.has_failed(now + almost + almost));
    assert!(tape.has_failed(now + almost + GIVE_UP_AFTER));
    // The writer learns of it with whatever comes next.
    say(&mut tape, 96, 3);
    assert_eq!(house.rows()[0].state, RecordingState::Failed);
}

#[test]
fn a_store_that_cannot_write_it_down_begins_no_recording_and_remembers_a_pause() {
    let house = House::new();
    let recorder = house.recorder();
    house.store.fail_at_write(1);
    assert!(recorder.begin(room(), None).try_recv().is_err());
    house.store.fail_at_write(0);
    assert_eq!(house.disk.names(), [""; 0]);
    let (mut tape, _) = begin(&recorder);
    say(&mut tape, 0, 48);
    house.store.fail_at_write(1);
    assert!(recorder.stand(tape.id(), Record::Pause, None).try_recv().is_err());
    house.store.fail_at_write(0);
    // As soon as it can, it says so: what was to be left out is left out after a restart too.
    assert_eq!(house.rows()[0].state, RecordingState::Paused);
}

#[test]
fn after_a_restart_it_goes_on_in_the_same_file_or_stays_paused() {
    let house = House::new();
    let file = "2026-03-31_0100_giao-ban-huyen_1.opus";
    let first = house.recorder();
    let (mut tape, now) = begin(&first);
    say(&mut tape, 0, 250);
    // kill -9, in the middle of a write.
    drop((tape, first));
    let mut torn = house.disk.file(file).expect("a file");
    let whole = torn.len();
    torn.extend_from_slice(b"OggS\0\0torn");
    house.disk.put(file, torn);
    house.later(20_000);
    let second = house.recorder();
    let (mut tape, paused) = resume(&second, now).expect("it goes on");
    assert!(!paused);
    assert_eq!(house.disk.file(file).expect("a file").len(), whole, "cut at the last whole page");
    assert!(resume(&second, now).is_none(), "once");
    say(&mut tape, 3, 250);
    second.stand(tape.id(), Record::Pause, None).try_recv().expect("paused");
    second.finish();
    let third = house.recorder();
    let (tape, paused) = resume(&third, now).expect("it stays");
    assert!(paused);
    third.stand(tape.id(), Record::Stop, None).try_recv().expect("ended");
    // 250 bricks are ten pages and ten bricks more, which the death took with it; the second time all of 249 whole
    // frames' bricks are there, and the end takes a frame.
    assert_eq!(seconds(&house, file), (4.8 + 4.92 + 0.06 + 0.06, true));
    assert!(house.text("2026-03-31_0100_giao-ban-huyen_1.chapters.txt").contains(
        "CHAPTER02=00:00:04.800\nCHAPTER02NAME=01:00:20 The bridge was started again / Máy chủ khởi động lại\n"
    ));
}

#[test]
fn what_ended_before_the_bridge_died_or_is_long_ago_is_not_gone_on_with() {
    let house = House::new();
    let first = house.recorder();
    let (mut tape, now) = begin(&first);
    say(&mut tape, 0, 48);
    let torn_off = house.disk.file("2026-03-31_0100_giao-ban-huyen_1.opus").expect("a file");
    first.stand(tape.id(), Record::Stop, None).try_recv().expect("ended");
    let open = |house: &House| {
        let set = |registry: &mut crate::store::Registry| {
            registry.set_recording(RecordingId(1), RecordingState::On, None)
        };
        house.store.edit(set).expect("inline").expect("set");
    };
    // The file has its end, the store had not been told.
    open(&house);
    assert!(resume(&house.recorder(), now).is_none());
    assert_eq!(house.rows()[0].state, RecordingState::Ended);
    // Another meeting of the same room, a day after the bridge was started again.
    house.disk.put("2026-03-31_0100_giao-ban-huyen_1.opus", torn_off);
    open(&house);
    let recorder = house.recorder();
    house.later(86_400_000);
    assert!(resume(&recorder, now).is_none());
    assert_eq!(house.rows()[0].state, RecordingState::Ended);
}

#[test]
fn a_file_that_is_none_of_ours_is_left_alone() {
    let house = House::new();
    let first = house.recorder();
    let (tape, _) = begin(&first);
    drop((tape, first));
    let file = "2026-03-31_0100_giao-ban-huyen_1.opus";
    house.disk.put(file, vec![7; 10_000]);
    let resumed = house.recorder().resume(room()).try_recv().expect("answered");
    assert!(matches!(resumed, Resumed::Failed));
    assert_eq!(house.disk.file(file), Some(vec![7; 10_000]));
    assert_eq!(house.rows()[0].state, RecordingState::Failed);
}

#[test]
fn what_a_bridge_has_left_and_nobody_comes_back_to_ends_half_a_day_after_its_start() {
    let house = House::new();
    let first = house.recorder();
    let (tape, _) = begin(&first);
    drop((tape, first));
    house.later(3 * 86_400_000);
    let mut archive = house.archive();
    let states = || house.rows().iter().map(|row| row.state).collect::<Vec<_>>();
    house.later(11 * 3_600_000);
    archive.end_left();
    assert_eq!(states(), [RecordingState::On]);
    let elsewhere: RoomName = "Chiều".parse().expect("a name");
    let (answer, later) = oneshot::channel();
    archive.handle(Job::Begin { room: elsewhere, by: None, answer });
    let _begun = later.blocking_recv().expect("begun");
    house.later(2 * 3_600_000);
    archive.end_left();
    assert_eq!(states(), [RecordingState::Ended, RecordingState::On], "and not what is being written");
}

#[test]
fn what_is_older_than_it_is_kept_is_removed_and_nothing_else() {
    let mut house = House::new();
    house.keep = Some(Duration::from_secs(90 * 86_400));
    let recorder = house.recorder();
    let (first, _) = begin(&recorder);
    recorder.stand(first.id(), Record::Stop, None).try_recv().expect("ended");
    house.later(10 * 86_400_000);
    let (second, _) = begin(&recorder);
    recorder.stand(second.id(), Record::Stop, None).try_recv().expect("ended");
    // One that goes on is never too old.
    let _third = begin(&recorder);
    let mut archive = house.archive();
    archive.clean();
    assert_eq!(house.rows().len(), 3);
    house.later(81 * 86_400_000);
    archive.clean();
    assert_eq!(house.rows().iter().map(|row| row.id.0).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(house.disk.names().len(), 4);
    house.later(1000 * 86_400_000);
    archive.clean();
    assert_eq!(house.rows().iter().map(|row| row.id.0).collect::<Vec<_>>(), [3]);
    assert_eq!(house.acts().iter().filter(|act| *act == "recording removed").count(), 2);
}
