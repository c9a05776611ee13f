//! Sites: who may come in, and as what.
//!
//! A site is known by its devices' keys. Each device is enrolled by an invitation, which is good once; what is kept of
//! it is a hash. Revoking shuts out the site's devices as well as the site, so that a site that is taken back, with a
//! new invitation, does not let the lost machine in again.

use super::desk::{Desk, Work, random};
use super::{Registry, SiteId, StoreError, UnixMs, attendance};
use giaoban_proto::link::{Code, composed};
use giaoban_proto::transport::PublicKey;
use giaoban_proto::wire::SiteRole;
use ring::digest;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

/// How long an invitation is good, in milliseconds: 72 hours, over a weekend.
pub const INVITATION_FOR_MS: i64 = 72 * 3600 * 1000;

/// The longest name of a site, in bytes: as long as one that travels.
const MAX_NAME_BYTES: usize = 64;

/// A site, as a person wants to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its number.
    pub id: SiteId,
    /// Its name, which no other site has.
    pub name: String,
    /// What it may do in a room that says nothing else.
    pub role: SiteRole,
    /// What it may do in these rooms.
    pub room_roles: BTreeMap<String, SiteRole>,
    /// How many devices are enrolled and not shut out.
    pub devices: usize,
    /// Whether it is shut out.
    pub revoked: bool,
    /// When it was added.
    pub created: UnixMs,
    /// When it was last in a room, as far as is known.
    pub last_seen: Option<UnixMs>,
    /// Whether it is in a room of a bridge that runs.
    pub online: bool,
}

/// What enrols one device, once. Not to be had again: only its hash is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// For the link.
    pub code: Code,
    /// Not good from then on.
    pub expires: UnixMs,
}

impl Registry {
    /// Adds a site. Its devices come by [`Registry::invite`].
    ///
    /// # Errors
    /// [`StoreError`]: the name is taken or none.
    pub fn add_site(&mut self, name: &str, role: SiteRole) -> Result<Site, StoreError> {
        let id = self.change(|desk| desk.add_site(name, role))?;
        let sites = self.sites()?;
        sites.into_iter().find(|site| site.id == id).ok_or_else(|| StoreError::NoSuchSite(name.to_owned()))
    }

    /// Makes an invitation for a site, given by name or number. A site that was revoked is taken back by it; its old
    /// devices are not.
    ///
    /// # Errors
    /// [`StoreError`]: there is no such site.
    pub fn invite(&mut self, site: &str) -> Result<Invitation, StoreError> {
        self.change(|desk| {
            let (id, name) = desk.find_site(site)?;
            let back =
                desk.write("UPDATE sites SET revoked = NULL WHERE id = ?1 AND revoked IS NOT NULL", [id])?;
            if back > 0 {
                desk.touch();
                desk.audit("site readmitted", &label(&name, id), "")?;
            }
            desk.invite(id)
        })
    }

    /// All sites, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn sites(&mut self) -> Result<Vec<Site>, StoreError> {
        let now = self.now();
        self.read(|db| {
            let alive = attendance::alive(db)?;
            let lives = attendance::lives(alive, now);
            let mut roles: BTreeMap<i64, BTreeMap<String, SiteRole>> = BTreeMap::new();
            let mut rows = db.prepare("SELECT site, room, role FROM roles")?;
            for row in rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))? {
                let (site, room, code) = row?;
                roles.entry(site).or_default().insert(room, role(code)?);
            }
            let mut rows = db.prepare(
                "SELECT id, name, role, revoked IS NOT NULL, created,
                     (SELECT count(*) FROM devices WHERE site = sites.id AND revoked IS NULL),
                     (SELECT max(max(joined, coalesce(left, ?1, joined))) FROM visits WHERE site = sites.id),
                     EXISTS (SELECT 1 FROM visits WHERE site = sites.id AND left IS NULL)
                 FROM sites ORDER BY name",
            )?;
            let mut sites = Vec::new();
            let mut rows = rows.query([alive.map(|alive| alive.0)])?;
            while let Some(row) = rows.next()? {
                let id = row.get(0)?;
                sites.push(Site {
                    id: SiteId(id),
                    name: row.get(1)?,
                    role: role(row.get(2)?)?,
                    room_roles: roles.remove(&id).unwrap_or_default(),
                    devices: row.get::<_, i64>(5)? as usize,
                    revoked: row.get(3)?,
                    created: UnixMs(row.get(4)?),
                    last_seen: row.get::<_, Option<i64>>(6)?.map(UnixMs),
                    online: lives && row.get(7)?,
                });
            }
            Ok(sites)
        })
    }

    /// Shuts a site out: its sessions end, its devices are known no more, its invitations are void. Deletes nothing.
    ///
    /// # Errors
    /// [`StoreError`]: there is no such site.
    pub fn revoke_site(&mut self, site: &str) -> Result<(), StoreError> {
        self.change(|desk| {
            let (id, name) = desk.find_site(site)?;
            let now = desk.now.0;
            let revoked = desk.write(
                "UPDATE sites SET revoked = ?2, generation = generation + 1 WHERE id = ?1 AND revoked IS NULL",
                params![id, now],
            )?;
            if revoked == 0 {
                return Ok(());
            }
            let devices = desk
                .write("UPDATE devices SET revoked = ?2 WHERE site = ?1 AND revoked IS NULL", params![id, now])?;
            let invitations = desk.write(
                "UPDATE invitations SET void = ?2 WHERE site = ?1 AND used IS NULL AND void IS NULL",
                params![id, now],
            )?;
            desk.touch();
            let detail = format!("devices {devices}, open invitations {invitations}");
            desk.audit("site revoked", &label(&name, id), &detail)
        })
    }

    /// Gives a site another name.
    ///
    /// # Errors
    /// [`StoreError`]: there is no such site, or the name is taken or none.
    pub fn rename_site(&mut self, site: &str, name: &str) -> Result<(), StoreError> {
        self.change(|desk| {
            let (id, before) = desk.find_site(site)?;
            let name = composed(name);
            if before == name {
                return Ok(());
            }
            desk.may_name_a_site(&name)?;
            desk.write("UPDATE sites SET name = ?2 WHERE id = ?1", params![id, name])?;
            desk.touch();
            desk.audit("site renamed", &label(&before, id), &name)
        })
    }

    /// Says what a site may do: in one room, or wherever nothing else is said. In a room whose access is
    /// [`super::Access::Listed`] this is what lets it in.
    ///
    /// # Errors
    /// [`StoreError`]: there is no such site, or no such room.
    pub fn set_role(&mut self, site: &str, role: SiteRole, room: Option<&str>) -> Result<(), StoreError> {
        self.change(|desk| {
            let (id, name) = desk.find_site(site)?;
            match room {
                None => {
                    desk.write("UPDATE sites SET role = ?2 WHERE id = ?1", params![id, role.code()])?;
                }
                Some(room) => {
                    let room = &composed(room);
                    desk.find_room(room)?;
                    desk.write(
                        "INSERT INTO roles (room, site, role) VALUES (?1, ?2, ?3)
                         ON CONFLICT DO UPDATE SET role = ?3",
                        params![room, id, role.code()],
                    )?;
                }
            }
            desk.touch();
            let place = room.map(|room| format!(" in {room}")).unwrap_or_default();
            desk.audit("role set", &label(&name, id), &format!("{}{place}", role.as_str()))
        })
    }

    /// Takes back what [`Registry::set_role`] said for one room.
    ///
    /// # Errors
    /// [`StoreError`]: there is no such site, or no such room.
    pub fn clear_role(&mut self, site: &str, room: &str) -> Result<(), StoreError> {
        self.change(|desk| {
            let (id, name) = desk.find_site(site)?;
            let room = &composed(room);
            desk.find_room(room)?;
            if desk.write("DELETE FROM roles WHERE room = ?1 AND site = ?2", params![room, id])? == 0 {
                return Ok(());
            }
            desk.touch();
            desk.audit("role cleared", &label(&name, id), &format!("in {room}"))
        })
    }

    /// Ends a site's sessions. It may come again.
    ///
    /// # Errors
    /// [`StoreError`]: there is no such site.
    pub fn kick(&mut self, site: &str) -> Result<(), StoreError> {
        self.change(|desk| {
            let (id, name) = desk.find_site(site)?;
            desk.write("UPDATE sites SET generation = generation + 1 WHERE id = ?1", [id])?;
            desk.touch();
            desk.audit("site kicked", &label(&name, id), "")
        })
    }

    /// Enrols a device without an invitation, at a site that is made if there is none of that name. For whoever holds
    /// the data folder anyway: tests, benches, and moving from one bridge to another.
    ///
    /// # Errors
    /// [`StoreError`]: the name is none.
    pub fn enrol(&mut self, device: PublicKey, site: &str, role: SiteRole) -> Result<SiteId, StoreError> {
        self.change(|desk| {
            let id = match desk.find_site(site) {
                Ok((id, _)) => SiteId(id),
                Err(StoreError::NoSuchSite(_)) => desk.add_site(site, role)?,
                Err(error) => return Err(error),
            };
            desk.enrol(&device, id, &label(site, id.0), "without an invitation")?;
            Ok(id)
        })
    }
}

impl Desk<'_> {
    /// By name, or by number where no site is named so.
    pub(super) fn find_site(&self, site: &str) -> Work<(i64, String)> {
        let site = &composed(site);
        let number = site.trim_start_matches('#').parse::<i64>().ok();
        self.db
            .query_row(
                "SELECT id, name FROM sites WHERE name = ?1 OR id = ?2 ORDER BY name = ?1 DESC LIMIT 1",
                params![site, number],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?
            .ok_or_else(|| StoreError::NoSuchSite(site.to_owned()))
    }

    pub(super) fn add_site(&self, name: &str, role: SiteRole) -> Work<SiteId> {
        let name = &composed(name);
        self.may_name_a_site(name)?;
        self.write(
            "INSERT INTO sites (name, role, created) VALUES (?1, ?2, ?3)",
            params![name, role.code(), self.now.0],
        )?;
        let id = self.db.last_insert_rowid();
        self.touch();
        self.audit("site added", &label(name, id), role.as_str())?;
        Ok(SiteId(id))
    }

    pub(super) fn invite(&self, site: i64) -> Work<Invitation> {
        let code = Code::from_bytes(random()?);
        let expires = self.now.after(INVITATION_FOR_MS);
        self.write(
            "INSERT INTO invitations (hash, site, made, expires) VALUES (?1, ?2, ?3, ?4)",
            params![hash(&code), site, self.now.0, expires.0],
        )?;
        self.audit("invited", &self.label_of(site)?, &format!("until {expires}"))?;
        Ok(Invitation { code, expires })
    }

    /// Makes `device` one of this site's, whosever it was. `how` is for the audit.
    pub(super) fn enrol(&self, device: &PublicKey, site: SiteId, actor: &str, how: &str) -> Work<()> {
        self.write(
            "INSERT INTO devices (key, site, enrolled) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET site = ?2, enrolled = ?3, revoked = NULL",
            params![device.as_bytes(), site.0, self.now.0],
        )?;
        self.touch();
        self.audit_by(actor, "device enrolled", &device.fingerprint().to_string(), how)
    }

    /// How a site stands in the audit.
    pub(super) fn label_of(&self, site: i64) -> Work<String> {
        let name = self
            .db
            .query_row("SELECT name FROM sites WHERE id = ?1", [site], |row| row.get::<_, String>(0))
            .optional()?;
        Ok(label(&name.unwrap_or_default(), site))
    }

    fn may_name_a_site(&self, name: &str) -> Work<()> {
        // What reorders text could make one site look like another.
        let unfit = |c: char| {
            c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        };
        if name.trim() != name || !(1..=MAX_NAME_BYTES).contains(&name.len()) || name.contains(unfit) {
            return Err(StoreError::BadSiteName);
        }
        let taken =
            self.db.query_row("SELECT 1 FROM sites WHERE name = ?1", [name], |_| Ok(())).optional()?;
        if taken.is_some() { Err(StoreError::SiteExists(name.to_owned())) } else { Ok(()) }
    }
}

/// How a site stands in the audit: its name may change.
pub(super) fn label(name: &str, id: i64) -> String {
    format!("{name} (#{id})")
}

/// What is kept of an invitation. Of 128 random bits no hash can be undone by guessing, however quick.
pub(super) fn hash(code: &Code) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, code.as_bytes()).as_ref());
    hash
}

/// A role as it is kept.
pub(super) fn role(code: i64) -> Work<SiteRole> {
    u32::try_from(code)
        .ok()
        .and_then(SiteRole::from_code)
        .ok_or_else(|| StoreError::Damaged(Default::default()))
}
