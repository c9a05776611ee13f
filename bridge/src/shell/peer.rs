//! One connection: its handshake, its way in, then datagrams and control messages until it ends.

use super::check;
use super::counters::Counters;
use super::entry::{Entered, Entry};
use super::fetch;
use super::worker::{self, Heard, Input};
use crate::bucket::Bucket;
use crate::check::Allowance;
use crate::doorkeeper::Doorkeeper;
use crate::limits::Limits;
use crate::prefix::Prefix;
use crate::recording::shelf::Shelf;
use crate::session::{Action, Session};
use crate::store::Store;
use giaoban_proto::transport::peer_key;
use giaoban_proto::wire::{
    ClientMessage, CloseCode, Datagram, Framer, MAX_CONTROL_BYTES, ServerMessage, frame,
};
use quinn::{Connection, Incoming, RecvStream, SendStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};

/// How long a handshake may take: on a lossy link its tail is long (5.8 s at the 95th percentile at 20 %).
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(15);

/// Control messages of a member a second, once its share in a row is used up: a person causes them.
const MESSAGES_A_SECOND: u32 = 1;

/// What every connection needs.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) store: Arc<dyn Store>,
    pub(super) worker: worker::Handle,
    pub(super) counters: Arc<Counters>,
    pub(super) checks: Arc<Mutex<Allowance>>,
    pub(super) limits: Arc<Limits>,
    pub(super) doors: Arc<Mutex<Doorkeeper>>,
    /// What recordings are fetched from, and places for those who do.
    pub(super) shelf: Option<Shelf>,
    pub(super) fetches: Arc<Semaphore>,
    /// Places for those whose key is not enrolled.
    pub(super) strangers: Arc<Semaphore>,
}

#[expect(clippy::disallowed_methods, reason = "a shell: this is where a connection's clock is read")]
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A place among those whose handshake is under way; dropped, it is free again.
pub(super) struct Knocking {
    doors: Arc<Mutex<Doorkeeper>>,
    from: Prefix,
}

impl Knocking {
    /// For one that the doorkeeper has accepted.
    pub(super) const fn new(doors: Arc<Mutex<Doorkeeper>>, from: Prefix) -> Self {
        Self { doors, from }
    }
}

impl Drop for Knocking {
    fn drop(&mut self) {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).through(now(), self.from);
    }
}

/// Serves one connection from its first packet to its end.
pub(super) async fn serve(incoming: Incoming, knocking: Knocking, context: &Context) {
    let Ok(connecting) = incoming.accept() else { return };
    let Ok(Ok(connection)) = tokio::time::timeout(HANDSHAKE_WITHIN, connecting).await else {
        context.counters.failed_handshakes.fetch_add(1, Relaxed);
        return;
    };
    let from = knocking.from;
    drop(knocking);
    let Some(device) = peer_key(&connection) else {
        return close(&connection, CloseCode::NotAdmitted);
    };
    // Who is known needs no place: strangers, however many, take none from the sites.
    let known = context.store.knows(&device);
    let place = if known { None } else { Some(context.strangers.clone().try_acquire_owned()) };
    let Ok(place) = place.transpose() else {
        context.counters.strangers_turned_away.fetch_add(1, Relaxed);
        return close(&connection, CloseCode::Busy);
    };
    let (mut session, mut framer) = (Session::new(now(), known), Framer::default());
    let mut entry =
        Entry { connection: &connection, device, from, session: &mut session, framer: &mut framer, context };
    // What comes before anybody is in is read and thrown away: unread, it would pile up.
    // Whatever is not for the whole of a meeting is in a place of its own, given back when it is over: this task's memory is
    // each member's, to the end.
    let entered = tokio::select! {
        biased;
        entered = Box::pin(entry.enter()) => entered,
        () = discard(&connection) => Err(CloseCode::BadMessage),
    };
    drop(place);
    let code = match entered {
        Ok(Entered::Room { receiver, sender, control }) => {
            let offering = session
                .line()
                .map(|line| tokio::spawn(fetch::offer(connection.clone(), context.clone(), device, line)));
            let code = meet(&connection, &mut session, &mut framer, context, receiver, sender, control).await;
            offering.inspect(|offering| offering.abort());
            code
        }
        Ok(Entered::Check { receiver, sender, place }) => {
            let check = check::serve(&connection, &mut session, &mut framer, receiver, sender, context);
            let code = Box::pin(check).await;
            drop(place);
            code
        }
        Ok(Entered::Fetch { receiver, sender, room, admitted, first }) => {
            let who = (device, room, admitted);
            Box::pin(fetch::serve_alone(&connection, context, who, framer, receiver, sender, first)).await
        }
        Err(code) => code,
    };
    // Says why, where the connection still stands: closed without a word it would look as if asked.
    close(&connection, code);
    if let Some(line) = session.line() {
        // The worker outlives every connection but at the bridge's own end.
        let _ = context.worker.inputs().send(Input::Lost(line)).await;
    }
}

fn close(connection: &Connection, code: CloseCode) {
    connection.close(code.code().into(), code.text().as_bytes());
}

/// Reads datagrams until the connection is gone.
async fn discard(connection: &Connection) {
    while connection.read_datagram().await.is_ok() {}
}

/// In a room, its lobby or looking on, until the connection ends or is to be closed with this code.
async fn meet(
    connection: &Connection,
    session: &mut Session,
    framer: &mut Framer,
    context: &Context,
    mut receiver: RecvStream,
    sender: SendStream,
    control: mpsc::Receiver<Box<ServerMessage>>,
) -> CloseCode {
    let writer = tokio::spawn(write(sender, control));
    let shares = Shares::new(&context.limits);
    let mut member = Member { connection, session, framer, context, shares, waiting: None };
    let code = member.listen(&mut receiver).await.unwrap_or(CloseCode::BadMessage);
    // What was said last need not arrive: a refusal is a close.
    writer.abort();
    code
}

/// What a member may send.
struct Shares {
    datagrams: Bucket,
    bytes: Bucket,
    messages: Bucket,
}

impl Shares {
    fn new(limits: &Limits) -> Self {
        let now = now();
        Self {
            datagrams: Bucket::new(now, limits.datagrams_second, limits.datagrams),
            // Two seconds' worth at once: what a link delivers after an outage.
            bytes: Bucket::new(now, limits.bytes_second, limits.bytes_second * 2),
            messages: Bucket::new(now, MESSAGES_A_SECOND, limits.messages),
        }
    }

    fn take(&mut self, bytes: usize) -> bool {
        let now = now();
        self.datagrams.take(now) && self.bytes.take_many(now, u32::try_from(bytes).unwrap_or(u32::MAX))
    }
}

/// Somebody who is in, as far as what it sends goes.
struct Member<'a> {
    connection: &'a Connection,
    session: &'a mut Session,
    framer: &'a mut Framer,
    context: &'a Context,
    shares: Shares,
    /// A control message that came too soon.
    waiting: Option<ClientMessage>,
}

impl Member<'_> {
    async fn listen(&mut self, receiver: &mut RecvStream) -> Option<CloseCode> {
        let id = self.session.line()?;
        let mut open = true;
        let mut was_held_off = None;
        loop {
            // What came with the hello first, then what comes.
            let held_off = match self.messages().await? {
                Ok(held_off) => held_off,
                Err(code) => return Some(code),
            };
            if held_off > was_held_off {
                self.context.counters.messages_held_off.fetch_add(1, Relaxed);
            }
            was_held_off = held_off;
            tokio::select! {
                biased;
                datagram = self.connection.read_datagram() => {
                    let datagram = datagram.ok()?;
                    let counters = &self.context.counters;
                    // Nonsense goes no further than here, and nobody takes more than a share of the worker.
                    if datagram.len() > self.context.limits.datagram_bytes as usize
                        || Datagram::decode(&datagram).is_err()
                    {
                        counters.bad_datagrams.fetch_add(1, Relaxed);
                    } else if !self.shares.take(datagram.len()) {
                        counters.dropped_datagrams.fetch_add(1, Relaxed);
                    } else {
                        let heard = Heard { line: id, at: now(), bytes: datagram };
                        match self.context.worker.heard().try_send(heard) {
                            Ok(()) => {}
                            Err(TrySendError::Full(_)) => {
                                counters.dropped_datagrams.fetch_add(1, Relaxed);
                            }
                            Err(TrySendError::Closed(_)) => return Some(CloseCode::Internal),
                        }
                    }
                }
                () = until(held_off), if held_off.is_some() => {}
                read = receiver.read_chunk(MAX_CONTROL_BYTES, true), if open && held_off.is_none() => match read {
                    Ok(Some(chunk)) => self.framer.push(&chunk.bytes),
                    // Its last word was said; it may go on speaking and listening.
                    Ok(None) => open = false,
                    Err(_) => return None,
                },
            }
        }
    }

    /// Passes on what has come, as fast as it may; until when the rest waits, unread, and the stream with it.
    async fn messages(&mut self) -> Option<Result<Option<Instant>, CloseCode>> {
        loop {
            let message = match self.waiting.take().map_or_else(|| self.framer.poll(), |held| Ok(Some(held)))
            {
                Ok(Some(message)) => message,
                Ok(None) => return Some(Ok(None)),
                Err(_) => return Some(Err(CloseCode::BadMessage)),
            };
            if !self.shares.messages.take(now()) {
                self.waiting = Some(message);
                return Some(Ok(Some(self.shares.messages.next_at())));
            }
            match self.session.handle_message(message) {
                Some(Action::Forward(line, message)) => {
                    self.context.worker.inputs().send(Input::Message(line, message)).await.ok()?;
                }
                Some(Action::Close(code)) => return Some(Err(code)),
                _ => {}
            }
        }
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}

async fn write(mut sender: SendStream, mut control: mpsc::Receiver<Box<ServerMessage>>) {
    while let Some(message) = control.recv().await {
        if sender.write_all(&frame(&*message)).await.is_err() {
            return;
        }
    }
}
