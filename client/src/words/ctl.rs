//! What is said of an operator's act, in each language.

use super::Lang;
use super::loss::{english_loss, vietnamese_loss};
use crate::ctl::{Deed, Failed};
use giaoban_proto::wire::{ActCode, Seat, SiteRole, Waiting};

/// One message about an act.
#[derive(Clone, Copy, Debug)]
pub enum CtlWords<'a> {
    /// One who is in the room.
    Seat(&'a Seat),
    /// One who waits.
    Waiting(&'a Waiting),
    /// The room is empty.
    NobodyHere,
    /// So is the lobby.
    NobodyWaits,
    /// What the bridge made of an act.
    Did(Deed, Option<ActCode>),
    /// Nothing came of it.
    Failed(Failed, &'a str),
}

impl CtlWords<'_> {
    /// The message in words, one line.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::En => self.english(),
            Lang::Vi => self.vietnamese(),
        }
    }

    fn english(&self) -> String {
        match *self {
            Self::Seat(seat) => {
                let role = match SiteRole::from_code(seat.role) {
                    Some(role) => role.as_str(),
                    None => "of a role that this version does not know",
                };
                let marks = marks(seat, ["guest", "silenced", "microphone off"]);
                format!("{}: {}, {role}{marks}", seat.member, seat.name)
            }
            Self::Waiting(guest) => format!("{}: {}, waits to be let in", guest.member, guest.name),
            Self::NobodyHere => "nobody is in the room".into(),
            Self::NobodyWaits => "nobody waits to be let in".into(),
            Self::Did(deed, code) => {
                let number = deed.member();
                match code {
                    Some(ActCode::Done) => match deed {
                        Deed::Admit(_) => format!("guest {number} was let in"),
                        Deed::Refuse(_) => format!("guest {number} was turned away"),
                        Deed::Expel(_) => format!("member {number} was put out"),
                        Deed::Silence(_) => format!("member {number} was silenced"),
                        Deed::Unsilence(_) => format!("member {number} may speak again"),
                    },
                    Some(ActCode::NotAllowed) => {
                        "not done: this device's site may not do that; ask who runs the bridge for the operator's role"
                            .into()
                    }
                    Some(ActCode::NobodyThere) => format!(
                        "not done: there is no number {number} (any more); `giaoban ctl who` and `giaoban ctl lobby` \
                         list them"
                    ),
                    Some(ActCode::Unknown) => {
                        "not done: the bridge does not know this act; update the bridge".into()
                    }
                    Some(ActCode::Full) => "not done: the room is full; raise its limit".into(),
                    Some(ActCode::Failed) => {
                        "not done: the bridge could not write it down; look at its disk, then try again".into()
                    }
                    Some(ActCode::NotNow) => {
                        "not done: as the meeting stands there is nothing to do that to; look at its mode, hands and \
                         roll call"
                            .into()
                    }
                    Some(ActCode::Wrong) => {
                        "not done: what was asked is too long, too much or empty; ask for less".into()
                    }
                    Some(ActCode::TooOften) => "not done: too much at once; wait a few seconds".into(),
                    None => "not done, for a reason that this version does not know; update this program".into(),
                }
            }
            Self::Failed(Failed::Refused(loss), host) => format!("refused: {}", english_loss(loss, host)),
            Self::Failed(Failed::NoOperator, _) => {
                "refused: this device's site is no operator in that room; ask who runs the bridge for the role".into()
            }
            Self::Failed(Failed::NotReachable(loss), host) => {
                format!("no answer: {}", english_loss(loss, host))
            }
            Self::Failed(Failed::NoAnswer, host) => format!(
                "{host} was reached, and the line was lost before the answer came; look with `giaoban ctl who` whether \
                 it was done"
            ),
        }
    }

    fn vietnamese(&self) -> String {
        match *self {
            Self::Seat(seat) => {
                let role = match SiteRole::from_code(seat.role) {
                    Some(SiteRole::Operator) => "điều hành",
                    Some(SiteRole::Participant) => "thành viên",
                    Some(SiteRole::Listener) => "dự nghe",
                    Some(SiteRole::Trunk) => "máy chủ khác",
                    None => "vai trò mà phiên bản này chưa biết",
                };
                let marks = marks(seat, ["khách", "bị tắt tiếng", "micrô tắt"]);
                format!("{}: {}, {role}{marks}", seat.member, seat.name)
            }
            Self::Waiting(guest) => format!("{}: {}, đang đợi được cho vào", guest.member, guest.name),
            Self::NobodyHere => "không có ai trong phòng".into(),
            Self::NobodyWaits => "không có ai đang đợi".into(),
            Self::Did(deed, code) => {
                let number = deed.member();
                match code {
                    Some(ActCode::Done) => match deed {
                        Deed::Admit(_) => format!("đã cho khách số {number} vào"),
                        Deed::Refuse(_) => format!("đã từ chối khách số {number}"),
                        Deed::Expel(_) => format!("đã cho điểm số {number} rời phòng"),
                        Deed::Silence(_) => format!("đã tắt tiếng điểm số {number}"),
                        Deed::Unsilence(_) => format!("điểm số {number} được nói lại"),
                    },
                    Some(ActCode::NotAllowed) => {
                        "chưa làm được: điểm này không có quyền đó; hãy xin người quản trị máy chủ vai trò điều hành".into()
                    }
                    Some(ActCode::NobodyThere) => format!(
                        "chưa làm được: không (còn) có số {number}; hãy xem bằng `giaoban ctl who` và `giaoban ctl lobby`"
                    ),
                    Some(ActCode::Unknown) => {
                        "chưa làm được: máy chủ không biết lệnh này; hãy cập nhật máy chủ".into()
                    }
                    Some(ActCode::Full) => "chưa làm được: phòng đã đầy; hãy tăng giới hạn".into(),
                    Some(ActCode::Failed) => {
                        "chưa làm được: máy chủ không ghi lại được; hãy kiểm tra ổ đĩa của máy chủ rồi thử lại".into()
                    }
                    Some(ActCode::NotNow) => {
                        "chưa làm được: lúc này không có gì để làm việc đó; hãy xem cách phát biểu, ai giơ tay và điểm danh"
                            .into()
                    }
                    Some(ActCode::Wrong) => {
                        "chưa làm được: nội dung quá dài, quá lớn hoặc để trống; hãy sửa lại".into()
                    }
                    Some(ActCode::TooOften) => "chưa làm được: quá nhiều trong một lúc; hãy đợi vài giây".into(),
                    None => {
                        "chưa làm được, vì một lý do mà phiên bản này chưa biết; hãy cập nhật chương trình này".into()
                    }
                }
            }
            Self::Failed(Failed::Refused(loss), host) => format!("bị từ chối: {}", vietnamese_loss(loss, host)),
            Self::Failed(Failed::NoOperator, _) => {
                "bị từ chối: điểm này không phải là điều hành của phòng đó; hãy xin người quản trị máy chủ vai trò này".into()
            }
            Self::Failed(Failed::NotReachable(loss), host) => {
                format!("không có trả lời: {}", vietnamese_loss(loss, host))
            }
            Self::Failed(Failed::NoAnswer, host) => format!(
                "đã tới được {host} nhưng mất kết nối trước khi có trả lời; hãy xem bằng `giaoban ctl who` lệnh đã được \
                 thực hiện chưa"
            ),
        }
    }
}

/// What else is to be known of a seat, each mark after a comma.
fn marks(seat: &Seat, [guest, silenced, muted]: [&str; 3]) -> String {
    let marks = [(seat.guest, guest), (seat.silenced, silenced), (seat.muted, muted)];
    marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| format!(", {mark}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Loss;
    use std::collections::BTreeSet;

    #[test]
    fn every_message_has_one_line_of_its_own_in_each_language() {
        let mut seats: Vec<Seat> = [1, 2, 3, 4, 99]
            .map(|role| Seat { member: 7, name: "Tri Lễ".into(), role, ..Seat::default() })
            .into();
        seats.push(Seat { guest: true, silenced: true, muted: true, ..seats[1].clone() });
        let waiting = Waiting { member: 9, name: "Khách".into() };
        let mut messages: Vec<CtlWords<'_>> = seats.iter().map(CtlWords::Seat).collect();
        messages.extend([CtlWords::Waiting(&waiting), CtlWords::NobodyHere, CtlWords::NobodyWaits]);
        let deeds = [Deed::Admit(7), Deed::Refuse(7), Deed::Expel(7), Deed::Silence(7), Deed::Unsilence(7)];
        messages.extend(deeds.map(|deed| CtlWords::Did(deed, Some(ActCode::Done))));
        messages.extend(ActCode::ALL[1..].iter().map(|code| CtlWords::Did(deeds[0], Some(*code))));
        messages.push(CtlWords::Did(deeds[0], None));
        messages.extend(
            [
                Failed::Refused(Loss::WrongKey),
                Failed::NoOperator,
                Failed::NotReachable(Loss::Broken),
                Failed::NoAnswer,
            ]
            .map(|failed| CtlWords::Failed(failed, "hop.example.vn")),
        );
        let said = [Lang::En, Lang::Vi].map(|lang| {
            let texts = messages.iter().map(|message| message.text(lang));
            texts.inspect(|text| assert!(!text.is_empty() && text.lines().count() == 1, "{text:?}")).collect()
        });
        let [english, vietnamese]: [BTreeSet<String>; 2] = said;
        assert_eq!((english.len(), vietnamese.len()), (messages.len(), messages.len()));
        assert!(english.is_disjoint(&vietnamese), "untranslated");
        assert!(english.contains("7: Tri Lễ, participant, guest, silenced, microphone off"));
    }
}
