//! What the doctor asks this machine.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::Duration;

/// Free bytes on the disk that holds `folder`, for a user without rights; `None` where this system does not say.
pub(super) fn space(folder: &Path) -> io::Result<Option<u64>> {
    #[cfg(unix)]
    {
        let found = rustix::fs::statvfs(folder)?;
        Ok(Some(found.f_bavail.saturating_mul(found.f_frsize)))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        Ok(None)
    }
}

/// How long it takes until a small file is on the disk.
#[expect(clippy::disallowed_methods, reason = "measures the disk, outside any meeting")]
pub(super) fn write(folder: &Path) -> io::Result<Duration> {
    let path = folder.join(format!("doctor.{}", std::process::id()));
    let begun = std::time::Instant::now();
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&path).and_then(|mut file| {
        file.write_all(&[0; 4096])?;
        file.sync_all()
    });
    let took = begun.elapsed();
    // Of no matter where it was not made.
    let _ = fs::remove_file(&path);
    written.map(|()| took)
}

/// Whether UDP can be listened on there.
pub(super) fn udp(at: SocketAddr) -> io::Result<()> {
    over_both_families(at, |at| UdpSocket::bind(at).map(drop))
}

/// Whether TCP can be listened on there.
pub(super) fn tcp(at: SocketAddr) -> io::Result<()> {
    over_both_families(at, |at| TcpListener::bind(at).map(drop))
}

/// On a machine without IPv6 "all addresses" means those of IPv4, as it does when the bridge starts.
fn over_both_families(at: SocketAddr, bind: impl Fn(SocketAddr) -> io::Result<()>) -> io::Result<()> {
    match bind(at) {
        Err(error)
            if at.ip().is_unspecified() && at.is_ipv6() && error.kind() != io::ErrorKind::AddrInUse =>
        {
            bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), at.port()))
        }
        bound => bound,
    }
}
