//! The codec behind both doors.

mod opus;

pub use opus::{
    BRIDGE_COMPLEXITY, CLIENT_COMPLEXITY, Decoder, Encoder, MAX_PACKET, networks, packet_length, version,
};

/// libopus refused. With our settings this means memory or a fault of ours, but for what a peer sent to be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The packet is no Opus that we take: not parsable, or no whole number of bricks up to 120 ms.
    #[error("the sound packet is damaged")]
    BadPacket,
    /// libopus answered with this error (`OPUS_…` in its header).
    #[error("the sound codec failed (libopus error {0})")]
    Opus(i32),
}
