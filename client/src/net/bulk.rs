//! The second stream of a call: what is fetched of a recording comes on it, so that it never holds up control.

use super::Event;
use crate::session::LineId;
use giaoban_proto::wire::{ClientMessage, Framer, MAX_CONTROL_BYTES, ServerMessage, frame};
use quinn::Connection;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Messages that may wait: a question and some words on what has come.
const WAITING: usize = 16;

/// A stream, for as long as this is held.
pub(super) struct Bulk {
    words: mpsc::Sender<ClientMessage>,
    task: JoinHandle<()>,
}

impl Bulk {
    /// Opens one.
    pub(super) fn open(id: LineId, connection: Connection, events: mpsc::Sender<Event>) -> Self {
        let (words, waiting) = mpsc::channel(WAITING);
        let task = tokio::spawn(async move {
            let _ = carry(id, &connection, &events, waiting).await;
            // The engine may be gone already.
            let _ = events.send(Event::BulkOver { id }).await;
        });
        Self { words, task }
    }

    /// Whether it has ended.
    pub(super) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Says something on it, while it is there.
    pub(super) fn say(&self, message: ClientMessage) -> bool {
        self.words.try_send(message).is_ok()
    }
}

impl Drop for Bulk {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Until the stream or the connection ends, or somebody makes no sense.
async fn carry(
    id: LineId,
    connection: &Connection,
    events: &mpsc::Sender<Event>,
    mut words: mpsc::Receiver<ClientMessage>,
) -> Option<()> {
    let (mut sender, mut receiver) = connection.open_bi().await.ok()?;
    let (mut framer, mut bytes) = (Framer::default(), [0; MAX_CONTROL_BYTES]);
    loop {
        tokio::select! {
            biased;
            word = words.recv() => sender.write_all(&frame(&word?)).await.ok()?,
            read = receiver.read(&mut bytes) => {
                framer.push(&bytes[..read.ok()??]);
                while let Some(message) = framer.poll::<ServerMessage>().ok()? {
                    events.send(Event::Bulk { id, message }).await.ok()?;
                }
            }
        }
    }
}
