//! `messages`: what was said in writing in a room's meetings.

use super::table::Table;
use super::{Ended, out, time};
use crate::settings::Messages as Asked;
use crate::shell::house::House;
use crate::store::VisitFilter;
use anyhow::Context as _;
use serde_json::json;

pub(super) fn run(house: &House, json: bool, asked: &Asked) -> anyhow::Result<Ended> {
    let registry = house.registry()?;
    let zone = time::zone();
    let since = asked
        .since
        .map(|since| since.begin(&zone, time::now()).context("--since: that moment is too far away"))
        .transpose()?;
    let filter = VisitFilter { room: Some(asked.room.to_string()), since, until: None };
    let messages = registry.messages(&filter)?;
    if json {
        let rows = messages.iter().map(|message| {
            json!({
                "room": message.room,
                "unix_ms": message.at.0,
                "at": time::rfc3339(&zone, message.at),
                "site": message.site.map(|site| site.0),
                "name": message.name,
                "to_operators": message.to_operators,
                "text": message.text,
            })
        });
        out::json(&rows.collect());
        return Ok(Ended::Well);
    }
    let mut table = Table::new(&["when / lúc", "who / ai", "to / gửi", "text / nội dung"]);
    for message in messages {
        let guest = if message.site.is_none() { " (guest / khách)" } else { "" };
        table.row([
            time::exact(&zone, message.at),
            format!("{}{guest}", message.name),
            if message.to_operators { "operators / điều hành" } else { "all / tất cả" }.to_owned(),
            message.text,
        ]);
    }
    if table.is_empty() {
        out::tell("nothing was written in that room then / không có tin nhắn nào trong thời gian này");
    } else {
        out::tell(&table.to_string());
    }
    Ok(Ended::Well)
}
