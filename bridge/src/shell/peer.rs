//! One connection: its handshake, its way in, then datagrams and control messages until it ends.

use super::check;
use super::counters::Counters;
use super::worker::{self, Input, Line, Who};
use crate::bucket::Bucket;
use crate::check::Allowance;
use crate::session::{Action, Measure, Request, Session};
use crate::store::{Admitted, Ask, Store};
use giaoban_proto::link::RoomName;
use giaoban_proto::transport::{PublicKey, peer_key};
use giaoban_proto::unit::MemberId;
use giaoban_proto::wire::{
    ClientMessage, CloseCode, Datagram, Framer, MAX_CONTROL_BYTES, ServerMessage, frame,
};
use quinn::{Connection, Incoming, RecvStream, SendStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// How long a handshake may take: on a lossy link its tail is long (5.8 s at the 95th percentile at 20 %).
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(15);

/// Control messages that may wait for a slow link: a roster of two and a half thousand sites.
const CONTROL_QUEUE: usize = 64;

/// Datagrams a second that one member may send, and in a row: four times what the dearest rung sends, and what a link
/// delivers at once after an outage. More would take the others' places in the worker's queue.
const DATAGRAMS: (u32, u32) = (200, 400);

/// The same for control messages, which a person causes.
const MESSAGES: (u32, u32) = (10, 40);

/// What every connection needs.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) store: Arc<dyn Store>,
    pub(super) worker: worker::Handle,
    pub(super) counters: Arc<Counters>,
    pub(super) checks: Arc<Mutex<Allowance>>,
}

#[expect(clippy::disallowed_methods, reason = "a shell: this is where a connection's clock is read")]
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Serves one connection from its first packet to its end.
///
/// `place` is held until the connection is in a room or gone: so many may be on their way in.
pub(super) async fn serve(incoming: Incoming, place: OwnedSemaphorePermit, context: &Context) {
    let Ok(connecting) = incoming.accept() else { return };
    let connection = match tokio::time::timeout(HANDSHAKE_WITHIN, connecting).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            context.counters.failed_handshakes.fetch_add(1, Relaxed);
            tracing::debug!(%error, "a handshake failed");
            return;
        }
        Err(_) => {
            context.counters.failed_handshakes.fetch_add(1, Relaxed);
            return;
        }
    };
    let Some(device) = peer_key(&connection) else {
        return close(&connection, CloseCode::NotAdmitted);
    };
    let session = Session::new(now());
    let mut peer = Peer { connection: connection.clone(), device, session, framer: Framer::default() };
    // What comes before anybody is in is read and thrown away: unread, it would pile up.
    let entered = tokio::select! {
        biased;
        entered = peer.enter(context) => entered,
        () = discard(&connection) => Err(CloseCode::BadMessage),
    };
    drop(place);
    let code = match entered {
        Ok(Entered::Room { receiver, sender, control }) => {
            peer.meet(context, receiver, sender, control).await
        }
        Ok(Entered::Check { receiver, sender, place }) => {
            let Peer { connection, session, framer, .. } = &mut peer;
            let code = check::serve(connection, session, framer, receiver, sender, context).await;
            drop(place);
            code
        }
        Err(code) => code,
    };
    // Says why, where the connection still stands: closed without a word it would look as if asked.
    close(&connection, code);
    if let Some(member) = peer.session.member() {
        // The worker outlives every connection but at the bridge's own end.
        let _ = context.worker.inputs().send(Input::Lost(member)).await;
    }
}

fn close(connection: &Connection, code: CloseCode) {
    connection.close(code.code().into(), code.text().as_bytes());
}

/// Reads datagrams until the connection is gone.
async fn discard(connection: &Connection) {
    while connection.read_datagram().await.is_ok() {}
}

/// What somebody at the door asks for.
enum Wish {
    Join(Request),
    Measure(Measure),
}

/// What a connection came in for.
enum Entered {
    /// A meeting.
    Room { receiver: RecvStream, sender: SendStream, control: mpsc::Receiver<ServerMessage> },
    /// To be measured, in this place among those that may be at once.
    Check { receiver: RecvStream, sender: SendStream, place: check::Place },
}

struct Peer {
    connection: Connection,
    device: PublicKey,
    session: Session,
    framer: Framer,
}

impl Peer {
    /// Through the door: hears what it wants, asks the store, then the room.
    async fn enter(&mut self, context: &Context) -> Result<Entered, CloseCode> {
        let until = self.session.poll_timeout().ok_or(CloseCode::TooSlow)?;
        let stream = tokio::time::timeout_at(until.into(), self.connection.accept_bi()).await;
        let (sender, mut receiver) = stream.map_err(|_| CloseCode::TooSlow)?.map_err(|_| CloseCode::Bye)?;
        let Request { room, code, cap, muted, .. } = match self.await_hello(&mut receiver).await? {
            Wish::Join(request) => request,
            Wish::Measure(measure) => {
                let place = self.may_measure(context, measure).await;
                self.session.handle_may_measure(place.as_ref().map(drop).map_err(|&code| code));
                return Ok(Entered::Check { receiver, sender, place: place? });
            }
        };
        let ask = Ask { device: self.device, room: room.clone(), code, enters: true };
        let verdict = context.store.admit(ask).await.unwrap_or(Err(CloseCode::Internal));
        let joined = match verdict {
            Ok(Admitted { name, .. }) => {
                self.join(context, room, Who { device: *self.device.as_bytes(), name, cap, muted }).await
            }
            Err(code) => {
                context.counters.refused.fetch_add(1, Relaxed);
                Err(code)
            }
        };
        let (member, control) = match joined {
            Ok((member, control)) => (Ok(member), Ok(control)),
            Err(code) => (Err(code), Err(code)),
        };
        self.session.handle_verdict(member);
        Ok(Entered::Room { receiver, sender, control: control? })
    }

    /// Whether its line may be measured: who might come in may, and not too often.
    async fn may_measure(&self, context: &Context, measure: Measure) -> Result<check::Place, CloseCode> {
        let Measure { room, code } = measure;
        let ask = Ask { device: self.device, room, code, enters: false };
        let verdict = context.store.admit(ask).await.unwrap_or(Err(CloseCode::Internal));
        let place = verdict.and_then(|_| check::Place::take(&context.checks, self.device));
        if place.is_err() {
            context.counters.refused.fetch_add(1, Relaxed);
        }
        place
    }

    async fn await_hello(&mut self, receiver: &mut RecvStream) -> Result<Wish, CloseCode> {
        let mut bytes = [0; MAX_CONTROL_BYTES];
        loop {
            while let Some(message) = self.framer.poll().map_err(|_| CloseCode::BadMessage)? {
                match self.session.handle_message(message) {
                    Some(Action::Check(request)) => return Ok(Wish::Join(request)),
                    Some(Action::Measure(measure)) => return Ok(Wish::Measure(measure)),
                    Some(Action::Close(code)) => return Err(code),
                    Some(Action::Forward(..) | Action::TellResult) | None => {}
                }
            }
            let until = self.session.poll_timeout().ok_or(CloseCode::BadMessage)?;
            match tokio::time::timeout_at(until.into(), receiver.read(&mut bytes)).await {
                Ok(Ok(Some(read))) => self.framer.push(&bytes[..read]),
                Ok(_) => return Err(CloseCode::BadMessage),
                Err(_) => {
                    if let Some(Action::Close(code)) = self.session.handle_timeout(now()) {
                        return Err(code);
                    }
                }
            }
        }
    }

    async fn join(
        &self,
        context: &Context,
        room: RoomName,
        who: Who,
    ) -> Result<(MemberId, mpsc::Receiver<ServerMessage>), CloseCode> {
        let (control, messages) = mpsc::channel(CONTROL_QUEUE);
        let (answer, joined) = oneshot::channel();
        let line = Line { connection: self.connection.clone(), control };
        let input = Input::Join { room, who, line, answer };
        context.worker.inputs().send(input).await.map_err(|_| CloseCode::Stopping)?;
        let member = joined.await.map_err(|_| CloseCode::Stopping)??;
        Ok((member, messages))
    }

    /// In the room, until the connection ends or is to be closed with this code.
    async fn meet(
        &mut self,
        context: &Context,
        mut receiver: RecvStream,
        sender: SendStream,
        control: mpsc::Receiver<ServerMessage>,
    ) -> CloseCode {
        let writer = tokio::spawn(write(sender, control));
        let code = self.listen(context, &mut receiver).await.unwrap_or(CloseCode::BadMessage);
        // What was said last need not arrive: a refusal is a close.
        writer.abort();
        code
    }

    async fn listen(&mut self, context: &Context, receiver: &mut RecvStream) -> Option<CloseCode> {
        let member = self.session.member()?;
        let mut datagrams = Bucket::new(now(), DATAGRAMS.0, DATAGRAMS.1);
        let mut messages = Bucket::new(now(), MESSAGES.0, MESSAGES.1);
        let mut bytes = [0; MAX_CONTROL_BYTES];
        let mut open = true;
        loop {
            // What came with the hello first, then what comes.
            while let Some(message) = match self.framer.poll::<ClientMessage>() {
                Ok(message) => message,
                Err(_) => return Some(CloseCode::BadMessage),
            } {
                if !messages.take(now()) {
                    return Some(CloseCode::Overrun);
                }
                match self.session.handle_message(message) {
                    Some(Action::Forward(member, message)) => {
                        context.worker.inputs().send(Input::Message(member, message)).await.ok()?;
                    }
                    Some(Action::Close(code)) => return Some(code),
                    Some(Action::Check(_) | Action::Measure(_) | Action::TellResult) | None => {}
                }
            }
            tokio::select! {
                biased;
                datagram = self.connection.read_datagram() => {
                    let datagram = datagram.ok()?;
                    // Nonsense goes no further than here, and nobody takes more than a share of the worker.
                    if Datagram::decode(&datagram).is_err() {
                        context.counters.bad_datagrams.fetch_add(1, Relaxed);
                    } else if !datagrams.take(now()) {
                        context.counters.dropped_datagrams.fetch_add(1, Relaxed);
                    } else {
                        match context.worker.inputs().try_send(Input::Datagram(member, datagram)) {
                            Ok(()) => {}
                            Err(TrySendError::Full(_)) => {
                                context.counters.dropped_datagrams.fetch_add(1, Relaxed);
                            }
                            Err(TrySendError::Closed(_)) => return Some(CloseCode::Internal),
                        }
                    }
                }
                read = receiver.read(&mut bytes), if open => match read {
                    Ok(Some(read)) => self.framer.push(&bytes[..read]),
                    // Its last word was said; it may go on speaking and listening.
                    Ok(None) => open = false,
                    Err(_) => return None,
                },
            }
        }
    }
}

async fn write(mut sender: SendStream, mut control: mpsc::Receiver<ServerMessage>) {
    while let Some(message) = control.recv().await {
        if sender.write_all(&frame(&message)).await.is_err() {
            return;
        }
    }
}
