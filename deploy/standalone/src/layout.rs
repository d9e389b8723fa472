//! What stands where under DIR.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use proto::manifest::GatewayService;

use crate::error::StandaloneError;

/// A directory with everything that one installation keeps.
///
/// `cdn/` is public and may be copied to any web server; `keys/` holds the public keys that apps pin. `db/` and `private/` are their
/// owner's alone.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Creates what is missing.
    pub(crate) fn create(root: &Path) -> Result<Self, StandaloneError> {
        fs::create_dir_all(root).map_err(StandaloneError::file("create", root))?;
        let root = fs::canonicalize(root).map_err(StandaloneError::file("find", root))?;
        let layout = Self { root };
        for public in [layout.cdn(), layout.keys()] {
            fs::create_dir_all(&public).map_err(StandaloneError::file("create", &public))?;
        }
        for private in [layout.db(), layout.private()] {
            fs::create_dir_all(&private).map_err(StandaloneError::file("create", &private))?;
            let owner_only = Permissions::from_mode(0o700);
            fs::set_permissions(&private, owner_only).map_err(StandaloneError::file("protect", &private))?;
        }
        Ok(layout)
    }

    /// DIR itself, absolute.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The public tree.
    pub(crate) fn cdn(&self) -> PathBuf {
        self.root.join("cdn")
    }

    /// Public keys: `{region}-{gaen,tcn,manifest}.pem`, and the lists of the gateways.
    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    fn db(&self) -> PathBuf {
        self.root.join("db")
    }

    fn private(&self) -> PathBuf {
        self.root.join("private")
    }

    /// Codes and tokens.
    pub(crate) fn verification_database(&self) -> PathBuf {
        self.db().join("verification.sqlite")
    }

    /// Keys, reports and bundles.
    pub(crate) fn key_database(&self) -> PathBuf {
        self.db().join("keys.sqlite")
    }

    /// The verification service's secret.
    pub(crate) fn secret_file(&self) -> PathBuf {
        self.private().join("verification.secret")
    }

    /// The keys under which revision tokens are sealed.
    pub(crate) fn revision_keys(&self) -> PathBuf {
        self.private().join("revision.keys")
    }

    /// Private keys that sign certificates.
    pub(crate) fn certificate_keys(&self) -> PathBuf {
        self.private().join("certificate-keys")
    }

    /// Private keys that sign bundles and manifests.
    pub(crate) fn bundle_keys(&self) -> PathBuf {
        self.private().join("bundle-keys")
    }

    /// The keys of a service's gateway, to which phones seal their requests.
    pub(crate) fn gateway_keys(&self, service: GatewayService) -> PathBuf {
        self.private().join(format!("{}.ohttp", service.as_str()))
    }

    /// What may be known of them.
    pub(crate) fn gateway_list(&self, service: GatewayService) -> PathBuf {
        self.keys().join(format!("{}.ohttp-keys", service.as_str()))
    }

    /// The API keys of an authority, kept for the next start: the database has their digests only. An authority's id is fit for a file name.
    pub(crate) fn api_keys_file(&self, authority: &str) -> PathBuf {
        self.private().join(format!("{authority}-api-keys.json"))
    }

    /// What a script needs to use the running services.
    pub(crate) fn access_file(&self) -> PathBuf {
        self.root.join("access.json")
    }
}

/// Writes a file that only its owner may read, whole or not at all: whoever waits for it never sees half of it.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), StandaloneError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let write = || {
        // Temporary files are made with mode 0600, and the rename keeps it.
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|failed| failed.error)?;
        Ok(())
    };
    write().map_err(StandaloneError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("exists").permissions().mode() & 0o777
    }

    #[test]
    fn what_is_private_is_its_owners_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let layout = Layout::create(&dir.path().join("new/data")).expect("created");
        for private in [layout.db(), layout.private()] {
            assert_eq!(mode(&private), 0o700, "{}", private.display());
        }
        for text in ["first", "second"] {
            write_private(&layout.access_file(), text).expect("written");
            assert_eq!(mode(&layout.access_file()), 0o600);
            assert_eq!(fs::read_to_string(layout.access_file()).expect("readable"), text);
        }
        // Nothing is left behind, and what is there already is kept.
        Layout::create(layout.root()).expect("again");
        assert_eq!(fs::read_dir(layout.root()).expect("a directory").count(), 5);
    }
}
