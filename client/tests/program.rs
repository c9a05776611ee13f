//! The program itself, as a shell starts it.

use std::process::{Command, Stdio};

#[test]
fn what_nobody_reads_is_no_reason_to_panic() {
    for (words, code) in [(&["--help"][..], 0), (&["join"], 2), (&["nonsense"], 2)] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut program = Command::new(env!("CARGO_BIN_EXE_giaoban"));
        program.args(words).stdin(Stdio::null());
        program.stdout(writer.try_clone().expect("the same pipe")).stderr(writer);
        assert_eq!(program.status().expect("it runs").code(), Some(code), "{words:?}");
    }
}
