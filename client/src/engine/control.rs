//! What the bridge says on the control stream, and what comes of it here.

use super::drive::Engine;
use crate::floor;
use crate::meeting::pins_after;
use crate::roster::{Bar, News};
use crate::session::{LineId, Loss};
use crate::words::Message;
use giaoban_proto::pin::NotProved;
use giaoban_proto::wire::{
    Act, ActCode, CloseCode, Done, InLobby, KEEPS, NoticeKind, PinChallenge, PinProof, Roster, ServerMessage,
    SiteRole, Standing, VERSION, Welcome, act::What, server_message::Body,
};
use std::time::Instant;

impl Engine {
    pub(super) fn handle_message(&mut self, now: Instant, id: LineId, message: ServerMessage) {
        let ours = self.session.line() == Some(id);
        if let (Some(watch), Some(body), true) = (&mut self.watch, &message.body, ours)
            && !matches!(body, Body::Welcome(_))
        {
            watch(body);
        }
        match message.body {
            Some(Body::Welcome(welcome)) => self.handle_welcome(now, id, welcome),
            Some(Body::PinChallenge(challenge)) => self.handle_challenge(now, id, &challenge),
            Some(Body::InLobby(lobby)) => self.handle_lobby(now, id, &lobby),
            Some(Body::Roster(difference)) if ours => self.handle_roster(now, difference),
            Some(Body::Lobby(difference)) if ours => {
                for guest in self.lobby.handle_difference(difference) {
                    (self.say)(&Message::GuestWaits { name: &guest.name, number: guest.member });
                }
            }
            Some(Body::Standing(standing)) if ours => self.handle_standing(standing),
            Some(Body::Notice(notice)) if ours => {
                if let Some(kind) = NoticeKind::from_code(notice.kind) {
                    let own = self.roster.own().is_some_and(|seat| seat.member == notice.member);
                    (self.say)(&Message::Notice { kind, name: &notice.name, number: notice.member, own });
                }
            }
            Some(Body::Meeting(meeting)) if ours => {
                if self.on_missed.is_some() {
                    self.missed.handle_meeting(now, &meeting);
                }
                for news in self.floor.handle_meeting(now, &meeting) {
                    self.tell(news);
                }
                self.settle();
                self.raise_hand();
            }
            Some(Body::Said(said)) if ours => {
                let (name, text) = (said.name.as_str(), said.text.as_str());
                (self.say)(&Message::Said { name, text, to_operators: said.to_operators });
            }
            Some(Body::Done(Done { number: 0, code })) if ours => {
                let code = ActCode::from_code(code);
                if code != Some(ActCode::Done) {
                    (self.say)(&Message::NotTaken(code));
                }
            }
            // Of an old line, or of a newer version, or for whoever watches. What belongs to a check has no place.
            Some(
                Body::Roster(_)
                | Body::Lobby(_)
                | Body::Standing(_)
                | Body::Notice(_)
                | Body::Meeting(_)
                | Body::Said(_)
                | Body::Figures(_)
                | Body::Done(_)
                | Body::CheckReady(_)
                | Body::CheckResult(_)
                | Body::Recordings(_)
                | Body::Kept(_)
                | Body::Part(_)
                | Body::NotFetched(_),
            )
            | None => {}
        }
    }

    fn handle_welcome(&mut self, now: Instant, id: LineId, welcome: Welcome) {
        if self.guest.as_ref().is_some_and(|guest| !guest.is_proved(id)) {
            return self.not_proved(now, id);
        }
        if !(1..=VERSION).contains(&welcome.version) {
            // No version that was offered.
            return self.give_up(now, id, CloseCode::Version, Loss::Closed(CloseCode::Version));
        }
        let before = self.session.line();
        self.session.handle_welcome(now, id);
        if before != Some(id) && self.session.line() == Some(id) {
            self.enter(now, id, welcome);
        }
    }

    fn enter(&mut self, now: Instant, id: LineId, welcome: Welcome) {
        if let Some(watch) = &mut self.watch {
            watch(&Body::Welcome(welcome.clone()));
        }
        self.missed.handle_line(now, welcome.capabilities & KEEPS != 0);
        self.roster.start(welcome.member);
        self.floor.start(welcome.member);
        self.lobby = Default::default();
        self.name = welcome.name;
        self.pin(id, &welcome.spare, true);
        // Who was silenced is so still, by this line too, until the list says otherwise.
        let silenced = self.standing == Some(Bar::Silenced);
        if self.hello.muted && !self.greeted && Bar::of(welcome.role, silenced).is_none() {
            (self.say)(&Message::Muted);
        }
        self.handle_standing(Standing { role: welcome.role, silenced });
    }

    /// Whoever has answered on this line is the bridge, and has told of this spare key.
    fn pin(&mut self, id: LineId, spare: &[u8], welcomed: bool) {
        let Some(answered) = self.calls.get(&id).and_then(|call| call.answered()) else { return };
        let pins = pins_after(self.caller.trust(), answered, spare);
        self.caller.pin(pins);
        if welcomed {
            (self.remember)(pins);
        }
    }

    fn handle_challenge(&mut self, now: Instant, id: LineId, challenge: &PinChallenge) {
        let Some(guest) = &mut self.guest else { return };
        let Some(binding) = self.calls.get(&id).and_then(|call| call.binding()) else { return };
        match guest.handle_challenge(id, &challenge.exchange, &binding) {
            Ok(Some(proof)) => {
                self.session.handle_challenge(now, id);
                self.with_call(id, |call, _| call.send(PinProof { proof }.into()));
            }
            Ok(None) => {}
            Err(NotProved) => self.not_proved(now, id),
        }
    }

    fn handle_lobby(&mut self, now: Instant, id: LineId, lobby: &InLobby) {
        let Some(guest) = &mut self.guest else { return };
        match guest.handle_lobby(id, &lobby.proof) {
            Ok(()) => {
                self.pin(id, &[], false);
                self.session.handle_lobby(id);
            }
            Err(NotProved) => self.not_proved(now, id),
        }
    }

    fn not_proved(&mut self, now: Instant, id: LineId) {
        self.give_up(now, id, CloseCode::BadMessage, Loss::NotProved);
    }

    fn give_up(&mut self, now: Instant, id: LineId, code: CloseCode, loss: Loss) {
        self.with_call(id, |call, _| call.close(code));
        self.session.handle_lost(now, id, loss);
    }

    fn handle_roster(&mut self, now: Instant, difference: Roster) {
        for news in self.roster.handle_difference(now, difference) {
            match news {
                News::Here { others } if !self.greeted => {
                    self.greeted = true;
                    let (room, name) = (self.hello.room.as_str(), self.name.as_str());
                    (self.say)(&Message::Joined { room, name, others });
                }
                News::Here { .. } => {}
                News::Came { name, guest } => (self.say)(&Message::Came { name: &name, guest }),
                News::Left(name) => (self.say)(&Message::Left(&name)),
            }
        }
        if self.standing == Some(Bar::Silenced)
            && let Some(role) = self.roster.own().filter(|seat| !seat.silenced).map(|seat| seat.role)
        {
            self.handle_standing(Standing { role, silenced: false });
        }
        for news in self.floor.handle_roster(now, &self.roster) {
            self.tell(news);
        }
    }

    fn handle_standing(&mut self, Standing { role, silenced }: Standing) {
        self.standing = Bar::of(role, silenced);
        let role = SiteRole::from_code(role);
        self.floor.set_always(matches!(role, Some(SiteRole::Operator | SiteRole::Source)));
        self.settle();
    }

    /// This site may speak, or may not.
    fn settle(&mut self) {
        let bar = self.standing.or_else(|| self.floor.bar());
        let before = std::mem::replace(&mut self.bar, bar);
        if before == bar {
            return;
        }
        self.uplink.set_barred(bar.is_some());
        match (before, bar) {
            // The floor has its own news.
            (None, Some(Bar::NoFloor)) | (Some(Bar::NoFloor), None) => {}
            (_, Some(bar)) => (self.say)(&Message::MayNotSpeak(bar)),
            (_, None) => (self.say)(&Message::MaySpeak { muted: self.uplink.is_switched_off() }),
        }
    }

    /// Tells the person, and the ear.
    pub(super) fn tell(&mut self, news: floor::News) {
        if self.as_source && matches!(news, floor::News::Roll { .. }) {
            return;
        }
        if let Some(cue) = news.cue() {
            self.cues.push(cue);
        }
        (self.say)(&Message::Floor { news, answers: self.answers });
        if let floor::News::Roll { number, .. } = news
            && self.answers
        {
            self.want(What::Present(number));
        }
    }

    /// As it was asked for when the program started, once.
    fn raise_hand(&mut self) {
        if self.raise && self.floor.takes_hands() {
            self.raise = false;
            self.want(What::Hand(true));
        }
    }

    /// An act of the engine's own.
    fn want(&self, what: What) {
        if let Some(call) = self.line() {
            call.send(Act { number: 0, what: Some(what) }.into());
        }
    }
}
