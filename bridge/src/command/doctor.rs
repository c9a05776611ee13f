//! `doctor`: looks for what is wrong with a bridge, and says what to do. Changes nothing, but for one file that it
//! writes and removes.
//!
//! The folder before the store, the store before what is in it: what cannot be looked at is not told as a second fault.

mod judge;
mod machine;

use super::{Ended, key, link, out, time};
use crate::settings::Doctor;
use crate::shell::house::House;
use crate::store::{AuditFilter, Registry};
use giaoban_proto::transport::private;
use giaoban_proto::wire::SiteRole;
use judge::{Finding, State};
use serde_json::json;

pub(super) fn run(house: &House, json: bool, doctor: &Doctor) -> anyhow::Result<Ended> {
    let findings = examine(house, doctor);
    let worst = findings.iter().map(|finding| finding.state).max().unwrap_or(State::Ok);
    if json {
        let checks: Vec<_> = findings
            .iter()
            .map(|finding| {
                json!({
                    "check": finding.check,
                    "state": finding.state.as_str(),
                    "what": finding.what,
                    "remedy": finding.remedy,
                })
            })
            .collect();
        out::json(&json!({ "state": worst.as_str(), "checks": checks }));
    } else {
        for finding in &findings {
            out::tell(&format!(
                "{:8} {}: {}",
                finding.state.as_str(),
                finding.check,
                out::harmless(&finding.what)
            ));
            if let Some(remedy) = &finding.remedy {
                out::tell(&format!("         -> {}", out::harmless(remedy)));
            }
        }
        out::tell(match worst {
            State::Ok => "This bridge is well. / Máy chủ họp hoạt động tốt.",
            State::Warning => {
                "This bridge works; see the warnings. / Máy chủ họp dùng được; xem các cảnh báo (warning)."
            }
            State::Fault => "This bridge has faults. / Máy chủ họp có lỗi; xem các dòng fault.",
        });
    }
    Ok(if worst == State::Fault { Ended::Fault } else { Ended::Well })
}

fn examine(house: &House, doctor: &Doctor) -> Vec<Finding> {
    let mut findings = vec![config(doctor)];
    let running = house.running();
    findings.extend(ports(doctor, matches!(running, Ok(Some(_)))));
    match &running {
        Ok(Some(Some(pid))) => findings.push(Finding::ok("bridge", format!("runs as process {pid}"))),
        Ok(Some(None)) => findings.push(Finding::ok("bridge", "runs".to_owned())),
        Ok(None) => findings.push(Finding::ok("bridge", "does not run now".to_owned())),
        Err(error) => findings.push(Finding::warning(
            "bridge",
            format!("whether one runs cannot be found out: {error}"),
            "look at the data folder below".to_owned(),
        )),
    }
    let folder = house.folder();
    if !folder.exists() {
        findings.push(judge::clock(time::now(), None));
        findings.push(Finding::warning(
            "data folder",
            format!("{} is not there yet", folder.display()),
            "start the bridge once, giaoban-bridge serve, or name its folder with --data".to_owned(),
        ));
        return findings;
    }
    let closed = files(house);
    let usable = closed.iter().all(|finding| finding.state != State::Fault);
    findings.extend(closed);
    let free = machine::space(folder);
    findings.extend(judge::recordings(*free.as_ref().unwrap_or(&None)));
    findings.push(judge::space(free));
    findings.push(judge::disk(machine::write(folder)));
    findings.extend(keys(house));
    let registry = match house.store().exists() {
        false => {
            findings.push(Finding::warning(
                "store",
                format!("{} is not there yet", house.store().display()),
                "start the bridge once: giaoban-bridge serve".to_owned(),
            ));
            None
        }
        true if !usable => None,
        true => store(house, &mut findings),
    };
    match registry {
        Some(mut registry) => findings.extend(contents(house, &mut registry)),
        None => findings.push(judge::clock(time::now(), None)),
    }
    findings
}

fn config(doctor: &Doctor) -> Finding {
    match (&doctor.fault, &doctor.config) {
        (Some(fault), _) => Finding::fault(
            "settings",
            fault.clone(),
            "correct it; the bridge does not start with it. Below, the defaults are looked at".to_owned(),
        ),
        (None, Some(file)) => Finding::ok("settings", format!("{} is sound", file.display())),
        (None, None) => Finding::ok("settings", "no settings file, which is fine".to_owned()),
    }
}

fn ports(doctor: &Doctor, running: bool) -> Vec<Finding> {
    let serve = &doctor.serve;
    let mut findings = vec![judge::port("UDP port", serve.listen, machine::udp(serve.listen), running, true)];
    let tcp = match serve.listen_tcp {
        crate::settings::ListenTcp::Off => None,
        crate::settings::ListenTcp::AsUdp => Some(serve.listen),
        crate::settings::ListenTcp::At(at) => Some(at),
    };
    if let Some(tcp) = tcp {
        findings.push(judge::port("TCP port", tcp, machine::tcp(tcp), running, false));
    }
    findings
}

fn files(house: &House) -> Vec<Finding> {
    let folder = house.folder().display();
    let remedy = "do as it says, and ask yourself who may have read it; a key that others have read is to be replaced: \
                  giaoban-bridge key rotate";
    let mut findings = Vec::new();
    let mut check = |closed: Result<(), private::PrivateError>| {
        if let Err(error) = closed {
            findings.push(Finding::fault("files", error.to_string(), remedy.to_owned()));
        }
    };
    check(private::folder(house.folder()));
    if house.recordings_folder().exists() {
        check(private::folder(&house.recordings_folder()));
    }
    match house.private_files() {
        Ok(files) => files.iter().for_each(|file| check(private::closed(file).map(drop))),
        Err(error) => {
            let what = format!("{folder} cannot be read: {error}");
            findings.push(Finding::fault(
                "files",
                what,
                "run this as the user that the bridge runs as".to_owned(),
            ));
        }
    }
    if let Err(error) = house.owned() {
        let remedy =
            "run this as that user, or the bridge will not be able to use what this leaves".to_owned();
        findings.push(Finding::warning("files", error.to_string(), remedy));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("files", format!("{folder} is closed to others")));
    }
    findings
}

fn keys(house: &House) -> Vec<Finding> {
    [
        ("key", house.key(), "put back a copy of it, or go on with the spare: giaoban-bridge key rotate"),
        (
            "spare key",
            house.spare(),
            "put back a copy of it; where there is none the next start makes a new one, and \
                                      links that name the old are the poorer for it",
        ),
    ]
    .into_iter()
    .map(|(check, path, remedy)| match path.try_exists() {
        Ok(false) if !house.store().exists() => {
            Finding::ok(check, "the first start of the bridge makes it".to_owned())
        }
        _ => match private::known_identity(&path) {
            Ok(identity) => Finding::ok(check, identity.fingerprint().to_string()),
            // Told already, with its own remedy.
            Err(error @ private::PrivateError::Loose(..)) => {
                Finding::warning(check, error.to_string(), "as above".to_owned())
            }
            Err(error) => Finding::fault(check, error.to_string(), remedy.to_owned()),
        },
    })
    .collect()
}

fn store(house: &House, findings: &mut Vec<Finding>) -> Option<Registry> {
    let opened = house.registry().and_then(|registry| {
        registry.quick_check()?;
        Ok(registry)
    });
    match opened {
        Ok(registry) => {
            let what = format!("{} opens, and is sound", house.store().display());
            findings.push(Finding::ok("store", what));
            Some(registry)
        }
        Err(error) => {
            let remedy = "keep this folder as it is, and put back a copy of it from before";
            findings.push(Finding::fault("store", format!("{error:#}"), remedy.to_owned()));
            None
        }
    }
}

fn contents(house: &House, registry: &mut Registry) -> Vec<Finding> {
    let mut findings = Vec::new();
    let unreadable = |check, error: crate::store::StoreError| {
        Finding::fault(check, error.to_string(), "put back a copy of the data folder".to_owned())
    };
    findings.push(match registry.verify_audit(None) {
        Ok(Ok(head)) => Finding::ok("audit", format!("{} rows, as they were written", head.rows)),
        Ok(Err(fault)) => Finding::fault(
            "audit",
            fault.to_string(),
            "keep this data folder as it is, and compare it with a copy from before".to_owned(),
        ),
        Err(error) => unreadable("audit", error),
    });
    findings.push(match registry.audit(AuditFilter { since: None, last: Some(1) }) {
        Ok(last) => judge::clock(time::now(), last.last().map(|row| row.at)),
        Err(error) => unreadable("clock", error),
    });
    findings.push(match registry.sites() {
        Ok(sites) => {
            let operators = sites.iter().filter(|site| site.role == SiteRole::Operator && !site.revoked);
            match operators.map(|site| site.devices).sum::<usize>() {
                0 => Finding::warning(
                    "operator",
                    "no operator's PC is enrolled: nobody can let guests in or put anybody out".to_owned(),
                    "start the bridge and open the operator's link that it prints on the operator's PC"
                        .to_owned(),
                ),
                n => Finding::ok("operator", format!("{n} enrolled")),
            }
        }
        Err(error) => unreadable("operator", error),
    });
    findings.push(match registry.rooms() {
        Ok(rooms) if rooms.is_empty() => Finding::warning(
            "rooms",
            "there is no room to meet in".to_owned(),
            "giaoban-bridge room add giaoban".to_owned(),
        ),
        Ok(rooms) => Finding::ok("rooms", format!("{}", rooms.len())),
        Err(error) => unreadable("rooms", error),
    });
    findings.push(match registry.kept(link::ANNOUNCED) {
        Ok(Some(announced)) => Finding::ok("links", format!("lead to {announced}")),
        Ok(None) => Finding::warning(
            "links",
            "no bridge has announced yet where it is".to_owned(),
            "start it once: giaoban-bridge serve".to_owned(),
        ),
        Err(error) => unreadable("links", error),
    });
    findings.extend(other_key(house, registry));
    findings
}

/// The key is another than the one that the bridge last ran with.
fn other_key(house: &House, registry: &Registry) -> Option<Finding> {
    let kept = registry.kept(key::KEPT).ok()??;
    let now = private::known_identity(&house.key()).ok()?.fingerprint().to_string();
    (kept != now).then(|| {
        Finding::warning(
            "key",
            format!("the bridge last ran with the key {kept}, and now has {now}"),
            "if you did not do that, put back a copy of bridge.key: links lead to the key that they name"
                .to_owned(),
        )
    })
}
