//! A meeting is recorded, in virtual time and real speech: what the file holds is what was said, when it was said.

use giaoban_benches::hall::{self, BRIDGE, Guest, Hall, Left};
use giaoban_benches::timeline::SECOND;
use giaoban_bridge::announcement::Announcements;
use giaoban_bridge::store::{AuditFilter, RecordingRow, RecordingState};
use giaoban_proto::media::codec::Decoder;
use giaoban_proto::testing::link::named;
use giaoban_proto::testing::measure::{Alignment, align, level_db};
use giaoban_proto::testing::run;
use giaoban_proto::testing::speech::{path, voice};
use giaoban_proto::testing::visitor::{Visitor, hello};
use giaoban_proto::transport::Identity;
use giaoban_proto::wire::act::What;
use giaoban_proto::wire::server_message::Body;
use giaoban_proto::wire::{
    Act, ActCode, FloorMode, Hello, Meeting, Notice, NoticeKind, OBSERVES, Record, Recording, Report, Seat,
    SetFloor, SiteRole,
};
use ogg::PacketReader;
use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Who runs the meeting, by hand.
struct Operator {
    visitor: Visitor,
    number: u32,
    /// How the meeting stands, as it was last told.
    meeting: Meeting,
    notices: Vec<Notice>,
    seats: Vec<Seat>,
}

impl Operator {
    async fn come(hall: &Hall, key: &Identity, seed: u64) -> Self {
        let at = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 2, 1)), 0);
        hall.net.connect(at.ip(), BRIDGE, named("clean").expect("named").0, named("clean").expect("named").1);
        let pins = hall.link().into();
        let mut visitor =
            Visitor::connect(&hall.net, at, BRIDGE, key, pins, seed).await.expect("it comes in");
        visitor.say(Hello { capabilities: OBSERVES, ..hello("giaoban") }).await;
        visitor.welcome().await.expect("welcome");
        let mut operator =
            Self { visitor, number: 0, meeting: Meeting::default(), notices: Vec::new(), seats: Vec::new() };
        operator.listen(Duration::from_millis(500)).await;
        operator
    }

    /// Hears what there is for so long.
    async fn listen(&mut self, time: Duration) {
        // The end of the time is what it waits for.
        let _ = timeout(time, async {
            loop {
                let message = self.visitor.hear().await.expect("the line holds");
                self.note(message.body);
            }
        })
        .await;
    }

    fn note(&mut self, body: Option<Body>) -> Option<(u32, u32)> {
        match body {
            Some(Body::Meeting(meeting)) => self.meeting = meeting,
            Some(Body::Notice(notice)) => self.notices.push(notice),
            Some(Body::Roster(roster)) => self.seats.extend(roster.seats),
            Some(Body::Done(done)) => return Some((done.number, done.code)),
            _ => {}
        }
        None
    }

    async fn act(&mut self, what: What) -> ActCode {
        self.number += 1;
        self.visitor.say(Act { number: self.number, what: Some(what) }).await;
        loop {
            let message = self.visitor.hear().await.expect("the line holds");
            if let Some((number, code)) = self.note(message.body)
                && number == self.number
            {
                return ActCode::from_code(code).expect("known");
            }
        }
    }

    /// Hears what there is until so many seconds after the hall was opened, and lets the bridge know that it is there.
    async fn stay(&mut self, hall: &Hall, seconds: f64) {
        while let Some(left) =
            Duration::from_secs_f64(seconds).checked_sub(hall.elapsed()).filter(|left| !left.is_zero())
        {
            let heartbeat = Report::default().encode().to_vec();
            self.visitor.connection.send_datagram(heartbeat.into()).expect("the line holds");
            self.listen(left.min(Duration::from_secs(5))).await;
        }
    }

    /// The number of whoever has this name.
    fn number_of(&self, name: &str) -> u64 {
        self.seats.iter().rfind(|seat| seat.name == name).expect("it is here").member
    }

    async fn record(&mut self, record: Record) -> ActCode {
        let code = self.act(What::Record(record.code())).await;
        self.listen(Duration::from_millis(300)).await;
        code
    }

    fn recording(&self) -> Option<Recording> {
        Recording::from_code(self.meeting.recording)
    }
}

fn seat(hall: &mut Hall, name: &'static str, says: &[f32], stays: u64) -> hall::Seat {
    let guest = Guest {
        name,
        says: says.to_vec(),
        muted: false,
        max_kbps: 60,
        line: named("clean").expect("named"),
        stays: Duration::from_secs(stays),
    };
    hall.seat(guest).expect("a seat")
}

fn rows(hall: &Hall) -> Vec<RecordingRow> {
    hall.store.edit(|registry| registry.recordings()).expect("inline").expect("reads")
}

fn file(hall: &Hall, ending: &str) -> Vec<u8> {
    hall.recordings.file(&format!("{}.{ending}", rows(hall)[0].file)).expect("a file")
}

fn chapters(hall: &Hall) -> Vec<(f64, String)> {
    let text = String::from_utf8(file(hall, "chapters.txt")).expect("UTF-8");
    let lines: Vec<&str> = text.lines().collect();
    let value = |line: &str| line.split_once('=').expect("a value").1.to_owned();
    lines
        .chunks(2)
        .map(|pair| {
            let time = value(pair[0]);
            let parts: Vec<f64> = time.split(':').map(|part| part.parse().expect("a number")).collect();
            // After the time of day.
            let name = value(pair[1]).split_once(' ').expect("two words").1.to_owned();
            (parts[0] * 3600.0 + parts[1] * 60.0 + parts[2], name)
        })
        .collect()
}

/// As a player plays it.
fn decoded(file: &[u8]) -> Vec<f32> {
    let mut reader = PacketReader::new(Cursor::new(file));
    let mut decoder = Decoder::new().expect("libopus");
    let (mut sound, mut brick) = (Vec::new(), [0.0; 5760]);
    let mut n = 0;
    while let Some(packet) = reader.read_packet().expect("every page is whole") {
        n += 1;
        if n > 2 {
            let samples = decoder.decode(&packet.data, &mut brick).expect("decodes");
            sound.extend_from_slice(&brick[..samples]);
        }
    }
    sound.split_off(312)
}

/// Speech at these seconds of the hall, each for so long, and silence between.
fn speech(spoken: &[f32], turns: &[(f64, f64)]) -> Vec<f32> {
    let (mut says, mut said) = (Vec::new(), 0);
    for &(at, seconds) in turns {
        says.resize((at * SECOND as f64) as usize, 0.0);
        let length = (seconds * SECOND as f64) as usize;
        says.extend_from_slice(&spoken[said..said + length]);
        said += length;
    }
    says
}

/// Where in the recording what was said in that time is; the lag is how much later it is than `expected_at` seconds.
fn found(says: &[f32], (at, seconds): (f64, f64), recording: &[f32], expected_at: f64) -> Alignment {
    let sample = |seconds: f64| (seconds * SECOND as f64) as usize;
    let said = &says[sample(at)..sample(at + seconds)];
    let from = sample(expected_at);
    let found = align(said, &recording[from..(from + said.len() + SECOND).min(recording.len())], SECOND);
    println!(
        "said at {at} s: {:.1} ms late, correlation {:.3}",
        found.lag_samples as f64 / 48.0,
        found.correlation
    );
    found
}

#[test]
fn what_is_recorded_is_what_was_said_and_a_pause_is_left_out() {
    run(async {
        let mut hall = Hall::open(31, 10).expect("a hall");
        let key = hall.enrol_as("Điều hành", SiteRole::Operator).expect("enrolled");
        let turns = [(4.0, 8.0), (18.0, 6.0), (26.0, 5.0), (34.0, 6.0)];
        let says = speech(&voice("en"), &turns);
        let talker = seat(&mut hall, "Tri Lễ", &says, 46);
        // A word now and then: a site that has no company for 20 s is waited for longer, by stretching what it says.
        let words = speech(&voice("ru"), &[(13.0, 0.7), (31.0, 1.5)]);
        let listener = seat(&mut hall, "Quế Phong", &words, 46);
        let mut operator = Operator::come(&hall, &key, 77).await;
        assert_eq!(operator.record(Record::Pause).await, ActCode::NotNow);
        operator.stay(&hall, 2.0).await;
        assert_eq!(operator.record(Record::Start).await, ActCode::Done);
        assert_eq!(operator.recording(), Some(Recording::On));
        assert_eq!(operator.record(Record::Start).await, ActCode::NotNow);
        operator.stay(&hall, 14.0).await;
        let floor = SetFloor { mode: FloorMode::Moderated.code(), turn_s: 0 };
        assert_eq!(operator.act(What::SetFloor(floor)).await, ActCode::Done);
        assert_eq!(operator.act(What::Grant(operator.number_of("Tri Lễ"))).await, ActCode::Done);
        operator.stay(&hall, 25.5).await;
        assert_eq!(operator.record(Record::Pause).await, ActCode::Done);
        assert_eq!(operator.recording(), Some(Recording::Paused));
        operator.stay(&hall, 29.0).await;
        let floor = SetFloor { mode: FloorMode::Open.code(), turn_s: 0 };
        assert_eq!(operator.act(What::SetFloor(floor)).await, ActCode::Done);
        operator.stay(&hall, 33.0).await;
        assert_eq!(operator.record(Record::Start).await, ActCode::Done);
        operator.stay(&hall, 42.0).await;
        assert_eq!(operator.record(Record::Stop).await, ActCode::Done);
        assert_eq!(operator.recording(), Some(Recording::Off));
        let (_, left): (Left, Left) =
            (talker.leave().await.expect("left"), listener.leave().await.expect("left"));

        let recording = decoded(&file(&hall, "opus"));
        let chapters = chapters(&hall);
        println!("{chapters:?}, {} s", recording.len() as f64 / SECOND as f64);
        let names: Vec<&str> = chapters.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "Recording begins / Bắt đầu ghi âm",
                "Tri Lễ",
                "Paused / Tạm dừng",
                "Goes on / Ghi tiếp",
                "Nobody has the floor / Không ai giữ quyền phát biểu"
            ]
        );
        // The file begins when the act was done, at 2.0 s and a little; each turn's place in it follows from that.
        let paused = 33.0 - 25.5;
        let places = [turns[0].0 - 2.0, turns[1].0 - 2.0, turns[3].0 - 2.0 - paused];
        let lags: Vec<isize> = [turns[0], turns[1], turns[3]]
            .into_iter()
            .zip(places)
            .map(|(turn, place)| {
                let found = found(&says, turn, &recording, place);
                assert!(found.correlation > 0.95, "{found:?}");
                found.lag_samples / 48
            })
            .collect();
        // By the line and the wait of the talker's leg, less what the acts took and the frame in which a pause began.
        assert!(lags.iter().all(|lag| (-150..400).contains(lag)), "{lags:?}");
        assert!((lags[0] - lags[1]).abs() < 30, "{lags:?}");
        assert!((chapters[1].0 - 12.0).abs() < 0.3 && (chapters[2].0 - 23.5).abs() < 0.3, "{chapters:?}");
        assert!((chapters[3].0 - chapters[2].0).abs() < 0.01);
        // Between the turns there is silence, but for the cue.
        let silence = &recording[13 * SECOND..15 * SECOND];
        assert!(level_db(silence) < -60.0, "{:.1} dBFS", level_db(silence));
        // What was said in the pause is not there.
        let pause = &says[26 * SECOND..31 * SECOND];
        let leaked = align(pause, &recording, recording.len());
        assert!(leaked.correlation < 0.3, "{leaked:?}");
        // All hear that recording begins and ends.
        let cue: Vec<f32> =
            (0..9600).map(|n| (std::f32::consts::TAU * 660.0 * n as f32 / 48_000.0).sin()).collect();
        let begins = align(&cue, &left.heard[2 * SECOND..3 * SECOND + SECOND / 2], SECOND);
        assert!(begins.correlation > 0.8, "{begins:?}");
        assert_eq!(rows(&hall)[0].state, RecordingState::Ended);
        let audit = hall.store.edit(|registry| registry.audit(AuditFilter::default())).expect("inline");
        let acts: Vec<(String, String)> = audit
            .expect("reads")
            .into_iter()
            .filter(|row| row.act.starts_with("recording"))
            .map(|row| (row.act, row.actor))
            .collect();
        println!("{acts:?}");
        let done: Vec<&str> = acts.iter().map(|(act, _)| act.as_str()).collect();
        assert_eq!(done, ["recording started", "recording paused", "recording goes on", "recording ended"]);
        assert!(acts.iter().all(|(_, actor)| actor.contains("Điều hành")), "{acts:?}");
    });
}

#[test]
fn after_a_restart_the_same_file_goes_on() {
    run(async {
        let mut hall = Hall::open(32, 10).expect("a hall");
        let key = hall.enrol_as("Điều hành", SiteRole::Operator).expect("enrolled");
        let turns = [(3.0, 7.0), (28.0, 10.0)];
        let says = speech(&voice("fr"), &turns);
        let talker = seat(&mut hall, "Tri Lễ", &says, 45);
        // Company: see above.
        let other = seat(&mut hall, "Quế Phong", &speech(&voice("ru"), &[(25.0, 1.0)]), 45);
        let mut operator = Operator::come(&hall, &key, 78).await;
        operator.stay(&hall, 2.0).await;
        assert_eq!(operator.record(Record::Start).await, ActCode::Done);
        operator.stay(&hall, 12.0).await;
        drop(operator);
        let hall = hall.restart().await.expect("again");
        let restarted = hall.elapsed();
        println!("restarted at {restarted:?}");
        sleep(Duration::from_secs(24).saturating_sub(restarted)).await;
        let mut operator = Operator::come(&hall, &key, 79).await;
        assert_eq!(operator.recording(), Some(Recording::On), "{:?}", operator.meeting);
        operator.stay(&hall, 40.0).await;
        assert_eq!(operator.record(Record::Stop).await, ActCode::Done);
        talker.leave().await.expect("left");
        other.leave().await.expect("left");
        assert_eq!(rows(&hall).len(), 1);
        let (recording, chapters) = (decoded(&file(&hall, "opus")), chapters(&hall));
        println!("{chapters:?}, {} s", recording.len() as f64 / SECOND as f64);
        let first = found(&says, turns[0], &recording, turns[0].0 - 2.0);
        assert!(first.correlation > 0.95 && (-60 * 48..400 * 48).contains(&first.lag_samples));
        // Up to a page of what came before the restart is gone, and how long everybody was away takes no time.
        let (again, words) = &chapters[1];
        assert!(words.starts_with("The bridge was started again") && *again > 9.4, "{chapters:?}");
        let end = recording.len() as f64 / SECOND as f64;
        let second = found(&says, turns[1], &recording, end - (40.0 - turns[1].0) - 0.5);
        assert!(second.correlation > 0.95, "{second:?}");
        assert!(end > again + 10.0 && end < 38.0, "{end}");
    });
}

#[test]
fn a_full_disk_ends_the_recording_within_five_seconds_and_not_the_meeting() {
    run(async {
        let mut hall = Hall::open(33, 10).expect("a hall");
        let key = hall.enrol_as("Điều hành", SiteRole::Operator).expect("enrolled");
        let says = speech(&voice("it"), &[(2.0, 20.0)]);
        let talker = seat(&mut hall, "Tri Lễ", &says, 26);
        let listener = seat(&mut hall, "Quế Phong", &[], 26);
        let mut operator = Operator::come(&hall, &key, 80).await;
        assert_eq!(operator.record(Record::Start).await, ActCode::Done);
        operator.stay(&hall, 6.0).await;
        hall.recordings.set_room(Some(0));
        operator.listen(Duration::from_secs(5)).await;
        assert_eq!(operator.recording(), Some(Recording::Failed));
        let failed = NoticeKind::RecordingFailed.code();
        assert_eq!(operator.notices.iter().filter(|notice| notice.kind == failed).count(), 1);
        assert_eq!(operator.record(Record::Stop).await, ActCode::NotNow);
        assert_eq!(operator.record(Record::Start).await, ActCode::Failed);
        hall.recordings.set_room(None);
        assert_eq!(operator.record(Record::Start).await, ActCode::Done);
        assert_eq!(operator.recording(), Some(Recording::On));
        let left = (talker.leave().await.expect("left"), listener.leave().await.expect("left"));
        let heard = align(&says[8 * SECOND..18 * SECOND], &left.1.heard[8 * SECOND..21 * SECOND], 2 * SECOND);
        assert!(heard.correlation > 0.9, "the meeting went on: {heard:?}");
        let states: Vec<&str> = rows(&hall).iter().map(|row| row.state.as_str()).collect();
        // Nobody is there any more: that ends the last.
        operator.visitor.connection.close(0u32.into(), b"");
        sleep(Duration::from_secs(1)).await;
        println!("{states:?}");
        assert_eq!(states[..2], ["failed", "failed"]);
        assert_eq!(rows(&hall).last().map(|row| row.state), Some(RecordingState::Ended));
    });
}

#[test]
fn an_announcement_is_heard_by_all_and_obeys_no_floor() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(path("ru"), folder.path().join("Khai mạc.wav")).expect("copied");
    std::fs::write(folder.path().join("broken.wav"), b"nothing").expect("written");
    let announcements = Announcements::of(folder.path());
    run(async {
        let mut hall = Hall::open_with(34, 10, Some(announcements)).expect("a hall");
        let key = hall.enrol_as("Điều hành", SiteRole::Operator).expect("enrolled");
        // It speaks all the time, and hears the announcement all the same; nobody hears it without the floor.
        let says = speech(&voice("en"), &[(2.0, 28.0)]);
        let talker = seat(&mut hall, "Tri Lễ", &says, 40);
        let listener = seat(&mut hall, "Quế Phong", &[], 40);
        let mut operator = Operator::come(&hall, &key, 81).await;
        let floor = SetFloor { mode: FloorMode::Announcement.code(), turn_s: 0 };
        assert_eq!(operator.act(What::SetFloor(floor)).await, ActCode::Done);
        for (name, code) in [
            ("nothing", ActCode::NobodyThere),
            ("../Khai mạc", ActCode::NobodyThere),
            ("broken", ActCode::Wrong),
            ("", ActCode::NotNow),
        ] {
            assert_eq!(operator.act(What::Play(name.into())).await, code, "{name}");
        }
        operator.stay(&hall, 4.0).await;
        assert_eq!(operator.act(What::Play("Khai mạc".into())).await, ActCode::Done);
        operator.listen(Duration::from_secs(1)).await;
        assert_eq!(operator.meeting.playing, "Khai mạc");
        operator.stay(&hall, 20.0).await;
        operator.stay(&hall, 37.0).await;
        assert_eq!(operator.meeting.playing, "", "it is over after half a minute");
        assert_eq!(operator.act(What::Play("Khai mạc.wav".into())).await, ActCode::Done);
        operator.listen(Duration::from_millis(500)).await;
        assert_eq!(operator.act(What::Play(String::new())).await, ActCode::Done);
        operator.listen(Duration::from_millis(500)).await;
        assert_eq!(operator.meeting.playing, "");
        for left in [talker.leave().await.expect("left"), listener.leave().await.expect("left")] {
            // What comes later is stretched at whoever has said nothing for 20 s.
            let said = &voice("ru")[2 * SECOND..12 * SECOND];
            let heard = align(said, &left.heard[4 * SECOND..18 * SECOND], 4 * SECOND);
            println!("{heard:?}");
            assert!(heard.correlation > 0.9, "{heard:?}");
        }
    });
}
