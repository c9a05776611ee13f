//! `room`: where meetings are held.

use super::table::Table;
use super::{Ended, out};
use crate::settings::Room as Asked;
use crate::shell::house::House;
use crate::store::{Guests, Registry, RoomChange, RoomRow, StoreError};
use serde_json::{Value, json};

pub(super) fn run(house: &House, json: bool, asked: Asked) -> anyhow::Result<Ended> {
    let mut registry = house.registry()?;
    match asked {
        Asked::Add(name, change) => {
            registry.add_room(name.as_str())?;
            if change != RoomChange::default() {
                registry.set_room(name.as_str(), &change)?;
            }
            shown(&mut registry, json, name.as_str(), "added")?;
        }
        Asked::List => list(&registry.rooms()?, json),
        Asked::Set(name, change) => {
            registry.set_room(name.as_str(), &change)?;
            shown(&mut registry, json, name.as_str(), "set")?;
        }
        Asked::Remove(name) => {
            registry.remove_room(name.as_str())?;
            if json {
                out::json(&json!({ "removed": name.as_str() }));
            } else {
                out::tell(&format!("room {name}: removed; its attendance stays"));
            }
        }
    }
    Ok(Ended::Well)
}

fn shown(registry: &mut Registry, json: bool, name: &str, done: &str) -> anyhow::Result<()> {
    let room = find(registry, name)?;
    if json {
        out::json(&as_json(&room));
    } else {
        out::tell(&format!("room {name}: {done}"));
        list(&[room], false);
    }
    Ok(())
}

/// The room of this name.
pub(super) fn find(registry: &mut Registry, name: &str) -> Result<RoomRow, StoreError> {
    let found = registry.rooms()?.into_iter().find(|room| room.name == name);
    found.ok_or_else(|| StoreError::NoSuchRoom(name.to_owned()))
}

fn list(rooms: &[RoomRow], json: bool) {
    if json {
        out::json(&rooms.iter().map(as_json).collect());
        return;
    }
    let mut table =
        Table::new(&["room / phòng", "access", "guests", "PIN", "members", "now inside", "roles here"]);
    for room in rooms {
        let roles: Vec<String> = room.roles.iter().map(|(site, role)| format!("{site}: {role}")).collect();
        table.row([
            room.name.clone(),
            room.access.as_str().to_owned(),
            room.guests.as_str().to_owned(),
            // Of no use to anybody while there are no guests.
            if room.guests == Guests::No { "-".to_owned() } else { room.pin.clone() },
            room.max_members.map_or_else(|| "as the bridge".to_owned(), |most| most.to_string()),
            room.inside.to_string(),
            roles.join(", "),
        ]);
    }
    if table.is_empty() {
        out::tell("there are no rooms; `giaoban-bridge room add NAME` adds one");
    } else {
        out::tell(&table.to_string());
    }
}

fn as_json(room: &RoomRow) -> Value {
    let roles: serde_json::Map<String, Value> =
        room.roles.iter().map(|(site, role)| (site.clone(), role.as_str().into())).collect();
    json!({
        "name": room.name,
        "access": room.access.as_str(),
        "guests": room.guests.as_str(),
        "pin": room.pin,
        "max_members": room.max_members,
        "inside": room.inside,
        "roles": roles,
    })
}
