//! The socket that quinn sees: sends split into segments, receives when virtual time has come.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::time::Sleep;

use super::{Shared, lock};
use crate::testing::clock;

pub(super) struct VirtualSocket {
    net: Arc<Shared>,
    id: u64,
    home: SocketAddr,
    /// Goes off when the next datagram arrives.
    timer: Mutex<Pin<Box<Sleep>>>,
}

impl VirtualSocket {
    pub(super) fn new(net: Arc<Shared>, id: u64, home: SocketAddr) -> Self {
        let timer = Mutex::new(Box::pin(tokio::time::sleep_until(clock::now().into())));
        Self { net, id, home, timer }
    }

    /// Fills as many of the buffers as datagrams have arrived. Too long for its buffer is cut, as by UDP.
    fn fill(&self, bufs: &mut [IoSliceMut<'_>], meta: &mut [RecvMeta]) -> usize {
        let mut state = self.net.state();
        let now = clock::now();
        let mut filled = 0;
        for (buf, meta) in bufs.iter_mut().zip(meta) {
            let Some(parcel) = state.receive(self.id, now) else { break };
            let len = parcel.contents.len().min(buf.len());
            buf[..len].copy_from_slice(&parcel.contents[..len]);
            *meta = RecvMeta {
                addr: parcel.from,
                len,
                stride: len,
                ecn: parcel.ecn,
                dst_ip: Some(self.home.ip()),
            };
            filled += 1;
        }
        filled
    }
}

impl AsyncUdpSocket for VirtualSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let whole = transmit.contents.len();
        for segment in transmit.contents.chunks(transmit.segment_size.unwrap_or(whole).max(1)) {
            self.net.send(self.id, transmit.destination, transmit.ecn, segment);
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            let filled = self.fill(bufs, meta);
            if filled > 0 {
                return Poll::Ready(Ok(filled));
            }
            let Some(next) = self.net.state().wait(self.id, cx.waker()) else { return Poll::Pending };
            let mut timer = lock(&self.timer);
            if timer.deadline() != next.into() {
                timer.as_mut().reset(next.into());
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.home)
    }

    fn max_transmit_segments(&self) -> usize {
        10
    }

    fn may_fragment(&self) -> bool {
        true
    }
}

impl Drop for VirtualSocket {
    fn drop(&mut self) {
        self.net.state().unbind(self.id);
    }
}

impl std::fmt::Debug for VirtualSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VirtualSocket({})", self.home)
    }
}

/// The line's queue drops rather than pushing back, as a modem's does.
#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
