//! The key files of a region: their names, and making them.
//!
//! A region has three keys: one for GAEN bundles (ECDSA P-256, the only algorithm that phones take), one for TCN bundles and one for manifests
//! (both Ed25519). Private ones are PKCS #8 PEM, `{region}-{use}.key.pem`, mode 0600; public ones are `{region}-{use}.pem`.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use p256::elliptic_curve::Generate;
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use proto::{Kind, Region};
use zeroize::Zeroizing;

use crate::error::ExportError;

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPurpose {
    /// Bundles of one kind.
    Bundle(Kind),
    /// Manifests.
    Manifest,
}

impl KeyPurpose {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Bundle(Kind::Gaen), Self::Bundle(Kind::Tcn), Self::Manifest];

    /// `gaen`, `tcn` or `manifest`, as in file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bundle(kind) => kind.as_str(),
            Self::Manifest => "manifest",
        }
    }
}

/// The private key file of a region.
pub fn private_file(dir: &Path, region: &Region, purpose: KeyPurpose) -> PathBuf {
    dir.join(format!("{region}-{}.key.pem", purpose.as_str()))
}

/// The public key file of a region.
pub fn public_file(dir: &Path, region: &Region, purpose: KeyPurpose) -> PathBuf {
    dir.join(format!("{region}-{}.pem", purpose.as_str()))
}

/// Makes the three keys of a region in `dir`, which is created if it does not exist, with their public halves beside them. Answers with the
/// files written. No file is ever overwritten: a lost signing key cannot be had back.
///
/// # Errors
/// [`ExportError::GiveUp`] if one of the files exists (then none is written), [`ExportError::Retry`] if one cannot be written.
pub fn generate(dir: &Path, region: &Region) -> Result<Vec<PathBuf>, ExportError> {
    fs::create_dir_all(dir).map_err(|why| ExportError::io("cannot create", dir, &why))?;
    for purpose in KeyPurpose::ALL {
        for file in [private_file(dir, region, purpose), public_file(dir, region, purpose)] {
            if file.exists() {
                return Err(ExportError::GiveUp(format!("{} exists already; it was left as it is", file.display())));
            }
        }
    }
    let mut written = Vec::new();
    for purpose in KeyPurpose::ALL {
        let pair = KeyPair::generate(purpose)?;
        written.push(write_new(private_file(dir, region, purpose), &pair.private, 0o600)?);
        written.push(write_new(public_file(dir, region, purpose), &pair.public, 0o644)?);
    }
    Ok(written)
}

/// Two PEM texts; the private one is wiped from memory when it is dropped.
struct KeyPair {
    private: Zeroizing<String>,
    public: String,
}

impl KeyPair {
    fn generate(purpose: KeyPurpose) -> Result<Self, ExportError> {
        let mut rng = store::chance::source();
        match purpose {
            KeyPurpose::Bundle(Kind::Gaen) => {
                let key = p256::ecdsa::SigningKey::generate_from_rng(&mut rng);
                Self::encode(&key, key.verifying_key())
            }
            KeyPurpose::Bundle(Kind::Tcn) | KeyPurpose::Manifest => {
                let key = ed25519_dalek::SigningKey::generate(&mut rng);
                Self::encode(&key, &key.verifying_key())
            }
        }
    }

    fn encode(private: &impl EncodePrivateKey, public: &impl EncodePublicKey) -> Result<Self, ExportError> {
        let failed = |why: String| ExportError::GiveUp(format!("the new key cannot be written as PEM: {why}"));
        Ok(Self {
            private: private.to_pkcs8_pem(LineEnding::LF).map_err(|why| failed(why.to_string()))?,
            public: public.to_public_key_pem(LineEnding::LF).map_err(|why| failed(why.to_string()))?,
        })
    }
}

fn write_new(path: PathBuf, text: &str, mode: u32) -> Result<PathBuf, ExportError> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|why| ExportError::io("cannot write", &path, &why))?;
    Ok(path)
}
