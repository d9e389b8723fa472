//! From a frozen row and its members to the bytes of a bundle.
//!
//! The bytes are a pure function of members, row and format version, plus the signatures, which are stored before anybody sees them. So a bundle
//! can be derived again at any time, by anybody, with the same result.

use std::io::{Cursor, ErrorKind};

use proto::bundle::{Entry, ExportDigest, FORMAT, GaenEntry, Header, Signature, TcnEntry, Unsigned, Writer};
use sha2::{Digest, Sha256};
use store::{BundleRow, Derived, KeyStore, Member, MemberCursor, MemberDigest};

use crate::error::ExportError;
use crate::pass::Pass;

/// How many members are read at a time.
const PAGE: usize = 10_000;
/// The store never seals such a bundle; were its row changed since, the digest would show it. This is the last look before a signature.
const REPLAYABLE: &str = "carries a key whose validity ended less than 2 h before the bundle's end; it was not signed. Somebody changed \
    what was sealed: look for rows of gaen_publication whose (rolling_start + rolling_period) * 600 + 7200 is later than end_at";

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
    Ok(DerivedBundle { row, derived: stored, zip })
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
        proto::Kind::Gaen => write_entries::<GaenEntry>(store, row).await,
        proto::Kind::Tcn => write_entries::<TcnEntry>(store, row).await,
    }
}

async fn write_entries<E: FromMember>(
    store: &dyn KeyStore,
    row: &BundleRow,
) -> Result<Unsigned<Cursor<Vec<u8>>>, ExportError> {
    let header =
        Header { region: row.feed.region.clone(), start: row.start, end: row.end, signing: row.signing.clone() };
    let refused = |why: std::io::Error| refused(row, &why);
    let mut writer = Writer::<E, _>::new(Cursor::new(Vec::new()), &header).map_err(refused)?;
    let mut digest = MemberDigest::new();
    let (mut ordinary, mut revised) = (0, 0);
    let mut from: Option<MemberCursor> = None;
    loop {
        let page = store.members(&row.feed, row.sequence, from.as_ref(), PAGE).await?;
        for (is_revised, member) in &page.members {
            digest.push(*is_revised, member);
            if member.is_replayable(row.end) {
                return Err(corrupt(row, REPLAYABLE));
            }
            let entry = E::from_member(member).ok_or_else(|| corrupt(row, "has a member of another kind"))?;
            if *is_revised {
                revised += 1;
                writer.push_revised(entry).map_err(refused)?;
            } else {
                ordinary += 1;
                writer.push(entry).map_err(refused)?;
            }
        }
        match page.next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    if (ordinary, revised, digest.finish()) != (row.count, row.revised, row.member_digest) {
        return Err(ExportError::Retry(format!(
            "{}: the members read for bundle {} do not give its frozen counts and digest; it was not signed",
            row.feed, row.sequence
        )));
    }
    writer.end().map_err(refused)
}

/// Signs with the keys that the row names.
async fn sign(pass: &Pass<'_>, row: &BundleRow, digest: &ExportDigest) -> Result<Vec<Vec<u8>>, ExportError> {
    let mut signatures = Vec::with_capacity(row.signing.len());
    for wanted in &row.signing {
        let signer = &pass.keys.signer;
        if signer.id() != wanted {
            return Err(ExportError::GiveUp(format!(
                "{}: bundle {} was sealed for the key {}-{}, and the key at hand is {}-{}",
                row.feed,
                row.sequence,
                wanted.id,
                wanted.version,
                signer.id().id,
                signer.id().version
            )));
        }
        signatures.push(signer.sign(digest).await?);
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

/// The writer refuses entries out of order or given twice, which no row that was sealed can be; memory itself does not fail.
fn refused(row: &BundleRow, why: &std::io::Error) -> ExportError {
    match why.kind() {
        ErrorKind::InvalidInput => corrupt(row, &format!("cannot be written: {why}")),
        _ => ExportError::Retry(format!("{}: bundle {} cannot be written: {why}", row.feed, row.sequence)),
    }
}

fn corrupt(row: &BundleRow, what: &str) -> ExportError {
    ExportError::Corrupt(format!("{}: bundle {} {what}", row.feed, row.sequence))
}

/// The kind of entry that a member is.
trait FromMember: Entry {
    fn from_member(member: &Member) -> Option<&Self>;
}

impl FromMember for GaenEntry {
    fn from_member(member: &Member) -> Option<&Self> {
        match member {
            Member::Gaen(entry) => Some(entry),
            Member::Tcn(_) => None,
        }
    }
}

impl FromMember for TcnEntry {
    fn from_member(member: &Member) -> Option<&Self> {
        match member {
            Member::Tcn(entry) => Some(entry),
            Member::Gaen(_) => None,
        }
    }
}
