//! What a CDN and a phone are told about an object, by its name. `deploy/nginx/objects.conf` says the same for directories.

/// The headers of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Cache-Control`.
    pub cache_control: &'static str,
}

/// What never changes is kept for a year, the longest that caches are told: whoever has it need not ask again.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// What lists bundles is fresh for five minutes, index and manifest alike.
const LISTING: &str = "public, max-age=300";
/// A probe wants to know how things are now.
const NOW: &str = "public, max-age=10";
/// What is about the bucket itself is nobody's to keep.
const NEVER: &str = "no-store";

impl Headers {
    /// The headers of the object with this path; those of a kind that nobody knows keep it out of every cache.
    pub fn of(path: &str) -> Self {
        let last = path.rsplit('/').next().unwrap_or_default();
        let (content_type, cache_control) = match last {
            "index.txt" => ("text/plain; charset=us-ascii", LISTING),
            "manifest" => ("text/plain; charset=utf-8", LISTING),
            "ready" if last == path => ("text/plain; charset=us-ascii", NOW),
            _ if last.ends_with(".zip") => ("application/zip", FOR_EVER),
            // CoEpi's rendering: an interval's content is final before the interval begins.
            _ if last.ends_with(".json") => ("application/json", FOR_EVER),
            _ => ("application/octet-stream", NEVER),
        };
        Self { content_type, cache_control }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_changes_is_kept_for_a_year_and_a_list_for_five_minutes() {
        for (path, content_type, cache_control) in [
            ("NO/gaen/1600000000-1600003600-00001.zip", "application/zip", FOR_EVER),
            ("NO/tcn/coepi/21600/74074.json", "application/json", FOR_EVER),
            ("NO/gaen/index.txt", "text/plain; charset=us-ascii", LISTING),
            ("NO/tcn-self/manifest", "text/plain; charset=utf-8", LISTING),
            ("ready", "text/plain; charset=us-ascii", NOW),
            ("NO/ready", "application/octet-stream", NEVER),
            ("NO/gaen/index.txt.bak", "application/octet-stream", NEVER),
            ("", "application/octet-stream", NEVER),
        ] {
            assert_eq!(Headers::of(path), Headers { content_type, cache_control }, "{path}");
        }
    }
}
