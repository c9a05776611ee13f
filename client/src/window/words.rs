//! What stands on the screen, in the language that is chosen there.

use crate::words::Lang;
use std::fmt::Display;
use std::time::Duration;

/// All words of one language.
#[derive(Clone, Copy)]
pub struct Words {
    lang: Lang,
}

impl Words {
    /// Those of this language.
    #[must_use]
    pub const fn new(lang: Lang) -> Self {
        Self { lang }
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
        let places: Vec<(&str, &dyn Display)> =
            places.iter().map(|(name, text)| (*name, text as &dyn Display)).collect();
        self.lang.with(key, &places)
    }

    /// A number with this many decimals, as it is written in this language.
    #[must_use]
    pub fn number(&self, number: f64, decimals: usize) -> String {
        self.lang.number(number, decimals)
    }

    /// Minutes and seconds.
    #[must_use]
    pub fn clock(&self, time: Duration) -> String {
        crate::words::console::clock(time)
    }
}

#[cfg(test)]
mod tests;
