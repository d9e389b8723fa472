//! One pass, the whole pipeline in its order: announce, seal, de-list, derive, put, list, delete, purge.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use proto::Feed;
use store::{Clock, Grid, KeyStore, Purged, SealOutcome};

use crate::ahead::{self, Asked};
use crate::announcement::announce;
use crate::bucket::Bucket;
use crate::clocks::Clocks;
use crate::coepi;
use crate::config::Settings;
use crate::error::ExportError;
use crate::filler::{FILLER_FILE, FillerSecret};
use crate::gateways;
use crate::occasion::{Occasion, Round, Timing};
use crate::open::{open_buckets, open_store};
use crate::pace::Pace;
use crate::pass::{NamedBucket, Pass};
use crate::pem_keyring::PemKeyring;
use crate::prune::{delist, forget, purge};
use crate::ready::{self, Around};
use crate::replicas::publish;
use crate::report::{BucketReport, FeedReport, Report, SealedBundle, WaitingReport};
use crate::seal::{SealTiming, seal};
use crate::signer::{FeedKeys, Keyring};
use crate::steps::Observer;
use crate::stop::Stop;

/// Seals, derives and publishes. Cheap to clone; several may run at once, in one process or in many.
#[derive(Clone)]
pub struct Exporter {
    settings: Settings,
    store: Arc<dyn KeyStore>,
    keyring: Arc<dyn Keyring>,
    buckets: Vec<NamedBucket>,
    observer: Observer,
    pace: Pace,
    clock: Clock,
    stop: Stop,
}

impl Exporter {
    /// Opens the database and the buckets that the settings name.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] if the database does not exist, a bucket's setting is wrong, none can be opened, two have one name, or a feed has two policies;
    /// what the store says of its database.
    pub async fn open(settings: &Settings, clock: Clock) -> Result<Self, ExportError> {
        settings.ensure_sound()?;
        let store = open_store(&settings.database_url, settings.replica.of_store(), clock.clone()).await?;
        let exporter = Self {
            settings: settings.clone(),
            store,
            keyring: Arc::new(PemKeyring::new(settings.clone())),
            buckets: open_buckets(&settings.buckets).await?,
            observer: Arc::new(|_| ()),
            pace: Pace::default(),
            clock,
            stop: Stop::default(),
        };
        if exporter.filler_secret()?.is_none() {
            let path = settings.signing_key_dir.join(FILLER_FILE);
            tracing::warn!(
                "{} does not exist: feeds with too few entries are held until more come, and few revisions for ever. Make it with: exporter keys \
                 generate",
                path.display()
            );
        }
        Ok(exporter)
    }

    /// With one bucket more.
    #[must_use]
    pub fn with_bucket(mut self, name: &str, bucket: Arc<dyn Bucket>) -> Self {
        self.buckets.push(NamedBucket::new(name, bucket));
        self
    }

    /// With another source of keys, for instance a KMS.
    #[must_use]
    pub fn with_keyring(mut self, keyring: Arc<dyn Keyring>) -> Self {
        self.keyring = keyring;
        self
    }

    /// With buckets that wait for each other differently.
    #[must_use]
    pub const fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// With an observer that is called before and after every step.
    #[must_use]
    pub fn with_steps(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
    }

    /// With another clock of its own than that which moves the database's time in tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// With passes that end between two steps once they are asked to.
    #[must_use]
    pub fn with_stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Tells this observer from now on what the database does. The first one stays.
    pub fn observe(&self, observer: Arc<dyn store::Observer>) {
        self.store.observe(observer);
    }

    pub(crate) fn store(&self) -> &dyn KeyStore {
        self.store.as_ref()
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn buckets(&self) -> &[NamedBucket] {
        &self.buckets
    }

    /// The keys of a feed, as they are now.
    pub(crate) async fn keys(&self, feed: &Feed) -> Result<FeedKeys, ExportError> {
        self.keyring.keys(feed).await
    }

    /// What its passes end by.
    pub(crate) const fn stop(&self) -> &Stop {
        &self.stop
    }

    /// One pass over every feed, which seals now. What fails in one feed or bucket holds up no other and stands in the report.
    ///
    /// # Errors
    /// Only what keeps the pass from beginning: the list of feeds cannot be read, or the settings name one that does not exist.
    pub async fn once(&self) -> Result<Report, ExportError> {
        Ok(self.round(Timing::Now).await?.report)
    }

    /// One pass over every feed, and what the next one is timed by.
    pub(crate) async fn round(&self, timing: Timing) -> Result<Round, ExportError> {
        let (clocks, feeds) = (self.compare_clocks().await?, self.feeds().await?);
        let mut report = Report { clocks: Some((&clocks).into()), ..Report::default() };
        match clocks.ensure_ours() {
            Ok(()) => self.pass_over(&feeds, &Occasion { timing, clocks: &clocks }, &mut report).await,
            Err(why) => report.failures.push(why.into()),
        }
        report.log_failures();
        let next = feeds.iter().map(|feed| self.settings.policy(feed).next_boundary(clocks.database)).min();
        Ok(Round { report, clocks, next })
    }

    async fn pass_over(&self, feeds: &[Feed], occasion: &Occasion<'_>, report: &mut Report) {
        for named in &self.buckets {
            named.silent.store(false, Ordering::Relaxed);
            if let Err(why) = named.bucket.tidy().await {
                tracing::warn!(bucket.name = named.name, error = %why, "leftovers of earlier writes could not be cleared");
            }
        }
        for feed in feeds {
            report.feeds.push(self.feed(feed, occasion).await);
        }
        // Who sees some feeds only does not know who is ready.
        if self.settings.feeds.is_empty() {
            let around = Around { observer: &self.observer, stop: &self.stop, store: self.store.as_ref() };
            let said = ready::announce(around, &self.buckets, &report.feeds, self.clock.now());
            said.await.into_iter().for_each(|(bucket, why)| report.note_in_bucket(&bucket, why));
        }
        report.note_forgotten(forget(self.store.as_ref()).await);
    }

    pub(crate) async fn compare_clocks(&self) -> Result<Clocks, ExportError> {
        Clocks::compare(self.store.as_ref(), &self.clock, &self.buckets).await
    }

    /// What every step of a pass over `feed` works with.
    pub(crate) fn pass_of<'a>(&'a self, feed: &'a Feed, keys: &'a FeedKeys) -> Pass<'a> {
        Pass { store: self.store.as_ref(), feed, keys, observer: &self.observer, stop: &self.stop }
    }

    pub(crate) async fn feeds(&self) -> Result<Vec<Feed>, ExportError> {
        let known = self.store.feeds().await?;
        self.settings.ensure_known(&known)?;
        let wanted = &self.settings.feeds;
        Ok(known.into_iter().filter(|feed| wanted.is_empty() || wanted.contains(feed)).collect())
    }

    async fn feed(&self, feed: &Feed, occasion: &Occasion<'_>) -> FeedReport {
        let mut report = FeedReport::new(feed);
        if let Err(why) = self.pass(feed, occasion, &mut report).await {
            report.failures.push(why.into());
        }
        report
    }

    async fn pass(&self, feed: &Feed, occasion: &Occasion<'_>, report: &mut FeedReport) -> Result<(), ExportError> {
        let keys = self.keys(feed).await?;
        let pass = self.pass_of(feed, &keys);

        let asked = self.ask(&pass, occasion, report).await?;
        announce(&pass).await?;
        // A list that cannot be read holds up no bundle: what was announced before stays.
        if let Err(why) = gateways::announce(&pass, &self.settings.gateways).await {
            report.failures.push(why.into());
        }
        // What was sealed before is published even if nothing can be sealed now, and what is too old goes all the same.
        // While a bucket's clock is off, its report says so and nothing new is sealed.
        if occasion.clocks.agree()
            && let Err(why) = self.seal(&pass, occasion, report).await
        {
            report.failures.push(why.into());
        }
        let done = self.bring_up_to_date(&pass, asked, report, occasion).await;
        if self.quiet(feed).is_some() && occasion.clocks.agree() {
            coepi::render(&pass, &self.buckets, report).await;
        }
        done
    }

    /// When a feed is not sealed, if it is rendered by intervals.
    fn quiet(&self, feed: &Feed) -> Option<Grid> {
        self.settings.coepi.contains(feed).then_some(coepi::GRID)
    }

    /// What the buckets say, unless that forbids to go on; of those that are to be left alone, why.
    pub(crate) async fn ask(
        &self,
        pass: &Pass<'_>,
        occasion: &Occasion<'_>,
        report: &mut FeedReport,
    ) -> Result<Asked<'_>, ExportError> {
        let asked = ahead::ask(pass, &self.buckets, self.pace).await;
        match ahead::ensure_not_ahead(pass, &asked).await {
            Ok(()) => Ok(occasion.without_off(asked)),
            Err(why) => {
                report.buckets =
                    asked.into_iter().map(|(named, stand)| BucketReport::of_stand(&named.name, stand)).collect();
                Err(why)
            }
        }
    }

    /// What follows the seal: buckets and database come to hold what is listed now and nothing whose time is over.
    pub(crate) async fn bring_up_to_date(
        &self,
        pass: &Pass<'_>,
        asked: Asked<'_>,
        report: &mut FeedReport,
        occasion: &Occasion<'_>,
    ) -> Result<(), ExportError> {
        match delist(pass).await {
            Ok(delisted) => report.delisted = delisted,
            Err(why) => report.failures.push(why.into()),
        }
        let listing = pass.store.newest_listing(pass.feed).await?;
        let rows = listing.bundles;
        report.number = listing.number;
        report.newest = rows.last().map(|row| row.end.unix());
        let puts = occasion.timing != Timing::Never;
        publish(pass, (asked, rows), (puts, self.pace), report).await;

        let mut purged = Purged::default();
        if let Err(why) = purge(pass, &self.names(), &mut purged).await {
            report.failures.push(why.into());
        }
        report.purged = purged.into();
        Ok(())
    }

    /// The buckets whose word is waited for before rows go: all that are set.
    pub(crate) fn names(&self) -> Vec<String> {
        self.buckets.iter().map(|named| named.name.clone()).collect()
    }

    async fn seal(&self, pass: &Pass<'_>, occasion: &Occasion<'_>, report: &mut FeedReport) -> Result<(), ExportError> {
        let policy = self.settings.policy(pass.feed);
        let timing = SealTiming { due: occasion.due(&policy), quiet: self.quiet(pass.feed) };
        let secret = self.filler_secret()?;
        let waiting = match seal(pass, &policy, timing, secret.as_ref()).await? {
            SealOutcome::Sealed(sequences) => {
                for sequence in sequences {
                    let row = pass.store.bundle(pass.feed, sequence).await?;
                    report.sealed.extend(row.as_ref().map(SealedBundle::from));
                }
                pass.store.waiting(pass.feed).await?
            }
            SealOutcome::Held(waiting) => waiting,
            SealOutcome::Nothing | SealOutcome::NotDue => pass.store.waiting(pass.feed).await?,
        };
        let (held, unripe, minimum) = (waiting.releasable, waiting.unripe, policy.minimum);
        report.waiting = Some(WaitingReport { held, unripe, minimum });
        Ok(())
    }

    /// The secret of filler, as it is now; without it, small bundles are held.
    fn filler_secret(&self) -> Result<Option<FillerSecret>, ExportError> {
        FillerSecret::read(&self.settings.signing_key_dir)
    }
}
