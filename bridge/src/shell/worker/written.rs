//! What the worker has written down, and what it does when that stands.

use super::{Input, Worker, later};
use crate::howl::Fault;
use crate::room::Keep;
use crate::store::{Fact, GuestAsk};
use giaoban_proto::link::RoomName;
use giaoban_proto::unit::MemberId;
use giaoban_proto::wire::{ActCode, CloseCode, Done};
use std::time::{Duration, Instant};

impl Worker {
    /// Has the store write down that a guest comes in; what it says comes back as an input.
    pub(super) fn write_guest(&mut self, by: Option<(MemberId, u32)>, guest: MemberId) {
        let Some(held) = self.held.get(&guest) else { return };
        let host = match by {
            Some((by, _)) => self.held.get(&by).and_then(|held| held.site),
            None => self.hosts.get(&held.device).map(|(_, host)| *host),
        };
        let (room, name) = (held.room.clone(), held.name.clone());
        let written = self.store.admit_guest(GuestAsk { device: held.device, room, name, by: host });
        later(&self.own, async move {
            let verdict = written.await.unwrap_or(Err(CloseCode::Internal));
            Input::GuestWritten { guest, by, host, verdict }
        });
    }

    /// Writes down what became of an act, then answers it.
    pub(super) fn write_act(
        &mut self,
        now: Instant,
        room: &RoomName,
        by: MemberId,
        (act, target): (&'static str, String),
        (number, code): (u32, ActCode),
    ) {
        let site = self.held.get(&by).and_then(|held| held.site);
        if code != ActCode::Done {
            // It must not wait for the disk, nor the disk for whoever tries it a thousand times.
            self.store.record(Fact::ActRefused { by: site, act, target, code: code.code() });
            return self.tell(now, room, by, Done { number, code: code.code() }.into());
        }
        let fact = Fact::Acted { by: site, act, target, detail: room.as_str().to_owned() };
        let written = self.store.write_down(fact.clone());
        let store = self.store.clone();
        later(&self.own, async move {
            let code = if written.await.is_ok() { ActCode::Done } else { ActCode::Failed };
            if code == ActCode::Failed {
                // It was done all the same: it is to be written down as soon as the disk allows.
                store.record(fact);
            }
            Input::Answer(by, Done { number, code: code.code() })
        });
    }

    /// Has the store write down what a meeting wants kept.
    pub(super) fn keep(&self, room: &RoomName, keep: Keep) {
        let named = room.as_str().to_owned();
        let visit = |member| self.visits.get(&member).map(|(_, visit)| *visit);
        let ms = |lasted: Duration| i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX);
        let fact = match keep {
            Keep::RollCalled { number } => Some(Fact::RollCalled { room: named, number }),
            Keep::RollAnswered { member, present, ticked } => {
                visit(member).map(|visit| Fact::RollAnswered { room: named, visit, present, ticked })
            }
            Keep::Said { by, name, text, to_operators } => {
                let site = self.held.get(&by).and_then(|held| held.site);
                Some(Fact::Said { room: named, site, name, text, to_operators })
            }
            Keep::HeldOut { member, name, fault } => {
                let why = match fault {
                    Fault::Howls => "it howls",
                    Fault::Echoes => "it echoes",
                };
                let target = format!("{name} ({})", member.0);
                Some(Fact::Acted { by: None, act: "silence", target, detail: format!("{named}: {why}") })
            }
            Keep::HadFloor { member, lasted } => {
                visit(member).map(|visit| Fact::HadFloor { visit, ms: ms(lasted) })
            }
            Keep::Missed { member, missed } => {
                visit(member).map(|visit| Fact::Missed { visit, ms: ms(missed) })
            }
        };
        if let Some(fact) = fact {
            self.store.record(fact);
        }
    }
}
