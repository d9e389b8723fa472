//! Writing a bucket's index and manifest anew, whatever stands there.
//!
//! A pass never replaces a manifest that it cannot read: somebody else's may stand under our name. An operator who knows better has it written anew
//! with this. It never goes backwards: where a manifest of ours with a higher number stands, the database is the one that lacks something.

use std::fmt;

use proto::Feed;
use proto::index::index_path;
use proto::manifest::{Manifest, manifest_path};
use serde::Serialize;
use service::{ActReason, os_user};
use store::Act;

use crate::bucket::Object;
use crate::error::ExportError;
use crate::listing::{Lists, highest, manifest_of};
use crate::pass::{NamedBucket, Pass, object_path};
use crate::report::Failure;
use crate::run::Exporter;

/// What was written, or would be, everywhere.
#[derive(Debug, Clone, Serialize)]
pub struct RebuildReport {
    /// Nothing was written: this is what would have been.
    pub dry_run: bool,
    /// Feed by feed, bucket by bucket.
    pub rebuilt: Vec<Rebuilt>,
    /// Where nothing could be written, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<NotRebuilt>,
}

/// Why nothing was written for one feed in one bucket.
#[derive(Debug, Clone, Serialize)]
pub struct NotRebuilt {
    /// The feed's path.
    pub feed: String,
    /// The bucket's name.
    pub bucket: String,
    /// What failed.
    #[serde(flatten)]
    pub failure: Failure,
}

/// What was written, or would be, for one feed in one bucket.
#[derive(Debug, Clone, Serialize)]
pub struct Rebuilt {
    /// The feed's path.
    pub feed: String,
    /// The bucket's name.
    pub bucket: String,
    /// The number of the manifest that stood there; none if there was none that could be read.
    pub from: Option<u64>,
    /// The number of the new one.
    pub number: u64,
    /// How many bundles it lists.
    pub bundles: usize,
    /// Whether anything had to be written.
    pub written: bool,
}

impl Exporter {
    /// Writes index and manifest of every feed anew in every bucket, or says what it would write. Those that are as they should be stay. Where one of them
    /// cannot be written, because a manifest of ours stands there with a higher number than the database's, because nothing that the bucket holds in full can
    /// be listed, or because a bucket or a signing key is not there, the others are written all the same.
    ///
    /// # Errors
    /// What the database says, and clocks that are too far apart.
    pub async fn rebuild(&self, reason: &ActReason, dry_run: bool) -> Result<RebuildReport, ExportError> {
        let clocks = self.compare_clocks().await?;
        clocks.ensure_ours()?;
        let (mut rebuilt, mut failures) = (Vec::new(), Vec::new());
        for feed in self.feeds().await? {
            let keys = self.keys(&feed).await;
            for named in self.buckets() {
                let act = Act {
                    at: clocks.database,
                    act: "exporter index rebuild".to_owned(),
                    subject: serde_json::json!({ "feed": feed.to_string(), "bucket": named.name }).to_string(),
                    outcome: String::new(),
                    reason: reason.as_str().to_owned(),
                    os_user: os_user(),
                };
                let done = match &keys {
                    Ok(keys) => Rebuilding { pass: &self.pass_of(&feed, keys), named, act, dry_run }.run(&feed).await,
                    Err(why) => Err(why.clone()),
                };
                match done {
                    Ok(done) => rebuilt.push(done),
                    Err(why) => {
                        let (feed, bucket) = (feed.to_string(), named.name.clone());
                        failures.push(NotRebuilt { feed, bucket, failure: why.into() });
                    }
                }
            }
        }
        Ok(RebuildReport { dry_run, rebuilt, failures })
    }
}

impl RebuildReport {
    /// The exit code of `exporter index rebuild`: 0 if all is as it should be, 1 if it is worth another try, 2 if somebody has to look.
    pub fn exit_code(&self) -> u8 {
        Failure::exit_code_of(self.failures.iter().map(|one| &one.failure))
    }
}

impl fmt::Display for RebuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Rebuilt { feed, bucket, number, bundles, written, .. } in &self.rebuilt {
            let done = match (written, self.dry_run) {
                (false, _) => "are as they should be",
                (true, false) => "were written anew",
                (true, true) => "would be written anew",
            };
            writeln!(f, "{feed}: bucket {bucket}: index and manifest {done}: {bundles} bundles at number {number}")?;
        }
        self.failures
            .iter()
            .try_for_each(|NotRebuilt { feed, bucket, failure }| writeln!(f, "{feed}: bucket {bucket}: {failure}"))
    }
}

/// One feed in one bucket.
struct Rebuilding<'a> {
    pass: &'a Pass<'a>,
    named: &'a NamedBucket,
    /// What will be written down, but for its outcome.
    act: Act,
    dry_run: bool,
}

impl Rebuilding<'_> {
    async fn run(&self, feed: &Feed) -> Result<Rebuilt, ExportError> {
        let (pass, bucket) = (self.pass, &self.named.bucket);
        let index = bucket.get(&object_path(&index_path(feed))?).await?;
        let manifest = bucket.get(&object_path(&manifest_path(feed))?).await?;
        let verifier = pass.keys.verifier(feed)?;
        let read = |object: &Object| Manifest::open(&object.bytes, &verifier, feed).ok();
        let ours = manifest.as_ref().and_then(read);
        let renumbered = self.renumbered(ours.as_ref()).await?;
        let newest = pass.store.newest_listing(feed).await?;
        let held = pass.held(self.named, &newest.bundles).await?;
        let from = ours.as_ref().map(|manifest| manifest.number);
        let below = if renumbered && !self.dry_run { newest.number } else { from.unwrap_or(0) };
        let Some(listing) = highest(pass, below, &held).await? else { return Err(nothing_in_full()) };
        let same_number = manifest.as_ref().filter(|_| from == Some(listing.number));
        let lists = Lists::render(pass, &listing, same_number).await?;
        let differs =
            |there: &Option<Object>, bytes: &str| there.as_ref().is_none_or(|object| object.bytes != bytes.as_bytes());
        let written = differs(&manifest, &lists.manifest) || differs(&index, &lists.index);
        let told = listing.number + u64::from(renumbered && self.dry_run);
        let rebuilt = Rebuilt {
            feed: feed.to_string(),
            bucket: self.named.name.clone(),
            from,
            number: told,
            bundles: listing.bundles.len(),
            written,
        };
        if written && !self.dry_run {
            self.write(&lists, &rebuilt, (manifest.as_ref(), index.as_ref())).await?;
            let noted = pass.store.record_listed(feed, listing.number, &self.named.name);
            pass.step("feed.record", None, Some(self.named), noted).await?;
        }
        Ok(rebuilt)
    }

    /// Takes the next number, if a manifest of ours says something else at the current one; whether that is so.
    async fn renumbered(&self, ours: Option<&Manifest>) -> Result<bool, ExportError> {
        let pass = self.pass;
        let Some(ours) = ours else { return Ok(false) };
        let number = pass.store.number(pass.feed).await?;
        if ours.number > number {
            return Err(ExportError::Corrupt(format!(
                "it stands at number {}, and the database at {number}: a list never goes backwards. If the database was restored from a copy: exporter \
                 adopt",
                ours.number
            )));
        }
        let differs =
            ours.number == number && manifest_of(&pass.store.listing(pass.feed, number).await?, pass.feed) != *ours;
        if differs && !self.dry_run {
            pass.step("feed.renumber", None, None, pass.store.renumber(pass.feed)).await?;
        }
        Ok(differs)
    }

    /// Writes the act down, then the manifest, then the index, each only if what stands there is what was read.
    async fn write(
        &self,
        lists: &Lists,
        rebuilt: &Rebuilt,
        (manifest, index): (Option<&Object>, Option<&Object>),
    ) -> Result<(), ExportError> {
        let (pass, named) = (self.pass, self.named);
        let outcome = serde_json::json!({ "from": rebuilt.from, "number": rebuilt.number, "bundles": rebuilt.bundles });
        let act = Act { outcome: outcome.to_string(), ..self.act.clone() };
        pass.step("audit.record", None, Some(named), pass.store.record(&act)).await?;
        if lists.replace_manifest(pass, named, manifest).await? && lists.replace_index(pass, named, index).await? {
            return Ok(());
        }
        Err(ExportError::Retry("somebody else moves it at this moment".to_owned()))
    }
}

fn nothing_in_full() -> ExportError {
    let why = "it lacks bundles of every list that may be written there: put them there with `exporter once`, or leave the bucket out";
    ExportError::Corrupt(why.to_owned())
}
