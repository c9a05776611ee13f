//! Links: where they lead, and how they are shown.

use super::out;
use super::qr;
use crate::settings::{Place, Public};
use crate::shell::house::House;
use crate::store::{FIRST_ROOM, Registry, RoomRow, StoreError};
use anyhow::{Context as _, anyhow};
use giaoban_proto::link::{Code, Fingerprint, Host, Link, RoomName};
use giaoban_proto::transport::private;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

/// Under which name the store keeps what a bridge has announced.
pub const ANNOUNCED: &str = "announced";

/// What all links of a bridge have in common.
#[derive(Clone, Debug)]
pub struct Links {
    /// Where it is.
    pub host: Host,
    /// Its UDP port.
    pub port: u16,
    /// Its key.
    pub key: Fingerprint,
    /// Its spare key.
    pub spare: Option<Fingerprint>,
}

impl Links {
    /// Those of the bridge of this folder.
    ///
    /// # Errors
    /// It has no key yet, or it is not known where it is.
    pub fn of(house: &House, registry: &Registry, place: &Place) -> anyhow::Result<Self> {
        let key = private::known_identity(&house.key())
            .context("links name the bridge's key, which its first start makes (giaoban-bridge serve)")?
            .fingerprint();
        let spare = match private::closed(&house.spare())? {
            true => Some(private::known_identity(&house.spare())?.fingerprint()),
            false => None,
        };
        let announced = registry.kept(ANNOUNCED)?.and_then(|kept| read_announced(&kept));
        let default_port = announced.as_ref().map_or_else(|| place.listen.port(), |(_, port)| *port);
        let (host, port) = match (&place.public, announced) {
            (Some((host, port)), _) => (host.clone(), port.unwrap_or(default_port)),
            (None, Some(announced)) => announced,
            (None, None) => (own_host()?, default_port),
        };
        Ok(Self { host, port, key, spare })
    }

    /// A link into this room: one that enrols, or for guests, or for devices that are enrolled.
    #[must_use]
    pub fn link(&self, room: RoomName, code: Option<Code>, guest: bool) -> Link {
        let Self { host, port, key, spare } = self.clone();
        Link { host, port, room, key, spare, code, guest }
    }
}

/// The room that a link leads to: the one that was asked for, else the first of the bridge.
///
/// # Errors
/// There is none.
pub fn room(registry: &mut Registry, wanted: Option<&RoomName>) -> anyhow::Result<RoomRow> {
    let mut rooms = registry.rooms()?;
    let at = match wanted {
        Some(wanted) => rooms.iter().position(|room| room.name == wanted.as_str()),
        None => rooms.iter().position(|room| room.name == FIRST_ROOM).or_else(|| rooms.first().map(|_| 0)),
    };
    match (at, wanted) {
        (Some(at), _) => Ok(rooms.swap_remove(at)),
        (None, Some(wanted)) => Err(StoreError::NoSuchRoom(wanted.to_string()).into()),
        (None, None) => Err(anyhow!("there is no room to lead to; make one: giaoban-bridge room add NAME")),
    }
}

/// Prints a link, and its QR code where that can be read.
pub fn show(link: &Link, place: &Place) {
    out::tell(&format!("  {link}"));
    if !(place.qr || out::is_terminal()) {
        return;
    }
    let Some((code, wide)) = qr::code(&link.to_string()) else { return };
    match out::columns() {
        Some(columns) if columns < wide && !place.qr => {
            out::tell(&format!("  (a terminal of {wide} columns would show its QR code)"));
        }
        _ => out::tell(&code),
    }
}

/// What a bridge has announced, as [`crate::settings::written`] writes it.
fn read_announced(kept: &str) -> Option<(Host, u16)> {
    let (host, port) = kept.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some((host.parse().ok()?, port.parse().ok().filter(|&port| port > 0)?))
}

/// Where a bridge is that was told its public name, or listens there.
///
/// # Errors
/// An address cannot be written as a host, which none is known that cannot.
pub fn announced(public: Option<&Public>, listening: std::net::SocketAddr) -> anyhow::Result<(Host, u16)> {
    Ok(match public {
        Some((host, port)) => (host.clone(), port.unwrap_or(listening.port())),
        None if listening.ip().is_unspecified() => (own_host()?, listening.port()),
        None => (host(listening.ip())?, listening.port()),
    })
}

/// An address as a host.
///
/// # Errors
/// None is known.
pub fn host(address: IpAddr) -> anyhow::Result<Host> {
    address.to_string().parse().context("an address as host")
}

fn own_host() -> anyhow::Result<Host> {
    host(own_address().unwrap_or_else(|| Ipv4Addr::LOCALHOST.into()))
}

/// The address from which this machine would call the wide network. Sends nothing: connecting a UDP socket only
/// asks the routing table. The address asked about is one set aside for documentation (RFC 5737).
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::written;

    #[test]
    fn what_was_announced_is_read_as_it_was_written() {
        for (host, port) in [("bridge.example.vn", 4646), ("2001:db8::1", 1), ("10.0.0.1", 65535)] {
            let host: Host = host.parse().expect("a host");
            assert_eq!(read_announced(&written(&host, port)), Some((host, port)));
        }
        for wrong in ["", "host", "host:", "host:0", "a b:1", ":1"] {
            assert_eq!(read_announced(wrong), None, "{wrong}");
        }
    }
}
