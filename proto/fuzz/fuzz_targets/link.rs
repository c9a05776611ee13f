//! Any text is a join link or an error; a link that parses is written and read again as itself.
#![no_main]

use giaoban_proto::link::Link;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(link) = text.parse::<Link>() {
        assert_eq!(link.to_string().parse::<Link>(), Ok(link));
    }
});
