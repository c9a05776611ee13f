//! Where a client goes, by what right it comes in, and whose key must answer. Pure.

use giaoban_proto::link::{Code, Fingerprint, Host, Link, RoomName};
use giaoban_proto::pin::Pin;
use giaoban_proto::transport::{Pins, Trust};

/// A room of a bridge, and the way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// Name or address of the bridge.
    pub host: Host,
    /// Its UDP port.
    pub port: u16,
    /// The room.
    pub room: RoomName,
    /// By what right.
    pub entry: Entry,
}

/// By what right a client comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// By its own key, which the bridge knows or gets to know by the code.
    Device {
        /// Whose key must answer.
        pins: Pins,
        /// The invitation, when the link holds one.
        code: Option<Code>,
    },
    /// By the meeting's PIN.
    Guest {
        /// What the person was told.
        pin: Pin,
        /// Whose key must answer, where there is a link; else the PIN's exchange tells.
        pins: Option<Pins>,
    },
}

impl Meeting {
    /// As the link of a device says.
    #[must_use]
    pub fn for_device(link: Link) -> Self {
        let pins = Pins::from(&link);
        let Link { host, port, room, code, .. } = link;
        Self { host, port, room, entry: Entry::Device { pins, code } }
    }

    /// As a guest's link says, with the PIN that goes with it.
    #[must_use]
    pub fn for_guest(link: Link, pin: Pin) -> Self {
        let pins = Some(Pins::from(&link));
        let Link { host, port, room, .. } = link;
        Self { host, port, room, entry: Entry::Guest { pin, pins } }
    }

    /// The bridge as people write it.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// What is made of the key that answers, at first.
    #[must_use]
    pub fn trust(&self) -> Trust {
        match self.entry {
            Entry::Device { pins, .. } | Entry::Guest { pins: Some(pins), .. } => Trust::Pinned(pins),
            Entry::Guest { pins: None, .. } => Trust::AnyoneUntilThePinIsProved,
        }
    }
}

/// What is to be trusted once the bridge has shown who it is: the key that `answered` is the one from now on. The spare is
/// the one that the bridge `told`; where it told none, the one of `before` is kept if it is still aside.
#[must_use]
pub fn pins_after(before: Trust, answered: Fingerprint, told: &[u8]) -> Pins {
    let told = <[u8; 16]>::try_from(told).ok().map(Fingerprint::from_bytes);
    let kept = match before {
        Trust::Pinned(pins) if pins.key == answered => pins.spare,
        _ => None,
    };
    let spare = told.or(kept).filter(|spare| *spare != answered);
    Pins { key: answered, spare }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(n: u8) -> Fingerprint {
        Fingerprint::from_bytes([n; 16])
    }

    fn link() -> Link {
        let (key, spare) = (print(1), Some(print(2)));
        let (host, room) = ("hop.example.vn".parse().expect("a host"), "giaoban".parse().expect("a room"));
        Link { host, port: 4646, room, key, spare, code: None, guest: false }
    }

    #[test]
    fn the_key_that_answered_is_pinned_and_the_spare_is_the_one_that_the_bridge_told() {
        let trust = Meeting::for_device(link()).trust();
        let after = |answered, told: &[u8]| pins_after(trust, print(answered), told);
        let pins = |key, spare: Option<u8>| Pins { key: print(key), spare: spare.map(print) };
        assert_eq!(after(1, &[2; 16]), pins(1, Some(2)));
        assert_eq!(after(1, &[3; 16]), pins(1, Some(3)), "a new spare");
        assert_eq!(after(2, &[3; 16]), pins(2, Some(3)), "rotated");
        assert_eq!(after(2, &[]), pins(2, None), "the old key is not to come back");
        assert_eq!(after(1, &[]), pins(1, Some(2)), "an older bridge tells none");
        assert_eq!(after(1, &[3; 15]), pins(1, Some(2)), "nonsense tells none");
        assert_eq!(after(1, &[1; 16]), pins(1, None));
    }

    #[test]
    fn only_a_guest_without_a_link_takes_any_key() {
        let pin: Pin = "12345678".parse().expect("a PIN");
        assert_eq!(Meeting::for_device(link()).trust(), Pins::from(&link()).into());
        let guest = Meeting::for_guest(link(), pin.clone());
        assert_eq!(guest.trust(), Pins::from(&link()).into());
        let dialled = Meeting { entry: Entry::Guest { pin, pins: None }, ..guest };
        assert_eq!(dialled.trust(), Trust::AnyoneUntilThePinIsProved);
        let after = pins_after(dialled.trust(), print(7), &[8; 16]);
        assert_eq!(after, Pins { key: print(7), spare: Some(print(8)) });
        assert!(!format!("{dialled:?}").contains("12345678"));
        let at = Meeting { host: "[::1]".trim_matches(['[', ']']).parse().expect("a host"), ..dialled };
        assert_eq!(at.address(), "[::1]:4646");
    }
}
