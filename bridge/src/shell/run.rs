//! The bridge as a program: data folder, keys, store, link, then meetings until it is told to stop.

use super::announce::{self, SideDoor};
use super::house::House;
use super::listen::Bridge;
use super::{tunnels, worker::Config};
use crate::command::out;
use crate::recording::Recorder;
use crate::recording::shelf::Shelf;
use crate::settings::{ListenTcp, Serve};
use crate::store::{Fact, SqliteStore, Store, system_clock};
use anyhow::Context as _;
use giaoban_proto::transport::{Identity, ResetKey, bind_server, private};
use jiff::tz::TimeZone;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::net::TcpListener;

/// Serves until Ctrl-C or the system's request to end.
///
/// # Errors
/// What keeps it from starting, in words for whoever runs it.
pub async fn run(house: &House, json: bool, serve: &Serve) -> anyhow::Result<()> {
    let _lock = house.lock()?;
    let keys = house.keys()?;
    if keys.lost {
        out::warn(
            "the keys were gone and new ones were made: no link that was given out leads here any more. Put back a \
             copy of bridge.key and spare.key, or give every site a new link (giaoban-bridge invite SITE)",
        );
    }
    private::file(&house.store())?;
    let store = Arc::new(SqliteStore::open(&house.store(), system_clock())?);
    let reset = ResetKey::from_bytes(store.secrets().reset);
    let end = bind(serve.listen, &keys.identity, &reset)?;
    let listening = end.endpoint.local_addr().context("the socket has no address")?;
    let links = announce::links(serve, listening, &keys)?;
    let known = {
        let links = links.clone();
        let ask = move |registry: &mut _| announce::Known::ask(registry, &links);
        store.edit(ask).context("the store's thread has ended")??
    };
    let ending = Ending::listen().context("cannot listen for the request to end")?;
    let (clock, zone) = (system_clock(), TimeZone::system());
    let recorder =
        Recorder::on_thread(store.clone(), house.recordings()?, clock, zone, serve.keep_recordings)
            .context("the recorder's thread cannot be started")?;
    let config = Config {
        limits: serve.limits.clone(),
        spare: Some(keys.spare),
        log_names: serve.log_names,
        recorder: Some(recorder.clone()),
        shelf: Some(Shelf::on_thread(house.recordings()?).context("no thread for reading recordings")?),
        announcements: Some(house.announcements()),
    };
    let bridge = Bridge::on_thread(end.endpoint, store.clone(), config)
        .context("the rooms' thread cannot be started")?;
    store.record(Fact::BridgeStarted);
    let side_door = bind_tcp(serve.listen_tcp, listening).await;
    let (side_door, at) = match side_door {
        Ok(Some(listener)) => {
            let at = listener.local_addr().unwrap_or(listening);
            (Some(listener), SideDoor::Ok(Some(at)))
        }
        Ok(None) => (None, Ok(None)),
        Err(fault) => (None, Err(fault)),
    };
    announce::announce(house, json, listening, &at, &links, &known)?;
    let side_door = side_door.map(|listener| {
        // Ends with the program: what is said last goes through the tunnels too.
        tokio::spawn(tunnels::serve(listener, end.tunnels.clone()))
    });
    let failed = tokio::select! {
        asked = ending.asked() => {
            asked?;
            false
        }
        () = bridge.failed() => true,
    };
    if !json {
        out::tell("Stopping: the sites are told. / Đang dừng: đang báo cho các điểm.");
    }
    let counters = bridge.counters();
    let counted = counters.list().map(|(what, times)| format!("{what} {times}")).join(", ");
    tracing::info!(counted, "door closed");
    bridge.stop().await;
    recorder.finish();
    // Waited for: the rooms' thread may be the last that lets go of the store, and the program does not wait for it.
    if store.write_down(Fact::BridgeStopped).await.is_err() {
        // The last try is the store's own, when it is let go of.
        store.record(Fact::BridgeStopped);
    }
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

/// What asks this program to end: Ctrl-C, and the system.
struct Ending {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Ending {
    /// Listens from now on; until now a signal ends the program without a goodbye.
    fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { signals: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    async fn asked(self) -> io::Result<()> {
        #[cfg(unix)]
        {
            let [mut interrupt, mut terminate] = self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            Ok(())
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    }
}
