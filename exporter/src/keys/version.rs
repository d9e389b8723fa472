//! The files of one key: `{region}-{use}.key.pem`, or `{region}-{use}-{version}.key.pem` if a rotation made it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use proto::Region;
use proto::bundle::SigningKeyId;

use super::KeyPurpose;
use crate::error::ExportError;

/// How the names of private keys end.
const PRIVATE: &str = ".key.pem";

/// A key by the name of its file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyFile {
    /// Whose key.
    pub(crate) region: Region,
    /// What it signs.
    pub(crate) purpose: KeyPurpose,
    /// Its version; none of the first one, which is called as the settings say.
    pub(crate) version: Option<String>,
}

impl KeyFile {
    /// Where its private half is.
    pub(crate) fn private(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}{PRIVATE}", self.stem()))
    }

    /// Where its public half is.
    pub(crate) fn public(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.pem", self.stem()))
    }

    fn stem(&self) -> String {
        let Self { region, purpose, version } = self;
        match version {
            None => format!("{region}-{}", purpose.as_str()),
            Some(version) => format!("{region}-{}-{version}", purpose.as_str()),
        }
    }

    /// The key whose private half has this name; none if it is another file.
    fn named(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(PRIVATE)?;
        // Regions are upper case and may have hyphens; uses are lower case; versions have no hyphen.
        KeyPurpose::ALL.into_iter().find_map(|purpose| {
            let (region, rest) = stem.split_once(&format!("-{}", purpose.as_str()))?;
            let version = match rest {
                "" => None,
                _ => Some(rest.strip_prefix('-').filter(|version| is_version(version))?.to_owned()),
            };
            Some(Self { region: region.parse().ok()?, purpose, version })
        })
    }

    /// Every key of a directory, sorted; none if there is no such directory.
    pub(crate) fn all(dir: &Path) -> Result<Vec<Self>, ExportError> {
        let unreadable = |why: std::io::Error| ExportError::io("cannot read", dir, &why);
        let entries = match fs::read_dir(dir) {
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name();
            found.extend(name.to_str().and_then(Self::named));
        }
        found.sort();
        Ok(found)
    }

    /// The keys of a region for one purpose, the first one first.
    pub(crate) fn of(dir: &Path, region: &Region, purpose: KeyPurpose) -> Result<Vec<Self>, ExportError> {
        let mut found = Self::all(dir)?;
        found.retain(|key| key.region == *region && key.purpose == purpose);
        Ok(found)
    }
}

/// Whether a text may be the version of a key that a rotation makes. The public half of a version that ended like a private key's file would have
/// the name of one.
pub(crate) fn is_version(text: &str) -> bool {
    SigningKeyId::new("id", text).is_ok() && !text.ends_with(".key")
}

#[cfg(test)]
mod tests {
    use proto::Kind;

    use super::*;

    #[test]
    fn files_are_named_after_region_use_and_version() {
        let key = |region: &str, purpose, version: Option<&str>| KeyFile {
            region: region.parse().expect("a region"),
            purpose,
            version: version.map(str::to_owned),
        };
        for (name, expected) in [
            ("NO-gaen.key.pem", key("NO", KeyPurpose::Bundle(Kind::Gaen), None)),
            ("US-WA-tcn-v2.key.pem", key("US-WA", KeyPurpose::Bundle(Kind::Tcn), Some("v2"))),
            ("NO-manifest-2027.1.key.pem", key("NO", KeyPurpose::Manifest, Some("2027.1"))),
        ] {
            assert_eq!(KeyFile::named(name), Some(expected.clone()), "{name}");
            assert_eq!(expected.private(Path::new("")), Path::new(name));
        }
        for other in
            ["NO-gaen.pem", "NO-gaen-.key.pem", "no-gaen.key.pem", "NO-filler.key.pem", "NO-gaenv2.key.pem", "x"]
        {
            assert_eq!(KeyFile::named(other), None, "{other}");
        }
        assert!(is_version("v2") && !is_version("v-2") && !is_version("") && !is_version("v2.key"));
    }
}
