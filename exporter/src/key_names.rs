//! What phones know signing keys by, as settings say it.

use std::str::FromStr;

use proto::bundle::SigningKeyId;
use proto::{Feed, Kind, Malformed, Region};

use crate::error::ExportError;
use crate::keys::is_version;

/// The key id of one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionKeyId {
    /// Whose keys.
    pub region: Region,
    /// What phones know the first of them by. Those that a rotation makes have the same id and versions of their own.
    pub key: SigningKeyId,
}

/// What phones know a region's first key by: what is set for it, or the region itself and `v1`.
///
/// # Errors
/// [`ExportError::GiveUp`] if the region makes no valid id and none is set.
pub fn key_id(set: &[RegionKeyId], region: &Region) -> Result<SigningKeyId, ExportError> {
    if let Some(set) = set.iter().find(|set| set.region == *region) {
        return Ok(set.key.clone());
    }
    SigningKeyId::new(region.as_str(), "v1")
        .map_err(|why| ExportError::GiveUp(format!("{region} needs --key-id {region}=ID: {why}")))
}

/// A key that signs besides the one whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoSigner {
    /// Whose bundles.
    pub region: Region,
    /// Bundles of this kind, or of both.
    pub kind: Option<Kind>,
    /// Which version of the region's key.
    pub version: String,
}

impl CoSigner {
    /// Whether it signs bundles of a feed.
    pub(crate) fn is_for(&self, feed: &Feed) -> bool {
        self.region == feed.region && self.kind.is_none_or(|kind| kind == feed.kind)
    }
}

impl FromStr for RegionKeyId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (region, key) =
            text.split_once('=').ok_or_else(|| Malformed::new("key-id", "must be REGION=ID[:VERSION]"))?;
        let (id, version) = key.split_once(':').unwrap_or((key, "v1"));
        Ok(Self { region: region.parse()?, key: SigningKeyId::new(id, version)? })
    }
}

impl FromStr for CoSigner {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed =
            || Malformed::new("co-sign", "must be REGION=VERSION, REGION-gaen=VERSION or REGION-tcn=VERSION");
        let (whose, version) = text.split_once('=').filter(|(_, version)| is_version(version)).ok_or_else(malformed)?;
        let of_kind = |kind: Kind| Some((whose.strip_suffix(kind.as_str())?.strip_suffix('-')?, Some(kind)));
        let (region, kind) = Kind::ALL.into_iter().find_map(of_kind).unwrap_or((whose, None));
        Ok(Self { region: region.parse()?, kind, version: version.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_co_signer_is_of_a_region_or_of_its_feeds_of_one_kind() {
        let co_signer = |text: &str| text.parse::<CoSigner>().expect("valid");
        let (both, gaen) = (co_signer("US-WA=v1"), co_signer("US-WA-gaen=v1"));
        assert_eq!((both.region.as_str(), both.kind, both.version.as_str()), ("US-WA", None, "v1"));
        assert_eq!((gaen.region.as_str(), gaen.kind), ("US-WA", Some(Kind::Gaen)));
        let feed = |text: &str| text.parse::<Feed>().expect("a feed");
        assert!(both.is_for(&feed("US-WA/tcn")) && gaen.is_for(&feed("US-WA/gaen-self")));
        assert!(!gaen.is_for(&feed("US-WA/tcn")) && !both.is_for(&feed("NO/gaen")));
        for (bad, field) in
            [("", "co-sign"), ("NO", "co-sign"), ("NO=", "co-sign"), ("NO=v-1", "co-sign"), ("no=v1", "region")]
        {
            assert_eq!(bad.parse::<CoSigner>().expect_err(bad).field, field);
        }
    }
}
