//! A guest's side of the PIN's exchange, on each line anew, until the bridge has proved itself.
//!
//! Pure, but for the randomness of an exchange. Never shows the PIN, and gives no proof of it more often than a person
//! who mistypes would: whoever only poses as the bridge can try one PIN on each.

use crate::session::LineId;
use giaoban_proto::pin::{self, Binding, NotProved, Pin};

/// Proofs that are given, one after another, to somebody whose key is not known and who does not prove anything in
/// return. On a bad line some are lost; each is one guess out of a hundred million.
const MAX_UNANSWERED: u32 = 5;

/// See the module.
pub struct Guest {
    pin: Pin,
    room: String,
    line: Option<(LineId, Step)>,
    /// Whether it is known by its key who answers.
    known: bool,
    unanswered: u32,
}

enum Step {
    Begun(pin::Guest),
    Proving(pin::Proving),
    Proved,
}

impl Guest {
    /// One that knows `pin` for `room`; `known` when the key of the bridge is pinned.
    #[must_use]
    pub fn new(pin: Pin, room: &str, known: bool) -> Self {
        Self { pin, room: room.into(), line: None, known, unanswered: 0 }
    }

    /// What goes into the hello on this line. The line before is forgotten.
    pub fn begin(&mut self, id: LineId) -> Vec<u8> {
        let (begun, exchange) = pin::begin(&self.pin, &self.room);
        self.line = Some((id, Step::Begun(begun)));
        exchange
    }

    /// The bridge's exchange came on this line, whose TLS session is `binding`: the proof to send, if it has its place.
    ///
    /// # Errors
    /// [`NotProved`] for what is no exchange, and when enough proofs were given for nothing.
    pub fn handle_challenge(
        &mut self,
        id: LineId,
        exchange: &[u8],
        binding: &Binding,
    ) -> Result<Option<Vec<u8>>, NotProved> {
        let begun = self.line.take_if(|(line, step)| *line == id && matches!(step, Step::Begun(_)));
        let Some((_, Step::Begun(begun))) = begun else { return Ok(None) };
        if !self.known {
            if self.unanswered >= MAX_UNANSWERED {
                return Err(NotProved);
            }
            self.unanswered += 1;
        }
        let (proving, proof) = begun.prove(exchange, binding)?;
        self.line = Some((id, Step::Proving(proving)));
        Ok(Some(proof))
    }

    /// The bridge says on this line that the guest is in the lobby.
    ///
    /// # Errors
    /// [`NotProved`]: it is not the bridge of this meeting.
    pub fn handle_lobby(&mut self, id: LineId, proof: &[u8]) -> Result<(), NotProved> {
        match &mut self.line {
            Some((line, step)) if *line == id => {
                let Step::Proving(proving) = &*step else { return Err(NotProved) };
                proving.check(proof)?;
                *step = Step::Proved;
                (self.known, self.unanswered) = (true, 0);
                Ok(())
            }
            _ => Err(NotProved),
        }
    }

    /// Whether the bridge has proved itself on this line: before, nothing that it says is to be believed.
    #[must_use]
    pub fn is_proved(&self, id: LineId) -> bool {
        matches!(self.line, Some((line, Step::Proved)) if line == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Binding = [7; 32];

    fn pin(text: &str) -> Pin {
        text.parse().expect("a PIN")
    }

    fn guest(known: bool) -> Guest {
        Guest::new(pin("12345678"), "a", known)
    }

    /// The guest's proof on this line, and whether the bridge then proved itself.
    fn meet(guest: &mut Guest, id: u32, bridge: &str) -> (Option<Vec<u8>>, Result<(), NotProved>) {
        let id = LineId(id);
        let exchange = guest.begin(id);
        let (challenge, answer) =
            pin::challenge(&pin(bridge), "a", &exchange, &SESSION).expect("an exchange");
        let Ok(Some(proof)) = guest.handle_challenge(id, &answer, &SESSION) else {
            return (None, Err(NotProved));
        };
        // One that only pretends sends something.
        let answer = challenge.check(&proof).unwrap_or_else(|_| vec![0; 32]);
        (Some(proof), guest.handle_lobby(id, &answer))
    }

    #[test]
    fn a_bridge_with_the_same_pin_is_proved_on_each_line_anew() {
        let mut guest = guest(false);
        for id in 1..20 {
            assert!(!guest.is_proved(LineId(id)));
            assert_eq!(meet(&mut guest, id, "12345678").1, Ok(()));
            assert!(guest.is_proved(LineId(id)) && !guest.is_proved(LineId(id + 1)));
        }
    }

    #[test]
    fn another_bridge_is_not_and_gets_five_proofs_at_most() {
        let mut stranger = guest(false);
        for id in 1..=5 {
            let (proof, proved) = meet(&mut stranger, id, "87654321");
            assert!(proof.is_some() && proved == Err(NotProved) && !stranger.is_proved(LineId(id)));
        }
        assert_eq!(meet(&mut stranger, 6, "12345678"), (None, Err(NotProved)));
        // One whose key is known is nobody else, however often the line fails.
        let mut known = guest(true);
        assert!((1..50).all(|id| meet(&mut known, id, "87654321").0.is_some()));
    }

    #[test]
    fn what_comes_out_of_turn_proves_nothing() {
        let mut guest = guest(true);
        assert_eq!(guest.handle_challenge(LineId(1), &[0; 33], &SESSION), Ok(None));
        assert_eq!(guest.handle_lobby(LineId(1), &[0; 32]), Err(NotProved));
        let exchange = guest.begin(LineId(1));
        assert_eq!(guest.handle_lobby(LineId(1), &[0; 32]), Err(NotProved));
        let (_, answer) = pin::challenge(&pin("12345678"), "a", &exchange, &SESSION).expect("an exchange");
        assert_eq!(guest.handle_challenge(LineId(2), &answer, &SESSION), Ok(None));
        assert!(matches!(guest.handle_challenge(LineId(1), &answer, &SESSION), Ok(Some(_))));
        assert_eq!(guest.handle_challenge(LineId(1), &answer, &SESSION), Ok(None), "once");
        guest.begin(LineId(3));
        assert_eq!(guest.handle_challenge(LineId(3), b"no exchange", &SESSION), Err(NotProved));
    }
}
