//! The end of a pass alone, as `exporter prune` runs it or foresees it.

use proto::Feed;

use crate::clocks::Clocks;
use crate::error::ExportError;
use crate::occasion::{Occasion, Timing};
use crate::prune::forget;
use crate::report::{BucketReport, FeedReport, Report};
use crate::run::Exporter;

impl Exporter {
    /// The end of a pass alone: de-lists, deletes and removes what is too old, and puts nothing. Or, in a dry run, says what it would do now and
    /// does none of it; then it needs no keys. What a step makes possible for a later one, the report of a dry run does not foresee.
    ///
    /// # Errors
    /// As [`once`](Self::once).
    pub async fn prune(&self, dry_run: bool) -> Result<Report, ExportError> {
        let mut report = Report { dry_run, ..Report::default() };
        let clocks = self.compare_clocks().await?;
        clocks.ensure_ours()?;
        for feed in self.feeds().await? {
            let mut of_feed = FeedReport::new(&feed);
            let done = if dry_run {
                self.foresee(&feed, &mut of_feed).await
            } else {
                self.prune_feed(&feed, &clocks, &mut of_feed).await
            };
            of_feed.failures.extend(done.err().map(Into::into));
            report.feeds.push(of_feed);
        }
        report.note_forgotten(match dry_run {
            true => self.store().due_tombstones().await.map_err(Into::into),
            false => forget(self.store()).await,
        });
        report.log_failures();
        Ok(report)
    }

    async fn prune_feed(&self, feed: &Feed, clocks: &Clocks, report: &mut FeedReport) -> Result<(), ExportError> {
        let keys = self.keys(feed).await?;
        let (pass, occasion) = (self.pass_of(feed, &keys), Occasion { timing: Timing::Never, clocks });
        let asked = self.ask(&pass, &occasion, report).await?;
        self.bring_up_to_date(&pass, asked, report, &occasion).await
    }

    /// What would be done.
    async fn foresee(&self, feed: &Feed, report: &mut FeedReport) -> Result<(), ExportError> {
        report.number = self.store().number(feed).await?;
        report.delisted = self.store().expired(feed).await?;
        for named in self.buckets() {
            let rows = self.store().deletable(feed, &named.name).await?;
            let deleted = rows.iter().map(|row| row.sequence).collect();
            report.buckets.push(BucketReport { deleted, ..BucketReport::new(&named.name) });
        }
        report.purged.bundles = self.store().dead(feed, &self.names()).await?;
        Ok(())
    }
}
