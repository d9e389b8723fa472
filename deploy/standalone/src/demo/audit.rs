//! Every bundle of the public tree through the exporter's inspection, under the public keys that apps pin.

use std::fs;
use std::path::{Path, PathBuf};

use exporter::inspect::{Inspection, inspect};
use exporter::keys::{KeyPurpose, public_file};
use proto::Feed;
use proto::bundle::BundleKey;

use crate::error::StandaloneError;
use crate::layout::Layout;

/// A bundle and what the inspection says of it.
pub(crate) struct Audited {
    /// From the root of the public tree.
    pub(crate) path: String,
    pub(crate) inspection: Inspection,
}

/// Inspects all bundles, feed by feed, oldest first.
///
/// # Errors
/// [`StandaloneError::Story`] for the first one of which a verdict does not hold.
pub(crate) fn audit(layout: &Layout) -> Result<Vec<Audited>, StandaloneError> {
    let mut audited = Vec::new();
    for file in bundles_below(&layout.cdn())? {
        let path = file.strip_prefix(layout.cdn()).unwrap_or(&file).display().to_string();
        let zip = fs::read(&file).map_err(StandaloneError::file("read", &file))?;
        let inspection = inspect(&zip, &[key_for(layout, &path)?]);
        if inspection.exit_code() != 0 {
            let reason = inspection.phone.reason.or(inspection.canonical.reason).unwrap_or_default();
            return Err(StandaloneError::Story(format!("{path} does not pass inspection: {reason}")));
        }
        audited.push(Audited { path, inspection });
    }
    Ok(audited)
}

/// The public key of the feed that a path belongs to: `{region}/{kind}/...`.
fn key_for(layout: &Layout, path: &str) -> Result<BundleKey, StandaloneError> {
    let feed: Feed = path.rsplit_once('/').map_or(path, |(feed, _)| feed).parse()?;
    let file = public_file(&layout.keys(), &feed.region, KeyPurpose::Bundle(feed.kind));
    let pem = fs::read_to_string(&file).map_err(StandaloneError::file("read", &file))?;
    Ok(BundleKey::from_pem(&pem)?)
}

fn bundles_below(directory: &Path) -> Result<Vec<PathBuf>, StandaloneError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(StandaloneError::file("list", directory))? {
        let path = entry.map_err(StandaloneError::file("list", directory))?.path();
        if path.is_dir() {
            found.extend(bundles_below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "zip") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
