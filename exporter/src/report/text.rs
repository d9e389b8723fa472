//! A report for people.

use std::fmt;

use proto::Kind;

use super::{BucketReport, Failure, FeedReport, PurgedReport, Report, WaitingReport};
use crate::error::FailureKind;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dry_run {
            writeln!(f, "dry run: nothing was changed; this is what would be done")?;
        }
        if self.feeds.is_empty() {
            writeln!(f, "no feeds: register an authority and its regions with the server first")?;
        }
        self.feeds.iter().try_for_each(|feed| feed.fmt(f))?;
        if self.forgotten > 0 {
            let withdrawn = grouped(self.forgotten);
            writeln!(f, "forgot {withdrawn} withdrawn keys and reports, which nobody could upload any more")?;
        }
        self.failures.iter().try_for_each(|failure| writeln!(f, "{failure}"))
    }
}

impl fmt::Display for FeedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (feed, (noun, revised)) = (&self.feed, nouns(self.kind));
        for bundle in &self.sealed {
            writeln!(f, "{feed}: sealed {} into bundle {}", counted(bundle.count, noun), bundle.sequence)?;
            if bundle.revised > 0 {
                writeln!(f, "{feed}: bundle {} has {} besides", bundle.sequence, counted(bundle.revised, revised))?;
            }
        }
        if let Some(bundles) = some(&self.delisted) {
            writeln!(f, "{feed}: de-listed {bundles}")?;
        }
        if let Some(WaitingReport { held, unripe, minimum }) = self.waiting {
            match held {
                0 if !self.sealed.is_empty() => {}
                0 => writeln!(f, "{feed}: nothing to seal")?,
                _ if held >= minimum.into() => {
                    writeln!(f, "{feed}: {} wait for the next period", counted(held, noun))?;
                }
                _ => writeln!(f, "{feed}: held, {} of {} waiting", grouped(held), counted(minimum.into(), noun))?,
            }
            if unripe > 0 {
                writeln!(f, "{feed}: {} may not be released yet", counted(unripe, noun))?;
            }
        }
        self.failures.iter().try_for_each(|failure| writeln!(f, "{feed}: {failure}"))?;
        self.buckets.iter().try_for_each(|bucket| bucket.describe(feed, f))?;
        self.purged.describe(feed, noun, f)
    }
}

impl BucketReport {
    fn describe(&self, feed: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bucket = &self.bucket;
        if let Some(bundles) = some(&self.put) {
            writeln!(f, "{feed}: bucket {bucket}: put {bundles}")?;
        }
        self.failures.iter().try_for_each(|failure| writeln!(f, "{feed}: bucket {bucket}: {failure}"))?;
        let verb = if self.moved { "now lists" } else { "lists" };
        if let Some(number) = self.number {
            let bundles = counted(self.bundles as u64, "bundle");
            writeln!(f, "{feed}: bucket {bucket}: {verb} {bundles} at number {number}")?;
        }
        for interval in &self.rendered {
            writeln!(f, "{feed}: bucket {bucket}: rendered interval {interval}")?;
        }
        match some(&self.deleted) {
            Some(bundles) => writeln!(f, "{feed}: bucket {bucket}: deleted {bundles}"),
            None => Ok(()),
        }
    }
}

impl PurgedReport {
    fn describe(&self, feed: &str, noun: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bundles) = some(&self.bundles) {
            writeln!(f, "{feed}: removed the rows of {bundles}")?;
        }
        if self.publications > 0 {
            let (publications, entries) = (counted(self.publications, "publication"), counted(self.entries, noun));
            writeln!(f, "{feed}: removed {publications} and {entries} that nothing else needs")?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FailureKind::Retry => write!(f, "FAILED, run again: {}", self.message),
            FailureKind::GiveUp | FailureKind::Corrupt => write!(f, "FAILED, look into it: {}", self.message),
        }
    }
}

/// What one entry is called, and a revised one.
const fn nouns(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Gaen => ("key", "revised key"),
        Kind::Tcn => ("report", "withdrawn report"),
    }
}

/// Some bundles by their sequences, ascending: `bundle 7`, or how many of which range; none if there are none.
fn some(sequences: &[u64]) -> Option<String> {
    let (first, last) = (sequences.first()?, sequences.last()?);
    Some(match sequences.len() {
        1 => format!("bundle {first}"),
        n => format!("{n} bundles, {first} to {last}"),
    })
}

/// `1 key`, `1,000 keys`.
fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(counted(1, "key"), "1 key");
        assert_eq!(counted(1_000, "key"), "1,000 keys");
    }

    #[test]
    fn sequences_are_one_or_a_range() {
        assert_eq!(some(&[7]).as_deref(), Some("bundle 7"));
        assert_eq!(some(&[7, 8, 10]).as_deref(), Some("3 bundles, 7 to 10"));
        assert_eq!(some(&[]), None);
    }
}
