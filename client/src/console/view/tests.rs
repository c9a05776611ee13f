//! Keys are typed, and what then stands on the screen is compared with what stood there when a person last looked at it
//! and found it right: `view/screens/*.txt`. `GIAOBAN_SCREENS=write cargo test -p giaoban-client screens` writes them anew;
//! then look at them.

use super::*;
use crate::console::model::{Key, Verb};
use crate::console::testing::{Desk, SECOND};
use crate::words::console::{self as words, Label};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::path::Path;

const SIZES: [(u16, u16); 2] = [LEAST, (132, 40)];

fn drawn(desk: &Desk, (width, height): (u16, u16), lang: Lang) -> (String, Hits) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    let mut hits = Hits::default();
    terminal.draw(|frame| hits = draw(frame.buffer_mut(), &desk.model, desk.now, lang)).expect("drawn");
    let buffer = terminal.backend().buffer();
    let mut screen = String::new();
    for y in 0..height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..width {
            // What follows a letter that is two cells wide is no cell of its own.
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = Span::raw(symbol).width().saturating_sub(1);
            line.push_str(symbol);
        }
        screen.push_str(line.trim_end());
        screen.push('\n');
    }
    (screen, hits)
}

/// A scene, by its name, and the keys that lead to it.
fn scenes() -> Vec<(&'static str, Desk)> {
    let mut asked = Desk::busy();
    asked.model.handle_hit(asked.now, Hit::Site(9));
    asked.keys("x");
    let mut typing = Desk::busy();
    typing.keys("sCông văn 112/BC");
    let mut found = Desk::busy();
    found.keys("/chau");
    let mut lobby = Desk::busy();
    lobby.press(Key::Tab);
    lobby.press(Key::Down);
    let mut help = Desk::busy();
    help.keys("?");
    let mut log = Desk::busy();
    log.keys("l");
    let mut quiet = Desk::district();
    quiet.keys("k");
    quiet.acts_of_any_kind();
    vec![
        ("connecting", Desk::new()),
        ("quiet", quiet),
        ("busy", Desk::busy()),
        ("asked", asked),
        ("typing", typing),
        ("found", found),
        ("lobby", lobby),
        ("help", help),
        ("log", log),
    ]
}

#[test]
fn screens_are_as_they_were_looked_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console/view/screens");
    let write = std::env::var_os("GIAOBAN_SCREENS").is_some_and(|value| value == "write");
    for (name, desk) in scenes() {
        for size in SIZES {
            for (lang, tongue) in [(Lang::En, "en"), (Lang::Vi, "vi")] {
                let (screen, _) = drawn(&desk, size, lang);
                let path = folder.join(format!("{name}-{}x{}-{tongue}.txt", size.0, size.1));
                if write {
                    std::fs::write(&path, &screen).expect("written");
                }
                let before = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
                assert_eq!(screen, before, "{}", path.display());
            }
        }
    }
}

/// Names of sites are cut where they are too long, and what was written is wrapped; of our own words none is.
#[test]
fn no_word_of_ours_is_cut_at_any_size() {
    for (name, desk) in scenes() {
        for size in SIZES {
            for lang in [Lang::En, Lang::Vi] {
                let (screen, _) = drawn(&desk, size, lang);
                assert_eq!(screen.lines().count(), usize::from(size.1));
                let can = |verb: &Verb| desk.model.can(*verb) && name != "help";
                for verb in Verb::ALL.into_iter().filter(can) {
                    let shown = format!(
                        "{} {}",
                        foot::key(verb, lang),
                        words::verb(verb, desk.model.is_on(verb), lang)
                    );
                    assert!(screen.contains(&shown), "{name} {size:?}: {shown}\n{screen}");
                }
                let mut whole = vec![Label::MicrophoneOff];
                match name {
                    "help" => whole.extend([Label::Legend, Label::Legend2]),
                    "log" => whole.push(Label::Log),
                    "connecting" => whole.push(Label::Connecting),
                    _ => whole.extend([Label::State, Label::Level, Label::Hears, Label::Sends]),
                }
                match name {
                    "asked" => whole.extend([Label::Yes, Label::No]),
                    "typing" | "found" => whole.extend([Label::Send, Label::Cancel]),
                    "busy" => whole.extend([Label::Lobby, Label::Locked, Label::NewcomersSilent]),
                    _ => {}
                }
                if name == "connecting" {
                    whole.retain(|label| *label != Label::MicrophoneOff);
                }
                for label in whole {
                    assert!(screen.contains(label.text(lang)), "{name} {size:?}: {label:?}\n{screen}");
                }
                if name == "help" {
                    for verb in Verb::ALL {
                        let help = words::help(verb, lang);
                        assert!(screen.contains(help), "{size:?}: {help}\n{screen}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_click_on_what_is_seen_does_it() {
    for size in SIZES {
        let mut desk = Desk::busy();
        let find = |desk: &Desk, text: &str| {
            let (screen, hits) = drawn(desk, size, Lang::En);
            let (row, line) = screen.lines().enumerate().find(|(_, line)| line.contains(text)).expect(text);
            let column = Span::raw(&line[..line.find(text).expect("in it")]).width();
            hits.at(u16::try_from(column).expect("narrow"), u16::try_from(row).expect("low"))
        };
        let hit = find(&desk, "xã Thông Thụ").expect("a site");
        desk.model.handle_hit(desk.now, hit);
        assert_eq!(desk.model.chosen().map(|seat| seat.name.as_str()), Some("xã Thông Thụ"));
        let hit = find(&desk, "x put out").expect("a verb");
        assert_eq!(hit, Hit::Verb(Verb::Expel));
        desk.model.handle_hit(desk.now, hit);
        let no = find(&desk, "[ any other key").expect("a button");
        desk.model.handle_hit(desk.now, no);
        assert_eq!(desk.commands(), []);
        desk.model.handle_hit(desk.now, hit);
        let yes = find(&desk, "[ y yes").expect("a button");
        desk.model.handle_hit(desk.now, yes);
        assert_eq!(desk.commands().len(), 1);
        assert_eq!(find(&desk, "Bác sĩ Lan"), Some(Hit::Guest(31)));
        assert_eq!(find(&desk, " giaoban · giaoban"), None);
    }
}

#[test]
fn two_hundred_sites_scroll_with_the_choice() {
    use giaoban_proto::wire::{Roster, SiteRole, server_message::Body};
    let mut desk = Desk::welcomed(SiteRole::Operator);
    for part in 0..5_u64 {
        let seats = (0..40)
            .map(|n| crate::console::testing::seat(2 + part * 40 + n, &format!("bản {:03}", part * 40 + n)));
        desk.hear(Body::Roster(Roster { seats: seats.collect(), gone: vec![] }));
    }
    for (key, first) in [(Key::Home, "bản 000"), (Key::End, "bản 199"), (Key::PageUp, "bản 189")] {
        desk.press(key);
        let (screen, _) = drawn(&desk, LEAST, Lang::Vi);
        assert!(screen.contains(first), "{screen}");
    }
}

#[test]
fn any_size_of_a_terminal_and_any_name_is_drawn() {
    let mut desk = Desk::busy();
    desk.now += SECOND * 100_000;
    desk.change(9, |seat| seat.away = true);
    for name in
        ["", "東京都庁舎会議室一二三四五六七八九十", "\u{1b}[2J\u{7}", "e\u{302}\u{303}e\u{302}\u{303}"]
    {
        let mut seat = crate::console::testing::seat(9, name);
        seat.hand = 3;
        desk.hear(giaoban_proto::wire::server_message::Body::Roster(giaoban_proto::wire::Roster {
            seats: vec![seat],
            gone: vec![],
        }));
        for width in [1, 5, 20, 40, 79, 80, 81, 115, 116, 117, 200, 400] {
            for height in [1, 2, 3, 5, 9, 24, 100] {
                for keys in ["", "?", "l", "s", "x", "/"] {
                    desk.keys(keys);
                    let (screen, _) = drawn(&desk, (width, height), Lang::Vi);
                    assert!(!screen.contains(['\u{1b}', '\u{7}']));
                    (0..2).for_each(|_| desk.press(Key::Escape));
                }
            }
        }
    }
    assert_eq!(desk.commands(), []);
}

#[test]
fn a_cell_is_as_wide_as_it_says_whatever_is_in_it() {
    for text in ["", "xã Tri Lễ", "東京都庁", "e\u{302}\u{303}", "a\u{7}b", "a long name that does not fit"]
    {
        for width in 0..30 {
            assert_eq!(Span::raw(cell(text, width)).width(), width, "{text:?}");
        }
    }
    assert_eq!(cell("xã Căm Muộn Thượng", 8), "xã Căm …");
}
