//! Rooms: where meetings are held, and who may come to them.

use super::desk::{Desk, Work, random};
use super::{Registry, StoreError, attendance};
use giaoban_proto::link::{RoomName, composed};
use giaoban_proto::pin::Pin;
use giaoban_proto::wire::SiteRole;
use rusqlite::{OptionalExtension, params};
use std::fmt;
use std::str::FromStr;

/// How many digits a PIN has that the store makes.
const PIN_DIGITS: usize = giaoban_proto::pin::MIN_DIGITS;

/// Which sites may come into a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every enrolled site.
    All,
    /// Those whose role in this room is set.
    Listed,
}

/// What becomes of guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guests {
    /// There are none.
    No,
    /// They wait for an operator.
    Lobby,
    /// Whoever knows the PIN is in.
    Admit,
}

/// A text is neither of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is one of: {0}")]
pub struct NoSuchWord(&'static str);

impl Access {
    /// As it is typed and kept.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Listed => "listed",
        }
    }
}

impl Guests {
    /// As it is typed and kept.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Lobby => "lobby",
            Self::Admit => "admit",
        }
    }
}

impl FromStr for Access {
    type Err = NoSuchWord;

    fn from_str(text: &str) -> Result<Self, NoSuchWord> {
        let found = [Self::All, Self::Listed].into_iter().find(|access| access.as_str() == text);
        found.ok_or(NoSuchWord("all, listed"))
    }
}

impl FromStr for Guests {
    type Err = NoSuchWord;

    fn from_str(text: &str) -> Result<Self, NoSuchWord> {
        let found = [Self::No, Self::Lobby, Self::Admit].into_iter().find(|guests| guests.as_str() == text);
        found.ok_or(NoSuchWord("no, lobby, admit"))
    }
}

/// A room, as a person wants to see it.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomRow {
    /// Its name.
    pub name: String,
    /// Which sites may come in.
    pub access: Access,
    /// What becomes of guests.
    pub guests: Guests,
    /// What a guest must know.
    pub pin: String,
    /// How many may be in it, where that is not the bridge's own number.
    pub max_members: Option<usize>,
    /// Whose role is set in this room, by name.
    pub roles: Vec<(String, SiteRole)>,
    /// How many are in it, if a bridge runs.
    pub inside: usize,
}

impl fmt::Debug for RoomRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomRow").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is to be different about a room; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomChange {
    /// Which sites may come in.
    pub access: Option<Access>,
    /// What becomes of guests.
    pub guests: Option<Guests>,
    /// What a guest must know.
    pub pin: Option<NewPin>,
    /// How many may be in it; the inner `None` for the bridge's own number.
    pub max_members: Option<Option<usize>>,
}

/// A PIN to be set.
#[derive(Clone, PartialEq, Eq)]
pub enum NewPin {
    /// A random one.
    Fresh,
    /// This one: 8 to 16 digits.
    Is(String),
}

impl fmt::Debug for NewPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPin(…)")
    }
}

impl Registry {
    /// All rooms, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    pub fn rooms(&mut self) -> Result<Vec<RoomRow>, StoreError> {
        let now = self.now();
        self.read(|db| {
            let lives = attendance::lives(attendance::alive(db)?, now);
            let mut roles = db.prepare(
                "SELECT sites.name, roles.role FROM roles JOIN sites ON sites.id = roles.site
                 WHERE roles.room = ?1 ORDER BY sites.name",
            )?;
            let mut rows = db.prepare(
                "SELECT name, access, guests, pin, max_members,
                     (SELECT count(*) FROM visits WHERE room = rooms.name AND left IS NULL)
                 FROM rooms ORDER BY name",
            )?;
            let mut rooms = Vec::new();
            let mut rows = rows.query([])?;
            while let Some(row) = rows.next()? {
                let name: String = row.get(0)?;
                let mut listed = Vec::new();
                let mut in_room = roles.query([&name])?;
                while let Some(row) = in_room.next()? {
                    listed.push((row.get(0)?, super::sites::role(row.get(1)?)?));
                }
                rooms.push(RoomRow {
                    name,
                    access: word(&row.get::<_, String>(1)?)?,
                    guests: word(&row.get::<_, String>(2)?)?,
                    pin: row.get(3)?,
                    max_members: row.get::<_, Option<i64>>(4)?.map(|most| most as usize),
                    roles: listed,
                    inside: if lives { row.get::<_, i64>(5)? as usize } else { 0 },
                });
            }
            Ok(rooms)
        })
    }

    /// Adds a room for every site and no guests, with a PIN for the day when there are.
    ///
    /// # Errors
    /// [`StoreError`]: the name is taken or none.
    pub fn add_room(&mut self, name: &str) -> Result<(), StoreError> {
        let name = &composed(name);
        self.change(|desk| desk.add_room(name, Guests::No))
    }

    /// Changes a room.
    ///
    /// # Errors
    /// [`StoreError`]: there is no such room, or the change makes no sense. Nothing is changed then.
    pub fn set_room(&mut self, name: &str, change: &RoomChange) -> Result<(), StoreError> {
        let name = &composed(name);
        self.change(|desk| {
            desk.find_room(name)?;
            let mut said = Vec::new();
            if let Some(access) = change.access {
                desk.write("UPDATE rooms SET access = ?2 WHERE name = ?1", [name, access.as_str()])?;
                said.push(format!("access {}", access.as_str()));
            }
            if let Some(guests) = change.guests {
                desk.write("UPDATE rooms SET guests = ?2 WHERE name = ?1", [name, guests.as_str()])?;
                said.push(format!("guests {}", guests.as_str()));
            }
            if let Some(pin) = &change.pin {
                let pin = match pin {
                    NewPin::Fresh => fresh_pin()?,
                    NewPin::Is(pin) => {
                        pin.parse::<Pin>().map_err(|_| StoreError::BadPin)?.reveal().to_owned()
                    }
                };
                desk.write("UPDATE rooms SET pin = ?2 WHERE name = ?1", [name, &pin])?;
                // The audit is read by more people than may know it.
                said.push("a new PIN".to_owned());
            }
            if let Some(most) = change.max_members {
                if most == Some(0) {
                    return Err(StoreError::NoMembers);
                }
                let kept = most.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
                desk.write("UPDATE rooms SET max_members = ?2 WHERE name = ?1", params![name, kept])?;
                said.push(
                    most.map_or_else(|| "members as the bridge".to_owned(), |most| format!("members {most}")),
                );
            }
            if said.is_empty() {
                return Ok(());
            }
            desk.touch();
            desk.audit("room set", name, &said.join(", "))
        })
    }

    /// Removes a room, and what was said about roles in it. Who was there stays in the attendance.
    ///
    /// # Errors
    /// [`StoreError`]: there is no such room.
    pub fn remove_room(&mut self, name: &str) -> Result<(), StoreError> {
        let name = &composed(name);
        self.change(|desk| {
            desk.find_room(name)?;
            desk.write("DELETE FROM rooms WHERE name = ?1", [name])?;
            desk.touch();
            desk.audit("room removed", name, "")
        })
    }
}

impl Desk<'_> {
    pub(super) fn find_room(&self, name: &str) -> Work<()> {
        let found =
            self.db.query_row("SELECT 1 FROM rooms WHERE name = ?1", [name], |_| Ok(())).optional()?;
        found.ok_or_else(|| StoreError::NoSuchRoom(name.to_owned()))
    }

    pub(super) fn add_room(&self, name: &str, guests: Guests) -> Work<()> {
        name.parse::<RoomName>()?;
        match self.find_room(name) {
            Err(StoreError::NoSuchRoom(_)) => {}
            Ok(()) => return Err(StoreError::RoomExists(name.to_owned())),
            Err(error) => return Err(error),
        }
        self.write(
            "INSERT INTO rooms (name, access, guests, pin) VALUES (?1, 'all', ?2, ?3)",
            params![name, guests.as_str(), fresh_pin()?],
        )?;
        self.touch();
        self.audit("room added", name, &format!("access all, guests {}", guests.as_str()))
    }
}

/// A word as it is kept.
pub(super) fn word<T: FromStr>(text: &str) -> Work<T> {
    text.parse().map_err(|_| StoreError::Damaged(Default::default()))
}

/// A random PIN, each as likely as any other.
pub(super) fn fresh_pin() -> Work<String> {
    let mut pin = String::with_capacity(PIN_DIGITS);
    while pin.len() < PIN_DIGITS {
        for byte in random::<16>()? {
            // 250 is the largest multiple of ten in a byte.
            if byte < 250 && pin.len() < PIN_DIGITS {
                pin.push(char::from(b'0' + byte % 10));
            }
        }
    }
    Ok(pin)
}
