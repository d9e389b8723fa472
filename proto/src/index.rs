//! `index.txt`: the list of live bundles that phones poll. Paths from the CDN root, oldest first, joined by one line feed, none at the end.

use crate::error::Malformed;
use crate::feed::Feed;
use crate::interval::Timestamp;

/// Where a feed's index stands: `{feed path}/index.txt`.
pub fn index_path(feed: &Feed) -> String {
    format!("{feed}/index.txt")
}

/// Where a bundle stands: `{feed path}/{start:010}-{end:010}-00001.zip`, so that names sort by time.
pub fn bundle_path(feed: &Feed, start: Timestamp, end: Timestamp) -> String {
    format!("{feed}/{:010}-{:010}-00001.zip", start.unix(), end.unix())
}

/// Renders an index.
pub fn render(paths: &[String]) -> String {
    paths.join("\n")
}

/// Reads an index: US-ASCII, at most 1 MiB and 10,000 lines, each line a relative path of `[A-Za-z0-9._/-]` without `..`, each once.
///
/// # Errors
/// `index.txt`, and why.
pub fn parse(_bytes: &[u8]) -> Result<Vec<String>, Malformed> {
    todo!()
}
