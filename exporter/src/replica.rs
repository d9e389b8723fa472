//! A bucket during a pass over one feed: what it lacks is put, what it holds is listed, what it has listed no more for a day is deleted.

use std::collections::BTreeSet;

use store::BundleRow;

use crate::derive::DerivedBundle;
use crate::error::ExportError;
use crate::listing::list;
use crate::pass::{NamedBucket, Pass};
use crate::prune::delete;
use crate::publish::put;
use crate::report::BucketReport;
use crate::stand::Stand;

/// One of the buckets, and what became of it so far.
pub(crate) struct Replica<'a> {
    named: &'a NamedBucket,
    /// The sequences that it holds; none if it does not answer.
    held: Option<BTreeSet<u64>>,
    /// What it said when the pass began, until it is asked again.
    stand: Option<Stand>,
    report: BucketReport,
}

impl<'a> Replica<'a> {
    /// Asks a bucket which of `rows` it holds, unless it did not answer when the pass began. One whose manifest is none of ours gets what it lacks, and
    /// is not listed.
    pub(crate) async fn of(
        pass: &Pass<'_>,
        (named, stand): (&'a NamedBucket, Result<Stand, ExportError>),
        rows: &[BundleRow],
    ) -> Self {
        let mut report = BucketReport::new(&named.name);
        let (stand, answers) = match stand {
            Ok(stand) => (Some(stand), true),
            Err(why) => {
                let answers = matches!(why, ExportError::Corrupt(_));
                report.failures.push(why.into());
                (None, answers)
            }
        };
        let held = if answers {
            pass.held(named, rows).await.map_err(|why| report.failures.push(why.into())).ok()
        } else {
            None
        };
        Self { named, held, stand, report }
    }

    /// Whether it lacks a bundle. A bucket that did not even say what it holds is left to the next pass.
    pub(crate) fn lacks(&self, sequence: u64) -> bool {
        self.held.as_ref().is_some_and(|held| !held.contains(&sequence))
    }

    /// Puts a bundle, if it lacks it.
    pub(crate) async fn put(&mut self, pass: &Pass<'_>, bundle: &DerivedBundle) {
        let sequence = bundle.row.sequence;
        let Some(held) = self.held.as_mut().filter(|held| !held.contains(&sequence)) else { return };
        match put(pass, self.named, bundle).await {
            Ok(true) => {
                held.insert(sequence);
                self.report.put.push(sequence);
            }
            Ok(false) => {}
            Err(why) => self.report.failures.push(why.into()),
        }
    }

    /// Moves its manifest and index as far as it may.
    pub(crate) async fn list(&mut self, pass: &Pass<'_>) {
        let (Some(held), Some(stand)) = (&self.held, self.stand.take()) else { return };
        match list(pass, self.named, held, stand).await {
            Ok(standing) => {
                self.report.number = Some(standing.number);
                self.report.bundles = standing.bundles;
                self.report.moved = standing.moved;
            }
            Err(why) => self.report.failures.push(why.into()),
        }
    }

    /// Deletes what it has listed no more for a day. One object that cannot be deleted keeps no other.
    pub(crate) async fn prune(&mut self, pass: &Pass<'_>) {
        if self.held.is_none() {
            return;
        }
        let rows = match pass.store.deletable(pass.feed, &self.named.name).await {
            Ok(rows) => rows,
            Err(why) => return self.report.failures.push(ExportError::from(why).into()),
        };
        for row in rows {
            match delete(pass, self.named, &row).await {
                Ok(()) => self.report.deleted.push(row.sequence),
                Err(why) => self.report.failures.push(why.into()),
            }
        }
    }

    /// What became of it.
    pub(crate) fn into_report(self) -> BucketReport {
        self.report
    }
}
