//! What the bridge says on the control stream, and what comes of it here.

use super::drive::Engine;
use crate::meeting::pins_after;
use crate::roster::{Bar, News};
use crate::session::{LineId, Loss};
use crate::words::Message;
use giaoban_proto::pin::NotProved;
use giaoban_proto::wire::{
    CloseCode, InLobby, NoticeKind, PinChallenge, PinProof, Roster, ServerMessage, Standing, VERSION,
    Welcome, server_message::Body,
};
use std::time::Instant;

impl Engine {
    pub(super) fn handle_message(&mut self, now: Instant, id: LineId, message: ServerMessage) {
        let ours = self.session.line() == Some(id);
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
            Some(Body::Standing(Standing { role, silenced })) if ours => self.stand(Bar::of(role, silenced)),
            Some(Body::Notice(notice)) if ours => {
                if let Some(kind) = NoticeKind::from_code(notice.kind) {
                    let own = self.roster.own().is_some_and(|seat| seat.member == notice.member);
                    (self.say)(&Message::Notice { kind, name: &notice.name, number: notice.member, own });
                }
            }
            // Of an old line, or of a newer version. Nobody acts from here, and what belongs to a check has no place.
            Some(
                Body::Roster(_)
                | Body::Lobby(_)
                | Body::Standing(_)
                | Body::Notice(_)
                | Body::Done(_)
                | Body::Meeting(_)
                | Body::Said(_)
                | Body::Figures(_)
                | Body::CheckReady(_)
                | Body::CheckResult(_),
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
            self.enter(id, welcome);
        }
    }

    fn enter(&mut self, id: LineId, welcome: Welcome) {
        self.roster.start(welcome.member);
        self.lobby = Default::default();
        self.name = welcome.name;
        self.pin(id, &welcome.spare, true);
        // Who was silenced is so still, by this line too, until the list says otherwise.
        let bar = Bar::of(welcome.role, self.bar == Some(Bar::Silenced));
        if self.hello.muted && !self.greeted && bar.is_none() {
            (self.say)(&Message::Muted);
        }
        self.stand(bar);
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
        if self.bar == Some(Bar::Silenced)
            && let Some(seat) = self.roster.own().filter(|seat| !seat.silenced)
        {
            self.stand(Bar::of(seat.role, false));
        }
    }

    /// This site may speak, or may not.
    fn stand(&mut self, bar: Option<Bar>) {
        if std::mem::replace(&mut self.bar, bar) == bar {
            return;
        }
        self.uplink.set_barred(bar.is_some());
        (self.say)(&match bar {
            Some(bar) => Message::MayNotSpeak(bar),
            None => Message::MaySpeak { muted: self.uplink.is_switched_off() },
        });
    }
}
