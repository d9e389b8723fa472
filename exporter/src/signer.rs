//! Who signs: contracts that key files fit as well as a KMS or an HSM.
//!
//! Nothing here asks for a private key. A signer is told a digest or a text, may take its time, may fail, and may answer otherwise each time: the
//! first signatures of a bundle are stored before the first upload, and every later derivation uses those.

use async_trait::async_trait;
use ed25519_dalek::VerifyingKey;
use proto::bundle::{BundleKey, ExportDigest, SigningKeyId};
use proto::manifest::note_name;
use proto::note::{self, NoteVerifier};
use proto::{Feed, Malformed, Timestamp};

use crate::error::ExportError;
use crate::turns::Turns;

/// Signs bundles of one feed with one key.
#[async_trait]
pub trait Signer: Send + Sync {
    /// What phones know the key by.
    fn id(&self) -> &SigningKeyId;

    /// The public half, which a keyring has asked for when it made the signer. What is signed is checked with it before it is stored.
    fn public_key(&self) -> BundleKey;

    /// Signs. For GAEN: ECDSA P-256 of [`ExportDigest::0`](ExportDigest), which is a SHA-256 already and must not be hashed again, in DER; a device
    /// that gives two halves goes through [`der_signature`](proto::bundle::der_signature). For TCN: Ed25519 (RFC 8032, not the variant with a
    /// prehash) of the 48 bytes of [`tcn_message`](ExportDigest::tcn_message).
    ///
    /// # Errors
    /// [`ExportError::Retry`] if the signer cannot be reached, [`ExportError::GiveUp`] if it refuses. The next pass asks again, either way.
    async fn sign(&self, digest: &ExportDigest) -> Result<Vec<u8>, ExportError>;
}

/// Signs manifests of one region with one key.
#[async_trait]
pub trait ManifestSigner: Send + Sync {
    /// The public half.
    fn public_key(&self) -> VerifyingKey;

    /// Signs a text: Ed25519 over its bytes. It is asked once for each number of a feed and bucket.
    ///
    /// # Errors
    /// As [`Signer::sign`].
    async fn sign(&self, text: &str) -> Result<[u8; 64], ExportError>;
}

/// The keys of one feed.
pub struct FeedKeys {
    /// Every key of the feed that is at hand: the one that signs now, those that will, and those that did. A bundle that was sealed for a key is
    /// signed by that key, whoever's turn it is when it is derived.
    pub signers: Vec<Box<dyn Signer>>,
    /// Who signs from when on.
    pub turns: Turns,
    /// Who signs besides, after the key whose turn it is.
    pub co_signers: Vec<SigningKeyId>,
    /// Sign its manifests, all of them each: readers are content with one that they know.
    pub manifests: Vec<Box<dyn ManifestSigner>>,
}

/// Finds the keys of a feed.
#[async_trait]
pub trait Keyring: Send + Sync {
    /// The keys of a feed, as they are now: it is asked in every pass, since a region registered or a key made since the start has its own.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] if there are none, or if others could read them; [`ExportError::Retry`] if they cannot be asked for now.
    async fn keys(&self, feed: &Feed) -> Result<FeedKeys, ExportError>;
}

impl FeedKeys {
    /// One key for bundles and one for manifests.
    pub fn new(signer: Box<dyn Signer>, manifest: Box<dyn ManifestSigner>) -> Self {
        let turns = Turns::always(signer.id().clone());
        Self { signers: vec![signer], turns, co_signers: Vec::new(), manifests: vec![manifest] }
    }

    /// The signer of this name, if it is at hand.
    pub fn signer(&self, id: &SigningKeyId) -> Option<&dyn Signer> {
        self.signers.iter().find(|signer| signer.id() == id).map(AsRef::as_ref)
    }

    /// Who signs what is sealed now: the key whose turn it is, then those that sign besides. Readers that look at the first signature alone find
    /// the one that they expect.
    pub(crate) fn signing(&self, now: Timestamp) -> Vec<SigningKeyId> {
        let mut signing = vec![self.turns.current(now).clone()];
        for besides in &self.co_signers {
            if !signing.contains(besides) {
                signing.push(besides.clone());
            }
        }
        signing
    }

    /// The names of all that are at hand, for somebody who looks for one that is not.
    pub(crate) fn names(&self) -> String {
        self.signers.iter().map(|signer| signer.id().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// Reads manifests of the feed that any of its manifest keys signed.
    pub(crate) fn verifier(&self, feed: &Feed) -> Result<NoteVerifier, ExportError> {
        let keys = self.manifests.iter().map(|signer| signer.public_key()).collect();
        NoteVerifier::new(&note_name(&feed.region), keys).map_err(|why| not_a_note(feed, &why))
    }

    /// Whether every manifest key has signed a manifest.
    pub(crate) fn have_all_signed(&self, feed: &Feed, note: &[u8]) -> bool {
        let name = note_name(&feed.region);
        let has_signed = |key| NoteVerifier::new(&name, vec![key]).is_ok_and(|verifier| verifier.open(note).is_ok());
        self.manifests.iter().all(|signer| has_signed(signer.public_key()))
    }

    /// Has every manifest key sign a text.
    pub(crate) async fn sign_manifest(&self, feed: &Feed, text: &str) -> Result<String, ExportError> {
        let mut signatures = Vec::with_capacity(self.manifests.len());
        for signer in &self.manifests {
            signatures.push((signer.public_key(), signer.sign(text).await?));
        }
        note::assemble(text, &note_name(&feed.region), &signatures).map_err(|why| not_a_note(feed, &why))
    }
}

fn not_a_note(feed: &Feed, why: &Malformed) -> ExportError {
    ExportError::Corrupt(format!("{feed}: the manifest cannot be signed: {why}"))
}
