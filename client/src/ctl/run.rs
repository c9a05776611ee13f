//! Makes one call, asks or acts on it, and hangs up. A shell: sockets and the clock are here, decisions are not.

use super::{Answer, Ctl, Failed, Wish};
use crate::clock::now;
use crate::meeting::{Entry, Meeting};
use crate::net::{Call, Caller, EVENTS, Event, Network};
use crate::session::{Action, End, LineId, Loss, Session};
use crate::voice::Heartbeat;
use giaoban_proto::transport::Identity;
use giaoban_proto::unit::Level;
use giaoban_proto::wire::{CloseCode, Hello, OBSERVES, Report, VERSION, WATCHES, server_message::Body};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

/// How long the bridge may take from the welcome to the answer. A long list over a slow and lossy line takes some seconds;
/// more lets a script hang on a line that is gone.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// How long whoever watches waits before it calls again: a bridge that restarts is back by then, and a line that is away
/// costs little.
const CALLS_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// How long good-bye may take, over all calls.
const END_WITHIN: Duration = Duration::from_secs(1);

/// Does what is wished at the bridge of `meeting`, as the device with this identity.
///
/// # Errors
/// [`Failed`].
pub async fn run(
    meeting: &Meeting,
    identity: Identity,
    network: Arc<dyn Network>,
    wish: Wish,
) -> Result<Answer, Failed> {
    call(meeting, identity, network, wish, &mut |_| {}).await
}

/// What whoever watches is told.
#[derive(Debug)]
pub enum Watched<'a> {
    /// The bridge says this; its welcome is the first that it says on each line.
    Body(&'a Body),
    /// The line is lost; it is called again.
    Lost,
}

/// Tells `on` all that the bridge of `meeting` says, for as long as this device may hear it. Comes back by itself after the
/// line was lost.
pub async fn watch(
    meeting: &Meeting,
    identity: Identity,
    network: Arc<dyn Network>,
    mut on: impl FnMut(Watched<'_>) + Send,
) -> Failed {
    let mut heard = false;
    loop {
        let mut on_body = |body: &Body| {
            heard = true;
            on(Watched::Body(body));
        };
        let again = Arc::clone(&network);
        match call(meeting, identity.clone(), again, Wish::Watch, &mut on_body).await {
            // Whoever watches has no answer.
            Ok(_) => {}
            Err(failed @ (Failed::Refused(_) | Failed::NoOperator)) => return failed,
            Err(failed) if !heard => return failed,
            Err(_) => on(Watched::Lost),
        }
        tokio::time::sleep(CALLS_AGAIN_AFTER).await;
    }
}

async fn call(
    meeting: &Meeting,
    identity: Identity,
    network: Arc<dyn Network>,
    wish: Wish,
    on_body: &mut (dyn FnMut(&Body) + Send),
) -> Result<Answer, Failed> {
    let (events_out, events) = mpsc::channel(EVENTS);
    let code = match &meeting.entry {
        Entry::Device { code: Some(code), .. } => code.as_bytes().to_vec(),
        _ => Vec::new(),
    };
    let hello = Hello {
        version: VERSION,
        capabilities: if wish == Wish::Watch { OBSERVES | WATCHES } else { OBSERVES },
        software: concat!("giaoban ctl ", env!("CARGO_PKG_VERSION")).into(),
        room: meeting.room.as_str().into(),
        code,
        muted: true,
        ..Hello::default()
    };
    let mut run = Run {
        on_body,
        // An act that is not answered was lost; whoever watches may hear nothing for hours.
        patient: wish == Wish::Watch,
        hello,
        session: Session::new(now()),
        ctl: Ctl::new(wish),
        caller: Caller::new(meeting.clone(), identity, network, events_out),
        calls: BTreeMap::new(),
        events,
        observing: None,
    };
    let answer = run.drive().await;
    run.hang_up().await;
    answer
}

/// A line that the bridge has welcomed.
struct Observing {
    id: LineId,
    until: Instant,
    /// Reports show the bridge which control was lost: see `transport::acks`.
    heartbeat: Heartbeat,
}

struct Run<'a> {
    on_body: &'a mut (dyn FnMut(&Body) + Send),
    patient: bool,
    hello: Hello,
    session: Session,
    ctl: Ctl,
    caller: Caller,
    calls: BTreeMap<LineId, Call>,
    events: mpsc::Receiver<Event>,
    observing: Option<Observing>,
}

impl Run<'_> {
    async fn drive(&mut self) -> Result<Answer, Failed> {
        loop {
            let due = self.round(now())?;
            tokio::select! {
                biased;
                Some(event) = self.events.recv() => {
                    if let Some(answer) = self.handle_event(now(), event)? {
                        return Ok(answer);
                    }
                }
                () = sleep_until(due.into()) => {}
            }
        }
    }

    /// What is due at `now`; when there is more.
    fn round(&mut self, now: Instant) -> Result<Instant, Failed> {
        if let Some(observing) = &mut self.observing {
            if observing.until <= now && !self.patient {
                return Err(Failed::NoAnswer);
            }
            if let Some(call) = self.calls.get(&observing.id) {
                observing.heartbeat.handle_heard(now);
                observing.heartbeat.set_unsettled(call.unsettled());
                let report = || Report { level: Level::SILENCE, ..Report::default() };
                if let Some(report) = observing.heartbeat.poll_report(now, report) {
                    call.send_datagram(&report.encode());
                }
            }
            let beat = observing.heartbeat.poll_timeout();
            return Ok(if self.patient { beat } else { observing.until.min(beat) });
        }
        self.session.handle_timeout(now);
        self.act();
        match self.session.end() {
            None => Ok(self.session.poll_timeout().unwrap_or(now)),
            Some(End::Refused(loss)) => Err(Failed::Refused(loss)),
            Some(End::NotReachable(loss)) => Err(Failed::NotReachable(loss.unwrap_or(Loss::Broken))),
            Some(End::Asked | End::Ended) => Err(Failed::NoAnswer),
        }
    }

    /// Does what the session asks, until it is in.
    fn act(&mut self) {
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Connect(id) => {
                    self.calls.insert(id, self.caller.call(id));
                }
                Action::Hello(id) => {
                    if let Some(call) = self.calls.get(&id) {
                        call.send(self.hello.clone().into());
                    }
                }
                Action::Close(id, code) => {
                    if let Some(call) = self.calls.get(&id) {
                        call.close(code);
                    }
                }
                Action::Admit(_) | Action::Leave(_) | Action::Notice(_) => {}
            }
        }
    }

    fn handle_event(&mut self, now: Instant, event: Event) -> Result<Option<Answer>, Failed> {
        let observing = self.observing.as_ref().map(|observing| observing.id);
        match event {
            Event::Connected { id, connection } => {
                if let Some(call) = self.calls.get_mut(&id) {
                    call.set_connection(connection);
                    self.session.handle_connected(now, id);
                }
            }
            Event::Message { id, message } => match message.body {
                Some(Body::Welcome(welcome)) if observing.is_none() => {
                    if !(1..=VERSION).contains(&welcome.version) {
                        return Err(Failed::Refused(Loss::Closed(CloseCode::Version)));
                    }
                    self.session.handle_welcome(now, id);
                    if self.session.line() == Some(id) {
                        let act = self.ctl.handle_welcome(&welcome)?;
                        (self.on_body)(&Body::Welcome(welcome));
                        if let (Some(act), Some(call)) = (act, self.calls.get(&id)) {
                            call.send(act.into());
                        }
                        let until = now + ANSWERS_WITHIN;
                        self.observing = Some(Observing { id, until, heartbeat: Heartbeat::new(now) });
                    }
                }
                Some(body) if observing == Some(id) => {
                    (self.on_body)(&body);
                    return Ok(self.ctl.handle_message(now, body));
                }
                _ => {}
            },
            Event::Lost { id, loss } if observing == Some(id) => return Err(lost(loss)),
            Event::Lost { id, loss } => self.session.handle_lost(now, id, loss),
            // Nothing is said here but control.
            Event::Datagram { .. } | Event::Bulk { .. } | Event::BulkOver { .. } => {}
        }
        Ok(None)
    }

    async fn hang_up(mut self) {
        // Their last events go nowhere, and must not wait for room.
        self.events.close();
        for call in self.calls.values() {
            call.close(CloseCode::Bye);
        }
        let all = async {
            for call in self.calls.values_mut() {
                call.finished().await;
            }
        };
        let _ = timeout(END_WITHIN, all).await;
    }
}

/// The line was lost after the welcome.
fn lost(loss: Loss) -> Failed {
    match loss {
        Loss::Closed(
            CloseCode::NotAdmitted | CloseCode::Revoked | CloseCode::Expelled | CloseCode::Replaced,
        ) => Failed::Refused(loss),
        _ => Failed::NoAnswer,
    }
}
