//! What stands in `export.bin` before the entries: sixteen bytes of name, then fields 1 to 6, which are the same for both kinds.

use prost::Message;

use crate::bundle::SigningKeyId;
use crate::bundle::wire::Field;
use crate::error::Malformed;
use crate::feed::{Kind, Region};
use crate::generated::{SignatureInfo, TemporaryExposureKeyExport};
use crate::interval::Timestamp;

/// How `export.bin` begins.
pub(super) const NAME_BYTES: usize = 16;
const GAEN: &[u8; NAME_BYTES] = b"EK Export v1    ";
const TCN: &[u8; NAME_BYTES] = b"TCN Export v1   ";

/// ECDSA with SHA-256 (RFC 5758).
const ECDSA_WITH_SHA256: &str = "1.2.840.10045.4.3.2";
/// Ed25519 (RFC 8410).
const ED25519: &str = "1.3.101.112";

/// Phones read at most this many signature infos.
const MAX_SIGNATURES: usize = 10;
/// The last second that ten digits of an object's name can hold: names sort by time until then.
const LAST_SECOND: i64 = 9_999_999_999;

/// What stands in `export.bin` before the entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The region of the feed.
    pub region: Region,
    /// `start_timestamp`: the end of the bundle before.
    pub start: Timestamp,
    /// `end_timestamp`: later than `start`.
    pub end: Timestamp,
    /// Who will sign: one entry a signature, the active key first, at most 10.
    pub signing: Vec<SigningKeyId>,
}

/// What stood before the entries of a bundle that was read. As [`Header`], except that phones take any text as a region and as the name of a
/// key, and so bundles of others may hold what we would never write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadHeader {
    /// Any text; empty if there is none.
    pub region: String,
    /// `start_timestamp`.
    pub start: Timestamp,
    /// `end_timestamp`: later than `start`.
    pub end: Timestamp,
    /// One entry a signature, 1 to 10. Ids and versions are any text but the empty one.
    pub signing: Vec<SigningKeyId>,
}

impl ReadHeader {
    /// The header with which we would write the same.
    ///
    /// # Errors
    /// `region`, if it is none of ours. Names of keys are checked when they are written.
    pub fn to_ours(&self) -> Result<Header, Malformed> {
        Ok(Header { region: self.region.parse()?, start: self.start, end: self.end, signing: self.signing.clone() })
    }
}

impl Header {
    /// The beginning of `export.bin`, up to the first entry.
    pub(super) fn encode(&self, kind: Kind) -> Result<Vec<u8>, Malformed> {
        check(self.start, self.end, &self.signing)?;
        for key in &self.signing {
            SigningKeyId::new(&key.id, &key.version)?;
        }
        let message = TemporaryExposureKeyExport {
            start_timestamp: Some(self.start.unix().cast_unsigned()),
            end_timestamp: Some(self.end.unix().cast_unsigned()),
            region: Some(self.region.to_string()),
            batch_num: Some(1),
            batch_size: Some(1),
            signature_infos: self.signing.iter().map(|key| signature_info(kind, key)).collect(),
            ..TemporaryExposureKeyExport::default()
        };
        let mut bytes = name(kind).to_vec();
        bytes.extend(message.encode_to_vec());
        Ok(bytes)
    }
}

/// What must hold of every bundle, whoever wrote it.
fn check(start: Timestamp, end: Timestamp, signing: &[SigningKeyId]) -> Result<(), Malformed> {
    if !(0..=LAST_SECOND).contains(&start.unix()) {
        return Err(Malformed::new("start_timestamp", "must be 0 to 9999999999"));
    }
    if end <= start || end.unix() > LAST_SECOND {
        return Err(Malformed::new("end_timestamp", "must be later than start_timestamp, at most 9999999999"));
    }
    if !(1..=MAX_SIGNATURES).contains(&signing.len()) {
        return Err(Malformed::new("signature_infos", "must be 1 to 10"));
    }
    Ok(())
}

/// The sixteen bytes that name a kind.
pub(super) const fn name(kind: Kind) -> &'static [u8; NAME_BYTES] {
    match kind {
        Kind::Gaen => GAEN,
        Kind::Tcn => TCN,
    }
}

/// The `SignatureInfo` for a key of this kind.
pub(super) fn signature_info(kind: Kind, key: &SigningKeyId) -> SignatureInfo {
    SignatureInfo {
        verification_key_version: Some(key.version.clone()),
        verification_key_id: Some(key.id.clone()),
        signature_algorithm: Some(algorithm(kind).to_owned()),
    }
}

/// Reads a `SignatureInfo`, which must name the algorithm of this kind, and a key: phones look it up by both names, so neither is empty.
pub(super) fn signing_key(kind: Kind, info: &SignatureInfo) -> Result<SigningKeyId, Malformed> {
    if info.signature_algorithm() != algorithm(kind) {
        return Err(Malformed::new("signature_algorithm", "must be the algorithm of the bundle's kind"));
    }
    let named = |field, text: &str| {
        if text.is_empty() { Err(Malformed::new(field, "must be there")) } else { Ok(text.to_owned()) }
    };
    Ok(SigningKeyId {
        id: named("verification_key_id", info.verification_key_id())?,
        version: named("verification_key_version", info.verification_key_version())?,
    })
}

const fn algorithm(kind: Kind) -> &'static str {
    match kind {
        Kind::Gaen => ECDSA_WITH_SHA256,
        Kind::Tcn => ED25519,
    }
}

/// Splits `export.bin` into the kind that its name says and the message.
pub(super) fn split(export: &[u8]) -> Result<(Kind, &[u8]), Malformed> {
    let (first, message) = export
        .split_first_chunk::<NAME_BYTES>()
        .ok_or_else(|| Malformed::new("export.bin", "must begin with a header of 16 bytes"))?;
    let kind = Kind::ALL.into_iter().find(|kind| first == name(*kind));
    Ok((kind.ok_or_else(|| Malformed::new("export.bin", "must begin with a known header"))?, message))
}

/// Gathers fields 1 to 6 while the message is walked, so that prost never sees how many entries somebody claims.
#[derive(Default)]
pub(super) struct HeaderFields {
    raw: Vec<u8>,
    infos: usize,
}

impl HeaderFields {
    /// Takes a field that is no entry; unknown ones are skipped.
    pub(super) fn take(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        if field.number == 6 {
            self.infos += 1;
        }
        if self.infos > MAX_SIGNATURES {
            return Err(Malformed::new("signature_infos", "must be 1 to 10"));
        }
        if (1..=6).contains(&field.number) {
            self.raw.extend_from_slice(field.raw);
        }
        Ok(())
    }

    /// The header, once all fields were taken.
    pub(super) fn finish(self, kind: Kind) -> Result<ReadHeader, Malformed> {
        let message = TemporaryExposureKeyExport::decode(self.raw.as_slice())
            .map_err(|_| Malformed::new("export.bin", "is no well-formed message"))?;
        if message.batch_num() != 1 || message.batch_size() != 1 {
            return Err(Malformed::new("batch_num", "must be batch 1 of 1"));
        }
        // What does not fit is far beyond what `check` lets pass.
        let timestamp = |seconds: u64| Timestamp::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX));
        let signing: Result<_, _> = message.signature_infos.iter().map(|info| signing_key(kind, info)).collect();
        let (start, end) = (timestamp(message.start_timestamp()), timestamp(message.end_timestamp()));
        let header = ReadHeader { region: message.region.unwrap_or_default(), start, end, signing: signing? };
        check(start, end, &header.signing)?;
        Ok(header)
    }
}
