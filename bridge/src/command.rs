//! What can be asked of this program, one file a command.
//!
//! All but `serve` work on the store of the data folder beside a bridge that runs, which sees what they change within
//! a quarter of a second. Each prints words for people or, with `--json`, one JSON value; what went wrong goes to the
//! error output in one line, with what to do.

mod announcements;
pub mod attendance;
mod audit;
mod completions;
mod csv;
mod doctor;
mod guest_link;
mod invite;
pub mod key;
mod kick;
pub mod link;
mod man;
mod messages;
pub mod out;
mod qr;
mod recordings;
mod room;
mod serve;
mod site;
mod table;
mod time;

use crate::settings::{Command, Settings};
use crate::shell::house::House;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As asked.
    Well,
    /// It has told of a fault.
    Fault,
}

/// Does what was asked.
///
/// # Errors
/// What kept it from that, in words for whoever typed it.
pub fn run(settings: Settings) -> anyhow::Result<Ended> {
    let Settings { data, json, command } = settings;
    let house = House::at(&data);
    match command {
        Command::Serve(serve) => serve::run(&house, json, &serve),
        Command::Site(site) => site::run(&house, json, site),
        Command::Invite(site, to) => invite::run(&house, json, &site, &to),
        Command::Kick(site) => kick::run(&house, json, &site),
        Command::Room(room) => room::run(&house, json, room),
        Command::GuestLink(room, place) => guest_link::run(&house, json, &room, &place),
        Command::Attendance(attendance) => attendance::run(&house, json, &attendance),
        Command::Messages(messages) => messages::run(&house, json, &messages),
        Command::Audit(audit) => audit::run(&house, json, audit),
        Command::Recordings(recordings) => recordings::run(&house, json, recordings),
        Command::Announcements => announcements::run(&house, json),
        Command::Key(key) => key::run(&house, json, key),
        Command::Doctor(doctor) => doctor::run(&house, json, &doctor),
        Command::Completions(shell) => completions::run(json, shell),
        Command::Man(dir) => man::run(json, dir.as_deref()),
    }
}
