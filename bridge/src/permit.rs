//! Who may do what: one table, looked up for each control message and each voice packet. Pure.
//!
//! A guest is a participant; whether a *device* may be here at all is the store's to say, before anything is asked here.

use giaoban_proto::wire::{SiteRole, act::What};

/// What somebody in a room may want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Be heard.
    Speak,
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
}

/// Every right and who has it.
const TABLE: [(Right, &[SiteRole]); 7] = {
    use SiteRole::{Listener, Operator, Participant, Trunk};
    [
        (Right::Speak, &[Operator, Participant, Trunk]),
        (Right::SetMuted, &[Operator, Participant, Listener, Trunk]),
        (Right::SeeLobby, &[Operator]),
        (Right::Admit, &[Operator]),
        (Right::Expel, &[Operator]),
        (Right::Silence, &[Operator]),
        (Right::Observe, &[Operator]),
    ]
};

/// Whether a site of that role may.
#[must_use]
pub fn may(role: SiteRole, right: Right) -> bool {
    TABLE.iter().any(|(of, roles)| *of == right && roles.contains(&role))
}

/// The right that an act needs.
#[must_use]
pub const fn needed(act: &What) -> Right {
    match act {
        What::LetIn(_) | What::TurnAway(_) => Right::Admit,
        What::Expel(_) => Right::Expel,
        What::Silence(_) => Right::Silence,
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::wire::Silence;

    #[test]
    fn every_right_of_every_role() {
        let rights = [
            Right::Speak,
            Right::SetMuted,
            Right::SeeLobby,
            Right::Admit,
            Right::Expel,
            Right::Silence,
            Right::Observe,
        ];
        let of = |role| rights.map(|right| may(role, right));
        assert_eq!(of(SiteRole::Operator), [true; 7]);
        assert_eq!(of(SiteRole::Participant), [true, true, false, false, false, false, false]);
        assert_eq!(of(SiteRole::Listener), [false, true, false, false, false, false, false]);
        assert_eq!(of(SiteRole::Trunk), [true, true, false, false, false, false, false]);
    }

    #[test]
    fn no_act_is_anybodys_but_the_operators() {
        let silence = |silent| What::Silence(Silence { member: 1, silent });
        for act in [What::LetIn(1), What::TurnAway(1), What::Expel(1), silence(true), silence(false)] {
            for role in SiteRole::ALL {
                assert_eq!(may(role, needed(&act)), role == SiteRole::Operator, "{act:?} by {role}");
            }
            assert!(!name(&act).is_empty());
        }
    }
}
