//! How a guest and a bridge prove to each other that both know the meeting's PIN, and tell nobody else.
//!
//! Eight digits are guessed in a second by whoever gets anything to compare guesses with, so neither end may send
//! what depends on the PIN alone. SPAKE2 (RFC 9382, the crate's Ed25519 group) gives whoever stands between, or
//! poses as the bridge, one guess for each attempt that a person makes; the bridge counts those of guests. Both
//! proofs cover the TLS session (its exporter, RFC 9266), so that a guest needs no fingerprint of the bridge to know
//! that nobody sits in the middle: `giaoban dial HOST ROOM` is as safe as a link.
//!
//! ```text
//!   guest                                     bridge
//!   hello, exchange  --------------------->
//!                    <---------------------   challenge: exchange
//!   proof            --------------------->   wrong: counted, closed
//!                    <---------------------   in the lobby: proof          wrong: the guest goes
//! ```
//!
//! Pure but for the randomness that an exchange needs.

use ring::hmac;
use spake2::{Ed25519Group, Identity, Password, Spake2};

/// Bytes of one side's exchange.
pub const EXCHANGE_BYTES: usize = 33;

/// Digits of a PIN. Fewer could be guessed by somebody who has a year.
pub const MIN_DIGITS: usize = 8;

/// More nobody types.
pub const MAX_DIGITS: usize = 16;

/// The label for [`quinn::Connection::export_keying_material`].
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-giaoban-pin";

/// What the exporter gives: names one TLS session.
pub type Binding = [u8; 32];

/// A meeting's PIN: some digits. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(String);

/// A text that is no PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PIN has 8 to 16 digits")]
pub struct NoPin;

/// The other end's exchange cannot be used, or its proof is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other end does not know the PIN")]
pub struct NotProved;

/// What both ends have when the PINs were the same, over one TLS session.
struct Shared {
    key: hmac::Key,
    binding: Binding,
}

/// A guest that has sent its exchange.
pub struct Guest {
    spake: Spake2<Ed25519Group>,
}

/// A guest that has sent its proof and awaits the bridge's.
pub struct Proving {
    shared: Shared,
}

/// A bridge that awaits a guest's proof.
pub struct Challenge {
    shared: Shared,
}

impl std::str::FromStr for Pin {
    type Err = NoPin;

    /// Reads it as people write it: blanks and hyphens between digits are left out.
    fn from_str(text: &str) -> Result<Self, NoPin> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        let fits = (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len());
        if fits && digits.bytes().all(|byte| byte.is_ascii_digit()) { Ok(Self(digits)) } else { Err(NoPin) }
    }
}

impl Pin {
    /// The digits.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pin(…)")
    }
}

fn password(pin: &Pin, room: &str) -> Password {
    Password::new([pin.0.as_bytes(), b" for ", room.as_bytes()].concat())
}

fn names() -> (Identity, Identity) {
    (Identity::new(b"giaoban guest"), Identity::new(b"giaoban bridge"))
}

impl Shared {
    fn new(secret: &[u8], binding: &Binding) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret), binding: *binding }
    }

    fn proof(&self, who: &[u8]) -> Vec<u8> {
        hmac::sign(&self.key, &[who, &self.binding].concat()).as_ref().to_vec()
    }

    /// In a time that does not tell where they differ.
    fn check(&self, who: &[u8], proof: &[u8]) -> Result<(), NotProved> {
        hmac::verify(&self.key, &[who, &self.binding].concat(), proof).map_err(|_| NotProved)
    }
}

const GUEST: &[u8] = b"guest";
const BRIDGE: &[u8] = b"bridge";

/// A guest begins: what goes into its hello.
#[must_use]
pub fn begin(pin: &Pin, room: &str) -> (Guest, Vec<u8>) {
    let (guest, bridge) = names();
    let (spake, exchange) = Spake2::<Ed25519Group>::start_a(&password(pin, room), &guest, &bridge);
    (Guest { spake }, exchange)
}

impl Guest {
    /// The bridge's challenge came: the proof to send.
    ///
    /// # Errors
    /// [`NotProved`] when it is no exchange at all. That the PINs differ shows only in the proofs.
    pub fn prove(self, challenge: &[u8], binding: &Binding) -> Result<(Proving, Vec<u8>), NotProved> {
        let secret = self.spake.finish(challenge).map_err(|_| NotProved)?;
        let shared = Shared::new(&secret, binding);
        let proof = shared.proof(GUEST);
        Ok((Proving { shared }, proof))
    }
}

impl Proving {
    /// Whether the bridge has proved itself.
    ///
    /// # Errors
    /// [`NotProved`]: it is not the bridge of this meeting.
    pub fn check(&self, proof: &[u8]) -> Result<(), NotProved> {
        self.shared.check(BRIDGE, proof)
    }
}

/// A bridge answers a guest's exchange: what goes into its challenge.
///
/// # Errors
/// [`NotProved`] when the guest's is no exchange.
pub fn challenge(
    pin: &Pin,
    room: &str,
    exchange: &[u8],
    binding: &Binding,
) -> Result<(Challenge, Vec<u8>), NotProved> {
    let (guest, bridge) = names();
    let (spake, ours) = Spake2::<Ed25519Group>::start_b(&password(pin, room), &guest, &bridge);
    let secret = spake.finish(exchange).map_err(|_| NotProved)?;
    Ok((Challenge { shared: Shared::new(&secret, binding) }, ours))
}

impl Challenge {
    /// The guest's proof came: ours, to be sent when the guest's is right.
    ///
    /// # Errors
    /// [`NotProved`]: a wrong PIN.
    pub fn check(&self, proof: &[u8]) -> Result<Vec<u8>, NotProved> {
        self.shared.check(GUEST, proof)?;
        Ok(self.shared.proof(BRIDGE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SESSION: Binding = [7; 32];

    fn pin(text: &str) -> Pin {
        text.parse().expect("a PIN")
    }

    /// Whether the guest proves itself, and then the bridge.
    fn meet(guest: (&Pin, &str, &Binding), bridge: (&Pin, &str, &Binding)) -> (bool, bool) {
        let (begun, exchange) = begin(guest.0, guest.1);
        assert_eq!(exchange.len(), EXCHANGE_BYTES);
        let (challenge, answer) = challenge(bridge.0, bridge.1, &exchange, bridge.2).expect("an exchange");
        let (proving, proof) = begun.prove(&answer, guest.2).expect("an exchange");
        match challenge.check(&proof) {
            Ok(ours) => (true, proving.check(&ours).is_ok()),
            Err(NotProved) => (false, proving.check(&proof).is_ok()),
        }
    }

    #[test]
    fn both_prove_the_same_pin_in_the_same_room_and_session() {
        let (right, wrong) = (pin("12345678"), pin("12345679"));
        let at = |pin, room, session| (pin, room, session);
        assert_eq!(meet(at(&right, "a", &SESSION), at(&right, "a", &SESSION)), (true, true));
        assert_eq!(meet(at(&wrong, "a", &SESSION), at(&right, "a", &SESSION)), (false, false));
        assert_eq!(meet(at(&right, "b", &SESSION), at(&right, "a", &SESSION)), (false, false));
        // Somebody in the middle has one session with each of them.
        assert_eq!(meet(at(&right, "a", &[8; 32]), at(&right, "a", &SESSION)), (false, false));
    }

    #[test]
    fn a_pin_is_read_as_people_write_it() {
        assert_eq!(pin("1234 5678"), pin("12345678"));
        assert_eq!(pin("1234-5678").reveal(), "12345678");
        for wrong in ["", "1234567", "12345678901234567", "1234567a", "１２３４５６７８"] {
            assert_eq!(wrong.parse::<Pin>(), Err(NoPin), "{wrong}");
        }
        assert_eq!(format!("{:?}", pin("12345678")), "Pin(…)");
    }

    proptest! {
        #[test]
        fn no_bytes_prove_anything_or_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let pin = pin("12345678");
            if let Ok((challenge, _)) = challenge(&pin, "a", &bytes, &SESSION) {
                prop_assert!(challenge.check(&bytes).is_err());
            }
            let (guest, _) = begin(&pin, "a");
            if let Ok((proving, _)) = guest.prove(&bytes, &SESSION) {
                prop_assert!(proving.check(&bytes).is_err());
            }
        }
    }
}
