//! What was done by an operator, and how a meeting stands, in each language.

use crate::ctl::Deed;
use giaoban_proto::wire::{FloorMode, Meeting, Record, Recording, Seat};

pub(super) fn english_deed(deed: &Deed) -> String {
    match deed {
        Deed::Admit(number) => format!("guest {number} was let in"),
        Deed::Refuse(number) => format!("guest {number} was turned away"),
        Deed::Expel(number) => format!("member {number} was put out"),
        Deed::Silence(number) => format!("member {number} was silenced"),
        Deed::Unsilence(number) => format!("member {number} may speak again"),
        Deed::Grant(0) => "the first hand has the floor".into(),
        Deed::Grant(number) => format!("member {number} has the floor"),
        Deed::TakeBack => "the floor was taken back".into(),
        Deed::Lower(0) => "all hands are down".into(),
        Deed::Lower(number) => format!("the hand of member {number} is down"),
        Deed::Floor(FloorMode::Open, _) => "the floor is open: everybody may speak".into(),
        Deed::Floor(mode, turn_s) => {
            let mode = match mode {
                FloorMode::Announcement => "one site speaks, the others listen",
                _ => "from now on the floor is given by hands",
            };
            if *turn_s == 0 { mode.into() } else { format!("{mode}, {turn_s} s at a time") }
        }
        Deed::SilenceAll(false) => "all but operators were silenced".into(),
        Deed::SilenceAll(true) => "all but operators and whoever has the floor were silenced".into(),
        Deed::UnsilenceAll => "nobody is silenced any more".into(),
        Deed::Lock(true) => "the room is locked".into(),
        Deed::Lock(false) => "the room is unlocked".into(),
        Deed::Newcomers(true) => "newcomers come in silenced".into(),
        Deed::Newcomers(false) => "newcomers may speak".into(),
        Deed::Rename(number, name) => format!("member {number} is now called {name}"),
        Deed::Gain(number, db) => format!("member {number} is heard with {db:+} dB"),
        Deed::RollCall(0) => "the roll call is over".into(),
        Deed::RollCall(seconds) => format!("the roll is called, for {seconds} s"),
        Deed::Tick(number) => format!("member {number} is counted as present"),
        Deed::Untick(number) => format!("member {number} is not counted as present"),
        Deed::Record(Record::Start) => "the recording runs".into(),
        Deed::Record(Record::Stop) => "the recording has ended".into(),
        Deed::Record(Record::Pause) => "the recording pauses".into(),
        Deed::Play(name) if name.is_empty() => "nothing is played any more".into(),
        Deed::Play(name) => format!("{name} is played"),
        Deed::Say(_, false) => "said to all".into(),
        Deed::Say(_, true) => "said to the operators".into(),
        Deed::Deputy(0) => "there is no deputy".into(),
        Deed::TwoWay(number, true) => format!("source {number} hears the meeting"),
        Deed::TwoWay(number, false) => format!("source {number} hears nothing of the meeting"),
        Deed::Deputy(number) => format!("member {number} may take the operator's place when there is none"),
    }
}

pub(super) fn vietnamese_deed(deed: &Deed) -> String {
    match deed {
        Deed::Admit(number) => format!("đã cho khách số {number} vào"),
        Deed::Refuse(number) => format!("đã từ chối khách số {number}"),
        Deed::Expel(number) => format!("đã cho điểm số {number} rời phòng"),
        Deed::Silence(number) => format!("đã tắt tiếng điểm số {number}"),
        Deed::Unsilence(number) => format!("điểm số {number} được nói lại"),
        Deed::Grant(0) => "đã mời người giơ tay đầu tiên phát biểu".into(),
        Deed::Grant(number) => format!("đã mời điểm số {number} phát biểu"),
        Deed::TakeBack => "đã dừng lượt phát biểu".into(),
        Deed::Lower(0) => "đã hạ tất cả các tay".into(),
        Deed::Lower(number) => format!("đã hạ tay của điểm số {number}"),
        Deed::Floor(FloorMode::Open, _) => "nói tự do: ai cũng được phát biểu".into(),
        Deed::Floor(mode, turn_s) => {
            let mode = match mode {
                FloorMode::Announcement => "một điểm nói, các điểm khác nghe",
                _ => "từ nay phát biểu theo thứ tự giơ tay",
            };
            if *turn_s == 0 { mode.into() } else { format!("{mode}, mỗi lượt {turn_s} giây") }
        }
        Deed::SilenceAll(false) => "đã tắt tiếng tất cả, trừ người điều hành".into(),
        Deed::SilenceAll(true) => "đã tắt tiếng tất cả, trừ người điều hành và người đang phát biểu".into(),
        Deed::UnsilenceAll => "không còn ai bị tắt tiếng".into(),
        Deed::Lock(true) => "phòng đã khóa".into(),
        Deed::Lock(false) => "phòng đã mở khóa".into(),
        Deed::Newcomers(true) => "người mới vào sẽ bị tắt tiếng".into(),
        Deed::Newcomers(false) => "người mới vào được nói".into(),
        Deed::Rename(number, name) => format!("điểm số {number} nay tên là {name}"),
        Deed::Gain(number, db) => format!("tiếng của điểm số {number} được chỉnh {db:+} dB"),
        Deed::RollCall(0) => "đã dừng điểm danh".into(),
        Deed::RollCall(seconds) => format!("đang điểm danh, trong {seconds} giây"),
        Deed::Tick(number) => format!("đã ghi nhận điểm số {number} có mặt"),
        Deed::Untick(number) => format!("đã bỏ ghi nhận điểm số {number} có mặt"),
        Deed::Record(Record::Start) => "đang ghi âm".into(),
        Deed::Record(Record::Stop) => "đã dừng ghi âm".into(),
        Deed::Record(Record::Pause) => "đã tạm dừng ghi âm".into(),
        Deed::Play(name) if name.is_empty() => "đã dừng phát".into(),
        Deed::Play(name) => format!("đang phát {name}"),
        Deed::Say(_, false) => "đã nhắn tất cả".into(),
        Deed::Say(_, true) => "đã nhắn người điều hành".into(),
        Deed::Deputy(0) => "không còn phó điều hành".into(),
        Deed::TwoWay(number, true) => format!("nguồn phát số {number} được nghe cuộc họp"),
        Deed::TwoWay(number, false) => format!("nguồn phát số {number} không nghe cuộc họp nữa"),
        Deed::Deputy(number) => format!("điểm số {number} được tiếp quản khi không có người điều hành"),
    }
}

pub(super) const fn english_not_now(deed: &Deed) -> &'static str {
    match deed {
        Deed::Grant(_) | Deed::TakeBack | Deed::Lower(_) => {
            "nobody's hand is up or has the floor, or the floor is open; see `giaoban ctl status`"
        }
        Deed::Tick(_) | Deed::Untick(_) | Deed::RollCall(_) => "there is no roll call; call one first",
        _ => "not as the meeting stands now; see `giaoban ctl status`",
    }
}

pub(super) const fn vietnamese_not_now(deed: &Deed) -> &'static str {
    match deed {
        Deed::Grant(_) | Deed::TakeBack | Deed::Lower(_) => {
            "không ai giơ tay hay đang phát biểu, hoặc đang nói tự do; hãy xem `giaoban ctl status`"
        }
        Deed::Tick(_) | Deed::Untick(_) | Deed::RollCall(_) => "chưa có điểm danh; hãy điểm danh trước",
        _ => "lúc này cuộc họp chưa cho phép; hãy xem `giaoban ctl status`",
    }
}

pub(super) fn english_meeting(meeting: &Meeting, seats: &[Seat]) -> String {
    let mut all = vec![match FloorMode::from_code(meeting.mode) {
        Some(FloorMode::Open) => "the floor is open".to_owned(),
        Some(FloorMode::Moderated) => "the floor is given by hands".into(),
        Some(FloorMode::Announcement) => "one site speaks".into(),
        None => "the floor is in a mode that this version does not know".into(),
    }];
    if let Some(seat) = holder(meeting, seats) {
        all.push(format!("{} has it", seat.name));
    }
    if meeting.left_s != 0 {
        all.push(format!("{} s are left", meeting.left_s));
    }
    if meeting.turn_s != 0 {
        all.push(format!("turns of {} s", meeting.turn_s));
    }
    all.extend(recording(meeting, ["recorded", "recording paused", "recording failed"]));
    if let Some((here, of)) = answered(meeting, seats) {
        let runs = if meeting.roll_left_s == 0 { "" } else { " so far" };
        all.push(format!("roll call {}: {here} of {of} present{runs}", meeting.roll));
    }
    let marks = [
        (meeting.locked, "locked"),
        (meeting.newcomers_silent, "newcomers silenced"),
        (!meeting.has_operator, "no operator"),
    ];
    all.extend(marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark.to_owned()));
    if !meeting.playing.is_empty() {
        all.push(format!("{} is played", meeting.playing));
    }
    all.join(", ")
}

pub(super) fn vietnamese_meeting(meeting: &Meeting, seats: &[Seat]) -> String {
    let mut all = vec![match FloorMode::from_code(meeting.mode) {
        Some(FloorMode::Open) => "nói tự do".to_owned(),
        Some(FloorMode::Moderated) => "phát biểu theo thứ tự giơ tay".into(),
        Some(FloorMode::Announcement) => "một điểm nói".into(),
        None => "cách phát biểu mà phiên bản này chưa biết".into(),
    }];
    if let Some(seat) = holder(meeting, seats) {
        all.push(format!("{} đang phát biểu", seat.name));
    }
    if meeting.left_s != 0 {
        all.push(format!("còn {} giây", meeting.left_s));
    }
    if meeting.turn_s != 0 {
        all.push(format!("mỗi lượt {} giây", meeting.turn_s));
    }
    all.extend(recording(meeting, ["đang ghi âm", "tạm dừng ghi âm", "ghi âm bị lỗi"]));
    if let Some((here, of)) = answered(meeting, seats) {
        let runs = if meeting.roll_left_s == 0 { "" } else { " (đang điểm danh)" };
        all.push(format!("điểm danh lần {}: {here}/{of} có mặt{runs}", meeting.roll));
    }
    let marks = [
        (meeting.locked, "phòng khóa"),
        (meeting.newcomers_silent, "người mới bị tắt tiếng"),
        (!meeting.has_operator, "không có người điều hành"),
    ];
    all.extend(marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark.to_owned()));
    if !meeting.playing.is_empty() {
        all.push(format!("đang phát {}", meeting.playing));
    }
    all.join(", ")
}

fn holder<'a>(meeting: &Meeting, seats: &'a [Seat]) -> Option<&'a Seat> {
    seats.iter().find(|seat| meeting.holder != 0 && seat.member == meeting.holder)
}

fn recording(meeting: &Meeting, [on, paused, failed]: [&str; 3]) -> Option<String> {
    match Recording::from_code(meeting.recording)? {
        Recording::Off => None,
        Recording::On => Some(on.into()),
        Recording::Paused => Some(paused.into()),
        Recording::Failed => Some(failed.into()),
    }
}

/// How many have answered the last roll call, of how many; `None` where there was none.
fn answered(meeting: &Meeting, seats: &[Seat]) -> Option<(usize, usize)> {
    let called = seats.iter().filter(|seat| crate::roster::is_called(seat));
    (meeting.roll != 0)
        .then(|| (called.clone().filter(|seat| seat.present == meeting.roll).count(), called.count()))
}
