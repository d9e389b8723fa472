//! Days that are over become figures, once.

use proto::Timestamp;
use store::{Day, DayCounts, PerKind, Statistic, StoreError};

use super::threshold::Threshold;
use super::withholding::Withholding;
use crate::registry::Registry;

/// A day is shown two hours after it is over, in seconds. Nothing counts for it any more then: ends of codes are found every minute, and those
/// that are found more than an hour late count for the day on which they are found.
const MARGIN: i64 = 2 * 3_600;
/// What is shown is kept for so many days.
pub(crate) const KEPT: i32 = 400;

/// The last day that may be shown.
pub(crate) fn last_over(now: Timestamp) -> Day {
    Day::containing(now.plus(-MARGIN)).plus(-1)
}

/// What is shown of an authority's days, from its first one or the oldest that is kept up to the last that is over. What nobody has looked at before
/// is decided now and for good; if others do so at the same time, the first counts.
pub(super) async fn series(
    registry: &Registry,
    authority: &str,
    threshold: Threshold,
) -> Result<Vec<Statistic>, StoreError> {
    let (store, now) = (registry.store(), registry.now());
    let registered = store.issuers().await?.into_iter().find(|registered| registered.issuer.id == authority);
    let created = registered.ok_or(StoreError::NotFound("authority"))?.created_at;
    let (oldest, last) = (Day::containing(now).plus(-KEPT), last_over(now));
    loop {
        let mut days = store.statistics(authority, oldest).await?;
        let first = days.last().map_or(oldest.max(Day::containing(created)), |last| last.day.plus(1));
        if first > last {
            return Ok(days);
        }
        let (counts, known) = (store.counts(authority, first, last).await?, days.len());
        for number in first.number()..=last.number() {
            let day = Day::new(number);
            let nothing = DayCounts { day, counts: PerKind::default() };
            let counted = counts.iter().find(|counted| counted.day == day).unwrap_or(&nothing);
            Withholding::from(threshold).add(&mut days, counted);
        }
        if store.freeze(authority, &days[known..]).await? {
            return Ok(days);
        }
    }
}

/// Decides what is shown of every authority's days that are over, so that their counts need not be kept until somebody looks.
pub(crate) async fn freeze_all(registry: &Registry, threshold: Threshold) -> Result<(), StoreError> {
    for registered in registry.store().issuers().await? {
        series(registry, &registered.issuer.id, threshold).await?;
    }
    Ok(())
}
