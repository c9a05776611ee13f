//! A connection whose line is measured: the task that drives `crate::check`.

use super::peer::{Context, now};
use crate::check::{Allowance, Check};
use crate::session::{Action, Session};
use giaoban_proto::probe::Outgoing;
use giaoban_proto::transport::PublicKey;
use giaoban_proto::transport::socket::headers;
use giaoban_proto::wire::{
    CheckReady, ClientMessage, CloseCode, Framer, MAX_CONTROL_BYTES, MAX_DATAGRAM_BYTES, ServerMessage, frame,
};
use quinn::{Connection, RecvStream, SendStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::sleep_until;

/// What QUIC adds to a datagram towards a client, and from one, whose packets carry our connection id.
const AROUND: (usize, usize) = (21, 24);

/// One of the places in which lines are measured; dropped, it is free again.
pub(super) struct Place(Arc<Mutex<Allowance>>);

impl Place {
    pub(super) fn take(checks: &Arc<Mutex<Allowance>>, device: PublicKey) -> Result<Self, CloseCode> {
        let taken = checks.lock().unwrap_or_else(PoisonError::into_inner).take(now(), device.as_bytes());
        if taken { Ok(Self(checks.clone())) } else { Err(CloseCode::Busy) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).release();
    }
}

/// Measures until the client has what it wants, or time is up; the code with which to close.
pub(super) async fn serve(
    connection: &Connection,
    session: &mut Session,
    framer: &mut Framer,
    mut receiver: RecvStream,
    mut sender: SendStream,
    context: &Context,
) -> CloseCode {
    let headers = headers(connection.remote_address().ip());
    let mut check = Check::new(now(), (headers + AROUND.0, headers + AROUND.1));
    let mut open = true;
    // Two short messages in all, which a stream always has room for.
    if sender.write_all(&frame(&ServerMessage::from(CheckReady {}))).await.is_err() {
        return CloseCode::Bye;
    }
    loop {
        while let Some(message) = match framer.poll::<ClientMessage>() {
            Ok(message) => message,
            Err(_) => return CloseCode::BadMessage,
        } {
            match session.handle_message(message) {
                Some(Action::TellResult) => {
                    let result = frame(&ServerMessage::from(check.result()));
                    if sender.write_all(&result).await.is_err() {
                        return CloseCode::Bye;
                    }
                }
                Some(Action::Close(code)) => return code,
                _ => {}
            }
        }
        while let Some(Outgoing { probe, length }) = check.poll_send(now()) {
            let mut buffer = [0; MAX_DATAGRAM_BYTES];
            let datagram = bytes::Bytes::copy_from_slice(probe.encode(&mut buffer, length));
            if connection.send_datagram(datagram).is_err() {
                return CloseCode::Bye;
            }
        }
        tokio::select! {
            biased;
            datagram = connection.read_datagram() => {
                let Ok(datagram) = datagram else { return CloseCode::Bye };
                if check.handle_datagram(now(), &datagram).is_err() {
                    context.counters.bad_datagrams.fetch_add(1, Relaxed);
                }
            }
            read = receiver.read_chunk(MAX_CONTROL_BYTES, true), if open => match read {
                Ok(Some(chunk)) => framer.push(&chunk.bytes),
                Ok(None) => open = false,
                Err(_) => return CloseCode::Bye,
            },
            () = sleep_until(check.poll_timeout().into()) => {
                if check.is_over(now()) {
                    return CloseCode::TooSlow;
                }
            }
        }
    }
}
