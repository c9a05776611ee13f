use super::*;
use crate::console::model::{Event, Verb};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Key and text of each message, as the file stands.
fn messages(source: &str) -> BTreeMap<String, String> {
    FluentResource::try_new(source.into()).map_err(|(_, errors)| errors).expect("no fault in it");
    let mut messages = BTreeMap::new();
    for line in source.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (key, text) = line.split_once(" = ").expect("one message a line");
        assert!(messages.insert(key.to_owned(), text.to_owned()).is_none(), "{key} twice");
    }
    messages
}

fn places(text: &str) -> BTreeSet<&str> {
    text.split("{ $").skip(1).filter_map(|rest| rest.split_once(" }")).map(|(name, _)| name).collect()
}

/// All text of the window's own files.
fn sources() -> String {
    fn add(folder: &Path, all: &mut String) {
        for entry in fs::read_dir(folder).expect("lists") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                add(&path, all);
            } else if path.file_name().is_some_and(|name| name != "tests.rs")
                && path.extension().is_some_and(|ending| ending == "rs" || ending == "slint")
            {
                all.push_str(&fs::read_to_string(&path).expect("text"));
            }
        }
    }
    let mut all = String::new();
    for folder in ["src/window", "screen/ui"] {
        add(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut all);
    }
    all
}

#[test]
fn both_languages_have_the_same_keys_with_the_same_places_each_translated() {
    let (english, vietnamese) = (messages(ENGLISH), messages(VIETNAMESE));
    assert_eq!(english.keys().collect::<Vec<_>>(), vietnamese.keys().collect::<Vec<_>>());
    for (key, text) in &english {
        assert_eq!(places(text), places(&vietnamese[key]), "{key}");
        // What is the same in both is a word of both.
        assert!(*text != vietnamese[key] || ["bytes"].contains(&key.as_str()), "{key} is not translated");
    }
}

#[test]
fn every_key_that_is_used_is_there_and_every_key_that_is_there_is_used() {
    let (messages, sources) = (messages(ENGLISH), sources());
    let mut used = BTreeSet::new();
    for begin in ["Tr.text(\"", "words.text(\"", "words.with(\"", "key(\""] {
        for rest in sources.split(begin).skip(1) {
            used.extend(rest.split_once('"').map(|(key, _)| key.to_owned()));
        }
    }
    let there: BTreeSet<String> = messages.into_keys().collect();
    let missing: Vec<_> = used.difference(&there).collect();
    let unused: Vec<_> = there.difference(&used).collect();
    assert!(missing.is_empty() && unused.is_empty(), "missing {missing:?}, unused {unused:?}");
}

/// The characters that a font has, from its `cmap` table (OpenType 1.9, format 4).
fn glyphs(font: &[u8]) -> BTreeSet<u32> {
    let u16_at = |at: usize| u32::from(u16::from_be_bytes([font[at], font[at + 1]]));
    let u32_at = |at: usize| (u16_at(at) << 16 | u16_at(at + 2)) as usize;
    let table = (0..u16_at(4) as usize)
        .map(|n| 12 + n * 16)
        .find(|at| &font[*at..at + 4] == b"cmap")
        .map(|at| u32_at(at + 8))
        .expect("it has one");
    let format_4 = (0..u16_at(table + 2) as usize)
        .map(|n| table + u32_at(table + 4 + n * 8 + 4))
        .find(|at| u16_at(*at) == 4)
        .expect("Unicode's first plane");
    let segments = u16_at(format_4 + 6) as usize / 2;
    let (ends, starts) = (format_4 + 14, format_4 + 16 + segments * 2);
    (0..segments).flat_map(|n| u16_at(starts + n * 2)..=u16_at(ends + n * 2)).collect()
}

#[test]
fn every_letter_is_in_both_weights_of_the_font() {
    let mut texts = format!("{ENGLISH}{VIETNAMESE}0123456789");
    for lang in [Lang::En, Lang::Vi] {
        for verb in Verb::ALL {
            texts.push_str(crate::words::console::verb(verb, false, lang));
            texts.push_str(crate::words::console::verb(verb, true, lang));
        }
        let name = || "xã Nậm Nhoóng, ĐIỂM CẦU Ỷ Ỹ ƯỜNG".to_owned();
        texts.push_str(&crate::words::console::event(&Event::Hand(name()), lang));
    }
    for font in ["Regular", "Bold"] {
        let path = format!("{}/fonts/NotoSans-{font}.ttf", env!("CARGO_MANIFEST_DIR"));
        let glyphs = glyphs(&fs::read(path).expect("the font"));
        let lacking: BTreeSet<char> =
            texts.chars().filter(|c| !c.is_control() && !glyphs.contains(&u32::from(*c))).collect();
        assert!(lacking.is_empty(), "{font} lacks {lacking:?}");
    }
}

#[test]
fn numbers_are_written_as_the_language_writes_them_and_names_stand_bare() {
    let (english, vietnamese) = (Words::new(Lang::En), Words::new(Lang::Vi));
    assert_eq!([english.number(1.25, 1), vietnamese.number(1.25, 1)], ["1.2", "1,2"]);
    assert_eq!(english.with("has-floor", &[("name", "Tri Lễ")]), "Tri Lễ has the floor");
    assert_eq!(english.text("no-such-key"), "no-such-key");
}
