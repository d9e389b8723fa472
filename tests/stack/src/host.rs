//! Where a deployment listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// A loopback address that no other deployment has. The port of a process that was killed is still free there when it starts again: what others on
/// this machine open goes from 127.0.0.1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Host(Ipv4Addr);

impl Host {
    /// One that follows from the number of this process, of which there are four million, and of the deployment in it.
    pub(crate) fn own() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = (std::process::id() << 2) | (NEXT.fetch_add(1, Ordering::Relaxed) % 3);
        let [_, high, middle, low] = number.to_be_bytes();
        Self(Ipv4Addr::new(127, high, middle, low))
    }

    /// Ports that are free, for programs that cannot choose one by themselves. All are held until the last one is found: none is named twice.
    pub(crate) fn free_ports<const N: usize>(self) -> std::io::Result<[SocketAddr; N]> {
        let held: Vec<TcpListener> =
            (0..N).map(|_| TcpListener::bind((IpAddr::V4(self.0), 0))).collect::<std::io::Result<_>>()?;
        let mut ports = [SocketAddr::new(IpAddr::V4(self.0), 0); N];
        for (port, listener) in ports.iter_mut().zip(&held) {
            *port = listener.local_addr()?;
        }
        Ok(ports)
    }
}
