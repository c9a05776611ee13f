//! What is said of the floor, the roll call and the recording, in each language.

use super::Lang;
use crate::floor::News;
use crate::roster::Bar;
use giaoban_proto::wire::{ActCode, FloorMode, NoticeKind, Recording};

pub(super) fn news(news: News, answers: bool, lang: Lang) -> String {
    match news {
        News::Mode { mode, speaks } => match (mode, speaks) {
            (FloorMode::Open, _) => lang.text("floor-open").into(),
            (FloorMode::Moderated, true) => lang.text("floor-by-hands").into(),
            (FloorMode::Moderated, false) => lang.text("floor-by-hands-unheard").into(),
            (FloorMode::Announcement, true) => lang.text("floor-announcement").into(),
            (FloorMode::Announcement, false) => lang.text("floor-announcement-unheard").into(),
        },
        News::Yours { seconds: 0 } => lang.text("floor-yours").into(),
        News::Yours { seconds } => lang.with("floor-yours-for", &[("length", &length(seconds, lang))]),
        News::Ending => lang.text("floor-ending").into(),
        News::Gone => lang.text("floor-gone").into(),
        News::Place(1) => lang.text("floor-first").into(),
        News::Place(place) => lang.with("floor-place", &[("before", &(place - 1))]),
        News::Lowered => lang.text("floor-lowered").into(),
        News::Roll { number, .. } if answers => lang.with("floor-roll-answered", &[("number", &number)]),
        News::Roll { number, seconds } => {
            lang.with("floor-roll", &[("number", &number), ("length", &length(seconds, lang))])
        }
        News::Counted => lang.text("floor-counted").into(),
        News::Recording(Recording::On) => lang.text("floor-recording").into(),
        News::Recording(Recording::Paused) => lang.text("floor-recording-paused").into(),
        News::Recording(Recording::Off) => lang.text("floor-recording-over").into(),
        News::Recording(Recording::Failed) => lang.text("floor-recording-failed").into(),
    }
}

pub(super) fn unheard(why: Option<Bar>, lang: Lang) -> String {
    let key = match why {
        None => "floor-unheard-muted",
        Some(Bar::Listener) => "floor-unheard-listener",
        Some(Bar::Silenced) => "floor-unheard-silenced",
        Some(Bar::NoFloor) => "floor-unheard-no-floor",
    };
    lang.text(key).into()
}

pub(super) fn notice(kind: NoticeKind, name: &str, number: u64, own: bool, lang: Lang) -> String {
    match (kind, own) {
        (NoticeKind::CameTwice, _) => lang.with("floor-came-twice", &[("name", &name), ("number", &number)]),
        (NoticeKind::Howls, true) => lang.text("floor-howls-own").into(),
        (NoticeKind::Howls, false) => lang.with("floor-howls", &[("name", &name), ("number", &number)]),
        (NoticeKind::Echoes, true) => lang.text("floor-echoes-own").into(),
        (NoticeKind::Echoes, false) => lang.with("floor-echoes", &[("name", &name), ("number", &number)]),
        (NoticeKind::TookOver, true) => lang.text("floor-took-over-own").into(),
        (NoticeKind::TookOver, false) => {
            lang.with("floor-took-over", &[("name", &name), ("number", &number)])
        }
        (NoticeKind::RecordingFailed, _) => lang.text("floor-bridge-cannot-record").into(),
    }
}

/// Why an act was not done; only for what is not `Done`.
pub(super) fn code(code: Option<ActCode>, lang: Lang) -> &'static str {
    lang.text(match code {
        Some(ActCode::Done) => "floor-act-done",
        Some(ActCode::NotAllowed) => "floor-act-not-allowed",
        Some(ActCode::NobodyThere) => "floor-act-nobody-there",
        Some(ActCode::Unknown) => "floor-act-unknown",
        Some(ActCode::Full) => "floor-act-full",
        Some(ActCode::Failed) => "floor-act-failed",
        Some(ActCode::NotNow) => "floor-act-not-now",
        Some(ActCode::Wrong) => "floor-act-wrong",
        Some(ActCode::TooOften) => "floor-act-too-often",
        None => "floor-act-newer",
    })
}

/// A length of time as people say it: whole minutes where it is some.
fn length(seconds: u32, lang: Lang) -> String {
    if seconds >= 60 && seconds.is_multiple_of(60) {
        lang.with("floor-minutes", &[("number", &(seconds / 60))])
    } else {
        lang.with("floor-seconds", &[("number", &seconds)])
    }
}
