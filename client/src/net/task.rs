//! One call, from its first packet to its last: dials, then carries control both ways and datagrams in.

use super::bulk::Bulk;
use super::dial::{Dialled, Meters, dial};
use super::{Event, Target};
use crate::clock;
use crate::meeting::Meeting;
use crate::session::{LineId, Loss};
use giaoban_proto::transport::{Lost, Road};
use giaoban_proto::wire::{ClientMessage, CloseCode, Framer, Leave, MAX_CONTROL_BYTES, frame};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

/// Control bytes that may wait for a bridge that does not take them. Two of the longest messages.
const MAX_UNSENT: usize = 2 * MAX_CONTROL_BYTES;

/// How long good-bye may take: a second of round trip and one repetition. Longer keeps a person waiting for a
/// prompt, shorter leaves a seat that the bridge believes in until its idle timeout.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// How long a closed connection may still say so to a bridge that goes on sending.
const LINGER: Duration = Duration::from_millis(300);

#[derive(Debug)]
pub(super) enum Order {
    Send(ClientMessage),
    Fetch(ClientMessage),
    Close(CloseCode),
    Leave,
}

pub(super) struct Task {
    pub(super) id: LineId,
    pub(super) target: Arc<Target>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) dropped: Arc<AtomicU64>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) meters: Meters,
    pub(super) road: Arc<OnceLock<Road>>,
}

/// How a call came to its end.
enum Over {
    /// It was ended from here.
    Ended,
    /// It was lost.
    Lost(Loss),
}

impl Task {
    pub(super) async fn run(mut self) {
        let loss = match self.live().await {
            Over::Ended => Loss::Broken,
            Over::Lost(loss) => loss,
        };
        // The engine may be gone already.
        let _ = self.events.send(Event::Lost { id: self.id, loss }).await;
    }

    async fn live(&mut self) -> Over {
        let target = Arc::clone(&self.target);
        let dialled = tokio::select! {
            biased;
            () = ended(&mut self.orders) => Err(Over::Ended),
            dialled = call(&target, &self.meters) => dialled.map_err(Over::Lost),
        };
        let Dialled { endpoint, connection, road } = match dialled {
            Ok(dialled) => dialled,
            Err(over) => {
                target.turn.fetch_add(1, Ordering::Relaxed);
                return over;
            }
        };
        // The first: a call is dialled once.
        let _ = self.road.set(road.clone());
        let over = self.talk(&connection, &road).await;
        if connection.close_reason().is_none() {
            close(&connection, CloseCode::Bye);
        }
        if matches!(over, Over::Ended) {
            let _ = timeout(LINGER, endpoint.wait_idle()).await;
        }
        over
    }

    async fn talk(&mut self, connection: &Connection, road: &Road) -> Over {
        let opened = tokio::select! {
            biased;
            () = ended(&mut self.orders) => return Over::Ended,
            opened = connection.open_bi() => opened,
        };
        let (sender, receiver) = match opened {
            Ok(streams) => streams,
            Err(error) => return Over::Lost(loss(&Lost::new(&error, true))),
        };
        let connected = Event::Connected { id: self.id, connection: connection.clone() };
        if self.events.send(connected).await.is_err() {
            return Over::Ended;
        }
        let mut control =
            Control { sender, receiver, framer: Framer::default(), unsent: Vec::new(), deaf: false };
        let (mut leave_by, mut bulk) = (None, None::<Bulk>);
        let mut buffer = [0; MAX_CONTROL_BYTES];
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(Order::Send(message)) => {
                        if !control.queue(&message) {
                            close(connection, CloseCode::Overrun);
                            return Over::Lost(Loss::Closed(CloseCode::Overrun));
                        }
                    }
                    Some(Order::Fetch(message)) => {
                        let open = || Bulk::open(self.id, connection.clone(), self.events.clone());
                        if bulk.as_ref().is_none_or(Bulk::is_over) {
                            bulk = Some(open());
                        }
                        // One that is in the way of nothing else says later that it is over.
                        let _ = bulk.as_ref().is_some_and(|bulk| bulk.say(message));
                    }
                    Some(Order::Leave) => {
                        control.queue(&Leave {}.into());
                        leave_by = leave_by.or_else(|| Some((clock::now() + GOOD_BYE).into()));
                    }
                    Some(Order::Close(code)) => {
                        close(connection, code);
                        return Over::Ended;
                    }
                    None => return Over::Ended,
                },
                datagram = connection.read_datagram() => match datagram {
                    Ok(bytes) => {
                        let event = Event::Datagram { id: self.id, at: clock::now(), bytes };
                        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
                            self.dropped.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    Err(error) => return Over::Lost(loss(&Lost::new(&error, true))),
                },
                written = control.sender.write(&control.unsent), if !control.unsent.is_empty() => match written {
                    Ok(written) => { control.unsent.drain(..written); }
                    // The bridge has closed its ear, or the connection is gone: the latter is told above.
                    Err(_) => control.unsent.clear(),
                },
                read = control.receiver.read(&mut buffer), if !control.deaf => match read {
                    Ok(Some(read)) => {
                        if let Err(code) = self.take(&mut control.framer, &buffer[..read]).await {
                            close(connection, code);
                            return Over::Lost(Loss::Closed(code));
                        }
                    }
                    // The last word was said; the connection itself says when it ends.
                    Ok(None) | Err(_) => control.deaf = true,
                },
                () = until(leave_by) => return Over::Ended,
                () = road.lost() => {
                    tracing::debug!("the tunnel is gone");
                    return Over::Lost(Loss::Broken);
                }
            }
        }
    }

    /// Passes on the messages that these bytes complete.
    async fn take(&self, framer: &mut Framer, bytes: &[u8]) -> Result<(), CloseCode> {
        framer.push(bytes);
        while let Some(message) = framer.poll().map_err(|_| CloseCode::BadMessage)? {
            // An engine that winds up listens no more, and the good-bye goes on: orders end the call, not this.
            let _ = self.events.send(Event::Message { id: self.id, message }).await;
        }
        Ok(())
    }
}

struct Control {
    sender: SendStream,
    receiver: RecvStream,
    framer: Framer,
    /// Said, and not yet taken by quinn.
    unsent: Vec<u8>,
    /// Nothing more comes in.
    deaf: bool,
}

impl Control {
    /// Whether there was room for the message.
    fn queue(&mut self, message: &ClientMessage) -> bool {
        let bytes = frame(message);
        let room = self.unsent.len() + bytes.len() <= MAX_UNSENT;
        if room {
            self.unsent.extend_from_slice(&bytes);
        }
        room
    }
}

async fn call(target: &Target, meters: &Meters) -> Result<Dialled, Loss> {
    let remote =
        resolve(&target.meeting, target.turn.load(Ordering::Relaxed)).await.ok_or(Loss::NoAddress)?;
    dial(target, remote, meters).await
}

/// The host's address whose turn it is.
async fn resolve(meeting: &Meeting, turn: usize) -> Option<SocketAddr> {
    if let Ok(address) = meeting.host.as_str().parse::<IpAddr>() {
        return Some((address, meeting.port).into());
    }
    let found = tokio::net::lookup_host((meeting.host.as_str(), meeting.port)).await;
    let addresses: Vec<SocketAddr> = found
        .inspect_err(|error| tracing::debug!(%error, host = %meeting.host, "no address"))
        .ok()?
        .collect();
    addresses.get(turn % addresses.len().max(1)).copied()
}

pub(super) fn loss(lost: &Lost) -> Loss {
    tracing::debug!(%lost, "a call is over");
    match lost {
        Lost::Refused { code, .. } => {
            CloseCode::from_code(*code).map_or(Loss::ClosedUnknown(*code), Loss::Closed)
        }
        Lost::WrongKey => Loss::WrongKey,
        Lost::VersionMismatch => Loss::OtherVersion,
        Lost::Busy
        | Lost::NotReachable
        | Lost::TimedOut
        | Lost::Restarted
        | Lost::Closed
        | Lost::Other(_) => Loss::Broken,
    }
}

/// The reason travels in words too: it keeps the packet from looking like a bare acknowledgement, and shows in a
/// log of the other end what a number would not.
fn close(connection: &Connection, code: CloseCode) {
    connection.close(VarInt::from_u32(code.code()), code.text().as_bytes());
}

/// Until the call is ended before it stands. What was to be said then is not.
async fn ended(orders: &mut mpsc::Receiver<Order>) {
    while let Some(Order::Send(_) | Order::Fetch(_)) = orders.recv().await {}
}

async fn until(when: Option<tokio::time::Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}
