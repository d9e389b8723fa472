//! The voice of the demo: what happens, what travelled, how many bytes.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use client::Traffic;
use proto::{Region, Timestamp};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::layout::Layout;

/// Tells the story on stdout.
pub(crate) struct Narrator;

impl Narrator {
    /// The heading of the whole.
    pub(crate) fn title(&self, text: &str) {
        line(format_args!("\n{text}\n"));
    }

    /// A numbered chapter.
    pub(crate) fn chapter(&self, number: u32, title: &str) {
        line(format_args!("\n{number:>2}  {title}"));
    }

    /// A sentence or two.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        line(format_args!("    {}", text.as_ref()));
    }

    /// A name and what it stands for.
    pub(crate) fn fact(&self, name: &str, value: impl AsRef<str>) {
        line(format_args!("      {name:<26}{}", value.as_ref()));
    }

    /// A request and what crossed the wire, headers included.
    pub(crate) fn call(&self, what: &str, travelled: Traffic) {
        let (sent, received) = (bytes(travelled.sent), bytes(travelled.received));
        line(format_args!("      {what:<26}{sent:>10} up {received:>10} down"));
    }

    /// Where everything is, and what to type next.
    pub(crate) fn farewell(&self, layout: &Layout, region: &Region, took: Duration) {
        let (root, cdn) = (layout.root().display(), layout.cdn());
        let example = newest_bundle(&cdn.join(region.as_str()).join("gaen"));
        line(format_args!("\nThe story ended well, in {:.1} s. What it left behind:\n", took.as_secs_f64()));
        self.fact("the public tree", format!("{}", cdn.display()));
        self.fact("public keys", format!("{}", layout.keys().display()));
        self.fact("databases", format!("{root}/db"));
        line(format_args!("\nWhat to type next\n"));
        line(format_args!("    Run all services on it, and export every minute:"));
        line(format_args!("      cargo run --release -- serve --dir {root}"));
        if let Some(example) = example {
            line(format_args!("    Look into a bundle:"));
            line(format_args!("      cargo run --release -p exporter -- inspect \\"));
            line(format_args!("        --key {}/{region}-gaen.pem \\", layout.keys().display()));
            line(format_args!("        {example}"));
        }
        line(format_args!(""));
    }
}

/// Says one line. Somebody who stops listening (`| head`) does not stop the story.
fn line(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// `16384` as `16,384 B`.
pub(crate) fn bytes(count: u64) -> String {
    format!("{} B", grouped(count))
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 key`, `2 keys`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number as u64))
}

/// A moment as people write it, in UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    let format = format_description!("[day padding:none] [month repr:long], [hour]:[minute] UTC");
    let text = OffsetDateTime::from_unix_timestamp(at.unix()).ok().and_then(|at| at.format(&format).ok());
    text.unwrap_or_else(|| at.unix().to_string())
}

/// The date of a moment, ISO 8601, in UTC.
pub(crate) fn date(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]");
    let text = OffsetDateTime::from_unix_timestamp(at.unix()).ok().and_then(|at| at.format(&format).ok());
    text.unwrap_or_default()
}

fn newest_bundle(directory: &Path) -> Option<String> {
    let files = std::fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    let newest = files.filter(|path| path.extension().is_some_and(|extension| extension == "zip")).max()?;
    Some(newest.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_written_for_people() {
        assert_eq!((bytes(0), bytes(16_384)), ("0 B".to_owned(), "16,384 B".to_owned()));
        assert_eq!((count(1, "key"), count(1_000, "key")), ("1 key".to_owned(), "1,000 keys".to_owned()));
        let at = Timestamp::from_unix(1_795_000_000);
        assert_eq!((moment(at).as_str(), date(at).as_str()), ("18 November, 11:06 UTC", "2026-11-18"));
    }
}
