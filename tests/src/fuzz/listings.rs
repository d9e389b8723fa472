//! What phones poll: index, manifest, and the note around it.

use proto::manifest::Manifest;

use super::reports::assert_plain;
use super::samples;
use crate::fixtures;

/// `index.txt`: what parses renders to the same bytes, and no path leaves the tree.
pub fn index(data: &[u8]) {
    match proto::index::parse(data) {
        Ok(paths) => {
            assert_eq!(proto::index::render(&paths).as_bytes(), data);
            for path in &paths {
                assert!(!path.is_empty() && !path.starts_with('/'), "{path}");
                assert!(path.split('/').all(|part| part != ".." && !part.is_empty()), "{path}");
            }
        }
        Err(refusal) => assert_plain(&refusal),
    }
}

/// A manifest's text. Unknown lines are dropped, so rendering is compared after one pass.
pub fn manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Manifest::parse(text) {
        Ok(manifest) => assert_eq!(Manifest::parse(&manifest.render()).as_ref(), Ok(&manifest)),
        Err(refusal) => assert_plain(&refusal),
    }
}

/// A signed note, and the manifest inside. A signature of ours stands for exactly the text that comes out.
pub fn note(data: &[u8]) {
    let signer = fixtures::note_signer();
    let verifier = signer.verifier();
    match verifier.open(data) {
        Ok(text) => {
            let again = signer.sign(text).expect("what opens can be signed");
            assert_eq!(verifier.open(again.as_bytes()), Ok(text));
        }
        Err(refusal) => assert_plain(&refusal),
    }
    if let Err(refusal) = Manifest::open(data, &verifier, &samples::feed()) {
        assert_plain(&refusal);
    }
}
