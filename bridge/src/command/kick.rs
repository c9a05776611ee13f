//! `kick`: ends a site's sessions.

use super::{Ended, out, site};
use crate::shell::house::House;

pub(super) fn run(house: &House, json: bool, wanted: &str) -> anyhow::Result<Ended> {
    let mut registry = house.registry()?;
    let site = site::find(&mut registry, wanted)?;
    registry.kick(&site.name)?;
    if json {
        out::json(&site::as_json(&site));
    } else {
        let name = out::harmless(&site.name);
        out::tell(&format!(
            "{name}: its sessions end. It may come again; `giaoban-bridge site revoke` shuts it out."
        ));
        out::tell(&format!("{name}: đã ngắt khỏi cuộc họp; điểm này vẫn có thể vào lại."));
    }
    Ok(Ended::Well)
}
