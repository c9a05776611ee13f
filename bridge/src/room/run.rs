//! Acts: what people in a meeting want done, and what becomes of it.

use super::floor::NotNow;
use super::{CloseCode, Duration, Event, Instant, Keep, Room};
use crate::permit::{Right, may, name, needed};
use crate::session::{MAX_NAME_BYTES, presentable};
use giaoban_proto::unit::MemberId;
use giaoban_proto::wire::{
    Act, ActCode, FloorMode, MAX_GAIN_DB, MAX_TEXT_BYTES, NoticeKind, Record, Said, Say, ServerMessage,
    SetFloor, SiteRole, act::What,
};

/// The longest turn and the longest roll call, in seconds.
const MAX_SECONDS: u32 = 3600;

impl From<NotNow> for ActCode {
    fn from(_: NotNow) -> Self {
        Self::NotNow
    }
}

/// What became of an act: done, or why not; nothing yet where it is answered later.
type Outcome = Result<(), ActCode>;

impl Room {
    /// An operator's act, or somebody's who is none.
    pub(super) fn act(&mut self, now: Instant, by: MemberId, role: SiteRole, act: Act) {
        let number = act.number;
        let Some(what) = act.what else {
            let (target, name) = (MemberId(0), String::new());
            let code = ActCode::Unknown;
            self.events.push_back(Event::Acted { by, number, act: "unknown", target, name, code });
            return;
        };
        let target = self.target(&what);
        let called = if target.0 == 0 { about(&what) } else { self.name_of(target) };
        let outcome = if !may(role, needed(&what)) || self.lobby.has(by) {
            Err(ActCode::NotAllowed)
        } else if !self.may_act_again(now, by) {
            Err(ActCode::TooOften)
        } else if let What::LetIn(_) = what
            && self.lobby.has(target)
        {
            // Answered when it is written down.
            self.events.push_back(Event::LetIn { by: Some(by), number, guest: target });
            return;
        } else if let What::Record(code) = what {
            match self.record(by, number, code) {
                Ok(()) => return,
                refused => refused,
            }
        } else if let What::Play(name) = &what
            && !name.is_empty()
        {
            self.events.push_back(Event::Play { by, number, name: name.clone() });
            return;
        } else {
            self.carry_out(now, by, target, &what)
        };
        self.roster.at_once();
        self.told.at_once();
        let code = outcome.err().unwrap_or(ActCode::Done);
        self.events.push_back(Event::Acted { by, number, act: name(&what), target, name: called, code });
    }

    /// Whom an act is about; 0: nobody, or everybody.
    fn target(&self, act: &What) -> MemberId {
        match act {
            What::Grant(0) => self.floor.hands().next().unwrap_or(MemberId(0)),
            What::TakeBack(0) => self.floor.holder().unwrap_or(MemberId(0)),
            What::LetIn(id)
            | What::TurnAway(id)
            | What::Expel(id)
            | What::Grant(id)
            | What::TakeBack(id)
            | What::LowerHand(id)
            | What::Deputy(id) => MemberId(*id),
            What::Silence(silence) => MemberId(silence.member),
            What::Rename(rename) => MemberId(rename.member),
            What::Gain(gain) => MemberId(gain.member),
            What::Tick(tick) => MemberId(tick.member),
            What::TwoWay(two_way) => MemberId(two_way.member),
            What::SetFloor(_)
            | What::SilenceAll(_)
            | What::SetRoom(_)
            | What::RollCall(_)
            | What::Record(_)
            | What::Play(_)
            | What::Hand(_)
            | What::Present(_)
            | What::Say(_)
            | What::TakeOver(_) => MemberId(0),
        }
    }

    /// Nobody but operators may do much at once.
    fn may_act_again(&mut self, now: Instant, by: MemberId) -> bool {
        let Some(place) = self.place(by) else { return true };
        let member = &mut self.members[place];
        member.site.role == SiteRole::Operator || member.acts.take(now)
    }

    fn carry_out(&mut self, now: Instant, by: MemberId, id: MemberId, what: &What) -> Outcome {
        let seated = |room: &Self| if room.has_seat(id) { Ok(()) } else { Err(ActCode::NobodyThere) };
        match what {
            What::TurnAway(_) if self.lobby.has(id) => self.put_out(now, id, CloseCode::NotLetIn),
            What::LetIn(_) | What::TurnAway(_) => return Err(ActCode::NobodyThere),
            What::Expel(_) => {
                let device = self.site(id).ok_or(ActCode::NobodyThere)?.device;
                self.lobby.forget(&device);
                self.been.remove(&device);
                self.put_out(now, id, CloseCode::Expelled);
            }
            What::Silence(silence) => {
                seated(self)?;
                self.silence(id, silence.silent);
            }
            What::SilenceAll(all) => {
                let spared = self.floor.holder().filter(|_| all.but_floor);
                let spares = |role| all.silent && may(role, Right::SpeakAlways);
                let sites = self.members.iter().map(|member| &member.site).chain(self.away.iter());
                let ids: Vec<MemberId> =
                    sites.filter(|site| !spares(site.role)).map(|site| site.id).collect();
                for id in ids.into_iter().filter(|id| Some(*id) != spared) {
                    self.silence(id, all.silent);
                }
            }
            What::SetFloor(set) => self.set_floor(now, *set)?,
            What::Grant(_) => self.grant(now, id)?,
            What::TakeBack(_) => {
                self.floor.take_back(now, (id.0 > 0).then_some(id))?;
                self.settle_floor();
            }
            What::LowerHand(0) => {
                self.touch_hands();
                self.floor.lower_all()?;
            }
            What::LowerHand(_) => {
                seated(self)?;
                self.floor.lower(id)?;
                self.roster.changed(id);
            }
            What::SetRoom(set) => {
                self.locked = set.locked.unwrap_or(self.locked);
                self.newcomers_silent = set.newcomers_silent.unwrap_or(self.newcomers_silent);
            }
            What::Rename(rename) => {
                seated(self)?;
                let name = presentable(&rename.name);
                if name.is_empty() || rename.name.len() > MAX_NAME_BYTES {
                    return Err(ActCode::Wrong);
                }
                self.call(id, name);
            }
            What::Gain(gain) => {
                seated(self)?;
                if gain.db.unsigned_abs() > MAX_GAIN_DB.unsigned_abs() {
                    return Err(ActCode::Wrong);
                }
                self.site_mut(id).into_iter().for_each(|site| site.gain_db = gain.db);
                self.roster.changed(id);
            }
            What::RollCall(0) => self.roll.end()?,
            What::RollCall(seconds) if *seconds > MAX_SECONDS => return Err(ActCode::Wrong),
            What::RollCall(seconds) => {
                self.roll.call(now, Duration::from_secs(u64::from(*seconds)));
                self.events.push_back(Event::Keep(Keep::RollCalled { number: self.roll.number() }));
            }
            What::Tick(tick) => {
                seated(self)?;
                if !self.seat_may(id, Right::Answer) {
                    return Err(ActCode::NotAllowed);
                }
                let number = self.roll.tick()?;
                self.answer_roll(id, if tick.present { number } else { 0 }, true);
            }
            What::Present(number) => {
                self.place(by).ok_or(ActCode::NobodyThere)?;
                self.roll.answer(now, *number)?;
                self.answer_roll(by, *number, false);
            }
            What::TwoWay(two_way) => {
                let site = self.site(id).ok_or(ActCode::NobodyThere)?;
                if site.role != SiteRole::Source {
                    return Err(ActCode::NotAllowed);
                }
                self.set_two_way(id, two_way.hears);
            }
            What::Deputy(0) => self.deputy = None,
            What::Deputy(_) => {
                seated(self)?;
                if !self.seat_may(id, Right::TakeOver) {
                    return Err(ActCode::NotAllowed);
                }
                self.deputy = Some(id);
            }
            What::TakeOver(_) => self.take_over(now, by)?,
            What::Hand(up) => {
                self.place(by).ok_or(ActCode::NobodyThere)?;
                self.floor.raise(by, *up)?;
                self.roster.changed(by);
            }
            What::Say(say) => self.say(by, say)?,
            What::Play(_) if self.is_playing() => self.set_playing(""),
            What::Record(_) | What::Play(_) => return Err(ActCode::NotNow),
        }
        Ok(())
    }

    fn set_floor(&mut self, now: Instant, set: SetFloor) -> Outcome {
        let mode = FloorMode::from_code(set.mode).ok_or(ActCode::Wrong)?;
        if set.turn_s > MAX_SECONDS {
            return Err(ActCode::Wrong);
        }
        let turn = (set.turn_s > 0).then(|| Duration::from_secs(u64::from(set.turn_s)));
        self.touch_hands();
        self.floor.set(now, mode, turn);
        self.settle_floor();
        Ok(())
    }

    /// The floor is given, and with it a voice to whoever had none: it would else be silent and not know why.
    fn grant(&mut self, now: Instant, id: MemberId) -> Outcome {
        if self.floor.mode() == FloorMode::Open || id.0 == 0 {
            return Err(ActCode::NotNow);
        }
        if !self.has_seat(id) {
            return Err(ActCode::NobodyThere);
        }
        if !self.seat_may(id, Right::Speak) {
            return Err(ActCode::NotAllowed);
        }
        let away = &self.away;
        self.floor.grant(now, Some(id), |id| away.get(id).is_some())?;
        self.settle_floor();
        self.silence(id, false);
        self.roster.changed(id);
        Ok(())
    }

    fn take_over(&mut self, now: Instant, by: MemberId) -> Outcome {
        if self.deputy != Some(by) {
            return Err(ActCode::NotAllowed);
        }
        let place = self.place(by).ok_or(ActCode::NobodyThere)?;
        // One that has just been heard is known of before the next look.
        self.hear_operators();
        if !self.is_left_alone(now) {
            return Err(ActCode::NotNow);
        }
        self.members[place].site.took_over = true;
        let device = self.members[place].site.device;
        self.silence_device(device, false);
        self.stand(by, place, SiteRole::Operator, false);
        let name = self.members[place].site.name.clone();
        self.notice(NoticeKind::TookOver, by, name);
        Ok(())
    }

    fn say(&mut self, by: MemberId, say: &Say) -> Outcome {
        let text = shown(&say.text);
        if text.is_empty() || say.text.len() > MAX_TEXT_BYTES {
            return Err(ActCode::Wrong);
        }
        // Who only looks on has no number that others know.
        let observer =
            self.observers.iter().find(|observer| observer.id == by).map(|observer| observer.name.clone());
        let member = if observer.is_some() { 0 } else { by.0 };
        let name = observer.unwrap_or_else(|| self.name_of(by));
        let to_operators = say.to_operators;
        let said = ServerMessage::from(Said { member, name: name.clone(), text: text.clone(), to_operators });
        if to_operators {
            self.tell_operators(&said);
            if !self.seat_may(by, Right::SeeLobby) && member > 0 {
                self.events.push_back(Event::Send(by, said));
            }
        } else {
            self.tell_all(&said);
        }
        self.events.push_back(Event::Keep(Keep::Said { by, name, text, to_operators }));
        Ok(())
    }

    fn answer_roll(&mut self, id: MemberId, number: u32, ticked: bool) {
        let before = self.site_mut(id).map_or(0, |site| std::mem::replace(&mut site.present, number));
        if before != number {
            self.roster.changed(id);
            let present = number > 0;
            self.events.push_back(Event::Keep(Keep::RollAnswered { member: id, present, ticked }));
        }
    }

    fn call(&mut self, id: MemberId, name: String) {
        if let Some(site) = self.site_mut(id) {
            (site.name, site.renamed) = (name, true);
        }
        self.roster.named(id);
    }

    /// All whose hands are up are told anew: they go down.
    fn touch_hands(&mut self) {
        for id in self.floor.hands() {
            self.roster.changed(id);
        }
    }

    fn seat_may(&self, id: MemberId, right: Right) -> bool {
        self.site(id).is_some_and(|site| may(site.role, right))
    }
}

/// What an act without a target is about, for the audit.
fn about(what: &What) -> String {
    match what {
        What::SetFloor(set) => {
            let mode = FloorMode::from_code(set.mode).map_or("unknown", FloorMode::as_str);
            format!("{mode}, turns of {} s", set.turn_s)
        }
        What::SilenceAll(all) if all.but_floor => "all but the floor".into(),
        What::SetRoom(set) => {
            let words = [
                (set.locked, "locked", "open"),
                (set.newcomers_silent, "newcomers silent", "newcomers heard"),
            ];
            let words = words.into_iter().filter_map(|(set, yes, no)| Some(if set? { yes } else { no }));
            words.collect::<Vec<_>>().join(", ")
        }
        What::RollCall(seconds) if *seconds > 0 => format!("within {seconds} s"),
        What::Record(code) => {
            Record::from_code(*code).map_or_else(String::new, |record| format!("{record:?}"))
        }
        What::Present(number) => format!("round {number}"),
        What::Say(say) if say.to_operators => "to operators".into(),
        _ => String::new(),
    }
}

/// A text as it may be shown: what breaks lines is a space, what else controls or reorders is left out.
fn shown(text: &str) -> String {
    let spaced: String =
        text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
    let shown: String = spaced.chars().filter(|&c| !crate::session::unshown(c)).collect();
    shown.trim().to_owned()
}
