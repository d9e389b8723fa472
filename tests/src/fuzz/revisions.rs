//! Revision tokens.

use std::sync::LazyLock;

use proto::api::base64;
use proto::revision::{RevisionKey, SealedToken};

use super::reports::assert_plain;

/// The key of the samples.
pub(super) static KEY: LazyLock<RevisionKey> =
    LazyLock::new(|| RevisionKey::new(3, &[9; 32]).expect("a key has 32 bytes"));
/// The authority of the samples.
pub(super) const AUTHORITY: &str = "north";

/// A token in base64, as a phone presents it. One that opens is the one that was sealed, to the last character.
pub fn revision_token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let sealed = match SealedToken::parse(text) {
        Ok(sealed) => sealed,
        Err(refusal) => return assert_plain(&refusal),
    };
    assert!(KEY.open(&sealed, "south").is_err(), "a token of the north");
    match KEY.open(&sealed, AUTHORITY) {
        Ok(token) => {
            let again = KEY.seal(&token, AUTHORITY);
            let bytes = |text: &str| base64::decode("revisionToken", text).expect("base64");
            assert_eq!(bytes(&again), bytes(text));
            assert!(token.entries().count() <= proto::api::publish::MAX_KEYS);
        }
        Err(refusal) => assert_plain(&refusal),
    }
}
