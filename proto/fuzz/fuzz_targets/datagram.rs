//! Any bytes are a datagram, a probe or an error; a voice datagram that parses encodes to the same bytes.
#![no_main]

use giaoban_proto::wire::{Datagram, MAX_DATAGRAM_BYTES, Probe};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Datagram::Voice(voice)) = Datagram::decode(bytes) {
        assert_eq!(voice.encode(&mut [0; MAX_DATAGRAM_BYTES]), bytes);
    }
    if let Ok(probe) = Probe::decode(bytes) {
        assert_eq!(Probe::decode(probe.encode(&mut [0; MAX_DATAGRAM_BYTES], bytes.len())), Ok(probe));
    }
});
