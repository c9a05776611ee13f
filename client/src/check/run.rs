//! Makes one call, checks the line on it, and hangs up. A shell: sockets and the clock are here, decisions are not.

use super::{Action, Check, Measured, Progress};
use crate::clock::now;
use crate::net::Network;
use crate::session::{ATTEMPT, GIVE_UP, Loss};
use bytes::Bytes;
use giaoban_proto::link::Link;
use giaoban_proto::probe::Outgoing;
use giaoban_proto::transport::socket::headers;
use giaoban_proto::transport::{ClientEnd, Identity, Lost, Pins, SERVER_NAME, client_config};
use giaoban_proto::wire::{
    self, CheckEnd, ClientMessage, CloseCode, Framer, MAX_CONTROL_BYTES, MAX_DATAGRAM_BYTES, ServerMessage,
    VERSION, frame, server_message::Body,
};
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::{sleep, sleep_until, timeout};

/// How long the bridge may take to let the check begin, before another attempt is made.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// Between one attempt that failed and the next.
const PAUSE: Duration = Duration::from_secs(1);

/// How long good-bye may take: the bridge's place is free the sooner.
const LINGER: Duration = Duration::from_millis(300);

/// What QUIC adds to a datagram to the bridge, whose connection id each carries, and to one from it.
const AROUND: (usize, usize) = (24, 21);

/// Why nothing was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The bridge said no, or is another one.
    Refused(Loss),
    /// Nothing answered in time.
    NotReachable(Loss),
}

/// Checks the line to the bridge that `link` names, and tells how far it has come a few times a second.
///
/// # Errors
/// [`Failed`] when there was no call. A line that breaks during the check is measured, and found to be broken.
pub async fn run(
    link: &Link,
    identity: &Identity,
    network: &dyn Network,
    mut tell: impl FnMut(Progress),
) -> Result<Measured, Failed> {
    let give_up = now() + GIVE_UP;
    let mut last = Loss::Broken;
    // One address after another, until one answers and lets the check begin.
    for turn in 0.. {
        let left = give_up.saturating_duration_since(now());
        if left.is_zero() {
            break;
        }
        let attempt = timeout(ATTEMPT.min(left), attempt(link, identity, network, turn)).await;
        let failed = match attempt.unwrap_or(Err(Loss::Broken)) {
            Ok((end, connection)) => {
                let measured = on(&end, &connection, link, &mut tell).await;
                connection.close(CloseCode::Bye.code().into(), CloseCode::Bye.text().as_bytes());
                // What it could not say in this time, the bridge learns by silence.
                let _ = timeout(LINGER, end.endpoint.wait_idle()).await;
                match measured {
                    Err(Failed::NotReachable(loss)) => loss,
                    done => return done,
                }
            }
            Err(loss @ (Loss::WrongKey | Loss::OtherVersion)) => return Err(Failed::Refused(loss)),
            Err(loss) => loss,
        };
        last = failed;
        sleep(PAUSE.min(give_up.saturating_duration_since(now()))).await;
    }
    Err(Failed::NotReachable(last))
}

async fn attempt(
    link: &Link,
    identity: &Identity,
    network: &dyn Network,
    turn: usize,
) -> Result<(ClientEnd, Connection), Loss> {
    let remote = resolve(link, turn).await.ok_or(Loss::NoAddress)?;
    let broken = |error: &dyn std::fmt::Display| {
        tracing::warn!(%error, %remote, "cannot call");
        Loss::Broken
    };
    let end = network.bind(remote).map_err(|error| broken(&error))?;
    let mut config = client_config(identity, Pins::from(link)).map_err(|error| broken(&error))?;
    network.settle(&mut config);
    let connecting =
        end.endpoint.connect_with(config, remote, SERVER_NAME).map_err(|error| broken(&error))?;
    let connection = connecting.await.map_err(|error| loss(&error, false))?;
    Ok((end, connection))
}

async fn resolve(link: &Link, turn: usize) -> Option<SocketAddr> {
    if let Ok(address) = link.host.as_str().parse::<IpAddr>() {
        return Some((address, link.port).into());
    }
    let found = tokio::net::lookup_host((link.host.as_str(), link.port)).await.ok()?;
    let addresses: Vec<SocketAddr> = found.collect();
    addresses.get(turn % addresses.len().max(1)).copied()
}

fn loss(error: &ConnectionError, established: bool) -> Loss {
    match Lost::new(error, established) {
        Lost::Refused { code, .. } => {
            CloseCode::from_code(code).map_or(Loss::ClosedUnknown(code), Loss::Closed)
        }
        Lost::WrongKey => Loss::WrongKey,
        Lost::VersionMismatch => Loss::OtherVersion,
        _ => Loss::Broken,
    }
}

/// The control stream of a call.
struct Control {
    sender: SendStream,
    receiver: RecvStream,
    framer: Framer,
    bytes: [u8; MAX_CONTROL_BYTES],
}

impl Control {
    async fn say(&mut self, message: impl Into<ClientMessage>) {
        // Two short messages, which a stream always has room for; a connection that is gone says so elsewhere.
        let _ = self.sender.write_all(&frame(&message.into())).await;
    }

    /// The next message, never again when there is none. Loses nothing when it is given up halfway.
    async fn hear(&mut self) -> Body {
        loop {
            match self.framer.poll::<ServerMessage>() {
                Ok(Some(ServerMessage { body: Some(body) })) => return body,
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(_) => return std::future::pending().await,
            }
            match self.receiver.read(&mut self.bytes).await {
                Ok(Some(read)) => self.framer.push(&self.bytes[..read]),
                _ => return std::future::pending().await,
            }
        }
    }
}

async fn on(
    end: &ClientEnd,
    connection: &Connection,
    link: &Link,
    tell: &mut impl FnMut(Progress),
) -> Result<Measured, Failed> {
    let (sender, receiver) = connection.open_bi().await.map_err(|error| refusal(&error))?;
    let mut control = Control { sender, receiver, framer: Framer::default(), bytes: [0; MAX_CONTROL_BYTES] };
    control
        .say(wire::Check {
            version: VERSION,
            software: concat!("giaoban ", env!("CARGO_PKG_VERSION")).into(),
            room: link.room.as_str().into(),
            code: link.code.as_ref().map(|code| code.as_bytes().to_vec()).unwrap_or_default(),
        })
        .await;
    let headers = headers(connection.remote_address().ip());
    let mut check = Check::new(now(), (headers + AROUND.0, headers + AROUND.1));
    let refused_at = now() + READY_WITHIN;
    let mut told = None;
    while !check.is_over() {
        if let Some(Action::AskResult) = check.poll_action(now()) {
            control.say(CheckEnd {}).await;
        }
        while let Some(Outgoing { probe, length }) = check.poll_send(now()) {
            let mut buffer = [0; MAX_DATAGRAM_BYTES];
            // A connection that is gone shows below.
            let _ = connection.send_datagram(Bytes::copy_from_slice(probe.encode(&mut buffer, length)));
        }
        if check.is_waiting() && now() >= refused_at {
            return Err(Failed::NotReachable(Loss::NoWelcome));
        }
        let progress = check.progress(now());
        if !check.is_waiting() && told != Some(progress) {
            told = Some(progress);
            tell(progress);
        }
        tokio::select! {
            biased;
            datagram = connection.read_datagram() => match datagram {
                // What is no probe is nobody's: there is no meeting on this line.
                Ok(bytes) => { let _ = check.handle_datagram(now(), &bytes); }
                Err(error) if check.is_waiting() => return Err(refusal(&error)),
                Err(_) => break,
            },
            body = control.hear() => match body {
                Body::CheckReady(_) => check.handle_ready(now()),
                Body::CheckResult(result) => check.handle_result(result),
                _ => {}
            },
            () = sleep_until(check.poll_timeout().into()) => {}
        }
    }
    let traffic = end.meter.read();
    Ok(Measured { bytes: (traffic.sent_bytes, traffic.received_bytes), ..check.measured() })
}

fn refusal(error: &ConnectionError) -> Failed {
    match loss(error, true) {
        // Not about this device: it will be back, or did not hear.
        loss @ (Loss::Broken | Loss::Closed(CloseCode::Stopping | CloseCode::TooSlow)) => {
            Failed::NotReachable(loss)
        }
        loss => Failed::Refused(loss),
    }
}
