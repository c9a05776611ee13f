//! The messages of a check of the line.

use prost::Message;

/// The request to measure the line. What lets a device join lets it check.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Check {
    /// The highest version that the client speaks.
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// The program and its version, for the log.
    #[prost(string, tag = "2")]
    pub software: String,
    /// The room to which the link leads.
    #[prost(string, tag = "3")]
    pub room: String,
    /// The link's code, when it has one: 16 bytes.
    #[prost(bytes = "vec", tag = "4")]
    pub code: Vec<u8>,
}

/// The client has measured all that it wants to; it asks for what the bridge has.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct CheckEnd {}

/// The check may begin: probes are answered from now on.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct CheckReady {}

/// What the bridge has received of a check.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct CheckResult {
    /// The rate that the line carries, in bits a second, IP and UDP headers included.
    #[prost(uint32, tag = "1")]
    pub rate_bps: u32,
    /// Whether it may carry more than was tried.
    #[prost(bool, tag = "2")]
    pub or_more: bool,
    /// Packets lost while it was not overloaded, in thousandths of all.
    #[prost(uint32, tag = "3")]
    pub loss_permille: u32,
    /// How many were lost in a row on average, in hundredths.
    #[prost(uint32, tag = "4")]
    pub burst_hundredths: u32,
    /// By how much the slowest twentieth came later than the fastest.
    #[prost(uint32, tag = "5")]
    pub jitter_ms: u32,
    /// Probes received.
    #[prost(uint32, tag = "6")]
    pub received: u32,
}
