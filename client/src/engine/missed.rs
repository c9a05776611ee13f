//! What was missed, fetched beside the meeting.

use super::drive::Engine;
use crate::missed::Keep;
use crate::session::{LineId, State};
use crate::words::Message;
use giaoban_proto::wire::{FetchCode, NotFetched, ServerMessage, server_message::Body};
use std::time::Instant;

impl Engine {
    /// Something came on the second stream of a line.
    pub(super) fn handle_bulk(&mut self, now: Instant, id: LineId, message: ServerMessage) {
        if self.session.line() != Some(id) {
            return;
        }
        match message.body {
            Some(Body::Part(part)) => {
                if let (Some(got), Some(call)) = (self.missed.handle_part(now, part), self.line()) {
                    call.fetch(got.into());
                }
            }
            Some(Body::NotFetched(NotFetched { code })) => {
                self.missed.handle_not_fetched(now, FetchCode::from_code(code));
            }
            // What there is was said by the question; whatever else is of a newer version.
            _ => {}
        }
    }

    /// Asks for what is to be had next, and passes on what is to be kept and told.
    pub(super) fn fetch(&mut self, now: Instant) {
        if self.session.state() == State::InRoom
            && let Some(fetch) = self.missed.poll_fetch(now)
            && let Some(call) = self.line()
        {
            call.fetch(fetch.into());
        }
        while let Some(keep) = self.missed.poll_keep() {
            if let Some(on_missed) = &mut self.on_missed {
                on_missed(keep);
            }
        }
        while let Some(news) = self.missed.poll_news() {
            (self.say)(&Message::Missed(news));
        }
    }
}

/// Called with what is to be kept of a recording; the disk may not be waited for in it.
pub type OnMissed = Box<dyn FnMut(Keep) + Send>;
