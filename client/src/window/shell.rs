//! What comes of each thing that happens or is done, before, in and after a meeting.
//!
//! Lives on the screen's thread and never waits: what takes time is an [`Order`] to whoever has the threads, and comes back
//! as [`News`].

use super::kept::{Kept, Scheme};
use super::meter::Meters;
use super::model::{Banner, Model, Told};
use super::sound::{Check, Run, Step};
use super::start::Wrong;
use super::view::{Act, View};
use crate::console::model::{Hit, Verb};
use crate::engine::Command;
use crate::meeting::Meeting;
use crate::session::End;
use crate::stats::Stats;
use crate::words::Lang;
use giaoban_proto::unit::Level;
use giaoban_proto::wire::server_message::Body;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Between two looks at the meters and at what has come: fifteen in a second. More costs an old PC more than it shows.
const LOOK: Duration = Duration::from_millis(66);

/// Between two times that all is drawn, at most: clocks go on.
const DRAW: Duration = Duration::from_millis(500);

/// When a bridge that did not answer is tried again: soon enough for a PC that was switched on before the server.
const AGAIN: Duration = Duration::from_secs(15);

/// The largest file that a link is looked for in, in bytes.
const MAX_FILE: u64 = 65_536;

/// Something that came from one of the threads.
#[derive(Debug)]
pub enum News {
    /// The bridge said something on the line that carries sound.
    Said(Box<Body>),
    /// The figures of a second.
    Counted(Box<Stats>),
    /// The engine tells its person this, in words.
    Told(Told, String),
    /// The engine has ended; why, where it is not for the session to say.
    Ended(Option<String>),
    /// A part of the sound check is over; its loudest moment.
    Ran(Run, Level),
    /// It could not be run.
    Broken(String),
    /// The names of microphones and of loudspeakers.
    Devices(Vec<String>, Vec<String>),
    /// The program was started once more, with this link or nothing.
    Started(String),
    /// The program is to end, as if its window were closed.
    Interrupted,
}

/// What is to be done elsewhere.
#[derive(Debug)]
pub enum Order {
    /// Join this meeting, under this name as a guest, with these devices.
    Join {
        /// Where.
        meeting: Box<Meeting>,
        /// How a guest calls itself; empty: as the computer is called.
        name: String,
        /// The devices, and the language.
        kept: Box<Kept>,
        /// Whether the microphone is off at first.
        muted: bool,
    },
    /// The engine is asked this.
    Command(Command),
    /// A part of the sound check, with these devices.
    Run(Run, Box<Kept>),
    /// Look which devices there are.
    Devices,
    /// Keep this.
    Keep(Box<Kept>),
    /// Start with the system, or no longer.
    Autostart(bool),
    /// End the program.
    Quit,
}

/// With what a window begins.
#[derive(Debug, Default)]
pub struct Begin {
    /// The meeting that this device remembers.
    pub remembered: Option<Meeting>,
    /// The link, or the file with a link, with which the program was started.
    pub link: Option<String>,
    /// What the window remembers.
    pub kept: Kept,
    /// Whether the microphone is off at first.
    pub muted: bool,
    /// Whether it starts with the system.
    pub autostart: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    Sound,
    Meeting,
    Ended,
}

/// See the module.
pub struct Shell {
    view: View,
    meters: Meters,
    order: Box<dyn FnMut(Order)>,
    news: Receiver<News>,
    begin: Begin,
    place: Place,
    model: Option<Model>,
    check: Check,
    devices: [Vec<String>; 2],
    wrong: Option<Wrong>,
    /// What is joined after the sound check, or was joined last.
    wanted: Option<(Meeting, String)>,
    joins_after_check: bool,
    /// The link that was opened while a meeting went on.
    other: Option<String>,
    again_at: Option<Instant>,
    drawn: Option<Instant>,
    banner: Option<std::mem::Discriminant<Banner>>,
    quitting: bool,
}

/// A shell that the screen's own events can reach.
#[derive(Clone)]
pub struct Running {
    shell: Rc<RefCell<Shell>>,
    acts: Rc<RefCell<VecDeque<Act>>>,
}

impl Shell {
    /// Before the window is shown. `order` is told what is to be done elsewhere, and `news` is where that comes back.
    #[must_use]
    pub fn new(
        view: View,
        begin: Begin,
        meters: Meters,
        order: impl FnMut(Order) + 'static,
        news: Receiver<News>,
    ) -> Self {
        view.set_scheme(begin.kept.scheme);
        view.set_autostart(begin.autostart);
        Self {
            view,
            meters,
            order: Box::new(order),
            news,
            begin,
            place: Place::Start,
            model: None,
            check: Check::default(),
            devices: Default::default(),
            wrong: None,
            wanted: None,
            joins_after_check: false,
            other: None,
            again_at: None,
            drawn: None,
            banner: None,
            quitting: false,
        }
    }

    /// Connects the screen's events. [`Running::start`] does the rest.
    #[must_use]
    pub fn run(self) -> Running {
        let running = Running { shell: Rc::new(RefCell::new(self)), acts: Rc::default() };
        let of = running.clone();
        running.shell.borrow().view.on(move |act| of.act(act));
        running
    }

    /// Where a window begins: in the meeting, if it is known which.
    fn start(&mut self, now: Instant) {
        if let Some(link) = self.begin.link.take().filter(|link| !link.is_empty()) {
            self.open(now, &link);
        } else if let Some(meeting) = self.begin.remembered.clone() {
            self.join(now, meeting, String::new());
        } else {
            self.show_start();
        }
    }

    /// A link, or a file with one, was opened.
    fn open(&mut self, now: Instant, link: &str) {
        self.view.set_link(&text_of(link));
        let typed = self.view.typed();
        match typed.meeting() {
            Ok((meeting, name)) if !typed.wants_pin() => self.join(now, meeting, name),
            Ok(_) | Err(Wrong::Pin) => {
                self.wrong = None;
                self.show_start();
            }
            Err(wrong) => {
                self.wrong = Some(wrong);
                self.show_start();
            }
        }
    }

    fn join(&mut self, now: Instant, meeting: Meeting, name: String) {
        self.wanted = Some((meeting, name));
        if self.begin.kept.sound_checked {
            self.enter(now);
        } else {
            self.check_sound(true);
        }
    }

    fn enter(&mut self, now: Instant) {
        let Some((meeting, name)) = self.wanted.clone() else { return self.show_start() };
        let muted = self.begin.muted;
        self.model = Some(Model::new(&meeting.address(), meeting.room.as_str(), muted));
        (self.place, self.again_at, self.other) = (Place::Meeting, None, None);
        let kept = Box::new(self.begin.kept.clone());
        (self.order)(Order::Join { meeting: Box::new(meeting), name, kept, muted });
        self.draw(now);
    }

    fn check_sound(&mut self, joins: bool) {
        (self.place, self.check, self.joins_after_check) = (Place::Sound, Check::default(), joins);
        (self.order)(Order::Devices);
        self.run_check();
    }

    fn run_check(&mut self) {
        if let Some(run) = self.check.poll_run() {
            (self.order)(Order::Run(run, Box::new(self.begin.kept.clone())));
        }
        self.view.show_sound(&self.check);
    }

    fn end_check(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.begin.kept.sound_checked, true) {
            self.keep();
        }
        if self.joins_after_check {
            self.enter(now);
        } else {
            self.show_start();
        }
    }

    fn show_start(&mut self) {
        self.place = Place::Start;
        let remembered = self.begin.remembered.as_ref().map(|meeting| meeting.room.as_str());
        self.view.show_start(remembered, &self.view.typed(), self.wrong);
    }

    fn keep(&mut self) {
        (self.order)(Order::Keep(Box::new(self.begin.kept.clone())));
    }

    fn act(&mut self, now: Instant, act: Act) {
        match act {
            Act::Join => match self.view.typed().meeting() {
                Ok((meeting, name)) => {
                    self.wrong = None;
                    self.view.forget_pin();
                    self.join(now, meeting, name);
                }
                // It may be the name of a file that holds one.
                Err(Wrong::Link) if text_of(&self.view.typed().link) != self.view.typed().link => {
                    let link = self.view.typed().link;
                    self.open(now, &link);
                }
                Err(wrong) => {
                    self.wrong = Some(wrong);
                    self.show_start();
                }
            },
            Act::Remembered => {
                if let Some(meeting) = self.begin.remembered.clone() {
                    self.join(now, meeting, String::new());
                }
            }
            Act::Rejoin => self.enter(now),
            Act::Other => self.show_start(),
            Act::Edited => {
                self.wrong = None;
                self.show_start();
            }
            Act::SoundCheck => self.check_sound(false),
            Act::SoundYes | Act::SoundNo | Act::SoundSkip => {
                match act {
                    Act::SoundYes => self.check.handle_yes(),
                    Act::SoundNo => self.check.handle_no(),
                    _ => self.check.handle_skip(),
                }
                if *self.check.step() == Step::Done {
                    self.end_check(now);
                } else {
                    self.run_check();
                }
            }
            Act::Microphone(n) => {
                self.begin.kept.microphone = n.checked_sub(1).and_then(|n| self.devices[0].get(n)).cloned();
                self.chosen();
            }
            Act::Loudspeaker(n) => {
                self.begin.kept.loudspeaker = n.checked_sub(1).and_then(|n| self.devices[1].get(n)).cloned();
                self.chosen();
            }
            Act::Language { vietnamese } => {
                let lang = if vietnamese { Lang::Vi } else { Lang::En };
                self.begin.kept.set_lang(lang);
                self.keep();
                self.view.set_lang(lang);
                self.draw_all(now);
            }
            Act::Scheme(n) => {
                self.begin.kept.scheme = match n {
                    1 => Scheme::Light,
                    2 => Scheme::Dark,
                    _ => Scheme::System,
                };
                self.view.set_scheme(self.begin.kept.scheme);
                self.keep();
            }
            Act::Autostart => {
                self.begin.autostart = !self.begin.autostart;
                self.view.set_autostart(self.begin.autostart);
                (self.order)(Order::Autostart(self.begin.autostart));
            }
            Act::CloseSheet => {
                self.view.close_sheet();
                self.other = None;
                if let Some(model) = &mut self.model {
                    model.set_other_link(false);
                }
                self.draw(now);
            }
            Act::Leave => (self.order)(Order::Command(Command::Stop)),
            Act::Quit => self.quit(),
            in_meeting => self.act_in_meeting(now, in_meeting),
        }
    }

    fn act_in_meeting(&mut self, now: Instant, act: Act) {
        let Some(model) = self.model.as_mut().filter(|_| self.place == Place::Meeting) else { return };
        match act {
            Act::Mic => model.handle_mic(now),
            Act::Hold(down) => model.handle_hold(now, down),
            Act::Hand => model.handle_hand(now),
            Act::Banner => model.handle_banner(now),
            Act::Say(text) => model.handle_say(&text),
            Act::Read => model.handle_read(),
            _ if !model.is_operator() => return,
            Act::Choose(member) => model.desk_mut().handle_hit(now, Hit::Site(member)),
            Act::ChooseGuest(member) => model.desk_mut().handle_hit(now, Hit::Guest(member)),
            Act::Deed(key) => {
                if let Some(verb) = Verb::of(key) {
                    model.desk_mut().handle_verb(now, verb);
                }
            }
            Act::Key(key) => model.desk_mut().handle_key(now, key),
            Act::PromptYes(typed) => model.desk_mut().handle_answer(now, &typed),
            Act::PromptNo => model.desk_mut().handle_hit(now, Hit::No),
            _ => return,
        }
        self.draw(now);
    }

    fn chosen(&mut self) {
        self.keep();
        self.show_devices();
        // What was chosen is heard at once.
        self.check = Check::default();
        self.run_check();
    }

    fn show_devices(&self) {
        let kept = &self.begin.kept;
        let chosen = [kept.microphone.as_deref(), kept.loudspeaker.as_deref()];
        self.view.show_devices(&self.devices[0], &self.devices[1], chosen);
    }

    fn quit(&mut self) {
        if self.place == Place::Meeting {
            // When the engine has said good-bye.
            self.quitting = true;
            (self.order)(Order::Command(Command::Stop));
        } else {
            (self.order)(Order::Quit);
        }
    }

    fn hear(&mut self, now: Instant, news: News) {
        match news {
            News::Said(body) => {
                if let Some(model) = &mut self.model {
                    model.handle_body(now, &body);
                }
            }
            News::Counted(stats) => {
                if let Some(model) = &mut self.model {
                    model.handle_stats(&stats);
                }
            }
            News::Told(told, text) => {
                if let Some(model) = &mut self.model {
                    model.handle_told(now, told, text);
                }
            }
            News::Ended(failed) => self.ended(now, failed.as_deref()),
            News::Ran(run, loudest) => {
                self.meters.clear();
                self.check.handle_ran(run, loudest);
                self.go_on_checking();
            }
            News::Broken(why) => {
                self.check.handle_broken(why);
                self.go_on_checking();
            }
            News::Devices(microphones, loudspeakers) => {
                self.devices = [microphones, loudspeakers];
                self.show_devices();
            }
            News::Started(link) => self.started_again(now, &link),
            News::Interrupted => self.quit(),
        }
    }

    fn go_on_checking(&mut self) {
        // The check may have been left meanwhile.
        if self.place == Place::Sound {
            self.run_check();
        }
    }

    fn started_again(&mut self, now: Instant, link: &str) {
        self.view.raise();
        if link.is_empty() {
            return;
        }
        match self.model.as_mut().filter(|_| self.place == Place::Meeting) {
            Some(model) => {
                let same = |(meeting, _): &(Meeting, String)| {
                    let typed = super::start::Typed { link: text_of(link), ..Default::default() };
                    typed.found().is_some_and(|link| {
                        (&link.host, link.port, &link.room) == (&meeting.host, meeting.port, &meeting.room)
                    })
                };
                if !self.wanted.as_ref().is_some_and(same) {
                    model.set_other_link(true);
                    self.other = Some(link.to_owned());
                }
            }
            None => self.open(now, link),
        }
    }

    fn ended(&mut self, now: Instant, failed: Option<&str>) {
        self.meters.clear();
        let model = self.model.take();
        if self.quitting {
            return (self.order)(Order::Quit);
        }
        if let Some(link) = self.other.take() {
            return self.open(now, &link);
        }
        self.place = Place::Ended;
        self.view.close_sheet();
        let over = model.as_ref().and_then(Model::over);
        let wrong = model.as_ref().and_then(Model::wrong).unwrap_or_default();
        let (end, text) = over.map_or((None, wrong), |(end, text)| (Some(end), text));
        // The person is not there to press a button when the power is back before the server.
        let again = matches!(end, Some(End::NotReachable(_)));
        self.again_at = again.then(|| now + AGAIN);
        self.view.show_end(end, failed.unwrap_or(text), again);
    }

    /// Looks at what has come, and draws what is to be drawn.
    fn look(&mut self, now: Instant) {
        let mut changed = false;
        while let Ok(news) = self.news.try_recv() {
            self.hear(now, news);
            changed = true;
        }
        if self.again_at.is_some_and(|at| at <= now) && self.place == Place::Ended {
            self.enter(now);
        }
        if matches!(self.place, Place::Meeting | Place::Sound) {
            self.view.show_levels(&self.meters);
        }
        if let Some(model) = &mut self.model {
            model.handle_heard(now, self.meters.loudspeaker());
            model.handle_timeout(now);
        }
        if changed || self.drawn.is_none_or(|drawn| now.saturating_duration_since(drawn) >= DRAW) {
            self.draw(now);
        }
    }

    fn draw_all(&mut self, now: Instant) {
        match self.place {
            Place::Start => self.show_start(),
            Place::Sound => {
                self.show_devices();
                self.view.show_sound(&self.check);
            }
            Place::Meeting => self.draw(now),
            Place::Ended => {}
        }
    }

    fn draw(&mut self, now: Instant) {
        self.drawn = Some(now);
        let Some(model) = self.model.as_mut().filter(|_| self.place == Place::Meeting) else { return };
        if self.view.shows_letters() {
            model.handle_read();
        }
        while let Some(command) = model.poll_command() {
            (self.order)(Order::Command(command));
        }
        self.view.show_meeting(model, now);
        let banner = model.banner(now);
        let kind = banner.as_ref().map(std::mem::discriminant);
        if kind != self.banner {
            self.banner = kind;
            if matches!(banner, Some(Banner::Roll(_) | Banner::Yours { .. } | Banner::OtherLink)) {
                self.view.raise();
            }
        }
    }
}

impl Running {
    /// Shows the window, and begins. The timer that is given back is the window's life.
    ///
    /// # Errors
    /// Where there is no screen.
    pub fn start(&self) -> Result<slint::Timer, slint::PlatformError> {
        let closing = self.clone();
        self.shell.borrow().view.on_close(move || closing.act(Act::Quit));
        self.shell.borrow_mut().start(now());
        self.shell.borrow().view.show()?;
        let timer = slint::Timer::default();
        let looking = self.clone();
        timer.start(slint::TimerMode::Repeated, LOOK, move || looking.look());
        Ok(timer)
    }

    /// Looks at what has come, and draws what is to be drawn.
    pub fn look(&self) {
        if let Ok(mut shell) = self.shell.try_borrow_mut() {
            shell.look(now());
        }
        self.do_acts();
    }

    /// The person did this. What is done while something else is drawn comes after it.
    pub fn act(&self, act: Act) {
        self.acts.borrow_mut().push_back(act);
        self.do_acts();
    }

    fn do_acts(&self) {
        while let Ok(mut shell) = self.shell.try_borrow_mut() {
            let Some(act) = self.acts.borrow_mut().pop_front() else { return };
            shell.act(now(), act);
        }
    }
}

/// The text in which a link is looked for: what the file holds, where a file is named, else this itself.
fn text_of(link: &str) -> String {
    let named = link.trim().strip_prefix("file://").unwrap_or_else(|| link.trim());
    let path = Path::new(named);
    let small = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= MAX_FILE);
    let text = if small { std::fs::read_to_string(path).ok() } else { None };
    text.map_or_else(|| link.to_owned(), |text| text.trim().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the screen's clock, beside the engine's")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
