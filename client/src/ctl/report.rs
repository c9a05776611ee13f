//! What an act leaves behind: lines for a person, one object for a program, an exit code. Pure.

use super::{Answer, Failed, Wish};
use crate::words::{CtlWords, Lang};
use giaoban_proto::wire::{ActCode, SiteRole};
use serde::Serialize;

/// What came of it.
pub type Outcome = Result<Answer, Failed>;

/// What is said at the end.
#[must_use]
pub fn lines(outcome: &Outcome, host: &str, lang: Lang) -> Vec<String> {
    let words: Vec<CtlWords<'_>> = match outcome {
        Ok(Answer::Who(seats)) if seats.is_empty() => vec![CtlWords::NobodyHere],
        Ok(Answer::Who(seats)) => seats.iter().map(CtlWords::Seat).collect(),
        Ok(Answer::Lobby(waiting)) if waiting.is_empty() => vec![CtlWords::NobodyWaits],
        Ok(Answer::Lobby(waiting)) => waiting.iter().map(CtlWords::Waiting).collect(),
        Ok(Answer::Did(deed, code)) => vec![CtlWords::Did(*deed, *code)],
        Err(failed) => vec![CtlWords::Failed(*failed, host)],
    };
    words.iter().map(|words| words.text(lang)).collect()
}

/// 0 done, 1 the act was not possible, 3 refused, 4 not reachable.
#[must_use]
pub const fn exit_code(outcome: &Outcome) -> u8 {
    match outcome {
        Ok(Answer::Who(_) | Answer::Lobby(_) | Answer::Did(_, Some(ActCode::Done))) => 0,
        Ok(Answer::Did(_, Some(ActCode::NotAllowed))) => 3,
        Ok(Answer::Did(..)) => 1,
        Err(Failed::Refused(_) | Failed::NoOperator) => 3,
        Err(Failed::NotReachable(_) | Failed::NoAnswer) => 4,
    }
}

#[derive(Serialize)]
struct Object<'a> {
    act: &'static str,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<Member<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<Vec<Guest<'a>>>,
    text: Vec<String>,
}

#[derive(Serialize)]
struct Member<'a> {
    member: u64,
    name: &'a str,
    /// `null` for a role of a newer version.
    role: Option<&'static str>,
    guest: bool,
    muted: bool,
    silenced: bool,
}

#[derive(Serialize)]
struct Guest<'a> {
    member: u64,
    name: &'a str,
}

/// The same as one JSON object; the keys are in the README and stay.
#[must_use]
pub fn json(wish: Wish, outcome: &Outcome, host: &str) -> String {
    let mut object = Object {
        act: wish.as_str(),
        result: result(outcome),
        member: if let Wish::Do(deed) = wish { Some(deed.member()) } else { None },
        members: None,
        waiting: None,
        text: lines(outcome, host, Lang::En),
    };
    match outcome {
        Ok(Answer::Who(seats)) => {
            let members = seats.iter().map(|seat| Member {
                member: seat.member,
                name: &seat.name,
                role: SiteRole::from_code(seat.role).map(SiteRole::as_str),
                guest: seat.guest,
                muted: seat.muted,
                silenced: seat.silenced,
            });
            object.members = Some(members.collect());
        }
        Ok(Answer::Lobby(waiting)) => {
            let guests = waiting.iter().map(|guest| Guest { member: guest.member, name: &guest.name });
            object.waiting = Some(guests.collect());
        }
        _ => {}
    }
    // Numbers and strings always have a form in JSON.
    serde_json::to_string(&object).unwrap_or_default()
}

const fn result(outcome: &Outcome) -> &'static str {
    match outcome {
        Ok(Answer::Did(_, code)) => match code {
            Some(ActCode::Done) => "done",
            Some(ActCode::NotAllowed) => "not_allowed",
            Some(ActCode::NobodyThere) => "nobody_there",
            Some(ActCode::Full) => "full",
            Some(ActCode::Failed) => "failed",
            Some(ActCode::NotNow) => "not_now",
            Some(ActCode::Wrong) => "wrong",
            Some(ActCode::TooOften) => "too_often",
            Some(ActCode::Unknown) | None => "unknown",
        },
        Ok(_) => "done",
        Err(Failed::Refused(_)) => "refused",
        Err(Failed::NoOperator) => "not_allowed",
        Err(Failed::NotReachable(_)) => "not_reachable",
        Err(Failed::NoAnswer) => "no_answer",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Deed;
    use super::*;
    use crate::session::Loss;
    use giaoban_proto::wire::{CloseCode, Seat, Waiting};

    fn read(wish: Wish, outcome: &Outcome) -> serde_json::Value {
        serde_json::from_str(&json(wish, outcome, "hop.example.vn")).expect("JSON")
    }

    #[test]
    fn the_keys_that_programs_read_are_there() {
        let seat = Seat {
            member: 7,
            name: "Tri Lễ".into(),
            muted: true,
            role: SiteRole::Participant.code(),
            guest: true,
            silenced: true,
            ..Seat::default()
        };
        let newer = Seat { member: 8, role: 99, ..Seat::default() };
        let who = read(Wish::Who, &Ok(Answer::Who(vec![seat, newer])));
        assert_eq!((&who["act"], &who["result"]), (&"who".into(), &"done".into()));
        let first = serde_json::json!({
            "member": 7, "name": "Tri Lễ", "role": "participant", "guest": true, "muted": true, "silenced": true
        });
        assert_eq!(who["members"][0], first);
        assert!(who["members"][1]["role"].is_null() && who.get("waiting").is_none());
        let waiting = Waiting { member: 9, name: "Khách".into() };
        let lobby = read(Wish::Lobby, &Ok(Answer::Lobby(vec![waiting])));
        assert_eq!(lobby["waiting"], serde_json::json!([{ "member": 9, "name": "Khách" }]));
        let deed = Deed::Silence(9);
        let did = read(Wish::Do(deed), &Ok(Answer::Did(deed, Some(ActCode::NobodyThere))));
        let expected = (&"silence".into(), &"nobody_there".into(), &9.into());
        assert_eq!((&did["act"], &did["result"], &did["member"]), expected);
        assert!(did["text"][0].as_str().is_some_and(|text| text.contains('9')));
    }

    #[test]
    fn exit_codes_are_as_documented() {
        let deed = Deed::Admit(1);
        for (code, exit, result) in [
            (Some(ActCode::Done), 0, "done"),
            (Some(ActCode::NotAllowed), 3, "not_allowed"),
            (Some(ActCode::NobodyThere), 1, "nobody_there"),
            (Some(ActCode::Unknown), 1, "unknown"),
            (Some(ActCode::Full), 1, "full"),
            (Some(ActCode::Failed), 1, "failed"),
            (Some(ActCode::NotNow), 1, "not_now"),
            (Some(ActCode::Wrong), 1, "wrong"),
            (Some(ActCode::TooOften), 1, "too_often"),
            (None, 1, "unknown"),
        ] {
            let outcome = Ok(Answer::Did(deed, code));
            assert_eq!((exit_code(&outcome), super::result(&outcome)), (exit, result));
        }
        for (outcome, exit) in [
            (Ok(Answer::Who(vec![])), 0),
            (Ok(Answer::Lobby(vec![])), 0),
            (Err(Failed::Refused(Loss::Closed(CloseCode::NotAdmitted))), 3),
            (Err(Failed::NoOperator), 3),
            (Err(Failed::NotReachable(Loss::Broken)), 4),
            (Err(Failed::NoAnswer), 4),
        ] {
            assert_eq!(exit_code(&outcome), exit, "{outcome:?}");
        }
    }
}
