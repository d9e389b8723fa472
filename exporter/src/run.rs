//! One pass, the whole pipeline in its order: announce, seal, derive, put, list.

use std::collections::BTreeSet;
use std::sync::Arc;

use proto::Feed;
use store::{BundleRow, Clock, DatabaseUrl, KeyStore, SealOutcome};

use crate::bucket::{Bucket, DirectoryBucket};
use crate::config::{BucketUrl, Settings};
use crate::derive::derive;
use crate::error::ExportError;
use crate::listing::list;
use crate::pass::{NamedBucket, Pass};
use crate::publish::put;
use crate::report::{BucketReport, FeedReport, Report, SealedBundle, WaitingReport};
use crate::seal::{announce, seal};
use crate::signer::{Keyring, PemKeyring};
use crate::steps::Observer;

/// Seals, derives and publishes. Cheap to clone; several may run at once, in one process or in many.
#[derive(Clone)]
pub struct Exporter {
    settings: Settings,
    store: Arc<dyn KeyStore>,
    keyring: Arc<dyn Keyring>,
    buckets: Vec<NamedBucket>,
    observer: Observer,
}

impl Exporter {
    /// Opens the database and the buckets that the settings name.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] if the database does not exist, a bucket cannot be opened, or two have one name; what the store says of its
    /// database.
    pub async fn open(settings: &Settings, clock: Clock) -> Result<Self, ExportError> {
        let store = open_store(&settings.database_url, clock).await?;
        let mut exporter = Self {
            settings: settings.clone(),
            store,
            keyring: Arc::new(PemKeyring::new(settings.clone())),
            buckets: Vec::new(),
            observer: Arc::new(|_| ()),
        };
        for spec in &settings.buckets {
            if exporter.buckets.iter().any(|known| known.name == spec.name) {
                return Err(ExportError::GiveUp(format!("bucket: two are called {}", spec.name)));
            }
            let bucket = match &spec.url {
                BucketUrl::Directory(path) => DirectoryBucket::open(path)?,
            };
            exporter = exporter.with_bucket(&spec.name, Arc::new(bucket));
        }
        Ok(exporter)
    }

    /// With one bucket more.
    #[must_use]
    pub fn with_bucket(mut self, name: &str, bucket: Arc<dyn Bucket>) -> Self {
        self.buckets.push(NamedBucket { name: name.to_owned(), bucket });
        self
    }

    /// With another source of keys, for instance a KMS.
    #[must_use]
    pub fn with_keyring(mut self, keyring: Arc<dyn Keyring>) -> Self {
        self.keyring = keyring;
        self
    }

    /// With an observer that is called before and after every step.
    #[must_use]
    pub fn with_steps(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// One pass over every feed. What fails in one feed or bucket holds up no other and stands in the report.
    ///
    /// # Errors
    /// Only what keeps the pass from beginning: the list of feeds cannot be read, or the settings name one that does not exist.
    pub async fn once(&self) -> Result<Report, ExportError> {
        for named in &self.buckets {
            if let Err(why) = named.bucket.tidy().await {
                tracing::warn!(bucket.name = named.name, "leftovers of earlier writes could not be cleared: {why}");
            }
        }
        let mut report = Report::default();
        for feed in self.feeds().await? {
            report.feeds.push(self.feed(&feed).await);
        }
        report.log_failures();
        Ok(report)
    }

    async fn feeds(&self) -> Result<Vec<Feed>, ExportError> {
        let known = self.store.feeds().await?;
        let wanted = &self.settings.feeds;
        if let Some(unknown) = wanted.iter().find(|feed| !known.contains(feed)) {
            return Err(ExportError::GiveUp(format!("feed: the database has no {unknown}")));
        }
        Ok(known.into_iter().filter(|feed| wanted.is_empty() || wanted.contains(feed)).collect())
    }

    async fn feed(&self, feed: &Feed) -> FeedReport {
        let mut report = FeedReport::new(feed);
        if let Err(why) = self.pass(feed, &mut report).await {
            report.failures.push(why.into());
        }
        report
    }

    async fn pass(&self, feed: &Feed, report: &mut FeedReport) -> Result<(), ExportError> {
        let keys = self.keyring.keys(feed)?;
        let pass = Pass { store: self.store.as_ref(), feed, keys: &keys, observer: &self.observer };

        announce(&pass).await?;
        // What was sealed before is published even if nothing can be sealed now.
        if let Err(why) = self.seal(&pass, report).await {
            report.failures.push(why.into());
        }
        let number = self.store.number(feed).await?;
        let rows = self.store.listing(feed, number).await?.bundles;
        report.number = number;
        self.publish(&pass, rows, report).await;
        Ok(())
    }

    async fn seal(&self, pass: &Pass<'_>, report: &mut FeedReport) -> Result<(), ExportError> {
        let waiting = match seal(pass, &self.settings).await? {
            SealOutcome::Sealed(sequences) => {
                for sequence in sequences {
                    let row = pass.store.bundle(pass.feed, sequence).await?;
                    report.sealed.extend(row.as_ref().map(SealedBundle::from));
                }
                return Ok(());
            }
            SealOutcome::Held(waiting) => waiting,
            SealOutcome::Nothing => pass.store.waiting(pass.feed).await?,
        };
        let minimum = self.settings.minimum(pass.feed.kind);
        report.waiting = Some(WaitingReport { held: waiting.releasable, unripe: waiting.unripe, minimum });
        Ok(())
    }

    /// Brings every bucket up to `rows`: derives each bundle that some bucket lacks, once, puts it where it is missing, and lists it.
    async fn publish(&self, pass: &Pass<'_>, rows: Vec<BundleRow>, report: &mut FeedReport) {
        let mut replicas = Vec::with_capacity(self.buckets.len());
        for named in &self.buckets {
            let mut bucket = BucketReport::new(&named.name);
            let held = pass.held(named, &rows).await.map_err(|why| bucket.failures.push(why.into())).ok();
            replicas.push(Replica { named, held, report: bucket });
        }
        for row in rows {
            // A bucket that did not even say what it holds is left to the next pass.
            let lacking =
                |replica: &Replica<'_>| replica.held.as_ref().is_some_and(|held| !held.contains(&row.sequence));
            if row.derived.is_some() && !replicas.iter().any(lacking) {
                continue;
            }
            let sequence = row.sequence;
            match derive(pass, row).await {
                Ok(bundle) => {
                    for replica in &mut replicas {
                        replica.put(pass, &bundle).await;
                    }
                }
                Err(why) => {
                    tracing::warn!(feed = %pass.feed, bundle.sequence = sequence, "the bundle was not derived");
                    report.failures.push(why.into());
                }
            }
        }
        for replica in &mut replicas {
            replica.list(pass).await;
        }
        report.buckets = replicas.into_iter().map(|replica| replica.report).collect();
    }
}

/// The database is the server's to make: a new one at a path that was mistyped would be sealed for ever without a key in it.
async fn open_store(url: &DatabaseUrl, clock: Clock) -> Result<Arc<dyn KeyStore>, ExportError> {
    match url {
        DatabaseUrl::Sqlite(path) if !path.exists() => Err(ExportError::GiveUp(format!(
            "database-url: {} does not exist; the server makes it when it starts",
            path.display()
        ))),
        _ => Ok(store::open_key_store(url, clock).await?),
    }
}

/// A bucket during a pass over one feed.
struct Replica<'a> {
    named: &'a NamedBucket,
    /// The sequences that it holds; none if it does not answer.
    held: Option<BTreeSet<u64>>,
    report: BucketReport,
}

impl Replica<'_> {
    async fn put(&mut self, pass: &Pass<'_>, bundle: &crate::derive::DerivedBundle) {
        let sequence = bundle.row.sequence;
        let Some(held) = &mut self.held else { return };
        if held.contains(&sequence) {
            return;
        }
        match put(pass, self.named, bundle).await {
            Ok(()) => {
                held.insert(sequence);
                self.report.put.push(sequence);
            }
            Err(why) => self.report.failures.push(why.into()),
        }
    }

    async fn list(&mut self, pass: &Pass<'_>) {
        let Some(held) = &self.held else { return };
        match list(pass, self.named, held).await {
            Ok(standing) => {
                self.report.number = Some(standing.number);
                self.report.bundles = standing.bundles;
                self.report.moved = standing.moved;
            }
            Err(why) => self.report.failures.push(why.into()),
        }
    }
}
