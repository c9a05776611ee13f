//! The shell around a tunnel's session: moves bytes between a stream and a queue.
//!
//! A packet is sealed only when everything before it was taken by the system. So what cannot go waits in the
//! [`Queue`], where it ages, and not in a buffer, where it would go late.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::super::socket::Meter;
use super::frames::{BadFrame, Deframer, append};
use super::queue::{Dropped, Queue};
use super::tls::{Tls, TlsError};

/// What is read at once.
const READ: usize = 4 * 1024;

/// What goes into one record when several packets wait: a segment's worth, so that a stall ends in few of them.
const BATCH: usize = 1300;

/// What carries a tunnel: TCP, or a test's idea of it.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Why a tunnel is no more, or never came to be.
#[derive(Debug, Error)]
pub enum TunnelError {
    /// The stream failed.
    #[error("the line of a tunnel failed: {0}")]
    Stream(#[from] io::Error),
    /// The session did.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What came through it is not ours.
    #[error(transparent)]
    Frame(#[from] BadFrame),
    /// The other side closed it.
    #[error("the other side closed the tunnel")]
    Closed,
    /// Nothing came for too long.
    #[error("nothing came through the tunnel for too long")]
    Idle,
    /// There are too many, or too many from one place.
    #[error("too many tunnels")]
    TooMany,
}

#[expect(clippy::disallowed_methods, reason = "a shell: this is where a tunnel's clock is read")]
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A test that has panicked elsewhere must not hide its message behind a second panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a socket leaves packets for a tunnel's task. The lock is held for a push or a pop and nothing else.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    wake: Notify,
    closed: AtomicBool,
}

impl Outbox {
    pub(super) fn push(&self, now: Instant, packet: &[u8]) {
        lock(&self.queue).push(now, packet);
        self.wake.notify_one();
    }

    /// Ends the tunnel.
    pub(super) fn close(&self) {
        self.closed.store(true, Relaxed);
        self.wake.notify_one();
    }

    pub(super) fn dropped(&self) -> Dropped {
        lock(&self.queue).dropped()
    }

    /// Fills `plain` with packets, in frames.
    fn fill(&self, now: Instant, plain: &mut Vec<u8>) {
        let mut queue = lock(&self.queue);
        while let Some(packet) = queue.pop(now) {
            append(&packet, plain);
            if queue.next_len().is_none_or(|next| plain.len() + 2 + next > BATCH) {
                return;
            }
        }
    }
}

/// Counts what a tunnel costs.
#[derive(Clone, Debug)]
pub(super) struct Toll {
    pub(super) meter: Meter,
    pub(super) peer: IpAddr,
}

/// Brings a session up; what came with the last flight is left in `plain`.
pub(super) async fn establish<S: ByteStream>(
    stream: &mut S,
    tls: &mut Tls,
    toll: &Toll,
    plain: &mut Vec<u8>,
) -> Result<(), TunnelError> {
    let (mut out, mut read) = (Vec::new(), [0; READ]);
    loop {
        tls.take(&mut out);
        if !out.is_empty() {
            stream.write_all(&out).await?;
            stream.flush().await?;
            toll.meter.count_stream_sent(toll.peer, out.len());
            out.clear();
        }
        if !tls.is_handshaking() {
            return Ok(tls.check()?);
        }
        let len = stream.read(&mut read).await?;
        if len == 0 {
            return Err(TunnelError::Closed);
        }
        toll.meter.count_stream_received(toll.peer, len);
        let opened = tls.open(&read[..len], plain);
        if opened.is_err() {
            // It says to the other side what is wrong; whether that is heard is of no interest.
            tls.take(&mut out);
            let _ = stream.write_all(&out).await;
        }
        if !opened? {
            return Err(TunnelError::Closed);
        }
    }
}

/// Moves packets through a session that is up until it ends. Ends well only by [`Outbox::close`].
pub(super) async fn pump<S: ByteStream>(
    stream: S,
    mut tls: Tls,
    mut plain: Vec<u8>,
    outbox: &Outbox,
    toll: &Toll,
    idle: Duration,
    mut take: impl FnMut(Bytes),
) -> Result<(), TunnelError> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut deframer = Deframer::default();
    let (mut read, mut sealed, mut written) = ([0; READ], Vec::new(), 0);
    let mut packets = Vec::new();
    let mut idle_at = now() + idle;
    loop {
        deframer.push(&plain);
        plain.clear();
        while let Some(packet) = deframer.poll()? {
            take(packet);
        }
        if sealed.len() == written {
            sealed.clear();
            written = 0;
            packets.clear();
            outbox.fill(now(), &mut packets);
            if !packets.is_empty() {
                tls.seal(&packets);
            }
            tls.take(&mut sealed);
        }
        if outbox.closed.load(Relaxed) && sealed.is_empty() {
            return Ok(());
        }
        tokio::select! {
            biased;
            wrote = writer.write(&sealed[written..]), if written < sealed.len() => {
                let wrote = wrote?;
                if wrote == 0 {
                    return Err(TunnelError::Closed);
                }
                toll.meter.count_stream_sent(toll.peer, wrote);
                written += wrote;
            }
            len = reader.read(&mut read) => {
                let len = len?;
                if len == 0 {
                    return Err(TunnelError::Closed);
                }
                toll.meter.count_stream_received(toll.peer, len);
                if !tls.open(&read[..len], &mut plain)? {
                    return Err(TunnelError::Closed);
                }
                idle_at = now() + idle;
            }
            () = outbox.wake.notified(), if sealed.is_empty() => {}
            () = tokio::time::sleep_until(idle_at.into()) => return Err(TunnelError::Idle),
        }
    }
}
