//! Setting aside rows that break an invariant, so that their feed goes on.

use std::fmt;

use proto::{Feed, Timestamp};
use serde::Serialize;
use service::{ActReason, os_user};
use store::{Act, EntryName, Findings, KeyStore, QuarantineOrder, Quarantined, Released, SetAside};

use crate::error::ExportError;

/// What is to be done with which rows of a feed.
#[derive(Debug, Clone)]
pub struct QuarantineSpec {
    /// Which feed.
    pub feed: Feed,
    /// Which rows.
    pub which: Which,
    /// What is done with them.
    pub what: What,
}

/// Which rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// These.
    Entries(Vec<EntryName>),
    /// All that break an invariant.
    Found,
}

/// What is done with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// They are looked at.
    Look,
    /// They are set aside, for this reason; without one it is said what would be done.
    SetAside(Option<ActReason>),
    /// What was set aside returns, on the same terms.
    Release(Option<ActReason>),
}

/// What was found and done.
#[derive(Debug, Clone, Default, Serialize)]
pub struct QuarantineReport {
    /// Nothing was done: this is what would have been.
    pub dry_run: bool,
    /// Which feed.
    pub feed: String,
    /// Rows that break an invariant.
    pub found: Vec<FoundRow>,
    /// Bundles whose members are not those that were sealed, although each is sound: to be recalled.
    pub broken_bundles: Vec<u64>,
    /// How many publications that waited were set aside.
    pub waiting: u64,
    /// Bundles that were sealed with such rows and not derived: they are void, and what is good in them waits again.
    pub voided: Vec<u64>,
    /// Entries that a derived bundle has: it has to be recalled without them.
    pub published: Vec<PublishedRow>,
    /// Entries that were set aside before.
    pub before: Vec<String>,
    /// Entries that the feed does not have.
    pub unknown: Vec<String>,
    /// How many publications returned.
    pub returned: u64,
    /// Entries that did not return.
    pub refused: Vec<RefusedRow>,
}

/// A row that breaks an invariant.
#[derive(Debug, Clone, Serialize)]
pub struct FoundRow {
    /// The entry's name.
    pub entry: String,
    /// In which bundle; none if it waits.
    pub bundle: Option<u64>,
    /// Which invariant.
    pub breaks: String,
}

/// A row that a derived bundle has.
#[derive(Debug, Clone, Serialize)]
pub struct PublishedRow {
    /// The entry's name.
    pub entry: String,
    /// In which bundle.
    pub bundle: u64,
}

/// A row that did not return.
#[derive(Debug, Clone, Serialize)]
pub struct RefusedRow {
    /// The entry's name.
    pub entry: String,
    /// Why.
    pub why: String,
}

/// A row that is set aside.
#[derive(Debug, Clone, Serialize)]
pub struct AsideRow {
    /// The entry's name.
    pub entry: String,
    /// Its revision.
    pub revision: u32,
    /// The UTC day on which it was set aside: its first second.
    pub day: i64,
    /// What keeps it from returning; none if nothing does.
    pub breaks: Option<String>,
}

/// Does what is to be done; `now` stands in the audit.
///
/// # Errors
/// What the store says of its database, or an unknown feed.
pub async fn quarantine(
    store: &dyn KeyStore,
    spec: &QuarantineSpec,
    now: Timestamp,
) -> Result<QuarantineReport, ExportError> {
    let mut report = QuarantineReport { feed: spec.feed.to_string(), ..QuarantineReport::default() };
    let entries = match &spec.which {
        Which::Entries(entries) => entries.clone(),
        Which::Found => {
            let findings = store.inspect_rows(&spec.feed).await?;
            let mut entries: Vec<EntryName> = findings.entries.iter().map(|bad| bad.entry).collect();
            report.note_found(findings);
            entries.sort_unstable();
            entries.dedup();
            entries
        }
    };
    let order = |reason: &Option<ActReason>, command: &str| {
        let act = reason.as_ref().map(|reason| act(spec, &entries, (command, reason), now));
        QuarantineOrder { feed: spec.feed.clone(), entries: entries.clone(), act }
    };
    match &spec.what {
        What::Look => {}
        _ if entries.is_empty() => {}
        What::SetAside(reason) => {
            report.dry_run = reason.is_none();
            report.note_set_aside(store.set_aside(&order(reason, "exporter quarantine")).await?);
        }
        What::Release(reason) => {
            report.dry_run = reason.is_none();
            report.note_released(store.release(&order(reason, "exporter quarantine release")).await?);
        }
    }
    Ok(report)
}

/// What is set aside in a feed.
///
/// # Errors
/// As [`quarantine`].
pub async fn list(store: &dyn KeyStore, feed: &Feed) -> Result<Vec<AsideRow>, ExportError> {
    let aside = store.quarantined(feed).await?.into_iter();
    let row = |Quarantined { entry, revision, day, breaks }| AsideRow {
        entry: entry.to_string(),
        revision,
        day: day.unix(),
        breaks,
    };
    Ok(aside.map(row).collect())
}

fn act(spec: &QuarantineSpec, entries: &[EntryName], (act, reason): (&str, &ActReason), at: Timestamp) -> Act {
    let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
    let subject = serde_json::json!({ "feed": spec.feed.to_string(), "entries": entries }).to_string();
    let (act, outcome, reason) = (act.to_owned(), "{}".to_owned(), reason.as_str().to_owned());
    Act { at, act, subject, outcome, reason, os_user: os_user() }
}

impl QuarantineReport {
    fn note_found(&mut self, findings: Findings) {
        self.broken_bundles = findings.bundles;
        self.found.extend(findings.entries.into_iter().map(|bad| FoundRow {
            entry: bad.entry.to_string(),
            bundle: match bad.place {
                store::EntryPlace::Waiting => None,
                store::EntryPlace::Bundle(sequence) => Some(sequence),
            },
            breaks: bad.breaks,
        }));
    }

    fn note_set_aside(&mut self, done: SetAside) {
        let names = |entries: Vec<EntryName>| entries.iter().map(ToString::to_string).collect();
        self.waiting = done.waiting;
        self.voided = done.voided.iter().map(|bundle| bundle.sequence).collect();
        let published = done.published.into_iter();
        self.published = published.map(|(entry, bundle)| PublishedRow { entry: entry.to_string(), bundle }).collect();
        (self.before, self.unknown) = (names(done.before), names(done.unknown));
    }

    fn note_released(&mut self, done: Released) {
        self.returned = done.returned;
        let refused = done.refused.into_iter();
        self.refused = refused.map(|(entry, why)| RefusedRow { entry: entry.to_string(), why }).collect();
    }

    /// The exit code of `exporter quarantine`: 0 if nothing bad is left that was looked for, 2 if somebody has to look.
    pub fn exit_code(&self) -> u8 {
        let done = !self.dry_run && (self.waiting > 0 || !self.voided.is_empty());
        let left = !self.found.is_empty() && !done || !self.broken_bundles.is_empty();
        let open = !self.published.is_empty() || !self.unknown.is_empty() || !self.refused.is_empty();
        if left || open { 2 } else { 0 }
    }
}

impl fmt::Display for QuarantineReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let feed = &self.feed;
        if self.dry_run {
            writeln!(f, "dry run: nothing was changed; this is what would be done")?;
        }
        for FoundRow { entry, bundle, breaks } in &self.found {
            let place = bundle.map_or_else(|| "waits".to_owned(), |bundle| format!("is in bundle {bundle}"));
            writeln!(f, "{feed}: entry {entry} {place}: {breaks}")?;
        }
        for bundle in &self.broken_bundles {
            writeln!(
                f,
                "{feed}: bundle {bundle} does not have the members that were sealed: exporter recall --feed {feed} --bundle {bundle}"
            )?;
        }
        for bundle in &self.voided {
            writeln!(f, "{feed}: bundle {bundle} was not derived and is void; what is good in it waits again")?;
        }
        if self.waiting > 0 {
            writeln!(f, "{feed}: set aside what waited: {}", self.waiting)?;
        }
        for PublishedRow { entry, bundle } in &self.published {
            let command = format!("exporter recall --feed {feed} --bundle {bundle} --without {entry} --dry-run");
            writeln!(f, "{feed}: entry {entry} is in bundle {bundle}, which is derived. To take it back: {command}")?;
        }
        self.before.iter().try_for_each(|entry| writeln!(f, "{feed}: entry {entry} is set aside already"))?;
        self.unknown.iter().try_for_each(|entry| writeln!(f, "{feed}: there is no entry {entry}"))?;
        if self.returned > 0 {
            writeln!(f, "{feed}: wait again: {}", self.returned)?;
        }
        self.refused
            .iter()
            .try_for_each(|row| writeln!(f, "{feed}: entry {} does not return: {}", row.entry, row.why))?;
        if self.is_nothing() {
            writeln!(f, "{feed}: no row breaks an invariant")?;
        }
        Ok(())
    }
}

impl QuarantineReport {
    fn is_nothing(&self) -> bool {
        let told = self.found.len() + self.broken_bundles.len() + self.published.len() + self.before.len();
        told + self.unknown.len() + self.refused.len() + self.voided.len() == 0 && self.waiting + self.returned == 0
    }
}
