//! All that is said to a person, in English and in Vietnamese.
//!
//! Each message is one line: what happened, and what to do where there is something to do. Nothing here decides
//! when it is said. What a person mistyped is answered by `settings`, what is wrong with a sound file or a device
//! by `audio`, in English.

mod check;
pub mod console;
mod ctl;
mod deed;
mod floor;
mod loss;
mod missed;

pub use check::CheckWords;
pub use ctl::CtlWords;
pub use missed::MissedWords;

use crate::budget;
use crate::floor::News;
use crate::roster::Bar;
use crate::session::{End, Loss};
use floor::{
    english_code, english_news, english_notice, english_unheard, vietnamese_code, vietnamese_news,
    vietnamese_notice, vietnamese_unheard,
};
use giaoban_proto::wire::{ActCode, CloseCode, NoticeKind};
use loss::{english_loss, vietnamese_loss};
use std::fmt::Display;

/// A language that a person reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Vietnamese.
    Vi,
}

impl Lang {
    /// From the environment's locale, such as `vi_VN.UTF-8`: `LC_ALL` first, then `LANG`. English for all others.
    #[must_use]
    pub fn from_locale(lc_all: Option<&str>, lang: Option<&str>) -> Self {
        let locale = lc_all.filter(|locale| !locale.is_empty()).or(lang).unwrap_or_default();
        let language = locale.split(['_', '.', '@', '-']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("vi") { Self::Vi } else { Self::En }
    }
}

/// One message.
#[derive(Clone, Copy)]
pub enum Message<'a> {
    /// The first attempt begins.
    Connecting {
        /// The bridge, as the link names it.
        host: &'a str,
    },
    /// In.
    Joined {
        /// The room.
        room: &'a str,
        /// The name under which the others see this site.
        name: &'a str,
        /// How many they are.
        others: usize,
    },
    /// This guest waits in the lobby.
    InLobby,
    /// Somebody came.
    Came {
        /// Its name.
        name: &'a str,
        /// Whether by PIN.
        guest: bool,
    },
    /// Somebody went.
    Left(&'a str),
    /// The room is no longer heard.
    Lost,
    /// It is heard again.
    Back,
    /// The microphone is off.
    Muted,
    /// The microphone is on.
    Unmuted,
    /// This site may not speak (any more).
    MayNotSpeak(Bar),
    /// It may, and its microphone is as it was.
    MaySpeak {
        /// Off?
        muted: bool,
    },
    /// To an operator: a guest is in the lobby.
    GuestWaits {
        /// How it calls itself.
        name: &'a str,
        /// Its number, which acts name it by.
        number: u64,
    },
    /// The floor, the roll call, the recording.
    Floor {
        /// What is new.
        news: News,
        /// Whether this program answers roll calls by itself.
        answers: bool,
    },
    /// Somebody says something in writing.
    Said {
        /// Who.
        name: &'a str,
        /// What.
        text: &'a str,
        /// Whether operators alone read it.
        to_operators: bool,
    },
    /// This site talks, and nobody hears it: its microphone is off, or for this reason.
    Unheard(Option<Bar>),
    /// The bridge did not take what this program did by itself: a hand, or an answer to the roll call.
    NotTaken(Option<ActCode>),
    /// To an operator, and to whom it is about: something has happened.
    Notice {
        /// What.
        kind: NoticeKind,
        /// The name of whom it is about.
        name: &'a str,
        /// Its number.
        number: u64,
        /// Whether that is this site.
        own: bool,
    },
    /// The meeting of the invitation is remembered from now on.
    Remembered,
    /// So are the bridge's new keys.
    KeysNoted,
    /// The memory cannot be used.
    NotRemembered(&'a dyn Display),
    /// No meeting is remembered, and none was named.
    NothingRemembered,
    /// A link is to be opened in the window, and there is no screen or no window.
    NoScreen,
    /// The PIN is asked for, on a line that goes on.
    AskPin,
    /// There is nobody to ask.
    NoPin,
    /// What was typed is none.
    NotAPin,
    /// A microphone stopped giving sound.
    MicrophoneGone,
    /// It is back.
    MicrophoneBack,
    /// A loudspeaker stopped taking sound.
    LoudspeakerGone,
    /// It is back.
    LoudspeakerBack,
    /// The input file is at its end.
    InputEnded {
        /// Whether a source, which has nothing else to do here, leaves for it.
        leaves: bool,
    },
    /// Of the data of the meeting most is used, or all.
    Budget {
        /// Which.
        news: budget::News,
        /// Bytes used.
        used: u64,
        /// Bytes that there are.
        max: u64,
    },
    /// What was missed of a meeting that is recorded.
    Missed(crate::missed::News),
    /// It is there: where, and how many seconds it is long.
    MissedIsThere {
        /// The file.
        path: &'a dyn Display,
        /// How long it is.
        seconds: u64,
    },
    /// It cannot be kept.
    MissedNotKept(&'a dyn Display),
    /// Something about sound that cannot be gone on from.
    Sound(&'a dyn Display),
    /// The bridge let the site in, and no door could be made for it.
    Fault(&'a dyn Display),
    /// Over, with why.
    End(End, &'a str),
    /// Ctrl-C was heard; the second one ends at once.
    Stopping,
}

impl Message<'_> {
    /// The message in words.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.english(),
            Lang::Vi => self.vietnamese(),
        }
    }

    fn english(&self) -> String {
        match *self {
            Self::Connecting { host } => format!("connecting to {host} …"),
            Self::Joined { room, name, others: 0 } => {
                format!("in room {room} as {name}; nobody else is here yet")
            }
            Self::Joined { room, name, others: 1 } => format!("in room {room} as {name}, with 1 other"),
            Self::Joined { room, name, others } => format!("in room {room} as {name}, with {others} others"),
            Self::InLobby => {
                "the PIN is right; waiting until the operator lets you in. Nobody hears you yet".into()
            }
            Self::Came { name, guest: false } => format!("{name} came in"),
            Self::Came { name, guest: true } => format!("{name} came in as a guest"),
            Self::Left(name) => format!("{name} left"),
            Self::Lost => "connection lost; reconnecting by itself …".into(),
            Self::Back => "back in the room".into(),
            Self::Muted => "the microphone is off: nobody hears you".into(),
            Self::Unmuted => "the microphone is on".into(),
            Self::MayNotSpeak(Bar::Listener) => {
                "you are here to listen: the microphone is off, and nobody hears you".into()
            }
            Self::MayNotSpeak(Bar::Silenced) => {
                "the operator has silenced you: the microphone is off until you may speak again".into()
            }
            Self::MaySpeak { muted: false } => "you may speak; the microphone is on".into(),
            Self::MaySpeak { muted: true } => "you may speak; the microphone is off, as it was".into(),
            Self::GuestWaits { name, number } => {
                format!("a guest waits: {name} (number {number}); `giaoban ctl admit {number}` lets it in")
            }
            Self::MayNotSpeak(Bar::NoFloor) => {
                "you do not have the floor: nobody hears you until the operator gives it to you".into()
            }
            Self::Floor { news, answers } => english_news(news, answers),
            Self::Said { name, text, to_operators: false } => format!("{name} writes: {text}"),
            Self::Said { name, text, to_operators: true } => {
                format!("{name} writes to the operators: {text}")
            }
            Self::Unheard(why) => english_unheard(why),
            Self::NotTaken(code) => format!("the bridge did not take it: {}", english_code(code)),
            Self::Notice { kind, name, number, own } => english_notice(kind, name, number, own),
            Self::Remembered => {
                "this meeting is remembered: from now on `giaoban` alone joins it, without the link".into()
            }
            Self::Missed(news) => missed::english_news(news),
            Self::MissedIsThere { path, seconds } => missed::english_there(&path.to_string(), seconds),
            Self::MissedNotKept(error) => format!("what you missed cannot be kept: {error}"),
            Self::KeysNoted => "the bridge has new keys, as announced; they are remembered".into(),
            Self::NotRemembered(error) => format!("the meeting is not remembered: {error}"),
            Self::NothingRemembered => {
                "this device remembers no meeting yet; join once by the link of the invitation: \
                                        giaoban join 'giaoban://…' (`giaoban --help` says what else there is)"
                    .into()
            }
            Self::NoScreen => {
                "there is no screen for the window; join in the terminal: giaoban join 'giaoban://…'".into()
            }
            Self::AskPin => "PIN of the meeting:".into(),
            Self::NoPin => {
                "a guest needs the PIN of the meeting: --pin NNNNNNNN, or GIAOBAN_PIN in the environment"
                    .into()
            }
            Self::NotAPin => "a PIN has 8 to 16 digits; type it again".into(),
            Self::MicrophoneGone => "the microphone is gone; check its plug, it is looked for again".into(),
            Self::MicrophoneBack => "the microphone is back".into(),
            Self::LoudspeakerGone => "the loudspeaker is gone; check its plug, it is looked for again".into(),
            Self::LoudspeakerBack => "the loudspeaker is back".into(),
            Self::InputEnded { leaves: false } => "the input file is at its end; still listening".into(),
            Self::InputEnded { leaves: true } => "the input is at its end".into(),
            Self::Budget { news: budget::News::Low, used, max } => format!(
                "{} of the {} MB of this meeting are used; the rate is set so that the rest lasts",
                mb(used),
                mb(max)
            ),
            Self::Budget { news: budget::News::Spent, max, .. } => format!(
                "the {} MB of this meeting are used up; it goes on at the lowest rate, some 4 MB for an hour of speech. \
                 To spend no more, leave",
                mb(max)
            ),
            Self::Sound(error) => format!("sound: {error}"),
            Self::Fault(error) => format!("this program failed: {error}; start it again"),
            Self::Stopping => "leaving the room …".into(),
            Self::End(end, host) => match end {
                End::Asked => "left the room".into(),
                End::Ended => "the bridge ended the meeting".into(),
                End::Refused(loss @ Loss::Closed(code)) if is_put_out(code) => {
                    format!("put out: {}", english_loss(loss, host))
                }
                End::Refused(loss) => format!("not admitted: {}", english_loss(loss, host)),
                End::NotReachable(None) => format!("no answer: {}", english_loss(Loss::Broken, host)),
                End::NotReachable(Some(loss @ (Loss::OtherVersion | Loss::NoWelcome))) => {
                    format!("not in the room: {}", english_loss(loss, host))
                }
                End::NotReachable(Some(loss)) => format!("no answer: {}", english_loss(loss, host)),
            },
        }
    }

    fn vietnamese(&self) -> String {
        match *self {
            Self::Connecting { host } => format!("đang kết nối tới {host} …"),
            Self::Joined { room, name, others: 0 } => {
                format!("đã vào phòng {room} với tên {name}; chưa có ai khác")
            }
            Self::Joined { room, name, others } => {
                format!("đã vào phòng {room} với tên {name}, cùng {others} điểm khác")
            }
            Self::InLobby => "mã PIN đúng; đang đợi người điều hành cho vào. Chưa ai nghe thấy bạn".into(),
            Self::Came { name, guest: false } => format!("{name} đã vào"),
            Self::Came { name, guest: true } => format!("{name} đã vào với tư cách khách"),
            Self::Left(name) => format!("{name} đã rời phòng"),
            Self::Lost => "mất kết nối; máy đang tự kết nối lại …".into(),
            Self::Back => "đã trở lại phòng họp".into(),
            Self::Muted => "micrô đang tắt: không ai nghe thấy bạn".into(),
            Self::Unmuted => "micrô đang bật".into(),
            Self::MayNotSpeak(Bar::Listener) => {
                "bạn chỉ dự nghe: micrô đang tắt, không ai nghe thấy bạn".into()
            }
            Self::MayNotSpeak(Bar::Silenced) => {
                "người điều hành đã tắt tiếng của bạn: micrô tắt cho đến khi bạn được nói lại".into()
            }
            Self::MaySpeak { muted: false } => "bạn được nói; micrô đang bật".into(),
            Self::MaySpeak { muted: true } => "bạn được nói; micrô vẫn tắt như trước".into(),
            Self::GuestWaits { name, number } => {
                format!("có khách đang đợi: {name} (số {number}); gõ `giaoban ctl admit {number}` để cho vào")
            }
            Self::MayNotSpeak(Bar::NoFloor) => {
                "chưa đến lượt bạn phát biểu: chưa ai nghe thấy bạn cho đến khi người điều hành mời".into()
            }
            Self::Floor { news, answers } => vietnamese_news(news, answers),
            Self::Said { name, text, to_operators: false } => format!("{name} nhắn: {text}"),
            Self::Said { name, text, to_operators: true } => format!("{name} nhắn người điều hành: {text}"),
            Self::Unheard(why) => vietnamese_unheard(why),
            Self::NotTaken(code) => format!("máy chủ không nhận: {}", vietnamese_code(code)),
            Self::Notice { kind, name, number, own } => vietnamese_notice(kind, name, number, own),
            Self::Remembered => {
                "đã ghi nhớ cuộc họp này: từ nay chỉ cần gõ `giaoban` là vào, không cần liên kết".into()
            }
            Self::KeysNoted => "máy chủ đã đổi khóa như đã báo trước; khóa mới đã được ghi nhớ".into(),
            Self::NotRemembered(error) => format!("chưa ghi nhớ được cuộc họp: {error}"),
            Self::NothingRemembered => "máy này chưa ghi nhớ cuộc họp nào; hãy vào một lần bằng liên kết trong giấy mời: \
                                        giaoban join 'giaoban://…' (`giaoban --help` cho biết còn lệnh nào khác)"
                .into(),
            Self::NoScreen => {
                "không có màn hình để mở cửa sổ; hãy vào bằng dòng lệnh: giaoban join 'giaoban://…'".into()
            }
            Self::AskPin => "Mã PIN của cuộc họp:".into(),
            Self::NoPin => {
                "khách cần mã PIN của cuộc họp: --pin NNNNNNNN, hoặc biến môi trường GIAOBAN_PIN".into()
            }
            Self::NotAPin => "mã PIN có 8 đến 16 chữ số; hãy gõ lại".into(),
            Self::MicrophoneGone => "không thấy micrô; hãy kiểm tra dây cắm, máy sẽ tự tìm lại".into(),
            Self::MicrophoneBack => "đã có lại micrô".into(),
            Self::LoudspeakerGone => "không thấy loa; hãy kiểm tra dây cắm, máy sẽ tự tìm lại".into(),
            Self::LoudspeakerBack => "đã có lại loa".into(),
            Self::InputEnded { leaves: false } => "tệp âm thanh đã phát hết; vẫn đang nghe".into(),
            Self::InputEnded { leaves: true } => "âm thanh đưa vào đã hết".into(),
            Self::Budget { news: budget::News::Low, used, max } => format!(
                "đã dùng {} trong {} MB dữ liệu của cuộc họp; tốc độ được điều chỉnh để phần còn lại đủ dùng",
                mb(used).replace('.', ","),
                mb(max).replace('.', ",")
            ),
            Self::Budget { news: budget::News::Spent, max, .. } => format!(
                "đã dùng hết {} MB dữ liệu của cuộc họp; cuộc họp tiếp tục ở tốc độ thấp nhất, khoảng 4 MB cho một giờ có \
                 người nói. Nếu không muốn tốn thêm, hãy rời phòng",
                mb(max).replace('.', ",")
            ),
            Self::Missed(news) => missed::vietnamese_news(news),
            Self::MissedIsThere { path, seconds } => missed::vietnamese_there(&path.to_string(), seconds),
            Self::MissedNotKept(error) => format!("không lưu được phần bạn đã lỡ: {error}"),
            Self::Sound(error) => format!("âm thanh: {error}"),
            Self::Fault(error) => format!("chương trình gặp lỗi: {error}; hãy chạy lại"),
            Self::Stopping => "đang rời phòng …".into(),
            Self::End(end, host) => match end {
                End::Asked => "đã rời phòng".into(),
                End::Ended => "máy chủ đã kết thúc cuộc họp".into(),
                End::Refused(loss @ Loss::Closed(code)) if is_put_out(code) => {
                    format!("đã bị ngắt: {}", vietnamese_loss(loss, host))
                }
                End::Refused(loss) => format!("không được vào: {}", vietnamese_loss(loss, host)),
                End::NotReachable(None) => {
                    format!("không có trả lời: {}", vietnamese_loss(Loss::Broken, host))
                }
                End::NotReachable(Some(loss @ (Loss::OtherVersion | Loss::NoWelcome))) => {
                    format!("chưa vào được phòng: {}", vietnamese_loss(loss, host))
                }
                End::NotReachable(Some(loss)) => format!("không có trả lời: {}", vietnamese_loss(loss, host)),
            },
        }
    }
}

/// Bytes as megabytes, to a tenth where that is not nought.
fn mb(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6).trim_end_matches(".0").to_owned()
}

/// Whether a close with this code is mostly the end of something that had begun.
const fn is_put_out(code: CloseCode) -> bool {
    matches!(code, CloseCode::Replaced | CloseCode::BadMessage | CloseCode::Expelled | CloseCode::Revoked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::missed::News as Gap;
    use giaoban_proto::wire::FetchCode;
    use giaoban_proto::wire::{FloorMode, Recording};
    use std::collections::BTreeSet;

    /// All that is said of the floor; a new variant does not build until it has its words.
    const NEWS: [News; 18] = [
        News::Mode { mode: FloorMode::Open, speaks: true },
        News::Mode { mode: FloorMode::Moderated, speaks: true },
        News::Mode { mode: FloorMode::Moderated, speaks: false },
        News::Mode { mode: FloorMode::Announcement, speaks: true },
        News::Mode { mode: FloorMode::Announcement, speaks: false },
        News::Yours { seconds: 0 },
        News::Yours { seconds: 180 },
        News::Ending,
        News::Gone,
        News::Place(1),
        News::Place(3),
        News::Lowered,
        News::Roll { number: 2, seconds: 90 },
        News::Counted,
        News::Recording(Recording::On),
        News::Recording(Recording::Paused),
        News::Recording(Recording::Off),
        News::Recording(Recording::Failed),
    ];

    /// The message after this one, of which there were `told` about the floor; a new variant does not build until it
    /// has its place here.
    fn next(message: &Message<'static>, told: usize) -> Option<Message<'static>> {
        use Message as M;
        Some(match message {
            M::Connecting { .. } => M::Joined { room: "giaoban", name: "Tri Lễ", others: 0 },
            M::Joined { others: 0, .. } => M::Joined { room: "giaoban", name: "Tri Lễ", others: 1 },
            M::Joined { others: 1, .. } => M::Joined { room: "giaoban", name: "Tri Lễ", others: 12 },
            M::Joined { .. } => M::InLobby,
            M::InLobby => M::Came { name: "Tri Lễ", guest: false },
            M::Came { name, guest: false } => M::Came { name, guest: true },
            M::Came { .. } => M::Left("Tri Lễ"),
            M::Left(_) => M::Lost,
            M::Lost => M::Back,
            M::Back => M::Muted,
            M::Muted => M::Unmuted,
            M::Unmuted => M::MayNotSpeak(Bar::Listener),
            M::MayNotSpeak(Bar::Listener) => M::MayNotSpeak(Bar::Silenced),
            M::MayNotSpeak(Bar::Silenced) => M::MayNotSpeak(Bar::NoFloor),
            M::MayNotSpeak(Bar::NoFloor) => M::MaySpeak { muted: false },
            M::MaySpeak { muted: false } => M::MaySpeak { muted: true },
            M::MaySpeak { muted: true } => M::GuestWaits { name: "Tri Lễ", number: 7 },
            M::GuestWaits { name, number } => {
                M::Notice { kind: NoticeKind::CameTwice, name, number: *number, own: false }
            }
            M::Notice { kind: NoticeKind::RecordingFailed, name, .. } => {
                M::Said { name, text: "112/BC", to_operators: false }
            }
            M::Notice { kind, name, number, own } => {
                let next = || NoticeKind::from_code(kind.code() + 1);
                let apart = *kind != NoticeKind::CameTwice && !own;
                let kind = if apart { *kind } else { next()? };
                M::Notice { kind, name, number: *number, own: apart }
            }
            M::Said { name, text, to_operators: false } => M::Said { name, text, to_operators: true },
            M::Said { .. } => M::Unheard(None),
            M::Unheard(None) => M::Unheard(Some(Bar::Listener)),
            M::Unheard(Some(Bar::Listener)) => M::Unheard(Some(Bar::Silenced)),
            M::Unheard(Some(Bar::Silenced)) => M::Unheard(Some(Bar::NoFloor)),
            M::Unheard(Some(Bar::NoFloor)) => M::NotTaken(None),
            M::NotTaken(code) => {
                let at = code.map_or(1, |code| code.code() + 1);
                match ActCode::from_code(at) {
                    Some(code) => M::NotTaken(Some(code)),
                    None => M::Floor { news: NEWS[0], answers: false },
                }
            }
            M::Floor { answers: false, .. } if NEWS.len() > told => {
                M::Floor { news: NEWS[told], answers: false }
            }
            M::Floor { answers: false, .. } => {
                M::Floor { news: News::Roll { number: 2, seconds: 60 }, answers: true }
            }
            M::Floor { .. } => M::Remembered,
            M::Remembered => M::KeysNoted,
            M::KeysNoted => M::NotRemembered(&"the disk is full"),
            M::NotRemembered(_) => M::NothingRemembered,
            M::NothingRemembered => M::NoScreen,
            M::NoScreen => M::AskPin,
            M::AskPin => M::NoPin,
            M::NoPin => M::NotAPin,
            M::NotAPin => M::MicrophoneGone,
            M::MicrophoneGone => M::MicrophoneBack,
            M::MicrophoneBack => M::LoudspeakerGone,
            M::LoudspeakerGone => M::LoudspeakerBack,
            M::LoudspeakerBack => M::InputEnded { leaves: false },
            M::InputEnded { leaves: false } => M::InputEnded { leaves: true },
            M::InputEnded { leaves: true } => {
                M::Budget { news: budget::News::Low, used: 4_030_000, max: 5_000_000 }
            }
            M::Budget { news: budget::News::Low, used, max } => {
                M::Budget { news: budget::News::Spent, used: *used, max: *max }
            }
            M::Budget { .. } => M::Missed(Gap::Missed { seconds: 40, fetches: true }),
            M::Missed(Gap::Missed { fetches: true, .. }) => {
                M::Missed(Gap::Missed { seconds: 400, fetches: false })
            }
            M::Missed(Gap::Missed { .. }) => M::Missed(Gap::NotHad(FetchCode::NotAllowed)),
            M::Missed(Gap::NotHad(code)) => match FetchCode::from_code(code.code() + 1) {
                Some(code) => M::Missed(Gap::NotHad(code)),
                None => M::MissedIsThere { path: &"a.opus", seconds: 41 },
            },
            M::MissedIsThere { .. } => M::MissedNotKept(&"the disk is full"),
            M::MissedNotKept(_) => M::Sound(&"a.wav is not there"),
            M::Sound(_) => M::Fault(&"no memory"),
            M::Fault(_) => M::Stopping,
            M::Stopping => M::End(End::Asked, "hop.example.vn"),
            M::End(end, host) => M::End(next_end(*end)?, host),
        })
    }

    fn next_end(end: End) -> Option<End> {
        Some(match end {
            End::Asked => End::Ended,
            End::Ended => End::NotReachable(None),
            End::NotReachable(None) => End::NotReachable(Some(Loss::NoAddress)),
            End::NotReachable(Some(_)) => End::Refused(Loss::WrongKey),
            End::Refused(loss) => End::Refused(match loss {
                Loss::WrongKey => Loss::NotProved,
                Loss::NotProved => Loss::OtherVersion,
                Loss::OtherVersion => Loss::NoWelcome,
                Loss::NoWelcome => Loss::NoAddress,
                Loss::NoAddress => Loss::Broken,
                Loss::Broken => Loss::ClosedUnknown(99),
                Loss::ClosedUnknown(_) => Loss::Closed(CloseCode::from_code(0)?),
                Loss::Closed(code) => {
                    Loss::Closed((u64::from(code.code()) + 1..100).find_map(CloseCode::from_code)?)
                }
            }),
        })
    }

    #[test]
    fn every_message_has_one_line_of_its_own_in_each_language() {
        let mut said: [BTreeSet<String>; 2] = Default::default();
        let (mut messages, mut told) = (0, 0);
        let mut message = Some(Message::Connecting { host: "hop.example.vn" });
        while let Some(this) = message {
            for (lang, said) in [Lang::En, Lang::Vi].into_iter().zip(&mut said) {
                let text = this.text(lang);
                assert!(!text.is_empty() && text.lines().count() == 1 && text == text.trim(), "{text:?}");
                said.insert(text);
            }
            messages += 1;
            told += usize::from(matches!(this, Message::Floor { .. }));
            message = next(&this, told);
        }
        assert!(messages > 50, "{messages}");
        // NotReachable(None) and Refused(Broken) differ by their beginnings; all are told apart.
        assert_eq!(said.each_ref().map(BTreeSet::len), [messages, messages]);
        assert!(said[0].is_disjoint(&said[1]), "untranslated");
    }

    #[test]
    fn the_language_is_that_of_the_locale() {
        let of = |all, lang| Lang::from_locale(all, lang);
        assert_eq!(of(None, Some("vi_VN.UTF-8")), Lang::Vi);
        assert_eq!(of(Some("vi"), Some("en_US.UTF-8")), Lang::Vi);
        assert_eq!(of(Some("C"), Some("vi_VN")), Lang::En);
        assert_eq!(of(Some(""), Some("vi_VN")), Lang::Vi);
        assert_eq!(of(None, Some("via_XX")), Lang::En);
        assert_eq!(of(None, None), Lang::En);
    }
}
