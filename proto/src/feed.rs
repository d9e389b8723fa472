//! Feeds: what a phone subscribes to, and the path under which it finds it.

use std::fmt;
use std::str::FromStr;

use crate::error::Malformed;

/// Which protocol a feed carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Google/Apple temporary exposure keys.
    Gaen,
    /// TCN signed reports.
    Tcn,
}

impl Kind {
    /// Both kinds, in the order in which they are listed everywhere.
    pub const ALL: [Kind; 2] = [Kind::Gaen, Kind::Tcn];

    /// `gaen` or `tcn`, as in paths.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Gaen => "gaen",
            Kind::Tcn => "tcn",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose word stands behind the content of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Certified by a health authority. The path has no suffix.
    Verified,
    /// Reported by people themselves, without a certificate.
    SelfReported,
}

impl Role {
    /// `verified` or `self`, as in tables and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Verified => "verified",
            Role::SelfReported => "self",
        }
    }
}

/// A region, `[A-Z0-9-]{1,8}`: usually an ISO 3166 code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

impl Region {
    /// The region as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Region {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let fits = (1..=8).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(Malformed::new("region", "must be 1 to 8 characters of A to Z, 0 to 9 and -"))
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A feed: (region, kind, role). Its text form is its path, `{region}/{kind}[-{role}]`, for instance `NO/gaen`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feed {
    /// Where the people live whom the feed speaks to.
    pub region: Region,
    /// The protocol.
    pub kind: Kind,
    /// Whose word stands behind the content.
    pub role: Role,
}

impl Feed {
    /// The feed of certified content of one kind in a region.
    pub const fn verified(region: Region, kind: Kind) -> Self {
        Self { region, kind, role: Role::Verified }
    }

    /// The feed of what people in a region report themselves.
    pub const fn self_reported(region: Region, kind: Kind) -> Self {
        Self { region, kind, role: Role::SelfReported }
    }
}

impl fmt::Display for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            Role::Verified => write!(f, "{}/{}", self.region, self.kind),
            Role::SelfReported => write!(f, "{}/{}-{}", self.region, self.kind, self.role.as_str()),
        }
    }
}

impl FromStr for Feed {
    type Err = Malformed;

    fn from_str(path: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new("feed", "must be {region}/{gaen|tcn}[-self]");
        let (region, rest) = path.split_once('/').ok_or_else(malformed)?;
        let (kind, role) = match rest {
            "gaen" => (Kind::Gaen, Role::Verified),
            "gaen-self" => (Kind::Gaen, Role::SelfReported),
            "tcn" => (Kind::Tcn, Role::Verified),
            "tcn-self" => (Kind::Tcn, Role::SelfReported),
            _ => return Err(malformed()),
        };
        Ok(Self { region: region.parse()?, kind, role })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_its_path() {
        for path in ["NO/gaen", "US-WA/tcn", "NO/tcn-self", "X/gaen-self"] {
            assert_eq!(path.parse::<Feed>().expect("valid").to_string(), path);
        }
    }

    #[test]
    fn a_path_that_is_no_feed_is_refused() {
        for path in ["", "NO", "no/gaen", "NO/gaen/", "NO/gaen-verified", "../gaen", "TOO-LONG-X/gaen", "/gaen"] {
            assert!(path.parse::<Feed>().is_err(), "{path}");
        }
    }
}
