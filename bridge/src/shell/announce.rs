//! What a bridge says when it has started: where it listens, and by which links one comes in.

use super::house::House;
use crate::command::link::{self, Links};
use crate::command::out;
use crate::settings::Serve;
use crate::store::{FirstStart, Guests, Registry, RoomRow, StoreError};
use giaoban_proto::link::Link;
use serde_json::json;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

/// Where it listens by TCP, or where it could not.
pub(super) type SideDoor = Result<Option<SocketAddr>, (SocketAddr, io::Error)>;

/// What the store has to say to it.
#[derive(Debug)]
pub(super) struct Known {
    /// The invitation for an operator, while there is none.
    first: Option<FirstStart>,
    /// The room that links lead to, if there is any.
    room: Option<RoomRow>,
}

impl Known {
    /// Asks the store, and keeps there what the command line makes links from.
    pub(super) fn ask(registry: &mut Registry, links: &Links) -> Result<Self, StoreError> {
        registry.keep(link::ANNOUNCED, &crate::settings::written(&links.host, links.port))?;
        crate::command::key::note(registry, links.key)?;
        Ok(Self { first: registry.first_start()?, room: link::room(registry, None).ok() })
    }
}

/// The links of a bridge that listens here.
pub(super) fn links(
    serve: &Serve,
    listening: SocketAddr,
    keys: &super::house::Keys,
) -> anyhow::Result<Links> {
    let (host, port) = link::announced(serve.public.as_ref(), listening)?;
    Ok(Links { host, port, key: keys.identity.fingerprint(), spare: Some(keys.spare) })
}

/// Says it.
pub(super) fn announce(
    house: &House,
    json: bool,
    listening: SocketAddr,
    side_door: &SideDoor,
    links: &Links,
    known: &Known,
) -> anyhow::Result<()> {
    let here = here(listening, links)?;
    let room = known.room.as_ref();
    let name = room.map(|room| room.name.parse()).transpose()?;
    // Each with the same link for this machine itself, where its own address may not lead.
    let both = |code, guest| -> Option<(Link, Link)> {
        let link = |links: &Links| name.clone().map(|name| links.link(name, code, guest));
        Some((link(links)?, link(&here)?))
    };
    let operator = known.first.as_ref().and_then(|first| both(Some(first.invitation.code), false));
    let guests = room.filter(|room| known.first.is_some() && room.guests != Guests::No);
    let guest = guests.and_then(|room| Some((both(None, true)?, room)));
    if json {
        let text = |link: &Link| link.to_string();
        out::json(&json!({
            "listening": listening.to_string(),
            "listening_tcp": side_door.as_ref().ok().and_then(Option::as_ref).map(ToString::to_string),
            "data": house.folder().display().to_string(),
            "key": links.key.to_string(),
            "spare": links.spare.map(|spare| spare.to_string()),
            "operator_link": operator.as_ref().map(|(link, _)| text(link)),
            "operator_link_here": operator.as_ref().map(|(_, here)| text(here)),
            "guest_link": guest.as_ref().map(|((link, _), _)| text(link)),
            "guest_link_here": guest.as_ref().map(|((_, here), _)| text(here)),
            "guest_pin": guest.as_ref().map(|(_, room)| &room.pin),
        }));
        return Ok(());
    }
    out::tell(&format!("giaoban bridge {} on UDP {listening}", env!("CARGO_PKG_VERSION")));
    match side_door {
        Ok(Some(at)) => {
            out::tell(&format!("and on TCP {at}, for sites whose network lets no UDP through"));
        }
        Ok(None) => {}
        Err((at, error)) => {
            out::tell(&format!(
                "not on TCP {at} ({error}): sites whose network lets no UDP through cannot come in; \
                 --listen-tcp names another address"
            ));
            out::tell(&format!("không mở được TCP {at}: điểm nào bị chặn UDP sẽ không vào được."));
        }
    }
    out::tell(&format!("data: {}", house.folder().display()));
    let show = |(link, here): &(Link, Link)| {
        out::tell(&format!("  {link}"));
        if here != link {
            out::tell(&format!("  on this machine / trên máy này:\n  {here}"));
        }
    };
    if let (Some(first), Some(operator)) = (&known.first, &operator) {
        let site = out::harmless(&first.site);
        out::tell(&format!("link for the operator's PC ({site}), good once and for 72 hours:"));
        out::tell(&format!("liên kết cho máy của người điều hành ({site}), dùng một lần, trong 72 giờ:"));
        show(operator);
        if let Some((guest, room)) = &guest {
            let how =
                if room.guests == Guests::Lobby { "an operator lets them in" } else { "they are let in" };
            out::tell(&format!("link for guests of room {} ({how}) / liên kết cho khách:", room.name));
            show(guest);
            out::tell(&format!("  PIN: {}", room.pin));
        }
    }
    out::tell("A link for each site / liên kết cho từng điểm: giaoban-bridge site add \"UBND xã …\"");
    if known.first.is_none() {
        out::tell("A new PC for a site / máy mới cho một điểm: giaoban-bridge invite SITE");
        let room = room.map_or("ROOM", |room| room.name.as_str());
        out::tell(&format!("A link for guests / liên kết cho khách: giaoban-bridge guest-link {room}"));
    }
    out::tell("Ctrl-C stops the bridge / Ctrl-C để dừng.");
    Ok(())
}

/// The same bridge as this machine reaches it.
fn here(listening: SocketAddr, links: &Links) -> anyhow::Result<Links> {
    let address = if listening.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { listening.ip() };
    Ok(Links { host: link::host(address)?, port: listening.port(), ..links.clone() })
}
