//! A request for packets that are missing.

use super::{DecodeError, kind};
use crate::unit::Seq;

const BITS: u32 = 12;
const FLAG_TWICE: u8 = 1 << 0;

/// The longest request, in bytes.
pub const MAX_ASK_BYTES: usize = 3 + 8;

/// Numbers that one request reaches: the first and the 64 after it.
pub const ASK_SPAN: u64 = 65;

/// Names packets that have not come: one by its number, and which of the 64 after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    first: u16,
    /// Bit n: the packet n + 1 after the first is missing too.
    mask: u64,
    /// They have been asked for before: send each twice.
    pub twice: bool,
}

impl Ask {
    /// Asks for `first` and those of `others` that come within [`ASK_SPAN`] after it.
    #[must_use]
    pub fn new(first: Seq, others: impl IntoIterator<Item = Seq>, twice: bool) -> Self {
        let mut mask = 0;
        for other in others {
            let after = other.ahead_of(first);
            if let Some(bit @ 0..64) = u32::try_from(after).ok().and_then(|after| after.checked_sub(1)) {
                mask |= 1 << bit;
            }
        }
        Self { first: (first.0 & ((1 << BITS) - 1)) as u16, mask, twice }
    }

    /// The numbers, widened next to the last one sent, in order.
    pub fn numbers(&self, near: Seq) -> impl Iterator<Item = Seq> + use<> {
        let (first, mask) = (Seq::widen(u64::from(self.first), BITS, near), self.mask);
        let others = (0..64).filter(move |bit| mask >> bit & 1 != 0);
        std::iter::once(first).chain(others.map(move |bit| Seq(first.0.wrapping_add(bit + 1))))
    }

    /// Writes the datagram into `buffer` and returns the part that was written.
    #[expect(clippy::indexing_slicing, reason = "at most eight bytes of mask")]
    pub fn encode<'b>(&self, buffer: &'b mut [u8; MAX_ASK_BYTES]) -> &'b [u8] {
        let [high, low] = self.first.to_be_bytes();
        let mask = self.mask.to_le_bytes();
        buffer[..3].copy_from_slice(&[kind::ASK << 5 | if self.twice { FLAG_TWICE } else { 0 }, high, low]);
        buffer[3..].copy_from_slice(&mask);
        let used = mask.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        &buffer[..3 + used]
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (&[first, high, low], rest) = bytes.split_first_chunk().ok_or(DecodeError::Short)?;
        if first & 0x1f & !FLAG_TWICE != 0 || high >> 4 != 0 {
            return Err(DecodeError::Unknown);
        }
        if rest.len() > 8 {
            return Err(DecodeError::Long);
        }
        let mut mask = [0; 8];
        for (place, byte) in mask.iter_mut().zip(rest) {
            *place = *byte;
        }
        Ok(Self {
            first: u16::from_be_bytes([high, low]),
            mask: u64::from_le_bytes(mask),
            twice: first & FLAG_TWICE != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Datagram;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_asked_for_arrives_and_no_more(first in 0u64..1 << 40, others in proptest::collection::btree_set(1u64..65, 0..20)) {
            let wanted = others.iter().map(|&n| Seq(first + n));
            let ask = Ask::new(Seq(first), wanted, true);
            let mut buffer = [0; MAX_ASK_BYTES];
            let bytes = ask.encode(&mut buffer);
            prop_assert_eq!(Datagram::decode(bytes), Ok(Datagram::Ask(ask)));
            let numbers: Vec<u64> = ask.numbers(Seq(first + 30)).map(|seq| seq.0 - first).collect();
            prop_assert_eq!(numbers, std::iter::once(0).chain(others).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_single_packet_is_asked_for_in_three_bytes() {
        assert_eq!(Ask::new(Seq(5), [], false).encode(&mut [0; MAX_ASK_BYTES]).len(), 3);
    }
}
