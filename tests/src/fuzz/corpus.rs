//! The checked-in inputs of each target: `tests/corpus/{target}/{name}`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::samples;
use super::target::{TARGETS, Target};

/// Where the corpus stands.
pub fn corpus_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The inputs of one target, by file name.
pub struct Corpus {
    /// File names and bytes, in order of the names so that a seed means the same everywhere.
    pub inputs: Vec<(String, Vec<u8>)>,
}

impl Corpus {
    /// Reads the inputs of a target.
    ///
    /// # Errors
    /// If the folder does not exist, is empty, or cannot be read.
    pub fn read(directory: &Path, target: &Target) -> io::Result<Self> {
        let mut inputs = Vec::new();
        for entry in fs::read_dir(directory.join(target.name))? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            inputs.push((name, fs::read(&path)?));
        }
        inputs.sort();
        if inputs.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the corpus of this target is empty"));
        }
        Ok(Self { inputs })
    }
}

/// Writes the valid samples of every target; inputs of other names, such as those that once failed, stay. Returns how many were written.
///
/// # Errors
/// Those of the file system.
pub fn write_samples(directory: &Path) -> io::Result<usize> {
    let mut written = 0;
    for target in TARGETS {
        let folder = directory.join(target.name);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in samples::of(target.name) {
            fs::write(folder.join(name), bytes)?;
            written += 1;
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_corpus_is_what_the_seed_command_writes() {
        let fresh = tempfile::tempdir().expect("a folder");
        write_samples(fresh.path()).expect("samples are written");
        for target in TARGETS {
            let samples = Corpus::read(fresh.path(), target).expect("every target has samples");
            let corpus = Corpus::read(&corpus_directory(), target).expect("every target has a corpus");
            for sample in samples.inputs {
                let advice = "run `cargo run -p tests --bin fuzz -- seed` if the format was meant to change";
                assert!(corpus.inputs.contains(&sample), "{}/{} is stale: {advice}", target.name, sample.0);
            }
        }
    }

    #[test]
    fn every_folder_of_the_corpus_belongs_to_a_target() {
        for entry in fs::read_dir(corpus_directory()).expect("the corpus is there") {
            let name = entry.expect("readable").file_name().to_string_lossy().into_owned();
            assert!(crate::fuzz::by_name(&name).is_some(), "{name}");
        }
    }
}
