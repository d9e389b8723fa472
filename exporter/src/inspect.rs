//! What is in a bundle, and whether phones and this project would take it.
//!
//! Two verdicts. **phone**: the strictest phone would accept it, which includes its signatures as far as keys are given. **canonical**: it is byte for byte
//! what our own writer makes of its content, and it keeps our rule of release (no GAEN key whose validity ended less than two hours before the
//! bundle's end), which phones do not check.

use std::collections::BTreeMap;

use proto::ReportType;
use proto::bundle::{Bundle, BundleKey, Entries, GaenEntry, Limits, Signature};
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::is_replayable;

/// What was found. Serialises to the JSON of `exporter inspect --json`, which says nothing about the content of a bundle that cannot be read.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Whether the strictest phone would accept it.
    pub phone: Verdict,
    /// Whether it is what this project would have published.
    pub canonical: Verdict,
    /// `verified`, `failed`, `partly checked` or `not checked`.
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

/// What came of the signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum SignatureCheck {
    /// Each verifies under one of the keys.
    #[serde(rename = "verified")]
    Verified,
    /// One does not, although its key was given.
    #[serde(rename = "failed")]
    Failed,
    /// The first verifies, and for others the key was not given.
    #[serde(rename = "partly checked")]
    PartlyChecked,
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

/// Inspects a zip; with the public keys that should have signed it, its signatures too.
pub fn inspect(zip: &[u8], keys: &[BundleKey]) -> Inspection {
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
    let (signature, phone) = match check_signatures(&bundle, keys) {
        Ok(signature) => (signature, Verdict::yes()),
        Err(why) => (SignatureCheck::Failed, Verdict::no(format!("a phone would refuse it: export.sig: {why}"))),
    };
    let canonical = match bundle.canonical(zip) {
        Ok(()) => released_in_time(&bundle),
        Err(why) => Verdict::no(why.to_string()),
    };
    Inspection { phone, canonical, signature, bytes, zip_sha256, content: Some(Content::of(&bundle)) }
}

/// Checks signatures as the strictest phones do together: one reads only the first, another wants every listed one to verify.
///
/// # Errors
/// Why a phone that knows these keys would refuse the bundle.
fn check_signatures(bundle: &Bundle, keys: &[BundleKey]) -> Result<SignatureCheck, &'static str> {
    if keys.is_empty() {
        return Ok(SignatureCheck::NotChecked);
    }
    let fitting: Vec<&BundleKey> = keys.iter().filter(|key| key.kind() == bundle.kind()).collect();
    if fitting.is_empty() {
        return Err("the key is for bundles of the other kind");
    }
    let verifies =
        |signature: &&Signature| fitting.iter().any(|key| key.verify(&bundle.digest, &signature.bytes).is_ok());
    if !bundle.signatures.first().is_some_and(|first| verifies(&first)) {
        return Err("the first signature does not verify under the given key");
    }
    let (good, open): (Vec<&Signature>, Vec<&Signature>) = bundle.signatures.iter().partition(verifies);
    // A signature by the name of a key that we know should have been good.
    let broken = |open: &&Signature| good.iter().any(|good| good.key == open.key);
    if open.iter().any(broken) || !open.is_empty() && fitting.len() >= bundle.signatures.len() {
        return Err("a signature after the first does not verify under the given keys");
    }
    Ok(if open.is_empty() { SignatureCheck::Verified } else { SignatureCheck::PartlyChecked })
}

impl Inspection {
    /// The exit code of `exporter inspect`: 0 if both verdicts hold and every signature verifies, 1 if a phone would refuse it, 2 if it is not
    /// canonical or a signature was not checked.
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
            region: header.region.clone(),
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
    let early = |entry: &&GaenEntry| is_replayable(&entry.key, bundle.header.end);
    match keys.iter().chain(revised).filter(early).count() {
        0 => Verdict::yes(),
        1 => Verdict::no("1 key was published less than 2 h after the end of its validity"),
        n => Verdict::no(format!("{n} keys were published less than 2 h after the end of their validity")),
    }
}
