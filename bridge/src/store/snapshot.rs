//! How sites and rooms stand, for the running bridge: what another process changes is to be seen in the meeting.

use super::desk::Work;
use super::rooms::word;
use super::sites::role;
use super::{Access, Guests, SiteId};
use giaoban_proto::transport::PublicKey;
use giaoban_proto::wire::SiteRole;
use rusqlite::Connection;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// All sites and all rooms, of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The sites, those that are revoked too.
    pub sites: BTreeMap<SiteId, SiteState>,
    /// The rooms, by name.
    pub rooms: BTreeMap<String, RoomState>,
}

/// How a site stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteState {
    /// Its name.
    pub name: String,
    /// What it may do in a room that says nothing else.
    pub role: SiteRole,
    /// Sessions admitted under a lower one are to be closed.
    pub generation: u64,
    /// Whether it is shut out.
    pub revoked: bool,
    /// What it may do in these rooms.
    pub room_roles: BTreeMap<String, SiteRole>,
}

/// How a room stands.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomState {
    /// Which sites may come in.
    pub access: Access,
    /// What becomes of guests.
    pub guests: Guests,
    /// What a guest must know.
    pub pin: String,
    /// How many may be in it, where that is not the bridge's own number.
    pub max_members: Option<usize>,
}

impl SiteState {
    /// What it may do in `room`.
    #[must_use]
    pub fn role_in(&self, room: &str) -> SiteRole {
        self.room_roles.get(room).copied().unwrap_or(self.role)
    }
}

impl fmt::Debug for RoomState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { access, guests, max_members, .. } = self;
        f.debug_struct("RoomState")
            .field("access", access)
            .field("guests", guests)
            .field("max_members", max_members)
            .finish_non_exhaustive()
    }
}

/// Reads the snapshot, and the keys of all devices that may come in.
pub(super) fn read(db: &Connection) -> Work<(Snapshot, HashSet<PublicKey>)> {
    let mut snapshot = Snapshot::default();
    let mut rows = db.prepare("SELECT id, name, role, generation, revoked IS NOT NULL FROM sites")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let state = SiteState {
            name: row.get(1)?,
            role: role(row.get(2)?)?,
            generation: row.get::<_, i64>(3)? as u64,
            revoked: row.get(4)?,
            room_roles: BTreeMap::new(),
        };
        snapshot.sites.insert(SiteId(row.get(0)?), state);
    }
    let mut rows = db.prepare("SELECT site, room, role FROM roles")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(site) = snapshot.sites.get_mut(&SiteId(row.get(0)?)) {
            site.room_roles.insert(row.get(1)?, role(row.get(2)?)?);
        }
    }
    let mut rows = db.prepare("SELECT name, access, guests, pin, max_members FROM rooms")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let state = RoomState {
            access: word(&row.get::<_, String>(1)?)?,
            guests: word(&row.get::<_, String>(2)?)?,
            pin: row.get(3)?,
            max_members: row.get::<_, Option<i64>>(4)?.and_then(|most| usize::try_from(most).ok()),
        };
        snapshot.rooms.insert(row.get(0)?, state);
    }
    let mut rows = db.prepare(
        "SELECT key FROM devices JOIN sites ON sites.id = devices.site
         WHERE devices.revoked IS NULL AND sites.revoked IS NULL",
    )?;
    let devices = rows.query_map([], |row| row.get(0).map(PublicKey::from_bytes))?;
    Ok((snapshot, devices.collect::<rusqlite::Result<_>>()?))
}
