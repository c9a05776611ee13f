//! The bridge as a program: data folder, keys, store, link, then meetings until it is told to stop.

use super::listen::Bridge;
use super::{tunnels, worker::Config};
use crate::settings::{ListenTcp, Settings};
use crate::store::{FIRST_ROOM, Fact, Registry, SqliteStore, Store, system_clock};
use anyhow::Context as _;
use giaoban_proto::link::{Code, Host, Link};
use giaoban_proto::transport::{Identity, ResetKey, bind_server, private};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::net::TcpListener;

/// Serves until Ctrl-C or the system's request to end.
///
/// # Errors
/// What keeps it from starting, in words for whoever runs it.
pub async fn run(settings: &Settings) -> anyhow::Result<()> {
    private::folder(&settings.data)?;
    let identity = private::identity(&settings.data.join("bridge.key"))?;
    let file = settings.data.join("giaoban.db");
    private::file(&file)?;
    let store = Arc::new(SqliteStore::open(&file, system_clock())?);
    let reset = ResetKey::from_bytes(store.secrets().reset);
    let first = store.edit(Registry::first_start).transpose()?.flatten();
    let code = first.map(|first| first.invitation.code);
    let end = bind(settings.listen, &identity, &reset)?;
    let listening = end.endpoint.local_addr().context("the socket has no address")?;
    let config = Config::for_members(settings.max_members);
    let bridge = Bridge::on_thread(end.endpoint, store.clone(), config)
        .context("the rooms' thread cannot be started")?;
    store.record(Fact::BridgeStarted);
    let side_door = bind_tcp(settings.listen_tcp, listening).await;
    announce(settings, listening, &side_door, &identity, code)?;
    let side_door = side_door.ok().flatten().map(|listener| {
        // Ends with the program: what is said last goes through the tunnels too.
        tokio::spawn(tunnels::serve(listener, end.tunnels.clone()))
    });
    let failed = tokio::select! {
        asked = asked_to_end() => {
            asked?;
            false
        }
        () = bridge.failed() => true,
    };
    tell("Stopping: the sites are told. / Đang dừng: đang báo cho các điểm.");
    let counters = bridge.counters();
    tracing::info!(
        failed_handshakes = counters.failed_handshakes.load(Relaxed),
        turned_away = counters.turned_away.load(Relaxed),
        refused = counters.refused.load(Relaxed),
        dropped_datagrams = counters.dropped_datagrams.load(Relaxed),
        "door closed"
    );
    bridge.stop().await;
    store.record(Fact::BridgeStopped);
    if let Some(side_door) = side_door {
        side_door.abort();
        let (tunnels, dropped) = (end.tunnels.counters(), end.tunnels.dropped());
        tracing::info!(
            opened = tunnels.opened.load(Relaxed),
            failed = tunnels.failed.load(Relaxed),
            turned_away = tunnels.turned_away.load(Relaxed),
            bad_frames = tunnels.bad_frames.load(Relaxed),
            idle = tunnels.idle.load(Relaxed),
            inbox_full = tunnels.inbox_full.load(Relaxed),
            dropped_old = dropped.old,
            dropped_full = dropped.full,
            "tunnels closed"
        );
    }
    if failed {
        anyhow::bail!(
            "the rooms ended by a fault of this program; start it again, and report what it said before"
        );
    }
    Ok(())
}

/// Listens; on a machine without IPv6 "all addresses" means those of IPv4.
fn bind(
    listen: SocketAddr,
    identity: &Identity,
    reset: &ResetKey,
) -> anyhow::Result<giaoban_proto::transport::ServerEnd> {
    match bind_server(listen, identity, reset) {
        Err(_) if listen.ip().is_unspecified() && listen.is_ipv6() => {
            let listen = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), listen.port());
            Ok(bind_server(listen, identity, reset)?)
        }
        bound => Ok(bound?),
    }
}

/// A listener for tunnels, where one is wanted. The error is no reason not to hold meetings: most sites need none.
async fn bind_tcp(
    wanted: ListenTcp,
    udp: SocketAddr,
) -> Result<Option<TcpListener>, (SocketAddr, io::Error)> {
    let at = match wanted {
        ListenTcp::Off => return Ok(None),
        ListenTcp::AsUdp => udp,
        ListenTcp::At(at) => at,
    };
    TcpListener::bind(at).await.map(Some).map_err(|error| (at, error))
}

fn announce(
    settings: &Settings,
    listening: SocketAddr,
    side_door: &Result<Option<TcpListener>, (SocketAddr, io::Error)>,
    identity: &Identity,
    code: Option<Code>,
) -> anyhow::Result<()> {
    let link = |host: Host, port: u16| -> anyhow::Result<Link> {
        let room = FIRST_ROOM.parse().context("the first room's name")?;
        Ok(Link { host, port, room, key: identity.fingerprint(), spare: None, code, guest: false })
    };
    let host = |address: IpAddr| address.to_string().parse::<Host>().context("an address as host");
    tell(&format!("giaoban bridge {} on UDP {listening}", env!("CARGO_PKG_VERSION")));
    match side_door {
        Ok(Some(listener)) => {
            let at = listener.local_addr().unwrap_or(listening);
            tell(&format!("and on TCP {at}, for sites whose network lets no UDP through"));
        }
        Ok(None) => {}
        Err((at, error)) => {
            tell(&format!(
                "not on TCP {at} ({error}): sites whose network lets no UDP through cannot come in; \
                 --listen-tcp names another address"
            ));
            tell(&format!("không mở được TCP {at}: điểm nào bị chặn UDP sẽ không vào được."));
        }
    }
    tell(&format!("data: {}", settings.data.display()));
    let everywhere = listening.ip().is_unspecified();
    let (outside, port) = match &settings.public {
        Some((host, port)) => (Some(host.clone()), port.unwrap_or(listening.port())),
        None if everywhere => (own_address().map(host).transpose()?, listening.port()),
        None => (None, listening.port()),
    };
    if let Some(outside) = outside {
        tell(&format!(
            "join link for other machines / liên kết cho các máy khác:\n  {}",
            link(outside, port)?
        ));
    }
    let here = if everywhere { Ipv4Addr::LOCALHOST.into() } else { listening.ip() };
    tell(&format!(
        "join link on this machine / liên kết trên máy này:\n  {}",
        link(host(here)?, listening.port())?
    ));
    if code.is_some() {
        tell("The link enrols the operator's machine, once. Ctrl-C stops the bridge.");
        tell("Liên kết này chỉ đăng ký được một máy điều hành, một lần. Ctrl-C để dừng.");
    } else {
        tell("The link lets in machines that are enrolled. Ctrl-C stops the bridge.");
        tell("Liên kết này dành cho các máy đã đăng ký. Ctrl-C để dừng.");
    }
    Ok(())
}

/// Prints a line. Nobody may be reading any more, which is no reason to stop.
pub fn tell(line: &str) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// The address from which this machine would call the wide network. Sends nothing: connecting a UDP socket only
/// asks the routing table. The address asked about is one set aside for documentation (RFC 5737).
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
}

async fn asked_to_end() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        let mut end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result?,
            _ = end.recv() => {}
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await?;
    Ok(())
}
