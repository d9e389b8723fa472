//! Who was near: what a phone heard, compared with what was published. Nothing of it leaves the phone.
//!
//! Bundles may be taken in as they come: one that could not be fetched comes after those that followed it, and what it says of keys that were
//! revised, or reports that were withdrawn since, is out of date by then.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proto::Timestamp;
use proto::bundle::{Bundle, Entries, GaenEntry, TcnEntry};
use proto::gaen::{Match, Observations};
use proto::report_type::ReportType;
use proto::tcn::TemporaryContactNumber;
use sha2::{Digest, Sha256};

/// A published key that was near.
#[derive(Debug, Clone)]
pub struct KeyExposure {
    /// The key as published last.
    pub entry: GaenEntry,
    /// When it was heard; never empty.
    pub matches: Vec<Match>,
}

/// Published keys that were near, over all bundles taken in so far.
#[derive(Debug, Clone, Default)]
pub struct KeyExposures {
    by_key: BTreeMap<[u8; 16], KeyExposure>,
    /// The end of the newest bundle that revised a key.
    revised: BTreeMap<[u8; 16], Timestamp>,
}

impl KeyExposures {
    /// Takes in a bundle, whose signature was checked. A revised key replaces what older bundles say; one revised to `negative` is revoked. A
    /// bundle of the other kind changes nothing.
    pub fn take_in(&mut self, bundle: &Bundle, heard: &Observations) {
        let Entries::Gaen { keys, revised } = &bundle.entries else { return };
        let end = bundle.header.end;
        for entry in keys.iter().chain(revised) {
            let newest = self.revised.get(entry.key.data());
            if newest.is_none_or(|revised| *revised <= end) {
                self.believe(entry, heard);
            }
        }
        for entry in revised {
            let newest = self.revised.entry(*entry.key.data()).or_insert(end);
            *newest = end.max(*newest);
        }
    }

    fn believe(&mut self, entry: &GaenEntry, heard: &Observations) {
        let matches = heard.matches(&entry.key);
        if entry.report_type == Some(ReportType::Negative) {
            self.by_key.remove(entry.key.data());
        } else if !matches.is_empty() {
            self.by_key.insert(*entry.key.data(), KeyExposure { entry: *entry, matches });
        }
    }

    /// The exposures, in the order of key bytes.
    pub fn iter(&self) -> impl Iterator<Item = &KeyExposure> {
        self.by_key.values()
    }

    /// Whether nobody who reported was near.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

/// A published report of which numbers were heard.
#[derive(Debug, Clone)]
pub struct ReportExposure {
    /// The report.
    pub entry: TcnEntry,
    /// Its numbers that were heard, in broadcast order; never empty.
    pub numbers: Vec<TemporaryContactNumber>,
}

/// Published reports that were near, over all bundles taken in so far.
#[derive(Debug, Clone, Default)]
pub struct ReportExposures {
    by_digest: BTreeMap<[u8; 32], ReportExposure>,
    withdrawn: BTreeSet<[u8; 32]>,
}

impl ReportExposures {
    /// Takes in a bundle, whose signature was checked. A withdrawn report never counts again. A report of which a number was heard counts
    /// only if its own signature holds too. A bundle of the other kind changes nothing.
    pub fn take_in(&mut self, bundle: &Bundle, heard: &HashSet<TemporaryContactNumber>) {
        let Entries::Tcn { reports, withdrawn } = &bundle.entries else { return };
        for entry in reports {
            let numbers: Vec<_> = entry.report.numbers().filter(|number| heard.contains(number)).collect();
            if !numbers.is_empty() && entry.report.verify().is_ok() {
                let digest = Sha256::digest(entry.report.as_bytes()).into();
                self.by_digest.insert(digest, ReportExposure { entry: entry.clone(), numbers });
            }
        }
        self.withdrawn.extend(withdrawn);
        self.by_digest.retain(|digest, _| !self.withdrawn.contains(digest));
    }

    /// The exposures, in the order of the reports' SHA-256.
    pub fn iter(&self) -> impl Iterator<Item = &ReportExposure> {
        self.by_digest.values()
    }

    /// Whether nobody who reported was near.
    pub fn is_empty(&self) -> bool {
        self.by_digest.is_empty()
    }
}
