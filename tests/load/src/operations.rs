//! What is asked of a deployment, by the names that results and limits use.

/// The operations in the order in which they are shown.
pub(crate) const OPERATIONS: [&str; 20] = [
    "upload",
    "report",
    "issue",
    "batch_issue",
    "verify",
    "certificate",
    "publish",
    "reports",
    "poll",
    "index",
    "manifest",
    "bundle",
    "chaff",
    "chaff_verify",
    "chaff_certificate",
    "chaff_publish",
    "code",
    "guess",
    "bust",
    "malformed",
];

/// Those of them that are made of requests which stand beside them.
pub(crate) const JOURNEYS: [&str; 4] = ["upload", "report", "poll", "chaff"];

/// Those of these that send what must be published.
pub(crate) const SUBMISSIONS: [&str; 2] = ["upload", "report"];
