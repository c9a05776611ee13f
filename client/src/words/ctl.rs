//! What is said of an operator's act, in each language.

use super::Lang;
use super::deed::{
    english_deed, english_meeting, english_not_now, vietnamese_deed, vietnamese_meeting, vietnamese_not_now,
};
use super::floor::{english_code, vietnamese_code};
use super::loss::{english_loss, vietnamese_loss};
use crate::ctl::{Deed, Failed};
use giaoban_proto::wire::{ActCode, Meeting, Seat, SiteRole, Waiting};

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
    Did(&'a Deed, Option<ActCode>),
    /// How the meeting stands, with who is in it.
    Meeting(&'a Meeting, &'a [Seat]),
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
                let marks = marks(seat, ["guest", "silenced", "microphone off", "hand up", "line away", "hears"]);
                format!("{}: {}, {role}{marks}", seat.member, seat.name)
            }
            Self::Waiting(guest) => format!("{}: {}, waits to be let in", guest.member, guest.name),
            Self::NobodyHere => "nobody is in the room".into(),
            Self::NobodyWaits => "nobody waits to be let in".into(),
            Self::Meeting(meeting, seats) => english_meeting(meeting, seats),
            Self::Did(deed, Some(ActCode::Done)) => english_deed(deed),
            Self::Did(deed, Some(ActCode::NobodyThere)) => match deed.member() {
                Some(number) => format!(
                    "not done: there is no number {number} (any more); `giaoban ctl who` and `giaoban ctl lobby` \
                     list them"
                ),
                None => "not done: there is nobody whom it is about".into(),
            },
            Self::Did(_, Some(ActCode::NotAllowed)) => {
                "not done: this device's site may not do that; ask who runs the bridge for the operator's role"
                    .into()
            }
            Self::Did(deed, Some(ActCode::NotNow)) => format!("not done: {}", english_not_now(deed)),
            Self::Did(_, code) => format!("not done: {}", english_code(code)),
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
                    Some(SiteRole::Source) => "nguồn phát",
                    None => "vai trò mà phiên bản này chưa biết",
                };
                let marks = marks(seat, ["khách", "bị tắt tiếng", "micrô tắt", "giơ tay", "mất kết nối", "được nghe"]);
                format!("{}: {}, {role}{marks}", seat.member, seat.name)
            }
            Self::Waiting(guest) => format!("{}: {}, đang đợi được cho vào", guest.member, guest.name),
            Self::NobodyHere => "không có ai trong phòng".into(),
            Self::NobodyWaits => "không có ai đang đợi".into(),
            Self::Meeting(meeting, seats) => vietnamese_meeting(meeting, seats),
            Self::Did(deed, Some(ActCode::Done)) => vietnamese_deed(deed),
            Self::Did(deed, Some(ActCode::NobodyThere)) => match deed.member() {
                Some(number) => format!(
                    "chưa làm được: không (còn) có số {number}; hãy xem bằng `giaoban ctl who` và `giaoban ctl lobby`"
                ),
                None => "chưa làm được: không có ai để làm việc đó".into(),
            },
            Self::Did(_, Some(ActCode::NotAllowed)) => {
                "chưa làm được: điểm này không có quyền đó; hãy xin người quản trị máy chủ vai trò điều hành"
                    .into()
            }
            Self::Did(deed, Some(ActCode::NotNow)) => format!("chưa làm được: {}", vietnamese_not_now(deed)),
            Self::Did(_, code) => format!("chưa làm được: {}", vietnamese_code(code)),
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
fn marks(seat: &Seat, [guest, silenced, muted, hand, away, hears]: [&str; 6]) -> String {
    let marks = [
        (seat.guest, guest),
        (seat.silenced, silenced),
        (seat.muted, muted),
        (seat.hand != 0, hand),
        (seat.away, away),
        (seat.two_way, hears),
    ];
    marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| format!(", {mark}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Loss;
    use giaoban_proto::wire::{FloorMode, Recording};
    use std::collections::BTreeSet;

    fn meetings() -> Vec<Meeting> {
        let mode = |mode: FloorMode| Meeting { mode: mode.code(), has_operator: true, ..Meeting::default() };
        let mut all: Vec<Meeting> = FloorMode::ALL.map(mode).into();
        all.extend(Recording::ALL[1..].iter().map(|recording| Meeting {
            recording: recording.code(),
            has_operator: true,
            ..Meeting::default()
        }));
        let full = Meeting {
            mode: 1,
            holder: 7,
            left_s: 50,
            turn_s: 60,
            roll: 2,
            roll_left_s: 5,
            locked: true,
            newcomers_silent: true,
            playing: "khai-mac".into(),
            deputy: 7,
            ..Meeting::default()
        };
        all.push(Meeting { roll_left_s: 0, ..full.clone() });
        all.push(full);
        all
    }

    #[test]
    fn every_message_has_one_line_of_its_own_in_each_language() {
        let mut seats: Vec<Seat> = [1, 2, 3, 4, 99]
            .map(|role| Seat { member: 7, name: "Tri Lễ".into(), role, ..Seat::default() })
            .into();
        seats.push(Seat { guest: true, silenced: true, muted: true, ..seats[1].clone() });
        let waiting = Waiting { member: 9, name: "Khách".into() };
        let mut messages: Vec<CtlWords<'_>> = seats.iter().map(CtlWords::Seat).collect();
        messages.extend([CtlWords::Waiting(&waiting), CtlWords::NobodyHere, CtlWords::NobodyWaits]);
        let deeds = crate::ctl::tests_of_deeds();
        messages.extend(deeds.iter().map(|deed| CtlWords::Did(deed, Some(ActCode::Done))));
        messages.extend(ActCode::ALL[1..].iter().map(|code| CtlWords::Did(&deeds[0], Some(*code))));
        messages.push(CtlWords::Did(&deeds[0], None));
        let [next, tick] = [Deed::Grant(0), Deed::Tick(7)];
        messages.extend([&next, &tick].map(|deed| CtlWords::Did(deed, Some(ActCode::NotNow))));
        messages.push(CtlWords::Did(&next, Some(ActCode::NobodyThere)));
        let meetings = meetings();
        messages.extend(meetings.iter().map(|meeting| CtlWords::Meeting(meeting, &seats)));
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
