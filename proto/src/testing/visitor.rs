//! A client that speaks the wire by hand: what a well-behaved one would never say, it can; and it knows each byte
//! that it sends and gets.

use super::net::VirtualNet;
use super::quic;
use crate::transport::{ClientEnd, Identity, Lost, Pins};
use crate::wire::{
    ClientMessage, CloseCode, DecodeError, Framer, Hello, ServerMessage, VERSION, frame, server_message,
};
use quinn::{Connection, RecvStream, SendStream, TokioRuntime};
use std::net::SocketAddr;
use std::sync::Arc;

/// A connection with its control stream open.
pub struct Visitor {
    /// The connection: datagrams are sent and read here.
    pub connection: Connection,
    send: SendStream,
    receive: RecvStream,
    framer: Framer,
    /// Its end of the line, which lives as long as this.
    pub end: ClientEnd,
}

/// Why there was no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// The bridge closed the connection, with this code if it is one that is known.
    Closed(Option<CloseCode>),
    /// What came was no message.
    Nonsense(DecodeError),
}

/// A hello to `room`, from a device that is enrolled.
#[must_use]
pub fn hello(room: &str) -> Hello {
    Hello { version: VERSION, room: room.into(), ..Hello::default() }
}

impl Visitor {
    /// Connects on the virtual network from `from` (port 0 for any) to `to` with this key, opens the control stream and
    /// says nothing.
    ///
    /// # Panics
    /// When there is no endpoint to be had, or `to` is no address to call.
    ///
    /// # Errors
    /// When the other end does not come about.
    pub async fn connect(
        net: &VirtualNet,
        from: SocketAddr,
        to: SocketAddr,
        identity: &Identity,
        pins: Pins,
        seed: u64,
    ) -> Result<Self, Lost> {
        let config = quic::client_endpoint_config(seed);
        let end =
            ClientEnd::with_socket(net.socket(from), Arc::new(TokioRuntime), config).expect("an endpoint");
        Self::over(end, to, identity, pins).await
    }

    /// The same from an end of the caller's, on whatever network.
    ///
    /// # Panics
    /// When `to` is no address to call.
    ///
    /// # Errors
    /// When the other end does not come about.
    pub async fn over(end: ClientEnd, to: SocketAddr, identity: &Identity, pins: Pins) -> Result<Self, Lost> {
        let connecting = end.connect(to, identity, pins).expect("an address to call");
        let connection = connecting.await.map_err(|error| Lost::new(&error, false))?;
        let (send, receive) = connection.open_bi().await.map_err(|error| Lost::new(&error, true))?;
        Ok(Self { connection, send, receive, framer: Framer::default(), end })
    }

    /// Sends a control message, or loses it when the connection has ended.
    pub async fn say(&mut self, message: impl Into<ClientMessage>) {
        self.say_bytes(&frame(&message.into())).await;
    }

    /// Sends whatever bytes on the control stream, or loses them when the connection has ended.
    pub async fn say_bytes(&mut self, bytes: &[u8]) {
        // What the bridge makes of them, or that it has closed, is seen by whoever listens.
        let _ = self.send.write_all(bytes).await;
    }

    /// Says that no more control messages come.
    pub fn finish(&mut self) {
        // It may be finished already.
        let _ = self.send.finish();
    }

    /// The next control message.
    ///
    /// # Errors
    /// [`Silence`] when none comes any more.
    pub async fn hear(&mut self) -> Result<ServerMessage, Silence> {
        loop {
            if let Some(message) = self.framer.poll().map_err(Silence::Nonsense)? {
                return Ok(message);
            }
            let mut bytes = [0; 512];
            match self.receive.read(&mut bytes).await {
                Ok(Some(read)) => self.framer.push(&bytes[..read]),
                _ => return Err(Silence::Closed(self.closed().await)),
            }
        }
    }

    /// The name in the welcome, what comes before it left out.
    ///
    /// # Errors
    /// [`Silence`] when there is no welcome.
    pub async fn welcome(&mut self) -> Result<String, Silence> {
        loop {
            if let Some(server_message::Body::Welcome(welcome)) = self.hear().await?.body {
                return Ok(welcome.name);
            }
        }
    }

    /// Waits until the connection ends; the code with which the bridge ended it, if it was the bridge.
    pub async fn closed(&self) -> Option<CloseCode> {
        match Lost::new(&self.connection.closed().await, true) {
            Lost::Refused { code, .. } => CloseCode::from_code(code),
            _ => None,
        }
    }
}
