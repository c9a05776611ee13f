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

/// The console in a terminal of its own, which is a pseudo-terminal, and as wide and high as the least that it fits in.
#[cfg(target_os = "linux")]
mod console {
    use super::*;
    use rustix::fs::{Mode, OFlags};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};
    use std::fs::File;
    use std::io::{Read as _, Write as _};
    use std::net::UdpSocket;

    /// Reads until this has come; all that came.
    fn read_until(terminal: &mut File, all: &mut Vec<u8>, text: &str) {
        let mut buffer = [0; 4096];
        while !all.windows(text.len()).any(|part| part == text.as_bytes()) {
            let read = terminal.read(&mut buffer).expect("the program is there");
            assert!(read > 0, "{}", String::from_utf8_lossy(all));
            all.extend_from_slice(&buffer[..read]);
        }
    }

    #[test]
    fn the_console_takes_a_terminal_over_and_gives_it_back() {
        let home = tempfile::tempdir().expect("a folder");
        // Somebody is there, and answers nothing.
        let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let port = silent.local_addr().expect("it is bound").port();
        let link = format!("giaoban://127.0.0.1:{port}/giaoban?k=aaaaaaaaaaaaaaaaaaaaaaaaaa");
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("sized");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let slave = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("opened");
        let before = tcgetattr(&slave).expect("a terminal");
        let other = || slave.try_clone().expect("the same terminal");
        let mut program = Command::new(env!("CARGO_BIN_EXE_giaoban"));
        program.args([
            "console", &link, "--input", "silence", "--output", "null", "--tcp", "off", "--lang", "vi",
        ]);
        program.env("XDG_CONFIG_HOME", home.path()).env("TERM", "xterm-256color");
        for variable in ["GIAOBAN_LINK", "GIAOBAN_IDENTITY", "GIAOBAN_STATS"] {
            program.env_remove(variable);
        }
        let mut program = program.stdin(other()).stdout(other()).stderr(other()).spawn().expect("it runs");
        let (mut terminal, mut all) = (File::from(master), Vec::new());
        read_until(&mut terminal, &mut all, "nối");
        read_until(&mut terminal, &mut all, "giúp");
        assert!(all.windows(8).any(|part| part == b"\x1b[?1049h"), "a screen of its own");
        assert_ne!(tcgetattr(&slave).expect("a terminal").local_modes, before.local_modes);
        terminal.write_all(b"q").expect("typed");
        read_until(&mut terminal, &mut all, "vẫn");
        terminal.write_all(b"y").expect("typed");
        read_until(&mut terminal, &mut all, "\x1b[?1049l");
        read_until(&mut terminal, &mut all, "giaoban: ");
        assert_eq!(program.wait().expect("it ends").code(), Some(0));
        assert_eq!(tcgetattr(&slave).expect("a terminal").local_modes, before.local_modes, "as it was");
    }

    #[test]
    fn without_a_terminal_there_is_no_console() {
        let home = tempfile::tempdir().expect("a folder");
        let link = "giaoban://127.0.0.1:9/giaoban?k=aaaaaaaaaaaaaaaaaaaaaaaaaa";
        let (said, code) = said(&["console", link], home.path());
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("needs a terminal"), "{said}");
    }
}
