//! Who signs: a contract that a key file fits as well as a KMS or HSM, and the key files.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use proto::bundle::{BundleKey, BundleSigner, ExportDigest, SigningKeyId};
use proto::manifest::note_name;
use proto::note::NoteSigner;
use proto::{Feed, Region};
use zeroize::Zeroizing;

use crate::config::Settings;
use crate::error::ExportError;
use crate::keys::{KeyPurpose, private_file};

/// A PEM file of a private key is far shorter than this, in bytes.
const MAX_PEM_BYTES: u64 = 16 * 1_024;

/// Signs bundles of one feed with one key.
///
/// A signature need not be deterministic: the first one made is stored before the first upload, and every later derivation uses it.
#[async_trait]
pub trait Signer: Send + Sync {
    /// What phones know the key by.
    fn id(&self) -> &SigningKeyId;

    /// The public half.
    fn public_key(&self) -> BundleKey;

    /// Signs.
    ///
    /// # Errors
    /// [`ExportError::Retry`] if the signer cannot be reached, [`ExportError::GiveUp`] if it refuses.
    async fn sign(&self, digest: &ExportDigest) -> Result<Vec<u8>, ExportError>;
}

/// The keys of one feed.
pub struct FeedKeys {
    /// Signs its bundles.
    pub signer: Box<dyn Signer>,
    /// Signs its manifest.
    pub notes: NoteSigner,
}

/// Finds the keys of a feed.
pub trait Keyring: Send + Sync {
    /// The keys of a feed, as they are now: a region registered since the start has its own.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] if there are none, or if others could read them.
    fn keys(&self, feed: &Feed) -> Result<FeedKeys, ExportError>;
}

/// Keys in PEM files, named as in [`crate::keys`].
pub struct PemKeyring {
    settings: Settings,
}

impl PemKeyring {
    /// The keys of `--signing-key-dir` under the ids of `--key-id`.
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn read(&self, region: &Region, purpose: KeyPurpose) -> Result<(PathBuf, Zeroizing<String>), ExportError> {
        let path = private_file(&self.settings.signing_key_dir, region, purpose);
        let pem = read_private(&path, region)?;
        Ok((path, pem))
    }
}

impl Keyring for PemKeyring {
    fn keys(&self, feed: &Feed) -> Result<FeedKeys, ExportError> {
        let (path, pem) = self.read(&feed.region, KeyPurpose::Bundle(feed.kind))?;
        let signer = BundleSigner::from_pem(feed.kind, &pem)
            .map_err(|why| ExportError::GiveUp(format!("{}: {why}", path.display())))?;
        let signer = PemSigner { id: self.settings.key_id(&feed.region)?, signer };

        let (path, pem) = self.read(&feed.region, KeyPurpose::Manifest)?;
        let bad = |why: String| ExportError::GiveUp(format!("{}: {why}", path.display()));
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(&pem)
            .map_err(|_| bad("private_key: must be Ed25519 in PKCS #8 PEM".to_owned()))?;
        let notes = NoteSigner::new(&note_name(&feed.region), key).map_err(|why| bad(why.to_string()))?;
        Ok(FeedKeys { signer: Box::new(signer), notes })
    }
}

/// A bundle key in memory.
struct PemSigner {
    id: SigningKeyId,
    signer: BundleSigner,
}

#[async_trait]
impl Signer for PemSigner {
    fn id(&self) -> &SigningKeyId {
        &self.id
    }

    fn public_key(&self) -> BundleKey {
        self.signer.public_key()
    }

    async fn sign(&self, digest: &ExportDigest) -> Result<Vec<u8>, ExportError> {
        Ok(self.signer.sign(digest))
    }
}

/// Reads a private key file, unless somebody else could read it too.
fn read_private(path: &Path, region: &Region) -> Result<Zeroizing<String>, ExportError> {
    let give_up = |why: String| ExportError::GiveUp(format!("{}: {why}", path.display()));
    let file = File::open(path).map_err(|why| match why.kind() {
        ErrorKind::NotFound => {
            give_up(format!("no such key; make it with: exporter keys generate --region {region} --dir DIR"))
        }
        _ => give_up(why.to_string()),
    })?;
    // The mode of the open file, so that nobody can swap the file between the check and the read.
    let mode = file.metadata().map_err(|why| give_up(why.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        let shown = mode & 0o777;
        return Err(give_up(format!("mode {shown:o} lets others read the key; type: chmod 600 {}", path.display())));
    }
    let mut pem = Zeroizing::new(String::new());
    file.take(MAX_PEM_BYTES).read_to_string(&mut pem).map_err(|why| give_up(why.to_string()))?;
    Ok(pem)
}
