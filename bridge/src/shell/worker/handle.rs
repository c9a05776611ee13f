//! How a worker is started, and how it is told what to do.

use super::carry::Carrier;
use super::{Config, Heard, Input, Worker};
use crate::store::Store;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What may wait for the worker besides datagrams.
const QUEUE: usize = 4096;

/// Datagrams that may wait for a tick: 20 ms of voice and reports from some thousands.
pub(super) const HEARD: usize = 4096;

/// What the worker may be told to do by whoever holds the bridge.
#[derive(Clone, Debug)]
pub(in crate::shell) struct Handle {
    inputs: mpsc::Sender<Input>,
    heard: mpsc::Sender<Heard>,
}

impl Handle {
    pub(in crate::shell) fn inputs(&self) -> &mpsc::Sender<Input> {
        &self.inputs
    }

    pub(in crate::shell) fn heard(&self) -> &mpsc::Sender<Heard> {
        &self.heard
    }

    /// Puts everybody out with [`CloseCode::Stopping`] and ends the worker.
    pub(in crate::shell) async fn stop(&self) {
        let (done, when) = oneshot::channel();
        if self.inputs.send(Input::Stop(done)).await.is_ok() {
            // An error means that the worker is gone already.
            let _ = when.await;
        }
    }
}

/// Starts a worker on a thread of its own; what it sends goes out on the current runtime.
pub(in crate::shell) fn start_thread(config: Config, store: Arc<dyn Store>) -> std::io::Result<Handle> {
    let (handle, queues) = queues();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let worker = Worker::new(config, store, handle.inputs.downgrade(), Carrier::start());
    std::thread::Builder::new().name("rooms".into()).spawn(move || runtime.block_on(worker.run(queues)))?;
    Ok(handle)
}

/// Starts a worker as a task of the current runtime, where time may be virtual.
pub(in crate::shell) fn start_task(config: Config, store: Arc<dyn Store>) -> Handle {
    let (handle, queues) = queues();
    tokio::spawn(Worker::new(config, store, handle.inputs.downgrade(), Carrier::start()).run(queues));
    handle
}

/// What a worker is told by.
pub(super) struct Queues {
    pub(super) inputs: mpsc::Receiver<Input>,
    pub(super) heard: mpsc::Receiver<Heard>,
}

fn queues() -> (Handle, Queues) {
    let ((inputs, told), (heard, hears)) = (mpsc::channel(QUEUE), mpsc::channel(HEARD));
    (Handle { inputs, heard }, Queues { inputs: told, heard: hears })
}
