//! What is in a bundle, and whether phones and this project would take it.
//!
//! Two verdicts. **phone**: the strictest phone would accept it, which includes its signature if a key is given. **canonical**: it is byte for byte
//! what our own writer makes of its content, and it keeps our rule of release (no GAEN key whose validity ended less than two hours before the
//! bundle's end), which phones do not check.

use std::collections::BTreeMap;

use proto::bundle::{Bundle, BundleKey, Entries, GaenEntry, Limits};
use proto::{ReportType, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::REPLAY_GUARD;

/// What was found. Serialises to the JSON of `exporter inspect --json`; what cannot be known of a bundle that cannot be read is `null`.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Whether the strictest phone would accept it.
    pub phone: Verdict,
    /// Whether it is what this project would have published.
    pub canonical: Verdict,
    /// `verified`, `failed` or `not checked`.
    pub signature: SignatureCheck,
    /// The length of the zip in bytes.
    pub bytes: u64,
    /// SHA-256 of the zip, in hex.
    pub zip_sha256: String,
    /// What is inside, if it can be read.
    #[serde(flatten)]
    pub content: Option<Content>,
}

/// Whether something holds, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether it holds.
    pub holds: bool,
    /// Why not; none if it holds.
    pub reason: Option<String>,
}

/// What came of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SignatureCheck {
    /// It verifies under the key.
    #[serde(rename = "verified")]
    Verified,
    /// It does not.
    #[serde(rename = "failed")]
    Failed,
    /// No key was given, or there was nothing to check it on.
    #[serde(rename = "not checked")]
    NotChecked,
}

/// What is inside a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Content {
    /// `gaen` or `tcn`.
    pub kind: &'static str,
    /// The region.
    pub region: String,
    /// `start_timestamp`, in UTC seconds.
    pub start: i64,
    /// `end_timestamp`, in UTC seconds.
    pub end: i64,
    /// Ordinary entries: keys or reports.
    pub keys: u64,
    /// Revised keys or withdrawn reports.
    pub revised: u64,
    /// Ordinary and revised entries by report type; `other` for those that we do not publish.
    pub report_types: BTreeMap<&'static str, u64>,
    /// The keys that signed, as `ID-VERSION`, the active one first.
    pub signing_keys: Vec<String>,
    /// The length of `export.bin` in bytes.
    pub export_bytes: u64,
    /// SHA-256 of `export.bin`, in hex.
    pub export_sha256: String,
}

/// Inspects a zip; with the public key that should have signed it, its signature too.
pub fn inspect(zip: &[u8], key: Option<&BundleKey>) -> Inspection {
    let (bytes, zip_sha256) = (zip.len() as u64, hex::encode(Sha256::digest(zip)));
    let bundle = match Bundle::read(zip, &Limits::default()) {
        Ok(bundle) => bundle,
        Err(why) => {
            let phone = Verdict::no(format!("a phone would refuse it: {why}"));
            let canonical = Verdict::no("it cannot be read");
            let signature = SignatureCheck::NotChecked;
            return Inspection { phone, canonical, signature, bytes, zip_sha256, content: None };
        }
    };
    let signature = match key.map(|key| bundle.verify(key)) {
        Some(Ok(())) => SignatureCheck::Verified,
        Some(Err(_)) => SignatureCheck::Failed,
        None => SignatureCheck::NotChecked,
    };
    let phone = match signature {
        SignatureCheck::Failed => Verdict::no("a phone would refuse it: its signature does not verify under this key"),
        SignatureCheck::Verified | SignatureCheck::NotChecked => Verdict::yes(),
    };
    let canonical = match bundle.canonical(zip) {
        Ok(()) => released_in_time(&bundle),
        Err(why) => Verdict::no(why.to_string()),
    };
    Inspection { phone, canonical, signature, bytes, zip_sha256, content: Some(Content::of(&bundle)) }
}

impl Inspection {
    /// The exit code of `exporter inspect`: 0 if both verdicts hold and the signature verifies, 1 if a phone would refuse it, 2 if it is not
    /// canonical or its signature was not checked.
    pub fn exit_code(&self) -> u8 {
        if !self.phone.holds {
            1
        } else if self.canonical.holds && self.signature == SignatureCheck::Verified {
            0
        } else {
            2
        }
    }
}

impl Verdict {
    const fn yes() -> Self {
        Self { holds: true, reason: None }
    }

    fn no(reason: impl Into<String>) -> Self {
        Self { holds: false, reason: Some(reason.into()) }
    }
}

impl Content {
    fn of(bundle: &Bundle) -> Self {
        let (keys, revised, report_types) = match &bundle.entries {
            Entries::Gaen { keys, revised } => {
                let types = keys.iter().chain(revised).map(|entry| entry.report_type);
                (keys.len(), revised.len(), tally(types))
            }
            Entries::Tcn { reports, withdrawn } => {
                let types = reports.iter().map(|entry| Some(entry.report_type));
                (reports.len(), withdrawn.len(), tally(types))
            }
        };
        let header = &bundle.header;
        Self {
            kind: bundle.kind().as_str(),
            region: header.region.to_string(),
            start: header.start.unix(),
            end: header.end.unix(),
            keys: keys as u64,
            revised: revised as u64,
            report_types,
            signing_keys: header.signing.iter().map(|key| format!("{}-{}", key.id, key.version)).collect(),
            export_bytes: bundle.export_bytes,
            export_sha256: hex::encode(bundle.digest.0),
        }
    }
}

fn tally(types: impl Iterator<Item = Option<ReportType>>) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for report_type in types {
        *counts.entry(report_type.map_or("other", ReportType::as_str)).or_default() += 1;
    }
    counts
}

/// The rule of release: until two hours after its validity a key could be replayed, so none such may stand in a bundle.
fn released_in_time(bundle: &Bundle) -> Verdict {
    let Entries::Gaen { keys, revised } = &bundle.entries else { return Verdict::yes() };
    let latest = bundle.header.end.plus(-REPLAY_GUARD);
    let early = |entry: &&GaenEntry| validity_end(entry) > latest;
    match keys.iter().chain(revised).filter(early).count() {
        0 => Verdict::yes(),
        1 => Verdict::no("1 key was published less than 2 h after the end of its validity"),
        n => Verdict::no(format!("{n} keys were published less than 2 h after the end of their validity")),
    }
}

fn validity_end(entry: &GaenEntry) -> Timestamp {
    entry.key.validity_end().start()
}
