//! Ports for programs that must be told which one to take.

use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// The first of them, and how many there are: below those that the system hands out by itself, from 32,768 on.
const PORTS: (u16, u16) = (10_000, 20_000);

/// A loopback port that nobody listens at now, that no system hands out by itself to whoever asks for any, and that this process gives out once: it is
/// free still when a program is started on it.
///
/// # Panics
/// If all of them are taken.
pub fn free_port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    let (first, count) = PORTS;
    // Each process begins somewhere else.
    let next = NEXT.get_or_init(|| AtomicU16::new((std::process::id().wrapping_mul(7_919) % u32::from(count)) as u16));
    let drawn = || first + next.fetch_add(1, Ordering::Relaxed) % count;
    (0..count).map(|_| drawn()).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port is free")
}
