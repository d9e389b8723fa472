//! The second step: sealing what waits.

use proto::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use store::{Grid, SealOutcome, SealPolicy};

use crate::error::ExportError;
use crate::filler::{self, FillerSecret};
use crate::pass::Pass;
use crate::policy::Policy;

/// When a feed is sealed, and when not.
pub(crate) struct SealTiming {
    /// Only unless a bundle has ended since.
    pub(crate) due: Option<Timestamp>,
    /// Not in the quiet time of this grid.
    pub(crate) quiet: Option<Grid>,
}

/// Seals what may be released, if it is enough.
///
/// Who signs is chosen before the feed is locked: a seal that comes so late that it is another key's turn leaves the feed to the next pass.
pub(crate) async fn seal(
    pass: &Pass<'_>,
    policy: &Policy,
    timing: SealTiming,
    secret: Option<&FillerSecret>,
) -> Result<SealOutcome, ExportError> {
    // What is drawn for a feed that is not due would be thrown away. The seal decides again, under its lock; the end of a feed never goes back.
    if let Some(due) = timing.due
        && pass.store.standing(pass.feed).await?.last_end >= due
    {
        return Ok(SealOutcome::NotDue);
    }
    let now = pass.store.now().await?;
    // The source itself belongs to a thread, and the draw may go on in another.
    let mut rng = StdRng::from_seed(store::chance::bytes());
    let (filler, filler_mark) = filler::draw(pass, secret, policy, &mut rng).await?;
    let policy = SealPolicy {
        filler,
        filler_mark,
        minimum: policy.minimum,
        revised_minimum: policy.revised_minimum,
        max_entries: policy.maximum_entries as usize,
        max_bytes: policy.maximum_bytes,
        signing: pass.keys.signing(now),
        due: timing.due,
        quiet: timing.quiet,
        until: pass.keys.turns.next(now).map(|turn| turn.from),
        ..SealPolicy::default()
    };
    Ok(pass.step("feed.seal", None, None, pass.store.seal(pass.feed, &policy)).await?)
}
