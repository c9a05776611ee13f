//! What is printed: lines for people, or JSON for programs; and what others have named is made harmless first.

use serde_json::Value;
use std::io::{self, IsTerminal as _, Write as _};

/// Prints a line. Nobody may be reading any more, which is no reason to stop.
pub fn tell(line: &str) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints a line about what went on beside, where it does not get into what a program reads.
pub fn warn(line: &str) {
    let _ = writeln!(io::stderr(), "giaoban-bridge: {line}");
}

/// Prints JSON: in one line for a program, over several for a person.
pub fn json(value: &Value) {
    if is_terminal() { tell(&format!("{value:#}")) } else { tell(&value.to_string()) }
}

/// Prints text as it is.
///
/// # Errors
/// It cannot be written.
pub fn raw(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout();
    match out.write_all(text).and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Whether a person reads.
#[must_use]
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// How many columns the terminal has, as far as is known.
#[must_use]
pub fn columns() -> Option<usize> {
    #[cfg(unix)]
    return rustix::termios::tcgetwinsize(io::stdout())
        .ok()
        .map(|size| size.ws_col.into())
        .filter(|&n| n > 0);
    #[cfg(not(unix))]
    None
}

/// The same text without what would move the cursor, colour the screen or turn the line around.
#[must_use]
pub fn harmless(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if harmful(c) { '\u{fffd}' } else { c }).collect()
}
