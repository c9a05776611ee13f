//! What was typed before a meeting, and what it means. Pure.

use crate::meeting::{Entry, Meeting};
use crate::settings::MAX_NAME_BYTES;
use giaoban_proto::link::{Link, RoomName, place};
use giaoban_proto::pin::Pin;
use giaoban_proto::transport::Pins;

/// As it stands in the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// Whether an address and a PIN are typed, and not a link.
    pub dialling: bool,
    /// The link.
    pub link: String,
    /// The bridge's address.
    pub host: String,
    /// The room.
    pub room: String,
    /// The PIN.
    pub pin: String,
    /// How a guest wishes to be called.
    pub name: String,
}

/// Why one cannot join by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// There is no link.
    NoLink,
    /// It is no link.
    Link,
    /// There is no such address.
    Address,
    /// No room has this name.
    Room,
    /// A PIN has 8 to 16 digits.
    Pin,
    /// The name is too long.
    Name,
}

impl Typed {
    /// The link in what was pasted: mails break lines, and put links in brackets and sentences.
    #[must_use]
    pub fn found(&self) -> Option<Link> {
        let whole: String = self.link.split_whitespace().collect();
        let begin = whole.find("giaoban://")?;
        let link = whole[begin..].trim_end_matches(['>', ')', ']', '.', ',', ';', '"', '\'', '”', '»']);
        link.parse().ok()
    }

    /// Whether a PIN is to be asked for.
    #[must_use]
    pub fn wants_pin(&self) -> bool {
        self.dialling || self.found().is_some_and(|link| link.guest)
    }

    /// Where to, by what right, and under which name.
    ///
    /// # Errors
    /// [`Wrong`], the first from above.
    pub fn meeting(&self) -> Result<(Meeting, String), Wrong> {
        let name = self.name.trim();
        if name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
            return Err(Wrong::Name);
        }
        let pin = || self.pin.split_whitespace().collect::<String>().parse::<Pin>().map_err(|_| Wrong::Pin);
        if self.dialling {
            let (host, port) = place(self.host.trim()).map_err(|_| Wrong::Address)?;
            let typed = self.room.trim();
            let typed = if typed.is_empty() { "giaoban" } else { typed };
            let room = typed.parse::<RoomName>().map_err(|_| Wrong::Room)?;
            let entry = Entry::Guest { pin: pin()?, pins: None };
            return Ok((Meeting { host, port, room, entry }, name.into()));
        }
        if self.link.trim().is_empty() {
            return Err(Wrong::NoLink);
        }
        let link = self.found().ok_or(Wrong::Link)?;
        if !link.guest {
            return Ok((Meeting::for_device(link), name.into()));
        }
        let pin = pin()?;
        let pins = Some(Pins::from(&link));
        let Link { host, port, room, .. } = link;
        Ok((Meeting { host, port, room, entry: Entry::Guest { pin, pins } }, name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::link::Fingerprint;

    fn link(guest: bool) -> String {
        let link = Link {
            host: "hop.example.vn".parse().expect("a host"),
            port: 4646,
            room: "giaoban".parse().expect("a room"),
            key: Fingerprint::from_bytes([7; 16]),
            spare: None,
            code: None,
            guest,
        };
        link.to_string()
    }

    fn pasted(text: &str) -> Typed {
        Typed { link: text.into(), ..Typed::default() }
    }

    #[test]
    fn a_link_is_found_in_whatever_was_pasted() {
        let link = link(false);
        let (head, tail) = link.split_at(20);
        for text in [
            link.clone(),
            format!("  {link}\n"),
            format!("Kính gửi xã Tri Lễ: <{link}>."),
            format!("{head}\r\n{tail}"),
        ] {
            let (meeting, _) = pasted(&text).meeting().expect(&text);
            assert_eq!(meeting.address(), "hop.example.vn:4646");
        }
        assert_eq!(pasted(" ").meeting(), Err(Wrong::NoLink));
        for text in ["https://hop.example.vn", "giaoban://", "12345678"] {
            assert_eq!(pasted(text).meeting(), Err(Wrong::Link), "{text}");
        }
    }

    #[test]
    fn a_guest_needs_a_pin_and_an_address_is_enough() {
        let guest = pasted(&link(true));
        assert!(guest.wants_pin() && !pasted(&link(false)).wants_pin());
        assert_eq!(guest.meeting(), Err(Wrong::Pin));
        let with = |pin: &str| Typed { pin: pin.into(), ..guest.clone() }.meeting();
        assert!(with("1234 5678").is_ok(), "as it is read out");
        assert_eq!(with("1234"), Err(Wrong::Pin));
        let dial = |host: &str, room: &str, pin: &str, name: &str| {
            let [host, room, pin, name] = [host, room, pin, name].map(str::to_owned);
            Typed { dialling: true, host, room, pin, name, ..Typed::default() }.meeting()
        };
        let (meeting, name) = dial("hop.example.vn", "", "12345678", " Bác sĩ Lan ").expect("all is there");
        assert_eq!((meeting.room.as_str(), name.as_str()), ("giaoban", "Bác sĩ Lan"));
        assert_eq!(dial("", "", "12345678", ""), Err(Wrong::Address));
        assert_eq!(dial("hop.example.vn", "", "", ""), Err(Wrong::Pin));
        assert_eq!(dial("hop.example.vn", "", "12345678", &"x".repeat(65)), Err(Wrong::Name));
    }
}
