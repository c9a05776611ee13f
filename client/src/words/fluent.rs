//! The words of each language, from the Fluent files in `lang/`: the one place that reads them.
//!
//! A language is parsed when its first word is asked for, once for the program; nothing here is called from a device
//! callback. Numbers are written in Rust, as everywhere in this program: Fluent is given texts alone. A word that is
//! missing stands there as its key; a test sees to it that none is.

use super::Lang;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use std::borrow::Cow;
use std::fmt::Display;
use std::sync::OnceLock;
use unic_langid::LanguageIdentifier;

/// The files of a language, by their parts.
macro_rules! files {
    ($lang:literal) => {
        [
            include_str!(concat!("../../lang/", $lang, "/check.ftl")),
            include_str!(concat!("../../lang/", $lang, "/console.ftl")),
            include_str!(concat!("../../lang/", $lang, "/ctl.ftl")),
            include_str!(concat!("../../lang/", $lang, "/deed.ftl")),
            include_str!(concat!("../../lang/", $lang, "/floor.ftl")),
            include_str!(concat!("../../lang/", $lang, "/loss.ftl")),
            include_str!(concat!("../../lang/", $lang, "/missed.ftl")),
            include_str!(concat!("../../lang/", $lang, "/told.ftl")),
            #[cfg(feature = "window")]
            include_str!(concat!("../../lang/", $lang, "/window.ftl")),
        ]
    };
}

const ENGLISH: &[&str] = &files!("en");
const VIETNAMESE: &[&str] = &files!("vi");

type Bundle = FluentBundle<FluentResource>;

fn parse(tag: &str, files: &[&str]) -> Bundle {
    let tag: LanguageIdentifier = tag.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Marks of direction around each name are for languages of both directions, and boxes in many a font.
    bundle.set_use_isolating(false);
    for file in files {
        // What can be read of a file with a fault in it is read; the test reads it strictly.
        let resource = FluentResource::try_new((*file).into()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

impl Lang {
    fn bundle(self) -> &'static Bundle {
        static EN: OnceLock<Bundle> = OnceLock::new();
        static VI: OnceLock<Bundle> = OnceLock::new();
        match self {
            Self::En => EN.get_or_init(|| parse("en", ENGLISH)),
            Self::Vi => VI.get_or_init(|| parse("vi", VIETNAMESE)),
        }
    }

    /// The words of this key, with these arguments; `None` where there is no such key.
    fn find(self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<Cow<'static, str>> {
        let bundle = self.bundle();
        let pattern = bundle.get_message(key)?.value()?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, args, &mut errors);
        debug_assert!(errors.is_empty(), "{key}: {errors:?}");
        Some(text)
    }

    /// The words of this key, which have no places in them.
    pub(crate) fn text(self, key: &'static str) -> &'static str {
        match self.find(key, None) {
            Some(Cow::Borrowed(text)) => text,
            // Words without a place are always borrowed.
            _ => key,
        }
    }

    /// The words of this key, with these in their places.
    pub(crate) fn with(self, key: &str, places: &[(&str, &dyn Display)]) -> String {
        let mut args = FluentArgs::new();
        for (name, text) in places {
            args.set(*name, text.to_string());
        }
        self.find(key, Some(&args)).map_or_else(|| key.into(), Cow::into_owned)
    }

    /// A number with this many decimals, as it is written in this language.
    #[must_use]
    pub fn number(self, number: f64, decimals: usize) -> String {
        let text = format!("{number:.decimals$}");
        match self {
            Self::En => text,
            Self::Vi => text.replace('.', ","),
        }
    }
}

#[cfg(test)]
mod tests;
