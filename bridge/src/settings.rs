//! Settings: as typed, then as usable. Nothing past here sees a string.
//!
//! A flag wins over the environment (`GIAOBAN_…`), that over the TOML file, that over the default.

mod serve;
mod typed;
mod when;

pub use serve::{ListenTcp, Public, Serve};
pub use when::{NoMoment, When};

use crate::limits::{LimitError, Limits};
use crate::store::{NewPin, RecordingId, RoomChange};
use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _};
use clap_complete::Shell;
use giaoban_proto::link::{Host, RoomName};
use giaoban_proto::wire::SiteRole;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use typed::{
    AnnouncementsTyped, AttendanceTyped, AuditTyped, ChangeTyped, CommandTyped, KeyTyped, LinkTyped,
    PlaceTyped, RecordingsTyped, RoomTyped, SiteTyped, Typed,
};

/// What to do, ready to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder for keys and the store.
    pub data: PathBuf,
    /// Whether a program reads what is printed.
    pub json: bool,
    /// What to do.
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Hold meetings.
    Serve(Serve),
    /// Something about sites.
    Site(Site),
    /// A new invitation.
    Invite(String, LinkTo),
    /// End a site's sessions.
    Kick(String),
    /// Something about rooms.
    Room(Room),
    /// The link for guests.
    GuestLink(RoomName, Place),
    /// The attendance.
    Attendance(Attendance),
    /// What was said in writing.
    Messages(Messages),
    /// The audit.
    Audit(Audit),
    /// Something about recordings.
    Recordings(Recordings),
    /// What can be played into a room.
    Announcements,
    /// The bridge's keys.
    Key(Key),
    /// What is wrong?
    Doctor(Doctor),
    /// Completions for this shell.
    Completions(Shell),
    /// The manual page, or all of them in this folder.
    Man(Option<PathBuf>),
}

/// Where links lead, and how they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the link carries instead of what the bridge announced.
    pub public: Option<Public>,
    /// Where a bridge would listen, for when none has announced anything yet.
    pub listen: SocketAddr,
    /// Whether the QR code is wanted in any case.
    pub qr: bool,
}

/// Where an invitation leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkTo {
    /// Into this room.
    pub room: Option<RoomName>,
    /// Of this bridge.
    pub place: Place,
}

/// What is to be done about sites, which are given by name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// Add this one.
    Add(String, SiteRole, LinkTo),
    /// Show all.
    List,
    /// Shut this one out.
    Revoke(String),
    /// Call this one so.
    Rename(String, String),
    /// Give this one a role, in one room or everywhere; `None`: that of everywhere.
    Role(String, Option<SiteRole>, Option<RoomName>),
}

/// What is to be done about rooms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// Add this one.
    Add(RoomName, RoomChange),
    /// Show all.
    List,
    /// Change this one.
    Set(RoomName, RoomChange),
    /// Remove this one.
    Remove(RoomName),
}

/// Which attendance, and how it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendance {
    /// Of this room only.
    pub room: Option<RoomName>,
    /// From then on.
    pub since: Option<When>,
    /// Until then.
    pub until: Option<When>,
    /// Who reads it.
    pub form: Form,
}

/// In what form an attendance is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// For the terminal.
    #[default]
    Table,
    /// For a spreadsheet.
    Csv,
    /// A page to print and sign.
    Html,
}

/// Which messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Messages {
    /// Of this room.
    pub room: RoomName,
    /// From then on.
    pub since: Option<When>,
}

/// What is to be done about the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audit {
    /// Show it.
    List {
        /// From then on.
        since: Option<When>,
        /// The latest so many.
        last: Option<usize>,
    },
    /// See whether it is whole, and holds this head.
    Verify(Option<[u8; 32]>),
}

/// What is to be done about recordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recordings {
    /// Show all.
    List,
    /// Write this one into that file.
    Export(RecordingId, PathBuf),
    /// Remove this one.
    Remove(RecordingId),
}

/// What is to be done about the bridge's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Go on with the spare one.
    Rotate,
    /// Write the spare one into this file.
    ExportSpare(PathBuf),
}

/// What the doctor looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doctor {
    /// How the bridge would run.
    pub serve: Serve,
    /// What is wrong with the settings; then the defaults are looked at.
    pub fault: Option<String>,
    /// The file that they are in.
    pub config: Option<PathBuf>,
}

/// What was typed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No words of ours.
    #[error("{0}; `giaoban-bridge --help` says what there is")]
    Words(String),
    /// Help or the version was asked for, and is this text.
    #[error("{0}")]
    Asked(String),
    /// The file is not there or not readable.
    #[error("cannot read the settings in {0}: {1}")]
    File(PathBuf, #[source] std::io::Error),
    /// The file is no TOML of ours.
    #[error("the settings in {0} make no sense: {1}")]
    Toml(PathBuf, String),
    /// No host in `--public`.
    #[error("--public {0}: {1}")]
    Public(String, String),
    /// No address in `--listen-tcp`.
    #[error("--listen-tcp {0}: give an address with a port such as 0.0.0.0:443, or off")]
    ListenTcp(String),
    /// No number of days.
    #[error("--keep-recordings {0}: give a number of days such as 90d, or forever")]
    KeepRecordings(String),
    /// There is no home folder to put the data in.
    #[error("there is no home folder to keep data in; give one with --data DIR")]
    NoHome,
    /// A room for nobody, or for too many.
    #[error("--max-members must be from 1 to 2500")]
    Members,
    /// Neither a number nor none.
    #[error("--max-members {0}: give a number from 1 to 2500, or none for the bridge's own number")]
    RoomMembers(String),
    /// No PIN.
    #[error("--pin: give new for a random one, or 8 to 16 digits")]
    Pin,
    /// Nothing to change.
    #[error("say what to change: --access, --guests, --pin or --max-members")]
    NoChange,
    /// No role, or `default` without a room.
    #[error("{0}: a role is operator, participant, listener, trunk or source; with --room also default")]
    Role(String),
    /// No hash.
    #[error("--head: give the 64 characters that `audit verify` printed")]
    Head,
    /// No such limit, or one out of its range.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A flag of `serve` before another command.
    #[error("{0} belongs to serve and doctor; if the command takes it, it goes behind the command")]
    Misplaced(String),
}

/// The command line as clap knows it, for completions and manual pages.
#[must_use]
pub fn command_line() -> clap::Command {
    let limits: Vec<String> =
        Limits::default().list().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let limits = format!("Limits, with what they are unless set: {}.", limits.join(", "));
    Typed::command().mut_subcommand("serve", |serve| serve.after_help(limits))
}

impl Settings {
    /// What these words, the environment and the file that they name come to. The first word is the program's name.
    ///
    /// # Errors
    /// [`SettingsError`]; [`SettingsError::Asked`] is no fault.
    pub fn from_words<W: Into<OsString> + Clone>(
        words: impl IntoIterator<Item = W>,
    ) -> Result<Self, SettingsError> {
        let matches = command_line().try_get_matches_from(words).map_err(said)?;
        if matches.subcommand_name().is_some() {
            for flag in
                ["listen", "listen_tcp", "public", "max_members", "limit", "keep_recordings", "log_names"]
            {
                if matches.value_source(flag) == Some(ValueSource::CommandLine) {
                    return Err(SettingsError::Misplaced(format!("--{}", flag.replace('_', "-"))));
                }
            }
        }
        Typed::from_arg_matches(&matches).map_err(said)?.usable()
    }
}

fn said(error: clap::Error) -> SettingsError {
    let text = error.render().to_string();
    if !error.use_stderr() || error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    {
        return if error.use_stderr() {
            SettingsError::Words("a command is missing after this word".to_owned())
        } else {
            SettingsError::Asked(text)
        };
    }
    // The first paragraph says it; what follows repeats the usage.
    let said: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    SettingsError::Words(said.join(" ").trim_start_matches("error: ").to_owned())
}

impl Typed {
    /// Makes it usable.
    fn usable(self) -> Result<Settings, SettingsError> {
        let Self { common, serve, command } = self;
        // The doctor says what is wrong with the file rather than fail by it.
        let file = match (serve::file(&common), &command) {
            (Err(fault), Some(CommandTyped::Doctor(_))) => Err(fault),
            (file, _) => Ok(file?),
        };
        let none = serve::FileTyped::default();
        let known = file.as_ref().unwrap_or(&none);
        let data = serve::data(&common, known)?;
        let place = |typed: PlaceTyped| -> Result<Place, SettingsError> {
            let public = serve::public(typed.public, known)?;
            Ok(Place { public, listen: known.listen.unwrap_or_else(serve::everywhere), qr: typed.qr })
        };
        let link = |typed: LinkTyped| {
            Ok::<_, SettingsError>(LinkTo { room: typed.room, place: place(typed.place)? })
        };
        let command = match command {
            None => Command::Serve(serve.usable(known)?),
            Some(CommandTyped::Serve(serve)) => Command::Serve(serve.usable(known)?),
            Some(CommandTyped::Site(site)) => Command::Site(match site {
                SiteTyped::Add { name, role, link: to } => Site::Add(name, role, link(to)?),
                SiteTyped::List => Site::List,
                SiteTyped::Revoke { site } => Site::Revoke(site),
                SiteTyped::Rename { site, name } => Site::Rename(site, name),
                SiteTyped::Role { site, role, room } => {
                    let parsed = match (role.as_str(), &room) {
                        ("default", Some(_)) => None,
                        (text, _) => Some(text.parse().map_err(|_| SettingsError::Role(role.clone()))?),
                    };
                    Site::Role(site, parsed, room)
                }
            }),
            Some(CommandTyped::Invite { site, link: to }) => Command::Invite(site, link(to)?),
            Some(CommandTyped::Kick { site }) => Command::Kick(site),
            Some(CommandTyped::Room(room)) => Command::Room(match room {
                RoomTyped::Add { name, change } => Room::Add(name, change.usable()?),
                RoomTyped::List => Room::List,
                RoomTyped::Set { name, change } => match change.usable()? {
                    change if change == RoomChange::default() => return Err(SettingsError::NoChange),
                    change => Room::Set(name, change),
                },
                RoomTyped::Remove { name } => Room::Remove(name),
            }),
            Some(CommandTyped::GuestLink { room, place: typed }) => Command::GuestLink(room, place(typed)?),
            Some(CommandTyped::Attendance(AttendanceTyped { room, since, until, csv, html })) => {
                let form = match (csv, html) {
                    (true, _) => Form::Csv,
                    (_, true) => Form::Html,
                    _ => Form::Table,
                };
                Command::Attendance(Attendance { room, since, until, form })
            }
            Some(CommandTyped::Messages { room, since }) => Command::Messages(Messages { room, since }),
            Some(CommandTyped::Audit(audit)) => Command::Audit(match audit {
                AuditTyped::List { since, last } => Audit::List { since, last },
                AuditTyped::Verify { head } => Audit::Verify(head.map(|head| parse_head(&head)).transpose()?),
            }),
            Some(CommandTyped::Recordings(recordings)) => Command::Recordings(match recordings {
                RecordingsTyped::List => Recordings::List,
                RecordingsTyped::Export { id, file } => Recordings::Export(RecordingId(id), file),
                RecordingsTyped::Remove { id } => Recordings::Remove(RecordingId(id)),
            }),
            Some(CommandTyped::Announcements(AnnouncementsTyped::List)) => Command::Announcements,
            Some(CommandTyped::Key(key)) => Command::Key(match key {
                KeyTyped::Rotate => Key::Rotate,
                KeyTyped::ExportSpare { file } => Key::ExportSpare(file),
            }),
            Some(CommandTyped::Doctor(serve)) => Command::Doctor(doctor(serve, file, common.config)?),
            Some(CommandTyped::Completions { shell }) => Command::Completions(shell),
            Some(CommandTyped::Man { dir }) => Command::Man(dir),
        };
        Ok(Settings { data, json: common.json, command })
    }
}

fn doctor(
    typed: typed::ServeTyped,
    file: Result<serve::FileTyped, SettingsError>,
    config: Option<PathBuf>,
) -> Result<Doctor, SettingsError> {
    let usable = file.and_then(|file| typed.usable(&file));
    let (serve, fault) = match usable {
        Ok(serve) => (serve, None),
        Err(fault) => {
            let defaults = typed::ServeTyped::default().usable(&serve::FileTyped::default())?;
            (defaults, Some(fault.to_string()))
        }
    };
    Ok(Doctor { serve, fault, config })
}

impl ChangeTyped {
    fn usable(self) -> Result<RoomChange, SettingsError> {
        let pin = match self.pin.as_deref() {
            None => None,
            Some("new") => Some(NewPin::Fresh),
            Some(digits)
                if (8..=16).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                Some(NewPin::Is(digits.to_owned()))
            }
            Some(_) => return Err(SettingsError::Pin),
        };
        let max_members = match self.max_members.as_deref() {
            None => None,
            Some("none") => Some(None),
            Some(number) => match number.parse() {
                Ok(number @ 1..=serve::MOST_MEMBERS) => Some(Some(number)),
                _ => return Err(SettingsError::RoomMembers(number.to_owned())),
            },
        };
        Ok(RoomChange { access: self.access, guests: self.guests, pin, max_members })
    }
}

fn parse_head(text: &str) -> Result<[u8; 32], SettingsError> {
    let mut head = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return Err(SettingsError::Head);
    }
    for (byte, digits) in head.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| SettingsError::Head)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| SettingsError::Head)?;
    }
    Ok(head)
}

/// What a person types for a host and a port, for what was kept.
#[must_use]
pub fn written(host: &Host, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests;
