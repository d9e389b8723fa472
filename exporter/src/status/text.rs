//! A status for people: one paragraph a feed.

use std::fmt;

use proto::Timestamp;

use super::{BucketStatus, FeedStatus, Status};
use crate::clocks::shown;
use crate::report::grouped;

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "time {}, by the database", at(self.now))?;
        match self.clocks.database {
            0 => {}
            ahead => write!(f, "; it is {ahead} s ahead of this machine")?,
        }
        for (bucket, ahead) in self.clocks.buckets.iter().filter(|(_, ahead)| **ahead != 0) {
            write!(f, "; bucket {bucket} is {ahead} s ahead of this machine")?;
        }
        writeln!(f)?;
        if self.feeds.is_empty() {
            writeln!(f, "no feeds: register an authority and its regions with the server first")?;
        }
        self.feeds.iter().try_for_each(|feed| feed.fmt(f))?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "{failure}"))
    }
}

impl fmt::Display for FeedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { feed, number, bundles, minimum, revised_waiting, unripe, .. } = self;
        writeln!(f, "{feed}: number {number}, {bundles} bundles listed")?;
        match (self.newest, self.age) {
            (Some(end), Some(age)) => writeln!(f, "  newest    {}, {}", at(end), ago(age))?,
            _ => writeln!(f, "  newest    none")?,
        }
        let waiting = grouped(self.waiting);
        match (self.held, self.held_until) {
            (true, Some(until)) => {
                writeln!(
                    f,
                    "  waiting   {waiting} of {}: held, with filler from {}",
                    grouped((*minimum).into()),
                    at(until)
                )?;
            }
            _ => writeln!(f, "  waiting   {waiting}, {} are enough", grouped((*minimum).into()))?,
        }
        if let Some(oldest) = self.oldest {
            writeln!(f, "  oldest    could leave since {}", at(oldest))?;
        }
        writeln!(f, "  besides   {} revised, {} not yet free", grouped(*revised_waiting), grouped(*unripe))?;
        let overdue = if self.overdue { "; OVERDUE: no exporter seems to run" } else { "" };
        writeln!(f, "  next      {}{overdue}", at(self.next_boundary))?;
        self.buckets.iter().try_for_each(|bucket| bucket.fmt(f))?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  {failure}"))
    }
}

impl fmt::Display for BucketStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  bucket    {}: ", self.bucket)?;
        match (self.number, self.behind) {
            (Some(number), Some(0)) => write!(f, "number {number}")?,
            (Some(number), Some(behind)) => write!(f, "number {number}, {behind} BEHIND")?,
            _ => write!(f, "NOT KNOWN")?,
        }
        match &self.missing {
            Some(missing) if !missing.is_empty() => write!(f, ", {} bundles MISSING", missing.len())?,
            _ => {}
        }
        if self.number.is_some_and(|number| number > 0) && !self.verified {
            write!(f, ", signature not checked")?;
        }
        writeln!(f)?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "    {failure}"))
    }
}

fn at(unix: i64) -> String {
    shown(Timestamp::from_unix(unix))
}

/// `3 h 5 min ago`.
fn ago(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{} s ago", seconds.max(0)),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h {} min ago", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proto::Kind;

    use super::*;
    use crate::error::ExportError;
    use crate::report::ClocksReport;

    fn bucket(name: &str) -> BucketStatus {
        let (number, behind, missing, failures) = (Some(7), Some(0), Some(Vec::new()), Vec::new());
        BucketStatus { bucket: name.to_owned(), number, behind, missing, verified: true, failures }
    }

    #[test]
    fn a_status_reads_like_a_page() {
        let now = 1_790_000_000;
        let why = ExportError::Retry("it does not answer".into());
        let slow = BucketStatus { number: Some(5), behind: Some(2), missing: Some(vec![3, 4]), ..bucket("slow") };
        let (number, behind, missing, failures) = (None, None, None, vec![why.into()]);
        let down = BucketStatus { number, behind, missing, failures, ..bucket("down") };
        let feed = FeedStatus {
            feed: "NO/gaen".into(),
            kind: Kind::Gaen,
            number: 7,
            bundles: 4,
            waiting: 420,
            held: true,
            held_until: Some(now + 3_600),
            minimum: 1_000,
            oldest: Some(now - 10_800),
            revised_waiting: 3,
            unripe: 56,
            newest: Some(now - 11_100),
            age: Some(11_100),
            next_boundary: now + 6_400,
            overdue: false,
            buckets: vec![bucket("main"), slow, down],
            failures: Vec::new(),
        };
        let clocks = ClocksReport { database: 0, buckets: BTreeMap::from([("slow".into(), 12)]) };
        let status = Status { now, clocks, feeds: vec![feed], failures: Vec::new() };
        assert_eq!(status.exit_code(), 1);
        assert_eq!(
            status.to_string(),
            "time 2026-09-21T14:13:20Z, by the database; bucket slow is 12 s ahead of this machine\n\
             NO/gaen: number 7, 4 bundles listed\n  \
             newest    2026-09-21T11:08:20Z, 3 h 5 min ago\n  \
             waiting   420 of 1,000: held, with filler from 2026-09-21T15:13:20Z\n  \
             oldest    could leave since 2026-09-21T11:13:20Z\n  \
             besides   3 revised, 56 not yet free\n  \
             next      2026-09-21T16:00:00Z\n  \
             bucket    main: number 7\n  \
             bucket    slow: number 5, 2 BEHIND, 2 bundles MISSING\n  \
             bucket    down: NOT KNOWN\n    \
             FAILED, run again: it does not answer\n"
        );
    }

    #[test]
    fn an_age_has_the_unit_that_fits() {
        for (seconds, text) in
            [(-3, "0 s ago"), (90, "90 s ago"), (600, "10 min ago"), (11_100, "3 h 5 min ago"), (400_000, "4 days ago")]
        {
            assert_eq!(ago(seconds), text);
        }
    }
}
