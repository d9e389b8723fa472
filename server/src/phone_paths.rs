//! Which routes are for phones: what may be asked for through the gateway, and nothing else.

/// Their paths, as the list of routes has them. `{authority}` stands for any word.
pub(crate) const PHONE_PATHS: &[&str] = &[
    "/v1/publish",
    "/v1/reports",
    "/v1/challenge",
    "/tcnreport/0.4.0",
    "/tcnreport/v0.4.0",
    "/submitReport",
    "/self/{authority}/tcnreport/0.4.0",
    "/self/{authority}/tcnreport/v0.4.0",
    "/self/{authority}/submitReport",
];

/// What is not for phones: its answers leave at once.
pub(crate) const OPERATOR_PATHS: &[&str] = &["/health", "/healthz", "/readyz", "/v1/stats", "/test-deployment"];
