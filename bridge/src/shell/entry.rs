//! The way of one connection from its handshake into a room or a check: drives [`crate::session`], asks the store and
//! the doorkeeper, then the worker.

use super::check;
use super::peer::{Context, now};
use super::worker::{Input, Line, Place, Who};
use crate::permit::seated_as;
use crate::prefix::Prefix;
use crate::session::{Action, LineId, Measure, Request, Session};
use crate::store::{Admitted, Ask, Fact, GuestDoor};
use giaoban_proto::link::RoomName;
use giaoban_proto::pin::{self, Binding, Challenge, EXPORTER_LABEL, Pin};
use giaoban_proto::transport::PublicKey;
use giaoban_proto::wire::{
    ClientMessage, CloseCode, Fetch, Framer, InLobby, MAX_CONTROL_BYTES, PinChallenge, ServerMessage,
    SiteRole, frame,
};
use quinn::{Connection, RecvStream, SendStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Control messages that may wait for a slow link: a roster of two and a half thousand sites.
const CONTROL_QUEUE: usize = 64;

/// How a guest is called that gives no name.
const NAMELESS: &str = "Khách";

/// What a connection came in for.
pub(super) enum Entered {
    /// A meeting, in this member's place.
    Room { receiver: RecvStream, sender: SendStream, control: mpsc::Receiver<Box<ServerMessage>> },
    /// To fetch what was recorded in this room.
    Fetch { receiver: RecvStream, sender: SendStream, room: RoomName, admitted: Box<Admitted>, first: Fetch },
    /// To be measured, in this place among those that may be at once.
    Check { receiver: RecvStream, sender: SendStream, place: check::Place },
}

/// A connection on its way in.
pub(super) struct Entry<'a> {
    pub(super) connection: &'a Connection,
    pub(super) device: PublicKey,
    pub(super) from: Prefix,
    pub(super) session: &'a mut Session,
    pub(super) framer: &'a mut Framer,
    pub(super) context: &'a Context,
}

impl Entry<'_> {
    /// Through the door: hears what it wants, asks the store, then the room.
    pub(super) async fn enter(&mut self) -> Result<Entered, CloseCode> {
        let until = self.session.poll_timeout().ok_or(CloseCode::TooSlow)?;
        let stream = tokio::time::timeout_at(until.into(), self.connection.accept_bi()).await;
        let (mut sender, mut receiver) =
            stream.map_err(|_| CloseCode::TooSlow)?.map_err(|_| CloseCode::Bye)?;
        let joined = match self.await_action(&mut receiver).await? {
            Action::Check(request) => self.admit(request).await,
            Action::AskPin(request, exchange) => {
                self.admit_guest(request, &exchange, &mut receiver, &mut sender).await
            }
            Action::Measure(measure) => {
                let place = self.may_measure(measure).await;
                self.session.handle_may_measure(place.as_ref().map(drop).map_err(|&code| code));
                let place = place?;
                self.welcome();
                return Ok(Entered::Check { receiver, sender, place });
            }
            Action::Fetch(room, first) => {
                let ask = Ask { device: self.device, room: room.clone(), code: None, enters: false };
                let admitted = Box::new(self.ask(ask).await?);
                self.welcome();
                return Ok(Entered::Fetch { receiver, sender, room, admitted, first });
            }
            _ => Err(CloseCode::BadMessage),
        };
        self.session.handle_verdict(joined.as_ref().map(|(member, _)| *member).map_err(|&code| code));
        let (_, control) = joined?;
        self.welcome();
        Ok(Entered::Room { receiver, sender, control })
    }

    /// This attempt came to something, and is not held against its network.
    fn welcome(&self) {
        self.context.doors.lock().unwrap_or_else(PoisonError::into_inner).welcome(now(), self.from);
    }

    /// The next thing that somebody at the door wants done.
    async fn await_action(&mut self, receiver: &mut RecvStream) -> Result<Action, CloseCode> {
        loop {
            while let Some(message) =
                self.framer.poll::<ClientMessage>().map_err(|_| CloseCode::BadMessage)?
            {
                match self.session.handle_message(message) {
                    Some(Action::Close(code)) => return Err(code),
                    Some(action) => return Ok(action),
                    None => {}
                }
            }
            let until = self.session.poll_timeout().ok_or(CloseCode::BadMessage)?;
            match tokio::time::timeout_at(until.into(), receiver.read_chunk(MAX_CONTROL_BYTES, true)).await {
                Ok(Ok(Some(chunk))) => self.framer.push(&chunk.bytes),
                Ok(_) => return Err(CloseCode::BadMessage),
                Err(_) => {
                    if let Some(Action::Close(code)) = self.session.handle_timeout(now()) {
                        return Err(code);
                    }
                }
            }
        }
    }

    /// A device that is enrolled, or has an invitation.
    async fn admit(&self, request: Request) -> Result<Joined, CloseCode> {
        let Request { room, code, cap, muted, observes, watches, source, .. } = request;
        let source = source && !observes;
        // An invitation is not used up by looking on, and so gives no right to it. Nor by a source, which is nobody's
        // presence in the meeting.
        if (observes || source) && !self.context.store.knows(&self.device) {
            return Err(self.refused(&room, CloseCode::NotAdmitted));
        }
        let enters = !observes && !source;
        let ask = Ask { device: self.device, room: room.clone(), code, enters };
        let admitted = self.ask(ask).await?;
        if seated_as(admitted.role, source).is_none() {
            return Err(self.refused(&room, CloseCode::NoSource));
        }
        let place = if observes { Place::Observer } else { Place::Seat };
        self.join(Who { room, device: self.device, admitted, place, cap, muted, watches, source }).await
    }

    /// Whether the store admits somebody; counted where it does not, which it has written down itself.
    async fn ask(&self, ask: Ask) -> Result<Admitted, CloseCode> {
        let verdict = self.context.store.admit(ask).await.unwrap_or(Err(CloseCode::Internal));
        verdict.inspect_err(|_| {
            self.context.counters.refused.fetch_add(1, Relaxed);
        })
    }

    /// A guest: proves the PIN, then goes to the lobby.
    async fn admit_guest(
        &mut self,
        request: Request,
        exchange: &[u8],
        receiver: &mut RecvStream,
        sender: &mut SendStream,
    ) -> Result<Joined, CloseCode> {
        let Request { room, name, cap, muted, watches, source, .. } = request;
        if source {
            return Err(self.refused(&room, CloseCode::NoSource));
        }
        let opened = self.open_door(&room, exchange).await;
        self.session.handle_door(now(), opened.as_ref().map(drop).map_err(|&code| code));
        let (challenge, ours, admits) = opened.map_err(|code| self.refused(&room, code))?;
        self.write(sender, PinChallenge { exchange: ours }.into()).await?;
        let Action::Prove(proof) = self.await_action(receiver).await? else {
            return Err(CloseCode::BadMessage);
        };
        let proved = challenge.check(&proof);
        self.session.handle_proved(proved.is_ok());
        let Ok(proof) = proved else {
            self.context.counters.wrong_pins.fetch_add(1, Relaxed);
            return Err(self.refused(&room, CloseCode::WrongPin));
        };
        self.context.doors.lock().unwrap_or_else(PoisonError::into_inner).pin_was_right(
            now(),
            self.from,
            room.as_str(),
        );
        self.write(sender, InLobby { proof }.into()).await?;
        let admitted = Admitted {
            site: None,
            name: if name.is_empty() { NAMELESS.into() } else { name },
            role: SiteRole::Participant,
            guest: true,
            generation: 0,
            visit: None,
            max_members: None,
        };
        let place = Place::Lobby { admits };
        self.join(Who { room, device: self.device, admitted, place, cap, muted, watches, source }).await
    }

    /// What is asked of a guest at this room's door; whether it is admitted without an operator.
    async fn open_door(
        &self,
        room: &RoomName,
        exchange: &[u8],
    ) -> Result<(Challenge, Vec<u8>, bool), CloseCode> {
        let may = self.context.doors.lock().unwrap_or_else(PoisonError::into_inner).may_try_pin(
            now(),
            self.from,
            room.as_str(),
        );
        if !may {
            self.context.counters.pins_held_off.fetch_add(1, Relaxed);
            return Err(CloseCode::TryLater);
        }
        let door = self.context.store.guest_door(room.clone()).await;
        let GuestDoor { pin, lobby } = door.unwrap_or(Err(CloseCode::Internal))?;
        let pin: Pin = pin.parse().map_err(|_| CloseCode::Internal)?;
        let mut binding: Binding = [0; 32];
        self.connection
            .export_keying_material(&mut binding, EXPORTER_LABEL, &[])
            .map_err(|_| CloseCode::Internal)?;
        let (challenge, ours) =
            pin::challenge(&pin, room.as_str(), exchange, &binding).map_err(|_| CloseCode::WrongPin)?;
        Ok((challenge, ours, !lobby))
    }

    /// Whether its line may be measured: who might come in may, and not too often.
    async fn may_measure(&self, measure: Measure) -> Result<check::Place, CloseCode> {
        let Measure { room, code } = measure;
        let ask = Ask { device: self.device, room, code, enters: false };
        let verdict = self.context.store.admit(ask).await.unwrap_or(Err(CloseCode::Internal));
        let place = verdict.and_then(|_| check::Place::take(&self.context.checks, self.device));
        if place.is_err() {
            self.context.counters.refused.fetch_add(1, Relaxed);
        }
        place
    }

    async fn join(&self, who: Who) -> Result<Joined, CloseCode> {
        let (control, messages) = mpsc::channel(CONTROL_QUEUE);
        let (answer, joined) = oneshot::channel();
        let line = Line { connection: Arc::new(self.connection.clone()), control };
        let input = Input::Join { who: Box::new(who), line, answer };
        self.context.worker.inputs().send(input).await.map_err(|_| CloseCode::Stopping)?;
        let member = joined.await.map_err(|_| CloseCode::Stopping)??;
        Ok((member, messages))
    }

    /// Short messages to somebody at the door, which a stream always has room for: it has been told nothing yet.
    async fn write(&self, sender: &mut SendStream, message: ServerMessage) -> Result<(), CloseCode> {
        sender.write_all(&frame(&message)).await.map_err(|_| CloseCode::Bye)
    }

    /// Counts and writes down that somebody was turned away by other than the store.
    fn refused(&self, room: &RoomName, code: CloseCode) -> CloseCode {
        self.context.counters.refused.fetch_add(1, Relaxed);
        self.context.store.record(Fact::Refused {
            room: room.as_str().to_owned(),
            who: self.device.fingerprint().to_string(),
            code,
            from: self.connection.remote_address().ip().to_string(),
        });
        code
    }
}

type Joined = (LineId, mpsc::Receiver<Box<ServerMessage>>);
