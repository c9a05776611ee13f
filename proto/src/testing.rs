//! What tests and benches stand on: a clock that only the test moves, links that go wrong by seed, speech,
//! and the means to judge what was heard.
//!
//! ```text
//! clock::run( … )                      paused tokio runtime: an hour passes in seconds
//!   quic::endpoint(&net, addr, seed)   real quinn, every random choice seeded
//!     net::VirtualNet                  an in-memory network; the same seed gives the same trace
//!       link::Link                     one direction of one line: delay, loss, rate, queue, outages   (pure)
//! speech, signal                       what is said
//! measure                              what was heard: alignment, leakage, holes                        (pure)
//! ```
//!
//! Nothing here is part of the product: it is built only with the feature `testing`.

pub mod clock;
pub mod link;
pub mod measure;
pub mod net;
pub mod quic;
pub mod rng;
pub mod signal;
pub mod speech;
pub mod visitor;

pub use clock::{now, run};
pub use net::VirtualNet;
