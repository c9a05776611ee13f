//! What anybody may ask of a bridge, with the reason for each number. Pure.
//!
//! All of them are settings: `--limit NAME=N`, `GIAOBAN_LIMIT`, or `[limits]` in the TOML file, by the names below.

/// Every limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `handshakes`: connections that may be on their way in at once. A rush of a province fits; a flood is refused.
    pub handshakes: u32,
    /// `handshakes-per-network`: of those, from one network (/24 or /48) at most. Two hundred honest sites may sit
    /// behind one carrier's address, but not all in the same second.
    pub handshakes_per_network: u32,
    /// `strangers`: devices without an enrolled key that may be between handshake and room at once. What enrolled
    /// devices need is not theirs to take.
    pub strangers: u32,
    /// `joins-per-network`: attempts that came to nothing from one network in a row …
    pub joins_per_network: u32,
    /// `joins-per-network-second`: … and a second from then on. Attempts that succeed are not counted.
    pub joins_per_network_second: u32,
    /// `joins-spare-second`: more of them a second, of all networks together, for those that have used up their own. At
    /// half a millisecond of a processor each it is a tenth of one: a flood from behind a carrier's address that is no
    /// faster leaves the honest sites behind it their way in.
    pub joins_spare_second: u32,
    /// `closing`: connections that were ended and that QUIC still remembers, 3 s each as a rule, some 28 kB each. Beyond
    /// half of them there is nothing to spare, beyond all nobody comes in.
    pub closing: u32,
    /// `pins-per-network`: wrong PINs from one network in a row; then one more each minute.
    pub pins_per_network: u32,
    /// `pins-per-room`: wrong PINs for one room in a row; then two more each minute. At that pace the 10^8 PINs of
    /// eight digits last a century.
    pub pins_per_room: u32,
    /// `messages`: control messages of one member in a row; then one each second. More wait, unread.
    pub messages: u32,
    /// `datagrams-second`: datagrams of one member a second, four times what the dearest rung sends. More are dropped.
    pub datagrams_second: u32,
    /// `datagrams`: the same in a row: what a link delivers at once after an outage.
    pub datagrams: u32,
    /// `datagram-bytes`: the longest datagram of a member that is looked at. A talker that nobody answers sends 120 ms in
    /// one, 770 bytes at 48 kbit/s; usually all that the wire allows is looked at.
    pub datagram_bytes: u32,
    /// `bytes-second`: bytes of a member's datagrams a second: twice the dearest rung and its copies.
    pub bytes_second: u32,
    /// `members`: members in one room, where the room has no number of its own.
    pub members: u32,
    /// `fetches`: who fetches what was recorded, at once. Each costs its line's rate, and a hundredth to a fiftieth of a
    /// processor where sound is coded anew. More are told to ask again later.
    pub fetches: u32,
    /// `rooms`: rooms in which somebody is at once.
    pub rooms: u32,
}

/// No limit has that name, or it cannot be that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Not `NAME=N`.
    #[error("give a limit as NAME=N, such as handshakes=256")]
    Form,
    /// None of that name.
    #[error("there is no limit named {0}; there are: {names}", names = Limits::names().join(", "))]
    Name(String),
    /// Out of its range.
    #[error("the limit {0} must be from {1} to {2}")]
    Range(&'static str, u32, u32),
}

macro_rules! limits {
    ($($name:literal $field:ident = $default:literal, $least:literal to $most:literal;)*) => {
        impl Default for Limits {
            fn default() -> Self {
                Self { $($field: $default),* }
            }
        }

        impl Limits {
            /// What they are called.
            #[must_use]
            pub fn names() -> Vec<&'static str> {
                vec![$($name),*]
            }

            /// Sets one.
            ///
            /// # Errors
            /// [`LimitError`].
            pub fn set(&mut self, name: &str, value: u32) -> Result<(), LimitError> {
                match name {
                    $($name => {
                        if !($least..=$most).contains(&value) {
                            return Err(LimitError::Range($name, $least, $most));
                        }
                        self.$field = value;
                    })*
                    _ => return Err(LimitError::Name(name.to_owned())),
                }
                Ok(())
            }

            /// Each with its value, as they are set.
            #[must_use]
            pub fn list(&self) -> Vec<(&'static str, u32)> {
                vec![$(($name, self.$field)),*]
            }
        }
    };
}

limits! {
    "handshakes" handshakes = 256, 8 to 4096;
    "handshakes-per-network" handshakes_per_network = 128, 1 to 4096;
    "strangers" strangers = 64, 1 to 1024;
    "joins-per-network" joins_per_network = 400, 1 to 100_000;
    "joins-per-network-second" joins_per_network_second = 20, 1 to 10_000;
    "joins-spare-second" joins_spare_second = 200, 1 to 10_000;
    "closing" closing = 2048, 64 to 100_000;
    "pins-per-network" pins_per_network = 10, 1 to 1000;
    "pins-per-room" pins_per_room = 60, 1 to 1000;
    "messages" messages = 10, 4 to 1000;
    "datagrams-second" datagrams_second = 200, 60 to 10_000;
    "datagrams" datagrams = 400, 60 to 10_000;
    "datagram-bytes" datagram_bytes = 1150, 100 to 1150;
    "bytes-second" bytes_second = 24_000, 2000 to 1_000_000;
    "members" members = 250, 1 to 2500;
    "fetches" fetches = 8, 1 to 100;
    "rooms" rooms = 200, 1 to 10_000;
}

impl Limits {
    /// Sets one from `NAME=N`.
    ///
    /// # Errors
    /// [`LimitError`].
    pub fn set_word(&mut self, word: &str) -> Result<(), LimitError> {
        let (name, value) = word.split_once('=').ok_or(LimitError::Form)?;
        self.set(name.trim(), value.trim().parse().map_err(|_| LimitError::Form)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_packet_that_a_client_makes_is_too_long_for_the_door() {
        assert_eq!(Limits::default().datagram_bytes as usize, giaoban_proto::wire::MAX_DATAGRAM_BYTES);
    }

    #[test]
    fn each_can_be_set_by_its_name_and_says_what_is_wrong() {
        let mut limits = Limits::default();
        for (name, value) in Limits::default().list() {
            assert_eq!(limits.set(name, value), Ok(()), "{name}");
        }
        limits.set_word("strangers = 12").expect("a limit");
        assert_eq!(limits, Limits { strangers: 12, ..Limits::default() });
        assert_eq!(limits.set_word("strangers=0"), Err(LimitError::Range("strangers", 1, 1024)));
        assert_eq!(limits.set_word("strangers"), Err(LimitError::Form));
        let said = limits.set_word("cows=1").expect_err("none").to_string();
        assert!(said.contains("cows") && said.contains("handshakes-per-network"), "{said}");
    }
}
