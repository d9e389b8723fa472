//! Which routes are for phones: what may be asked for through the gateway, and nothing else.

/// Their paths, as the list of routes has them.
pub(crate) const PHONE_PATHS: &[&str] = &["/api/user-report", "/api/verify", "/api/certificate"];
