//! A bucket during a pass over one feed: what it lacks is put, what it holds is listed, what it has listed no more for a day is deleted.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{ExportError, FailureKind};
use crate::listing::list;
use crate::pass::{NamedBucket, Pass};
use crate::prune::delete;
use crate::publish::put;
use crate::report::BucketReport;
use crate::stand::Stand;
use crate::supply::Supply;

/// One of the buckets, and what became of it so far.
pub(crate) struct Replica<'a> {
    pub(crate) named: &'a NamedBucket,
    /// Its place among all buckets.
    at: usize,
    /// Whether it answered when the pass began.
    answers: bool,
    /// What it said then, until it is asked again.
    stand: Option<Stand>,
    /// The sequences that it holds, once that is known.
    held: Option<BTreeSet<u64>>,
    begun: Instant,
    report: BucketReport,
}

impl<'a> Replica<'a> {
    /// A bucket, which said where it stands, or why it does not. One that did not answer is left alone; one whose manifest is none of ours gets what it
    /// lacks, and is not listed.
    pub(crate) fn new(at: usize, named: &'a NamedBucket, stand: Result<Stand, ExportError>) -> Self {
        let answers = matches!(stand, Ok(_) | Err(ExportError::Corrupt(_)));
        let (begun, report) = (Instant::now(), BucketReport::new(&named.name));
        let mut replica = Self { named, at, answers, stand: None, held: None, begun, report };
        match stand {
            Ok(stand) => replica.stand = Some(stand),
            Err(why) => replica.fail(why),
        }
        replica
    }

    /// Asks the bucket what it holds.
    pub(crate) async fn look(&mut self, pass: &Pass<'_>, supply: &Supply<'_>) {
        if !self.answers {
            return;
        }
        let rows: Vec<_> = supply.rows().cloned().collect();
        match pass.held(self.named, &rows).await {
            Ok(held) => {
                held.iter().for_each(|sequence| supply.note(self.at, *sequence));
                self.held = Some(held);
            }
            Err(why) => self.fail(why),
        }
    }

    /// Whether it lacks something that was derived before, so that another bucket may have it.
    pub(crate) fn could_copy(&self, supply: &Supply<'_>) -> bool {
        let lacks =
            |held: &BTreeSet<u64>| supply.rows().any(|row| row.derived.is_some() && !held.contains(&row.sequence));
        self.held.as_ref().is_some_and(lacks)
    }

    /// Puts what it lacks, oldest first, until it fails: what fails once by time or right would fail again for each.
    pub(crate) async fn fill(&mut self, pass: &Pass<'_>, supply: &Supply<'_>) {
        for row in supply.rows() {
            let Some(held) = &self.held else { return };
            if held.contains(&row.sequence) {
                continue;
            }
            let Some(bundle) = supply.bundle(pass, row.sequence, self.at).await else { continue };
            match put(pass, self.named, &bundle).await {
                Ok(true) => self.holds(supply, row.sequence),
                Ok(false) => {}
                Err(why @ ExportError::Corrupt(_)) => self.fail(why),
                Err(why) => return self.fail(why),
            }
        }
    }

    fn holds(&mut self, supply: &Supply<'_>, sequence: u64) {
        supply.note(self.at, sequence);
        self.held.get_or_insert_default().insert(sequence);
        self.report.put.push(sequence);
    }

    /// Whether it holds every bundle that is listed now.
    pub(crate) fn is_full(&self, supply: &Supply<'_>) -> bool {
        let holds = |held: &BTreeSet<u64>| supply.rows().all(|row| held.contains(&row.sequence));
        self.held.as_ref().is_some_and(holds)
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
            Err(why) => self.fail(why),
        }
    }

    /// Deletes what it has listed no more for a day. One object that cannot be deleted keeps no other.
    pub(crate) async fn prune(&mut self, pass: &Pass<'_>) {
        if self.held.is_none() {
            return;
        }
        let rows = match pass.store.deletable(pass.feed, &self.named.name).await {
            Ok(rows) => rows,
            Err(why) => return self.fail(why.into()),
        };
        for row in rows {
            match delete(pass, self.named, &row).await {
                Ok(()) => self.report.deleted.push(row.sequence),
                Err(why) => self.fail(why),
            }
        }
    }

    fn fail(&mut self, why: ExportError) {
        self.report.failures.push(why.into());
    }

    /// Whether everything went well.
    pub(crate) fn is_well(&self) -> bool {
        self.report.failures.is_empty()
    }

    /// The number at which it stands, if that is known.
    pub(crate) fn number(&self) -> Option<u64> {
        self.report.number
    }

    /// What became of it. One that put nothing in longer than `slow` and failed is not asked again in this pass.
    pub(crate) fn into_report(self, slow: Duration) -> BucketReport {
        let retry = self.report.failures.iter().any(|failure| failure.kind == FailureKind::Retry);
        self.named.note_silence(retry && self.report.put.is_empty() && self.begun.elapsed() >= slow);
        self.report
    }
}
