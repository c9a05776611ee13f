//! One connection: its handshake, its way in, then datagrams and control messages until it ends.

use super::listen::Context;
use super::worker::{Input, Line, Who};
use crate::session::{Action, Request, Session};
use crate::store::Ask;
use giaoban_proto::link::RoomName;
use giaoban_proto::transport::{PublicKey, peer_key};
use giaoban_proto::unit::MemberId;
use giaoban_proto::wire::{ClientMessage, CloseCode, Framer, MAX_CONTROL_BYTES, ServerMessage, frame};
use quinn::{Connection, Incoming, RecvStream, SendStream};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// How long a handshake may take: on a lossy link its tail is long (5.8 s at the 95th percentile at 20 %).
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(15);

/// Control messages that may wait for a slow link: a roster of a thousand sites.
const CONTROL_QUEUE: usize = 64;

#[expect(clippy::disallowed_methods, reason = "a shell: this is where a connection's clock is read")]
fn now() -> Instant {
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
    let mut peer = Peer { connection, device, session: Session::new(now()), framer: Framer::default() };
    if let Some(code) = peer.run(place, context).await {
        close(&peer.connection, code);
    }
    if let Some(member) = peer.session.member() {
        // The worker outlives every connection but at the bridge's own end.
        let _ = context.worker.inputs().send(Input::Lost(member)).await;
    }
}

fn close(connection: &Connection, code: CloseCode) {
    connection.close(code.code().into(), code.text().as_bytes());
}

struct Peer {
    connection: Connection,
    device: PublicKey,
    session: Session,
    framer: Framer,
}

impl Peer {
    /// Until the connection ends by itself (`None`) or is to be closed with a code.
    async fn run(&mut self, place: OwnedSemaphorePermit, context: &Context) -> Option<CloseCode> {
        let until = self.session.poll_timeout();
        let stream = self.connection.accept_bi();
        let Ok(stream) = tokio::time::timeout_at(until?.into(), stream).await else {
            return Some(CloseCode::TooSlow);
        };
        let (sender, mut receiver) = stream.ok()?;
        let request = match self.await_hello(&mut receiver).await? {
            Ok(request) => request,
            Err(code) => return Some(code),
        };
        let control = match self.enter(context, request).await {
            Ok(control) => control,
            Err(code) => return Some(code),
        };
        drop(place);
        let writer = tokio::spawn(write(sender, control));
        let code = self.meet(context, &mut receiver).await;
        // What was said last (a refusal is a close, so nothing) need not arrive.
        writer.abort();
        code
    }

    async fn await_hello(&mut self, receiver: &mut RecvStream) -> Option<Result<Request, CloseCode>> {
        loop {
            let until = self.session.poll_timeout()?;
            let mut bytes = [0; MAX_CONTROL_BYTES];
            let action = match tokio::time::timeout_at(until.into(), receiver.read(&mut bytes)).await {
                Ok(Ok(Some(read))) => match self.next_message(&bytes[..read]) {
                    Ok(message) => message.and_then(|message| self.session.handle_message(message)),
                    Err(code) => return Some(Err(code)),
                },
                Ok(_) => return None,
                Err(_) => self.session.handle_timeout(now()),
            };
            match action {
                Some(Action::Check(request)) => return Some(Ok(request)),
                Some(Action::Close(code)) => return Some(Err(code)),
                Some(Action::Forward(..)) | None => {}
            }
        }
    }

    fn next_message(&mut self, bytes: &[u8]) -> Result<Option<ClientMessage>, CloseCode> {
        self.framer.push(bytes);
        self.framer.poll().map_err(|_| CloseCode::BadMessage)
    }

    /// Through the door: asks the store, then the room. Gives what the room has to say.
    async fn enter(
        &mut self,
        context: &Context,
        request: Request,
    ) -> Result<mpsc::Receiver<ServerMessage>, CloseCode> {
        let Request { room, name, code, rung, muted } = request;
        let ask = Ask { device: self.device, room: room.clone(), code, name };
        let verdict = context.store.admit(ask).await.unwrap_or(Err(CloseCode::Internal));
        let joined = match verdict {
            Ok(name) => {
                self.join(context, room, Who { device: *self.device.as_bytes(), name, rung, muted }).await
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
        control
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

    /// In the room.
    async fn meet(&mut self, context: &Context, receiver: &mut RecvStream) -> Option<CloseCode> {
        let member = self.session.member()?;
        let inputs = context.worker.inputs();
        let mut bytes = [0; MAX_CONTROL_BYTES];
        loop {
            // What came with the hello first, then what comes.
            while let Some(message) = match self.framer.poll::<ClientMessage>() {
                Ok(message) => message,
                Err(_) => return Some(CloseCode::BadMessage),
            } {
                match self.session.handle_message(message) {
                    Some(Action::Forward(member, message)) => {
                        inputs.send(Input::Message(member, message)).await.ok()?;
                    }
                    Some(Action::Close(code)) => return Some(code),
                    Some(Action::Check(_)) | None => {}
                }
            }
            tokio::select! {
                biased;
                datagram = self.connection.read_datagram() => {
                    if inputs.try_send(Input::Datagram(member, datagram.ok()?)).is_err() {
                        context.counters.dropped_datagrams.fetch_add(1, Relaxed);
                    }
                }
                read = receiver.read(&mut bytes) => match read {
                    Ok(Some(read)) => self.framer.push(&bytes[..read]),
                    // Its last word was said; the connection itself says when it ends.
                    Ok(None) => { self.connection.closed().await; return None; }
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
