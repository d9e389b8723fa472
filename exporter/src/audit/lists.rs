//! Index and manifest of a bucket that says nothing which the database denies.

use proto::index;

use super::FindingKind;
use crate::stand::Stand;

/// What is wrong with them, given the number of the database.
pub(super) fn compare(stand: &Stand, number: u64) -> Vec<(FindingKind, String)> {
    let mut found = Vec::new();
    let listed: Vec<&str> = match &stand.manifest {
        Some((_, manifest)) => manifest.bundles.iter().map(|bundle| bundle.path.as_str()).collect(),
        None => Vec::new(),
    };
    match &stand.manifest {
        None if number > 0 => {
            found.push((FindingKind::Behind, format!("there is no manifest; the database is at number {number}")))
        }
        Some((_, manifest)) if manifest.number < number => {
            let there = manifest.number;
            found.push((FindingKind::Behind, format!("the manifest is at number {there}, the database at {number}")));
        }
        _ => {}
    }
    match &stand.index {
        None if stand.manifest.is_some() => found.push((FindingKind::Index, "there is no index.txt".to_owned())),
        None => {}
        Some(object) => match index::parse(&object.bytes) {
            Err(why) => found.push((FindingKind::Index, format!("index.txt cannot be read: {why}"))),
            Ok(lines) if lines.iter().map(String::as_str).ne(listed.iter().copied()) => {
                let (lines, bundles) = (lines.len(), listed.len());
                let what = format!("index.txt has {lines} lines that are not the {bundles} bundles of the manifest");
                found.push((FindingKind::Index, what));
            }
            Ok(_) => {}
        },
    }
    found
}
