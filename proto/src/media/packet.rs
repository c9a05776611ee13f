//! One encoded packet, shared by all legs that send it.

use crate::unit::{MediaTime, Samples};
use crate::wire::Body;
#[cfg(feature = "opus")]
use std::sync::Arc;

/// One packet on its way out, not yet numbered: the leg that sends it does that, since legs share encodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// When its sound begins.
    pub time: MediaTime,
    /// How much sound it holds.
    pub length: Samples,
    /// The first of a talkspurt.
    pub start: bool,
    /// The last of a talkspurt: silence follows.
    pub end: bool,
    /// How many packets back the copy should be that rides with it; 0 for none.
    pub copy: u8,
    pub(super) bundle: bool,
    pub(super) body: Vec<u8>,
}

impl Packet {
    /// Its sound, as it goes on the wire.
    #[must_use]
    pub fn body(&self) -> Body<'_> {
        // What is here was written by `Body::write`.
        Body::parse(self.bundle, &self.body).unwrap_or_else(|_| Body::single(&self.body))
    }
}

/// Packets whose memory goes round: a new one takes the place of one that no leg keeps any more.
#[cfg(feature = "opus")]
#[derive(Debug, Default)]
pub(super) struct Pool {
    packets: Vec<Arc<Packet>>,
    last: usize,
}

/// As many as two legs keep for asking again that had this stream one after the other, and a few on the way. Fewer
/// would allocate in a packet now and then, more is memory for each stream.
#[cfg(feature = "opus")]
const PACKETS: usize = 2 * super::departures::KEPT + 4;

/// Bytes set aside for a body: 240 ms at 22 kbit/s.
#[cfg(feature = "opus")]
const BODY_BYTES: usize = 680;

#[cfg(feature = "opus")]
impl Pool {
    /// A packet, made by `fill` from an old one.
    pub(super) fn make(&mut self, fill: impl FnOnce(&mut Packet)) -> &Arc<Packet> {
        let fresh = || Arc::new(Packet { body: Vec::with_capacity(BODY_BYTES), ..Packet::default() });
        let count = self.packets.len();
        let free = (1..=count).map(|n| (self.last + n) % count);
        let free = free.into_iter().find(|&place| Arc::get_mut(&mut self.packets[place]).is_some());
        self.last = match free {
            Some(place) => place,
            None if count < PACKETS => {
                self.packets.push(fresh());
                count
            }
            None => {
                let place = (self.last + 1) % count;
                self.packets[place] = fresh();
                place
            }
        };
        let packet = &mut self.packets[self.last];
        if let Some(packet) = Arc::get_mut(packet) {
            fill(packet);
        }
        packet
    }

    /// The packet made last.
    pub(super) fn last(&self) -> Option<&Arc<Packet>> {
        self.packets.get(self.last)
    }
}
