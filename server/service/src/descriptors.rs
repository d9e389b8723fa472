//! File descriptors: a connection takes one each.

/// What a service has open beside connections: its database, its listeners, its log.
const OTHERS: u64 = 256;

/// Raises the limit on file descriptors as far as the system allows, and warns if that is too little for so many connections.
pub fn raise_descriptors(connections: u32) {
    let needed = u64::from(connections) + OTHERS;
    let allowed = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0);
    if allowed < needed {
        tracing::warn!(
            descriptors.allowed = allowed,
            descriptors.needed = needed,
            "fewer file descriptors are allowed than --connections may take; raise the hard limit (ulimit -Hn, LimitNOFILE) or lower --connections"
        );
    }
}
