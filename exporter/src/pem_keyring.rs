//! Keys in PEM files, named as in [`crate::keys`].

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use async_trait::async_trait;
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::ed25519::signature::Signer as _;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use proto::bundle::{BundleKey, BundleSigner, ExportDigest, SigningKeyId};
use proto::{Feed, Region};
use service::secret_file::exposed;
use zeroize::Zeroizing;

use crate::config::Settings;
use crate::error::ExportError;
use crate::keys::{KeyFile, KeyPurpose, VersionTurn, private_file, read_turns};
use crate::signer::{FeedKeys, Keyring, ManifestSigner, Signer};
use crate::turns::{Turn, Turns};

/// A PEM file of a private key is far shorter than this, in bytes.
const MAX_PEM_BYTES: u64 = 16 * 1_024;

/// The keys of `--signing-key-dir` under the ids of `--key-id`. They are read anew for every pass, so a rotation needs no restart.
pub struct PemKeyring {
    settings: Settings,
}

impl PemKeyring {
    /// The keys that the settings name.
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// The bundle keys of a feed, and who signs from when on.
    fn bundle_keys(&self, feed: &Feed) -> Result<(Vec<Box<dyn Signer>>, Turns), ExportError> {
        let (dir, region) = (&self.settings.signing_key_dir, &feed.region);
        let first = self.settings.key_id(region)?;
        let turns = read_turns(dir, region, feed.kind)?;
        let purpose = KeyPurpose::Bundle(feed.kind);
        let files = KeyFile::of(dir, region, purpose)?;
        if turns.is_empty() && !files.iter().any(|file| file.version.is_none()) {
            return Err(no_such_key(&private_file(dir, region, purpose), region));
        }
        if let Some(taken) = files.iter().find(|file| file.version.as_ref() == Some(&first.version)) {
            let (path, id) = (taken.private(dir), &first.version);
            return Err(ExportError::GiveUp(format!(
                "{}: version {id} is already that of the first key, as --key-id says",
                path.display()
            )));
        }
        let mut signers: Vec<Box<dyn Signer>> = Vec::with_capacity(files.len());
        for file in files {
            let path = file.private(dir);
            let pem = read_private(&path)?;
            let signer = BundleSigner::from_pem(feed.kind, &pem).map_err(|why| bad(&path, &why))?;
            let version = file.version.as_ref().unwrap_or(&first.version);
            signers.push(Box::new(PemSigner { id: versioned(&first, version)?, signer }));
        }
        Ok((signers, schedule(first, turns)?))
    }

    /// The keys that sign a region's manifests: every one that is there.
    fn manifest_keys(&self, region: &Region) -> Result<Vec<Box<dyn ManifestSigner>>, ExportError> {
        let dir = &self.settings.signing_key_dir;
        let files = KeyFile::of(dir, region, KeyPurpose::Manifest)?;
        if files.is_empty() {
            return Err(no_such_key(&private_file(dir, region, KeyPurpose::Manifest), region));
        }
        let mut signers: Vec<Box<dyn ManifestSigner>> = Vec::with_capacity(files.len());
        for path in files.iter().map(|file| file.private(dir)) {
            let pem = read_private(&path)?;
            let key = ed25519_dalek::SigningKey::from_pkcs8_pem(&pem);
            let key = key.map_err(|_| bad(&path, &"private_key: must be Ed25519 in PKCS #8 PEM"))?;
            signers.push(Box::new(PemManifestSigner(key)));
        }
        Ok(signers)
    }
}

#[async_trait]
impl Keyring for PemKeyring {
    async fn keys(&self, feed: &Feed) -> Result<FeedKeys, ExportError> {
        let (signers, turns) = self.bundle_keys(feed)?;
        let co_signers = self.settings.co_signers(feed)?;
        Ok(FeedKeys { signers, turns, co_signers, manifests: self.manifest_keys(&feed.region)? })
    }
}

/// Who signs from when on, given the first key's name and the versions that follow it.
pub(crate) fn schedule(first: SigningKeyId, turns: Vec<VersionTurn>) -> Result<Turns, ExportError> {
    let named = |turn: VersionTurn| Ok(Turn { key: versioned(&first, &turn.version)?, from: turn.from });
    let later: Result<Vec<Turn>, ExportError> = turns.into_iter().map(named).collect();
    Turns::new(first, later?)
}

/// The name of another version of a key.
fn versioned(first: &SigningKeyId, version: &str) -> Result<SigningKeyId, ExportError> {
    SigningKeyId::new(&first.id, version).map_err(|why| ExportError::GiveUp(why.to_string()))
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

/// A manifest key in memory.
struct PemManifestSigner(ed25519_dalek::SigningKey);

#[async_trait]
impl ManifestSigner for PemManifestSigner {
    fn public_key(&self) -> VerifyingKey {
        self.0.verifying_key()
    }

    async fn sign(&self, text: &str) -> Result<[u8; 64], ExportError> {
        Ok(self.0.sign(text.as_bytes()).to_bytes())
    }
}

/// Reads a private key file, unless somebody else could read it too.
pub(crate) fn read_private(path: &Path) -> Result<Zeroizing<String>, ExportError> {
    let file = File::open(path).map_err(|why| bad(path, &why))?;
    // The mode of the open file, so that nobody can swap the file between the check and the read.
    let metadata = file.metadata().map_err(|why| bad(path, &why))?;
    if exposed(&metadata) {
        let (shown, path_shown) = (metadata.permissions().mode() & 0o777, path.display());
        return Err(bad(path, &format_args!("mode {shown:o} lets others read the key; type: chmod 600 {path_shown}")));
    }
    let mut pem = Zeroizing::new(String::new());
    file.take(MAX_PEM_BYTES).read_to_string(&mut pem).map_err(|why| bad(path, &why))?;
    Ok(pem)
}

fn no_such_key(path: &Path, region: &Region) -> ExportError {
    bad(path, &format_args!("no such key; make it with: exporter keys generate --region {region} --dir DIR"))
}

fn bad(path: &Path, why: &dyn std::fmt::Display) -> ExportError {
    ExportError::GiveUp(format!("{}: {why}", path.display()))
}
