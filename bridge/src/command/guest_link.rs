//! `guest-link`: what lets somebody in who has no device of a site.

use super::{Ended, link, out, room};
use crate::settings::Place;
use crate::shell::house::House;
use crate::store::Guests;
use giaoban_proto::link::RoomName;
use serde_json::json;

pub(super) fn run(house: &House, json: bool, wanted: &RoomName, place: &Place) -> anyhow::Result<Ended> {
    let mut registry = house.registry()?;
    let room = room::find(&mut registry, wanted.as_str())?;
    let link = link::Links::of(house, &registry, place)?.link(wanted.clone(), None, true);
    if room.guests == Guests::No {
        anyhow::bail!(
            "room {wanted} takes no guests; let them wait for an operator: giaoban-bridge room set '{wanted}' --guests \
             lobby"
        );
    }
    if json {
        let guests = room.guests.as_str();
        out::json(&json!({ "room": room.name, "guests": guests, "link": link.to_string(), "pin": room.pin }));
        return Ok(Ended::Well);
    }
    let (english, vietnamese) = match room.guests {
        Guests::Admit => ("whoever has both comes in", "ai có đủ hai thứ này đều vào được"),
        Guests::No | Guests::Lobby => ("an operator lets them in", "người điều hành sẽ cho vào"),
    };
    out::tell(&format!("guests of room {wanted}: {english} / khách của phòng {wanted}: {vietnamese}"));
    link::show(&link, place);
    out::tell(&format!("  PIN: {}", room.pin));
    out::tell("Give the PIN by another way than the link, such as by telephone.");
    out::tell("Nên báo mã PIN bằng đường khác, ví dụ qua điện thoại.");
    Ok(Ended::Well)
}
