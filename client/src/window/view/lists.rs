//! The lists: who is here, what is written, the figures. Only lines that are otherwise are touched.

use crate::console::model::{Row, Trouble};
use crate::stats::Stats;
use crate::window::model::Model;
use crate::window::words::Words;
use crate::words::console;
use giaoban_screen::{App, Deed, Figure, Letter, Person, Quality, Show};
use slint::{ComponentHandle as _, Model as _, ModelRc, VecModel};
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(super) struct Lists {
    people: Rc<VecModel<Person>>,
    letters: Rc<VecModel<Letter>>,
    figures: Rc<VecModel<Figure>>,
    pub(super) log: Rc<VecModel<Letter>>,
    pub(super) lobby: Rc<VecModel<Person>>,
    pub(super) lobby_deeds: Rc<VecModel<Deed>>,
    pub(super) site_deeds: Rc<VecModel<Deed>>,
    pub(super) room_deeds: Rc<VecModel<Deed>>,
}

impl Lists {
    pub(super) fn new(app: &App) -> Self {
        let lists = Self {
            people: Rc::default(),
            letters: Rc::default(),
            figures: Rc::default(),
            log: Rc::default(),
            lobby: Rc::default(),
            lobby_deeds: Rc::default(),
            site_deeds: Rc::default(),
            room_deeds: Rc::default(),
        };
        let show = app.global::<Show<'_>>();
        show.set_people(model(&lists.people));
        show.set_letters(model(&lists.letters));
        show.set_figures(model(&lists.figures));
        show.set_log(model(&lists.log));
        show.set_lobby(model(&lists.lobby));
        show.set_lobby_deeds(model(&lists.lobby_deeds));
        show.set_site_deeds(model(&lists.site_deeds));
        show.set_room_deeds(model(&lists.room_deeds));
        lists
    }

    pub(super) fn show(&self, show: &Show<'_>, model: &Model, now: Instant, words: &Words) {
        let desk = model.desk();
        let rows = desk.rows(now);
        let left = desk.turn_left(now);
        let chooses = model.is_operator();
        let people =
            rows.iter().map(|row| Person { chosen: row.chosen && chooses, ..person(row, left, words) });
        set(&self.people, people.collect());
        let count = desk.roster().members().to_string();
        show.set_people_title(words.with("people", &[("count", &count)]).into());
        let letters = model.letters().map(|letter| {
            let name = if letter.to_operators {
                words.with("to-operators", &[("name", &letter.name)])
            } else {
                letter.name.clone()
            };
            Letter { name: name.into(), text: letter.text.as_str().into(), private: letter.to_operators }
        });
        set(&self.letters, letters.collect());
        show.set_unread(i32::try_from(model.unread()).unwrap_or(i32::MAX));
        set(&self.figures, desk.figures().map(|stats| figures(stats, words)).unwrap_or_default());
    }
}

fn model<T: Clone + 'static>(list: &Rc<VecModel<T>>) -> ModelRc<T> {
    ModelRc::from(Rc::clone(list))
}

/// The list becomes this one.
pub(super) fn set<T: Clone + PartialEq + 'static>(list: &VecModel<T>, lines: Vec<T>) {
    while list.row_count() > lines.len() {
        list.remove(list.row_count() - 1);
    }
    for (n, line) in lines.into_iter().enumerate() {
        match list.row_data(n) {
            None => list.push(line),
            Some(before) if before != line => list.set_row_data(n, line),
            Some(_) => {}
        }
    }
}

fn person(row: &Row<'_>, left: Option<Duration>, words: &Words) -> Person {
    let name = row.seat.name.as_str();
    let tone = match row.trouble {
        Some(Trouble::Away | Trouble::HearsBadly | Trouble::NoMicrophone) => Quality::Lost,
        Some(_) => Quality::Weak,
        None if row.floor || row.is_loud() => Quality::Good,
        None if row.place.is_some() => Quality::Weak,
        None => Quality::None,
    };
    Person {
        id: row.seat.member.to_string().into(),
        name: if row.own { words.with("you", &[("name", name)]) } else { name.into() }.into(),
        state: console::state(row, left, words.lang()).into(),
        tone,
        level: i32::try_from(row.level()).unwrap_or_default(),
        own: row.own,
        hand: row.place.is_some(),
        floor: row.floor,
        chosen: false,
    }
}

fn figures(stats: &Stats, words: &Words) -> Vec<Figure> {
    let number =
        |key: &str, number: f64, decimals| words.with(key, &[("number", &words.number(number, decimals))]);
    // Of nothing nothing is lost.
    let share = |part: u64, of: u64| if of == 0 { 0.0 } else { part as f64 * 100.0 / of as f64 };
    let expected = stats.received.saturating_sub(stats.repaired) + stats.lost;
    let (ms, percent, kbps) = (key("ms"), key("percent"), key("kbps"));
    let path = match stats.path {
        Some("tcp") => words.text("path-tcp"),
        Some(_) => words.text("path-udp"),
        None => String::new(),
    };
    let all = [
        (words.text("fig-trip"), stats.rtt_ms.map_or_else(String::new, |rtt| number(ms, rtt, 0))),
        (words.text("fig-delay"), number(ms, stats.delay_ms, 0)),
        (words.text("fig-lost"), number(percent, share(stats.lost, expected), 1)),
        (words.text("fig-repaired"), number(percent, share(stats.repaired, stats.lost), 0)),
        (words.text("fig-concealed"), number(key("seconds"), stats.concealed_ms as f64 / 1000.0, 1)),
        (words.text("fig-up-loss"), number(percent, stats.up_loss_percent, 1)),
        (words.text("fig-up"), number(kbps, stats.up_kbps, 1)),
        (words.text("fig-down"), number(kbps, stats.down_kbps, 1)),
        (words.text("fig-mb"), number(key("bytes"), stats.mb, 2)),
        (words.text("fig-path"), path),
        (words.text("fig-reconnects"), stats.reconnects.to_string()),
    ];
    all.into_iter().map(|(name, value)| Figure { name: name.into(), value: value.into() }).collect()
}

/// Marks a key for the test that looks for all of them.
const fn key(key: &str) -> &str {
    key
}
