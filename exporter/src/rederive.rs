//! Deriving bundles once more from their rows alone, and comparing: whoever holds the database, or a copy of it, can prove what was published.
//!
//! Of a bundle that was derived, the row keeps its hashes and its signatures. So this needs neither a private key nor a bucket, and writes nothing.

use proto::Feed;
use serde::Serialize;
use store::{BundleRow, Derived, KeyStore};

use crate::derive::derive_with;
use crate::error::ExportError;

/// How often members that do not give the frozen digest are read again before that counts as their fault and not as the read's.
const ATTEMPTS: usize = 3;

/// Which bundles of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one with this sequence, listed or not, as long as its rows are there.
    One(u64),
    /// Each one that is listed now.
    Listed,
}

/// What came of deriving one bundle again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rederived {
    /// The feed's path.
    pub feed: String,
    /// The bundle.
    pub sequence: u64,
    /// `same`, `differs` or `not derived`.
    pub verdict: Verdict,
    /// What differs; none if nothing does.
    pub reason: Option<String>,
    /// SHA-256 of `export.bin` as recorded, in hex; none if it was never derived.
    pub export_sha256: Option<String>,
    /// SHA-256 of the zip as recorded, in hex; none if it was never derived.
    pub zip_sha256: Option<String>,
}

/// Whether rows give what was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The same `export.bin` and the same zip, byte for byte.
    Same,
    /// Other bytes, or none.
    Differs,
    /// Nothing was recorded: it is sealed, and nobody has derived it yet.
    NotDerived,
}

/// Derives bundles of a feed again, oldest first, and compares SHA-256 of `export.bin` and of the zip with what was recorded. Each verdict is told
/// to `progress` as it is reached, with how many there will be.
///
/// # Errors
/// [`ExportError::GiveUp`] for an unknown feed or bundle; [`ExportError::Retry`] if the database does not answer. That a bundle differs is a
/// verdict and no error.
pub async fn rederive(
    store: &dyn KeyStore,
    feed: &Feed,
    which: Which,
    progress: &mut (dyn FnMut(&Rederived, usize) + Send),
) -> Result<Vec<Rederived>, ExportError> {
    let rows = rows(store, feed, which).await?;
    let mut verdicts = Vec::with_capacity(rows.len());
    for row in &rows {
        let verdict = verdict(store, row).await?;
        progress(&verdict, rows.len());
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

async fn rows(store: &dyn KeyStore, feed: &Feed, which: Which) -> Result<Vec<BundleRow>, ExportError> {
    match which {
        Which::Listed => Ok(store.newest_listing(feed).await?.bundles),
        Which::One(sequence) => {
            let row = store.bundle(feed, sequence).await?;
            let unknown = || ExportError::GiveUp(format!("bundle: {feed} has no rows of a bundle {sequence}"));
            Ok(vec![row.ok_or_else(unknown)?])
        }
    }
}

async fn verdict(store: &dyn KeyStore, row: &BundleRow) -> Result<Rederived, ExportError> {
    let hex = |hash: fn(&Derived) -> &[u8; 32]| row.derived.as_ref().map(|derived| hex::encode(hash(derived)));
    let (verdict, reason) = match &row.derived {
        None => (Verdict::NotDerived, None),
        Some(recorded) => match compare(store, row, recorded).await? {
            None => (Verdict::Same, None),
            Some(reason) => (Verdict::Differs, Some(reason)),
        },
    };
    Ok(Rederived {
        feed: row.feed.to_string(),
        sequence: row.sequence,
        verdict,
        reason,
        export_sha256: hex(|derived| &derived.export_sha256),
        zip_sha256: hex(|derived| &derived.zip_sha256),
    })
}

/// What differs; none if nothing does.
async fn compare(store: &dyn KeyStore, row: &BundleRow, recorded: &Derived) -> Result<Option<String>, ExportError> {
    let mut attempt = 1;
    loop {
        match derive_with(store, row, recorded.signatures.clone()).await {
            Ok((_, again)) if again == *recorded => return Ok(None),
            Ok((_, again)) => return Ok(Some(difference(&again, recorded).to_owned())),
            Err(ExportError::Retry(why)) => {
                // A database that does not answer says so here, too; one that does has read what there is.
                store.number(&row.feed).await?;
                if attempt == ATTEMPTS {
                    return Ok(Some(why));
                }
                attempt += 1;
            }
            Err(why) => return Ok(Some(why.to_string())),
        }
    }
}

fn difference(again: &Derived, recorded: &Derived) -> &'static str {
    if again.export_sha256 == recorded.export_sha256 {
        "export.bin is the same, and the zip is not"
    } else {
        "export.bin is another one"
    }
}
