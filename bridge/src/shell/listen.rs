//! The front door: takes connections from the endpoint and gives each a task of its own, so that a slow handshake
//! holds up nobody.

use super::counters::Counters;
use super::peer::{self, Context};
use super::worker;
use crate::store::Store;
use giaoban_proto::wire::CloseCode;
use quinn::Endpoint;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections that may be on their way in at once. A legitimate rush of a province fits; a flood is refused.
const MAX_PENDING: usize = 256;

/// How long a bridge that stops goes on telling so.
const SAY_GOODBYE_FOR: Duration = Duration::from_secs(2);

/// A bridge that takes connections until [`Bridge::stop`].
pub struct Bridge {
    endpoint: Endpoint,
    worker: worker::Handle,
    counters: Arc<Counters>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Bridge {
    /// Takes connections from `endpoint`, on the current runtime.
    #[must_use]
    pub fn start(endpoint: Endpoint, store: Arc<dyn Store>, worker: worker::Handle) -> Self {
        let counters = Arc::new(Counters::default());
        let context =
            Context { store, worker: worker.clone(), counters: counters.clone(), checks: Arc::default() };
        let accepting = tokio::spawn(accept(endpoint.clone(), context));
        Self { endpoint, worker, counters, accepting }
    }

    /// What the door has seen.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Connections that are open, in whatever state.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.endpoint.open_connections()
    }

    /// Returns when the rooms have ended without being told to, which is a fault.
    pub async fn failed(&self) {
        self.worker.inputs().closed().await;
    }

    /// Takes nobody in any more, tells everybody that the bridge is stopping, and waits until they know or the
    /// connections have given up.
    pub async fn stop(self) {
        self.endpoint.set_server_config(None);
        self.worker.stop().await;
        // Those that were not in a room yet.
        let stopping = CloseCode::Stopping;
        self.endpoint.close(stopping.code().into(), stopping.text().as_bytes());
        // A connection drains for three probe timeouts; whoever has not heard by then will ask, and hear from the
        // next start.
        let _ = tokio::time::timeout(SAY_GOODBYE_FOR, self.endpoint.wait_idle()).await;
        self.accepting.abort();
    }
}

async fn accept(endpoint: Endpoint, context: Context) {
    let pending = Arc::new(Semaphore::new(MAX_PENDING));
    let mut peers = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        // Those that have ended leave the set; it holds the living only.
        while peers.try_join_next().is_some() {}
        // Under load only those come in who can be reached where they say they are: anybody can send from a made-up
        // address, seventeen times a second would do.
        if pending.available_permits() < MAX_PENDING / 2 && !incoming.remote_address_validated() {
            context.counters.retried.fetch_add(1, Relaxed);
            // An error means that it was validated after all.
            let _ = incoming.retry();
            continue;
        }
        let Ok(place) = pending.clone().try_acquire_owned() else {
            context.counters.turned_away.fetch_add(1, Relaxed);
            incoming.refuse();
            continue;
        };
        let context = context.clone();
        peers.spawn(async move { peer::serve(incoming, place, &context).await });
    }
}
