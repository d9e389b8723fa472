//! The revision tokens that this server gives out and takes.

use std::path::Path;

use proto::revision::{RevisionKey, RevisionToken, SealedToken};
use proto::{Malformed, Timestamp};
use service::Watched;
use service::key_file::KeyRing;
use service::secret_file::SecretFileError;

/// Seals tokens, and opens those that this server or one beside it sealed.
pub(crate) enum Tokens {
    /// Under a key that ends with the process, and with it what was sealed.
    Drawn(KeyRing<RevisionKey>),
    /// Under the keys of a file.
    Kept(Watched<KeyRing<RevisionKey>>),
}

impl Tokens {
    /// Under the key of these random bytes.
    ///
    /// # Errors
    /// None for 32 bytes.
    pub(crate) fn drawn(bytes: [u8; 32]) -> Result<Self, Malformed> {
        Ok(Self::Drawn(KeyRing::of(RevisionKey::new(1, &bytes)?)))
    }

    /// Under the keys of a file; a change of it counts at once.
    ///
    /// # Errors
    /// Those of reading it.
    pub(crate) fn kept(path: &Path) -> Result<Self, SecretFileError> {
        Watched::open(path, KeyRing::read).map(Self::Kept)
    }

    /// Opens what a phone presents; without a token, or with an empty one, there is nothing to revise.
    ///
    /// # Errors
    /// `revisionToken`, if nobody here gave it out for this authority, or the key has retired that sealed it.
    pub(crate) fn open(&self, text: Option<&str>, authority: &str, now: Timestamp) -> Result<RevisionToken, Malformed> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(RevisionToken::default()) };
        let sealed = SealedToken::parse(text)?;
        let retired = || Malformed::new("revisionToken", "was sealed under a key that is not kept any more");
        self.with(|keys| keys.find(sealed.key_id(), now).ok_or_else(retired)?.open(&sealed, authority))
    }

    /// Seals a token under the key that counts now.
    pub(crate) fn seal(&self, token: &RevisionToken, authority: &str) -> String {
        self.with(|keys| keys.current().seal(token, authority))
    }

    fn with<T>(&self, work: impl FnOnce(&KeyRing<RevisionKey>) -> T) -> T {
        match self {
            Self::Drawn(keys) => work(keys),
            Self::Kept(file) => work(&file.current(KeyRing::read)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::ReportType;
    use proto::gaen::TemporaryExposureKey;
    use proto::revision::RevisionEntry;
    use service::key_file::{create, rotate};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_795_257_000);

    fn token() -> RevisionToken {
        let key = TemporaryExposureKey::new(&[1; 16], 2_650_000, 144).expect("a key");
        RevisionToken::new([RevisionEntry { key, report_type: ReportType::Likely, revised: false, proof: [2; 8] }])
    }

    #[test]
    fn a_token_opens_as_long_as_its_key_is_kept_and_has_not_retired() {
        let (directory, rng) = (tempfile::tempdir().expect("a directory"), &mut store::chance::source());
        let path = directory.path().join("revision.keys");
        create::<RevisionKey>(&path, rng).expect("written");
        let tokens = Tokens::kept(&path).expect("opened");
        let first = tokens.seal(&token(), "north");
        rotate::<RevisionKey>(&path, (NOW, NOW.plus(100)), rng).expect("rotated");
        assert_ne!(tokens.seal(&token(), "north"), first, "the new key counts at once");
        let opens = |text: &str, now| tokens.open(Some(text), "north", now).is_ok_and(|opened| opened == token());
        assert!(opens(&first, NOW.plus(99)) && !opens(&first, NOW.plus(100)));
        assert!(opens(&tokens.seal(&token(), "north"), NOW.plus(100)));
        // Another program over the same file knows both.
        assert_eq!(Tokens::kept(&path).expect("opened").open(Some(&first), "north", NOW).ok(), Some(token()));
    }

    #[test]
    fn what_was_not_given_out_here_for_this_authority_is_refused() {
        let tokens = Tokens::drawn([7; 32]).expect("32 bytes");
        let (own, foreign) = (tokens.seal(&token(), "north"), Tokens::drawn([8; 32]).expect("32 bytes"));
        assert_eq!(tokens.open(Some(&own), "north", NOW).ok(), Some(token()));
        let refused = |text: &str, authority| {
            tokens.open(Some(text), authority, NOW).is_err_and(|why| why.field == "revisionToken")
        };
        assert!(refused(&own, "south") && refused(&foreign.seal(&token(), "north"), "north"));
        assert!(refused("AAAA", "north") && refused(&own[4..], "north") && refused("!", "north"));
    }

    #[test]
    fn without_a_token_there_is_nothing_to_revise() {
        let tokens = Tokens::drawn([7; 32]).expect("32 bytes");
        for none in [None, Some("")] {
            assert_eq!(tokens.open(none, "north", NOW).ok(), Some(RevisionToken::default()));
        }
    }
}
