//! An operator's act without a window: one question or one act, one answer. The room sees nothing of it.
//!
//! ```text
//! Session: connects, asks to observe --welcome--> Ctl: the list is whole, or the act is answered --> Answer
//! ```
//!
//! Pure, but for [`mod@run`]. What the bridge allows is its own business; who is no operator is told so at once.

mod deed;
pub mod report;
pub mod run;

pub use deed::Deed;
#[cfg(test)]
pub(crate) use deed::tests::all as tests_of_deeds;

use crate::roster::{Lobby, Roster};
use crate::session::Loss;
use giaoban_proto::wire::{Act, ActCode, Meeting, Seat, SiteRole, Waiting, Welcome, server_message::Body};
use std::time::Instant;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Who is in the room.
    Who,
    /// Who waits to be let in.
    Lobby,
    /// How the meeting stands, who is in it and who waits.
    Status,
    /// All that the bridge says, until interrupted.
    Watch,
    /// Something is to be done.
    Do(Deed),
}

impl Wish {
    /// As it is typed.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Who => "who",
            Self::Lobby => "lobby",
            Self::Status => "status",
            Self::Watch => "watch",
            Self::Do(deed) => deed.as_str(),
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
    /// How the meeting stands.
    Status(Box<Status>),
    /// What the bridge made of the act; `None` for a code of a newer version.
    Did(Deed, Option<ActCode>),
}

/// A meeting, and all who are in it or wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How it stands.
    pub meeting: Meeting,
    /// All who are in the room, by number.
    pub seats: Vec<Seat>,
    /// All who wait, by number.
    pub waiting: Vec<Waiting>,
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
    meeting: Option<Meeting>,
}

impl Ctl {
    /// For this wish.
    #[must_use]
    pub fn new(wish: Wish) -> Self {
        Self { wish, roster: Roster::default(), lobby: Lobby::default(), lobby_listed: false, meeting: None }
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
        match &self.wish {
            Wish::Do(deed) => Ok(Some(Act { number: NUMBER, what: Some(deed.what()) })),
            Wish::Who | Wish::Lobby | Wish::Status | Wish::Watch => Ok(None),
        }
    }

    /// The bridge says something more: the answer, once it is whole.
    pub fn handle_message(&mut self, now: Instant, body: Body) -> Option<Answer> {
        match (body, &self.wish) {
            (Body::Done(done), Wish::Do(deed)) if done.number == NUMBER => {
                return Some(Answer::Did(deed.clone(), ActCode::from_code(done.code)));
            }
            (Body::Roster(difference), _) => {
                self.roster.handle_difference(now, difference);
            }
            (Body::Lobby(difference), _) => {
                self.lobby.handle_difference(difference);
                self.lobby_listed = true;
            }
            (Body::Meeting(meeting), _) => self.meeting = Some(meeting),
            _ => {}
        }
        let seats = || self.roster.seats().cloned().collect();
        let waiting = || self.lobby.waiting().cloned().collect();
        match &self.wish {
            // The lobby follows the last part of the roster, or there is nobody in it.
            Wish::Who if self.lobby_listed => Some(Answer::Who(seats())),
            Wish::Lobby if self.lobby_listed => Some(Answer::Lobby(waiting())),
            Wish::Status if self.lobby_listed => {
                let meeting = self.meeting.clone()?;
                Some(Answer::Status(Box::new(Status { meeting, seats: seats(), waiting: waiting() })))
            }
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
        for role in [SiteRole::Participant, SiteRole::Listener, SiteRole::Trunk, SiteRole::Source] {
            for wish in [Wish::Who, Wish::Lobby, Wish::Status, Wish::Watch, Wish::Do(Deed::Expel(3))] {
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
    fn the_status_is_whole_when_meeting_list_and_lobby_have_come_in_whatever_order() {
        let meeting = || Body::Meeting(Meeting { mode: 1, ..Meeting::default() });
        let bodies = [meeting(), roster(vec![seat(2)]), lobby(vec![])];
        for order in [[0, 1, 2], [1, 2, 0], [2, 1, 0], [1, 0, 2]] {
            let (mut ctl, _) = begun(Wish::Status);
            let mut answers = order.map(|at: usize| ctl.handle_message(start(), bodies[at].clone()));
            let Some(Answer::Status(status)) = answers[2].take() else { panic!("{order:?}: {answers:?}") };
            assert_eq!((status.meeting.mode, status.seats.len(), status.waiting.len()), (1, 1, 0));
            assert_eq!(answers, [None, None, None]);
        }
    }

    #[test]
    fn whoever_watches_has_no_answer() {
        let (mut ctl, act) = begun(Wish::Watch);
        assert_eq!(act, None);
        for body in [roster(vec![seat(9)]), lobby(vec![]), Body::Meeting(Meeting::default())] {
            assert_eq!(ctl.handle_message(start(), body), None);
        }
    }

    #[test]
    fn an_act_ends_with_its_own_answer() {
        let (mut ctl, act) = begun(Wish::Do(Deed::Admit(7)));
        assert_eq!(act, Some(Act { number: NUMBER, what: Some(Deed::Admit(7).what()) }));
        assert_eq!(ctl.handle_message(start(), lobby(vec![])), None);
        assert_eq!(ctl.handle_message(start(), Body::Done(Done { number: 2, code: 0 })), None);
        let full = Body::Done(Done { number: NUMBER, code: ActCode::Full.code() });
        let answer = Answer::Did(Deed::Admit(7), Some(ActCode::Full));
        assert_eq!(ctl.handle_message(start(), full), Some(answer));
        let newer = Body::Done(Done { number: NUMBER, code: 99 });
        assert_eq!(ctl.handle_message(start(), newer), Some(Answer::Did(Deed::Admit(7), None)));
    }
}
