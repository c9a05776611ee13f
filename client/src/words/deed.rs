//! What was done by an operator, and how a meeting stands, in each language.

use super::Lang;
use crate::ctl::Deed;
use giaoban_proto::wire::{FloorMode, Meeting, Record, Recording, Seat};

pub(super) fn deed(deed: &Deed, lang: Lang) -> String {
    match deed {
        Deed::Admit(number) => lang.with("deed-admit", &[("number", &number)]),
        Deed::Refuse(number) => lang.with("deed-refuse", &[("number", &number)]),
        Deed::Expel(number) => lang.with("deed-expel", &[("number", &number)]),
        Deed::Silence(number) => lang.with("deed-silence", &[("number", &number)]),
        Deed::Unsilence(number) => lang.with("deed-unsilence", &[("number", &number)]),
        Deed::Grant(0) => lang.text("deed-grant-first").into(),
        Deed::Grant(number) => lang.with("deed-grant", &[("number", &number)]),
        Deed::TakeBack => lang.text("deed-take-back").into(),
        Deed::Lower(0) => lang.text("deed-lower-all").into(),
        Deed::Lower(number) => lang.with("deed-lower", &[("number", &number)]),
        Deed::Floor(FloorMode::Open, _) => lang.text("deed-open").into(),
        Deed::Floor(mode, turn_s) => {
            let mode = match mode {
                FloorMode::Announcement => lang.text("deed-announcement"),
                _ => lang.text("deed-by-hands"),
            };
            if *turn_s == 0 {
                mode.into()
            } else {
                lang.with("deed-turns", &[("mode", &mode), ("turn_s", &turn_s)])
            }
        }
        Deed::SilenceAll(false) => lang.text("deed-silence-all").into(),
        Deed::SilenceAll(true) => lang.text("deed-silence-all-but-floor").into(),
        Deed::UnsilenceAll => lang.text("deed-unsilence-all").into(),
        Deed::Lock(true) => lang.text("deed-locked").into(),
        Deed::Lock(false) => lang.text("deed-unlocked").into(),
        Deed::Newcomers(true) => lang.text("deed-newcomers-silent").into(),
        Deed::Newcomers(false) => lang.text("deed-newcomers-speak").into(),
        Deed::Rename(number, name) => lang.with("deed-rename", &[("number", &number), ("name", &name)]),
        Deed::Gain(number, db) => lang.with("deed-gain", &[("number", &number), ("db", &format!("{db:+}"))]),
        Deed::RollCall(0) => lang.text("deed-roll-over").into(),
        Deed::RollCall(seconds) => lang.with("deed-roll", &[("seconds", &seconds)]),
        Deed::Tick(number) => lang.with("deed-tick", &[("number", &number)]),
        Deed::Untick(number) => lang.with("deed-untick", &[("number", &number)]),
        Deed::Record(Record::Start) => lang.text("deed-record").into(),
        Deed::Record(Record::Stop) => lang.text("deed-record-stop").into(),
        Deed::Record(Record::Pause) => lang.text("deed-record-pause").into(),
        Deed::Play(name) if name.is_empty() => lang.text("deed-play-nothing").into(),
        Deed::Play(name) => lang.with("deed-play", &[("name", &name)]),
        Deed::Say(_, false) => lang.text("deed-said").into(),
        Deed::Say(_, true) => lang.text("deed-said-to-operators").into(),
        Deed::Deputy(0) => lang.text("deed-deputy-nobody").into(),
        Deed::TwoWay(number, true) => lang.with("deed-two-way", &[("number", &number)]),
        Deed::TwoWay(number, false) => lang.with("deed-one-way", &[("number", &number)]),
        Deed::Deputy(number) => lang.with("deed-deputy", &[("number", &number)]),
    }
}

pub(super) fn not_now(deed: &Deed, lang: Lang) -> &'static str {
    lang.text(match deed {
        Deed::Grant(_) | Deed::TakeBack | Deed::Lower(_) => "deed-not-now-floor",
        Deed::Tick(_) | Deed::Untick(_) | Deed::RollCall(_) => "deed-not-now-roll",
        _ => "deed-not-now",
    })
}

pub(super) fn meeting(meeting: &Meeting, seats: &[Seat], lang: Lang) -> String {
    let mut all = vec![match FloorMode::from_code(meeting.mode) {
        Some(FloorMode::Open) => lang.text("deed-is-open").to_owned(),
        Some(FloorMode::Moderated) => lang.text("deed-is-by-hands").into(),
        Some(FloorMode::Announcement) => lang.text("deed-is-announcement").into(),
        None => lang.text("deed-is-of-newer-mode").into(),
    }];
    if let Some(seat) = holder(meeting, seats) {
        all.push(lang.with("deed-holds", &[("name", &seat.name)]));
    }
    if meeting.left_s != 0 {
        all.push(lang.with("deed-left", &[("seconds", &meeting.left_s)]));
    }
    if meeting.turn_s != 0 {
        all.push(lang.with("deed-turn", &[("seconds", &meeting.turn_s)]));
    }
    all.extend(recording(meeting, lang));
    if let Some((here, of)) = answered(meeting, seats) {
        let key = if meeting.roll_left_s == 0 { "deed-present" } else { "deed-present-so-far" };
        all.push(lang.with(key, &[("roll", &meeting.roll), ("here", &here), ("of", &of)]));
    }
    let marks = [
        (meeting.locked, lang.text("deed-is-locked")),
        (meeting.newcomers_silent, lang.text("deed-newcomers-silenced")),
        (!meeting.has_operator, lang.text("deed-no-operator")),
    ];
    all.extend(marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark.to_owned()));
    if !meeting.playing.is_empty() {
        all.push(lang.with("deed-played", &[("name", &meeting.playing)]));
    }
    all.join(", ")
}

fn holder<'a>(meeting: &Meeting, seats: &'a [Seat]) -> Option<&'a Seat> {
    seats.iter().find(|seat| meeting.holder != 0 && seat.member == meeting.holder)
}

fn recording(meeting: &Meeting, lang: Lang) -> Option<String> {
    let key = match Recording::from_code(meeting.recording)? {
        Recording::Off => return None,
        Recording::On => "deed-is-recorded",
        Recording::Paused => "deed-recording-paused",
        Recording::Failed => "deed-recording-failed",
    };
    Some(lang.text(key).into())
}

/// How many have answered the last roll call, of how many; `None` where there was none.
fn answered(meeting: &Meeting, seats: &[Seat]) -> Option<(usize, usize)> {
    let called = seats.iter().filter(|seat| crate::roster::is_called(seat));
    (meeting.roll != 0)
        .then(|| (called.clone().filter(|seat| seat.present == meeting.roll).count(), called.count()))
}
