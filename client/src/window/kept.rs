//! What the window remembers from one start to the next: one small file beside the device's key. A shell.
//!
//! Nothing in it is needed: without it, and where it makes no sense, the window asks again.

use crate::words::Lang;
use giaoban_proto::transport::private::{self, PrivateError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 4096;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// As the system says.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// The language that was chosen, `vi` or `en`.
    pub lang: Option<String>,
    /// Light or dark.
    pub scheme: Scheme,
    /// Whether the sound was checked, or that was declined.
    pub sound_checked: bool,
    /// The microphone that was chosen; the system's without.
    pub microphone: Option<String>,
    /// The loudspeaker that was chosen.
    pub loudspeaker: Option<String>,
}

impl Kept {
    /// Where it is kept for the device with this key.
    #[must_use]
    pub fn place(key: &Path) -> PathBuf {
        match key.file_stem() {
            Some(stem) if stem != "device" => {
                let mut name = stem.to_owned();
                name.push(".window.toml");
                key.with_file_name(name)
            }
            _ => key.with_file_name("window.toml"),
        }
    }

    /// What is kept there; nothing where that makes no sense.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let bytes = private::read(path, MAX_FILE).ok().flatten().unwrap_or_default();
        String::from_utf8(bytes).ok().and_then(|text| toml::from_str(&text).ok()).unwrap_or_default()
    }

    /// Keeps it there.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), PrivateError> {
        let text = toml::to_string(self).unwrap_or_default();
        private::replace(path, format!("# What giaoban's window remembers.\n{text}").as_bytes())
    }

    /// The language that was chosen.
    #[must_use]
    pub fn lang(&self) -> Option<Lang> {
        match self.lang.as_deref() {
            Some("vi") => Some(Lang::Vi),
            Some("en") => Some(Lang::En),
            _ => None,
        }
    }

    /// This language is the one from now on.
    pub fn set_lang(&mut self, lang: Lang) {
        self.lang = Some(if lang == Lang::Vi { "vi" } else { "en" }.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_there_again_and_nonsense_is_as_nothing() {
        let home = tempfile::tempdir().expect("a folder");
        let path = Kept::place(&home.path().join("device.key"));
        assert_eq!(Kept::read(&path), Kept::default());
        let mut kept = Kept { scheme: Scheme::Dark, sound_checked: true, ..Kept::default() };
        kept.set_lang(Lang::Vi);
        kept.microphone = Some("USB Micrô".into());
        kept.write(&path).expect("written");
        assert_eq!((Kept::read(&path), kept.lang()), (kept, Some(Lang::Vi)));
        for nonsense in ["lang = 7", "scheme = \"pink\"", "\u{0}"] {
            private::replace(&path, nonsense.as_bytes()).expect("written");
            assert_eq!(Kept::read(&path), Kept::default());
        }
    }
}
