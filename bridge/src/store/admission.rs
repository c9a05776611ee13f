//! Who may come in: the one place where that is decided, inside the transaction that writes it down.
//!
//! ```text
//!   device        invitation                       becomes
//!   known, good   none, bad, used                  what it was; an invitation is a leftover in its link
//!   known, good   good                             of that invitation's site, which is used up
//!   shut out      good                             of that invitation's site
//!   shut out      none, bad, used                  Revoked
//!   unknown       good                             of that invitation's site
//!   unknown       none, not ours                   NotAdmitted
//!   unknown       used                             InvitationUsed
//!   unknown       too old, or void                 InvitationExpired
//!   unknown       void, of a site that is revoked  Revoked
//! ```
//!
//! Only who gets through that table learns anything about rooms. A device is shut out when its site is revoked, and
//! stays so when the site is taken back: that machine may be in the wrong hands, and only a new invitation, opened on
//! it, says otherwise.

use super::attendance::{Visitor, guest, words};
use super::desk::{Desk, Work};
use super::rooms::word;
use super::sites::{hash, label, role};
use super::{Access, Admitted, Ask, GuestAsk, GuestDoor, Guests, SiteId, UnixMs, Verdict};
use giaoban_proto::link::Code;
use giaoban_proto::transport::PublicKey;
use giaoban_proto::wire::{CloseCode, SiteRole};
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeSet;

/// Refusals that are written down in one minute at most, of all devices together: whoever makes a key for each try
/// would fill the disk else. The rest is counted.
const REFUSALS_A_MINUTE: usize = 60;

/// What an invitation is worth.
enum Invited {
    To(SiteId),
    No(CloseCode),
}

/// What a device is.
enum Device {
    Unknown,
    ShutOut,
    Of(SiteId),
}

struct Room {
    access: Access,
    guests: Guests,
    pin: String,
    max_members: Option<usize>,
}

impl Desk<'_> {
    /// Decides about a device, and writes down what follows.
    pub(super) fn admit(&self, ask: &Ask, refusals: &mut Refusals) -> Work<Verdict> {
        let verdict = self.decide(ask)?;
        if let Err(code) = verdict {
            let who = ask.device.fingerprint().to_string();
            let what = if ask.enters { words(code) } else { format!("{}, to check the line", words(code)) };
            self.refuse(refusals, &who, &who, "refused", ask.room.as_str(), &what)?;
        }
        Ok(verdict)
    }

    /// What a guest meets. Whether there is such a room is not told.
    pub(super) fn guest_door(&self, room: &str) -> Work<Result<GuestDoor, CloseCode>> {
        Ok(match self.room(room)? {
            Some(Room { guests: Guests::Lobby, pin, .. }) => Ok(GuestDoor { pin, lobby: true }),
            Some(Room { guests: Guests::Admit, pin, .. }) => Ok(GuestDoor { pin, lobby: false }),
            Some(Room { guests: Guests::No, .. }) | None => Err(CloseCode::NoGuests),
        })
    }

    /// Lets a guest in, where the room takes guests and, if it has a lobby, one of its operators says so.
    pub(super) fn admit_guest(&self, ask: &GuestAsk, refusals: &mut Refusals) -> Work<Verdict> {
        let verdict = self.decide_guest(ask)?;
        if let Err(code) = verdict {
            let key = ask.device.fingerprint().to_string();
            self.refuse(refusals, &key, &guest(&ask.name), "refused", ask.room.as_str(), &words(code))?;
        }
        Ok(verdict)
    }

    fn decide_guest(&self, ask: &GuestAsk) -> Work<Verdict> {
        let name = ask.room.as_str();
        let room = match self.room(name)? {
            Some(room) if room.guests != Guests::No => room,
            _ => return Ok(Err(CloseCode::NoGuests)),
        };
        let host = match ask.by {
            Some(by) if self.role_in(by, name)? == Some(SiteRole::Operator) => Some(by),
            _ => None,
        };
        if room.guests == Guests::Lobby && host.is_none() {
            return Ok(Err(CloseCode::NotLetIn));
        }
        let visit = self.visit(name, &Visitor { device: &ask.device, site: None, name: &ask.name })?;
        let by = match host {
            Some(host) => format!("visit {}, let in by {}", visit.0, self.label_of(host.0)?),
            None => format!("visit {}, by the PIN alone", visit.0),
        };
        self.audit_by(&guest(&ask.name), "admitted", name, &by)?;
        Ok(Ok(Admitted {
            site: None,
            name: ask.name.clone(),
            role: SiteRole::Participant,
            guest: true,
            generation: 0,
            visit: Some(visit),
            max_members: room.max_members,
        }))
    }

    fn decide(&self, ask: &Ask) -> Work<Verdict> {
        let site = match self.whose(ask)? {
            Ok(site) => site,
            Err(code) => return Ok(Err(code)),
        };
        let room = ask.room.as_str();
        let Some(Room { access, max_members, .. }) = self.room(room)? else {
            return Ok(Err(CloseCode::NoSuchRoom));
        };
        let (name, site_role, generation): (String, i64, i64) =
            self.db.query_row("SELECT name, role, generation FROM sites WHERE id = ?1", [site.0], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let role = match (self.room_role(site, room)?, access) {
            (Some(here), _) => here,
            (None, Access::All) => role(site_role)?,
            // It exists, but not for this site.
            (None, Access::Listed) => return Ok(Err(CloseCode::NoSuchRoom)),
        };
        let visit = if ask.enters {
            let visit = self.visit(room, &Visitor { device: &ask.device, site: Some(site), name: &name })?;
            let detail = format!("visit {}, as {}, {}", visit.0, role.as_str(), ask.device.fingerprint());
            self.audit_by(&label(&name, site.0), "admitted", room, &detail)?;
            Some(visit)
        } else {
            None
        };
        let generation = generation as u64;
        Ok(Ok(Admitted { site: Some(site), name, role, guest: false, generation, visit, max_members }))
    }

    /// Whose device it is, after its invitation, if it has a good one, is used up.
    fn whose(&self, ask: &Ask) -> Work<Result<SiteId, CloseCode>> {
        let invited = match &ask.code {
            Some(code) => Some(self.invited(code)?),
            None => None,
        };
        let (to, was) = match (self.device(&ask.device)?, invited) {
            (Device::Of(site), None | Some(Invited::No(_))) => return Ok(Ok(site)),
            (Device::ShutOut, None | Some(Invited::No(_))) => return Ok(Err(CloseCode::Revoked)),
            (Device::Unknown, None) => return Ok(Err(CloseCode::NotAdmitted)),
            (Device::Unknown, Some(Invited::No(code))) => return Ok(Err(code)),
            (Device::Of(site), Some(Invited::To(to))) => (to, Some(site)),
            (Device::ShutOut | Device::Unknown, Some(Invited::To(to))) => (to, None),
        };
        if let Some(code) = ask.code.as_ref().filter(|_| ask.enters) {
            self.write(
                "UPDATE invitations SET used = ?2, device = ?3 WHERE hash = ?1",
                params![hash(code), self.now.0, ask.device.as_bytes()],
            )?;
            let actor = self.label_of(to.0)?;
            match was {
                // It has opened the link again on the same machine; nobody else may.
                Some(was) if was == to => {
                    self.audit_by(&actor, "invitation used", &ask.device.fingerprint().to_string(), "again")?;
                }
                Some(was) => {
                    let how = format!("by invitation, before of {}", self.label_of(was.0)?);
                    self.enrol(&ask.device, to, &actor, &how)?;
                }
                None => self.enrol(&ask.device, to, &actor, "by invitation")?,
            }
        }
        Ok(Ok(to))
    }

    fn device(&self, device: &PublicKey) -> Work<Device> {
        let found = self.db.query_row(
            "SELECT site, devices.revoked IS NOT NULL OR sites.revoked IS NOT NULL
             FROM devices JOIN sites ON sites.id = devices.site WHERE key = ?1",
            [device.as_bytes()],
            |row| Ok(if row.get(1)? { Device::ShutOut } else { Device::Of(SiteId(row.get(0)?)) }),
        );
        Ok(found.optional()?.unwrap_or(Device::Unknown))
    }

    fn invited(&self, code: &Code) -> Work<Invited> {
        struct Found {
            site: i64,
            expires: UnixMs,
            void: bool,
            used: bool,
            site_revoked: bool,
        }
        // Found by the hash: how long that takes says nothing about any code.
        let found = self.db.query_row(
            "SELECT site, expires, void IS NOT NULL, used IS NOT NULL, sites.revoked IS NOT NULL
             FROM invitations JOIN sites ON sites.id = invitations.site WHERE hash = ?1",
            [hash(code)],
            |row| {
                Ok(Found {
                    site: row.get(0)?,
                    expires: UnixMs(row.get(1)?),
                    void: row.get(2)?,
                    used: row.get(3)?,
                    site_revoked: row.get(4)?,
                })
            },
        );
        Ok(match found.optional()? {
            None => Invited::No(CloseCode::NotAdmitted),
            // Once used it is good for nothing, and for the device that used it a leftover.
            Some(Found { used: true, .. }) => Invited::No(CloseCode::InvitationUsed),
            Some(Found { expires, .. }) if self.now >= expires => Invited::No(CloseCode::InvitationExpired),
            Some(Found { site_revoked: true, .. }) => Invited::No(CloseCode::Revoked),
            Some(Found { void: true, .. }) => Invited::No(CloseCode::InvitationExpired),
            Some(Found { site, .. }) => Invited::To(SiteId(site)),
        })
    }

    fn room(&self, name: &str) -> Work<Option<Room>> {
        let found = self.db.query_row(
            "SELECT access, guests, pin, max_members FROM rooms WHERE name = ?1",
            [name],
            |row| {
                let most: Option<i64> = row.get(3)?;
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, most))
            },
        );
        let Some((access, guests, pin, most)) = found.optional()? else { return Ok(None) };
        let max_members = most.and_then(|most| usize::try_from(most).ok());
        Ok(Some(Room { access: word(&access)?, guests: word(&guests)?, pin, max_members }))
    }

    fn room_role(&self, site: SiteId, room: &str) -> Work<Option<SiteRole>> {
        let sql = "SELECT role FROM roles WHERE room = ?1 AND site = ?2";
        let found = self.db.query_row(sql, params![room, site.0], |row| row.get(0)).optional()?;
        found.map(role).transpose()
    }

    /// What a site that is not revoked may do in a room.
    fn role_in(&self, site: SiteId, room: &str) -> Work<Option<SiteRole>> {
        let sql = "SELECT role FROM sites WHERE id = ?1 AND revoked IS NULL";
        let Some(everywhere) = self.db.query_row(sql, [site.0], |row| row.get(0)).optional()? else {
            return Ok(None);
        };
        Ok(Some(self.room_role(site, room)?.map_or_else(|| role(everywhere), Ok)?))
    }

    /// Writes a refusal down, if there is room for it this minute. `key` is what is to have one row.
    pub(super) fn refuse(
        &self,
        refusals: &mut Refusals,
        key: &str,
        actor: &str,
        act: &str,
        target: &str,
        detail: &str,
    ) -> Work<()> {
        let minute = self.now.0.div_euclid(60_000);
        let skipped = refusals.skipped_before(minute);
        if skipped > 0 {
            self.audit("refusals not listed", "", &skipped.to_string())?;
        }
        if refusals.take(minute, key) { self.audit_by(actor, act, target, detail) } else { Ok(()) }
    }
}

/// Which refusals are worth a row: one for each key and minute, and only so many.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    minute: i64,
    seen: BTreeSet<String>,
    skipped: u64,
}

impl Refusals {
    /// How many were not written in the minute before this one, to be asked before [`Refusals::take`].
    fn skipped_before(&mut self, minute: i64) -> u64 {
        if self.minute == minute {
            return 0;
        }
        self.minute = minute;
        self.seen.clear();
        std::mem::take(&mut self.skipped)
    }

    fn take(&mut self, minute: i64, key: &str) -> bool {
        debug_assert_eq!(self.minute, minute);
        let new = self.seen.len() < REFUSALS_A_MINUTE && self.seen.insert(key.to_owned());
        self.skipped += u64::from(!new);
        new
    }
}
