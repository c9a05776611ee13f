//! That one window is enough: a second start tells the first what it was asked for, and ends. A shell.
//!
//! The first window listens on a port of this machine alone, and writes port and a secret word into a file that only this
//! user can read. The same on every system, and a file that a crash has left behind points to a port where nobody knows
//! the word.

use giaoban_proto::transport::{Identity, private};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

/// How long either may keep the other waiting.
const WITHIN: Duration = Duration::from_secs(2);

/// The most that is read, in bytes: a secret word and a link.
const MOST: u64 = 4096;

const OK: &[u8] = b"ok";

/// What became of a start.
#[derive(Debug)]
pub enum Start {
    /// This is the first window.
    First(First),
    /// There is one already, and it knows.
    Told,
}

/// The first window's ear.
#[derive(Debug)]
pub struct First {
    listener: TcpListener,
    word: String,
}

/// Looks whether there is a window already, by this file, and tells it of `link` (which may be empty).
///
/// # Errors
/// Where no port is to be had, or the file cannot be written: then there is no telling, and two windows are no harm.
pub fn start(file: &Path, link: &str) -> io::Result<Start> {
    if tell(file, link).is_some() {
        return Ok(Start::Told);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // Drawn at random like any key's.
    let word = Identity::generate().map_err(io::Error::other)?.fingerprint().to_string();
    let text = format!("{} {word}\n", listener.local_addr()?.port());
    private::replace(file, text.as_bytes()).map_err(io::Error::other)?;
    Ok(Start::First(First { listener, word }))
}

fn tell(file: &Path, link: &str) -> Option<()> {
    let text = String::from_utf8(private::read(file, MOST).ok()??).ok()?;
    let (port, word) = text.trim().split_once(' ')?;
    let mut stream =
        TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port.parse().ok()?).into(), WITHIN).ok()?;
    stream.set_read_timeout(Some(WITHIN)).ok()?;
    stream.write_all(format!("{word}\n{link}").as_bytes()).ok()?;
    stream.shutdown(std::net::Shutdown::Write).ok()?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer).ok()?;
    (answer == OK).then_some(())
}

impl First {
    /// Hears of later starts for as long as the program runs: `told` gets the link of each, or nothing.
    ///
    /// # Errors
    /// Where no thread can be had.
    pub fn listen(self, told: impl Fn(String) + Send + 'static) -> io::Result<()> {
        let hear = move || {
            for stream in self.listener.incoming() {
                if let Some(link) = stream.ok().and_then(|stream| self.hear(stream)) {
                    told(link);
                }
            }
        };
        std::thread::Builder::new().name("alone".into()).spawn(hear).map(|_| ())
    }

    fn hear(&self, mut stream: TcpStream) -> Option<String> {
        stream.set_read_timeout(Some(WITHIN)).ok()?;
        stream.set_write_timeout(Some(WITHIN)).ok()?;
        let mut said = Vec::new();
        (&mut stream).take(MOST).read_to_end(&mut said).ok()?;
        let said = String::from_utf8(said).ok()?;
        let (word, link) = said.split_once('\n')?;
        if word != self.word {
            return None;
        }
        stream.write_all(OK).ok()?;
        Some(link.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn the_second_start_tells_the_first_and_a_file_that_was_left_behind_is_no_window() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("window.port");
        let Start::First(left_behind) = start(&file, "").expect("a port") else { panic!("the first") };
        drop(left_behind);
        let Start::First(first) = start(&file, "giaoban://a").expect("a port") else { panic!("it is gone") };
        let (told, heard) = channel();
        first.listen(move |link| told.send(link).expect("somebody waits")).expect("a thread");
        for link in ["giaoban://b/c?k=d", ""] {
            assert!(matches!(start(&file, link), Ok(Start::Told)));
            assert_eq!(heard.recv().expect("told"), link);
        }
        // Whoever does not know the word is not heard.
        let text = std::fs::read_to_string(&file).expect("written");
        let (port, _) = text.split_once(' ').expect("port and word");
        private::replace(&file, format!("{port} {}\n", "0".repeat(26)).as_bytes()).expect("written");
        assert!(matches!(start(&file, "giaoban://e"), Ok(Start::First(_))));
        assert!(heard.try_recv().is_err());
    }
}
