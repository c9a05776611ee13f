//! Who may do what: one table, looked up for each control message and each voice packet. Pure.
//!
//! A guest is a participant; whether a *device* may be here at all is the store's to say, before anything is asked here.

use giaoban_proto::wire::{SiteRole, act::What};

/// What somebody in a room may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Be heard.
    Speak,
    /// Be heard whoever has the floor, and when all are silenced.
    SpeakAlways,
    /// Be sent what is said, without an operator's leave.
    Hear,
    /// Have a seat that is a source.
    BeSource,
    /// Switch its own microphone, for the others to see.
    SetMuted,
    /// Know who waits in the lobby, and be told what operators should know.
    SeeLobby,
    /// Let a guest in, or turn one away.
    Admit,
    /// Put somebody out.
    Expel,
    /// Take somebody's voice out of the meeting, or give it back.
    Silence,
    /// Be told what happens, without a seat.
    Observe,
    /// Say who may speak, and to whom the floor is given.
    Floor,
    /// Say what holds for newcomers, how a member is called and how loud it is.
    Arrange,
    /// Call the roll, and answer it for others.
    CallRoll,
    /// Start and end the recording, and play announcements.
    Record,
    /// Name who may take an operator's place.
    NameDeputy,
    /// Ask for the floor.
    AskFloor,
    /// Answer the roll call for itself.
    Answer,
    /// Say something in writing.
    Write,
    /// Take the operator's place, where one has named it for that.
    TakeOver,
}

/// Every right and who has it.
const TABLE: [(Right, &[SiteRole]); 19] = {
    use SiteRole::{Listener, Operator, Participant, Source, Trunk};
    [
        (Right::Speak, &[Operator, Participant, Trunk, Source]),
        (Right::SpeakAlways, &[Operator, Source]),
        (Right::Hear, &[Operator, Participant, Listener, Trunk]),
        (Right::BeSource, &[Operator, Source]),
        (Right::SetMuted, &[Operator, Participant, Listener, Trunk, Source]),
        (Right::SeeLobby, &[Operator]),
        (Right::Admit, &[Operator]),
        (Right::Expel, &[Operator]),
        (Right::Silence, &[Operator]),
        (Right::Observe, &[Operator]),
        (Right::Floor, &[Operator]),
        (Right::Arrange, &[Operator]),
        (Right::CallRoll, &[Operator]),
        (Right::Record, &[Operator]),
        (Right::NameDeputy, &[Operator]),
        (Right::AskFloor, &[Operator, Participant]),
        (Right::Answer, &[Operator, Participant, Listener]),
        (Right::Write, &[Operator, Participant, Listener]),
        (Right::TakeOver, &[Operator, Participant]),
    ]
};

/// Whether a site of that role may.
#[must_use]
pub fn may(role: SiteRole, right: Right) -> bool {
    TABLE.iter().any(|(of, roles)| *of == right && roles.contains(&role))
}

/// As what a site of that role has a seat, where it asks for that of a source or not; `None` where it may not.
#[must_use]
pub fn seated_as(role: SiteRole, source: bool) -> Option<SiteRole> {
    if !source {
        return Some(role);
    }
    may(role, Right::BeSource).then_some(SiteRole::Source)
}

/// The right that an act needs.
#[must_use]
pub const fn needed(act: &What) -> Right {
    match act {
        What::LetIn(_) | What::TurnAway(_) => Right::Admit,
        What::Expel(_) => Right::Expel,
        What::Silence(_) | What::SilenceAll(_) => Right::Silence,
        What::SetFloor(_) | What::Grant(_) | What::TakeBack(_) | What::LowerHand(_) => Right::Floor,
        What::SetRoom(_) | What::Rename(_) | What::Gain(_) | What::TwoWay(_) => Right::Arrange,
        What::RollCall(_) | What::Tick(_) => Right::CallRoll,
        What::Record(_) | What::Play(_) => Right::Record,
        What::Deputy(_) => Right::NameDeputy,
        What::Hand(_) => Right::AskFloor,
        What::Present(_) => Right::Answer,
        What::Say(_) => Right::Write,
        What::TakeOver(_) => Right::TakeOver,
    }
}

/// How an act is called where it is written down.
#[must_use]
pub const fn name(act: &What) -> &'static str {
    match act {
        What::LetIn(_) => "let in",
        What::TurnAway(_) => "turn away",
        What::Expel(_) => "expel",
        What::Silence(silence) if silence.silent => "silence",
        What::Silence(_) => "unsilence",
        What::SetFloor(_) => "set floor",
        What::Grant(_) => "grant floor",
        What::TakeBack(_) => "take floor back",
        What::LowerHand(_) => "lower hand",
        What::SilenceAll(all) if all.silent => "silence all",
        What::SilenceAll(_) => "unsilence all",
        What::SetRoom(_) => "set room",
        What::Rename(_) => "rename",
        What::Gain(_) => "set gain",
        What::RollCall(0) => "end roll call",
        What::RollCall(_) => "call roll",
        What::Tick(tick) if tick.present => "tick present",
        What::Tick(_) => "tick absent",
        What::Record(_) => "record",
        What::Play(_) => "play",
        What::Deputy(_) => "name deputy",
        What::TwoWay(two_way) if two_way.hears => "let source hear",
        What::TwoWay(_) => "let source hear no more",
        What::Hand(true) => "raise hand",
        What::Hand(false) => "take hand down",
        What::Present(_) => "answer roll call",
        What::Say(_) => "say",
        What::TakeOver(_) => "take over",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::wire::{Gain, Rename, Say, SetFloor, SetRoom, Silence, SilenceAll, Tick, TwoWay};

    #[test]
    fn every_right_of_every_role() {
        let of = |role| {
            TABLE
                .iter()
                .filter(move |(right, _)| may(role, *right))
                .map(|(right, _)| *right)
                .collect::<Vec<_>>()
        };
        use Right::{Answer, AskFloor, BeSource, Hear, SetMuted, Speak, SpeakAlways, TakeOver, Write};
        assert_eq!(of(SiteRole::Operator), TABLE.map(|(right, _)| right));
        assert_eq!(of(SiteRole::Participant), [Speak, Hear, SetMuted, AskFloor, Answer, Write, TakeOver]);
        assert_eq!(of(SiteRole::Listener), [Hear, SetMuted, Answer, Write]);
        assert_eq!(of(SiteRole::Trunk), [Speak, Hear, SetMuted]);
        assert_eq!(of(SiteRole::Source), [Speak, SpeakAlways, BeSource, SetMuted]);
        for role in SiteRole::ALL {
            let may_be = matches!(role, SiteRole::Operator | SiteRole::Source);
            assert_eq!(seated_as(role, true), may_be.then_some(SiteRole::Source), "{role}");
            assert_eq!(seated_as(role, false), Some(role));
        }
    }

    #[test]
    fn an_operators_act_is_nobody_elses_and_each_has_a_name_of_its_own() {
        let operators = [
            What::LetIn(1),
            What::TurnAway(1),
            What::Expel(1),
            What::Silence(Silence { member: 1, silent: true }),
            What::Silence(Silence { member: 1, silent: false }),
            What::SetFloor(SetFloor::default()),
            What::Grant(1),
            What::TakeBack(1),
            What::LowerHand(1),
            What::SilenceAll(SilenceAll { silent: true, but_floor: false }),
            What::SilenceAll(SilenceAll { silent: false, but_floor: false }),
            What::SetRoom(SetRoom::default()),
            What::Rename(Rename::default()),
            What::Gain(Gain::default()),
            What::RollCall(60),
            What::RollCall(0),
            What::Tick(Tick { member: 1, present: true }),
            What::Tick(Tick { member: 1, present: false }),
            What::Record(1),
            What::Play(String::new()),
            What::Deputy(1),
            What::TwoWay(TwoWay { member: 1, hears: true }),
            What::TwoWay(TwoWay { member: 1, hears: false }),
        ];
        let anybodys = [
            What::Hand(true),
            What::Hand(false),
            What::Present(1),
            What::Say(Say::default()),
            What::TakeOver(true),
        ];
        for act in &operators {
            for role in SiteRole::ALL {
                assert_eq!(may(role, needed(act)), role == SiteRole::Operator, "{act:?} by {role}");
            }
        }
        for act in &anybodys {
            assert!(may(SiteRole::Participant, needed(act)) && !may(SiteRole::Trunk, needed(act)), "{act:?}");
        }
        let names: std::collections::BTreeSet<_> = operators.iter().chain(&anybodys).map(name).collect();
        assert_eq!(names.len(), operators.len() + anybodys.len());
    }
}
