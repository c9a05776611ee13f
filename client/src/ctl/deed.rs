//! What an operator can have done: how it is typed, whom it is about, and the act that it is. Pure.

use giaoban_proto::wire::{
    FloorMode, Gain, Record, Rename, Say, SetFloor, SetRoom, Silence, SilenceAll, Tick, TwoWay, act::What,
};

/// What is to be done. Numbers are those of members or of guests in the lobby.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the act of its name, with what the act holds")]
pub enum Deed {
    Admit(u64),
    Refuse(u64),
    Expel(u64),
    Silence(u64),
    Unsilence(u64),
    /// 0: to the first hand.
    Grant(u64),
    TakeBack,
    /// 0: all hands.
    Lower(u64),
    /// With turns of so many s; 0 has no end.
    Floor(FloorMode, u32),
    /// Whoever has the floor is left as it is, if so.
    SilenceAll(bool),
    UnsilenceAll,
    /// Or unlock.
    Lock(bool),
    /// Whether newcomers are silent.
    Newcomers(bool),
    Rename(u64, String),
    /// In dB.
    Gain(u64, i32),
    /// To be answered within so many s; 0 ends it.
    RollCall(u32),
    Tick(u64),
    Untick(u64),
    Record(Record),
    /// Empty: stops.
    Play(String),
    /// To operators only, if so.
    Say(String, bool),
    /// 0: nobody.
    Deputy(u64),
    /// Whether this source hears the meeting.
    TwoWay(u64, bool),
}

impl Deed {
    /// As it is typed.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Admit(_) => "admit",
            Self::Refuse(_) => "refuse",
            Self::Expel(_) => "expel",
            Self::Silence(_) => "silence",
            Self::Unsilence(_) => "unsilence",
            Self::Grant(_) => "grant",
            Self::TakeBack => "take-back",
            Self::Lower(_) => "lower",
            Self::Floor(..) => "floor",
            Self::SilenceAll(_) => "silence-all",
            Self::UnsilenceAll => "unsilence-all",
            Self::Lock(true) => "lock",
            Self::Lock(false) => "unlock",
            Self::Newcomers(_) => "newcomers",
            Self::Rename(..) => "rename",
            Self::Gain(..) => "gain",
            Self::RollCall(_) => "rollcall",
            Self::Tick(_) => "tick",
            Self::Untick(_) => "untick",
            Self::Record(_) => "record",
            Self::Play(_) => "play",
            Self::Say(..) => "say",
            Self::Deputy(_) => "deputy",
            Self::TwoWay(_, true) => "two-way",
            Self::TwoWay(_, false) => "one-way",
        }
    }

    /// Whom it is about, where that is one member or guest.
    #[must_use]
    pub const fn member(&self) -> Option<u64> {
        match self {
            Self::Grant(0) | Self::Lower(0) | Self::Deputy(0) => None,
            Self::Admit(member)
            | Self::Refuse(member)
            | Self::Expel(member)
            | Self::Silence(member)
            | Self::Unsilence(member)
            | Self::Grant(member)
            | Self::Lower(member)
            | Self::Rename(member, _)
            | Self::Gain(member, _)
            | Self::Tick(member)
            | Self::Untick(member)
            | Self::Deputy(member)
            | Self::TwoWay(member, _) => Some(*member),
            _ => None,
        }
    }

    pub(super) fn what(&self) -> What {
        let silence = |member, silent| What::Silence(Silence { member, silent });
        let room = |locked, newcomers_silent| What::SetRoom(SetRoom { locked, newcomers_silent });
        match *self {
            Self::Admit(member) => What::LetIn(member),
            Self::Refuse(member) => What::TurnAway(member),
            Self::Expel(member) => What::Expel(member),
            Self::Silence(member) => silence(member, true),
            Self::Unsilence(member) => silence(member, false),
            Self::Grant(member) => What::Grant(member),
            Self::TakeBack => What::TakeBack(0),
            Self::Lower(member) => What::LowerHand(member),
            Self::Floor(mode, turn_s) => What::SetFloor(SetFloor { mode: mode.code(), turn_s }),
            Self::SilenceAll(but_floor) => What::SilenceAll(SilenceAll { silent: true, but_floor }),
            Self::UnsilenceAll => What::SilenceAll(SilenceAll { silent: false, but_floor: false }),
            Self::Lock(locked) => room(Some(locked), None),
            Self::Newcomers(silent) => room(None, Some(silent)),
            Self::Rename(member, ref name) => What::Rename(Rename { member, name: name.clone() }),
            Self::Gain(member, db) => What::Gain(Gain { member, db }),
            Self::RollCall(seconds) => What::RollCall(seconds),
            Self::Tick(member) => What::Tick(Tick { member, present: true }),
            Self::Untick(member) => What::Tick(Tick { member, present: false }),
            Self::Record(record) => What::Record(record.code()),
            Self::Play(ref name) => What::Play(name.clone()),
            Self::Say(ref text, to_operators) => What::Say(Say { text: text.clone(), to_operators }),
            Self::Deputy(member) => What::Deputy(member),
            Self::TwoWay(member, hears) => What::TwoWay(TwoWay { member, hears }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One of each.
    pub(crate) fn all() -> Vec<Deed> {
        let mut all = vec![
            Deed::Admit(7),
            Deed::Refuse(7),
            Deed::Expel(7),
            Deed::Silence(7),
            Deed::Unsilence(7),
            Deed::Grant(7),
            Deed::Grant(0),
            Deed::TakeBack,
            Deed::Lower(7),
            Deed::Lower(0),
            Deed::SilenceAll(false),
            Deed::SilenceAll(true),
            Deed::UnsilenceAll,
            Deed::Lock(true),
            Deed::Lock(false),
            Deed::Newcomers(true),
            Deed::Newcomers(false),
            Deed::Rename(7, "Tri Lễ".into()),
            Deed::Gain(7, -6),
            Deed::RollCall(60),
            Deed::RollCall(0),
            Deed::Tick(7),
            Deed::Untick(7),
            Deed::Play("khai-mac".into()),
            Deed::Play(String::new()),
            Deed::Say("112/BC".into(), false),
            Deed::Say("112/BC".into(), true),
            Deed::Deputy(7),
            Deed::Deputy(0),
            Deed::TwoWay(7, true),
            Deed::TwoWay(7, false),
        ];
        all.extend(FloorMode::ALL.map(|mode| Deed::Floor(mode, 0)));
        all.push(Deed::Floor(FloorMode::Moderated, 180));
        all.extend(Record::ALL.map(Deed::Record));
        all
    }

    #[test]
    fn each_is_an_act_of_its_own_about_whom_it_names() {
        let whats: Vec<What> = all().iter().map(Deed::what).collect();
        for (n, what) in whats.iter().enumerate() {
            assert!(!whats[n + 1..].contains(what), "{what:?}");
        }
        assert_eq!(Deed::Silence(7).what(), What::Silence(Silence { member: 7, silent: true }));
        assert_eq!(Deed::Grant(0).what(), What::Grant(0));
        let floor = What::SetFloor(SetFloor { mode: 1, turn_s: 180 });
        assert_eq!(Deed::Floor(FloorMode::Moderated, 180).what(), floor);
        assert_eq!(
            (Deed::Grant(7).member(), Deed::Grant(0).member(), Deed::TakeBack.member()),
            (Some(7), None, None)
        );
    }
}
