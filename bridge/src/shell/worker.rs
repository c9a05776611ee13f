//! The thread that owns the rooms: everything that happens in a meeting happens here, in one order, without a lock.
//!
//! Ticks come first: whatever is in the queue waits while 20 ms are mixed. The queue is bounded, and a voice packet
//! that finds it full is dropped and counted by whoever brought it.
#![expect(clippy::disallowed_methods, reason = "a shell: this is where the rooms' clock is read")]

use crate::room::{Event, Joining, Room};
use bytes::Bytes;
use giaoban_proto::link::RoomName;
use giaoban_proto::unit::{BRICK, Bitrate, MemberId};
use giaoban_proto::wire::{CAPABILITIES, ClientMessage, CloseCode, ServerMessage, VERSION, Welcome};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// What may wait for the worker: a tick's worth of voice from a thousand talkers.
const QUEUE: usize = 4096;

/// When a tick is later than this, those it has missed are not made up for: everybody would hear a burst.
const GIVE_UP_AFTER: Duration = Duration::from_millis(200);

/// What the worker is told.
#[derive(Debug)]
pub(crate) enum Input {
    /// A device was admitted and wants in.
    Join { room: RoomName, who: Who, line: Line, answer: oneshot::Sender<Result<MemberId, CloseCode>> },
    /// A datagram came.
    Datagram(MemberId, Bytes),
    /// A control message came.
    Message(MemberId, ClientMessage),
    /// The connection is gone.
    Lost(MemberId),
    /// Put everybody out and end.
    Stop(oneshot::Sender<()>),
}

/// Who joins, but for the number, which the worker gives.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) device: [u8; 32],
    pub(crate) name: String,
    pub(crate) cap: Bitrate,
    pub(crate) muted: bool,
}

/// How to reach a member.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) connection: quinn::Connection,
    pub(crate) control: mpsc::Sender<ServerMessage>,
}

/// What the worker may be told to do by whoever holds the bridge.
#[derive(Clone, Debug)]
pub struct Handle {
    inputs: mpsc::Sender<Input>,
}

impl Handle {
    pub(crate) fn inputs(&self) -> &mpsc::Sender<Input> {
        &self.inputs
    }

    /// Puts everybody out with [`CloseCode::Stopping`] and ends the worker.
    pub async fn stop(&self) {
        let (done, when) = oneshot::channel();
        if self.inputs.send(Input::Stop(done)).await.is_ok() {
            // An error means that the worker is gone already.
            let _ = when.await;
        }
    }
}

/// Starts a worker on a thread of its own.
///
/// # Errors
/// When the system gives no thread or no timer.
pub fn start_thread(max_members: usize) -> std::io::Result<Handle> {
    let (inputs, queue) = mpsc::channel(QUEUE);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    std::thread::Builder::new()
        .name("rooms".into())
        .spawn(move || runtime.block_on(Worker::new(max_members).run(queue)))?;
    Ok(Handle { inputs })
}

/// Starts a worker as a task of the current runtime, where time may be virtual.
#[must_use]
pub fn start_task(max_members: usize) -> Handle {
    let (inputs, queue) = mpsc::channel(QUEUE);
    tokio::spawn(Worker::new(max_members).run(queue));
    Handle { inputs }
}

struct Worker {
    max_members: usize,
    rooms: BTreeMap<RoomName, Room>,
    lines: HashMap<MemberId, (RoomName, Line)>,
    next_id: u64,
    late: Lateness,
}

#[derive(Default)]
struct Lateness {
    ticks: u64,
    worst: Duration,
}

impl Worker {
    fn new(max_members: usize) -> Self {
        Self {
            max_members,
            rooms: BTreeMap::new(),
            lines: HashMap::new(),
            next_id: 1,
            late: Lateness::default(),
        }
    }

    async fn run(mut self, mut queue: mpsc::Receiver<Input>) {
        let mut next_tick = tokio::time::Instant::now() + BRICK;
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(next_tick) => {
                    let now = tokio::time::Instant::now();
                    self.late.note(now.saturating_duration_since(next_tick));
                    next_tick = if now - next_tick > GIVE_UP_AFTER { now } else { next_tick } + BRICK;
                    self.tick(now.into_std());
                }
                input = queue.recv() => match input {
                    Some(Input::Stop(done)) => {
                        self.stop();
                        // Whoever asked may have gone.
                        let _ = done.send(());
                        return;
                    }
                    Some(input) => self.handle(tokio::time::Instant::now().into_std(), input),
                    None => return,
                },
            }
        }
    }

    fn handle(&mut self, now: Instant, input: Input) {
        match input {
            Input::Join { room, who, line, answer } => {
                let joined = self.join(now, room, who, line);
                if let Err(Ok(member)) = answer.send(joined) {
                    // The connection went while the door was being opened.
                    self.lost(member);
                }
            }
            Input::Datagram(member, bytes) => {
                if let Some((room, _)) = self.lines.get(&member)
                    && let Some(room) = self.rooms.get_mut(room)
                {
                    room.handle_datagram(now, member, &bytes);
                }
            }
            Input::Message(member, message) => {
                if let Some((name, _)) = self.lines.get(&member)
                    && let Some(room) = self.rooms.get_mut(name)
                {
                    room.handle_message(now, member, message);
                    let name = name.clone();
                    self.events(&name);
                }
            }
            Input::Lost(member) => self.lost(member),
            Input::Stop(_) => {}
        }
    }

    fn join(&mut self, now: Instant, name: RoomName, who: Who, line: Line) -> Result<MemberId, CloseCode> {
        let id = MemberId(self.next_id);
        self.next_id += 1;
        let room = self.rooms.entry(name.clone()).or_insert_with(|| Room::new(now, self.max_members));
        let Who { device, name: site, cap, muted } = who;
        let welcome = Welcome {
            version: VERSION,
            capabilities: CAPABILITIES,
            member: id.0,
            room: name.as_str().to_owned(),
            name: site.clone(),
            ..Welcome::default()
        };
        tracing::info!(room = name.as_str(), member = id.0, site, kbps = cap.bps() / 1000, "joined");
        let result = room.join(now, Joining { id, device, name: site, cap, muted });
        if result.is_ok() {
            // The first word on this line; the room's list of who is here follows it.
            let _ = line.control.try_send(welcome.into());
            self.lines.insert(id, (name.clone(), line));
        }
        self.events(&name);
        self.close_if_empty(&name);
        result.map(|()| id)
    }

    fn lost(&mut self, member: MemberId) {
        let Some((name, _)) = self.lines.remove(&member) else { return };
        if let Some(room) = self.rooms.get_mut(&name) {
            let tally = room.tally(member).unwrap_or_default();
            tracing::info!(room = name.as_str(), member = member.0, ?tally, "left");
            room.leave(member);
        }
        self.close_if_empty(&name);
    }

    /// An empty room is forgotten; it opens again with whoever joins next.
    fn close_if_empty(&mut self, name: &RoomName) {
        if self.rooms.get(name).is_some_and(Room::is_empty) {
            self.rooms.remove(name);
        }
    }

    fn tick(&mut self, now: Instant) {
        let Self { rooms, lines, .. } = self;
        for room in rooms.values_mut() {
            room.tick(now);
            while let Some(transmit) = room.poll_transmit() {
                if let Some((_, line)) = lines.get(&transmit.member) {
                    // quinn drops its oldest datagram when a link takes no more: right for voice. What cannot be
                    // sent at all belongs to a connection that is ending.
                    let _ = line.connection.send_datagram(Bytes::copy_from_slice(transmit.bytes));
                }
            }
        }
        let busy: Vec<RoomName> =
            self.rooms.iter().filter(|(_, room)| room.has_events()).map(|(name, _)| name.clone()).collect();
        for name in &busy {
            self.events(name);
        }
    }

    /// Carries out what a room wants done.
    fn events(&mut self, name: &RoomName) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        while let Some(event) = room.poll_event() {
            match event {
                Event::Send(member, message) => {
                    let Some((_, line)) = self.lines.get(&member) else { continue };
                    if line.control.try_send(message).is_err() {
                        // It reads so slowly that it must start anew to know who is here.
                        room.leave(member);
                        close(self.lines.remove(&member), CloseCode::Overrun);
                    }
                }
                Event::Close(member, code) => {
                    tracing::info!(room = name.as_str(), member = member.0, ?code, "ended");
                    close(self.lines.remove(&member), code);
                }
            }
        }
        self.close_if_empty(name);
    }

    fn stop(&mut self) {
        for (_, line) in self.lines.drain() {
            close(Some(line), CloseCode::Stopping);
        }
        tracing::info!(
            ticks = self.late.ticks,
            worst_late_ms = self.late.worst.as_millis() as u64,
            "rooms closed"
        );
    }
}

fn close(line: Option<(RoomName, Line)>, code: CloseCode) {
    if let Some((_, line)) = line {
        line.connection.close(code.code().into(), code.text().as_bytes());
    }
}

impl Lateness {
    fn note(&mut self, late: Duration) {
        self.ticks += 1;
        self.worst = self.worst.max(late);
        if late > BRICK {
            tracing::debug!(late_ms = late.as_millis() as u64, "a tick was late");
        }
    }
}
