//! What must survive: rooms, the devices that may come in, the bridge's own secrets.
//!
//! Behind a trait that answers later, because a disk may be slow and a tick may not: the real store has a thread of
//! its own, the one for tests answers at once so that virtual time stays still.

mod sqlite;

pub use sqlite::{FIRST_ROOM, Secrets, SqliteStore, StoreError};

use giaoban_proto::link::{Code, RoomName};
use giaoban_proto::transport::PublicKey;
use giaoban_proto::wire::CloseCode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use tokio::sync::oneshot;

/// A device at the door. The key is proved by the handshake; all else is what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The device's key.
    pub device: PublicKey,
    /// Where to.
    pub room: RoomName,
    /// The join code of its link, when it has one.
    pub code: Option<Code>,
    /// How it wishes to be called; may be empty.
    pub name: String,
    /// Whether it comes in. If not it is only asked whether it might, and nothing is remembered.
    pub enters: bool,
}

/// The name under which it comes in, or why not.
pub type Verdict = Result<String, CloseCode>;

/// Decides who may come in, and remembers it.
///
/// The seam for enrolment and roles: this version knows devices that have once shown the join code, and no others.
pub trait Store: Send + Sync + 'static {
    /// Looks a device up, and enrols it when its code is right. A dropped answer means that the store failed.
    fn admit(&self, ask: Ask) -> oneshot::Receiver<Verdict>;
}

/// The decision itself, the same over a database and in memory.
///
/// `known` is the device's name if it has been here; `enrol` remembers it and must have done so before this returns.
fn decide<E>(
    ask: &Ask,
    room_exists: bool,
    known: Option<String>,
    code: &Code,
    enrol: impl FnOnce(&str) -> Result<(), E>,
) -> Result<Verdict, E> {
    // A stranger is not told which rooms there are.
    let admitted = known.is_some() || ask.code.as_ref().is_some_and(|theirs| same(theirs, code));
    if !admitted {
        return Ok(Err(CloseCode::NotAdmitted));
    }
    if !room_exists {
        return Ok(Err(CloseCode::NoSuchRoom));
    }
    let name = match (ask.name.as_str(), &known) {
        ("", Some(known)) => known.clone(),
        ("", None) => format!("site {}", &ask.device.fingerprint().to_string()[..4]),
        (wish, _) => wish.to_owned(),
    };
    if ask.enters && known.as_deref() != Some(name.as_str()) {
        enrol(&name)?;
    }
    Ok(Ok(name))
}

/// Compares two codes in a time that does not tell where they differ.
fn same(a: &Code, b: &Code) -> bool {
    a.as_bytes().iter().zip(b.as_bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

/// A store that forgets, for tests.
#[derive(Debug)]
pub struct MemoryStore {
    rooms: BTreeSet<String>,
    code: Code,
    devices: Mutex<BTreeMap<[u8; 32], String>>,
}

impl MemoryStore {
    /// Knows these rooms and this join code, and no device yet.
    #[must_use]
    pub fn new(rooms: &[&str], code: Code) -> Self {
        let rooms = rooms.iter().map(|&room| room.to_owned()).collect();
        Self { rooms, code, devices: Mutex::default() }
    }
}

impl Store for MemoryStore {
    fn admit(&self, ask: Ask) -> oneshot::Receiver<Verdict> {
        let (answer, later) = oneshot::channel();
        if let Ok(mut devices) = self.devices.lock() {
            let known = devices.get(ask.device.as_bytes()).cloned();
            let exists = self.rooms.contains(ask.room.as_str());
            let decided = decide(&ask, exists, known, &self.code, |name| {
                devices.insert(*ask.device.as_bytes(), name.to_owned());
                Ok::<_, std::convert::Infallible>(())
            });
            let Ok(verdict) = decided;
            // Nobody may be waiting any more.
            let _ = answer.send(verdict);
        }
        later
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: Code = Code::from_bytes([7; 16]);

    fn ask(device: u8, code: Option<Code>, room: &str, name: &str) -> Ask {
        let device = PublicKey::from_bytes([device; 32]);
        Ask { device, room: room.parse().expect("a room's name"), code, name: name.into(), enters: true }
    }

    fn answer(store: &dyn Store, ask: Ask) -> Verdict {
        store.admit(ask).blocking_recv().expect("an answer")
    }

    fn a_device_needs_the_code_once_and_then_its_key(store: &dyn Store) {
        assert_eq!(answer(store, ask(1, None, "giaoban", "")), Err(CloseCode::NotAdmitted));
        let wrong = Some(Code::from_bytes([8; 16]));
        assert_eq!(answer(store, ask(1, wrong, "giaoban", "")), Err(CloseCode::NotAdmitted));
        assert_eq!(answer(store, ask(1, None, "nowhere", "")), Err(CloseCode::NotAdmitted));
        assert_eq!(answer(store, ask(1, Some(CODE), "nowhere", "")), Err(CloseCode::NoSuchRoom));
        let looks = Ask { enters: false, ..ask(1, Some(CODE), "giaoban", "Tri Lễ") };
        assert_eq!(answer(store, looks), Ok("Tri Lễ".into()));
        assert_eq!(
            answer(store, ask(1, None, "giaoban", "")),
            Err(CloseCode::NotAdmitted),
            "nothing is kept"
        );
        assert_eq!(answer(store, ask(1, Some(CODE), "giaoban", "Tri Lễ")), Ok("Tri Lễ".into()));
        assert_eq!(answer(store, ask(1, None, "giaoban", "")), Ok("Tri Lễ".into()));
        assert_eq!(answer(store, ask(1, None, "giaoban", "Tri Lễ 2")), Ok("Tri Lễ 2".into()));
        assert_eq!(answer(store, ask(2, None, "giaoban", "Tri Lễ")), Err(CloseCode::NotAdmitted));
        assert!(answer(store, ask(2, Some(CODE), "giaoban", "")).expect("in").starts_with("site "));
    }

    #[test]
    fn in_memory() {
        a_device_needs_the_code_once_and_then_its_key(&MemoryStore::new(&["giaoban"], CODE));
    }

    #[test]
    fn on_disk_and_still_after_it_is_opened_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("giaoban.db");
        let store = SqliteStore::open(&file, || Ok((CODE, [3; 32]))).expect("opens");
        a_device_needs_the_code_once_and_then_its_key(&store);
        drop(store);
        let store = SqliteStore::open(&file, || panic!("secrets are made once")).expect("opens again");
        assert_eq!(answer(&store, ask(1, None, "giaoban", "")), Ok("Tri Lễ 2".into()));
        assert_eq!(store.secrets().code, CODE);
        assert_eq!(store.secrets().reset, [3; 32]);
    }

    #[test]
    fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("giaoban.db");
        std::fs::write(&file, "my shopping list, which is no database at all").expect("writes");
        let error = SqliteStore::open(&file, || Ok((CODE, [3; 32]))).expect_err("refused");
        assert!(error.to_string().contains("giaoban.db"), "{error}");
        assert_eq!(std::fs::read(&file).expect("reads"), b"my shopping list, which is no database at all");
    }
}
