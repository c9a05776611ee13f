//! The terminal itself: taken over and given back, keys in, frames out. A shell.
//!
//! Writing to a terminal may wait for as long as somebody holds it (Ctrl-S, a line of ssh that is away). A thread of its
//! own does that, and while it is busy no frame is drawn: what is seen is late, what is known is not, and at most one
//! frame waits.

use super::model::{Hit, Key};
use super::view::Hits;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, KeyCode, KeyEvent,
    KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
#[cfg(unix)]
use std::fs::File;
#[cfg(unix)]
use std::io::IsTerminal as _;
use std::io::{self, Write};
#[cfg(unix)]
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
#[cfg(unix)]
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// The error output while the screen is up: sound drivers write to it as they like, and would write over the table.
#[cfg(unix)]
static ERRORS: Mutex<Option<OwnedFd>> = Mutex::new(None);

/// Puts the error output aside, if it is this terminal.
#[cfg(unix)]
fn hush() {
    let errors = io::stderr();
    if !errors.is_terminal() {
        return;
    }
    let (Ok(kept), Ok(nowhere)) = (errors.as_fd().try_clone_to_owned(), File::create("/dev/null")) else {
        return;
    };
    if rustix::stdio::dup2_stderr(&nowhere).is_ok() {
        *ERRORS.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }
}

#[cfg(unix)]
fn unhush() {
    if let Some(kept) = ERRORS.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = rustix::stdio::dup2_stderr(&kept);
    }
}

#[cfg(not(unix))]
fn hush() {}

#[cfg(not(unix))]
fn unhush() {}

/// The terminal, taken over until this is dropped.
#[derive(Debug)]
pub struct Taken(());

impl Taken {
    /// Takes the terminal over: every key as it comes, the mouse, a screen of its own. A panic gives it back first.
    ///
    /// # Errors
    /// Where there is no terminal.
    pub fn take() -> io::Result<Self> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        enable_raw_mode()?;
        // From here on dropped is given back.
        let taken = Self(());
        execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste)?;
        hush();
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

/// Harmless when it is given back already. A terminal that is gone needs nothing.
fn give_back() {
    let _ = execute!(io::stdout(), DisableBracketedPaste, DisableMouseCapture, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    unhush();
}

/// Where frames are written to: never waits.
#[derive(Debug)]
pub struct Screen {
    bytes: Vec<u8>,
    out: Sender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

/// Whether a frame still waits to be written.
#[derive(Clone, Debug)]
pub struct Busy(Arc<AtomicUsize>);

impl Busy {
    /// See [`Busy`].
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

impl Screen {
    /// One that writes to `to`; what it is busy with, and the thread that writes, which ends when the screen is dropped.
    pub fn new(to: impl Write + Send + 'static) -> (Self, Busy, JoinHandle<()>) {
        let (out, frames) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let thread = std::thread::spawn({
            let waiting = Arc::clone(&waiting);
            move || write(to, &frames, &waiting)
        });
        (Self { bytes: Vec::new(), out, waiting: Arc::clone(&waiting) }, Busy(waiting), thread)
    }
}

fn write(mut to: impl Write, frames: &Receiver<Vec<u8>>, waiting: &AtomicUsize) {
    for bytes in frames {
        // A terminal that is gone is no reason to leave the meeting.
        let _ = to.write_all(&bytes).and_then(|()| to.flush());
        waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.bytes.is_empty() {
            self.waiting.fetch_add(1, Ordering::AcqRel);
            let _ = self.out.send(std::mem::take(&mut self.bytes));
        }
        Ok(())
    }
}

/// The model's key; `None` for what means nothing here.
#[must_use]
pub fn key(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    if event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        let interrupt = event.code == KeyCode::Char('c') && event.modifiers == KeyModifiers::CONTROL;
        return interrupt.then_some(Key::Interrupt);
    }
    Some(match event.code {
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Tab | KeyCode::BackTab => Key::Tab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}

/// What a mouse has hit of what was drawn.
#[must_use]
pub fn hit(event: MouseEvent, hits: &Hits) -> Option<Hit> {
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => hits.at(event.column, event.row),
        MouseEventKind::ScrollUp => Some(Hit::Wheel { up: true }),
        MouseEventKind::ScrollDown => Some(Hit::Wheel { up: false }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(not(unix))]
    use std::sync::Mutex;

    #[test]
    fn keys_are_those_that_the_model_knows() {
        let with = |code, modifiers| key(KeyEvent::new(code, modifiers));
        assert_eq!(with(KeyCode::Char('H'), KeyModifiers::SHIFT), Some(Key::Char('H')));
        assert_eq!(with(KeyCode::Char('ễ'), KeyModifiers::NONE), Some(Key::Char('ễ')));
        assert_eq!(with(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Interrupt));
        assert_eq!(with(KeyCode::Char('x'), KeyModifiers::CONTROL), None, "nobody is put out by accident");
        assert_eq!(with(KeyCode::F(5), KeyModifiers::NONE), None);
        let released = KeyEvent::new_with_kind(KeyCode::Enter, KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(key(released), None);
    }

    /// A terminal that is held, as by Ctrl-S.
    struct Held(Arc<Mutex<Vec<u8>>>);

    impl Write for Held {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("nobody panics").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_terminal_that_is_held_holds_nobody_up_and_gets_all_of_it_later() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, busy, thread) = Screen::new(Held(Arc::clone(&written)));
        {
            let held = written.lock().expect("nobody panics");
            for frame in ["one ", "two"] {
                screen.write_all(frame.as_bytes()).expect("taken");
                screen.flush().expect("never waits");
            }
            assert!(busy.is_busy() && held.is_empty());
        }
        drop(screen);
        thread.join().expect("it ends by itself");
        assert!(!busy.is_busy());
        assert_eq!(*written.lock().expect("nobody panics"), b"one two");
    }
}
