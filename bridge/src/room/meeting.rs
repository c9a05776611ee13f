//! How the meeting stands, what of it has changed, and who is told.

use super::seats::KEEP_FOR_AN_OPERATOR;
use super::{Duration, Event, Instant, Keep, MemberId, Room, SiteRole};
use giaoban_proto::wire::{FloorMode, Meeting, Recording, Seat};

/// Between two words on how the meeting stands. The first comes at once, so that an act is seen at once.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// All of a meeting that everybody is told, but for how much time is left of what ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shape {
    mode: FloorMode,
    holder: Option<MemberId>,
    until: Option<Instant>,
    turn: Option<Duration>,
    roll: u32,
    roll_until: Option<Instant>,
    locked: bool,
    newcomers_silent: bool,
    has_operator: bool,
    deputy: Option<MemberId>,
    recording: Recording,
    /// Which recording that is, 0 for none.
    recorded: u64,
    /// Changes with each announcement.
    playing: u32,
}

/// What everybody was told last, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    shape: Shape,
    /// `None` where what an operator has just done is not to wait.
    at: Option<Instant>,
}

impl Told {
    /// What has changed so far is told with the next brick.
    pub(super) fn at_once(&mut self) {
        self.at = None;
    }
}

/// Whole seconds until then, rounded up; 0 where there is no such moment.
fn left_s(now: Instant, until: Option<Instant>) -> u32 {
    let left = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
    u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

impl Room {
    /// Every seat, whether its line is there or not.
    pub(super) fn seats(&self) -> impl Iterator<Item = Seat> {
        let here = self.members.iter().map(|member| (&member.site, false));
        let all = here.chain(self.away.iter().map(|site| (site, true)));
        all.map(|(site, away)| site.seat(away, self.floor.hand(site.id)))
    }

    /// How the meeting stands.
    pub(super) fn meeting(&self, now: Instant) -> Meeting {
        let Shape {
            mode,
            holder,
            until,
            turn,
            roll,
            roll_until,
            locked,
            newcomers_silent,
            has_operator,
            deputy,
            recording,
            recorded: _,
            playing: _,
        } = self.shape(now);
        Meeting {
            mode: mode.code(),
            holder: holder.map_or(0, |id| id.0),
            left_s: left_s(now, until),
            turn_s: turn.map_or(0, |turn| u32::try_from(turn.as_secs()).unwrap_or(u32::MAX)),
            roll,
            roll_left_s: left_s(now, roll_until),
            locked,
            newcomers_silent,
            has_operator,
            deputy: deputy.map_or(0, |id| id.0),
            recording: recording.code(),
            playing: self.player.name().to_owned(),
            recorded: self.recorded.map_or(0, |(recording, _)| recording),
            recorded_ms: self.recorded.map_or(0, |(_, ms)| ms),
            age_s: u32::try_from(now.saturating_duration_since(self.started).as_secs()).unwrap_or(u32::MAX),
        }
    }

    fn shape(&self, now: Instant) -> Shape {
        Shape {
            mode: self.floor.mode(),
            holder: self.floor.holder(),
            until: self.floor.until(),
            turn: self.floor.turn(),
            roll: self.roll.number(),
            roll_until: self.roll.until(),
            locked: self.locked,
            newcomers_silent: self.newcomers_silent,
            has_operator: self.has_operator(now),
            deputy: self.deputy,
            recording: self.recording(),
            recorded: self.recorded.map_or(0, |(recording, _)| recording),
            playing: self.player.number(),
        }
    }

    /// Whether an operator has a seat and was heard lately: a line that breaks is given up only after the time that a
    /// healthy one may be idle.
    pub(super) fn has_operator(&self, now: Instant) -> bool {
        let heard = |at| now.saturating_duration_since(at) < KEEP_FOR_AN_OPERATOR;
        self.members.iter().any(|member| member.site.role == SiteRole::Operator && heard(member.last_word))
    }

    /// Whether the deputy may take the operator's place: none was heard for a while.
    pub(super) fn is_left_alone(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.operator_heard) >= KEEP_FOR_AN_OPERATOR
    }

    /// When an operator was last heard.
    pub(super) fn hear_operators(&mut self) {
        let operators = self.members.iter().filter(|member| member.site.role == SiteRole::Operator);
        let last = operators.map(|member| member.last_word).max();
        self.operator_heard = last.map_or(self.operator_heard, |last| last.max(self.operator_heard));
    }

    /// What ends by itself ends.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        if self.floor.handle_timeout(now) {
            self.settle_floor();
        }
        self.roll.handle_timeout(now);
        while let Some(expired) = self.away.expired(now) {
            self.give_up_seat(now, expired);
        }
        self.hear_operators();
    }

    /// The floor may have gone to somebody else: who may be heard now, and what a turn that is over is remembered by.
    pub(super) fn settle_floor(&mut self) {
        if let Some(turn) = self.floor.poll_over() {
            self.events.push_back(Event::Keep(Keep::HadFloor { member: turn.id, lasted: turn.lasted }));
        }
        for member in &mut self.members {
            member.set_floored(self.floor.lets_speak(member.site.id));
        }
    }

    /// A seat is kept no more, or its member has gone.
    pub(super) fn give_up_seat(&mut self, now: Instant, id: MemberId) {
        if self.away.take(id).is_some() {
            self.roster.left(id);
        }
        self.floor.gone(now, id);
        self.settle_floor();
        self.deputy = self.deputy.filter(|deputy| *deputy != id);
    }

    /// Tells everybody what has changed, when it is time.
    pub(super) fn tell_changes(&mut self) {
        let now = self.now;
        let (members, away, floor) = (&self.members, &self.away, &self.floor);
        let changes = self.roster.poll(now, |id| {
            let here = members.binary_search_by_key(&id, |member| member.site.id).ok();
            let here = here.map(|place| members[place].site.seat(false, floor.hand(id)));
            here.or_else(|| Some(away.get(id)?.seat(true, floor.hand(id))))
        });
        if let Some(changes) = changes {
            self.tell_all(&changes);
        }
        let shape = self.shape(now);
        let lately = self.told.at.is_some_and(|at| now.saturating_duration_since(at) < TELL_EVERY);
        if shape != self.told.shape && !lately {
            self.told = Told { shape, at: Some(now) };
            let meeting = self.meeting(now);
            self.tell_all(&meeting.into());
        }
    }

    /// Members and observers alike.
    pub(super) fn tell_all(&mut self, message: &giaoban_proto::wire::ServerMessage) {
        let ids = self.members.iter().map(|member| member.site.id);
        let ids = ids.chain(self.observers.iter().map(|observer| observer.id));
        self.events.extend(ids.map(|id| Event::Send(id, message.clone())));
    }
}
