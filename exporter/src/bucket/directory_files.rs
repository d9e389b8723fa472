//! What a directory bucket does with files and directories.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::bucket::{Object, ObjectPath, Put};

/// What temporary files are called.
pub(super) const TEMPORARY: &str = ".put-";

/// What went wrong with one file.
pub(super) enum Trouble {
    Io(io::Error),
    Foreign(&'static str),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The object exists: with these bytes, or with foreign ones. It is made durable again, because whoever wrote it may have died before that.
pub(super) fn present(file: &Path, bytes: &[u8]) -> Result<Put, Trouble> {
    if read_bounded(file)?.as_deref() != Some(bytes) {
        return Err(Trouble::Foreign("other bytes than ours stand under this name; they were left as they are"));
    }
    File::open(file)?.sync_all()?;
    sync_directory(directory_of(file))?;
    Ok(Put::Present)
}

pub(super) fn read_bounded(file: &Path) -> Result<Option<Vec<u8>>, Trouble> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(why.into()),
    };
    let mut bytes = Vec::new();
    opened.take(Object::MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > Object::MAX_BYTES {
        return Err(Trouble::Foreign("is longer than any object of ours"));
    }
    Ok(Some(bytes))
}

pub(super) fn list_directory(directory: &Path, under: &ObjectPath) -> io::Result<BTreeMap<ObjectPath, u64>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(why) => return Err(why),
    };
    let mut objects = BTreeMap::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        // What is no path of an object (a temporary file, say) is none of ours.
        let Some(path) = name.to_str().and_then(|name| format!("{under}/{name}").parse().ok()) else { continue };
        match entry.metadata() {
            Ok(metadata) if metadata.is_file() => _ = objects.insert(path, metadata.len()),
            // Another exporter has deleted it since it was named.
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(why),
            _ => {}
        }
    }
    Ok(objects)
}

pub(super) fn remove_temporaries(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            remove_temporaries(&entry.path())?;
        } else if kind.is_file() && entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// The directory in which a file or directory stands: `.` for a bare name.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}
