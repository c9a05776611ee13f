//! What is said of what a site missed, in each language.

use super::Lang;
use super::loss::{english_loss, vietnamese_loss};
use crate::missed::run::Progress;
use crate::missed::{Known, News};
use crate::session::Loss;
use giaoban_proto::wire::{FetchCode, Kept};

/// So many seconds as people say it.
fn english(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}

fn vietnamese(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} giây"),
        _ => format!("{} phút", seconds.div_ceil(60)),
    }
}

pub(super) fn english_news(news: News) -> String {
    match news {
        News::Missed { seconds, fetches: true } => format!(
            "you missed {}; it is recorded and is being fetched while nobody speaks",
            english(seconds)
        ),
        News::Missed { seconds, fetches: false } => {
            format!("you missed {}; it is recorded: `giaoban missed` fetches it", english(seconds))
        }
        News::NotHad(code) => format!("what you missed is not fetched: {}", english_code(Some(code))),
    }
}

pub(super) fn vietnamese_news(news: News) -> String {
    match news {
        News::Missed { seconds, fetches: true } => format!(
            "bạn đã lỡ {}; phần này có ghi âm và đang được tải về lúc không ai nói",
            vietnamese(seconds)
        ),
        News::Missed { seconds, fetches: false } => {
            format!("bạn đã lỡ {}; phần này có ghi âm: lệnh `giaoban missed` sẽ tải về", vietnamese(seconds))
        }
        News::NotHad(code) => format!("không tải được phần đã lỡ: {}", vietnamese_code(Some(code))),
    }
}

pub(super) fn english_there(path: &str, seconds: u64) -> String {
    format!(
        "what you missed ({}) is here, for any player or `giaoban missed --play`: {path}",
        english(seconds)
    )
}

pub(super) fn vietnamese_there(path: &str, seconds: u64) -> String {
    format!(
        "phần bạn đã lỡ ({}) nằm ở đây, nghe bằng máy phát nhạc hoặc lệnh `giaoban missed --play`: {path}",
        vietnamese(seconds)
    )
}

pub(super) const fn english_code(code: Option<FetchCode>) -> &'static str {
    match code {
        Some(FetchCode::NotAllowed) => "this site may not hear this recording; ask the district",
        Some(FetchCode::NotThere) => {
            "there is no such recording, or not that part of it; --list shows what there is"
        }
        Some(FetchCode::Busy) => "too many fetch at once; try again in some minutes",
        Some(FetchCode::Failed) => "the bridge cannot read it; tell whoever runs it",
        Some(FetchCode::GoesOn) => "its meeting goes on; join it, or come back when it is over",
        None => "the bridge gives a reason that this program does not know; update it",
    }
}

pub(super) const fn vietnamese_code(code: Option<FetchCode>) -> &'static str {
    match code {
        Some(FetchCode::NotAllowed) => "điểm này không được nghe bản ghi âm đó; hãy hỏi huyện",
        Some(FetchCode::NotThere) => "không có bản ghi âm hoặc đoạn đó; --list cho biết có những gì",
        Some(FetchCode::Busy) => "quá nhiều điểm đang tải; hãy thử lại sau vài phút",
        Some(FetchCode::Failed) => "máy chủ không đọc được bản ghi âm; hãy báo người quản lý máy chủ",
        Some(FetchCode::GoesOn) => "cuộc họp đó đang diễn ra; hãy vào họp, hoặc tải sau khi họp xong",
        None => "máy chủ trả lời một lý do mà chương trình này chưa biết; hãy cập nhật",
    }
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
        match lang {
            Lang::En => self.english(),
            Lang::Vi => self.vietnamese(),
        }
    }

    fn english(&self) -> String {
        match *self {
            Self::Listed { kept, known } => {
                let (length, has) = (kept.length_ms / 1000, known.has.total() / 1000);
                let goes_on = if kept.runs { ", goes on" } else { "" };
                let missed = known.wants.total() / 1000;
                format!(
                    "{}: {}, {}{goes_on}; missed {}, here {}",
                    kept.recording,
                    date(kept.began_unix_s),
                    english(length),
                    english(missed),
                    english(has)
                )
            }
            Self::NothingListed => "nothing is recorded there that this site may hear".into(),
            Self::Progress(Progress { has_ms, all_ms }) => {
                format!("fetched {} of {}", english(has_ms / 1000), english(all_ms / 1000))
            }
            Self::Saved => "this file is whole; any player takes it".into(),
            Self::Interrupted => "what has come is kept; the same command goes on with it".into(),
            Self::NotHad(code) => format!("not fetched: {}", english_code(code)),
            Self::Refused(loss, host) => format!("refused: {}", english_loss(loss, host)),
            Self::NotReachable(loss, host) => format!("no answer: {}", english_loss(loss, host)),
        }
    }

    fn vietnamese(&self) -> String {
        match *self {
            Self::Listed { kept, known } => {
                let (length, has) = (kept.length_ms / 1000, known.has.total() / 1000);
                let goes_on = if kept.runs { ", đang họp" } else { "" };
                let missed = known.wants.total() / 1000;
                format!(
                    "{}: {}, dài {}{goes_on}; đã lỡ {}, đã tải {}",
                    kept.recording,
                    date(kept.began_unix_s),
                    vietnamese(length),
                    vietnamese(missed),
                    vietnamese(has)
                )
            }
            Self::NothingListed => "không có bản ghi âm nào mà điểm này được nghe".into(),
            Self::Progress(Progress { has_ms, all_ms }) => {
                format!("đã tải {} trong {}", vietnamese(has_ms / 1000), vietnamese(all_ms / 1000))
            }
            Self::Saved => "đã tải đủ tệp này; nghe được bằng mọi máy phát nhạc".into(),
            Self::Interrupted => "phần đã tải được giữ lại; chạy lại lệnh này để tải tiếp".into(),
            Self::NotHad(code) => format!("không tải được: {}", vietnamese_code(code)),
            Self::Refused(loss, host) => format!("bị từ chối: {}", vietnamese_loss(loss, host)),
            Self::NotReachable(loss, host) => format!("không có trả lời: {}", vietnamese_loss(loss, host)),
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
}
