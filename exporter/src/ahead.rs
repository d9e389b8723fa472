//! Whether a bucket is ahead of the database, as after a restore from a copy: then nothing is sealed.
//!
//! A copy of a database knows nothing of what was published after it was made. Sealed on from there, its next bundles would take sequences, ends and
//! numbers that phones know already, and would publish keys twice that stand in bundles which it has forgotten. The buckets remember. So each
//! pass asks them before it seals, and goes on only if none of them says more, or something else, than the database does.
//!
//! At least one bucket must have answered: one that does not answer may be ahead, and a number that was taken cannot be given back. Where several are
//! set, one that is down holds up nothing as long as another one has spoken: what was published stands in all of them, or will be put there by the
//! next pass, which asks again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use proto::manifest::Manifest;
use store::{FeedStanding, StoreError};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::ExportError;
use crate::listing::manifest_of;
use crate::pace::Pace;
use crate::pass::{NamedBucket, Pass};
use crate::stand::Stand;

/// What an operator can do about it.
const ADOPT: &str = "was the database restored from a copy? Nothing was sealed and nothing was changed. To see what the buckets know and take \
    it over: exporter adopt --reason TEXT --dry-run";

/// What each bucket says, or why it does not.
pub(crate) type Asked<'a> = Vec<(&'a NamedBucket, Result<Stand, ExportError>)>;

/// Reads what each bucket says of the feed. Once one has answered, the others have no more than a moment.
pub(crate) async fn ask<'a>(pass: &Pass<'_>, buckets: &'a [NamedBucket], pace: Pace) -> Asked<'a> {
    let (end, ends) = watch::channel(None);
    let asking = buckets.iter().map(async |named| {
        let said = ask_one(pass, named, &named.until(ends.clone()), pace).await;
        if said.is_ok() && pace.at_once {
            let soon = Instant::now() + pace.grace;
            end.send_if_modified(|known| known.is_none() && known.replace(soon).is_none());
        }
        (named, said)
    });
    if pace.at_once {
        return join_all(asking).await;
    }
    let mut asked = Vec::with_capacity(buckets.len());
    for one in asking {
        asked.push(one.await);
    }
    asked
}

/// Asks a bucket, unless it kept another feed of this pass waiting in vain.
async fn ask_one(
    pass: &Pass<'_>,
    named: &NamedBucket,
    patient: &NamedBucket,
    pace: Pace,
) -> Result<Stand, ExportError> {
    if named.silent.load(Ordering::Relaxed) {
        let what = "it kept another feed waiting; the next pass asks it again";
        return Err(ExportError::Retry(what.to_owned()));
    }
    let begun = Instant::now();
    let said = Stand::read(pass, patient).await;
    named.note_silence(matches!(said, Err(ExportError::Retry(_))) && begun.elapsed() >= pace.grace);
    said
}

/// Refuses to go on if one of the buckets is ahead, or none has answered. The buckets have been read before, the database is read now: what other
/// exporters seal and publish meanwhile, the database knows first.
///
/// # Errors
/// [`ExportError::Corrupt`], which names `exporter adopt`; if no bucket has answered, the worst of their reasons.
pub(crate) async fn ensure_not_ahead(pass: &Pass<'_>, asked: &Asked<'_>) -> Result<(), ExportError> {
    let answers: Vec<_> = asked.iter().filter_map(|(named, stand)| Some((*named, stand.as_ref().ok()?))).collect();
    if answers.is_empty() {
        let silent = asked.iter().filter_map(|(_, stand)| stand.as_ref().err()).max_by_key(|why| why.kind());
        return silent.map_or(Ok(()), |why| Err(unanswered(pass, why)));
    }
    match find_ahead(pass, &answers).await? {
        None => Ok(()),
        Some(what) => Err(ExportError::Corrupt(format!("{}: {what}: {ADOPT}", pass.feed))),
    }
}

/// Which of these buckets says what the database does not, and what; none if there is none.
pub(crate) async fn find_ahead(
    pass: &Pass<'_>,
    answers: &[(&NamedBucket, &Stand)],
) -> Result<Option<String>, ExportError> {
    let mut known = Known { standing: pass.store.standing(pass.feed).await?, manifests: BTreeMap::new() };
    for (named, stand) in answers {
        let Some((_, manifest)) = &stand.manifest else { continue };
        if let Some(what) = known.denies(pass, manifest).await? {
            return Ok(Some(format!("bucket {} {what}", named.name)));
        }
    }
    Ok(None)
}

fn unanswered(pass: &Pass<'_>, why: &ExportError) -> ExportError {
    let say = |why: &str| format!("{}: nothing was sealed, since no bucket says where it stands: {why}", pass.feed);
    match why {
        ExportError::Retry(why) => ExportError::Retry(say(why)),
        ExportError::GiveUp(why) => ExportError::GiveUp(say(why)),
        ExportError::Corrupt(why) => ExportError::Corrupt(say(why)),
    }
}

/// What the database says.
struct Known {
    standing: FeedStanding,
    /// By number; none for one that it cannot tell any more.
    manifests: BTreeMap<u64, Option<Manifest>>,
}

impl Known {
    /// What a manifest says that the database does not; none if it says nothing of the kind.
    async fn denies(&mut self, pass: &Pass<'_>, theirs: &Manifest) -> Result<Option<String>, ExportError> {
        let FeedStanding { number, next_sequence, last_end, .. } = self.standing;
        if theirs.number > number {
            return Ok(Some(format!("stands at number {}, and the database at {number}", theirs.number)));
        }
        if let Some(newest) =
            theirs.bundles.last().filter(|newest| newest.sequence >= next_sequence || newest.end > last_end)
        {
            let (sequence, end) = (newest.sequence, newest.end.unix());
            return Ok(Some(format!("lists bundle {sequence} with end {end}, which the database does not know")));
        }
        Ok(match self.manifest(pass, theirs.number).await? {
            Some(ours) if ours != theirs => {
                Some(format!("says something else than the database at number {}", theirs.number))
            }
            Some(_) => None,
            // The database has forgotten what it said at that number, and knows of each bundle alone whether it is the same.
            None => self.differing(pass, theirs).await?,
        })
    }

    /// What the database says at a number; several buckets stand at the same one as a rule.
    async fn manifest(&mut self, pass: &Pass<'_>, number: u64) -> Result<Option<&Manifest>, ExportError> {
        if let Entry::Vacant(slot) = self.manifests.entry(number) {
            slot.insert(match pass.store.listing(pass.feed, number).await {
                Err(StoreError::NotFound(_)) => None,
                // Whatever was never derived cannot have been listed: without it this is another manifest.
                listing => Some(manifest_of(&listing?, pass.feed)),
            });
        }
        Ok(self.manifests.get(&number).and_then(Option::as_ref))
    }

    async fn differing(&self, pass: &Pass<'_>, theirs: &Manifest) -> Result<Option<String>, ExportError> {
        for listed in &theirs.bundles {
            let Some(row) = pass.store.bundle(pass.feed, listed.sequence).await? else { continue };
            if row.derived.is_none_or(|derived| derived.zip_sha256 != listed.zip_sha256) {
                return Ok(Some(format!("lists a bundle {} that is another one than the database's", listed.sequence)));
            }
        }
        Ok(None)
    }
}
