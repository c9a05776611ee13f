//! TCP as a tunnel wants it: nothing held back, little in the kernel.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};

use super::pump::ByteStream;

/// Bytes that the kernel may hold unsent before it takes no more, so that what is behind waits in our queue and
/// ages there: two or three packets of voice. Whatever is sent when a segment is lost is sent again, which nothing
/// here can help; more would be delay on top of that after each stall. Less would gain nothing: this is what a line
/// of 64 kbit/s sends while we are woken.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT: u32 = 512;

/// What `SO_SNDBUF` is set to: sent and unacknowledged data counts too, and each small segment some 800 bytes of
/// bookkeeping, so that this is about forty packets, two seconds of voice at 60 ms. Less would hold up voice on a
/// long line that works.
const SEND_BUFFER: usize = 16 * 1024;

/// Prepares a socket for a tunnel. What the system does not know of is left: the tunnel works without, only with
/// more delay after a stall.
pub fn tune(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
}

/// A stream that has arrived: itself, to which of our addresses it came, and from where.
pub type Arrived<S> = (S, Option<IpAddr>, SocketAddr);

/// Where tunnels come in.
pub trait Listener: Send {
    /// What comes in.
    type Stream: ByteStream + 'static;

    /// The next one. Can be dropped while it waits.
    ///
    /// # Errors
    /// When this one came to nothing, or there are too many open files: more may follow.
    fn accept(&mut self) -> impl Future<Output = io::Result<Arrived<Self::Stream>>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<Arrived<TcpStream>> {
        let (stream, peer) = Self::accept(self).await?;
        tune(&stream);
        let local = stream.local_addr().ok().map(|address| address.ip());
        Ok((stream, local, peer))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::net::TcpSocket;

    /// How much the system takes at once for somebody who does not read.
    async fn taken(tuned: bool) -> usize {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(1).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let _deaf = listener.accept().await.unwrap();
        if tuned {
            tune(&stream);
        }
        stream.writable().await.unwrap();
        let mut taken = 0;
        while let Ok(len) = stream.try_write(&[7; 200]) {
            taken += len;
        }
        taken
    }

    #[tokio::test]
    async fn a_tuned_socket_takes_little_that_it_cannot_send() {
        let (tuned, usual) = (taken(true).await, taken(false).await);
        println!("{tuned} bytes taken for a deaf reader, {usual} as the system would");
        assert!(tuned < 16 * 1024 && tuned * 4 < usual);
    }
}
