//! Files that only their owner may read.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// What is wrong with a file that holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Others than its owner may read it.
    #[error("{}: others may read this file; run chmod 600 on it", .0.display())]
    Exposed(PathBuf),
    /// It does not hold what it should.
    #[error("{}: {reason}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        reason: &'static str,
    },
}

/// No secret of ours is longer, in bytes.
const LONGEST: u64 = 16_384;

/// What is said of the text that waits beside a file.
const BEING_REPLACED: &str =
    "lies there: another program is changing the file, or was interrupted; remove it if none is at work";

/// Reads a secret as text, unless others than the owner may read it too.
///
/// # Errors
/// [`SecretFileError::File`], [`SecretFileError::Exposed`], and [`SecretFileError::Content`] if it is no text.
pub fn read(path: &Path) -> Result<Zeroizing<String>, SecretFileError> {
    let bytes = read_bytes(path)?;
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|_| SecretFileError::Content { path: path.to_owned(), reason: "must be text" })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Reads a secret of any form, unless others than the owner may read it too.
///
/// # Errors
/// [`SecretFileError::File`] and [`SecretFileError::Exposed`].
pub fn read_bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
    let failed = |cause| SecretFileError::File { path: path.to_owned(), cause };
    // Looked at through the open file, so that it cannot be exchanged in between.
    let file = fs::File::open(path).map_err(failed)?;
    if exposed(&file.metadata().map_err(failed)?) {
        return Err(SecretFileError::Exposed(path.to_owned()));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Writes a secret into a new file that only its owner may read. An existing file is never touched.
///
/// # Errors
/// [`SecretFileError::Content`] if the file exists, [`SecretFileError::File`] if it cannot be written.
pub fn create(path: &Path, text: &str) -> Result<(), SecretFileError> {
    let failed = |cause| SecretFileError::File { path: path.to_owned(), cause };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_private_dir(parent).map_err(failed)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|cause| match cause.kind() {
        ErrorKind::AlreadyExists => SecretFileError::Content {
            path: path.to_owned(),
            reason: "exists already and is kept: without it, what it protects is lost",
        },
        _ => failed(cause),
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// Puts what `change` makes of a secret in its place, at once: whoever reads it finds the one or the other. The new text lies beside it
/// meanwhile; that file is made before the old text is read, and so keeps a second program from changing what this one replaces.
///
/// # Errors
/// As [`read`] and [`create`], and those of `change`.
pub fn replace<T, E: From<SecretFileError>>(
    path: &Path,
    change: impl FnOnce(&str) -> Result<(Zeroizing<String>, T), E>,
) -> Result<T, E> {
    let beside = beside(path);
    create(&beside, "").map_err(|refusal| match refusal {
        SecretFileError::Content { path, .. } => SecretFileError::Content { path, reason: BEING_REPLACED },
        other => other,
    })?;
    let changed = read(path).map_err(E::from).and_then(|before| change(&before)).and_then(|(text, answer)| {
        exchange(path, &beside, &text).map_err(|cause| SecretFileError::File { path: path.to_owned(), cause })?;
        Ok(answer)
    });
    if changed.is_err() {
        // Nothing is lost with it. Should it stay, the next one says so.
        let _ = fs::remove_file(&beside);
    }
    changed
}

fn exchange(path: &Path, beside: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)?;
    // The name is as durable as the text only once the directory is.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(parent)?.sync_all()
}

/// Where a text waits until it takes the place of another: `FILE.new`.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn create_private_dir(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Whether others than its owner may read a secret, or change it. What root hands to a group and nobody may write is as private as a group can be:
/// so containers are given secrets that they do not own (Kubernetes with `fsGroup`, credentials of systemd), mode 440.
#[cfg(unix)]
pub fn exposed(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    let handed_by_root = metadata.uid() == 0 && metadata.mode() & 0o337 == 0;
    metadata.mode() & 0o077 != 0 && !handed_by_root
}

/// Whether others than its owner may read a secret: not to be told on this system.
#[cfg(not(unix))]
pub fn exposed(_metadata: &fs::Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("new/secret");
        create(&path, "text").expect("written");
        assert_eq!(read(&path).expect("private").as_str(), "text");
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
            assert!(matches!(read(&path), Err(SecretFileError::Exposed(_))), "{mode:o}");
        }
    }

    /// Only root can make such files, and tests need not be root: they are of whoever runs them, and refused to anybody else.
    #[test]
    fn what_root_hands_to_a_group_is_taken() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        create(&path, "text").expect("written");
        let by_root = fs::metadata(&path).expect("there").uid() == 0;
        for (mode, taken) in [(0o440, by_root), (0o400, true), (0o444, false), (0o460, false), (0o640, false)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
            assert_eq!(exposed(&fs::metadata(&path).expect("there")), !taken, "{mode:o}");
        }
    }

    fn replace_by(path: &Path, text: &str) -> Result<(), SecretFileError> {
        replace(path, |_| Ok((Zeroizing::new(text.to_owned()), ())))
    }

    #[test]
    fn a_secret_is_replaced_by_one_program_at_a_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        create(&path, "first").expect("written");
        let nested = replace(&path, |before| {
            assert_eq!(before, "first");
            Ok::<_, SecretFileError>((Zeroizing::new("second".to_owned()), replace_by(&path, "third")))
        });
        let other = nested.expect("replaced");
        assert!(matches!(other, Err(SecretFileError::Content { .. })), "the other one was told to wait");
        assert_eq!(read(&path).expect("private").as_str(), "second");
        replace_by(&path, "third").expect("replaced");
        assert_eq!(read(&path).expect("private").as_str(), "third");
    }

    #[test]
    fn a_replacement_that_fails_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        assert!(matches!(replace_by(&path, "text"), Err(SecretFileError::File { .. })), "there was none");
        create(&path, "first").expect("written");
        let refused = replace(&path, |_| Err::<(Zeroizing<String>, ()), _>(SecretFileError::Exposed(PathBuf::new())));
        assert!(refused.is_err());
        assert_eq!(read(&path).expect("private").as_str(), "first");
        assert_eq!(fs::read_dir(dir.path()).expect("read").count(), 1);
    }

    #[test]
    fn an_existing_secret_is_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret");
        create(&path, "first").expect("written");
        assert!(matches!(create(&path, "second"), Err(SecretFileError::Content { .. })));
        assert_eq!(read(&path).expect("private").as_str(), "first");
    }
}
