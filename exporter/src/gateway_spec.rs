//! Which keys of Oblivious HTTP gateways the manifests announce, as the operator says it.
//!
//! The services with gateways may belong to others, so nothing is fetched: their operators hand over a list of public keys, or hashes, and this
//! operator's word is what phones go by.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use proto::Malformed;
use proto::manifest::{GatewayService, MAX_GATEWAY_KEYS};
use proto::ohttp::{KeyConfig, decode_keys};

use crate::error::ExportError;

/// One value of `--gateway`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewaySpec {
    /// Whose keys.
    pub service: GatewayService,
    /// Which.
    pub keys: GatewayKeys,
}

/// Keys of a gateway, as an operator names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayKeys {
    /// None: what was announced is withdrawn.
    Withdrawn,
    /// The one with this hash.
    Hash([u8; 32]),
    /// Those of a list, which is read in each pass (`application/ohttp-keys`).
    List(PathBuf),
}

impl FromStr for GatewaySpec {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let named = text.split_once('=').filter(|(_, keys)| !keys.is_empty());
        let (service, keys) = named.ok_or_else(|| Malformed::new("gateway", "must be SERVICE=FILE or SERVICE=HASH"))?;
        let mut hash = [0; 32];
        let keys = match keys {
            "none" => GatewayKeys::Withdrawn,
            hex if hex::decode_to_slice(hex, &mut hash).is_ok() => GatewayKeys::Hash(hash),
            path => GatewayKeys::List(PathBuf::from(path)),
        };
        Ok(Self { service: service.parse()?, keys })
    }
}

/// The hashes that are to stand in the manifest, each once.
pub(crate) fn hashes(service: GatewayService, specs: &[&GatewaySpec]) -> Result<Vec<[u8; 32]>, ExportError> {
    let mut hashes = Vec::new();
    for spec in specs {
        match &spec.keys {
            GatewayKeys::Withdrawn => {}
            GatewayKeys::Hash(hash) => hashes.push(*hash),
            GatewayKeys::List(path) => hashes.extend(read(path)?.iter().map(KeyConfig::sha256)),
        }
    }
    hashes.sort_unstable();
    hashes.dedup();
    if hashes.len() > MAX_GATEWAY_KEYS {
        // Phones would refuse the manifest, and with it everything that it lists.
        let (service, count) = (service.as_str(), hashes.len());
        return Err(ExportError::GiveUp(format!(
            "gateway: {count} keys are given for {service}, and readers take at most {MAX_GATEWAY_KEYS}"
        )));
    }
    Ok(hashes)
}

fn read(path: &Path) -> Result<Vec<KeyConfig>, ExportError> {
    let give_up = |why: String| ExportError::GiveUp(format!("gateway: {}: {why}", path.display()));
    let list = fs::read(path).map_err(|why| give_up(why.to_string()))?;
    decode_keys(&list).map_err(|why| give_up(format!("{why}; `ohttp-key export` of the service writes such a list")))
}

#[cfg(test)]
mod tests {
    use proto::ohttp::{PrivateKey, encode_keys};

    use super::*;

    fn spec(text: &str) -> GatewaySpec {
        text.parse().expect("valid")
    }

    #[test]
    fn keys_are_named_by_hash_by_list_or_not_at_all() {
        let hash = "0a".repeat(32);
        assert_eq!(spec(&format!("server={hash}")).keys, GatewayKeys::Hash([10; 32]));
        assert_eq!(spec(&format!("server={}", hash.to_uppercase())).keys, GatewayKeys::Hash([10; 32]));
        assert_eq!(spec("verification=none").keys, GatewayKeys::Withdrawn);
        assert_eq!(spec("verification=a=b").keys, GatewayKeys::List(PathBuf::from("a=b")));
        for text in ["", "server", "server=", "other=x", "Server=x", "=x"] {
            assert_eq!(text.parse::<GatewaySpec>().expect_err(text).field, "gateway", "{text}");
        }
    }

    #[test]
    fn all_that_is_named_counts_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("keys");
        let key = |id| PrivateKey::new(id, &[id; 32]).expect("a key").config().clone();
        let keys: Vec<KeyConfig> = (1..=16).map(key).collect();
        fs::write(&path, encode_keys(&keys)).expect("written");
        let list = spec(&format!("server={}", path.display()));
        let first = GatewaySpec { service: GatewayService::Server, keys: GatewayKeys::Hash(keys[0].sha256()) };
        let of = |specs: &[&GatewaySpec]| hashes(GatewayService::Server, specs);
        let mut expected: Vec<[u8; 32]> = keys.iter().map(KeyConfig::sha256).collect();
        expected.sort_unstable();
        assert_eq!(of(&[&list, &first, &list]).expect("read"), expected);
        assert!(of(&[&spec("server=none")]).expect("read").is_empty());
        let more = GatewaySpec { keys: GatewayKeys::Hash([0; 32]), ..first };
        assert!(of(&[&list, &more]).expect_err("too many").to_string().contains("17 keys"));
        fs::write(&path, b"no list").expect("written");
        assert!(of(&[&list]).expect_err("no list").to_string().contains("ohttp-key export"));
        assert!(of(&[&spec("server=/nowhere")]).is_err());
    }
}
