//! What is said of an operator's act, in each language.

use super::Lang;
use super::deed;
use super::floor;
use super::loss;
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
        match *self {
            Self::Seat(seat) => {
                let role = match SiteRole::from_code(seat.role) {
                    Some(SiteRole::Operator) => "ctl-role-operator",
                    Some(SiteRole::Participant) => "ctl-role-participant",
                    Some(SiteRole::Listener) => "ctl-role-listener",
                    Some(SiteRole::Trunk) => "ctl-role-trunk",
                    Some(SiteRole::Source) => "ctl-role-source",
                    None => "ctl-role-newer",
                };
                let marks = marks(seat, lang);
                format!("{}: {}, {}{marks}", seat.member, seat.name, lang.text(role))
            }
            Self::Waiting(guest) => {
                lang.with("ctl-waits", &[("number", &guest.member), ("name", &guest.name)])
            }
            Self::NobodyHere => lang.text("ctl-nobody-here").into(),
            Self::NobodyWaits => lang.text("ctl-nobody-waits").into(),
            Self::Meeting(meeting, seats) => deed::meeting(meeting, seats, lang),
            Self::Did(deed, Some(ActCode::Done)) => deed::deed(deed, lang),
            Self::Did(deed, Some(ActCode::NobodyThere)) => match deed.member() {
                Some(number) => lang.with("ctl-no-number", &[("number", &number)]),
                None => lang.text("ctl-nobody").into(),
            },
            Self::Did(_, Some(ActCode::NotAllowed)) => lang.text("ctl-not-allowed").into(),
            Self::Did(deed, Some(ActCode::NotNow)) => {
                lang.with("ctl-not-done", &[("why", &deed::not_now(deed, lang))])
            }
            Self::Did(_, code) => lang.with("ctl-not-done", &[("why", &floor::code(code, lang))]),
            Self::Failed(Failed::Refused(loss), host) => {
                lang.with("ctl-refused", &[("why", &loss::loss(loss, host, lang))])
            }
            Self::Failed(Failed::NoOperator, _) => lang.text("ctl-no-operator").into(),
            Self::Failed(Failed::NotReachable(loss), host) => {
                lang.with("ctl-no-answer", &[("why", &loss::loss(loss, host, lang))])
            }
            Self::Failed(Failed::NoAnswer, host) => lang.with("ctl-line-lost", &[("host", &host)]),
        }
    }
}

/// What else is to be known of a seat, each mark after a comma.
fn marks(seat: &Seat, lang: Lang) -> String {
    let marks = [
        (seat.guest, "ctl-guest"),
        (seat.silenced, "ctl-silenced"),
        (seat.muted, "ctl-muted"),
        (seat.hand != 0, "ctl-hand"),
        (seat.away, "ctl-away"),
        (seat.two_way, "ctl-hears"),
    ];
    marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| format!(", {}", lang.text(mark))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::each_has_a_line_of_its_own;
    use super::*;
    use crate::session::Loss;
    use giaoban_proto::wire::{FloorMode, Recording};

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
        let english = each_has_a_line_of_its_own(&messages, |message, lang| message.text(lang));
        assert!(english.contains("7: Tri Lễ, participant, guest, silenced, microphone off"));
    }
}
