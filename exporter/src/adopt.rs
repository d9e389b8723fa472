//! Taking over what the buckets know, after the database was restored from a copy.
//!
//! Of each feed of which a bucket knows more, or something else, than the database: the manifest with the highest number among all buckets is
//! what phones have seen last. The bundles that it lists and the database lacks are read from any bucket that has them with the bytes that the manifest
//! names, checked as the strictest phone would, and written as rows, one transaction each. Then the feed takes over number, sequence, end and
//! announcements in one more, in which what the database has besides is settled. Objects are not touched. A crash anywhere is repaired by running it again:
//! until the last transaction, buckets stay ahead and nothing is sealed.

use proto::manifest::Manifest;
use service::{ActReason, os_user};
use store::{Act, Adoption, Listing};

use crate::ahead;
use crate::error::ExportError;
use crate::listing::Lists;
use crate::pass::{NamedBucket, Pass};
use crate::run::Exporter;
use crate::stand::Stand;

mod bundle;
mod plan;
mod report;

use bundle::Source;
use plan::Plan;
pub use report::{AdoptReport, FeedAdoption, TakenOver};

impl Exporter {
    /// Takes over what the buckets know of each feed of which they know more than the database. Or, in a dry run, reads and checks all that it would
    /// take over, says what it would do, and does none of it. What fails in one feed holds up no other and stands in the report.
    ///
    /// # Errors
    /// As [`once`](Self::once).
    pub async fn adopt(&self, reason: &ActReason, dry_run: bool) -> Result<AdoptReport, ExportError> {
        let clocks = self.compare_clocks().await?;
        clocks.ensure_ours()?;
        let mut report = AdoptReport { dry_run, feeds: Vec::new() };
        for feed in self.feeds().await? {
            let mut of_feed = FeedAdoption::new(&feed);
            let done = match self.keys(&feed).await {
                Ok(keys) => {
                    let pass = self.pass_of(&feed, &keys);
                    let act = Act {
                        at: clocks.database,
                        act: "exporter adopt".to_owned(),
                        subject: String::new(),
                        outcome: String::new(),
                        reason: reason.as_str().to_owned(),
                        os_user: os_user(),
                    };
                    Adopting { pass: &pass, buckets: self.buckets(), act, dry_run }.feed(&mut of_feed).await
                }
                Err(why) => Err(why),
            };
            of_feed.failures.extend(done.err().map(Into::into));
            report.feeds.push(of_feed);
        }
        Ok(report)
    }
}

/// One feed.
struct Adopting<'a> {
    pass: &'a Pass<'a>,
    buckets: &'a [NamedBucket],
    /// What will be written down, but for its subject and outcome.
    act: Act,
    dry_run: bool,
}

impl Adopting<'_> {
    async fn feed(&self, report: &mut FeedAdoption) -> Result<(), ExportError> {
        let stands = self.stands().await?;
        let answers: Vec<(&NamedBucket, &Stand)> = stands.iter().map(|(named, stand)| (*named, stand)).collect();
        let standing = self.pass.store.standing(self.pass.feed).await?;
        report.from = standing.number;
        if ahead::find_ahead(self.pass, &answers).await?.is_none() {
            return Ok(());
        }
        let Some((bucket, manifest)) = highest(self.pass, &answers)? else { return Ok(()) };
        report.bucket = Some(bucket.name.clone());
        report.number = manifest.number;

        let bundles = self.pass.store.standing_bundles(self.pass.feed).await?;
        let plan = Plan::of(manifest, standing, &bundles, &self.objects().await?);
        (report.expired, report.recalled) = (plan.expired.clone(), plan.recalled.clone());
        (report.next_sequence, report.next_start) = (plan.next_sequence, plan.last_end.unix());
        let source = Source::new(self.pass, self.buckets, manifest);
        self.bundles(&plan, source, report).await?;
        if !self.dry_run {
            self.take_over(&plan, report).await?;
            self.ensure_told(bucket, &answers).await?;
        }
        Ok(())
    }

    /// What each bucket says. One that does not answer may be the one that knows most.
    async fn stands(&self) -> Result<Vec<(&NamedBucket, Stand)>, ExportError> {
        let mut stands = Vec::with_capacity(self.buckets.len());
        for named in self.buckets {
            stands.push((named, Stand::read(self.pass, named).await?));
        }
        Ok(stands)
    }

    /// The names of all objects of the feed, in any bucket.
    async fn objects(&self) -> Result<Vec<String>, ExportError> {
        let under = crate::pass::object_path(&self.pass.feed.to_string())?;
        let mut names = Vec::new();
        for named in self.buckets {
            names.extend(named.bucket.list(&under).await?.into_keys().map(|path| path.to_string()));
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// Reads and checks what is to be taken over, oldest first, and writes it unless this is a dry run.
    async fn bundles(
        &self,
        plan: &Plan<'_>,
        mut source: Source<'_>,
        report: &mut FeedAdoption,
    ) -> Result<(), ExportError> {
        for listed in &plan.take {
            let bundle = source.read(listed).await?;
            let (pass, sequence) = (self.pass, Some(listed.sequence));
            let kept = source.given_by_rows(&bundle).await?;
            report.bundles.push(TakenOver { kept, ..TakenOver::of(&bundle.row) });
            match &bundle.row.derived {
                _ if self.dry_run => {}
                Some(derived) if kept => {
                    let recorded = pass.store.record_derived(pass.feed, listed.sequence, derived);
                    pass.step("bundle.derive", sequence, None, recorded).await?;
                }
                _ => {
                    let adopted = pass.store.adopt_bundle(pass.feed, &bundle);
                    pass.step("bundle.adopt", sequence, None, adopted).await?;
                }
            }
        }
        Ok(())
    }

    /// The last transaction.
    async fn take_over(&self, plan: &Plan<'_>, report: &FeedAdoption) -> Result<(), ExportError> {
        let Manifest { number, time, keys, gateways, bundles, .. } = plan.manifest;
        let mut rows = Vec::with_capacity(bundles.len());
        for listed in bundles {
            let row = self.pass.store.bundle(self.pass.feed, listed.sequence).await?;
            let missing =
                || ExportError::Retry(format!("{}: bundle {} is gone again", self.pass.feed, listed.sequence));
            rows.push(row.ok_or_else(missing)?);
        }
        let adoption = Adoption {
            listing: Listing {
                number: *number,
                time: *time,
                keys: keys.clone(),
                gateways: gateways.clone(),
                bundles: rows,
            },
            next_sequence: plan.next_sequence,
            last_end: plan.last_end,
            expired: plan.expired.clone(),
            recalled: plan.recalled.clone(),
        };
        let subject = serde_json::json!({ "feed": report.feed, "from": report.from, "number": number });
        let sequences: Vec<u64> = report.bundles.iter().map(|bundle| bundle.sequence).collect();
        let outcome =
            serde_json::json!({ "bundles": sequences, "expired": plan.expired, "recalled": plan.recalled }).to_string();
        let act = Act { subject: subject.to_string(), outcome, ..self.act.clone() };
        let adopted = self.pass.store.adopt(self.pass.feed, &adoption, &act);
        Ok(self.pass.step("feed.adopt", None, None, adopted).await?)
    }

    /// Whether the database now says what the bucket says, byte for byte, and nothing that another one denies.
    async fn ensure_told(&self, bucket: &NamedBucket, answers: &[(&NamedBucket, &Stand)]) -> Result<(), ExportError> {
        let (pass, name) = (self.pass, &bucket.name);
        let there =
            answers.iter().find(|(named, _)| named.name == *name).and_then(|(_, stand)| stand.manifest.as_ref());
        let object = there.map(|(object, _)| object);
        let listing = pass.store.newest_listing(pass.feed).await?;
        let (told, verifier) = (Lists::render(pass, &listing, object).await?, pass.keys.verifier(pass.feed)?);
        if object.is_none_or(|object| verifier.open(&object.bytes) != verifier.open(told.manifest.as_bytes())) {
            let what = "was taken over, and the database would write other bytes at the same number";
            return Err(ExportError::Corrupt(format!("{}: the manifest of bucket {name} {what}", pass.feed)));
        }
        match ahead::find_ahead(pass, answers).await? {
            None => Ok(()),
            Some(what) => Err(ExportError::Corrupt(format!(
                "{}: {what}, although another bucket is further: phones were shown two truths. Where its own is to go, with that bucket alone: \
                 exporter index rebuild",
                pass.feed
            ))),
        }
    }
}

/// The manifest with the highest number, and a bucket that has it.
fn highest<'a>(
    pass: &Pass<'_>,
    answers: &[(&'a NamedBucket, &'a Stand)],
) -> Result<Option<(&'a NamedBucket, &'a Manifest)>, ExportError> {
    let manifests = answers.iter().filter_map(|(named, stand)| Some((*named, stand.manifest.as_ref()?)));
    let Some((named, (object, manifest))) = manifests.clone().max_by_key(|(_, (_, manifest))| manifest.number) else {
        return Ok(None);
    };
    let number = manifest.number;
    if let Some((other, _)) = manifests.clone().find(|(_, (_, other))| other.number == number && other != manifest) {
        return Err(ExportError::Corrupt(format!(
            "{}: buckets {} and {} say different things at number {number}; decide which one is right, and make the other one go: nothing was \
             taken over",
            pass.feed, named.name, other.name
        )));
    }
    // A line of a later version would be lost, and the same number would say something else.
    if !object.bytes.starts_with(format!("{}\n", manifest.render()).as_bytes()) {
        return Err(ExportError::GiveUp(format!(
            "{}: the manifest of bucket {} has lines that this program does not know; take a newer one. Nothing was taken over",
            pass.feed, named.name
        )));
    }
    Ok(Some((named, manifest)))
}
