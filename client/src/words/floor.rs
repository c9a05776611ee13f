//! What is said of the floor, the roll call and the recording, in each language.

use crate::floor::News;
use crate::roster::Bar;
use giaoban_proto::wire::{ActCode, FloorMode, NoticeKind, Recording};

pub(super) fn english_news(news: News, answers: bool) -> String {
    match news {
        News::Mode { mode, speaks } => match (mode, speaks) {
            (FloorMode::Open, _) => "the floor is open: everybody may speak".into(),
            (FloorMode::Moderated, true) => "the floor is given by operators, by raised hands".into(),
            (FloorMode::Moderated, false) => {
                "the operator gives the floor: whoever wants to speak raises a hand; nobody hears you until then"
                    .into()
            }
            (FloorMode::Announcement, true) => "an announcement: one site speaks, the others listen".into(),
            (FloorMode::Announcement, false) => {
                "an announcement: one site speaks, the others listen; nobody hears you".into()
            }
        },
        News::Yours { seconds: 0 } => "you have the floor: speak".into(),
        News::Yours { seconds } => format!("you have the floor for {}: speak", length(seconds, " min", " s")),
        News::Ending => "ten seconds more, then the floor is taken back".into(),
        News::Gone => "you have the floor no more: nobody hears you".into(),
        News::Place(1) => "your hand is up, and the first".into(),
        News::Place(place) => format!("your hand is up; {} before it", place - 1),
        News::Lowered => "your hand is down".into(),
        News::Roll { number, .. } if answers => format!("roll call {number}: this program answers by itself"),
        News::Roll { number, seconds } => format!(
            "roll call {number}: say your name when you are called, within {}",
            length(seconds, " min", " s")
        ),
        News::Counted => "you are counted as present".into(),
        News::Recording(Recording::On) => "this meeting is being recorded".into(),
        News::Recording(Recording::Paused) => "the recording pauses: what is said now is left out".into(),
        News::Recording(Recording::Off) => "the recording has ended".into(),
        News::Recording(Recording::Failed) => {
            "the recording has ended: the bridge could not write it down".into()
        }
    }
}

pub(super) fn vietnamese_news(news: News, answers: bool) -> String {
    match news {
        News::Mode { mode, speaks } => match (mode, speaks) {
            (FloorMode::Open, _) => "nói tự do: ai cũng được phát biểu".into(),
            (FloorMode::Moderated, true) => "người điều hành cho phát biểu, theo thứ tự giơ tay".into(),
            (FloorMode::Moderated, false) => {
                "người điều hành cho phát biểu: ai muốn nói thì giơ tay; lúc này chưa ai nghe thấy bạn".into()
            }
            (FloorMode::Announcement, true) => "thông báo: một điểm nói, các điểm khác nghe".into(),
            (FloorMode::Announcement, false) => {
                "thông báo: một điểm nói, các điểm khác nghe; không ai nghe thấy bạn".into()
            }
        },
        News::Yours { seconds: 0 } => "mời bạn phát biểu".into(),
        News::Yours { seconds } => format!("mời bạn phát biểu trong {}", length(seconds, " phút", " giây")),
        News::Ending => "còn mười giây, rồi hết lượt phát biểu".into(),
        News::Gone => "hết lượt phát biểu: không ai nghe thấy bạn nữa".into(),
        News::Place(1) => "bạn đã giơ tay, đứng đầu hàng".into(),
        News::Place(place) => format!("bạn đã giơ tay; trước bạn còn {}", place - 1),
        News::Lowered => "tay của bạn đã hạ".into(),
        News::Roll { number, .. } if answers => {
            format!("điểm danh lần {number}: chương trình này tự trả lời")
        }
        News::Roll { number, seconds } => format!(
            "điểm danh lần {number}: hãy xưng tên khi được gọi, trong vòng {}",
            length(seconds, " phút", " giây")
        ),
        News::Counted => "đã ghi nhận bạn có mặt".into(),
        News::Recording(Recording::On) => "cuộc họp này đang được ghi âm".into(),
        News::Recording(Recording::Paused) => "tạm dừng ghi âm: những gì nói lúc này không được ghi".into(),
        News::Recording(Recording::Off) => "đã thôi ghi âm".into(),
        News::Recording(Recording::Failed) => "đã thôi ghi âm: máy chủ không ghi được".into(),
    }
}

pub(super) fn english_unheard(why: Option<Bar>) -> String {
    match why {
        None => "you are muted: you talk, and nobody hears you",
        Some(Bar::Listener) => "you are here to listen: you talk, and nobody hears you",
        Some(Bar::Silenced) => "the operator has silenced you: you talk, and nobody hears you",
        Some(Bar::NoFloor) => "you do not have the floor: you talk, and nobody hears you",
    }
    .into()
}

pub(super) fn vietnamese_unheard(why: Option<Bar>) -> String {
    match why {
        None => "micrô của bạn đang tắt: bạn nói nhưng không ai nghe thấy",
        Some(Bar::Listener) => "bạn chỉ dự nghe: bạn nói nhưng không ai nghe thấy",
        Some(Bar::Silenced) => "bạn đang bị tắt tiếng: bạn nói nhưng không ai nghe thấy",
        Some(Bar::NoFloor) => "chưa đến lượt bạn phát biểu: bạn nói nhưng không ai nghe thấy",
    }
    .into()
}

pub(super) fn english_notice(kind: NoticeKind, name: &str, number: u64, own: bool) -> String {
    match (kind, own) {
        (NoticeKind::CameTwice, _) => format!(
            "the device of {name} (number {number}) joined again while it was in; if nobody there did that, its key is in \
             other hands: revoke the site"
        ),
        (NoticeKind::Howls, true) => {
            "your microphone howled and was taken out of the meeting: turn the loudspeaker down, then ask the operator"
                .into()
        }
        (NoticeKind::Howls, false) => format!(
            "{name} (number {number}) howled and was silenced; when its loudspeaker is turned down, `giaoban ctl \
             unsilence {number}`"
        ),
        (NoticeKind::Echoes, true) => {
            "your microphone sent the meeting back to it and was taken out: turn the loudspeaker down or put it further \
             away, then ask the operator"
                .into()
        }
        (NoticeKind::Echoes, false) => format!(
            "{name} (number {number}) sent the meeting's own sound back and was silenced; when its loudspeaker is turned \
             down, `giaoban ctl unsilence {number}`"
        ),
        (NoticeKind::TookOver, true) => "you run the meeting now, in the operator's place".into(),
        (NoticeKind::TookOver, false) => {
            format!("{name} (number {number}) runs the meeting now, in the operator's place")
        }
        (NoticeKind::RecordingFailed, _) => {
            "the recording has ended: the bridge could not write it; make room on its disk, then start it again".into()
        }
    }
}

pub(super) fn vietnamese_notice(kind: NoticeKind, name: &str, number: u64, own: bool) -> String {
    match (kind, own) {
        (NoticeKind::CameTwice, _) => format!(
            "máy của {name} (số {number}) vừa vào lại khi đang họp; nếu ở đó không ai làm vậy thì khóa của máy đã lọt vào \
             tay người khác: hãy thu hồi quyền của điểm này"
        ),
        (NoticeKind::Howls, true) => {
            "micrô của bạn bị hú nên đã được tách khỏi cuộc họp: hãy vặn nhỏ loa rồi báo người điều hành".into()
        }
        (NoticeKind::Howls, false) => format!(
            "{name} (số {number}) bị hú nên đã bị tắt tiếng; khi ở đó đã vặn nhỏ loa, gõ `giaoban ctl unsilence {number}`"
        ),
        (NoticeKind::Echoes, true) => {
            "micrô của bạn thu lại tiếng của cuộc họp nên đã được tách ra: hãy vặn nhỏ loa hoặc để loa xa micrô, rồi báo \
             người điều hành"
                .into()
        }
        (NoticeKind::Echoes, false) => format!(
            "{name} (số {number}) dội lại tiếng của cuộc họp nên đã bị tắt tiếng; khi ở đó đã vặn nhỏ loa, gõ `giaoban \
             ctl unsilence {number}`"
        ),
        (NoticeKind::TookOver, true) => "từ bây giờ bạn điều hành cuộc họp, thay người điều hành".into(),
        (NoticeKind::TookOver, false) => {
            format!("từ bây giờ {name} (số {number}) điều hành cuộc họp, thay người điều hành")
        }
        (NoticeKind::RecordingFailed, _) => {
            "đã ngừng ghi âm: máy chủ không ghi được; hãy dọn ổ đĩa của máy chủ rồi bắt đầu ghi lại".into()
        }
    }
}

/// Why an act was not done; only for what is not `Done`.
pub(super) fn english_code(code: Option<ActCode>) -> &'static str {
    match code {
        Some(ActCode::Done) => "done",
        Some(ActCode::NotAllowed) => "this site may not do that",
        Some(ActCode::NobodyThere) => "nobody of that number is there any more",
        Some(ActCode::Unknown) => "the bridge does not know this act; update the bridge",
        Some(ActCode::Full) => "the room is full; raise its limit",
        Some(ActCode::Failed) => "the bridge could not write it down; look at its disk",
        Some(ActCode::NotNow) => "not as the meeting stands now",
        Some(ActCode::Wrong) => "what was typed cannot be",
        Some(ActCode::TooOften) => "too often; wait a moment",
        None => "for a reason that this version does not know; update this program",
    }
}

pub(super) fn vietnamese_code(code: Option<ActCode>) -> &'static str {
    match code {
        Some(ActCode::Done) => "đã xong",
        Some(ActCode::NotAllowed) => "điểm này không có quyền đó",
        Some(ActCode::NobodyThere) => "không còn ai mang số đó",
        Some(ActCode::Unknown) => "máy chủ không biết lệnh này; hãy cập nhật máy chủ",
        Some(ActCode::Full) => "phòng đã đầy; hãy tăng giới hạn",
        Some(ActCode::Failed) => "máy chủ không ghi lại được; hãy kiểm tra ổ đĩa của máy chủ",
        Some(ActCode::NotNow) => "lúc này cuộc họp chưa cho phép",
        Some(ActCode::Wrong) => "nội dung vừa gõ không hợp lệ",
        Some(ActCode::TooOften) => "quá nhiều lần; hãy đợi một lát",
        None => "vì lý do mà phiên bản này chưa biết; hãy cập nhật chương trình này",
    }
}

/// A length of time as people say it: whole minutes where it is some.
fn length(seconds: u32, minutes: &str, unit: &str) -> String {
    if seconds >= 60 && seconds.is_multiple_of(60) {
        format!("{}{minutes}", seconds / 60)
    } else {
        format!("{seconds}{unit}")
    }
}
