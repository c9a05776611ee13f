//! The side door: takes TCP streams and gives each a task of its own, which makes it a tunnel: one more peer of the
//! endpoint. Who comes through it is asked at the front door like everybody else.

use giaoban_proto::transport::Tunnels;
use giaoban_proto::transport::tunnel::{Listener, MAX_TUNNELS};
use std::time::Duration;
use tokio::task::JoinSet;

/// How long to wait when the system gives no stream, for lack of files or memory: trying at once would only burn
/// what is left.
const BREATHE: Duration = Duration::from_millis(200);

/// Streams that have a task, those included that are only told that there is no place.
const MAX_TASKS: usize = MAX_TUNNELS + 64;

/// Serves what `listener` brings, until dropped; then all tunnels end with it.
pub async fn serve(mut listener: impl Listener, tunnels: Tunnels) {
    let mut tasks = JoinSet::new();
    loop {
        let (stream, local, peer) = match listener.accept().await {
            Ok(arrived) => arrived,
            Err(error) => {
                tracing::debug!(%error, "no stream");
                tokio::time::sleep(BREATHE).await;
                continue;
            }
        };
        // Those that have ended leave the set; it holds the living only.
        while tasks.try_join_next().is_some() {}
        if tasks.len() >= MAX_TASKS {
            continue;
        }
        let tunnels = tunnels.clone();
        tasks.spawn(async move {
            if let Err(error) = tunnels.serve(stream, local, peer.ip()).await {
                tracing::debug!(%error, %peer, "a tunnel ended");
            }
        });
    }
}
