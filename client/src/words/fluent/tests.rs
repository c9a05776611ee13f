use super::*;
use giaoban_proto::wire::CloseCode;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// All files of a language, those of the window too.
fn files(lang: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("lang").join(lang);
    let files = fs::read_dir(folder).expect("lists").map(|file| file.expect("an entry").path());
    files.map(|file| fs::read_to_string(file).expect("text")).collect()
}

/// Key and text of each message, as the files stand.
fn messages(lang: &str) -> BTreeMap<String, String> {
    let mut messages = BTreeMap::new();
    for file in files(lang) {
        for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, text) = line.split_once(" = ").expect("one message a line");
            assert!(messages.insert(key.to_owned(), text.to_owned()).is_none(), "{key} twice");
        }
        FluentResource::try_new(file).map_err(|(_, errors)| errors).expect("no fault in it");
    }
    messages
}

fn places(text: &str) -> BTreeSet<&str> {
    text.split("{ $").skip(1).filter_map(|rest| rest.split_once(" }")).map(|(name, _)| name).collect()
}

/// All text of these files and folders that is not a test.
fn sources(paths: &[&str]) -> String {
    fn add(path: &Path, all: &mut String) {
        if path.is_dir() {
            for entry in fs::read_dir(path).expect("lists") {
                add(&entry.expect("an entry").path(), all);
            }
        } else if path.file_name().is_some_and(|name| name != "tests.rs")
            && path.extension().is_some_and(|ending| ending == "rs" || ending == "slint")
        {
            let source = fs::read_to_string(path).expect("text");
            all.push_str(source.split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
    let mut all = String::new();
    for path in paths {
        add(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &mut all);
    }
    all
}

/// Whether it looks like a key: small words with hyphens between them.
fn is_key(text: &str) -> bool {
    text.contains('-')
        && text.split('-').all(|word| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

#[test]
fn both_languages_have_the_same_keys_with_the_same_places_each_translated() {
    let (english, vietnamese) = (messages("en"), messages("vi"));
    assert_eq!(english.keys().collect::<Vec<_>>(), vietnamese.keys().collect::<Vec<_>>());
    for (key, text) in &english {
        assert_eq!(places(text), places(&vietnamese[key]), "{key}");
        // What is the same in both is a word of both.
        assert!(*text != vietnamese[key] || ["bytes"].contains(&key.as_str()), "{key} is not translated");
    }
}

#[test]
fn every_key_that_is_used_is_there_and_every_key_that_is_there_is_used() {
    // The window asks by these; in `words` each text that looks like a key is one.
    let window = sources(&["src/window", "screen/ui"]);
    let mut used = BTreeSet::new();
    for begin in ["Tr.text(\"", "words.text(\"", "words.with(\"", "key(\""] {
        for rest in window.split(begin).skip(1) {
            used.extend(rest.split_once('"').map(|(key, _)| key.to_owned()));
        }
    }
    let words = sources(&["src/words", "src/words.rs"]);
    used.extend(words.split('"').filter(|text| is_key(text)).map(str::to_owned));
    let there: BTreeSet<String> = messages("en").into_keys().collect();
    let missing: Vec<_> = used.difference(&there).collect();
    let unused: Vec<_> = there.difference(&used).collect();
    assert!(missing.is_empty() && unused.is_empty(), "missing {missing:?}, unused {unused:?}");
}

#[test]
fn every_file_of_a_language_is_read() {
    for (lang, read) in [("en", ENGLISH), ("vi", VIETNAMESE)] {
        let mut files: BTreeSet<String> = files(lang).into_iter().collect();
        if cfg!(not(feature = "window")) {
            files.retain(|file| !file.contains("\nwelcome = "));
        }
        assert_eq!(read.iter().map(|file| (*file).to_owned()).collect::<BTreeSet<_>>(), files, "{lang}");
    }
}

#[test]
fn what_the_bridge_writes_of_a_close_is_what_the_client_says() {
    let codes: Vec<CloseCode> = (0..1000).filter_map(CloseCode::from_code).collect();
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        assert_eq!(crate::words::loss::code(code, Lang::En), code.text());
    }
}

#[test]
fn numbers_are_written_as_the_language_writes_them_and_names_stand_bare() {
    assert_eq!([Lang::En, Lang::Vi].map(|lang| lang.number(1.25, 1)), ["1.2", "1,2"]);
    assert_eq!(Lang::En.with("told-left", &[("name", &"Tri Lễ")]), "Tri Lễ left");
    assert_eq!(Lang::En.text("no-such-key"), "no-such-key");
}
