//! `announcements`: what operators can play into their meetings.

use super::table::Table;
use super::{Ended, out};
use crate::shell::house::House;
use anyhow::Context as _;
use serde_json::json;

pub(super) fn run(house: &House, json: bool) -> anyhow::Result<Ended> {
    let (announcements, folder) = (house.announcements(), house.announcements_folder());
    let names = announcements.list().with_context(|| format!("cannot look into {}", folder.display()))?;
    let found: Vec<_> = names.into_iter().map(|name| (announcements.seconds(&name), name)).collect();
    if json {
        let rows: Vec<_> = found
            .iter()
            .map(|(seconds, name)| match seconds {
                Ok(seconds) => json!({ "name": name, "seconds": seconds }),
                Err(why) => json!({ "name": name, "fault": why.to_string() }),
            })
            .collect();
        out::json(&rows.into());
        return Ok(Ended::Well);
    }
    let mut table = Table::new(&["announcement / thông báo", "seconds / giây"]);
    for (seconds, name) in found {
        table.row([name, seconds.map_or_else(|why| why.to_string(), |seconds| format!("{seconds:.1}"))]);
    }
    if table.is_empty() {
        out::tell(&format!("there are none; put WAV or Ogg Opus files into {}", folder.display()));
    } else {
        out::tell(&table.to_string());
    }
    Ok(Ended::Well)
}
