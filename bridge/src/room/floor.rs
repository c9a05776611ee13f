//! Who may speak, who asked to, and for how long. Pure; knows members by their numbers alone.
//!
//! ```text
//!   hand down --raise--> hand up (a ticket) --grant--> holder --time over, taken back, given on, away too long--> hand down
//! ```
//!
//! Nobody follows by itself: the operator gives the floor each time. Numbers are those of seats, which outlive lines.

use giaoban_proto::unit::MemberId;
use giaoban_proto::wire::FloorMode;
use std::time::{Duration, Instant};

/// For how long the floor waits for whoever loses its line while it has it. A modem dials again in twenty seconds;
/// longer, and twenty communes sit in silence.
pub(super) const AWAY_FOR: Duration = Duration::from_secs(30);

/// Not as the meeting stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotNow;

/// Whoever has the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holder {
    id: MemberId,
    since: Instant,
    /// When its time is over.
    until: Option<Instant>,
    /// When it is waited for no longer, its line being away.
    back_by: Option<Instant>,
}

/// A turn that is over: whose, and how long it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) id: MemberId,
    pub(super) lasted: Duration,
}

/// The floor of one room.
#[derive(Clone, Debug, Default)]
pub(super) struct Floor {
    mode: FloorMode,
    /// For how long it is given.
    turn: Option<Duration>,
    holder: Option<Holder>,
    /// In order of their tickets.
    hands: Vec<(u32, MemberId)>,
    tickets: u32,
    /// Turns that have ended and were not taken note of yet.
    over: Option<Turn>,
}

impl Floor {
    pub(super) const fn mode(&self) -> FloorMode {
        self.mode
    }

    pub(super) const fn turn(&self) -> Option<Duration> {
        self.turn
    }

    pub(super) fn holder(&self) -> Option<MemberId> {
        self.holder.map(|holder| holder.id)
    }

    /// When the holder's time is over.
    pub(super) fn until(&self) -> Option<Instant> {
        self.holder.and_then(|holder| holder.until)
    }

    /// Whether the mode lets a member be heard that is no operator.
    pub(super) fn lets_speak(&self, id: MemberId) -> bool {
        self.mode == FloorMode::Open || self.holder() == Some(id)
    }

    /// A member's ticket; 0 where its hand is down.
    pub(super) fn hand(&self, id: MemberId) -> u32 {
        self.hands.iter().find(|(_, of)| *of == id).map_or(0, |(ticket, _)| *ticket)
    }

    /// Those whose hands are up, in order.
    pub(super) fn hands(&self) -> impl Iterator<Item = MemberId> {
        self.hands.iter().map(|(_, id)| *id)
    }

    /// Another mode, and another length for turns to come. In *open* nobody has the floor; hands are for *moderated*.
    pub(super) fn set(&mut self, now: Instant, mode: FloorMode, turn: Option<Duration>) {
        (self.mode, self.turn) = (mode, turn);
        if mode == FloorMode::Open {
            self.end_turn(now);
        }
        if mode != FloorMode::Moderated {
            self.hands.clear();
        }
    }

    /// Raises a hand, or takes it down. One that is up already keeps its place; who has the floor needs none.
    pub(super) fn raise(&mut self, id: MemberId, up: bool) -> Result<(), NotNow> {
        if !up {
            return self.lower(id);
        }
        if self.mode != FloorMode::Moderated || self.holder() == Some(id) {
            return Err(NotNow);
        }
        if self.hand(id) == 0 {
            self.tickets += 1;
            self.hands.push((self.tickets, id));
        }
        Ok(())
    }

    /// Takes one hand down.
    pub(super) fn lower(&mut self, id: MemberId) -> Result<(), NotNow> {
        let before = self.hands.len();
        self.hands.retain(|(_, of)| *of != id);
        if self.hands.len() < before { Ok(()) } else { Err(NotNow) }
    }

    /// Takes all hands down.
    pub(super) fn lower_all(&mut self) -> Result<(), NotNow> {
        if self.hands.is_empty() {
            return Err(NotNow);
        }
        self.hands.clear();
        Ok(())
    }

    /// Gives the floor to a member, whose line may be away, or to the first hand; to whom it was given. Who has it
    /// already gets its time anew.
    pub(super) fn grant(
        &mut self,
        now: Instant,
        id: Option<MemberId>,
        is_away: impl Fn(MemberId) -> bool,
    ) -> Result<MemberId, NotNow> {
        if self.mode == FloorMode::Open {
            return Err(NotNow);
        }
        let id = id.or_else(|| self.hands().next()).ok_or(NotNow)?;
        self.end_turn(now);
        self.hands.retain(|(_, of)| *of != id);
        let until = self.turn.map(|turn| now + turn);
        let back_by = is_away(id).then(|| now + AWAY_FOR);
        self.holder = Some(Holder { id, since: now, until, back_by });
        Ok(id)
    }

    /// Takes the floor back, from whoever has it or from this member alone.
    pub(super) fn take_back(&mut self, now: Instant, id: Option<MemberId>) -> Result<(), NotNow> {
        let holder = self.holder().ok_or(NotNow)?;
        if id.is_some_and(|id| id != holder) {
            return Err(NotNow);
        }
        self.end_turn(now);
        Ok(())
    }

    /// A member's line is away: its hand stays up, and the floor waits for a while.
    pub(super) fn lost(&mut self, now: Instant, id: MemberId) {
        if let Some(holder) = self.holder.as_mut().filter(|holder| holder.id == id) {
            holder.back_by = Some(now + AWAY_FOR);
        }
    }

    /// It is back.
    pub(super) fn back(&mut self, id: MemberId) {
        if let Some(holder) = self.holder.as_mut().filter(|holder| holder.id == id) {
            holder.back_by = None;
        }
    }

    /// A seat is no more.
    pub(super) fn gone(&mut self, now: Instant, id: MemberId) {
        self.hands.retain(|(_, of)| *of != id);
        if self.holder() == Some(id) {
            self.end_turn(now);
        }
    }

    /// Time has passed; whether a turn ends with it.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        let due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        let over = self.holder.is_some_and(|holder| due(holder.until) || due(holder.back_by));
        if over {
            self.end_turn(now);
        }
        over
    }

    /// The turn that has ended since this was last asked.
    pub(super) fn poll_over(&mut self) -> Option<Turn> {
        self.over.take()
    }

    fn end_turn(&mut self, now: Instant) {
        if let Some(Holder { id, since, .. }) = self.holder.take() {
            self.over = Some(Turn { id, lasted: now.saturating_duration_since(since) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an instant to count from; nothing waits")]
    fn start() -> Instant {
        Instant::now()
    }

    const A: MemberId = MemberId(1);
    const B: MemberId = MemberId(2);
    const C: MemberId = MemberId(3);
    const TURN: Duration = Duration::from_secs(60);

    /// All of a floor that its users can see.
    type Seen = (FloorMode, Option<u64>, Vec<u64>);

    fn seen(floor: &Floor) -> Seen {
        (floor.mode, floor.holder().map(|id| id.0), floor.hands().map(|id| id.0).collect())
    }

    #[derive(Clone, Copy, Debug)]
    enum Event {
        Set(FloorMode),
        Raise(MemberId),
        Down(MemberId),
        LowerAll,
        GrantFirst,
        Grant(MemberId),
        TakeBack,
        TakeBackFrom(MemberId),
        Lost(MemberId),
        Gone(MemberId),
        AfterAway,
        AfterTurn,
    }

    fn play(floor: &mut Floor, now: Instant, event: Event) -> bool {
        let here = |_| false;
        match event {
            Event::Set(mode) => floor.set(now, mode, Some(TURN)),
            Event::Raise(id) => return floor.raise(id, true).is_ok(),
            Event::Down(id) => return floor.raise(id, false).is_ok(),
            Event::LowerAll => return floor.lower_all().is_ok(),
            Event::GrantFirst => return floor.grant(now, None, here).is_ok(),
            Event::Grant(id) => return floor.grant(now, Some(id), here).is_ok(),
            Event::TakeBack => return floor.take_back(now, None).is_ok(),
            Event::TakeBackFrom(id) => return floor.take_back(now, Some(id)).is_ok(),
            Event::Lost(id) => floor.lost(now, id),
            Event::Gone(id) => floor.gone(now, id),
            Event::AfterAway => {
                floor.handle_timeout(now + AWAY_FOR);
            }
            Event::AfterTurn => {
                floor.handle_timeout(now + TURN);
            }
        }
        true
    }

    /// Every state by every event: whether it was done, who then has the floor (0: nobody), and whose hands are up.
    #[test]
    fn every_event_in_every_state() {
        use Event as E;
        use FloorMode::{Announcement as An, Moderated as Mo, Open as Op};
        let start = start();
        // A has the floor where somebody has; B's hand is up before C's where hands are.
        let states: [(&str, FloorMode, bool, bool); 6] = [
            ("open", Op, false, false),
            ("moderated", Mo, false, false),
            ("moderated, hands", Mo, false, true),
            ("moderated, held", Mo, true, false),
            ("moderated, held, hands", Mo, true, true),
            ("announcement, held", An, true, false),
        ];
        // As it was, or (done, mode, holder, hands).
        type Then = Option<(bool, FloorMode, u64, &'static [u64])>;
        const NO: Then = None;
        let (up, bc): (&[u64], &[u64]) = (&[], &[2, 3]);
        let yes = |mode, holder, hands| Some((true, mode, holder, hands));
        let table: [(Event, [Then; 6]); 17] = [
            (E::Set(Op), [yes(Op, 0, up); 6]),
            (
                E::Set(Mo),
                [
                    yes(Mo, 0, up),
                    yes(Mo, 0, up),
                    yes(Mo, 0, bc),
                    yes(Mo, 1, up),
                    yes(Mo, 1, bc),
                    yes(Mo, 1, up),
                ],
            ),
            (
                E::Set(An),
                [
                    yes(An, 0, up),
                    yes(An, 0, up),
                    yes(An, 0, up),
                    yes(An, 1, up),
                    yes(An, 1, up),
                    yes(An, 1, up),
                ],
            ),
            (E::Raise(A), [NO, yes(Mo, 0, &[1]), yes(Mo, 0, &[2, 3, 1]), NO, NO, NO]),
            (E::Raise(B), [NO, yes(Mo, 0, &[2]), yes(Mo, 0, bc), yes(Mo, 1, &[2]), yes(Mo, 1, bc), NO]),
            (E::Down(B), [NO, NO, yes(Mo, 0, &[3]), NO, yes(Mo, 1, &[3]), NO]),
            (E::LowerAll, [NO, NO, yes(Mo, 0, up), NO, yes(Mo, 1, up), NO]),
            (E::GrantFirst, [NO, NO, yes(Mo, 2, &[3]), NO, yes(Mo, 2, &[3]), NO]),
            (
                E::Grant(A),
                [NO, yes(Mo, 1, up), yes(Mo, 1, bc), yes(Mo, 1, up), yes(Mo, 1, bc), yes(An, 1, up)],
            ),
            (
                E::Grant(C),
                [NO, yes(Mo, 3, up), yes(Mo, 3, &[2]), yes(Mo, 3, up), yes(Mo, 3, &[2]), yes(An, 3, up)],
            ),
            (E::TakeBack, [NO, NO, NO, yes(Mo, 0, up), yes(Mo, 0, bc), yes(An, 0, up)]),
            (E::TakeBackFrom(B), [NO; 6]),
            (
                E::Lost(A),
                [
                    yes(Op, 0, up),
                    yes(Mo, 0, up),
                    yes(Mo, 0, bc),
                    yes(Mo, 1, up),
                    yes(Mo, 1, bc),
                    yes(An, 1, up),
                ],
            ),
            (
                E::Gone(A),
                [
                    yes(Op, 0, up),
                    yes(Mo, 0, up),
                    yes(Mo, 0, bc),
                    yes(Mo, 0, up),
                    yes(Mo, 0, bc),
                    yes(An, 0, up),
                ],
            ),
            (
                E::Gone(B),
                [
                    yes(Op, 0, up),
                    yes(Mo, 0, up),
                    yes(Mo, 0, &[3]),
                    yes(Mo, 1, up),
                    yes(Mo, 1, &[3]),
                    yes(An, 1, up),
                ],
            ),
            (
                E::AfterAway,
                [
                    yes(Op, 0, up),
                    yes(Mo, 0, up),
                    yes(Mo, 0, bc),
                    yes(Mo, 1, up),
                    yes(Mo, 1, bc),
                    yes(An, 1, up),
                ],
            ),
            (
                E::AfterTurn,
                [
                    yes(Op, 0, up),
                    yes(Mo, 0, up),
                    yes(Mo, 0, bc),
                    yes(Mo, 0, up),
                    yes(Mo, 0, bc),
                    yes(An, 0, up),
                ],
            ),
        ];
        for (event, row) in table {
            for ((name, mode, held, hands), then) in states.into_iter().zip(row) {
                let mut floor = Floor::default();
                floor.set(start, mode, Some(TURN));
                if hands {
                    floor.raise(B, true).expect("moderated");
                    floor.raise(C, true).expect("moderated");
                }
                if held {
                    floor.grant(start, Some(A), |_| false).expect("a mode that gives the floor");
                }
                let before = seen(&floor);
                let done = play(&mut floor, start, event);
                let expected = match then {
                    Some((done, mode, holder, hands)) => {
                        (done, (mode, (holder > 0).then_some(holder), hands.to_vec()))
                    }
                    None => (false, before),
                };
                assert_eq!((done, seen(&floor)), expected, "{event:?} in {name:?}");
                assert!(
                    floor.holder().is_none_or(|holder| floor.hand(holder) == 0),
                    "a granted hand is down"
                );
                let heard = [A, B, C].map(|id| floor.lets_speak(id));
                assert_eq!(heard, [A, B, C].map(|id| floor.mode == Op || floor.holder() == Some(id)));
            }
        }
    }

    #[test]
    fn who_loses_its_line_keeps_the_floor_for_a_while_and_its_time_runs_on() {
        let start = start();
        let mut floor = Floor::default();
        floor.set(start, FloorMode::Moderated, Some(TURN));
        floor.grant(start, Some(A), |_| false).expect("moderated");
        floor.lost(start, A);
        floor.handle_timeout(start + AWAY_FOR - Duration::from_millis(1));
        assert_eq!(floor.holder(), Some(A));
        floor.back(A);
        floor.handle_timeout(start + AWAY_FOR);
        assert_eq!((floor.holder(), floor.poll_over()), (Some(A), None), "it came back in time");
        floor.lost(start + TURN / 2, A);
        floor.handle_timeout(start + TURN);
        assert_eq!(floor.poll_over(), Some(Turn { id: A, lasted: TURN }), "and had its time, not more");
        floor.grant(start, Some(B), |_| true).expect("moderated");
        floor.handle_timeout(start + AWAY_FOR);
        assert_eq!(
            floor.poll_over(),
            Some(Turn { id: B, lasted: AWAY_FOR }),
            "given to a line that was away already"
        );
    }

    #[test]
    fn tickets_ascend_and_are_never_used_again() {
        let start = start();
        let mut floor = Floor::default();
        floor.set(start, FloorMode::Moderated, None);
        for ticket in 1..=3 {
            floor.raise(A, true).expect("moderated");
            floor.raise(A, true).expect("is up already");
            assert_eq!(floor.hand(A), ticket);
            floor.raise(A, false).expect("was up");
        }
        floor.grant(start, Some(B), |_| false).expect("moderated");
        assert_eq!(floor.until(), None, "without an end");
        floor.handle_timeout(start + Duration::from_secs(86_400));
        assert_eq!(floor.holder(), Some(B));
    }
}
