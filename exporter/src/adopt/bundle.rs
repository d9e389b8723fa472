//! Reading a listed bundle from a bucket, as a phone would and a little more strictly, and turning it into rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::bundle::{Bundle, Entries, Entry, TcnClass, TcnEntry};
use proto::manifest::{ListedBundle, Manifest};
use proto::tcn::SignedReport;
use proto::{ReportType, Role};
use sha2::{Digest, Sha256};
use store::{AdoptedBundle, BundleRow, Derived, Member, MemberDigest};

use crate::as_listed::{check, known_keys};
use crate::derive::derive_with;
use crate::error::ExportError;
use crate::pass::{NamedBucket, Pass, object_path};

/// Where the bundles of one feed come from.
pub(super) struct Source<'a> {
    pass: &'a Pass<'a>,
    buckets: &'a [NamedBucket],
    manifest: &'a Manifest,
    /// Reports by their SHA-256, of the bundles that were read so far: later ones may withdraw them.
    reports: BTreeMap<[u8; 32], SignedReport>,
}

impl<'a> Source<'a> {
    pub(super) const fn new(pass: &'a Pass<'a>, buckets: &'a [NamedBucket], manifest: &'a Manifest) -> Self {
        Self { pass, buckets, manifest, reports: BTreeMap::new() }
    }

    /// Reads a bundle from the first bucket that has it.
    ///
    /// # Errors
    /// [`ExportError::Retry`] if a bucket did not answer and no other one has it; [`ExportError::Corrupt`] if none has the bytes that the
    /// manifest names, or if they are not what this project publishes.
    pub(super) async fn read(&mut self, listed: &ListedBundle) -> Result<AdoptedBundle, ExportError> {
        let zip = Arc::new(self.fetch(listed).await?);
        let (bytes, wanted) = (Arc::clone(&zip), (listed.clone(), known_keys(self.pass, &self.manifest.keys)));
        let checked = tokio::task::spawn_blocking(move || check(&bytes, &wanted.0, &wanted.1)).await;
        let corrupt = |why: String| ExportError::Corrupt(format!("{}: {why}", listed.path));
        let bundle = match checked {
            Ok(checked) => checked.map_err(corrupt)?,
            Err(_) => return Err(ExportError::Retry("the check of a bundle was interrupted".to_owned())),
        };
        let members = self.members(&bundle, listed).await?;
        let mut digest = MemberDigest::new();
        members.iter().for_each(|(revised, member)| digest.push(*revised, member));
        let row = BundleRow {
            feed: self.pass.feed.clone(),
            sequence: listed.sequence,
            from_sequence: listed.from_sequence,
            start: listed.start,
            end: listed.end,
            count: listed.count,
            revised: listed.revised,
            member_digest: digest.finish(),
            signing: bundle.header.signing.clone(),
            format: listed.format,
            derived: Some(Derived {
                export_sha256: listed.export_sha256,
                zip_sha256: listed.zip_sha256,
                zip_bytes: listed.bytes,
                signatures: bundle.signatures.into_iter().map(|signature| signature.bytes).collect(),
            }),
        };
        Ok(AdoptedBundle { row, number: self.manifest.number, members })
    }

    /// Whether the database has sealed this very bundle and only lacks what was derived of it: then its rows stay as they are.
    pub(super) async fn given_by_rows(&self, read: &AdoptedBundle) -> Result<bool, ExportError> {
        let (row, pass) = (&read.row, self.pass);
        let Some(known) = pass.store.bundle(pass.feed, row.sequence).await? else { return Ok(false) };
        let (Some(derived), None) = (&row.derived, &known.derived) else { return Ok(false) };
        if (known.start, known.end, known.member_digest, &known.signing)
            != (row.start, row.end, row.member_digest, &row.signing)
        {
            return Ok(false);
        }
        let again = derive_with(pass.store, &known, derived.signatures.clone()).await;
        Ok(again.is_ok_and(|(_, again)| again == *derived))
    }

    async fn fetch(&self, listed: &ListedBundle) -> Result<Vec<u8>, ExportError> {
        let path = object_path(&listed.path)?;
        let mut silent = None;
        for named in self.buckets {
            match named.bucket.get(&path).await {
                Ok(Some(object)) if <[u8; 32]>::from(Sha256::digest(&object.bytes)) == listed.zip_sha256 => {
                    return Ok(object.bytes);
                }
                Ok(_) => {}
                Err(why) => silent = Some(why),
            }
        }
        Err(silent.unwrap_or_else(|| {
            let why = "stands in no bucket with the bytes that the manifest names. Name every bucket that there is";
            ExportError::Corrupt(format!("{path} {why}"))
        }))
    }

    /// The members in the order in which the database keeps them. A withdrawn report is a digest alone: the report is looked for among those that were
    /// published before.
    async fn members(&mut self, bundle: &Bundle, listed: &ListedBundle) -> Result<Vec<(bool, Member)>, ExportError> {
        match &bundle.entries {
            Entries::Gaen { keys, revised } => {
                let ordinary = keys.iter().map(|entry| (false, Member::Gaen(*entry)));
                Ok(ordinary.chain(revised.iter().map(|entry| (true, Member::Gaen(*entry)))).collect())
            }
            Entries::Tcn { reports, withdrawn } => {
                for entry in reports {
                    self.reports.insert(Sha256::digest(entry.report.as_bytes()).into(), entry.report.clone());
                }
                let withdrawn = self.withdrawn(withdrawn, listed).await?;
                let ordinary = reports.iter().map(|entry| (false, Member::Tcn(entry.clone())));
                Ok(ordinary.chain(withdrawn.into_iter().map(|entry| (true, Member::Tcn(entry)))).collect())
            }
        }
    }

    async fn withdrawn(&mut self, digests: &[[u8; 32]], listed: &ListedBundle) -> Result<Vec<TcnEntry>, ExportError> {
        let unread: Vec<[u8; 32]> =
            digests.iter().filter(|digest| !self.reports.contains_key(*digest)).copied().collect();
        for report in self.pass.store.reports_by_digest(&unread).await? {
            self.reports.insert(Sha256::digest(report.as_bytes()).into(), report);
        }
        let class = if self.pass.feed.role == Role::SelfReported { TcnClass::SelfReported } else { TcnClass::Verified };
        let unknown = || {
            ExportError::Corrupt(format!(
                "{}: it withdraws a report that neither the database nor an older bundle has: the copy is older than all that is listed. Restore a \
                 newer copy",
                listed.path
            ))
        };
        let entry = |digest: &[u8; 32]| {
            let report = self.reports.get(digest).ok_or_else(unknown)?.clone();
            Ok(TcnEntry { report, report_type: ReportType::Negative, class })
        };
        let mut entries = digests.iter().map(entry).collect::<Result<Vec<_>, ExportError>>()?;
        entries.sort_by(|a, b| (a.class(), a.order_bytes()).cmp(&(b.class(), b.order_bytes())));
        Ok(entries)
    }
}
