//! Which routes are for phones: what may be asked for through the gateway, and nothing else.

/// Their paths, as the list of routes has them.
pub(crate) const PHONE_PATHS: &[&str] = &["/api/user-report", "/api/verify", "/api/certificate"];

/// What is for authorities, key servers and operators: its answers leave at once.
pub(crate) const OTHER_PATHS: &[&str] = &[
    "/api/issue",
    "/api/batch-issue",
    "/api/checkcodestatus",
    "/api/expirecode",
    "/api/stats/realm.json",
    "/api/stats/realm.csv",
    "/jwks/{authority}",
    "/health",
    "/healthz",
    "/readyz",
    "/openapi.json",
    "/test-deployment",
];
