//! `invite`: a new invitation for a site that is there.

use super::{Ended, link, out, site, time};
use crate::settings::LinkTo;
use crate::shell::house::House;
use crate::store::{Access, Registry, RoomRow, Site};
use serde_json::json;

pub(super) fn run(house: &House, json: bool, wanted: &str, to: &LinkTo) -> anyhow::Result<Ended> {
    let mut registry = house.registry()?;
    let links = link::Links::of(house, &registry, &to.place)?;
    let room = link::room(&mut registry, to.room.as_ref())?;
    let site = site::find(&mut registry, wanted)?;
    give(&mut registry, &links, &site, &room, to, json)?;
    Ok(Ended::Well)
}

/// Makes an invitation for `site` and prints the link that holds it.
pub(super) fn give(
    registry: &mut Registry,
    links: &link::Links,
    site: &Site,
    room: &RoomRow,
    to: &LinkTo,
    json: bool,
) -> anyhow::Result<()> {
    let invitation = registry.invite(&site.name)?;
    let link = links.link(room.name.parse()?, Some(invitation.code), false);
    let site = site::again(registry, site)?;
    let let_in = room.access == Access::All || site.room_roles.contains_key(&room.name);
    if json {
        out::json(&json!({
            "site": site::as_json(&site),
            "room": room.name,
            "link": link.to_string(),
            "expires_unix_ms": invitation.expires.0,
        }));
    } else {
        let until = time::local(&time::zone(), invitation.expires);
        let name = out::harmless(&site.name);
        out::tell(&format!(
            "{name} ({}): this link enrols one PC, once, until {until}. Send it to this site only.",
            site.role
        ));
        out::tell(&format!(
            "{name}: liên kết này dùng được một lần, cho một máy, đến {until}. Chỉ gửi cho điểm này."
        ));
        link::show(&link, &to.place);
    }
    if !let_in {
        out::warn(&format!(
            "room {} takes listed sites only, and this one is not; list it: giaoban-bridge site role {} {} --room {}",
            room.name, site.id.0, site.role, room.name
        ));
    }
    Ok(())
}
