//! Taking a bundle back: out of every list at once, and what is good in it is published again.

use std::fmt;

use proto::Feed;
use serde::Serialize;
use service::{ActReason, os_user};
use store::{Act, EntryName, RecallOrder, RecallOutcome, Recalled};

use crate::error::ExportError;
use crate::occasion::{Occasion, Timing};
use crate::report::{BucketReport, Failure, FeedReport};
use crate::run::Exporter;

/// Which bundle is to be recalled.
#[derive(Debug, Clone)]
pub struct RecallSpec {
    /// Whose.
    pub feed: Feed,
    /// Its sequence.
    pub sequence: u64,
    /// What is set aside rather than published again.
    pub without: Vec<EntryName>,
    /// Why, for the audit. Without a reason nothing is changed, and it is said what would be.
    pub reason: Option<ActReason>,
}

/// What a recall did, or would do.
#[derive(Debug, Clone, Serialize)]
pub struct RecallReport {
    /// Nothing was done: this is what would have been.
    pub dry_run: bool,
    /// Whose bundle.
    pub feed: String,
    /// Its sequence.
    pub bundle: u64,
    /// It had been recalled before: what buckets lacked of that was done now.
    pub before: bool,
    /// The first number that does not list it.
    pub number: u64,
    /// What became of its members; none if it had been recalled before.
    pub members: Option<RecalledMembers>,
    /// The buckets whose lists may name it still.
    pub listed_by: Vec<String>,
    /// What the buckets were brought to.
    pub published: Option<FeedReport>,
}

/// What became of the members of a recalled bundle.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RecalledMembers {
    /// How many it had.
    pub all: u64,
    /// How many publications wait again.
    pub returned: u64,
    /// How many were set aside.
    pub set_aside: u64,
    /// It had never been derived, so that no bucket ever listed it.
    pub void: bool,
}

impl Exporter {
    /// Recalls a bundle, and brings every bucket to a list that does not name it, as a pass does that seals nothing. Repeating it does what is left to
    /// do. Without a reason nothing is changed.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] for an unknown feed, bundle or entry, or a bundle that is listed no more because its time was over;
    /// [`ExportError::Corrupt`] if a bucket is ahead of the database, or a member that would return breaks an invariant; [`ExportError::Retry`] if the
    /// database or all buckets do not answer. Nothing was recalled then.
    pub async fn recall(&self, spec: &RecallSpec) -> Result<RecallReport, ExportError> {
        let clocks = self.compare_clocks().await?;
        clocks.ensure_ours()?;
        let act = spec.reason.as_ref().map(|reason| spec.act(reason, clocks.database));
        let RecallSpec { feed, sequence, without, .. } = spec.clone();
        let order = RecallOrder { feed: feed.clone(), sequence, without, act };
        if order.act.is_none() {
            let foreseen = self.store().recall(&order).await?;
            return RecallReport::of(spec, foreseen, FeedReport::new(&feed));
        }
        let keys = self.keys(&feed).await?;
        let (pass, occasion) = (self.pass_of(&feed, &keys), Occasion { timing: Timing::Now, clocks: &clocks });
        let mut published = FeedReport::new(&feed);
        // A number that is taken cannot be given back: a bucket that is ahead of the database is for `adopt`.
        let asked = self.ask(&pass, &occasion, &mut published).await?;
        let outcome = pass.step("feed.recall", Some(sequence), None, self.store().recall(&order)).await?;
        if let Err(why) = self.bring_up_to_date(&pass, asked, &mut published, &occasion).await {
            published.failures.push(why.into());
        }
        RecallReport::of(spec, outcome, published)
    }
}

impl RecallSpec {
    fn act(&self, reason: &ActReason, at: proto::Timestamp) -> Act {
        let without: Vec<String> = self.without.iter().map(ToString::to_string).collect();
        let subject = serde_json::json!({ "feed": self.feed.to_string(), "bundle": self.sequence, "without": without });
        let (act, reason) = ("exporter recall".to_owned(), reason.as_str().to_owned());
        Act { at, act, subject: subject.to_string(), outcome: "{}".to_owned(), reason, os_user: os_user() }
    }
}

impl RecallReport {
    fn of(spec: &RecallSpec, outcome: RecallOutcome, published: FeedReport) -> Result<Self, ExportError> {
        let (number, members) = match outcome {
            RecallOutcome::Recalled(recalled) => (recalled.number, Some(RecalledMembers::from(&recalled))),
            RecallOutcome::Before(number) => (number, None),
            RecallOutcome::Delisted => {
                return Err(ExportError::GiveUp(format!(
                    "bundle: {} of {} is listed no more, since its time was over: there is nothing to recall",
                    spec.sequence, spec.feed
                )));
            }
        };
        let dry_run = spec.reason.is_none();
        let void = members.is_some_and(|members| members.void);
        let lists = |bucket: &&BucketReport| bucket.number.is_none_or(|at| at > 0 && at < number);
        let listed_by = published.buckets.iter().filter(lists).map(|bucket| bucket.bucket.clone());
        Ok(Self {
            dry_run,
            feed: spec.feed.to_string(),
            bundle: spec.sequence,
            before: members.is_none(),
            number,
            members,
            listed_by: if void { Vec::new() } else { listed_by.collect() },
            published: (!dry_run).then_some(published),
        })
    }

    /// The exit code of `exporter recall`: 0 if no bucket lists the bundle any more and nothing failed, 1 if it is worth another try, 2 if somebody has
    /// to look.
    pub fn exit_code(&self) -> u8 {
        let published = self.published.iter();
        let failures =
            published.flat_map(|report| report.failures.iter().chain(report.buckets.iter().flat_map(|b| &b.failures)));
        Failure::exit_code_of(failures).max(u8::from(!self.listed_by.is_empty()))
    }
}

impl From<&Recalled> for RecalledMembers {
    fn from(recalled: &Recalled) -> Self {
        let Recalled { members: all, returned, set_aside, void, .. } = *recalled;
        Self { all, returned, set_aside, void }
    }
}

impl fmt::Display for RecallReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { feed, bundle, number, .. } = self;
        if self.dry_run {
            writeln!(f, "dry run: nothing was changed; this is what would be done")?;
        }
        match &self.members {
            Some(RecalledMembers { all, returned, set_aside, void }) => {
                let end = if *void { "; it had never been derived, so no list ever named it" } else { "" };
                writeln!(f, "{feed}: recalled bundle {bundle} at number {number}{end}")?;
                writeln!(f, "{feed}: of its {all} members {returned} wait again and {set_aside} are set aside")?;
            }
            None => writeln!(f, "{feed}: bundle {bundle} was recalled before, at number {number}")?,
        }
        if let Some(published) = &self.published {
            published.fmt(f)?;
        }
        self.listed_by.iter().try_for_each(|bucket| {
            writeln!(
                f,
                "{feed}: bucket {bucket} MAY STILL LIST bundle {bundle}: run this again, or any pass, once it answers"
            )
        })
    }
}
