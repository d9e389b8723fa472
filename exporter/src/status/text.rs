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
    use super::*;

    #[test]
    fn an_age_has_the_unit_that_fits() {
        for (seconds, text) in
            [(-3, "0 s ago"), (90, "90 s ago"), (600, "10 min ago"), (11_100, "3 h 5 min ago"), (400_000, "4 days ago")]
        {
            assert_eq!(ago(seconds), text);
        }
    }
}
