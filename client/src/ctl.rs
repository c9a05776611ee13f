//! An operator's act without a window: one question or one act, one answer. The room sees nothing of it.
//!
//! ```text
//! Session: connects, asks to observe --welcome--> Ctl: the list is whole, or the act is answered --> Answer
//! ```
//!
//! Pure, but for [`mod@run`]. What the bridge allows is its own business; who is no operator is told so at once.

pub mod report;
pub mod run;

use crate::roster::{Lobby, Roster};
use crate::session::Loss;
use giaoban_proto::wire::{
    Act, ActCode, Seat, Silence, SiteRole, Waiting, Welcome, act::What, server_message::Body,
};
use std::time::Instant;

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Who is in the room.
    Who,
    /// Who waits to be let in.
    Lobby,
    /// Something is to be done.
    Do(Deed),
}

/// What is to be done, to the member or guest of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the act of its name")]
pub enum Deed {
    Admit(u64),
    Refuse(u64),
    Expel(u64),
    Silence(u64),
    Unsilence(u64),
}

impl Wish {
    /// As it is typed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Who => "who",
            Self::Lobby => "lobby",
            Self::Do(Deed::Admit(_)) => "admit",
            Self::Do(Deed::Refuse(_)) => "refuse",
            Self::Do(Deed::Expel(_)) => "expel",
            Self::Do(Deed::Silence(_)) => "silence",
            Self::Do(Deed::Unsilence(_)) => "unsilence",
        }
    }
}

impl Deed {
    /// Whom it is about.
    #[must_use]
    pub const fn member(self) -> u64 {
        match self {
            Self::Admit(member)
            | Self::Refuse(member)
            | Self::Expel(member)
            | Self::Silence(member)
            | Self::Unsilence(member) => member,
        }
    }

    const fn what(self) -> What {
        match self {
            Self::Admit(member) => What::LetIn(member),
            Self::Refuse(member) => What::TurnAway(member),
            Self::Expel(member) => What::Expel(member),
            Self::Silence(member) => What::Silence(Silence { member, silent: true }),
            Self::Unsilence(member) => What::Silence(Silence { member, silent: false }),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All who are in the room, by number.
    Who(Vec<Seat>),
    /// All who wait, by number.
    Lobby(Vec<Waiting>),
    /// What the bridge made of the act; `None` for a code of a newer version.
    Did(Deed, Option<ActCode>),
}

/// Why nothing came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failed {
    /// The bridge said no, or is another one.
    Refused(Loss),
    /// This device's site is none of the operators'.
    NoOperator,
    /// Nothing answered in time.
    NotReachable(Loss),
    /// It was reached, and the line was lost or silent before the answer came: an act may have been done.
    NoAnswer,
}

/// The number of the one act.
const NUMBER: u32 = 1;

/// One question or act, from the welcome on.
#[derive(Debug)]
pub struct Ctl {
    wish: Wish,
    roster: Roster,
    lobby: Lobby,
    lobby_listed: bool,
}

impl Ctl {
    /// For this wish.
    #[must_use]
    pub fn new(wish: Wish) -> Self {
        Self { wish, roster: Roster::default(), lobby: Lobby::default(), lobby_listed: false }
    }

    /// The bridge lets this session observe: what is to be sent.
    ///
    /// # Errors
    /// [`Failed::NoOperator`].
    pub fn handle_welcome(&mut self, welcome: &Welcome) -> Result<Option<Act>, Failed> {
        if SiteRole::from_code(welcome.role) != Some(SiteRole::Operator) {
            return Err(Failed::NoOperator);
        }
        self.roster.start(welcome.member);
        match self.wish {
            Wish::Do(deed) => Ok(Some(Act { number: NUMBER, what: Some(deed.what()) })),
            Wish::Who | Wish::Lobby => Ok(None),
        }
    }

    /// The bridge says something more: the answer, once it is whole.
    pub fn handle_message(&mut self, now: Instant, body: Body) -> Option<Answer> {
        match (body, self.wish) {
            (Body::Done(done), Wish::Do(deed)) if done.number == NUMBER => {
                return Some(Answer::Did(deed, ActCode::from_code(done.code)));
            }
            (Body::Roster(difference), _) => {
                self.roster.handle_difference(now, difference);
            }
            (Body::Lobby(difference), _) => {
                self.lobby.handle_difference(difference);
                self.lobby_listed = true;
            }
            _ => {}
        }
        match self.wish {
            // The lobby follows the last part of the roster, or there is nobody in it.
            Wish::Who if self.lobby_listed => Some(Answer::Who(self.roster.seats().cloned().collect())),
            Wish::Lobby if self.lobby_listed => Some(Answer::Lobby(self.lobby.waiting().cloned().collect())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::wire::{Done, Lobby as LobbyDifference, Roster as Difference};

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    fn welcome(role: SiteRole) -> Welcome {
        Welcome { role: role.code(), ..Welcome::default() }
    }

    fn begun(wish: Wish) -> (Ctl, Option<Act>) {
        let mut ctl = Ctl::new(wish);
        let act = ctl.handle_welcome(&welcome(SiteRole::Operator)).expect("an operator");
        (ctl, act)
    }

    fn seat(member: u64) -> Seat {
        Seat { member, name: "Tri Lễ".into(), ..Seat::default() }
    }

    fn roster(seats: Vec<Seat>) -> Body {
        Body::Roster(Difference { seats, gone: vec![] })
    }

    fn lobby(waiting: Vec<Waiting>) -> Body {
        Body::Lobby(LobbyDifference { waiting, gone: vec![] })
    }

    #[test]
    fn who_is_no_operator_is_told_so_before_anything_is_asked() {
        for role in [SiteRole::Participant, SiteRole::Listener, SiteRole::Trunk] {
            for wish in [Wish::Who, Wish::Lobby, Wish::Do(Deed::Expel(3))] {
                assert_eq!(Ctl::new(wish).handle_welcome(&welcome(role)), Err(Failed::NoOperator));
            }
        }
    }

    #[test]
    fn the_list_is_whole_when_the_lobby_follows_it() {
        let (mut ctl, act) = begun(Wish::Who);
        assert_eq!(act, None);
        assert_eq!(ctl.handle_message(start(), roster(vec![seat(9)])), None);
        assert_eq!(ctl.handle_message(start(), roster(vec![seat(2)])), None);
        let answer = ctl.handle_message(start(), lobby(vec![]));
        assert_eq!(answer, Some(Answer::Who(vec![seat(2), seat(9)])));
    }

    #[test]
    fn an_empty_lobby_is_an_answer() {
        let (mut ctl, _) = begun(Wish::Lobby);
        assert_eq!(ctl.handle_message(start(), roster(vec![seat(9)])), None);
        assert_eq!(ctl.handle_message(start(), lobby(vec![])), Some(Answer::Lobby(vec![])));
    }

    #[test]
    fn each_act_names_its_member_and_ends_with_its_own_answer() {
        let silence = |silent| What::Silence(Silence { member: 7, silent });
        for (deed, what) in [
            (Deed::Admit(7), What::LetIn(7)),
            (Deed::Refuse(7), What::TurnAway(7)),
            (Deed::Expel(7), What::Expel(7)),
            (Deed::Silence(7), silence(true)),
            (Deed::Unsilence(7), silence(false)),
        ] {
            let (mut ctl, act) = begun(Wish::Do(deed));
            assert_eq!(act, Some(Act { number: NUMBER, what: Some(what) }));
            assert_eq!(deed.member(), 7);
            assert_eq!(ctl.handle_message(start(), lobby(vec![])), None);
            assert_eq!(ctl.handle_message(start(), Body::Done(Done { number: 2, code: 0 })), None);
            let full = Body::Done(Done { number: NUMBER, code: ActCode::Full.code() });
            assert_eq!(ctl.handle_message(start(), full), Some(Answer::Did(deed, Some(ActCode::Full))));
            let newer = Body::Done(Done { number: NUMBER, code: 99 });
            assert_eq!(ctl.handle_message(start(), newer), Some(Answer::Did(deed, None)));
        }
    }
}
