//! From a frozen row and its members to the bytes of a bundle.
//!
//! The bytes are a pure function of members, row and format version, plus the signatures, which are stored before anybody sees them. So a bundle
//! can be derived again at any time, by anybody, with the same result.

use std::io::Cursor;

use proto::bundle::{BundleKey, ExportDigest, FORMAT, GaenEntry, Limits, Signature, Skimmed, TcnEntry, Unsigned};
use sha2::{Digest, Sha256};
use store::{BundleRow, Derived, KeyStore};

use crate::error::ExportError;
use crate::export::{self, corrupt, refused};
use crate::pass::Pass;

/// A bundle's bytes. They fit into memory: a bundle is cut at 15 MB.
pub(crate) struct DerivedBundle {
    pub(crate) row: BundleRow,
    pub(crate) derived: Derived,
    pub(crate) zip: Vec<u8>,
}

/// Derives a bundle, and records what was derived if nobody did before.
///
/// # Errors
/// [`ExportError::Retry`] if the members read are not those that were frozen, [`ExportError::GiveUp`] if the key that has to sign is not
/// ours, [`ExportError::Corrupt`] if the bytes are not those that were recorded, or if a key could still be replayed at the bundle's end.
pub(crate) async fn derive(pass: &Pass<'_>, mut row: BundleRow) -> Result<DerivedBundle, ExportError> {
    if let Some(stored) = row.derived.take() {
        return derive_again(pass, row, stored).await;
    }
    let unsigned = write(pass.store, &row).await?;
    let signatures = sign(pass, &row, &unsigned.digest()).await?;
    let (zip, ours) = finish(unsigned, &row, signatures)?;
    let zip = check(pass, &row, (zip, &ours)).await?;
    let recorded = pass.store.record_derived(pass.feed, row.sequence, &ours);
    let stored = pass.step("bundle.derive", Some(row.sequence), None, recorded).await?;
    if stored == ours {
        return Ok(DerivedBundle { row, derived: stored, zip });
    }
    // Another exporter was first, perhaps with a signer whose signatures differ each time: its signatures are the bundle's.
    derive_again(pass, row, stored).await
}

/// Derives a bundle that was derived before: the stored signatures must give the stored bytes.
async fn derive_again(pass: &Pass<'_>, row: BundleRow, stored: Derived) -> Result<DerivedBundle, ExportError> {
    let (zip, again) = derive_with(pass.store, &row, stored.signatures.clone()).await?;
    if again != stored {
        return Err(corrupt(&row, "is not what was recorded when it was first derived; nothing was published"));
    }
    let zip = check(pass, &row, (zip, &stored)).await?;
    Ok(DerivedBundle { row, derived: stored, zip })
}

/// Whether bytes are such that the strictest phone accepts them: before anything is recorded or put anywhere. The bytes come back.
async fn check(pass: &Pass<'_>, row: &BundleRow, (zip, derived): (Vec<u8>, &Derived)) -> Result<Vec<u8>, ExportError> {
    // A bundle whose key is no longer at hand is known by its digest alone.
    let key = row.signing.first().and_then(|id| pass.keys.signer(id)).map(|signer| signer.public_key());
    let export_sha256 = derived.export_sha256;
    let checked =
        tokio::task::spawn_blocking(move || as_a_phone(&zip, key.as_ref(), &export_sha256).map(|()| zip)).await;
    match checked {
        Ok(checked) => checked.map_err(|why| corrupt(row, &why)),
        Err(_) => Err(ExportError::Retry("the check of a bundle was interrupted".to_owned())),
    }
}

fn as_a_phone(zip: &[u8], key: Option<&BundleKey>, export_sha256: &[u8; 32]) -> Result<(), String> {
    let refused = |why: &dyn std::fmt::Display| format!("would be refused by a phone: {why}; nothing was published");
    let read = Skimmed::read(zip, &Limits::default()).map_err(|why| refused(&why))?;
    if read.digest.0 != *export_sha256 {
        return Err("has another export.bin than the one that was signed; nothing was published".to_owned());
    }
    key.map_or(Ok(()), |key| read.verify(key).map_err(|why| refused(&why)))
}

/// The bytes that members, row and these signatures give, and what they are known by. It needs no private key, and records nothing.
///
/// # Errors
/// As [`derive`].
pub(crate) async fn derive_with(
    store: &dyn KeyStore,
    row: &BundleRow,
    signatures: Vec<Vec<u8>>,
) -> Result<(Vec<u8>, Derived), ExportError> {
    finish(write(store, row).await?, row, signatures)
}

/// Writes `export.bin` from the members, and counts and digests them again: a read cut short must never be signed.
async fn write(store: &dyn KeyStore, row: &BundleRow) -> Result<Unsigned<Cursor<Vec<u8>>>, ExportError> {
    if row.format != FORMAT {
        return Err(ExportError::GiveUp(format!(
            "{}: bundle {} has format {}, and this exporter writes format {FORMAT}",
            row.feed, row.sequence, row.format
        )));
    }
    match row.feed.kind {
        proto::Kind::Gaen => export::write::<GaenEntry>(store, row).await,
        proto::Kind::Tcn => export::write::<TcnEntry>(store, row).await,
    }
}

/// Has the keys sign that the row names, whoever's turn it is now. What a signer answers is checked before it is kept: a device that was set up
/// with another key would otherwise spoil the bundle for good.
async fn sign(pass: &Pass<'_>, row: &BundleRow, digest: &ExportDigest) -> Result<Vec<Vec<u8>>, ExportError> {
    let mut signatures = Vec::with_capacity(row.signing.len());
    for wanted in &row.signing {
        let give_up = |what: &str| {
            let (feed, sequence) = (&row.feed, row.sequence);
            ExportError::GiveUp(format!("{feed}: bundle {sequence} was sealed for the key {wanted}, and {what}"))
        };
        let signer = pass.keys.signer(wanted);
        let signer = signer.ok_or_else(|| give_up(&format!("the keys at hand are {}", pass.keys.names())))?;
        let signature = signer.sign(digest).await?;
        let good = signer.public_key().verify(digest, &signature);
        good.map_err(|_| give_up("what its signer answered does not verify; nothing was kept of it"))?;
        signatures.push(signature);
    }
    Ok(signatures)
}

/// Closes the zip and says what came of it.
fn finish(
    unsigned: Unsigned<Cursor<Vec<u8>>>,
    row: &BundleRow,
    signatures: Vec<Vec<u8>>,
) -> Result<(Vec<u8>, Derived), ExportError> {
    let export_sha256 = unsigned.digest().0;
    let named = row.signing.iter().zip(&signatures);
    let named: Vec<Signature> =
        named.map(|(key, bytes)| Signature { key: key.clone(), bytes: bytes.clone() }).collect();
    let (out, summary) = unsigned.finish(&named).map_err(|why| refused(row, &why))?;
    let zip = out.into_inner();
    let zip_sha256 = Sha256::digest(&zip).into();
    Ok((zip, Derived { export_sha256, zip_sha256, zip_bytes: summary.zip_bytes, signatures }))
}
