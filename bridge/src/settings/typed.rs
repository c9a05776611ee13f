//! The words of the command line, as they are typed. What they say here is also what `--help`, the manual pages and the
//! completions say.

use super::when::When;
use crate::store::{Access, Guests};
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use giaoban_proto::link::RoomName;
use giaoban_proto::wire::SiteRole;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "giaoban-bridge",
    version,
    about = "The giaoban conference bridge: holds meetings, and says who may come in",
    after_help = "Without a command it holds meetings, as `serve` does. All other commands work beside a bridge that \
                  runs, on the same data folder."
)]
pub(super) struct Typed {
    #[command(flatten)]
    pub(super) common: CommonTyped,
    #[command(flatten)]
    pub(super) serve: ServeTyped,
    #[command(subcommand)]
    pub(super) command: Option<CommandTyped>,
}

#[derive(Debug, Default, Args)]
pub(super) struct CommonTyped {
    /// The folder for keys and the store [default: ~/.local/share/giaoban-bridge]
    #[arg(long, global = true, value_name = "DIR", env = "GIAOBAN_DATA")]
    pub(super) data: Option<PathBuf>,
    /// A TOML file with settings, named as the flags are (max-members = 100)
    #[arg(long, global = true, value_name = "FILE.toml", env = "GIAOBAN_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub(super) json: bool,
}

#[derive(Debug, Default, Args)]
pub(super) struct ServeTyped {
    /// Where to listen, an address with a UDP port [default: all addresses, port 4646]
    #[arg(long, value_name = "ADDR", env = "GIAOBAN_LISTEN")]
    pub(super) listen: Option<SocketAddr>,
    /// Where to listen by TCP, for sites whose network lets no UDP through: an address with a port such as
    /// 0.0.0.0:443, or off [default: as --listen]
    #[arg(long, value_name = "ADDR|off", env = "GIAOBAN_LISTEN_TCP")]
    pub(super) listen_tcp: Option<String>,
    /// The name or address that links carry, when sites reach this machine by another than its own
    #[arg(long, value_name = "HOST[:PORT]", env = "GIAOBAN_PUBLIC")]
    pub(super) public: Option<String>,
    /// How many may be in one room [default: 250]
    #[arg(long, value_name = "N", env = "GIAOBAN_MAX_MEMBERS")]
    pub(super) max_members: Option<usize>,
    /// Another value for a limit, such as handshakes=512; may be given more than once. `serve --help` names all
    #[arg(long, value_name = "NAME=N", env = "GIAOBAN_LIMIT", value_delimiter = ',')]
    pub(super) limit: Vec<String>,
    /// For how long recordings are kept after their end, in days such as 90d, or forever [default: forever]
    #[arg(long, value_name = "DAYS|forever", env = "GIAOBAN_KEEP_RECORDINGS")]
    pub(super) keep_recordings: Option<String>,
    /// Write names and addresses to the log (what is in the store and in the audit is there in any case)
    #[arg(long, env = "GIAOBAN_LOG_NAMES")]
    pub(super) log_names: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum CommandTyped {
    /// Hold meetings (what the bridge does when no command is given)
    Serve(ServeTyped),
    /// Sites: who may come in, and as what
    #[command(subcommand)]
    Site(SiteTyped),
    /// Print a new invitation for a site that is there: for a new PC, or when 72 hours have passed. A revoked site is
    /// taken back by it; its old PCs are not
    Invite {
        /// The site, by name or number
        site: String,
        #[command(flatten)]
        link: LinkTyped,
    },
    /// End a site's sessions. It may come again; `site revoke` shuts it out
    Kick {
        /// The site, by name or number
        site: String,
    },
    /// Rooms: where meetings are held
    #[command(subcommand)]
    Room(RoomTyped),
    /// Print the link and the PIN by which guests come into a room
    GuestLink {
        /// The room
        room: RoomName,
        #[command(flatten)]
        place: PlaceTyped,
    },
    /// Who was in which room, from when to when
    Attendance(AttendanceTyped),
    /// What was said in writing in a room's meetings
    Messages {
        /// The room
        room: RoomName,
        /// From then on: 2026-03-31, "2026-03-31 08:00", or 7d (12h, 30m) for so long ago
        #[arg(long, value_name = "WHEN")]
        since: Option<When>,
    },
    /// What was done, by whom, when
    #[command(subcommand)]
    Audit(AuditTyped),
    /// Recordings of meetings
    #[command(subcommand)]
    Recordings(RecordingsTyped),
    /// Sound files that operators play into their meetings
    #[command(subcommand)]
    Announcements(AnnouncementsTyped),
    /// The bridge's own keys
    #[command(subcommand)]
    Key(KeyTyped),
    /// Look for what is wrong with this bridge, and say what to do
    Doctor(ServeTyped),
    /// Print completions for a shell; for bash, put them in ~/.local/share/bash-completion/completions/giaoban-bridge
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write those of all commands
    Man {
        /// Write all pages into this folder, such as /usr/local/share/man/man1
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Where a link leads.
#[derive(Debug, Default, Args)]
pub(super) struct PlaceTyped {
    /// The name or address that the link carries [default: what the bridge announced when it last started]
    #[arg(long, value_name = "HOST[:PORT]", env = "GIAOBAN_PUBLIC")]
    pub(super) public: Option<String>,
    /// Print the QR code even where the output is no terminal
    #[arg(long)]
    pub(super) qr: bool,
}

#[derive(Debug, Default, Args)]
pub(super) struct LinkTyped {
    /// The room that the link leads to [default: giaoban, or the first there is]
    #[arg(long, value_name = "ROOM")]
    pub(super) room: Option<RoomName>,
    #[command(flatten)]
    pub(super) place: PlaceTyped,
}

#[derive(Debug, Subcommand)]
pub(super) enum SiteTyped {
    /// Add a site, and print the link that enrols its PC
    Add {
        /// How it is called in meetings, such as "UBND xã Tri Lễ"
        name: String,
        /// What it may do: operator, participant, listener, trunk (another bridge) or source (heard, hears nothing)
        #[arg(long, default_value = "participant")]
        role: SiteRole,
        #[command(flatten)]
        link: LinkTyped,
    },
    /// List all sites
    List,
    /// Shut a site out: its sessions end, its PCs are known no more, its invitations are void
    Revoke {
        /// The site, by name or number
        site: String,
    },
    /// Give a site another name
    Rename {
        /// The site, by name or number
        site: String,
        /// Its new name
        name: String,
    },
    /// Say what a site may do: everywhere, or in one room
    Role {
        /// The site, by name or number
        site: String,
        /// operator, participant, listener, trunk or source; with --room also `default`, which takes back what was said for
        /// that room
        role: String,
        /// In this room only; in a room with listed access this is what lets the site in
        #[arg(long, value_name = "ROOM")]
        room: Option<RoomName>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RoomTyped {
    /// Add a room, for every site and no guests
    Add {
        /// Its name
        name: RoomName,
        #[command(flatten)]
        change: ChangeTyped,
    },
    /// List all rooms
    List,
    /// Change a room
    Set {
        /// Its name
        name: RoomName,
        #[command(flatten)]
        change: ChangeTyped,
    },
    /// Remove a room. The attendance of its meetings stays
    Remove {
        /// Its name
        name: RoomName,
    },
}

#[derive(Debug, Default, Args)]
pub(super) struct ChangeTyped {
    /// Who may come in: all sites, or those that are listed by `site role SITE ROLE --room ROOM`
    #[arg(long, value_name = "all|listed")]
    pub(super) access: Option<Access>,
    /// What becomes of guests who know the PIN: no (there are none), lobby (an operator decides), admit
    #[arg(long, value_name = "no|lobby|admit")]
    pub(super) guests: Option<Guests>,
    /// What guests must know: new (a random one), or 8 to 16 digits
    #[arg(long, value_name = "new|DIGITS")]
    pub(super) pin: Option<String>,
    /// How many may be in it, or none for the bridge's own number
    #[arg(long, value_name = "N|none")]
    pub(super) max_members: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct AttendanceTyped {
    /// Of this room only
    #[arg(long, value_name = "ROOM")]
    pub(super) room: Option<RoomName>,
    /// From then on: 2026-03-31, "2026-03-31 08:00", or 7d (12h, 30m) for so long ago
    #[arg(long, value_name = "WHEN")]
    pub(super) since: Option<When>,
    /// Until then; a day is meant with its end
    #[arg(long, value_name = "WHEN")]
    pub(super) until: Option<When>,
    /// Print a table for spreadsheets instead (UTF-8)
    #[arg(long, conflicts_with = "json")]
    pub(super) csv: bool,
    /// Print a page to be printed and signed instead (HTML, A4): `attendance --html > meeting.html`
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    pub(super) html: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum AuditTyped {
    /// List what was done
    List {
        /// From then on: 2026-03-31, "2026-03-31 08:00", or 7d (12h, 30m) for so long ago
        #[arg(long, value_name = "WHEN")]
        since: Option<When>,
        /// The latest so many [default: 100, or all with --since]
        #[arg(long, value_name = "N")]
        last: Option<usize>,
    },
    /// See whether the audit is still what was written, and print its head, to be noted down elsewhere
    Verify {
        /// A head that was noted down earlier: is it still in the audit?
        #[arg(long, value_name = "HEX")]
        head: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyTyped {
    /// Go on with the spare key, and make a new spare. The bridge must not be running
    Rotate,
    /// Write the spare key into a file, to be kept where this machine's disk is not
    ExportSpare {
        /// The file, which must not be there yet
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RecordingsTyped {
    /// List all recordings
    List,
    /// Write a recording into a file, with its chapters in it (Ogg Opus, which most players take). One that still goes on
    /// is written as far as it has come
    Export {
        /// Its number, as `recordings list` shows it
        id: i64,
        /// The file, which must not be there yet
        file: PathBuf,
    },
    /// Remove a recording for good
    Remove {
        /// Its number, as `recordings list` shows it
        id: i64,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AnnouncementsTyped {
    /// List what can be played: WAV and Ogg Opus files in the folder announcements of the data folder
    List,
}
