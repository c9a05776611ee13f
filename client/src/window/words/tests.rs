use super::*;
use crate::console::model::{Event, Verb};
use std::collections::BTreeSet;
use std::fs;

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
    let mut texts = "0123456789".to_owned();
    for lang in ["en", "vi"] {
        let path = format!("{}/lang/{lang}/window.ftl", env!("CARGO_MANIFEST_DIR"));
        texts.push_str(&fs::read_to_string(path).expect("text"));
    }
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
