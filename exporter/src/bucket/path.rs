//! The path of an object, which by its type cannot lead out of a bucket.

use std::fmt;
use std::str::FromStr;

use proto::Malformed;

/// The longest path, in bytes.
const MAX_BYTES: usize = 256;

/// A relative path of segments of `[A-Za-z0-9._-]`, none of which begins with a dot. So there is no `..` in it, and names that begin with a dot
/// are free for a bucket's own housekeeping.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPath(String);

impl ObjectPath {
    /// The path, with `/` between segments.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ObjectPath {
    type Err = Malformed;

    fn from_str(path: &str) -> Result<Self, Malformed> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let segment = |s: &str| !s.is_empty() && !s.starts_with('.') && s.bytes().all(plain);
        if path.len() <= MAX_BYTES && path.split('/').all(segment) {
            Ok(Self(path.to_owned()))
        } else {
            Err(Malformed::new(
                "object path",
                "must be segments of A to Z, a to z, 0 to 9, ., _ and -, none with a leading dot",
            ))
        }
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_its_bucket() {
        for path in
            ["", "/", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/.hidden", ".lock", "a b", "a\\b", "a\0", "å"]
        {
            assert!(path.parse::<ObjectPath>().is_err(), "{path:?}");
        }
        assert!("a".repeat(MAX_BYTES + 1).parse::<ObjectPath>().is_err());
        for path in ["NO/gaen/1600000000-1600000001-00001.zip", "US-WA/tcn-self/index.txt", "manifest"] {
            assert_eq!(path.parse::<ObjectPath>().expect(path).as_str(), path);
        }
    }
}
