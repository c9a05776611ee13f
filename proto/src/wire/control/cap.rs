//! What a site may be sent, changed while it is in.

use prost::Message;

/// The person's cap, or what is left of the data of the meeting, is another from now on.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct SetCap {
    /// The most that each direction may cost, in kbit/s of wire, as in a hello; 0 leaves it to the bridge.
    #[prost(uint32, tag = "1")]
    pub max_kbps: u32,
}
