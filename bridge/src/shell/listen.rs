//! The front door: takes connections from the endpoint and gives each a task of its own, so that a slow handshake
//! holds up nobody.

use super::counters::Counters;
use super::peer::{self, Context, Knocking, now};
use super::worker::{self, Config, Input};
use crate::doorkeeper::{Doorkeeper, Knock};
use crate::prefix::Prefix;
use crate::store::Store;
use giaoban_proto::wire::CloseCode;
use quinn::Endpoint;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How long a bridge that stops goes on telling so.
const SAY_GOODBYE_FOR: Duration = Duration::from_secs(2);

/// A bridge that takes connections until [`Bridge::stop`].
pub struct Bridge {
    endpoint: Endpoint,
    worker: worker::Handle,
    counters: Arc<Counters>,
    accepting: tokio::task::JoinHandle<()>,
    watching: tokio::task::JoinHandle<()>,
}

impl Bridge {
    /// Takes connections from `endpoint`, on the current runtime; the rooms have a thread of their own.
    ///
    /// # Errors
    /// When the system gives no thread or no timer.
    pub fn on_thread(endpoint: Endpoint, store: Arc<dyn Store>, config: Config) -> std::io::Result<Self> {
        let worker = worker::start_thread(config.clone(), store.clone())?;
        Ok(Self::start(endpoint, store, worker, config))
    }

    /// The same with the rooms as a task of the current runtime, where time may be virtual.
    #[must_use]
    pub fn in_task(endpoint: Endpoint, store: Arc<dyn Store>, config: Config) -> Self {
        let worker = worker::start_task(config.clone(), store.clone());
        Self::start(endpoint, store, worker, config)
    }

    fn start(endpoint: Endpoint, store: Arc<dyn Store>, worker: worker::Handle, config: Config) -> Self {
        let Config { limits, shelf, .. } = config;
        let counters = Arc::new(Counters::default());
        let watching = tokio::spawn(watch(store.clone(), worker.clone()));
        let context = Context {
            store,
            worker: worker.clone(),
            counters: counters.clone(),
            checks: Arc::default(),
            doors: Arc::new(Mutex::new(Doorkeeper::new(now(), &limits))),
            strangers: Arc::new(Semaphore::new(limits.strangers as usize)),
            fetches: Arc::new(Semaphore::new(limits.fetches as usize)),
            shelf,
            limits: Arc::new(limits),
        };
        let accepting = tokio::spawn(accept(endpoint.clone(), context));
        Self { endpoint, worker, counters, accepting, watching }
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
        self.watching.abort();
    }
}

/// Tells the rooms what other processes change.
async fn watch(store: Arc<dyn Store>, worker: worker::Handle) {
    let Some(mut changes) = store.changes() else { return };
    while let Some(snapshot) = changes.recv().await {
        if worker.inputs().send(Input::Changed(Box::new(snapshot))).await.is_err() {
            return;
        }
    }
}

async fn accept(endpoint: Endpoint, context: Context) {
    let mut peers = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        // Those that have ended leave the set; it holds the living only.
        while peers.try_join_next().is_some() {}
        let from = Prefix::of(incoming.remote_address().ip());
        let validated = incoming.remote_address_validated();
        let closing = endpoint.open_connections().saturating_sub(peers.len());
        let mut doors = context.doors.lock().unwrap_or_else(PoisonError::into_inner);
        let knock = doors.knock(now(), from, validated, closing);
        drop(doors);
        let counters = &context.counters;
        match knock {
            Knock::Accept => {
                let knocking = Knocking::new(context.doors.clone(), from);
                let context = context.clone();
                peers.spawn(async move { peer::serve(incoming, knocking, &context).await });
            }
            Knock::Retry => {
                counters.retried.fetch_add(1, Relaxed);
                // An error means that it was validated after all.
                let _ = incoming.retry();
            }
            Knock::TooMany => {
                counters.turned_away.fetch_add(1, Relaxed);
                incoming.refuse();
            }
            Knock::TooOften => {
                counters.turned_away_by_network.fetch_add(1, Relaxed);
                incoming.refuse();
            }
        }
    }
}
