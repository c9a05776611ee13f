//! Whether this client is in its room, and what to do when it is not.
//!
//! ```text
//!                  connected            welcome            3.5 s without a datagram, or line lost
//!   Connecting ---------------> Joining ---------> InRoom <------------------------------------> Reconnecting
//!       |  45 s without an answer  |  refused        |  refused         heard again, or welcome       |
//!       +--------------------------+---------+-------+------------------------------------------------+
//!                                            v                                   stop, refused
//!                                          Closed
//!
//!   and a guest, which an operator lets in or turns away, or nobody for as long as its line lives:
//!
//!                        lobby             welcome
//!              Joining ---------> InLobby ---------> InRoom
//!         Reconnecting --------->    |
//!                                    +-- line lost -> Connecting, or Reconnecting if it had been in
//!                                    +-- turned away, stop -> Closed
//! ```
//!
//! A line is one connection on one endpoint; no line is ever used again. A line that has gone silent is kept while
//! a second one is tried beside it: a link that comes back is back within one packet on the old line, a bridge that
//! restarted or an address that changed needs the new one. Whichever speaks first wins.
//!
//! Pure: knows neither sockets nor sound, and takes the time as it is given. Drive it so: hand it what happened by
//! `handle_*`, then do all that [`Session::poll_action`] says, then sleep until [`Session::poll_timeout`].

mod attempt;
mod end;

use attempt::{Attempt, Step};
pub use end::{End, Loss};
use end::{Verdict, verdict};
use giaoban_proto::wire::CloseCode;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long the first joining may go without an answer, and again from the first answer on. At 30 % of loss in bursts an
/// attempt of ten seconds comes through perhaps two times in three: four of them nearly always do. More makes whoever
/// mistyped an address wait longer for the news.
pub const GIVE_UP: Duration = Duration::from_secs(45);

/// How long one attempt may take. QUIC doubles its waits, so after this a fresh start is quicker than patience.
pub const ATTEMPT: Duration = Duration::from_secs(10);

/// Silence after which a line is in trouble: three heartbeats of the bridge and half a second of jitter, by which
/// time reports that hurry have asked eight times for an answer. Less makes a handshake of 4 kB of every burst of
/// losses, more lets a broken line look like a quiet meeting.
pub const SILENCE: Duration = Duration::from_millis(3500);

/// Waits before one attempt after another has failed, the last one for ever: soon enough for a village to be back
/// in its sentence, and two hundred sites are no flood for a bridge that restarts.
const BACK_OFF: [Duration; 5] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(5),
];

/// How long after an attempt was given up that had asked to join, the bridge may still say that it replaced the
/// old line by it. More than a bridge takes to notice that the new line is dead.
const ECHO_OF_OUR_OWN: Duration = Duration::from_secs(60);

/// One connection of this client, numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId(pub u32);

/// What a person is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The bridge has not answered yet.
    Connecting,
    /// The bridge has answered, the room not yet.
    Joining,
    /// A guest that has proved the PIN, and waits to be let in.
    InLobby,
    /// In the room, and hearing it.
    InRoom,
    /// Was in the room, and is on the way back.
    Reconnecting,
    /// Over.
    Closed,
}

impl State {
    /// As it stands in the statistics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Joining => "joining",
            Self::InLobby => "in_lobby",
            Self::InRoom => "in_room",
            Self::Reconnecting => "reconnecting",
            Self::Closed => "closed",
        }
    }
}

/// What the caller has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open a fresh endpoint and connect.
    Connect(LineId),
    /// Send the request to join.
    Hello(LineId),
    /// From now on sound goes over this line, and no other.
    Admit(LineId),
    /// Close the line with this code, whatever state it is in.
    Close(LineId, CloseCode),
    /// Say good-bye in good order, then close the line.
    Leave(LineId),
    /// Tell the person.
    Notice(Notice),
}

/// What a person should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The first attempt begins.
    Connecting,
    /// The room is no longer heard.
    Lost,
    /// It is heard again.
    Back,
    /// This guest waits in the lobby.
    InLobby,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// Never been in.
    Outside {
        give_up: Instant,
        answered: bool,
    },
    /// Admitted by this line, which was last heard at this time.
    Inside {
        line: LineId,
        heard: Instant,
        trouble: bool,
    },
    /// Was in.
    Away,
    Closed(End),
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    place: Place,
    attempt: Option<Attempt>,
    /// When the next attempt begins, while there is none and one is needed.
    next_attempt: Option<Instant>,
    failures: usize,
    last_id: LineId,
    last_loss: Option<Loss>,
    /// Until when a `Replaced` may be the work of an attempt that this end gave up.
    replaced_by_us_until: Option<Instant>,
    actions: VecDeque<Action>,
}

impl Session {
    /// A session that begins to connect.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        let mut session = Self {
            place: Place::Outside { give_up: now + GIVE_UP, answered: false },
            attempt: None,
            next_attempt: None,
            failures: 0,
            last_id: LineId(0),
            last_loss: None,
            replaced_by_us_until: None,
            actions: VecDeque::from([Action::Notice(Notice::Connecting)]),
        };
        session.begin_attempt(now);
        session
    }

    /// What a person is shown.
    #[must_use]
    pub const fn state(&self) -> State {
        match (&self.place, &self.attempt) {
            (Place::Outside { .. } | Place::Away, Some(Attempt { step: Step::Lobby, .. })) => State::InLobby,
            (Place::Outside { .. }, Some(Attempt { step: Step::Asked { .. }, .. })) => State::Joining,
            (Place::Outside { .. }, _) => State::Connecting,
            (Place::Inside { trouble: false, .. }, _) => State::InRoom,
            (Place::Inside { trouble: true, .. } | Place::Away, _) => State::Reconnecting,
            (Place::Closed(_), _) => State::Closed,
        }
    }

    /// The line that carries sound, a silent one too.
    #[must_use]
    pub const fn line(&self) -> Option<LineId> {
        match self.place {
            Place::Inside { line, .. } => Some(line),
            _ => None,
        }
    }

    /// The line on which this guest waits in the lobby.
    #[must_use]
    pub fn lobby(&self) -> Option<LineId> {
        self.attempt.filter(Attempt::in_lobby).map(|attempt| attempt.id)
    }

    /// Why it is over, once it is.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        match self.place {
            Place::Closed(end) => Some(end),
            _ => None,
        }
    }

    /// The handshake of this line is done.
    pub fn handle_connected(&mut self, now: Instant, id: LineId) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.id == id) else { return };
        // Somebody is there: the room gets its own time to answer, once.
        if let Place::Outside { give_up, answered } = &mut self.place
            && !*answered
        {
            (*give_up, *answered) = (now + GIVE_UP, true);
        }
        if matches!(attempt.step, Step::Dialling { .. }) {
            // A handshake that took long leaves the welcome as much time as a quick one.
            attempt.step = Step::Asked { until: now + ATTEMPT };
        }
        self.actions.push_back(Action::Hello(id));
    }

    /// The bridge has answered this line's request with a challenge: what follows gets as much time again.
    pub fn handle_challenge(&mut self, now: Instant, id: LineId) {
        if let Some(Attempt { step: Step::Asked { until }, .. }) = self.attempt_on(id) {
            *until = now + ATTEMPT;
        }
    }

    /// The bridge has proved that it knows the PIN, and this line waits in its lobby.
    pub fn handle_lobby(&mut self, id: LineId) {
        let Some(attempt) = self.attempt_on(id).filter(|attempt| attempt.asked()) else { return };
        attempt.step = Step::Lobby;
        // With an old line that may yet speak again, the person is on the way back and no more.
        if !matches!(self.place, Place::Inside { .. }) {
            self.actions.push_back(Action::Notice(Notice::InLobby));
        }
    }

    fn attempt_on(&mut self, id: LineId) -> Option<&mut Attempt> {
        self.attempt.as_mut().filter(|attempt| attempt.id == id)
    }

    /// The bridge has let us in by this line.
    pub fn handle_welcome(&mut self, now: Instant, id: LineId) {
        let may_enter = |attempt: &mut Attempt| attempt.id == id && (attempt.asked() || attempt.in_lobby());
        if self.attempt.take_if(may_enter).is_none() {
            return;
        }
        if let Place::Inside { line, .. } = self.place {
            // The bridge has replaced it already; this only lets the endpoint go.
            self.actions.push_back(Action::Close(line, CloseCode::Replaced));
        }
        let first = matches!(self.place, Place::Outside { .. });
        self.place = Place::Inside { line: id, heard: now, trouble: false };
        (self.failures, self.next_attempt, self.last_loss) = (0, None, None);
        self.actions.push_back(Action::Admit(id));
        if !first {
            self.actions.push_back(Action::Notice(Notice::Back));
        }
    }

    /// A datagram came in by this line at `now`.
    pub fn handle_heard(&mut self, now: Instant, id: LineId) {
        let Place::Inside { line, heard, trouble } = &mut self.place else { return };
        if *line != id {
            return;
        }
        *heard = now.max(*heard);
        if !*trouble {
            return;
        }
        // An attempt that has asked to join goes on: the bridge may have let it in already, and this line with it.
        if self.attempt.is_none_or(|attempt| !attempt.asked()) {
            *trouble = false;
            self.back(now);
        }
    }

    /// This line is no more.
    pub fn handle_lost(&mut self, now: Instant, id: LineId, loss: Loss) {
        if self.line() == Some(id) {
            self.line_lost(now, loss);
        } else if let Some(attempt) = self.attempt.take_if(|attempt| attempt.id == id) {
            let outside = matches!(self.place, Place::Outside { .. });
            if let Place::Outside { give_up, .. } = &mut self.place
                && attempt.in_lobby()
            {
                // It has waited for a person, not for an answer: that begins anew.
                *give_up = now + GIVE_UP;
            }
            match verdict(loss) {
                Verdict::Over(end) => self.close(now, end),
                Verdict::RefusedAtFirst if outside => self.close(now, End::Refused(loss)),
                Verdict::RefusedAtFirst | Verdict::Retry => {
                    self.last_loss = Some(loss);
                    if attempt.in_lobby() && !matches!(self.place, Place::Inside { .. }) {
                        self.actions.push_back(Action::Notice(Notice::Lost));
                    }
                    self.schedule_attempt(now);
                }
            }
        }
    }

    /// The person ends it.
    pub fn handle_stop(&mut self, now: Instant) {
        if self.end().is_none() {
            self.close(now, End::Asked);
        }
    }

    /// The time asked for is over. Whoever never came in has not had what was asked for.
    pub fn handle_time_up(&mut self, now: Instant) {
        match self.place {
            Place::Outside { .. } => self.close(now, self.not_reachable()),
            _ => self.handle_stop(now),
        }
    }

    /// When [`Session::handle_timeout`] has something to do; `None` once closed.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let of_place = match self.place {
            Place::Outside { .. } if self.lobby().is_some() => None,
            Place::Outside { give_up, .. } => Some(give_up),
            Place::Inside { heard, trouble: false, .. } => Some(heard + SILENCE),
            Place::Inside { .. } | Place::Away => None,
            Place::Closed(_) => return None,
        };
        let of_attempt = match self.attempt {
            Some(attempt) => attempt.until(),
            None => self.next_attempt,
        };
        [of_place, of_attempt].into_iter().flatten().min()
    }

    /// Does what is due at `now`. Harmless when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) {
        let in_lobby = self.lobby().is_some();
        match &mut self.place {
            Place::Closed(_) => return,
            Place::Outside { give_up, .. } if !in_lobby && *give_up <= now => {
                return self.close(now, self.not_reachable());
            }
            Place::Inside { heard, trouble, .. } if !*trouble && *heard + SILENCE <= now => {
                *trouble = true;
                self.actions.push_back(Action::Notice(Notice::Lost));
                self.next_attempt = Some(now);
            }
            _ => {}
        }
        if self.attempt.and_then(|attempt| attempt.until()).is_some_and(|until| until <= now) {
            self.abandon(now);
        }
        if self.next_attempt.is_some_and(|at| at <= now) {
            self.begin_attempt(now);
        }
    }

    /// The next thing to do, in order; `None` when all is done.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The line that was in trouble is well.
    fn back(&mut self, now: Instant) {
        (self.failures, self.next_attempt) = (0, None);
        self.drop_attempt(now);
        self.actions.push_back(Action::Notice(Notice::Back));
    }

    /// The attempt has had its time.
    fn abandon(&mut self, now: Instant) {
        if self.attempt.is_some_and(|attempt| attempt.asked()) {
            self.last_loss = Some(Loss::NoWelcome);
        }
        match &mut self.place {
            // The old line was heard meanwhile, and is as good as any that could be had by asking again.
            Place::Inside { heard, trouble, .. } if *heard + SILENCE > now => {
                *trouble = false;
                self.back(now);
            }
            _ => {
                self.drop_attempt(now);
                self.schedule_attempt(now);
            }
        }
    }

    fn not_reachable(&self) -> End {
        let asked = self.attempt.is_some_and(|attempt| attempt.asked() || attempt.in_lobby());
        End::NotReachable(if asked { Some(Loss::NoWelcome) } else { self.last_loss })
    }

    fn line_lost(&mut self, now: Instant, loss: Loss) {
        let attempt_asked = self.attempt.is_some_and(|attempt| attempt.asked() || attempt.in_lobby());
        let by_us = attempt_asked || self.replaced_by_us_until.is_some_and(|until| now < until);
        let was_well = matches!(self.place, Place::Inside { trouble: false, .. });
        self.place = Place::Away;
        match verdict(loss) {
            Verdict::Over(End::Refused(Loss::Closed(CloseCode::Replaced))) if by_us => {}
            Verdict::Over(end) => return self.close(now, end),
            Verdict::RefusedAtFirst | Verdict::Retry => {}
        }
        if was_well {
            self.actions.push_back(Action::Notice(Notice::Lost));
        }
        if self.lobby().is_some() {
            self.actions.push_back(Action::Notice(Notice::InLobby));
        }
        self.last_loss = Some(loss);
        if self.attempt.is_none() && self.next_attempt.is_none() {
            self.schedule_attempt(now);
        }
    }

    fn begin_attempt(&mut self, now: Instant) {
        self.last_id = LineId(self.last_id.0 + 1);
        self.attempt = Some(Attempt { id: self.last_id, step: Step::Dialling { until: now + ATTEMPT } });
        self.next_attempt = None;
        self.actions.push_back(Action::Connect(self.last_id));
    }

    fn schedule_attempt(&mut self, now: Instant) {
        self.next_attempt = Some(now + BACK_OFF[self.failures.min(BACK_OFF.len() - 1)]);
        self.failures += 1;
    }

    fn drop_attempt(&mut self, now: Instant) {
        if let Some(attempt) = self.attempt.take() {
            if attempt.asked() || attempt.in_lobby() {
                self.replaced_by_us_until = Some(now + ECHO_OF_OUR_OWN);
            }
            self.actions.push_back(Action::Close(attempt.id, CloseCode::Bye));
        }
    }

    fn close(&mut self, now: Instant, end: End) {
        self.drop_attempt(now);
        if let Place::Inside { line, .. } = self.place {
            self.actions.push_back(match end {
                End::Asked => Action::Leave(line),
                // The bridge has said its last word on another line; this one only frees the seat.
                _ => Action::Close(line, CloseCode::Bye),
            });
        }
        self.next_attempt = None;
        self.place = Place::Closed(end);
    }
}

#[cfg(test)]
mod tests;
