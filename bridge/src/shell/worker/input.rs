//! What the worker is told, and of whom.

use crate::announcement::Playing;
use crate::room::Seated;
use crate::session::LineId;
use crate::shell::fetch::Purse;
use crate::shell::tapes::Recorded;
use crate::store::{Admitted, RecordingId, SiteId, Snapshot, Verdict};
use bytes::Bytes;
use giaoban_proto::link::RoomName;
use giaoban_proto::spans::Span;
use giaoban_proto::transport::PublicKey;
use giaoban_proto::unit::{Bitrate, MemberId};
use giaoban_proto::wire::{ActCode, ClientMessage, CloseCode, Done, ServerMessage};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// What the worker is told.
#[derive(Debug)]
pub(in crate::shell) enum Input {
    /// A device was admitted and wants in.
    Join { who: Box<Who>, line: Line, answer: oneshot::Sender<Result<LineId, CloseCode>> },
    /// A control message came.
    Message(LineId, ClientMessage),
    /// The store has (or has not) written down that a guest comes in, by this operator's act of this number.
    GuestWritten { guest: MemberId, by: Option<(MemberId, u32)>, host: Option<SiteId>, verdict: Verdict },
    /// An act of this member is written down, or could not be.
    Answer(MemberId, Done),
    /// The recorder has answered.
    Recorded(RoomName, Recorded),
    /// Somebody wants to fetch: what it is.
    MayFetch(LineId, oneshot::Sender<Option<Fetcher>>),
    /// It fetches from now on, as this allows, or not any more.
    Fetching(LineId, Option<Arc<Purse>>),
    /// A device has this of a recording of a room.
    Got(RoomName, PublicKey, RecordingId, Span),
    /// An announcement that an act wanted can be heard, or not.
    Played(RoomName, Act, String, Result<Playing, ActCode>),
    /// Sites or rooms have changed.
    Changed(Box<Snapshot>),
    /// The connection is gone.
    Lost(LineId),
    /// Put everybody out and end.
    Stop(oneshot::Sender<()>),
}

/// A datagram that came. It waits for the next tick: nothing can be done about it before.
#[derive(Debug)]
pub(in crate::shell) struct Heard {
    pub(in crate::shell) line: LineId,
    pub(in crate::shell) at: Instant,
    pub(in crate::shell) bytes: Bytes,
}

/// An act that is answered later: whose, and its number.
#[derive(Clone, Copy, Debug)]
pub(in crate::shell) struct Act {
    pub(in crate::shell) by: MemberId,
    pub(in crate::shell) number: u32,
}

/// Somebody who wants to fetch from within a meeting.
#[derive(Debug)]
pub(in crate::shell) struct Fetcher {
    pub(in crate::shell) room: RoomName,
    pub(in crate::shell) site: Option<SiteId>,
    pub(in crate::shell) name: String,
    pub(in crate::shell) seated: Seated,
}

/// Where in a room somebody goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shell) enum Place {
    /// To a seat.
    Seat,
    /// To the lobby, or through it where the room asks no operator.
    Lobby { admits: bool },
    /// Nowhere: it looks on.
    Observer,
}

/// Who joins, but for the number, which the worker gives.
#[derive(Debug)]
pub(in crate::shell) struct Who {
    pub(in crate::shell) room: RoomName,
    pub(in crate::shell) device: PublicKey,
    pub(in crate::shell) admitted: Admitted,
    pub(in crate::shell) place: Place,
    pub(in crate::shell) cap: Bitrate,
    pub(in crate::shell) muted: bool,
    pub(in crate::shell) watches: bool,
    pub(in crate::shell) source: bool,
}

/// How to reach a member.
#[derive(Debug)]
pub(in crate::shell) struct Line {
    pub(in crate::shell) connection: Arc<quinn::Connection>,
    pub(in crate::shell) control: mpsc::Sender<Box<ServerMessage>>,
}

/// Has what comes of this be told to the worker, who may be gone by then.
pub(in crate::shell) fn later(
    own: &mpsc::WeakSender<Input>,
    answer: impl Future<Output = Input> + Send + 'static,
) {
    let own = own.clone();
    tokio::spawn(async move {
        let answer = answer.await;
        if let Some(own) = own.upgrade() {
            // Without a worker there is nobody left to tell.
            let _ = own.send(answer).await;
        }
    });
}
