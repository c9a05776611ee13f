//! Starting together with the system: one small file on Linux, one value in the registry on Windows.

use super::program;
use std::io;

#[cfg(not(windows))]
pub(super) use linux::{is_on, set};
#[cfg(windows)]
pub(super) use windows::{is_on, set};

/// By the XDG autostart specification: a desktop file in the user's `autostart` folder.
#[cfg(not(windows))]
mod linux {
    use super::{io, program};
    use std::path::PathBuf;

    fn file() -> Option<PathBuf> {
        let folder = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute() && path.parent().is_some())
        };
        let config = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))?;
        Some(config.join("autostart").join("giaoban.desktop"))
    }

    pub(crate) fn is_on() -> bool {
        file().is_some_and(|file| file.exists())
    }

    pub(crate) fn set(on: bool) -> io::Result<()> {
        let Some(file) = file() else { return Err(io::Error::other("no home folder is known")) };
        if !on {
            return std::fs::remove_file(file);
        }
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        // A path with such a letter would have to be quoted twice over, and nobody has one.
        let program = program().display().to_string();
        if program.contains(['"', '`', '$', '\\', '%']) {
            return Err(io::Error::other(format!("{program} cannot be written into a desktop file")));
        }
        std::fs::write(
            file,
            format!("[Desktop Entry]\nType=Application\nName=giaoban\nExec=\"{program}\"\nIcon=giaoban\n"),
        )
    }
}

/// By the user's `Run` key, through the system's own `reg`.
#[cfg(windows)]
mod windows {
    use super::{io, program};
    use std::process::Command;

    const RUN: &str = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run";

    fn reg(words: &[&str]) -> io::Result<bool> {
        Ok(Command::new("reg").args(words).output()?.status.success())
    }

    pub(crate) fn is_on() -> bool {
        reg(&["query", RUN, "/v", "giaoban"]).unwrap_or_default()
    }

    pub(crate) fn set(on: bool) -> io::Result<()> {
        let program = format!("\"{}\"", program().display());
        let done = if on {
            reg(&["add", RUN, "/v", "giaoban", "/t", "REG_SZ", "/d", &program, "/f"])?
        } else {
            reg(&["delete", RUN, "/v", "giaoban", "/f"])?
        };
        if done { Ok(()) } else { Err(io::Error::other("the registry did not take it")) }
    }
}
