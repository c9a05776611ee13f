//! All that is said to a person, in English and in Vietnamese.
//!
//! Each message is one line: what happened, and what to do where there is something to do. Nothing here decides
//! when it is said. What a person mistyped is answered by `settings`, what is wrong with a sound file or a device
//! by `audio`, in English.

mod check;

pub use check::CheckWords;

use crate::session::{End, Loss};
use giaoban_proto::wire::CloseCode;
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
    /// Somebody came.
    Came(&'a str),
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
    /// A microphone stopped giving sound.
    MicrophoneGone,
    /// It is back.
    MicrophoneBack,
    /// A loudspeaker stopped taking sound.
    LoudspeakerGone,
    /// It is back.
    LoudspeakerBack,
    /// The input file is at its end.
    InputEnded,
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
            Self::Came(name) => format!("{name} came in"),
            Self::Left(name) => format!("{name} left"),
            Self::Lost => "connection lost; reconnecting by itself …".into(),
            Self::Back => "back in the room".into(),
            Self::Muted => "the microphone is off: nobody hears you".into(),
            Self::Unmuted => "the microphone is on".into(),
            Self::MicrophoneGone => "the microphone is gone; check its plug, it is looked for again".into(),
            Self::MicrophoneBack => "the microphone is back".into(),
            Self::LoudspeakerGone => "the loudspeaker is gone; check its plug, it is looked for again".into(),
            Self::LoudspeakerBack => "the loudspeaker is back".into(),
            Self::InputEnded => "the input file is at its end; still listening".into(),
            Self::Sound(error) => format!("sound: {error}"),
            Self::Fault(error) => format!("this program failed: {error}; start it again"),
            Self::Stopping => "leaving the room …".into(),
            Self::End(end, host) => match end {
                End::Asked => "left the room".into(),
                End::Ended => "the bridge ended the meeting".into(),
                End::Refused(loss @ Loss::Closed(CloseCode::Replaced | CloseCode::BadMessage)) => {
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
            Self::Came(name) => format!("{name} đã vào"),
            Self::Left(name) => format!("{name} đã rời phòng"),
            Self::Lost => "mất kết nối; máy đang tự kết nối lại …".into(),
            Self::Back => "đã trở lại phòng họp".into(),
            Self::Muted => "micrô đang tắt: không ai nghe thấy bạn".into(),
            Self::Unmuted => "micrô đang bật".into(),
            Self::MicrophoneGone => "không thấy micrô; hãy kiểm tra dây cắm, máy sẽ tự tìm lại".into(),
            Self::MicrophoneBack => "đã có lại micrô".into(),
            Self::LoudspeakerGone => "không thấy loa; hãy kiểm tra dây cắm, máy sẽ tự tìm lại".into(),
            Self::LoudspeakerBack => "đã có lại loa".into(),
            Self::InputEnded => "tệp âm thanh đã phát hết; vẫn đang nghe".into(),
            Self::Sound(error) => format!("âm thanh: {error}"),
            Self::Fault(error) => format!("chương trình gặp lỗi: {error}; hãy chạy lại"),
            Self::Stopping => "đang rời phòng …".into(),
            Self::End(end, host) => match end {
                End::Asked => "đã rời phòng".into(),
                End::Ended => "máy chủ đã kết thúc cuộc họp".into(),
                End::Refused(loss @ Loss::Closed(CloseCode::Replaced | CloseCode::BadMessage)) => {
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

fn english_loss(loss: Loss, host: &str) -> String {
    match loss {
        Loss::Closed(code) => code.text().into(),
        Loss::ClosedUnknown(code) => {
            format!("the bridge is newer and gave reason {code}; update this program")
        }
        Loss::WrongKey => {
            format!(
                "{host} is not the bridge that the link names; do not go on, ask the district for a new link"
            )
        }
        Loss::NoWelcome => {
            format!("{host} answers and lets nobody in; try again, then tell the bridge's operator")
        }
        Loss::OtherVersion => {
            format!(
                "what answers at {host} speaks another version; update this program, or try another network"
            )
        }
        Loss::NoAddress => {
            format!("the name {host} has no address; check the network cable or Wi-Fi, then the link")
        }
        Loss::Broken => {
            format!(
                "{host} is not reachable; check the network cable or Wi-Fi, then ask whether the bridge runs"
            )
        }
    }
}

fn vietnamese_loss(loss: Loss, host: &str) -> String {
    match loss {
        Loss::Closed(code) => vietnamese_code(code).into(),
        Loss::ClosedUnknown(code) => {
            format!("máy chủ dùng phiên bản mới hơn và báo lý do {code}; hãy cập nhật chương trình này")
        }
        Loss::WrongKey => format!(
            "{host} không phải là máy chủ ghi trong liên kết; đừng tiếp tục, hãy xin huyện một liên kết mới"
        ),
        Loss::NoWelcome => {
            format!("{host} có trả lời nhưng chưa cho vào; hãy thử lại, rồi báo người quản trị máy chủ")
        }
        Loss::OtherVersion => format!(
            "đầu trả lời ở {host} dùng phiên bản khác; hãy cập nhật chương trình này, hoặc thử một mạng khác"
        ),
        Loss::NoAddress => {
            format!(
                "không tìm thấy địa chỉ của {host}; hãy kiểm tra dây mạng hoặc Wi-Fi, rồi kiểm tra liên kết"
            )
        }
        Loss::Broken => format!(
            "không liên lạc được với {host}; hãy kiểm tra dây mạng hoặc Wi-Fi, rồi hỏi xem máy chủ có đang chạy không"
        ),
    }
}

const fn vietnamese_code(code: CloseCode) -> &'static str {
    match code {
        CloseCode::Bye => "đã rời cuộc họp theo yêu cầu",
        CloseCode::BadMessage => {
            "đầu bên kia gửi thông điệp không hiểu được; hãy cập nhật chương trình cũ hơn"
        }
        CloseCode::Version => "máy chủ dùng phiên bản khác; hãy cập nhật chương trình này",
        CloseCode::NotAdmitted => "thiết bị này chưa được phép vào; hãy xin huyện một liên kết tham gia mới",
        CloseCode::NoSuchRoom => "máy chủ không có phòng nào tên như vậy; hãy kiểm tra lại liên kết",
        CloseCode::Full => "phòng đã đầy; hãy đề nghị huyện tăng giới hạn",
        CloseCode::Replaced => "thiết bị này vừa tham gia lại từ nơi khác; phiên này kết thúc",
        CloseCode::TooSlow => "máy chủ không nhận được yêu cầu tham gia kịp thời; hãy thử lại",
        CloseCode::Overrun => "đường truyền không theo kịp cuộc họp; hãy thử lại",
        CloseCode::Stopping => "máy chủ đang dừng; nó sẽ hoạt động trở lại",
        CloseCode::Internal => "máy chủ không tra cứu được thiết bị này; hãy báo người quản trị máy chủ",
        CloseCode::Expelled => "người điều hành đã cho điểm này rời cuộc họp; hãy hỏi huyện",
        CloseCode::Revoked => "điểm này không còn được phép vào; hãy xin huyện một giấy mời mới",
        CloseCode::NotLetIn => "người điều hành không cho vào; hãy hỏi huyện",
        CloseCode::WrongPin => "sai mã PIN; hãy hỏi huyện mã PIN của cuộc họp này",
        CloseCode::TryLater => "đã thử sai mã PIN quá nhiều lần; hãy đợi vài phút rồi thử lại",
        CloseCode::InvitationUsed => "giấy mời này đã dùng cho một máy khác; hãy xin huyện giấy mời mới",
        CloseCode::InvitationExpired => "giấy mời này đã quá hạn; hãy xin huyện giấy mời mới",
        CloseCode::NoGuests => "phòng này không nhận khách; hãy xin huyện một giấy mời",
        CloseCode::Busy => "máy chủ đang bận; hãy thử lại sau một phút",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The message after this one; a new variant does not build until it has its place here.
    fn next(message: &Message<'static>) -> Option<Message<'static>> {
        use Message as M;
        Some(match message {
            M::Connecting { .. } => M::Joined { room: "giaoban", name: "Tri Lễ", others: 0 },
            M::Joined { others: 0, .. } => M::Joined { room: "giaoban", name: "Tri Lễ", others: 1 },
            M::Joined { others: 1, .. } => M::Joined { room: "giaoban", name: "Tri Lễ", others: 12 },
            M::Joined { .. } => M::Came("Tri Lễ"),
            M::Came(_) => M::Left("Tri Lễ"),
            M::Left(_) => M::Lost,
            M::Lost => M::Back,
            M::Back => M::Muted,
            M::Muted => M::Unmuted,
            M::Unmuted => M::MicrophoneGone,
            M::MicrophoneGone => M::MicrophoneBack,
            M::MicrophoneBack => M::LoudspeakerGone,
            M::LoudspeakerGone => M::LoudspeakerBack,
            M::LoudspeakerBack => M::InputEnded,
            M::InputEnded => M::Sound(&"a.wav is not there"),
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
                Loss::WrongKey => Loss::OtherVersion,
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
        let mut messages = 0;
        let mut message = Some(Message::Connecting { host: "hop.example.vn" });
        while let Some(this) = message {
            for (lang, said) in [Lang::En, Lang::Vi].into_iter().zip(&mut said) {
                let text = this.text(lang);
                assert!(!text.is_empty() && text.lines().count() == 1 && text == text.trim(), "{text:?}");
                said.insert(text);
            }
            messages += 1;
            message = next(&this);
        }
        assert!(messages > 35, "{messages}");
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
