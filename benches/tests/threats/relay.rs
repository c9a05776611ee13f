//! A client's middle man: passes its packets to the bridge and back, can keep from it all that the bridge says, and can
//! go on from another port. So a client does what no honest one would: sends on after it was put out.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) struct Relay {
    /// Where its client calls.
    pub(crate) at: SocketAddr,
    from: Ipv4Addr,
    back: Arc<Mutex<UdpSocket>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    deaf: AtomicBool,
    over: AtomicBool,
    client: Mutex<Option<SocketAddr>>,
    /// Since it is deaf.
    sent: Count,
    answered: Count,
}

/// Packets and their bytes.
#[derive(Default)]
struct Count(AtomicUsize, AtomicUsize);

impl Count {
    fn add(&self, bytes: usize) {
        self.0.fetch_add(1, Relaxed);
        self.1.fetch_add(bytes, Relaxed);
    }

    fn read(&self) -> (usize, usize) {
        (self.0.load(Relaxed), self.1.load(Relaxed))
    }
}

/// So that a reader sees that the relay is over.
const PATIENCE: Duration = Duration::from_millis(50);

impl Relay {
    /// Calls `to` from this address.
    pub(crate) fn new(from: Ipv4Addr, to: SocketAddr) -> anyhow::Result<Self> {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        front.set_read_timeout(Some(PATIENCE))?;
        let (shared, at) = (Arc::<Shared>::default(), front.local_addr()?);
        let back = Arc::new(Mutex::new(UdpSocket::bind((from, 0))?));
        let relay = Self { at, from, back, shared };
        relay.listen(front.try_clone()?)?;
        let (shared, back) = (relay.shared.clone(), relay.back.clone());
        std::thread::spawn(move || {
            let mut packet = [0; 2000];
            while !shared.over.load(Relaxed) {
                let Ok((length, client)) = front.recv_from(&mut packet) else { continue };
                *shared.client.lock().expect("no panic") = Some(client);
                if shared.deaf.load(Relaxed) {
                    shared.sent.add(length);
                }
                // As on a network, what cannot be sent is lost.
                let _ = back.lock().expect("no panic").send_to(&packet[..length], to);
            }
        });
        Ok(relay)
    }

    /// Listens at the present port, to the end.
    fn listen(&self, front: UdpSocket) -> anyhow::Result<()> {
        let back = self.back.lock().expect("no panic").try_clone()?;
        back.set_read_timeout(Some(PATIENCE))?;
        let shared = self.shared.clone();
        std::thread::spawn(move || {
            let mut packet = [0; 2000];
            while !shared.over.load(Relaxed) {
                let Ok(length) = back.recv(&mut packet) else { continue };
                if shared.deaf.load(Relaxed) {
                    shared.answered.add(length);
                } else if let Some(client) = *shared.client.lock().expect("no panic") {
                    let _ = front.send_to(&packet[..length], client);
                }
            }
        });
        Ok(())
    }

    /// Keeps from its client what the bridge says from now on.
    pub(crate) fn deafen(&self) {
        self.shared.deaf.store(true, Relaxed);
    }

    /// Goes on from another port.
    pub(crate) fn change_port(&self) -> anyhow::Result<()> {
        *self.back.lock().expect("no panic") = UdpSocket::bind((self.from, 0))?;
        // Answers to there are counted alike; nobody hears them.
        self.listen(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?)
    }

    /// Since it is deaf, packets and bytes: passed on, and come back.
    pub(crate) fn counts(&self) -> ((usize, usize), (usize, usize)) {
        (self.shared.sent.read(), self.shared.answered.read())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.over.store(true, Relaxed);
    }
}
