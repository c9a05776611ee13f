//! How a guest comes in: the PIN's key exchange (see `crate::pin`), then the lobby.

use prost::Message;

/// What proves to the bridge that the guest knows the PIN: see [`crate::pin`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PinProof {
    /// 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub proof: Vec<u8>,
}

/// The bridge's half of the PIN's key exchange.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PinChallenge {
    /// 33 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub exchange: Vec<u8>,
}

/// The guest is in the lobby. A welcome follows when it is let in, a close with its code when not.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct InLobby {
    /// What proves that the bridge knows the PIN too: 32 bytes. A guest that finds it wrong goes.
    #[prost(bytes = "vec", tag = "1")]
    pub proof: Vec<u8>,
}

/// A difference to the list of who waits to be let in.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Lobby {
    /// Guests that came.
    #[prost(message, repeated, tag = "1")]
    pub waiting: Vec<Waiting>,
    /// Guests that wait no more.
    #[prost(uint64, repeated, tag = "2")]
    pub gone: Vec<u64>,
}

/// A guest in the lobby.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Waiting {
    /// Its number, which it keeps when it is let in.
    #[prost(uint64, tag = "1")]
    pub member: u64,
    /// How it calls itself.
    #[prost(string, tag = "2")]
    pub name: String,
}
