//! `index.txt`: the list of live bundles that phones poll. Paths from the CDN root, oldest first, joined by one line feed, none at the end.

use std::collections::HashSet;

use crate::error::Malformed;
use crate::feed::Feed;
use crate::interval::Timestamp;

/// Ten times the longest index that phones are known to have met.
const MAX_LINES: usize = 10_000;
const MAX_BYTES: usize = 1 << 20;

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

/// Reads an index: US-ASCII, at most 1 MiB and 10,000 lines, each line a relative path of `[A-Za-z0-9._/-]` without `..`, each once. An
/// empty feed is an empty file.
///
/// # Errors
/// `index.txt`, and why.
pub fn parse(bytes: &[u8]) -> Result<Vec<String>, Malformed> {
    if bytes.len() > MAX_BYTES {
        return Err(malformed("must not be larger than 1 MiB"));
    }
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    let mut seen = HashSet::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if paths.len() == MAX_LINES {
            return Err(malformed("must not have more than 10,000 lines"));
        }
        let path = std::str::from_utf8(line).ok().filter(|path| is_relative_path(path));
        let path = path.ok_or_else(|| malformed("must have a relative path in every line, and nothing else"))?;
        if !seen.insert(path) {
            return Err(malformed("must name each bundle once"));
        }
        paths.push(path.to_owned());
    }
    Ok(paths)
}

/// Phones append the line to their base URL, so it must not lead out of the tree below it.
fn is_relative_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    path.split('/').all(|part| !["", ".", ".."].contains(&part) && part.bytes().all(plain))
}

fn malformed(reason: &'static str) -> Malformed {
    Malformed::new("index.txt", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed() -> Feed {
        "NO/gaen".parse().expect("valid")
    }

    fn paths(count: i64) -> Vec<String> {
        let at = |n| Timestamp::from_unix(1_600_000_000 + 3_600 * n);
        (0..count).map(|n| bundle_path(&feed(), at(n), at(n + 1))).collect()
    }

    #[test]
    fn an_index_has_one_path_a_line_and_no_line_feed_at_the_end() {
        let paths = paths(3);
        let text = render(&paths);
        assert!(text.starts_with("NO/gaen/1600000000-1600003600-00001.zip\nNO/gaen/1600003600-"));
        assert!(!text.ends_with('\n'));
        assert_eq!(parse(text.as_bytes()), Ok(paths));
    }

    #[test]
    fn an_empty_feed_is_an_empty_file() {
        assert_eq!(render(&[]), "");
        assert_eq!(parse(b""), Ok(Vec::new()));
    }

    #[test]
    fn names_sort_by_time() {
        let mut sorted = vec![
            bundle_path(&feed(), Timestamp::from_unix(5), Timestamp::from_unix(20)),
            bundle_path(&feed(), Timestamp::from_unix(20), Timestamp::from_unix(1_600_000_000)),
            bundle_path(&feed(), Timestamp::from_unix(1_600_000_000), Timestamp::from_unix(1_600_000_001)),
        ];
        let in_time = sorted.clone();
        sorted.sort();
        assert_eq!(sorted, in_time);
    }

    #[test]
    fn a_line_that_is_no_relative_path_is_refused() {
        let lines = [
            "/etc/passwd",
            "NO/../../key",
            "..",
            ".",
            "NO//gaen",
            "NO/",
            "a b",
            "http://x",
            "a?b",
            "å",
            "\n",
            "a\n",
            "a\n\nb",
            "a\r\nb",
            "a\0",
        ];
        for line in lines {
            assert_eq!(parse(line.as_bytes()).expect_err(line).field, "index.txt");
        }
        assert!(parse(&[0xFF, 0xFE]).is_err());
    }

    #[test]
    fn a_path_stands_in_an_index_once() {
        assert!(parse(b"a/b.zip\na/c.zip\na/b.zip").is_err());
    }

    #[test]
    fn an_index_has_an_upper_limit() {
        let lines = |count: usize| (0..count).map(|n| format!("x/{n}")).collect::<Vec<_>>().join("\n");
        assert_eq!(parse(lines(MAX_LINES).as_bytes()).map(|paths| paths.len()), Ok(MAX_LINES));
        assert!(parse(lines(MAX_LINES + 1).as_bytes()).is_err());
        assert!(parse(&vec![b'a'; MAX_BYTES + 1]).is_err());
    }

    proptest! {
        #[test]
        fn what_parses_renders_to_the_same_bytes(text in "([a-c/.\\n-]){0,40}") {
            if let Ok(paths) = parse(text.as_bytes()) {
                prop_assert_eq!(render(&paths), text);
            }
        }
    }
}
