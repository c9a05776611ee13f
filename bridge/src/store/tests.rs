//! The store as whoever uses it sees it.

mod admitting;
mod chain;
mod registry;
mod running;
mod upgrade;

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// A moment to count from.
const START: i64 = 1_767_225_600_000;

const ROOM: &str = FIRST_ROOM;

/// A clock that a test sets.
#[derive(Clone, Debug)]
struct Hands(Arc<AtomicI64>);

impl Hands {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }

    fn clock(&self) -> Clock {
        let hands = self.0.clone();
        Box::new(move || UnixMs(hands.load(Relaxed)))
    }

    fn forward(&self, ms: i64) {
        self.0.fetch_add(ms, Relaxed);
    }

    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Relaxed))
    }
}

fn device(n: u8) -> PublicKey {
    PublicKey::from_bytes([n; 32])
}

fn room(name: &str) -> RoomName {
    name.parse().expect("a room's name")
}

fn ask(n: u8, code: Option<Code>) -> Ask {
    Ask { device: device(n), room: room(ROOM), code, enters: true }
}

fn get<T>(answer: oneshot::Receiver<T>) -> T {
    answer.blocking_recv().expect("an answer")
}

fn in_memory() -> (SqliteStore, Hands) {
    let hands = Hands::new();
    (SqliteStore::in_memory(hands.clock()).expect("opens"), hands)
}

/// Does with the registry what must go well.
fn edit<T: Send + 'static>(
    store: &SqliteStore,
    work: impl FnOnce(&mut Registry) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.edit(work).expect("a store").expect("done")
}

/// Adds a site and gives its invitation.
fn invite(store: &SqliteStore, site: &'static str) -> Code {
    edit(store, move |registry| {
        if !registry.sites()?.iter().any(|known| known.name == site) {
            registry.add_site(site, SiteRole::Participant)?;
        }
        Ok(registry.invite(site)?.code)
    })
}

/// The acts in the audit, after those of making the store.
fn acts(store: &SqliteStore) -> Vec<String> {
    let rows = edit(store, |registry| registry.audit(AuditFilter::default()));
    rows.into_iter().skip(3).map(|row| row.act).collect()
}

fn sound(store: &SqliteStore) -> bool {
    edit(store, |registry| registry.verify_audit(None)).is_ok()
}
