//! The key files of a region: their names, and making them.
//!
//! A region has three keys: one for GAEN bundles (ECDSA P-256, the only algorithm that phones take), one for TCN bundles and one for manifests
//! (both Ed25519). Private ones are PKCS #8 PEM, `{region}-{use}.key.pem`, mode 0600; public ones are `{region}-{use}.pem`. A rotation adds keys with
//! a version in their names, and `{region}-{use}.turns`, which says who signs from when on.
//! Beside them stands the secret of filler, one for all regions: see [`FILLER_FILE`].

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use p256::elliptic_curve::Generate;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use proto::bundle::BundleSigner;
use proto::{Kind, Region};
use zeroize::Zeroizing;

use crate::error::ExportError;
use crate::filler::{FILLER_FILE, FillerSecret};

mod version;

mod schedule;

mod rotate;
mod standing;

pub use rotate::{MINIMUM_OVERLAP, Rotated, Rotating, rotate, rotate_to};
pub(crate) use schedule::{VersionTurn, read_turns};
pub use standing::{KeyStanding, KeyState, list};
pub(crate) use version::{KeyFile, is_version};

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// Makes the keys of a region in `dir`, which is created if it does not exist, with their public halves beside them. Answers with the files
/// written: with none if all are there, so that whoever sets machines up may have it run each time. No file is ever overwritten, for a lost
/// signing key cannot be had back; files that are missing are made, so that a generation that was interrupted is finished by repeating it.
///
/// # Errors
/// [`ExportError::GiveUp`] if a private key that is there cannot be read; [`ExportError::Retry`] if a file cannot be written.
pub fn generate(dir: &Path, region: &Region) -> Result<Vec<PathBuf>, ExportError> {
    fs::create_dir_all(dir).map_err(|why| ExportError::io("cannot create", dir, &why))?;
    let mut written = Vec::new();
    for purpose in KeyPurpose::ALL {
        written.extend(make(dir, &KeyFile { region: region.clone(), purpose, version: None })?);
    }
    let filler = dir.join(FILLER_FILE);
    if !filler.exists() {
        write_new(&filler, &FillerSecret::draw_text(&mut store::chance::source()), 0o600)?;
        written.push(filler);
    }
    Ok(written)
}

/// Makes what is missing of a key, and answers with that.
fn make(dir: &Path, key: &KeyFile) -> Result<Vec<PathBuf>, ExportError> {
    let (private, public) = (key.private(dir), key.public(dir));
    let mut written = Vec::new();
    if !private.exists() {
        write_new(&private, &draw(key.purpose)?, 0o600)?;
        written.push(private.clone());
    }
    if !public.exists() {
        write_new(&public, &public_half(key.purpose, &private)?, 0o644)?;
        written.push(public);
    }
    Ok(written)
}

/// A new private key as PEM, wiped from memory when it is dropped.
fn draw(purpose: KeyPurpose) -> Result<Zeroizing<String>, ExportError> {
    let mut rng = store::chance::source();
    let pem = match purpose {
        KeyPurpose::Bundle(Kind::Gaen) => {
            p256::ecdsa::SigningKey::generate_from_rng(&mut rng).to_pkcs8_pem(LineEnding::LF)
        }
        KeyPurpose::Bundle(Kind::Tcn) | KeyPurpose::Manifest => {
            ed25519_dalek::SigningKey::generate(&mut rng).to_pkcs8_pem(LineEnding::LF)
        }
    };
    pem.map_err(|why| ExportError::GiveUp(format!("the new key cannot be written as PEM: {why}")))
}

/// The public half of a private key file, as PEM.
fn public_half(purpose: KeyPurpose, private: &Path) -> Result<String, ExportError> {
    let unreadable = |why: String| ExportError::GiveUp(format!("{}: {why}", private.display()));
    let pem = fs::read_to_string(private).map(Zeroizing::new).map_err(|why| unreadable(why.to_string()))?;
    let signer = BundleSigner::from_pem(kind_of(purpose), &pem).map_err(|why| unreadable(why.to_string()))?;
    Ok(signer.public_key().to_pem())
}

/// Manifests are signed with the same kind of key as TCN bundles.
fn kind_of(purpose: KeyPurpose) -> Kind {
    match purpose {
        KeyPurpose::Bundle(kind) => kind,
        KeyPurpose::Manifest => Kind::Tcn,
    }
}

/// Writes a file that does not exist, whole or not at all.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), ExportError> {
    write(path, (text, mode), |file| file.persist_noclobber(path).map(drop).map_err(Into::into))
}

/// Writes a file that everybody may read, over what stands there, whole or not at all.
fn write_over(path: &Path, text: &str) -> Result<(), ExportError> {
    write(path, (text, 0o644), |file| file.persist(path).map(drop).map_err(Into::into))
}

fn write(
    path: &Path,
    (text, mode): (&str, u32),
    persist: impl FnOnce(tempfile::NamedTempFile) -> std::io::Result<()>,
) -> Result<(), ExportError> {
    // A bare name stands in the directory where we are.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let permissions = fs::Permissions::from_mode(mode);
        let mut file = tempfile::Builder::new().prefix(".new-").permissions(permissions).tempfile_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        persist(file)?;
        fs::File::open(directory)?.sync_all()
    };
    write().map_err(|why| ExportError::io("cannot write", path, &why))
}
