//! What a device remembers of its meeting, so that its person is never asked for a link again: a shell.
//!
//! One small file beside the device's key, for its owner alone, written whole or not at all. It holds where the bridge
//! is, which room, and whose key must answer; never the invitation, which is used up, and never anything of a guest.
//! A file that cannot be understood is left as it is: somebody may want to mend it.

use crate::meeting::{Entry, Meeting};
use giaoban_proto::link::Link;
use giaoban_proto::transport::Pins;
use giaoban_proto::transport::private::{self, PrivateError};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The largest file that is read, in bytes; ours have some 250.
const MAX_FILE: u64 = 4096;

/// Why the memory is of no use, and what to do.
#[derive(Debug, Error)]
pub enum MemoryError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// It is there and makes no sense.
    #[error(
        "{path} does not say where the meeting is ({what}); put back a copy of it, or move it away and join by the \
         link once more",
        path = .path.display()
    )]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What is wrong with it, on one line.
        what: String,
    },
}

/// What [`keep`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: all is as it was, or this meeting is none that is to be remembered.
    Nothing,
    /// From now on this meeting is the one that is remembered.
    Meeting,
    /// The bridge's keys have changed, and were noted.
    Keys,
}

/// The file, as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    host: String,
    port: u16,
    room: String,
    key: String,
    spare: Option<String>,
}

const HEAD: &str =
    "# The meeting that this device joins. Written by giaoban; take it away to forget the meeting.\n";

/// Where the memory of the device with this key file is: `site.toml` beside `device.key`. A second device of the same
/// folder has its own: `NAME.site.toml` beside `NAME.key`.
#[must_use]
pub fn place(key: &Path) -> PathBuf {
    match key.file_stem() {
        Some(stem) if stem != "device" => {
            let mut name = stem.to_owned();
            name.push(".site.toml");
            key.with_file_name(name)
        }
        _ => key.with_file_name("site.toml"),
    }
}

/// The link to the meeting that is remembered, without a code; `None` where nothing is.
///
/// # Errors
/// [`MemoryError`].
pub fn read(path: &Path) -> Result<Option<Link>, MemoryError> {
    let Some(bytes) = private::read(path, MAX_FILE)? else { return Ok(None) };
    let damaged = |what: String| MemoryError::Damaged { path: path.to_owned(), what: one_line(&what) };
    let text = String::from_utf8(bytes).map_err(|_| damaged("it is no text".into()))?;
    let Written { host, port, room, key, spare } =
        toml::from_str(&text).map_err(|error| damaged(error.message().into()))?;
    if port == 0 {
        return Err(damaged("port: it cannot be 0".into()));
    }
    Ok(Some(Link {
        host: host.parse().map_err(|error| damaged(format!("host: {error}")))?,
        port,
        room: room.parse().map_err(|error| damaged(format!("room: {error}")))?,
        key: key.parse().map_err(|error| damaged(format!("key: {error}")))?,
        spare: spare
            .map(|spare| spare.parse().map_err(|error| damaged(format!("spare: {error}"))))
            .transpose()?,
        code: None,
        guest: false,
    }))
}

/// The bridge of `meeting` has welcomed this device, and `pins` are its keys from now on: remembers what is worth it.
///
/// A meeting is remembered when the device was enrolled in it by this link. New keys are noted for the meeting that is
/// remembered, and only on the word of a bridge that showed one of the keys which are: a link that somebody sent may not
/// put another bridge in this one's place.
///
/// # Errors
/// [`MemoryError`]; what was there is then there still.
pub fn keep(path: &Path, meeting: &Meeting, pins: Pins) -> Result<Kept, MemoryError> {
    let Entry::Device { code, .. } = meeting.entry else { return Ok(Kept::Nothing) };
    let remembered = read(path)?;
    let same = |link: &Link| {
        (&link.host, link.port, &link.room) == (&meeting.host, meeting.port, &meeting.room)
            && (link.key == pins.key || link.spare == Some(pins.key))
    };
    let kept = match &remembered {
        Some(link) if same(link) && Pins::from(link) == pins => Kept::Nothing,
        Some(link) if same(link) => Kept::Keys,
        _ if code.is_some() => Kept::Meeting,
        _ => Kept::Nothing,
    };
    if kept != Kept::Nothing {
        let written = Written {
            host: meeting.host.as_str().into(),
            port: meeting.port,
            room: meeting.room.as_str().into(),
            key: pins.key.to_string(),
            spare: pins.spare.map(|spare| spare.to_string()),
        };
        // Strings and a number always have a form in TOML.
        let text = toml::to_string(&written).unwrap_or_default();
        private::replace(path, format!("{HEAD}{text}").as_bytes())?;
    }
    Ok(kept)
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use giaoban_proto::link::{Code, Fingerprint};
    use std::fs;

    fn print(n: u8) -> Fingerprint {
        Fingerprint::from_bytes([n; 16])
    }

    fn pins(key: u8, spare: u8) -> Pins {
        Pins { key: print(key), spare: Some(print(spare)) }
    }

    fn meeting(room: &str, enrols: bool) -> Meeting {
        let code = enrols.then(|| Code::from_bytes([9; 16]));
        Meeting {
            host: "hop.example.vn".parse().expect("a host"),
            port: 4646,
            room: room.parse().expect("a room"),
            entry: Entry::Device { pins: pins(1, 2), code },
        }
    }

    /// A folder, and the memory in it.
    fn home() -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().expect("a folder");
        let path = place(&home.path().join("device.key"));
        (home, path)
    }

    #[test]
    fn an_enrolled_device_remembers_its_meeting_and_never_the_code() {
        let (_home, path) = home();
        assert_eq!(read(&path).expect("looks"), None);
        assert_eq!(keep(&path, &meeting("Phòng 1", true), pins(1, 2)).expect("written"), Kept::Meeting);
        let link = read(&path).expect("read").expect("remembered");
        let expected = Meeting::for_device(link.clone());
        assert_eq!(expected, meeting("Phòng 1", false));
        assert_eq!(Pins::from(&link), pins(1, 2));
        let text = fs::read_to_string(&path).expect("text");
        assert!(!text.contains(&Code::from_bytes([9; 16]).reveal()), "{text}");
        // Once more, and it is as it was.
        assert_eq!(keep(&path, &meeting("Phòng 1", true), pins(1, 2)).expect("looks"), Kept::Nothing);
        // Enrolled somewhere else.
        assert_eq!(keep(&path, &meeting("b", true), pins(5, 6)).expect("written"), Kept::Meeting);
        assert_eq!(read(&path).expect("read").expect("remembered").room.as_str(), "b");
    }

    #[test]
    fn a_bare_link_is_remembered_only_as_far_as_it_is_the_meeting_that_is() {
        let (_home, path) = home();
        assert_eq!(keep(&path, &meeting("a", false), pins(1, 2)).expect("looks"), Kept::Nothing);
        assert!(!path.exists());
        keep(&path, &meeting("a", true), pins(1, 2)).expect("written");
        assert_eq!(keep(&path, &meeting("b", false), pins(1, 3)).expect("looks"), Kept::Nothing);
        // Rotated to the spare, and a new spare made.
        assert_eq!(keep(&path, &meeting("a", false), pins(2, 3)).expect("written"), Kept::Keys);
        assert_eq!(Pins::from(&read(&path).expect("read").expect("remembered")), pins(2, 3));
        // Somebody else's bridge of the same name, by somebody else's link.
        assert_eq!(keep(&path, &meeting("a", false), pins(7, 8)).expect("looks"), Kept::Nothing);
        assert_eq!(Pins::from(&read(&path).expect("read").expect("remembered")), pins(2, 3));
    }

    #[test]
    fn nothing_of_a_guest_is_remembered() {
        let (_home, path) = home();
        let pin = "12345678".parse().expect("a PIN");
        let guest = Meeting { entry: Entry::Guest { pin, pins: Some(pins(1, 2)) }, ..meeting("a", true) };
        assert_eq!(keep(&path, &guest, pins(1, 2)).expect("looks"), Kept::Nothing);
        assert!(!path.exists());
    }

    #[test]
    fn a_damaged_memory_is_told_in_one_line_and_left_as_it_is() {
        let (_home, path) = home();
        keep(&path, &meeting("a", true), pins(1, 2)).expect("written");
        let good = fs::read_to_string(&path).expect("text");
        for bad in [
            "",
            "not toml",
            &good.replace("hop.example.vn", "a b"),
            &good.replace("4646", "0"),
            &good.replace("4646", "99999"),
            &good.replace("room = \"a\"", "room = \"\""),
            &good.replace("key = \"", "key = \"0"),
            &good.replace("spare = \"", "spare = \"0"),
        ] {
            fs::write(&path, bad).expect("written");
            for said in [
                read(&path).expect_err("damaged").to_string(),
                keep(&path, &meeting("a", true), pins(1, 2)).expect_err("damaged").to_string(),
            ] {
                assert!(said.contains("site.toml") && said.lines().count() == 1, "{said}");
            }
            assert_eq!(fs::read_to_string(&path).expect("text"), bad);
        }
    }

    #[test]
    fn two_devices_of_one_folder_remember_each_its_own() {
        let at = |key: &str| place(Path::new(key)).display().to_string();
        assert_eq!(at("/h/giaoban/device.key"), "/h/giaoban/site.toml");
        assert_eq!(at("second.key"), "second.site.toml");
        assert_eq!(at("./a/third"), "./a/third.site.toml");
    }

    #[cfg(unix)]
    #[test]
    fn a_memory_that_others_can_read_is_refused_and_a_new_one_is_closed_to_them() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_home, path) = home();
        keep(&path, &meeting("a", true), pins(1, 2)).expect("written");
        assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        assert!(read(&path).expect_err("refused").to_string().contains("chmod 600"));
    }
}
