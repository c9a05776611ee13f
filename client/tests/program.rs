//! The program itself, as a shell starts it.

use std::process::{Command, Stdio};

#[test]
fn what_nobody_reads_is_no_reason_to_panic() {
    let home = tempfile::tempdir().expect("a folder");
    for (words, code) in [(&["--help"][..], 0), (&["join"], 2), (&["nonsense"], 2)] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut program = Command::new(env!("CARGO_BIN_EXE_giaoban"));
        program.args(words).stdin(Stdio::null()).env("XDG_CONFIG_HOME", home.path());
        program.stdout(writer.try_clone().expect("the same pipe")).stderr(writer);
        assert_eq!(program.status().expect("it runs").code(), Some(code), "{words:?}");
    }
}

/// What the program says on its error output, and its code, with this folder for its settings.
fn said(words: &[&str], home: &std::path::Path) -> (String, Option<i32>) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_giaoban"));
    program.args(words).stdin(Stdio::null()).env("XDG_CONFIG_HOME", home).env("LC_ALL", "C");
    for variable in ["GIAOBAN_LINK", "GIAOBAN_PIN", "GIAOBAN_IDENTITY", "GIAOBAN_LANG"] {
        program.env_remove(variable);
    }
    let output = program.output().expect("it runs");
    (String::from_utf8(output.stderr).expect("text"), output.status.code())
}

#[cfg(unix)]
#[test]
fn what_is_lacking_is_said_before_anything_is_made() {
    let home = tempfile::tempdir().expect("a folder");
    for words in [&[][..], &["join"], &["ctl", "who"], &["ctl", "-", "expel", "7"]] {
        let (said, code) = said(words, home.path());
        assert_eq!(code, Some(2), "{words:?}: {said}");
        assert!(said.contains("remembers no meeting yet"), "{said}");
    }
    let (said, code) = said(&["dial", "127.0.0.1:9", "giaoban"], home.path());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("GIAOBAN_PIN"), "{said}");
    assert_eq!(std::fs::read_dir(home.path()).expect("lists").count(), 0);
}

#[cfg(unix)]
#[test]
fn a_damaged_memory_is_told_and_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("giaoban/site.toml");
    std::fs::create_dir(home.path().join("giaoban")).expect("made");
    std::fs::write(&path, "host = 7").expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    let (said, code) = said(&[], home.path());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("site.toml does not say where the meeting is"), "{said}");
    assert_eq!(std::fs::read_to_string(&path).expect("there"), "host = 7");
}
