//! What there is to take over, and what becomes of the rest.

use std::collections::{BTreeMap, BTreeSet};

use proto::Timestamp;
use proto::index::bundle_path;
use proto::manifest::{ListedBundle, Manifest};
use store::{FeedStanding, LISTED_FOR, StandingBundle};

/// What is to be done for one feed.
pub(super) struct Plan<'a> {
    /// What is taken over.
    pub(super) manifest: &'a Manifest,
    /// The bundles of it that the database lacks, has otherwise, or has never derived; oldest first.
    pub(super) take: Vec<&'a ListedBundle>,
    /// Bundles of the database that are listed no more because their time was over.
    pub(super) expired: Vec<u64>,
    /// Those that are listed no more, or never were, for another reason.
    pub(super) recalled: Vec<u64>,
    /// The sequence of the feed's next bundle.
    pub(super) next_sequence: u64,
    /// Its start.
    pub(super) last_end: Timestamp,
}

impl<'a> Plan<'a> {
    /// Compares a manifest with what the database has. `objects` are the paths of all objects of the feed, in whatever bucket.
    pub(super) fn of(
        manifest: &'a Manifest,
        standing: FeedStanding,
        bundles: &[StandingBundle],
        objects: &[String],
    ) -> Self {
        let known: BTreeMap<u64, &StandingBundle> =
            bundles.iter().map(|bundle| (bundle.row.sequence, bundle)).collect();
        let missing =
            |listed: &&ListedBundle| known.get(&listed.sequence).is_none_or(|known| !same(manifest, known, listed));
        let listed: BTreeSet<u64> = manifest.bundles.iter().map(|listed| listed.sequence).collect();
        let settled = |one: &StandingBundle| one.delisted_number.is_some_and(|number| number <= manifest.number);
        let open = bundles.iter().filter(|one| !listed.contains(&one.row.sequence) && !settled(one));
        let (expired, recalled): (Vec<&StandingBundle>, Vec<&StandingBundle>) = open.partition(|one| {
            one.row.end.plus(LISTED_FOR) <= manifest.time && one.listed_number < manifest.number && !one.recalled
        });
        let sequences = |of: Vec<&StandingBundle>| of.into_iter().map(|one| one.row.sequence).collect();
        let (next_sequence, last_end) = next(manifest, standing, &lost(manifest, bundles, objects));
        let take = manifest.bundles.iter().filter(missing).collect();
        Self { manifest, take, expired: sequences(expired), recalled: sequences(recalled), next_sequence, last_end }
    }
}

/// Whether the database has a bundle as the manifest lists it, with all that was derived.
fn same(manifest: &Manifest, known: &StandingBundle, listed: &ListedBundle) -> bool {
    let row = &known.row;
    let frozen = (row.from_sequence, row.start, row.end, row.count, row.revised, row.format)
        == (listed.from_sequence, listed.start, listed.end, listed.count, listed.revised, listed.format);
    let derived = row.derived.as_ref().is_some_and(|derived| {
        (derived.export_sha256, derived.zip_sha256, derived.zip_bytes)
            == (listed.export_sha256, listed.zip_sha256, listed.bytes)
    });
    frozen && derived && !known.recalled && known.listed_number <= manifest.number
}

/// The ends of bundles later than the newest one that is listed, which neither manifest nor database knows: put and never listed, or recalled. Phones
/// may have seen them, so their sequences and ends are not given away again.
fn lost(manifest: &Manifest, bundles: &[StandingBundle], objects: &[String]) -> Vec<Timestamp> {
    let newest = manifest.bundles.last().map(|bundle| bundle.end);
    let ours: BTreeSet<String> =
        bundles.iter().map(|one| bundle_path(&one.row.feed, one.row.start, one.row.end)).collect();
    let unknown = objects.iter().filter(|path| !ours.contains(*path));
    let ends: BTreeSet<Timestamp> = unknown.filter_map(|path| end_of(manifest, path)).collect();
    ends.into_iter().filter(|end| newest.is_none_or(|newest| *end > newest)).collect()
}

/// The end that the path of a bundle names; none if it is no bundle's.
fn end_of(manifest: &Manifest, path: &str) -> Option<Timestamp> {
    let mut times = path.rsplit('/').next()?.split('-').map(|digits| digits.parse().ok().map(Timestamp::from_unix));
    let (start, end) = (times.next()??, times.next()??);
    (bundle_path(&manifest.feed, start, end) == path).then_some(end)
}

/// The next bundle's sequence and start. A bundle that follows the newest listed one in sequence touches it, as readers demand; where sequences are left
/// out, it begins after everything that anybody may have seen.
fn next(manifest: &Manifest, standing: FeedStanding, lost: &[Timestamp]) -> (u64, Timestamp) {
    let newest = manifest.bundles.last();
    let after_newest = newest.map_or(1, |newest| newest.sequence + 1);
    let next_sequence = after_newest.max(standing.next_sequence) + lost.len() as u64;
    let start = match newest {
        Some(newest) if next_sequence == after_newest => newest.end,
        Some(newest) => newest.end.max(standing.last_end),
        // Nothing is listed: what was since the copy has grown too old, and its ends lie before the number was taken.
        None if manifest.number > standing.number => standing.last_end.max(manifest.time),
        None => standing.last_end,
    };
    (next_sequence, lost.iter().copied().fold(start, Timestamp::max))
}

#[cfg(test)]
mod tests {
    use proto::Feed;
    use store::{BundleRow, Derived};

    use super::*;

    const BEGIN: i64 = 1_700_000_000;

    fn feed() -> Feed {
        "NO/gaen".parse().expect("a feed")
    }

    fn at(sequence: u64) -> Timestamp {
        Timestamp::from_unix(BEGIN + 100 * sequence.cast_signed())
    }

    fn listed(sequence: u64) -> ListedBundle {
        let (start, end) = (at(sequence), at(sequence + 1));
        ListedBundle {
            sequence,
            from_sequence: sequence,
            start,
            end,
            count: 10,
            revised: 0,
            bytes: 400,
            zip_sha256: [1; 32],
            export_sha256: [2; 32],
            format: 1,
            path: bundle_path(&feed(), start, end),
        }
    }

    fn manifest(number: u64, sequences: std::ops::RangeInclusive<u64>) -> Manifest {
        let (time, bundles) = (at(100), sequences.map(listed).collect());
        Manifest { feed: feed(), number, time, keys: Vec::new(), gateways: Vec::new(), bundles }
    }

    fn standing(sequence: u64) -> StandingBundle {
        let of = listed(sequence);
        let derived = Derived { export_sha256: [2; 32], zip_sha256: [1; 32], zip_bytes: 400, signatures: Vec::new() };
        let row = BundleRow {
            feed: feed(),
            sequence,
            from_sequence: sequence,
            start: of.start,
            end: of.end,
            count: 10,
            revised: 0,
            member_digest: [0; 32],
            signing: Vec::new(),
            format: 1,
            derived: Some(derived),
        };
        StandingBundle { row, recalled: false, listed_number: sequence, delisted_number: None }
    }

    fn stands(next_sequence: u64) -> FeedStanding {
        FeedStanding { number: next_sequence - 1, next_sequence, last_end: at(next_sequence), oldest_number: 0 }
    }

    /// What is taken, what has expired, what is recalled, what is next.
    fn plan(
        manifest: &Manifest,
        next: u64,
        bundles: &[StandingBundle],
        objects: &[String],
    ) -> (Vec<u64>, Vec<u64>, Vec<u64>, u64, Timestamp) {
        let plan = Plan::of(manifest, stands(next), bundles, objects);
        let take = plan.take.iter().map(|listed| listed.sequence).collect();
        (take, plan.expired, plan.recalled, plan.next_sequence, plan.last_end)
    }

    #[test]
    fn what_the_copy_lacks_is_taken_and_what_follows_touches_it() {
        let bundles: Vec<_> = (1..=3).map(standing).collect();
        let taken = plan(&manifest(5, 1..=5), 4, &bundles, &[]);
        assert_eq!(taken, (vec![4, 5], vec![], vec![], 6, at(6)));
    }

    #[test]
    fn what_differs_was_never_derived_or_was_recalled_is_taken_again() {
        let mut bundles: Vec<_> = (1..=5).map(standing).collect();
        bundles[0].row.derived = None;
        bundles[1].row.derived.as_mut().expect("derived").zip_sha256 = [9; 32];
        bundles[2].recalled = true;
        bundles[3].listed_number = 9;
        assert_eq!(plan(&manifest(5, 1..=5), 6, &bundles, &[]).0, [1, 2, 3, 4]);
    }

    #[test]
    fn what_is_listed_no_more_has_expired_or_was_recalled() {
        let mut bundles: Vec<_> = (1..=5).map(standing).collect();
        bundles[0].delisted_number = Some(4);
        let mut later = manifest(9, 4..=4);
        assert_eq!(plan(&later, 6, &bundles, &[]), (vec![], vec![], vec![2, 3, 5], 6, at(6)));
        later.time = at(3).plus(LISTED_FOR);
        // The fifth was sealed and nobody lists it: its sequence is not given away again.
        assert_eq!(plan(&later, 6, &bundles, &[]), (vec![], vec![2], vec![3, 5], 6, at(6)));
    }

    #[test]
    fn what_only_an_object_tells_of_is_not_given_away_again() {
        let bundles: Vec<_> = (1..=3).map(standing).collect();
        let object = |sequence: u64| listed(sequence).path;
        let objects =
            [object(1), object(4), object(6), object(8), "NO/gaen/index.txt".to_owned(), "NO/gaen/1-2.zip".to_owned()];
        let (_, _, _, next, start) = plan(&manifest(7, 1..=5), 4, &bundles, &objects);
        assert_eq!((next, start), (8, at(9)), "sequences 6 and 7 are left out");
    }

    #[test]
    fn a_feed_of_which_nothing_is_listed_goes_on_after_the_manifest() {
        let mut empty = manifest(9, 1..=1);
        empty.bundles.clear();
        assert_eq!(plan(&empty, 4, &[], &[]), (vec![], vec![], vec![], 4, at(100)));
        empty.number = 3;
        assert_eq!(plan(&empty, 4, &[], &[]).4, at(4));
    }
}
