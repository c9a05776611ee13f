//! What was recorded, on its way to somebody: the task that asks whether it may, reads, and sends as fast as voice leaves
//! room. Decisions are in [`crate::fetch`].
//!
//! In a meeting a stream of its own, paced by the room (see `worker::fetching`); afterwards a connection of its own, paced
//! here. One piece at a time on either, and few in all.

use super::peer::{Context, now};
use super::worker::{Fetcher, Input, wire};
use crate::bucket::Bucket;
use crate::fetch::{Asker, Credit, PAY_EVERY, Pace, STOOD, Tape, may_fetch};
use crate::recording::shelf::{Looked, Piece};
use crate::session::LineId;
use crate::store::{self, Admitted, Fact, RecordingId, SiteId};
use giaoban_proto::link::RoomName;
use giaoban_proto::media::wait;
use giaoban_proto::transport::PublicKey;
use giaoban_proto::unit::Bitrate;
use giaoban_proto::wire::{
    ClientMessage, CloseCode, Datagram, Echo, Fetch, FetchCode, Framer, Got, Kept, MAX_CONTROL_BYTES,
    NotFetched, Part, Recordings, Report, ServerMessage, client_message::Body, frame,
};
use quinn::{Connection, RecvStream, SendStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot};
use tokio::time::{sleep, timeout};

/// Questions of one connection: so many in a row, then one in so long. Who comes back from outage after outage asks that
/// often; more would be a way to keep the disk busy.
const ASKS: u32 = 8;
const ASK_EVERY: Duration = Duration::from_secs(2);

/// What a line may cost up to which sound is coded anew: see [`crate::recording::shelf`]. Beside voice less is left.
const COARSE_UP_TO: Bitrate = Bitrate::from_kbps(20);

/// What a part costs beside its own bytes: headers of IP, UDP and QUIC, and of the frame in it.
const AROUND: usize = 60;

/// How soon a part that was not written yet is looked for again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// By how much what is asked for may be ahead of what is written.
const AHEAD_MS: u64 = 2000;

/// A far end that takes nothing for so long takes nothing any more.
const TAKES_WITHIN: Duration = Duration::from_secs(60);

/// How long somebody may stay without asking for anything, outside of a meeting.
const ASKS_WITHIN: Duration = Duration::from_secs(30);

/// The most that goes to somebody outside of a meeting who names no rate.
const ALONE_AT_MOST: Bitrate = Bitrate::from_kbps(512);

/// What may go now: set by whoever paces, taken by who sends.
#[derive(Debug)]
pub(super) struct Purse {
    bytes: AtomicU32,
    part: AtomicU32,
    more: Notify,
}

impl Default for Purse {
    fn default() -> Self {
        Self { bytes: AtomicU32::new(0), part: AtomicU32::new(200), more: Notify::new() }
    }
}

impl Purse {
    pub(super) fn set(&self, credit: Credit) {
        self.part.store(credit.part, Relaxed);
        self.bytes.store(credit.bytes, Relaxed);
        self.more.notify_one();
    }

    /// Waits until so much may go, which then is spent; but never for more than one part is to be.
    async fn take(&self, bytes: usize) {
        loop {
            let wanted = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.part.load(Relaxed));
            let spend = |left: u32| left.checked_sub(wanted);
            if self.bytes.fetch_update(Relaxed, Relaxed, spend).is_ok() {
                return;
            }
            self.more.notified().await;
        }
    }

    /// How much sound a part should hold.
    fn sound(&self) -> usize {
        (self.part.load(Relaxed) as usize).saturating_sub(AROUND)
    }
}

/// Serves the streams of somebody in a meeting, one after another, until its connection ends.
pub(super) async fn offer(connection: Connection, context: Context, device: PublicKey, line: LineId) {
    while let Ok((sender, receiver)) = connection.accept_bi().await {
        let mut serving = Serving::new(&context, device, Who::Seat(line));
        // Most never ask, and wait here for the whole of a meeting.
        let code = Box::pin(serving.serve(receiver, sender, Framer::default(), None)).await;
        serving.rest().await;
        if code != CloseCode::Bye {
            connection.close(code.code().into(), code.text().as_bytes());
            return;
        }
    }
}

/// Serves a connection that is for nothing else; the code with which to close.
pub(super) async fn serve_alone(
    connection: &Connection,
    context: &Context,
    (device, room, admitted): (PublicKey, RoomName, Box<Admitted>),
    framer: Framer,
    receiver: RecvStream,
    sender: SendStream,
    first: Fetch,
) -> CloseCode {
    let most =
        if first.max_kbps == 0 { ALONE_AT_MOST } else { Bitrate::from_kbps(first.max_kbps.min(10_000)) };
    let mut serving = Serving::new(context, device, Who::Alone { room, admitted, most });
    let purse = serving.purse.clone();
    tokio::select! {
        biased;
        () = beat(connection, &purse, most) => CloseCode::Bye,
        code = serving.serve(receiver, sender, framer, Some(first)) => code,
    }
}

/// Answers the reports of a line on which nothing else goes, and paces it by them, until it is gone.
async fn beat(connection: &Connection, purse: &Purse, most: Bitrate) {
    let start = now();
    let clock = |now: Instant| now.saturating_duration_since(start).as_millis() as u16;
    let mut pace = Pace::new(start, wire(connection));
    let (mut fastest, mut heard) = (None, start);
    let mut next = start + PAY_EVERY;
    loop {
        tokio::select! {
            biased;
            datagram = connection.read_datagram() => {
                let Ok(datagram) = datagram else { return };
                let Ok(Datagram::Report(report)) = Datagram::decode(&datagram) else { continue };
                heard = now();
                if let Some(round_trip) = report.round_trip(clock(heard)) {
                    let fast = wait::fastest(fastest, round_trip);
                    fastest = Some(fast);
                    pace.handle_round_trip(heard, round_trip, fast);
                }
                let echo = Some(Echo { sent_ms: report.sent_ms, held_ms: 0 });
                let answer = Report { sent_ms: clock(heard), echo, ..Report::default() };
                // A connection that is gone shows above.
                let _ = connection.send_datagram(answer.encode().to_vec().into());
            }
            () = tokio::time::sleep_until(next.into()) => {
                let now = now();
                next = now + PAY_EVERY;
                let there = now.saturating_duration_since(heard) < STOOD;
                let most = if there { most } else { Bitrate::default() };
                purse.set(pace.credit(now, most, wire(connection)));
            }
        }
    }
}

/// Who asks.
enum Who {
    Seat(LineId),
    Alone { room: RoomName, admitted: Box<Admitted>, most: Bitrate },
}

/// The same, as it stands when it asks.
struct Asks {
    room: RoomName,
    site: Option<SiteId>,
    name: String,
    asker: Asker,
    /// The recording that runs where it sits.
    running: Option<u64>,
    budget: Bitrate,
}

/// A piece that is on its way.
struct Under {
    room: RoomName,
    recording: RecordingId,
    /// Up to where it is there, and up to where it was sent.
    got_ms: u64,
    sent_ms: u64,
    step: Step,
    /// Among those who fetch, until all is sent.
    place: Option<OwnedSemaphorePermit>,
}

enum Step {
    /// To be read on.
    Has(Piece),
    Reads(oneshot::Receiver<(Piece, Option<Part>)>),
    /// Not written yet.
    Waits(Piece, Instant),
    /// To be sent; nothing is left after it if there is no piece.
    Sends(Part, Option<Piece>),
    Over,
}

struct Serving<'a> {
    context: &'a Context,
    device: PublicKey,
    who: Who,
    purse: Arc<Purse>,
    asks: Bucket,
    /// The recording of which the audit knows already.
    told: Option<RecordingId>,
}

impl<'a> Serving<'a> {
    fn new(context: &'a Context, device: PublicKey, who: Who) -> Self {
        let asks = Bucket::every(now(), ASK_EVERY, ASKS);
        Self { context, device, who, purse: Arc::default(), asks, told: None }
    }

    async fn serve(
        &mut self,
        mut receiver: RecvStream,
        mut sender: SendStream,
        mut framer: Framer,
        first: Option<Fetch>,
    ) -> CloseCode {
        let (mut wanted, mut under) = (first, None);
        loop {
            while let Some(message) = match framer.poll::<ClientMessage>() {
                Ok(message) => message,
                Err(_) => return CloseCode::BadMessage,
            } {
                match message.body {
                    Some(Body::Fetch(fetch)) => wanted = Some(fetch),
                    Some(Body::Got(got)) => self.note(under.as_mut(), got).await,
                    Some(Body::Leave(_)) => return CloseCode::Bye,
                    Some(_) => return CloseCode::BadMessage,
                    // A body of a newer version.
                    None => {}
                }
            }
            if let Some(fetch) = wanted.take() {
                under = None;
                self.rest().await;
                while !self.asks.take(now()) {
                    tokio::time::sleep_until(self.asks.next_at().into()).await;
                }
                let answer = match self.begin(&fetch).await {
                    Ok((answer, piece)) => {
                        under = piece;
                        answer
                    }
                    Err(code) => {
                        self.context.counters.fetches_refused.fetch_add(1, Relaxed);
                        NotFetched { code: code.code() }.into()
                    }
                };
                if !write(&mut sender, &answer).await {
                    return CloseCode::Bye;
                }
                continue;
            }
            let alone = matches!(self.who, Who::Alone { .. });
            tokio::select! {
                biased;
                read = receiver.read_chunk(MAX_CONTROL_BYTES, true) => match read {
                    Ok(Some(chunk)) => framer.push(&chunk.bytes),
                    Ok(None) | Err(_) => return CloseCode::Bye,
                },
                part = step(under.as_mut(), &self.purse, self.context) => {
                    let Some(part) = part else {
                        under = None;
                        self.context.counters.fetches_refused.fetch_add(1, Relaxed);
                        if !write(&mut sender, &NotFetched { code: FetchCode::Failed.code() }.into()).await {
                            return CloseCode::Bye;
                        }
                        continue;
                    };
                    if !self.still_may() {
                        return CloseCode::Revoked;
                    }
                    if let Some(under) = &mut under {
                        under.sent_ms = part.until_ms;
                        if part.last {
                            under.place = None;
                        }
                    }
                    if !write(&mut sender, &part.into()).await {
                        return CloseCode::Bye;
                    }
                }
                () = sleep(ASKS_WITHIN), if alone && under.is_none() => return CloseCode::TooSlow,
            }
            if under
                .as_ref()
                .is_some_and(|under| matches!(under.step, Step::Over) && under.got_ms >= under.sent_ms)
            {
                under = None;
                self.rest().await;
            }
        }
    }

    /// A site may be shut out meanwhile; a seat that is taken away ends its connection.
    fn still_may(&self) -> bool {
        matches!(self.who, Who::Seat(_)) || self.context.store.knows(&self.device)
    }

    /// Nothing is under way any more.
    async fn rest(&self) {
        if let Who::Seat(line) = self.who {
            // A worker that is gone has nothing to know.
            let _ = self.context.worker.inputs().send(Input::Fetching(line, None)).await;
        }
    }

    async fn asks(&self) -> Option<Asks> {
        Some(match &self.who {
            Who::Seat(line) => {
                let (answer, later) = oneshot::channel();
                self.context.worker.inputs().send(Input::MayFetch(*line, answer)).await.ok()?;
                let Fetcher { room, site, name, seated } = later.await.ok()??;
                let seat = seated.running.map(|(_, _, since)| since);
                let asker = Asker { role: seated.role, guest: seated.guest, seat };
                let running = seated.running.map(|(recording, _, _)| recording);
                Asks { room, site, name, asker, running, budget: seated.budget }
            }
            Who::Alone { room, admitted, most } => Asks {
                room: room.clone(),
                site: admitted.site,
                name: admitted.name.clone(),
                asker: Asker { role: admitted.role, guest: admitted.guest, seat: None },
                running: None,
                budget: *most,
            },
        })
    }

    /// Answers a question; with a piece, if that is what was asked for.
    async fn begin(&mut self, fetch: &Fetch) -> Result<(ServerMessage, Option<Under>), FetchCode> {
        let shelf = self.context.shelf.as_ref().ok_or(FetchCode::NotThere)?;
        // What is asked of it in one breath is heard together.
        let asks = self.asks().await.ok_or(FetchCode::NotAllowed)?;
        let number = if fetch.recording > 0 { fetch.recording } else { asks.running.unwrap_or(0) };
        let number = RecordingId(i64::try_from(number).map_err(|_| FetchCode::NotThere)?);
        let place = self.context.fetches.clone().try_acquire_owned().map_err(|_| FetchCode::Busy)?;
        let rows = self.context.store.kept(asks.room.clone(), asks.site, number).await;
        let rows = rows.map_err(|_| FetchCode::Failed)?;
        if fetch.list {
            let mut recordings = Vec::new();
            for kept in &rows {
                let Ok(from_ms) = asks.may(kept) else { continue };
                if let Ok(looked) = shelf.look(kept.row.file.clone()).await {
                    recordings.push(told(kept, from_ms, looked));
                }
            }
            return Ok((Recordings { recordings }.into(), None));
        }
        let kept = rows.iter().find(|kept| kept.row.id == number);
        // Who may hear nothing learns nothing of what there is.
        let nothing = if asks.asker.guest { FetchCode::NotAllowed } else { FetchCode::NotThere };
        let kept = kept.ok_or(nothing)?;
        let since = asks.may(kept).inspect_err(|code| {
            self.context.store.record(Fact::ActRefused {
                by: asks.site,
                act: "fetch recording",
                target: kept.row.file.clone(),
                code: code.code(),
            });
        })?;
        let looked = shelf.look(kept.row.file.clone()).await.map_err(|_| FetchCode::Failed)?;
        let runs = kept.row.state.is_open();
        let end = looked.length_ms + if runs && fetch.until_ms > 0 { AHEAD_MS } else { 0 };
        let from = fetch.from_ms.max(since);
        let until = if fetch.until_ms == 0 { end } else { fetch.until_ms.min(end) };
        if from >= until {
            return Err(FetchCode::NotThere);
        }
        let coarse = asks.budget <= COARSE_UP_TO;
        let piece = shelf.open(kept.row.file.clone(), from, until, coarse).await;
        let piece = piece.map_err(|_| FetchCode::Failed)?;
        if self.told.replace(number) != Some(number) {
            self.context.store.record(Fact::Acted {
                by: asks.site,
                act: "fetch recording",
                target: kept.row.file.clone(),
                detail: format!("{}, by {}, from {from} to {until} ms", asks.room, asks.name),
            });
        }
        self.context.counters.fetches.fetch_add(1, Relaxed);
        if let Who::Seat(line) = self.who {
            let input = Input::Fetching(line, Some(self.purse.clone()));
            self.context.worker.inputs().send(input).await.map_err(|_| FetchCode::Failed)?;
        }
        let under = Under {
            room: asks.room.clone(),
            recording: number,
            got_ms: from,
            sent_ms: from,
            step: Step::Has(piece),
            place: Some(place),
        };
        Ok((told(kept, since, looked).into(), Some(under)))
    }

    /// Some of a piece is there. No more is believed than was sent.
    async fn note(&self, under: Option<&mut Under>, got: Got) {
        let Some(under) = under else { return };
        let until = got.until_ms.min(under.sent_ms);
        if until > under.got_ms {
            let span = (std::mem::replace(&mut under.got_ms, until), until);
            let input = Input::Got(under.room.clone(), self.device, under.recording, span);
            let _ = self.context.worker.inputs().send(input).await;
        }
    }
}

impl Asks {
    fn may(&self, kept: &store::Kept) -> Result<u64, FetchCode> {
        let store::Kept { row, closed, was_in, put_out } = kept;
        let runs = row.state.is_open();
        let here = u64::try_from(row.id.0).is_ok_and(|id| self.running == Some(id));
        let seat = self.asker.seat.filter(|_| runs && here);
        let tape = Tape { runs, closed: *closed, was_in: *was_in, put_out: *put_out };
        may_fetch(Asker { seat, ..self.asker }, tape)
    }
}

fn told(kept: &store::Kept, from_ms: u64, looked: Looked) -> Kept {
    Kept {
        recording: kept.row.id.0 as u64,
        began_unix_s: u64::try_from(kept.row.started.0 / 1000).unwrap_or(0),
        length_ms: looked.length_ms,
        runs: kept.row.state.is_open(),
        paused_ms: looked.paused_ms,
        from_ms,
    }
}

/// The next part that may go, when it may; `None` where it cannot be read. Loses nothing when it is given up halfway.
async fn step(under: Option<&mut Under>, purse: &Purse, context: &Context) -> Option<Part> {
    let (Some(under), Some(shelf)) = (under, &context.shelf) else { return std::future::pending().await };
    loop {
        match &mut under.step {
            Step::Reads(later) => {
                let answer = later.await.ok();
                under.step = match answer? {
                    (piece, None) => Step::Waits(piece, now() + LOOK_AGAIN),
                    (piece, Some(part)) => {
                        let left = (!part.last).then_some(piece);
                        Step::Sends(part, left)
                    }
                };
            }
            Step::Waits(_, until) => {
                tokio::time::sleep_until((*until).into()).await;
                if let Step::Waits(piece, _) = std::mem::replace(&mut under.step, Step::Over) {
                    under.step = Step::Has(piece);
                }
            }
            Step::Sends(part, _) => {
                let sound: usize = part.packets.iter().map(|packet| packet.len() + 2).sum();
                purse.take(sound + AROUND).await;
                if let Step::Sends(part, left) = std::mem::replace(&mut under.step, Step::Over) {
                    if let Some(piece) = left {
                        under.step = Step::Has(piece);
                    }
                    return Some(part);
                }
            }
            Step::Has(_) => {
                if let Step::Has(piece) = std::mem::replace(&mut under.step, Step::Over) {
                    under.step = Step::Reads(shelf.next(piece, purse.sound()));
                }
            }
            Step::Over => return std::future::pending().await,
        }
    }
}

/// Whether it was taken.
async fn write(sender: &mut SendStream, message: &ServerMessage) -> bool {
    matches!(timeout(TAKES_WITHIN, sender.write_all(&frame(message))).await, Ok(Ok(())))
}
