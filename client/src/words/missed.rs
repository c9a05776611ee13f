//! What is said of what a site missed, in each language.

use super::Lang;
use super::loss;
use crate::missed::run::Progress;
use crate::missed::{Known, News};
use crate::session::Loss;
use giaoban_proto::wire::{FetchCode, Kept};

/// So many seconds as people say it.
fn length(seconds: u64, lang: Lang) -> String {
    match seconds {
        0..120 => lang.with("missed-seconds", &[("seconds", &seconds)]),
        _ => lang.with("missed-minutes", &[("number", &seconds.div_ceil(60))]),
    }
}

pub(super) fn news(news: News, lang: Lang) -> String {
    match news {
        News::Missed { seconds, fetches: true } => {
            lang.with("missed-fetched-now", &[("length", &length(seconds, lang))])
        }
        News::Missed { seconds, fetches: false } => {
            lang.with("missed-fetch-it", &[("length", &length(seconds, lang))])
        }
        News::NotHad(code) => lang.with("missed-not-fetched", &[("why", &self::code(Some(code), lang))]),
    }
}

pub(super) fn there(path: &str, seconds: u64, lang: Lang) -> String {
    lang.with("missed-is-here", &[("length", &length(seconds, lang)), ("path", &path)])
}

pub(super) fn code(code: Option<FetchCode>, lang: Lang) -> &'static str {
    lang.text(match code {
        Some(FetchCode::NotAllowed) => "missed-code-not-allowed",
        Some(FetchCode::NotThere) => "missed-code-not-there",
        Some(FetchCode::Busy) => "missed-code-busy",
        Some(FetchCode::Failed) => "missed-code-failed",
        Some(FetchCode::GoesOn) => "missed-code-goes-on",
        None => "missed-code-newer",
    })
}

/// What `giaoban missed` says.
#[derive(Clone, Copy, Debug)]
pub enum MissedWords<'a> {
    /// A recording that is there.
    Listed {
        /// What the bridge says of it.
        kept: &'a Kept,
        /// What this device knows of it.
        known: &'a Known,
    },
    /// There is none.
    NothingListed,
    /// How far it is.
    Progress(Progress),
    /// The file whose name stands before this is whole.
    Saved,
    /// It was interrupted.
    Interrupted,
    /// It is not to be had.
    NotHad(Option<FetchCode>),
    /// The bridge said no.
    Refused(Loss, &'a str),
    /// Nothing answered.
    NotReachable(Loss, &'a str),
}

impl MissedWords<'_> {
    /// In words.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        match *self {
            Self::Listed { kept, known } => {
                let (length, has) = (kept.length_ms / 1000, known.has.total() / 1000);
                let goes_on = if kept.runs { lang.text("missed-goes-on") } else { "" };
                let missed = known.wants.total() / 1000;
                lang.with(
                    "missed-listed",
                    &[
                        ("recording", &kept.recording),
                        ("began", &date(kept.began_unix_s)),
                        ("length", &self::length(length, lang)),
                        ("goes_on", &goes_on),
                        ("missed", &self::length(missed, lang)),
                        ("here", &self::length(has, lang)),
                    ],
                )
            }
            Self::NothingListed => lang.text("missed-nothing-listed").into(),
            Self::Progress(Progress { has_ms, all_ms }) => lang.with(
                "missed-progress",
                &[("has", &length(has_ms / 1000, lang)), ("all", &length(all_ms / 1000, lang))],
            ),
            Self::Saved => lang.text("missed-saved").into(),
            Self::Interrupted => lang.text("missed-interrupted").into(),
            Self::NotHad(code) => lang.with("missed-not-had", &[("why", &self::code(code, lang))]),
            Self::Refused(loss, host) => {
                lang.with("missed-refused", &[("why", &loss::loss(loss, host, lang))])
            }
            Self::NotReachable(loss, host) => {
                lang.with("missed-no-answer", &[("why", &loss::loss(loss, host, lang))])
            }
        }
    }
}

/// A moment in Vietnam's time, UTC+7 all year, as people write it.
fn date(unix_s: u64) -> String {
    // Days to a civil date: H. Hinnant, "chrono-compatible low-level date algorithms".
    let local = unix_s + 7 * 3600;
    let (days, s) = (local / 86_400 + 719_468, local % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (d, m) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let y = year + era * 400 + u64::from(m <= 2);
    format!("{d:02}/{m:02}/{y} {:02}:{:02}", s / 3600, s / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::super::each_has_a_line_of_its_own;
    use super::*;

    #[test]
    fn a_recording_in_the_list_has_its_day_its_length_and_what_is_here() {
        assert_eq!(date(1_767_225_600), "01/01/2026 07:00");
        assert_eq!(date(1_709_164_800), "29/02/2024 07:00");
        let kept =
            Kept { recording: 7, began_unix_s: 1_767_225_600, length_ms: 3_600_000, ..Kept::default() };
        let mut known = Known::default();
        known.wants.add((0, 40_000));
        known.has.add((0, 20_000));
        let listed = MissedWords::Listed { kept: &kept, known: &known };
        assert_eq!(listed.text(Lang::En), "7: 01/01/2026 07:00, 60 min; missed 40 s, here 20 s");
        assert!(listed.text(Lang::Vi).contains("60 phút"));
    }

    #[test]
    fn every_message_has_one_line_of_its_own_in_each_language() {
        let kept = Kept { recording: 7, length_ms: 90_000, runs: true, ..Kept::default() };
        let known = Known::default();
        let mut messages = vec![
            MissedWords::Listed { kept: &kept, known: &known },
            MissedWords::NothingListed,
            MissedWords::Progress(Progress { has_ms: 20_000, all_ms: 400_000 }),
            MissedWords::Saved,
            MissedWords::Interrupted,
            MissedWords::NotHad(None),
            MissedWords::Refused(Loss::WrongKey, "hop.example.vn"),
            MissedWords::NotReachable(Loss::Broken, "hop.example.vn"),
        ];
        let codes = (0..100).filter_map(FetchCode::from_code);
        messages.extend(codes.map(|code| MissedWords::NotHad(Some(code))));
        each_has_a_line_of_its_own(&messages, |message, lang| message.text(lang));
    }
}
