//! `serve`: holds meetings until it is told to stop.

use super::Ended;
use crate::settings::Serve;
use crate::shell::{house::House, run};
use anyhow::Context as _;

pub(super) fn run(house: &House, json: bool, serve: &Serve) -> anyhow::Result<Ended> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(run::run(house, json, serve))?;
    Ok(Ended::Well)
}
