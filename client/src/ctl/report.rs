//! What an act leaves behind: lines for a person, one object for a program, an exit code. Pure.

use super::{Answer, Failed, Wish};
use crate::words::{CtlWords, Lang};
use giaoban_proto::wire::{
    ActCode, FloorMode, LegFigures, LineFigures, Meeting, NoticeKind, Recording, Seat, SiteRole, Waiting,
    server_message::Body,
};
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
        Ok(Answer::Status(status)) => {
            let meeting = std::iter::once(CtlWords::Meeting(&status.meeting, &status.seats));
            let seats = status.seats.iter().map(CtlWords::Seat);
            meeting.chain(seats).chain(status.waiting.iter().map(CtlWords::Waiting)).collect()
        }
        Ok(Answer::Did(deed, code)) => vec![CtlWords::Did(deed, *code)],
        Err(failed) => vec![CtlWords::Failed(*failed, host)],
    };
    words.iter().map(|words| words.text(lang)).collect()
}

/// 0 done, 1 the act was not possible, 3 refused, 4 not reachable.
#[must_use]
pub const fn exit_code(outcome: &Outcome) -> u8 {
    match outcome {
        Ok(Answer::Who(_) | Answer::Lobby(_) | Answer::Status(_) | Answer::Did(_, Some(ActCode::Done))) => 0,
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
    meeting: Option<State<'a>>,
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
    hand: u32,
    present: u32,
    away: bool,
    gain_db: i32,
    /// Left out while nothing is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    has_percent: Option<u32>,
    two_way: bool,
}

impl<'a> Member<'a> {
    fn of(seat: &'a Seat) -> Self {
        Self {
            member: seat.member,
            name: &seat.name,
            role: SiteRole::from_code(seat.role).map(SiteRole::as_str),
            guest: seat.guest,
            muted: seat.muted,
            silenced: seat.silenced,
            hand: seat.hand,
            present: seat.present,
            away: seat.away,
            gain_db: seat.gain_db,
            has_percent: seat.has,
            two_way: seat.two_way,
        }
    }
}

#[derive(Serialize)]
struct Guest<'a> {
    member: u64,
    name: &'a str,
}

impl<'a> Guest<'a> {
    fn of(guest: &'a Waiting) -> Self {
        Self { member: guest.member, name: &guest.name }
    }
}

/// How a meeting stands. Times are of the moment in which the bridge said it.
#[derive(Serialize)]
struct State<'a> {
    /// `null` for a mode of a newer version.
    floor: Option<&'static str>,
    /// `null`: nobody.
    holder: Option<u64>,
    left_s: u32,
    turn_s: u32,
    recording: &'static str,
    roll: u32,
    roll_left_s: u32,
    locked: bool,
    newcomers_silent: bool,
    playing: &'a str,
    has_operator: bool,
    deputy: Option<u64>,
    age_s: u32,
}

impl<'a> State<'a> {
    fn of(meeting: &'a Meeting) -> Self {
        let member = |member: u64| (member != 0).then_some(member);
        Self {
            floor: FloorMode::from_code(meeting.mode).map(FloorMode::as_str),
            holder: member(meeting.holder),
            left_s: meeting.left_s,
            turn_s: meeting.turn_s,
            recording: match Recording::from_code(meeting.recording).unwrap_or_default() {
                Recording::Off => "off",
                Recording::On => "on",
                Recording::Paused => "paused",
                Recording::Failed => "failed",
            },
            roll: meeting.roll,
            roll_left_s: meeting.roll_left_s,
            locked: meeting.locked,
            newcomers_silent: meeting.newcomers_silent,
            playing: &meeting.playing,
            has_operator: meeting.has_operator,
            deputy: member(meeting.deputy),
            age_s: meeting.age_s,
        }
    }
}

/// The same as one JSON object; the keys are in the README and stay.
#[must_use]
pub fn json(wish: &Wish, outcome: &Outcome, host: &str) -> String {
    let mut object = Object {
        act: wish.as_str(),
        result: result(outcome),
        member: if let Wish::Do(deed) = wish { deed.member() } else { None },
        meeting: None,
        members: None,
        waiting: None,
        text: lines(outcome, host, Lang::En),
    };
    match outcome {
        Ok(Answer::Who(seats)) => object.members = Some(seats.iter().map(Member::of).collect()),
        Ok(Answer::Lobby(waiting)) => object.waiting = Some(waiting.iter().map(Guest::of).collect()),
        Ok(Answer::Status(status)) => {
            object.meeting = Some(State::of(&status.meeting));
            object.members = Some(status.seats.iter().map(Member::of).collect());
            object.waiting = Some(status.waiting.iter().map(Guest::of).collect());
        }
        _ => {}
    }
    // Numbers and strings always have a form in JSON.
    serde_json::to_string(&object).unwrap_or_default()
}

/// One line of what `watch` prints, its end left out; `None` for what is nobody's business. The keys are in the README and
/// stay.
#[must_use]
pub fn event(body: &Body) -> Option<String> {
    let event = match body {
        Body::Roster(difference) => Event::Members {
            members: difference.seats.iter().map(Member::of).collect(),
            gone: &difference.gone,
        },
        Body::Lobby(difference) => Event::Lobby {
            waiting: difference.waiting.iter().map(Guest::of).collect(),
            gone: &difference.gone,
        },
        Body::Meeting(meeting) => Event::Meeting(State::of(meeting)),
        Body::Said(said) => Event::Said {
            member: said.member,
            name: &said.name,
            text: &said.text,
            to_operators: said.to_operators,
        },
        Body::Notice(notice) => {
            let kind = match NoticeKind::from_code(notice.kind)? {
                NoticeKind::CameTwice => "came_twice",
                NoticeKind::Howls => "howls",
                NoticeKind::Echoes => "echoes",
                NoticeKind::TookOver => "took_over",
                NoticeKind::RecordingFailed => "recording_failed",
            };
            Event::Notice { kind, member: notice.member, name: &notice.name }
        }
        Body::Figures(figures) => Event::Figures { lines: figures.lines.iter().map(Line::of).collect() },
        _ => return None,
    };
    serde_json::to_string(&event).ok()
}

/// The line of `watch` that says that the bridge is heard, or no longer.
#[must_use]
pub fn line_event(heard: bool) -> String {
    serde_json::to_string(&Event::Line { heard }).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Line { heard: bool },
    Members { members: Vec<Member<'a>>, gone: &'a [u64] },
    Lobby { waiting: Vec<Guest<'a>>, gone: &'a [u64] },
    Meeting(State<'a>),
    Said { member: u64, name: &'a str, text: &'a str, to_operators: bool },
    Notice { kind: &'static str, member: u64, name: &'a str },
    Figures { lines: Vec<Line> },
}

#[derive(Serialize)]
struct Line {
    member: u64,
    /// `null` while not known.
    rtt_ms: Option<u32>,
    /// `null` for silence.
    level_dbfs: Option<i64>,
    microphone_dead: bool,
    microphone_clipping: bool,
    microphone_missing: bool,
    sends: Option<Leg>,
    hears: Option<Leg>,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_percent: Option<u32>,
}

impl Line {
    fn of(line: &LineFigures) -> Self {
        Self {
            member: line.member,
            rtt_ms: (line.round_trip_10ms != 0).then_some(line.round_trip_10ms.saturating_mul(10)),
            level_dbfs: (line.level != 0).then_some(-6 * i64::from(line.level)),
            microphone_dead: line.microphone & 1 != 0,
            microphone_clipping: line.microphone & 2 != 0,
            microphone_missing: line.microphone & 4 != 0,
            sends: line.sends.map(Leg::of),
            hears: line.hears.map(Leg::of),
            has_percent: line.has,
        }
    }
}

#[derive(Serialize)]
struct Leg {
    lost_percent: u32,
    concealed_percent: u32,
    delay_ms: u32,
    rung_kbps: u32,
    kbps: u32,
}

impl Leg {
    fn of(leg: LegFigures) -> Self {
        Self {
            lost_percent: leg.lost,
            concealed_percent: leg.concealed,
            delay_ms: leg.delay_50ms.saturating_mul(50),
            rung_kbps: leg.rung_kbps,
            kbps: leg.kbps,
        }
    }
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

    fn read(wish: &Wish, outcome: &Outcome) -> serde_json::Value {
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
            hand: 3,
            present: 2,
            away: true,
            gain_db: -3,
            has: None,
            two_way: true,
        };
        let newer = Seat { member: 8, role: 99, ..Seat::default() };
        let who = read(&Wish::Who, &Ok(Answer::Who(vec![seat, newer])));
        assert_eq!((&who["act"], &who["result"]), (&"who".into(), &"done".into()));
        let first = serde_json::json!({
            "member": 7, "name": "Tri Lễ", "role": "participant", "guest": true, "muted": true, "silenced": true,
            "hand": 3, "present": 2, "away": true, "gain_db": -3, "two_way": true
        });
        assert_eq!(who["members"][0], first);
        assert!(who["members"][1]["role"].is_null() && who.get("waiting").is_none());
        let waiting = Waiting { member: 9, name: "Khách".into() };
        let lobby = read(&Wish::Lobby, &Ok(Answer::Lobby(vec![waiting])));
        assert_eq!(lobby["waiting"], serde_json::json!([{ "member": 9, "name": "Khách" }]));
        let deed = Deed::Silence(9);
        let wish = Wish::Do(deed.clone());
        let did = read(&wish, &Ok(Answer::Did(deed, Some(ActCode::NobodyThere))));
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
            let outcome = Ok(Answer::Did(deed.clone(), code));
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

    #[test]
    fn the_status_and_what_is_watched_have_their_keys() {
        use crate::ctl::Status;
        use giaoban_proto::wire::{Figures, Roster, Said};
        let meeting = Meeting { mode: 1, holder: 7, left_s: 50, roll: 2, recording: 1, ..Meeting::default() };
        let seats = vec![Seat { member: 7, name: "Tri Lễ".into(), hand: 4, ..Seat::default() }];
        let status = Status { meeting: meeting.clone(), seats, waiting: vec![] };
        let read = read(&Wish::Status, &Ok(Answer::Status(Box::new(status))));
        let expected = serde_json::json!({
            "floor": "moderated", "holder": 7, "left_s": 50, "turn_s": 0, "recording": "on", "roll": 2,
            "roll_left_s": 0, "locked": false, "newcomers_silent": false, "playing": "", "has_operator": false,
            "deputy": null, "age_s": 0
        });
        assert_eq!((&read["meeting"], &read["members"][0]["hand"]), (&expected, &4.into()));
        assert_eq!((&read["waiting"], &read["act"]), (&serde_json::json!([]), &"status".into()));

        let line = |body: Body| -> serde_json::Value {
            let text = event(&body).expect("somebody's business");
            assert_eq!(text.lines().count(), 1);
            serde_json::from_str(&text).expect("JSON")
        };
        let watched = line(Body::Meeting(meeting));
        assert_eq!((&watched["event"], &watched["holder"]), (&"meeting".into(), &7.into()));
        let roster = Roster { seats: vec![], gone: vec![3] };
        let gone = serde_json::json!({ "event": "members", "members": [], "gone": [3] });
        assert_eq!(line(Body::Roster(roster)), gone);
        let said = Said { member: 7, name: "Tri Lễ".into(), text: "a\nb".into(), to_operators: true };
        assert_eq!(line(Body::Said(said))["text"], "a\nb");
        let leg = LegFigures { lost: 12, concealed: 1, delay_50ms: 8, rung_kbps: 16, kbps: 19 };
        let figures = LineFigures {
            member: 7,
            hears: Some(leg),
            round_trip_10ms: 60,
            microphone: 5,
            level: 4,
            ..LineFigures::default()
        };
        let expected = serde_json::json!({ "event": "figures", "lines": [{
            "member": 7, "rtt_ms": 600, "level_dbfs": -24, "microphone_dead": true, "microphone_clipping": false,
            "microphone_missing": true, "sends": null,
            "hears": { "lost_percent": 12, "concealed_percent": 1, "delay_ms": 400, "rung_kbps": 16, "kbps": 19 }
        }] });
        assert_eq!(line(Body::Figures(Figures { lines: vec![figures] })), expected);
        assert_eq!(line_event(true), r#"{"event":"line","heard":true}"#);
    }
}
