//! What stands on the screen, in each language, from the Fluent files in `lang/`.
//!
//! Numbers are written in Rust, as everywhere in this program: Fluent is given texts alone. A word that is missing stands
//! there as its key; a test sees to it that none is.

use crate::words::Lang;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use std::borrow::Cow;
use std::time::Duration;
use unic_langid::LanguageIdentifier;

const ENGLISH: &str = include_str!("../../lang/en.ftl");
const VIETNAMESE: &str = include_str!("../../lang/vi.ftl");

/// All words of one language.
pub struct Words {
    lang: Lang,
    bundle: FluentBundle<FluentResource>,
}

impl Words {
    /// Those of this language.
    #[must_use]
    pub fn new(lang: Lang) -> Self {
        let (tag, source) = match lang {
            Lang::En => ("en", ENGLISH),
            Lang::Vi => ("vi", VIETNAMESE),
        };
        let tag: LanguageIdentifier = tag.parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // Marks of direction around each name are for languages of both directions, and boxes in many a font.
        bundle.set_use_isolating(false);
        // What can be read of a file with a fault in it is read; the test reads it strictly.
        let resource = FluentResource::try_new(source.into()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
        Self { lang, bundle }
    }

    /// The language.
    #[must_use]
    pub const fn lang(&self) -> Lang {
        self.lang
    }

    /// The words of this key.
    #[must_use]
    pub fn text(&self, key: &str) -> String {
        self.with(key, &[])
    }

    /// The words of this key, with these texts in their places.
    #[must_use]
    pub fn with(&self, key: &str, places: &[(&str, &str)]) -> String {
        let Some(pattern) = self.bundle.get_message(key).and_then(|message| message.value()) else {
            return key.into();
        };
        let mut args = FluentArgs::new();
        for (name, text) in places {
            args.set(*name, Cow::Borrowed(*text));
        }
        self.bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
    }

    /// A number with this many decimals, as it is written in this language.
    #[must_use]
    pub fn number(&self, number: f64, decimals: usize) -> String {
        let text = format!("{number:.decimals$}");
        match self.lang {
            Lang::En => text,
            Lang::Vi => text.replace('.', ","),
        }
    }

    /// Minutes and seconds.
    #[must_use]
    pub fn clock(&self, time: Duration) -> String {
        crate::words::console::clock(time)
    }
}

#[cfg(test)]
mod tests;
