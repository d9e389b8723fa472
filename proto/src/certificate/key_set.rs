//! The keys that an authority publishes: a JWK set (RFC 7517, section 5).

use p256::ecdsa::VerifyingKey;
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::Algorithm;
use super::key::CertificateKey;
use crate::api::base64;
use crate::error::Malformed;

/// The longest set that is read, in bytes.
pub const MAX_KEY_SET: usize = 64 * 1_024;
/// How many keys a set may have that are of use here.
pub const MAX_KEYS_IN_SET: usize = 20;
/// The longest `kid`, in bytes.
pub const MAX_KID: usize = 255;

/// A key of a set, and what certificates call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedKey {
    /// Its `kid`, or its RFC 7638 thumbprint if it has none; 1 to 255 bytes without control characters.
    pub kid: String,
    /// The key.
    pub key: CertificateKey,
}

/// A set as it travels. What is in a key is looked at one by one.
#[derive(Deserialize)]
struct WireSet {
    keys: Vec<Value>,
}

/// The members of a key that mean something here; others (`x5c`, `iat`, ...) are ignored.
#[derive(Deserialize)]
struct WireKey {
    kty: String,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    /// The private half. Who publishes it has no secret to sign with.
    #[serde(default)]
    d: Option<Value>,
}

/// Reads a set. Keys of other types, for other uses or algorithms, and those that are malformed are left out, as RFC 7517, section 5, wants it:
/// another reader may know them.
///
/// # Errors
/// `keys` if the bytes are no set of at most [`MAX_KEY_SET`] bytes, if nothing in it is of use, if more than [`MAX_KEYS_IN_SET`] are, or if two
/// different ones have the same name. A set without keys is never taken to mean that there are none.
pub fn read_key_set(bytes: &[u8]) -> Result<Vec<PublishedKey>, Malformed> {
    let refused = |reason: &'static str| Malformed::new("keys", reason);
    if bytes.len() > MAX_KEY_SET {
        return Err(refused("must have at most 64 KiB"));
    }
    let set: WireSet = serde_json::from_slice(bytes).map_err(|_| refused("must be a JWK set"))?;
    let mut keys: Vec<PublishedKey> = Vec::new();
    for key in set.keys.into_iter().filter_map(read_key) {
        match keys.iter().find(|known| known.kid == key.kid) {
            Some(known) if *known == key => {}
            Some(_) => return Err(refused("must have names of their own")),
            None if keys.len() == MAX_KEYS_IN_SET => return Err(refused("must be at most 20")),
            None => keys.push(key),
        }
    }
    if keys.is_empty() {
        return Err(refused("must have an Ed25519 or P-256 key for signatures among them"));
    }
    Ok(keys)
}

/// A key that checks signatures; none if it is another.
fn read_key(key: Value) -> Option<PublishedKey> {
    let wire: WireKey = serde_json::from_value(key).ok()?;
    let verifies = wire.usage.as_ref().is_none_or(|usage| usage == "sig")
        && wire.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
    if !verifies || wire.d.is_some() {
        return None;
    }
    let key = match (wire.kty.as_str(), wire.crv.as_deref()?) {
        ("OKP", "Ed25519") => ed25519(wire.x.as_deref()?)?,
        ("EC", "P-256") => p256(wire.x.as_deref()?, wire.y.as_deref()?)?,
        _ => return None,
    };
    // RFC 9864 calls EdDSA over this curve Ed25519.
    let fits = |alg: &str| alg == key.algorithm() || (alg == "Ed25519" && key.algorithm() == Algorithm::EdDsa.as_str());
    if !wire.alg.as_deref().is_none_or(fits) {
        return None;
    }
    let kid = wire.kid.unwrap_or_else(|| key.kid());
    let named = (1..=MAX_KID).contains(&kid.len()) && !kid.chars().any(char::is_control);
    named.then_some(PublishedKey { kid, key })
}

/// RFC 8037, section 2. Keys of small order verify anything.
fn ed25519(x: &str) -> Option<CertificateKey> {
    let bytes: [u8; 32] = base64::decode_url(x)?.try_into().ok()?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok()?;
    (!key.is_weak()).then_some(CertificateKey::Ed25519(key))
}

/// RFC 7518, section 6.2.1: the coordinates of a point, 32 bytes each.
fn p256(x: &str, y: &str) -> Option<CertificateKey> {
    let coordinate = |text| base64::decode_url(text).filter(|bytes| bytes.len() == 32);
    // SEC 1, section 2.3.3: an uncompressed point.
    let point = [vec![4], coordinate(x)?, coordinate(y)?].concat();
    VerifyingKey::from_sec1_bytes(&point).ok().map(CertificateKey::P256)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::certificate::CertificateSigner;

    fn ed() -> CertificateKey {
        CertificateSigner::new(ed25519_dalek::SigningKey::from_bytes(&[3; 32])).public_key()
    }

    fn es() -> CertificateKey {
        CertificateSigner::es256(p256::ecdsa::SigningKey::from_slice(&[3; 32]).expect("a scalar")).public_key()
    }

    fn read(keys: &Value) -> Result<Vec<PublishedKey>, Malformed> {
        read_key_set(json!({ "keys": keys }).to_string().as_bytes())
    }

    fn with(key: &CertificateKey, name: &str, value: Value) -> Value {
        let mut jwk = key.to_jwk();
        jwk[name] = value;
        jwk
    }

    fn without(key: &CertificateKey, names: &[&str]) -> Value {
        let mut jwk = key.to_jwk();
        jwk.as_object_mut().expect("an object").retain(|name, _| !names.contains(&name.as_str()));
        jwk
    }

    #[test]
    fn what_we_publish_is_read() {
        let keys = [ed(), es()].map(|key| PublishedKey { kid: key.kid(), key });
        assert_eq!(read(&json!([ed().to_jwk(), es().to_jwk()])), Ok(keys.to_vec()));
    }

    #[test]
    fn a_key_without_a_name_goes_by_its_thumbprint() {
        let bare = without(&es(), &["kid", "alg", "use"]);
        assert_eq!(read(&json!([bare])), Ok(vec![PublishedKey { kid: es().kid(), key: es() }]));
        let named = read(&json!([with(&ed(), "kid", json!("2021-05"))])).expect("a set");
        assert_eq!((named[0].kid.as_str(), &named[0].key), ("2021-05", &ed()));
        assert!(read(&json!([with(&ed(), "alg", json!("Ed25519"))])).is_ok(), "as RFC 9864 has it");
        assert!(read(&json!([with(&ed(), "key_ops", json!(["verify"]))])).is_ok());
    }

    #[test]
    fn keys_that_are_of_no_use_are_left_out() {
        let rsa = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa" });
        let neutral = base64::encode_url(&[&[1][..], &[0; 31]].concat());
        let others = [
            rsa,
            json!({}),
            json!("key"),
            json!(null),
            json!({ "kty": "oct", "k": "c2VjcmV0" }),
            with(&ed(), "use", json!("enc")),
            with(&ed(), "key_ops", json!(["sign"])),
            with(&ed(), "alg", json!("ES256")),
            with(&es(), "alg", json!("ES384")),
            with(&es(), "crv", json!("P-384")),
            with(&es(), "y", json!(es().to_jwk()["x"])),
            with(&es(), "x", json!("AAAA")),
            with(&ed(), "x", json!(neutral)),
            with(&ed(), "crv", json!("X25519")),
            with(&ed(), "d", json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")),
            with(&ed(), "kid", json!("")),
            with(&ed(), "kid", json!("a\u{0}b")),
            with(&ed(), "kid", json!("k".repeat(256))),
            with(&ed(), "kid", json!(7)),
            without(&es(), &["y"]),
            without(&ed(), &["kty"]),
        ];
        for other in &others {
            assert_eq!(read(&json!([other])).expect_err("nothing of use").field, "keys", "{other}");
            assert_eq!(read(&json!([other, es().to_jwk()])).expect("one of use").len(), 1, "{other}");
        }
    }

    #[test]
    fn no_keys_is_never_what_a_set_says() {
        for text in
            ["", "{}", "[]", "null", r#"{"keys":[]}"#, r#"{"keys":{}}"#, "<html>", r#"{"keys":[1]}"#, "\u{feff}{}"]
        {
            assert_eq!(read_key_set(text.as_bytes()).expect_err("no set").field, "keys", "{text}");
        }
        let good = json!({ "keys": [ed().to_jwk()], "x": "y".repeat(MAX_KEY_SET) }).to_string();
        assert!(read_key_set(good.as_bytes()).is_err(), "too long");
        let twice = format!(r#"{{"keys":[],"keys":[{}]}}"#, ed().to_jwk());
        assert!(read_key_set(twice.as_bytes()).is_err(), "a name twice");
    }

    #[test]
    fn a_name_is_one_keys_and_there_are_twenty_at_most() {
        assert_eq!(read(&json!([ed().to_jwk(), ed().to_jwk()])).expect("the same twice").len(), 1);
        assert!(read(&json!([with(&ed(), "kid", json!("k")), with(&es(), "kid", json!("k"))])).is_err());
        let many = |count: usize| (0..count).map(|n| with(&ed(), "kid", json!(n.to_string()))).collect::<Value>();
        assert_eq!(read(&many(20)).expect("twenty").len(), 20);
        assert!(read(&many(21)).is_err());
    }
}
