//! Any stream, cut anywhere, gives control messages or an error.
#![no_main]

use giaoban_proto::wire::{ClientMessage, Framer, ServerMessage};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<Vec<u8>>, bool)| {
    let (parts, from_server) = input;
    let mut framer = Framer::default();
    for part in parts {
        framer.push(&part[..part.len().min(4096)]);
        loop {
            let more = if from_server {
                framer.poll::<ServerMessage>().map(|message| message.is_some())
            } else {
                framer.poll::<ClientMessage>().map(|message| message.is_some())
            };
            match more {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return,
            }
        }
    }
});
