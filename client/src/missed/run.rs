//! Fetches what was recorded, outside of a meeting: calls, asks, keeps what comes, calls again where the line breaks. A
//! shell.

use super::{Keep, Known};
use crate::clock::now;
use crate::meeting::Meeting;
use crate::net::{Call, Caller, EVENTS, Event, Network};
use crate::session::{GIVE_UP, LineId, Loss};
use crate::voice::Heartbeat;
use giaoban_proto::spans::{Span, Spans};
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::Level;
use giaoban_proto::wire::{
    CloseCode, Datagram, Fetch, FetchCode, Got, Kept, Part, Report, VERSION, server_message::Body,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

/// Between two calls.
const CALLS_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A line on which the bridge has answered nothing for so long is called anew.
const SILENT: Duration = Duration::from_secs(15);

/// When the bridge is asked again that had no place.
const ASKS_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Between two words on what has come, at least.
const GOT_EVERY: Duration = Duration::from_secs(1);

const END_WITHIN: Duration = Duration::from_secs(1);

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Which recordings there are.
    List,
    /// All of one, or what was missed of it; 0: the latest.
    Fetch {
        /// Which.
        recording: u64,
        /// Whether all of it is wanted, where less was missed.
        whole: bool,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// These are there.
    List(Vec<Kept>),
    /// It is kept; of this recording, so many ms.
    Fetched(u64, u64),
}

/// Why nothing came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The bridge said no, or is another one.
    Refused(Loss),
    /// Nothing answered in time.
    NotReachable(Loss),
    /// It is not to be had.
    NotHad(Option<FetchCode>),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How much of it is there, in ms.
    pub has_ms: u64,
    /// How much it will be.
    pub all_ms: u64,
}

/// Does what is wished at the bridge of `meeting`; `known` is what is on the disk already, `keep` puts more there.
///
/// # Errors
/// [`Failed`]. What has come by then is kept.
pub async fn run(
    meeting: &Meeting,
    identity: Identity,
    network: Arc<dyn Network>,
    known: &BTreeMap<u64, Known>,
    (wish, max_kbps): (Wish, u32),
    keep: &mut (dyn FnMut(Keep) + Send),
    tell: &mut (dyn FnMut(Progress) + Send),
) -> Result<Done, Failed> {
    let (events_out, events) = mpsc::channel(EVENTS);
    let caller = Caller::new(meeting.clone(), identity, network, events_out);
    let asks = Fetch {
        version: VERSION,
        software: concat!("giaoban ", env!("CARGO_PKG_VERSION")).into(),
        room: meeting.room.as_str().into(),
        max_kbps,
        ..Fetch::default()
    };
    let mut run =
        Run { wish, known, asks, keep, tell, caller, events, wanted: None, began: now(), answered: false };
    run.drive().await
}

/// What is being fetched.
#[derive(Debug)]
struct Wanted {
    recording: u64,
    wants: Spans,
    has: Spans,
    under: Option<(Span, u64)>,
    got_at: Instant,
}

struct Run<'a> {
    wish: Wish,
    known: &'a BTreeMap<u64, Known>,
    asks: Fetch,
    keep: &'a mut (dyn FnMut(Keep) + Send),
    tell: &'a mut (dyn FnMut(Progress) + Send),
    caller: Caller,
    events: mpsc::Receiver<Event>,
    wanted: Option<Wanted>,
    began: Instant,
    answered: bool,
}

/// What a call came to.
enum Over {
    Done(Result<Done, Failed>),
    Lost(Loss),
}

impl Run<'_> {
    async fn drive(&mut self) -> Result<Done, Failed> {
        for n in 1.. {
            let mut call = self.caller.call(LineId(n));
            let over = self.call(LineId(n), &mut call).await;
            call.close(CloseCode::Bye);
            let ending = timeout(END_WITHIN, async {
                while let Some(event) = self.events.recv().await {
                    if matches!(event, Event::Lost { id, .. } if id == LineId(n)) {
                        break;
                    }
                }
            });
            // What it could not say in this time, the bridge learns by silence.
            let _ = ending.await;
            match over {
                Over::Done(done) => return done,
                Over::Lost(
                    loss @ (Loss::WrongKey | Loss::OtherVersion | Loss::ClosedUnknown(_) | Loss::NotProved),
                ) => return Err(Failed::Refused(loss)),
                Over::Lost(Loss::Closed(code)) if is_final(code) => {
                    return Err(Failed::Refused(Loss::Closed(code)));
                }
                Over::Lost(loss) if !self.answered && now() >= self.began + GIVE_UP => {
                    return Err(Failed::NotReachable(loss));
                }
                Over::Lost(_) => tokio::time::sleep(CALLS_AGAIN_AFTER).await,
            }
        }
        Err(Failed::NotReachable(Loss::Broken))
    }

    async fn call(&mut self, line: LineId, call: &mut Call) -> Over {
        let (mut heartbeat, mut heard) = (None::<Heartbeat>, now());
        let mut ask_at = None;
        loop {
            let now = now();
            if now >= heard + SILENT {
                return Over::Lost(Loss::Broken);
            }
            if let Some(heartbeat) = &mut heartbeat {
                heartbeat.set_unsettled(call.unsettled());
                let report = || Report { level: Level::SILENCE, ..Report::default() };
                if let Some(report) = heartbeat.poll_report(now, report) {
                    call.send_datagram(&report.encode());
                }
            }
            if ask_at.is_some_and(|at| at <= now) {
                ask_at = None;
                if let Some(over) = self.ask(now, call) {
                    return over;
                }
            }
            let beat = heartbeat.as_ref().map(Heartbeat::poll_timeout);
            let due = [beat, ask_at].into_iter().flatten().fold(heard + SILENT, Instant::min);
            let event = tokio::select! {
                biased;
                event = self.events.recv() => event,
                () = sleep_until(due.max(now + Duration::from_millis(1)).into()) => continue,
            };
            match event {
                Some(Event::Connected { id, connection }) if id == line => {
                    call.set_connection(connection);
                    heard = now;
                    heartbeat = Some(Heartbeat::new(now));
                    call.send(Fetch { list: true, ..self.asks.clone() }.into());
                }
                Some(Event::Datagram { id, at, bytes }) if id == line => {
                    heard = at;
                    if let (Some(heartbeat), Ok(Datagram::Report(report))) =
                        (&mut heartbeat, Datagram::decode(&bytes))
                    {
                        heartbeat.handle_heard(at);
                        heartbeat.handle_report(at, &report);
                    }
                }
                Some(Event::Message { id, message }) if id == line => {
                    heard = now;
                    self.answered = true;
                    match message.body {
                        Some(Body::Recordings(recordings)) => {
                            if let Some(over) = self.choose(now, recordings.recordings) {
                                return over;
                            }
                            ask_at = Some(now);
                        }
                        Some(Body::Part(part)) => match self.take(now, call, part) {
                            Some(true) => ask_at = Some(now),
                            Some(false) => {}
                            None => return Over::Lost(Loss::Broken),
                        },
                        Some(Body::NotFetched(not)) => match FetchCode::from_code(not.code) {
                            Some(FetchCode::Busy) => ask_at = Some(now + ASKS_AGAIN_AFTER),
                            code => return Over::Done(Err(Failed::NotHad(code))),
                        },
                        _ => {}
                    }
                }
                Some(Event::Lost { id, loss }) if id == line => return Over::Lost(loss),
                Some(_) => {}
                None => return Over::Lost(Loss::Broken),
            }
        }
    }

    /// The bridge has told what there is.
    fn choose(&mut self, now: Instant, recordings: Vec<Kept>) -> Option<Over> {
        let Wish::Fetch { recording, whole } = self.wish else {
            return Some(Over::Done(Ok(Done::List(recordings))));
        };
        let before = self.wanted.take();
        let number = before.as_ref().map_or(recording, |wanted| wanted.recording);
        let mut there = recordings.into_iter();
        let Some(kept) = there.find(|kept| number == 0 || kept.recording == number) else {
            return Some(Over::Done(Err(Failed::NotHad(Some(FetchCode::NotThere)))));
        };
        let known = self.known.get(&kept.recording).cloned().unwrap_or_default();
        let mut wants = if whole { Spans::default() } else { known.wants };
        if wants.is_empty() {
            wants.add((kept.from_ms, kept.length_ms));
        }
        // What is past its end, or before it may be had, never comes.
        let mut never = Spans::default();
        never.add((0, kept.from_ms));
        never.add((kept.length_ms, u64::MAX));
        let wants = wants.without(&never);
        let has = before.map_or(known.has, |wanted| wanted.has);
        self.wanted = Some(Wanted { recording: kept.recording, wants, has, under: None, got_at: now });
        None
    }

    /// Asks for the next piece, or ends when there is none.
    fn ask(&mut self, now: Instant, call: &Call) -> Option<Over> {
        let wanted = self.wanted.as_mut()?;
        let left = wanted.wants.without(&wanted.has);
        let all_ms = wanted.wants.total();
        (self.tell)(Progress { has_ms: all_ms - left.total(), all_ms });
        let Some(span) = left.iter().next() else {
            return Some(Over::Done(Ok(Done::Fetched(wanted.recording, all_ms))));
        };
        wanted.under = Some((span, span.0));
        wanted.got_at = now;
        let recording = wanted.recording;
        call.send(Fetch { recording, from_ms: span.0, until_ms: span.1, ..self.asks.clone() }.into());
        None
    }

    /// Takes a part; whether it was the last of its piece. `None` where it does not follow.
    fn take(&mut self, now: Instant, call: &Call, part: Part) -> Option<bool> {
        let Some(wanted) = &mut self.wanted else { return Some(false) };
        let Some((span, at)) = &mut wanted.under else { return Some(false) };
        if part.from_ms != *at || part.until_ms < *at {
            return None;
        }
        let (until, last) = (part.until_ms, part.last || part.until_ms >= span.1);
        *at = until;
        wanted.has.add((span.0, if last { until.max(span.1) } else { until }));
        (self.keep)(Keep::Part(wanted.recording, part));
        if last || now.saturating_duration_since(wanted.got_at) >= GOT_EVERY {
            wanted.got_at = now;
            call.send(Got { until_ms: until }.into());
            let all_ms = wanted.wants.total();
            let has_ms = all_ms - wanted.wants.without(&wanted.has).total();
            (self.tell)(Progress { has_ms, all_ms });
        }
        if last {
            wanted.under = None;
        }
        Some(last)
    }
}

const fn is_final(code: CloseCode) -> bool {
    !matches!(
        code,
        CloseCode::Stopping | CloseCode::TooSlow | CloseCode::Overrun | CloseCode::Busy | CloseCode::Internal
    )
}
