//! Comparing every live object on every replica with the database. It reads all of them and changes nothing.

use proto::Feed;

use crate::ahead;
use crate::error::ExportError;
use crate::pass::{NamedBucket, Pass};
use crate::run::Exporter;
use crate::stand::Stand;

mod finding;
mod lists;
mod objects;

pub use finding::{AuditReport, Finding, FindingKind};

impl Exporter {
    /// Compares what every bucket holds with what the database says, feed by feed. Each object that was compared is told to `progress`. What is wrong
    /// is a finding; a bucket that does not answer is one, too. Exporters may run meanwhile, and then what they are about to do may be found undone.
    ///
    /// # Errors
    /// Only what keeps the audit from beginning, or from reading the database.
    pub async fn audit(&self, progress: &mut (dyn FnMut(&str) + Send)) -> Result<AuditReport, ExportError> {
        let mut report = AuditReport::default();
        for feed in self.feeds().await? {
            let keys = self.keys(&feed).await?;
            let pass = self.pass_of(&feed, &keys);
            for named in self.buckets() {
                let mut auditing = Auditing { pass: &pass, named, report: &mut report, progress };
                auditing.bucket().await?;
            }
        }
        Ok(report)
    }
}

/// One feed in one bucket.
struct Auditing<'a, 'p> {
    pass: &'a Pass<'a>,
    named: &'a NamedBucket,
    report: &'a mut AuditReport,
    progress: &'a mut (dyn FnMut(&str) + Send + 'p),
}

impl Auditing<'_, '_> {
    async fn bucket(&mut self) -> Result<(), ExportError> {
        let stand = match Stand::read(self.pass, self.named).await {
            Ok(stand) => Some(stand),
            Err(ExportError::Corrupt(why)) => {
                self.find(FindingKind::ManifestUnreadable, None, why);
                None
            }
            // Whoever does not say where it stands does not say what it holds.
            Err(why) => {
                self.find(FindingKind::NoAnswer, None, why.to_string());
                return Ok(());
            }
        };
        if let Some(stand) = &stand {
            self.lists(stand).await?;
        }
        self.objects().await
    }

    /// What index and manifest say.
    async fn lists(&mut self, stand: &Stand) -> Result<(), ExportError> {
        if let Some(what) = ahead::find_ahead(self.pass, &[(self.named, stand)]).await? {
            self.find(FindingKind::Ahead, None, format!("{what}; see exporter adopt"));
            return Ok(());
        }
        let number = self.pass.store.number(self.pass.feed).await?;
        for (kind, what) in lists::compare(stand, number) {
            self.find(kind, None, what);
        }
        Ok(())
    }

    fn find(&mut self, kind: FindingKind, object: Option<&str>, message: String) {
        let feed: &Feed = self.pass.feed;
        let object = object.map(str::to_owned);
        self.report.findings.push(Finding {
            feed: feed.to_string(),
            bucket: self.named.name.clone(),
            kind,
            object,
            message,
        });
    }
}
