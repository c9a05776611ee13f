//! `site`: who may come in, and as what.

use super::table::Table;
use super::{Ended, invite, link, out, time};
use crate::settings::{LinkTo, Site as Asked};
use crate::shell::house::House;
use crate::store::{Access, Registry, Site, StoreError};
use giaoban_proto::link::composed;
use giaoban_proto::wire::SiteRole;
use serde_json::{Value, json};

pub(super) fn run(house: &House, json: bool, asked: Asked) -> anyhow::Result<Ended> {
    let mut registry = house.registry()?;
    let registry = &mut registry;
    match asked {
        Asked::Add(name, role, to) => add(house, registry, json, &name, role, &to)?,
        Asked::List => list(registry, json)?,
        Asked::Revoke(site) => {
            let site = find(registry, &site)?;
            registry.revoke_site(&site.name)?;
            changed(registry, json, &site, |name| {
                format!(
                    "{name} is shut out: its sessions end, its PCs are known no more. `giaoban-bridge invite` takes it \
                     back, with a new PC.\n{name} đã bị chặn: các máy của điểm này không vào họp được nữa."
                )
            })?;
        }
        Asked::Rename(site, to) => {
            let site = find(registry, &site)?;
            registry.rename_site(&site.name, &to)?;
            changed(registry, json, &site, |_| {
                format!("{} is now called {}", out::harmless(&site.name), out::harmless(&to))
            })?;
        }
        Asked::Role(site, role, room) => {
            let site = find(registry, &site)?;
            match (role, &room) {
                (Some(role), room) => {
                    registry.set_role(
                        &site.name,
                        role,
                        room.as_ref().map(giaoban_proto::link::RoomName::as_str),
                    )?;
                }
                (None, Some(room)) => registry.clear_role(&site.name, room.as_str())?,
                (None, None) => {}
            }
            changed(registry, json, &site, |name| {
                let place = room.as_ref().map(|room| format!(" in room {room}")).unwrap_or_default();
                match role {
                    Some(role) => format!("{name} is {role}{place}"),
                    None => format!("{name} has no role of its own{place} any more"),
                }
            })?;
        }
    }
    Ok(Ended::Well)
}

fn add(
    house: &House,
    registry: &mut Registry,
    json: bool,
    name: &str,
    role: SiteRole,
    to: &LinkTo,
) -> anyhow::Result<()> {
    // All that can fail comes before the site is there, so that a second try meets nothing half done.
    let links = link::Links::of(house, registry, &to.place)?;
    let room = link::room(registry, to.room.as_ref())?;
    let site = registry.add_site(name, role)?;
    if to.room.is_some() && room.access == Access::Listed {
        registry.set_role(&site.name, role, Some(&room.name))?;
    }
    invite::give(registry, &links, &site, &room, to, json)
}

fn list(registry: &mut Registry, json: bool) -> anyhow::Result<()> {
    let sites = registry.sites()?;
    if json {
        out::json(&sites.iter().map(as_json).collect());
        return Ok(());
    }
    let zone = time::zone();
    let mut table = Table::new(&["#", "site / điểm", "role", "PCs", "state", "in rooms"]);
    for site in &sites {
        let state = match (site.revoked, site.online, site.devices, site.last_seen) {
            (true, ..) => "revoked".to_owned(),
            (_, true, ..) => "in a meeting".to_owned(),
            (_, _, 0, _) => "not enrolled yet".to_owned(),
            (_, _, _, Some(seen)) => format!("last seen {}", time::local(&zone, seen)),
            (_, _, _, None) => "never seen".to_owned(),
        };
        let rooms: Vec<String> =
            site.room_roles.iter().map(|(room, role)| format!("{room}: {role}")).collect();
        table.row([
            site.id.0.to_string(),
            site.name.clone(),
            site.role.to_string(),
            site.devices.to_string(),
            state,
            rooms.join(", "),
        ]);
    }
    if table.is_empty() {
        out::tell("there are no sites; `giaoban-bridge site add NAME` adds one");
    } else {
        out::tell(&table.to_string());
    }
    Ok(())
}

/// Says what has become of a site.
fn changed(
    registry: &mut Registry,
    json: bool,
    site: &Site,
    words: impl FnOnce(&str) -> String,
) -> anyhow::Result<()> {
    if json {
        out::json(&as_json(&again(registry, site)?));
    } else {
        out::tell(&words(&out::harmless(&site.name)));
    }
    Ok(())
}

/// The same site as it is now.
pub(super) fn again(registry: &mut Registry, site: &Site) -> Result<Site, StoreError> {
    let found = registry.sites()?.into_iter().find(|now| now.id == site.id);
    found.ok_or_else(|| StoreError::NoSuchSite(site.name.clone()))
}

/// The site of this name, or of this number where none is named so, as the store finds it too. To the store it is then
/// to be given by its name: its number may be another's name.
pub(super) fn find(registry: &mut Registry, wanted: &str) -> Result<Site, StoreError> {
    let mut sites = registry.sites()?;
    let wanted = &composed(wanted);
    let number = wanted.trim_start_matches('#').parse::<i64>().ok();
    let at = sites
        .iter()
        .position(|site| site.name == *wanted)
        .or_else(|| sites.iter().position(|site| Some(site.id.0) == number));
    at.map(|at| sites.swap_remove(at)).ok_or_else(|| StoreError::NoSuchSite(wanted.to_owned()))
}

pub(super) fn as_json(site: &Site) -> Value {
    let roles: serde_json::Map<String, Value> =
        site.room_roles.iter().map(|(room, role)| (room.clone(), role.as_str().into())).collect();
    json!({
        "id": site.id.0,
        "name": site.name,
        "role": site.role.as_str(),
        "room_roles": roles,
        "devices": site.devices,
        "revoked": site.revoked,
        "online": site.online,
        "created_unix_ms": site.created.0,
        "last_seen_unix_ms": site.last_seen.map(|at| at.0),
    })
}
