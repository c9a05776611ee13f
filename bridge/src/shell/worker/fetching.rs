//! The worker's side of fetching: who asks, and what may go to whom beside voice.

use super::{Fetcher, Purse, Worker};
use crate::session::LineId;
use quinn::Connection;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at what may go.
const PAY_EVERY: Duration = Duration::from_millis(100);

/// What IP and UDP put around each packet of QUIC.
const AROUND: u64 = 28;

/// All bytes that have gone to a connection's far end, headers included.
pub(in crate::shell) fn wire(connection: &Connection) -> u64 {
    let sent = connection.stats().udp_tx;
    sent.bytes + sent.datagrams * AROUND
}

impl Worker {
    /// What somebody is who wants to fetch; `None` who has no seat.
    pub(super) fn fetcher(&self, line: LineId) -> Option<Fetcher> {
        let member = *self.lines.get(&line)?;
        let held = self.held.get(&member)?;
        let seated = self.rooms.get(&held.room)?.seated(member)?;
        Some(Fetcher { room: held.room.clone(), site: held.site, name: held.name.clone(), seated })
    }

    pub(super) fn set_fetching(&mut self, now: Instant, line: LineId, purse: Option<Arc<Purse>>) {
        let Some(member) = self.lines.get(&line).copied() else { return };
        let Some(held) = self.held.get(&member) else { return };
        let sent = purse.as_ref().map(|_| wire(&held.line.connection));
        if let Some(room) = self.rooms.get_mut(&held.room) {
            room.set_fetching(now, member, sent);
        }
        match purse {
            Some(purse) => self.purses.insert(line, purse),
            None => self.purses.remove(&line),
        };
    }

    /// Tells who fetches what may go now.
    pub(super) fn pay(&mut self, now: Instant) {
        if self.purses.is_empty() || self.paid.is_some_and(|at| now.saturating_duration_since(at) < PAY_EVERY)
        {
            return;
        }
        self.paid = Some(now);
        let Self { purses, lines, held, rooms, .. } = self;
        for (line, purse) in purses {
            let member = lines.get(line).copied();
            let Some((member, held)) = member.and_then(|member| Some((member, held.get(&member)?))) else {
                continue;
            };
            let sent = wire(&held.line.connection);
            let credit = rooms.get_mut(&held.room).and_then(|room| room.fetch_credit(now, member, sent));
            if let Some(credit) = credit {
                purse.set(credit);
            }
        }
    }
}
