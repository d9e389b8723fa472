//! What apps made from CoEpi's ask for: the reports of an interval of six hours, as a JSON array of base64.
//!
//! An app asks for the interval that runs, from its first second on, and for the last time when it is over. So the object of interval N holds what was
//! sealed in N - 1, filler and all: it is there before N begins, and never grows. While it is not there, the web server in front answers 503 and the
//! app asks again; it never makes up an empty array. Which bundles belong to it stands in the database, so every exporter writes the same bytes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::{Feed, Kind, Malformed, Timestamp};
use store::{BundleRow, ClosedInterval, Grid, KEPT_FOR, LISTED_FOR, Member, MemberDigest, RELEASE_GRAIN};

use crate::bucket::ObjectPath;
use crate::error::ExportError;
use crate::pass::{NamedBucket, Pass, object_path};
use crate::report::{BucketReport, FeedReport};

/// Intervals of six hours, the length that those apps ask for. Nothing is sealed in the last quarter of an hour: that is how often `exporter run` wakes
/// up at least.
pub(crate) const GRID: Grid = Grid { length: 21_600, quiet: RELEASE_GRAIN };
/// How many members are read at a time.
const PAGE: usize = 10_000;

/// A feed of reports, as `--coepi` takes it.
pub(crate) fn feed_of_reports(text: &str) -> Result<Feed, Malformed> {
    let feed: Feed = text.parse()?;
    if feed.kind == Kind::Tcn {
        Ok(feed)
    } else {
        Err(Malformed::new("coepi", "must be a TCN feed, such as NO/tcn-self"))
    }
}

/// Closes the intervals that are over or about to be, renders those that a bucket lacks, and takes away those whose time is over. One bucket holds up
/// no other.
pub(crate) async fn render(pass: &Pass<'_>, buckets: &[NamedBucket], report: &mut FeedReport) {
    if let Err(why) = render_all(pass, buckets, report).await {
        report.failures.push(why.into());
    }
}

async fn render_all(pass: &Pass<'_>, buckets: &[NamedBucket], report: &mut FeedReport) -> Result<(), ExportError> {
    let now = pass.store.now().await?;
    let mut closed = pass.store.intervals(pass.feed).await?;
    if closed.last().is_none_or(|last| last.number < GRID.newest(now)) {
        let close = pass.store.close_intervals(pass.feed, &GRID);
        closed = pass.step("interval.close", None, None, close).await?;
    }
    let listing = pass.store.newest_listing(pass.feed).await?;
    let renderings: Vec<Rendering> = closed.iter().map(|interval| Rendering::new(*interval, now)).collect();
    let mut everywhere = true;
    for named in buckets {
        let mut done = Done::default();
        if let Err(why) = bring(pass, named, (&renderings, &listing.bundles), &mut done).await {
            everywhere = false;
            of_bucket(report, &named.name).failures.push(why.into());
        }
        of_bucket(report, &named.name).rendered = done.rendered;
    }
    // What is gone from every bucket needs not be known any more.
    for rendering in renderings.iter().filter(|rendering| everywhere && !buckets.is_empty() && rendering.is_over) {
        let forget = pass.store.forget_interval(pass.feed, rendering.interval.number);
        pass.step("interval.forget", None, None, forget).await?;
    }
    Ok(())
}

/// The object of one interval.
struct Rendering {
    interval: ClosedInterval,
    /// All of its bundles are listed still, so that it can be rendered.
    is_whole: bool,
    /// Nobody asks for it any more.
    is_over: bool,
    /// Rendered at most once a pass.
    bytes: OnceLock<Vec<u8>>,
}

impl Rendering {
    fn new(interval: ClosedInterval, now: Timestamp) -> Self {
        let oldest = GRID.begin(interval.number.saturating_sub(1));
        let is_over = oldest.plus(LISTED_FOR + KEPT_FOR) <= now;
        Self { interval, is_whole: oldest.plus(LISTED_FOR) > now, is_over, bytes: OnceLock::new() }
    }
}

/// What was done in a bucket.
#[derive(Default)]
struct Done {
    rendered: Vec<u64>,
}

/// Brings one bucket up to date.
async fn bring(
    pass: &Pass<'_>,
    named: &NamedBucket,
    (renderings, listed): (&[Rendering], &[BundleRow]),
    done: &mut Done,
) -> Result<(), ExportError> {
    let there: BTreeMap<ObjectPath, u64> = named.bucket.list(&object_path(&directory(pass.feed))?).await?;
    for rendering in renderings {
        let number = rendering.interval.number;
        let path = object_path(&format!("{}/{number}.json", directory(pass.feed)))?;
        let stands = there.contains_key(&path);
        if rendering.is_over && stands {
            pass.step("interval.delete", None, Some(named), named.bucket.delete(&path)).await?;
        } else if rendering.is_whole && !stands {
            let bytes = match rendering.bytes.get() {
                Some(bytes) => bytes,
                None => {
                    let bytes = reports(pass, rendering.interval, listed).await?;
                    rendering.bytes.get_or_init(|| bytes)
                }
            };
            pass.step("interval.put", None, Some(named), named.bucket.put_if_absent(&path, bytes)).await?;
            done.rendered.push(number);
        }
    }
    Ok(())
}

/// Where the renderings of a feed stand.
fn directory(feed: &Feed) -> String {
    format!("{feed}/coepi/{}", GRID.length)
}

/// The reports of an interval in the order of its bundles, which says nothing about who uploaded what. Of what was de-listed meanwhile nothing is
/// rendered; what was rendered before stays.
async fn reports(pass: &Pass<'_>, interval: ClosedInterval, listed: &[BundleRow]) -> Result<Vec<u8>, ExportError> {
    let ClosedInterval { from, to, .. } = interval;
    let mut json = String::from("[");
    for row in listed.iter().filter(|row| (from..to).contains(&row.sequence)) {
        append(pass, row, &mut json).await?;
    }
    json.push(']');
    Ok(json.into_bytes())
}

/// Appends the reports of a bundle. Those that it withdraws are not among them: such apps know no withdrawal.
async fn append(pass: &Pass<'_>, row: &BundleRow, json: &mut String) -> Result<(), ExportError> {
    let (mut digest, mut from) = (MemberDigest::new(), None);
    loop {
        let page = pass.store.members(pass.feed, row.sequence, from.as_ref(), PAGE).await?;
        for (is_revised, member) in &page.members {
            digest.push(*is_revised, member);
            if let (false, Member::Tcn(entry)) = (is_revised, member) {
                let comma = if json.len() > 1 { "," } else { "" };
                json.push_str(&format!("{comma}\"{}\"", STANDARD.encode(entry.report.as_bytes())));
            }
        }
        match page.next {
            Some(next) => from = Some(next),
            None => break,
        }
    }
    if digest.finish() == row.member_digest {
        return Ok(());
    }
    // As for a bundle: a read cut short must never be published.
    let what = format!("{}: the members read for bundle {} do not give its frozen digest", row.feed, row.sequence);
    Err(ExportError::Retry(format!("{what}; the interval was not rendered")))
}

/// The report of a bucket, which is there unless the pass did not come so far.
fn of_bucket<'r>(report: &'r mut FeedReport, bucket: &str) -> &'r mut BucketReport {
    let position = report.buckets.iter().position(|of| of.bucket == bucket);
    let position = position.unwrap_or_else(|| {
        report.buckets.push(BucketReport::new(bucket));
        report.buckets.len() - 1
    });
    &mut report.buckets[position]
}
