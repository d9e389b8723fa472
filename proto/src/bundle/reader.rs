//! Reading a bundle strictly, with limits.

use std::io::{self, Cursor};

use crate::bundle::header::{HeaderFields, split};
use crate::bundle::unpack::unpack;
use crate::bundle::writer::{ENTRIES, REVISED, SCHEMA, TCN_SCHEMA};
use crate::bundle::{BundleKey, Entry, ExportDigest, GaenEntry, NotSigned, ReadHeader, Signature, TcnEntry, Writer};
use crate::bundle::{export_sig, wire};
use crate::error::Malformed;
use crate::feed::Kind;

/// How much a reader is willing to read.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the zip: phones stop at 16 MB.
    pub zip_bytes: u64,
    /// Bytes of `export.bin`.
    pub export_bytes: u64,
    /// Entries, ordinary and revised together: phones stop at 750,000.
    pub entries: usize,
    /// `export.bin` may be at most this many times the size of its compressed form.
    pub expansion: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { zip_bytes: 16_000_000, export_bytes: 64_000_000, entries: 750_000, expansion: 50 }
    }
}

/// A bundle's entries by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entries {
    /// Keys, and revised keys.
    Gaen {
        /// Field 7.
        keys: Vec<GaenEntry>,
        /// Field 8.
        revised: Vec<GaenEntry>,
    },
    /// Reports, and the SHA-256 of withdrawn ones.
    Tcn {
        /// Field 7.
        reports: Vec<TcnEntry>,
        /// Field 8.
        withdrawn: Vec<[u8; 32]>,
    },
}

/// A bundle that the strictest phone could read. Its signatures are not checked until [`verify`](Self::verify).
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Region, times and key ids.
    pub header: ReadHeader,
    /// What it carries.
    pub entries: Entries,
    /// `export.sig`.
    pub signatures: Vec<Signature>,
    /// SHA-256 of `export.bin`.
    pub digest: ExportDigest,
    /// The length of `export.bin` in bytes.
    pub export_bytes: u64,
}

impl Bundle {
    /// Reads a zip: exactly two entries, no data descriptor on a stored one, both CRCs, every rule of the export format. What phones do not
    /// look at may be anything: a comment of the zip, unknown fields, the text of the region.
    ///
    /// # Errors
    /// The first field that the strictest phone would refuse.
    pub fn read(zip: &[u8], limits: &Limits) -> Result<Self, Malformed> {
        let files = unpack(zip, limits)?;
        let (header, entries) = Self::read_export(&files.export, limits)?;
        let signatures = export_sig::decode(entries.kind(), &files.signatures)?;
        if signatures.len() != header.signing.len() {
            return Err(Malformed::new("export.sig", "must hold one signature for each of signature_infos"));
        }
        let (digest, export_bytes) = (ExportDigest::of(&files.export), files.export.len() as u64);
        Ok(Self { header, entries, signatures, digest, export_bytes })
    }

    /// Reads `export.bin` alone: header, timestamps and entries.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_export(export: &[u8], limits: &Limits) -> Result<(ReadHeader, Entries), Malformed> {
        if export.len() as u64 > limits.export_bytes {
            return Err(Malformed::new("export.bin", "must not be larger than the limit"));
        }
        let (kind, message) = split(export)?;
        match kind {
            Kind::Gaen => read_gaen(message, limits),
            Kind::Tcn => read_tcn(message, limits),
        }
    }

    /// Which kind it is.
    pub const fn kind(&self) -> Kind {
        self.entries.kind()
    }

    /// Checks that the first signature verifies under `key`, as iOS does.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn verify(&self, key: &BundleKey) -> Result<(), NotSigned> {
        let first = self.signatures.first().filter(|_| key.kind() == self.kind()).ok_or(NotSigned)?;
        key.verify(&self.digest, &first.bytes)
    }

    /// Whether `zip`, from which this bundle was read, is byte for byte what [`Writer`] makes of this content.
    ///
    /// # Errors
    /// What differs first: a region or a key id that is none of ours, an entry out of order, an unknown field, or the container's bytes.
    pub fn canonical(&self, zip: &[u8]) -> Result<(), Malformed> {
        let (ours, digest) = self.rewrite().map_err(|error| {
            // The output is memory, so what fails is the content.
            let malformed = error.get_ref().and_then(|inner| inner.downcast_ref::<Malformed>());
            malformed.cloned().unwrap_or_else(|| Malformed::new("zip", "is larger than a bundle can be"))
        })?;
        if digest != self.digest {
            return Err(Malformed::new("export.bin", "has a field that ours has not, or another encoding of the same"));
        }
        if ours != zip {
            return Err(Malformed::new("zip", "is packed otherwise than ours"));
        }
        Ok(())
    }

    /// Writes the same content again.
    fn rewrite(&self) -> io::Result<(Vec<u8>, ExportDigest)> {
        match &self.entries {
            Entries::Gaen { keys, revised } => {
                let mut writer = self.writer(keys)?;
                revised.iter().try_for_each(|key| writer.push_revised(key))?;
                self.finish(writer)
            }
            Entries::Tcn { reports, withdrawn } => {
                let mut writer = self.writer(reports)?;
                withdrawn.iter().try_for_each(|digest| writer.withdraw(*digest))?;
                self.finish(writer)
            }
        }
    }

    fn writer<E: Entry>(&self, entries: &[E]) -> io::Result<Writer<E, Cursor<Vec<u8>>>> {
        let header = self.header.to_ours().map_err(io::Error::other)?;
        let mut writer = Writer::new(Cursor::new(Vec::new()), &header)?;
        entries.iter().try_for_each(|entry| writer.push(entry))?;
        Ok(writer)
    }

    fn finish<E: Entry>(&self, writer: Writer<E, Cursor<Vec<u8>>>) -> io::Result<(Vec<u8>, ExportDigest)> {
        let (out, summary) = writer.end()?.finish(&self.signatures)?;
        Ok((out.into_inner(), summary.digest))
    }
}

impl Entries {
    /// Which kind they are.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Gaen { .. } => Kind::Gaen,
            Self::Tcn { .. } => Kind::Tcn,
        }
    }
}

fn read_gaen(message: &[u8], limits: &Limits) -> Result<(ReadHeader, Entries), Malformed> {
    let (mut header, mut budget) = (HeaderFields::default(), Budget::of(limits));
    let (mut keys, mut revised) = (Vec::new(), Vec::new());
    for field in wire::fields(message) {
        let field = field?;
        match field.number {
            ENTRIES => keys.push(GaenEntry::decode(budget.spend(field.bytes("keys")?)?)?),
            REVISED => revised.push(GaenEntry::decode(budget.spend(field.bytes("revised_keys")?)?)?),
            _ => header.take(&field)?,
        }
    }
    Ok((header.finish(Kind::Gaen)?, Entries::Gaen { keys, revised }))
}

fn read_tcn(message: &[u8], limits: &Limits) -> Result<(ReadHeader, Entries), Malformed> {
    let (mut header, mut budget) = (HeaderFields::default(), Budget::of(limits));
    let (mut reports, mut withdrawn, mut schema) = (Vec::new(), Vec::new(), 0);
    for field in wire::fields(message) {
        let field = field?;
        match field.number {
            ENTRIES => reports.push(TcnEntry::decode(budget.spend(field.bytes("reports")?)?)?),
            REVISED => withdrawn.push(read_digest(budget.spend(field.bytes("withdrawn")?)?)?),
            SCHEMA => schema = field.int32("schema")?,
            _ => header.take(&field)?,
        }
    }
    if u32::try_from(schema) != Ok(TCN_SCHEMA) {
        return Err(Malformed::new("schema", "must be 1"));
    }
    Ok((header.finish(Kind::Tcn)?, Entries::Tcn { reports, withdrawn }))
}

pub(super) fn read_digest(bytes: &[u8]) -> Result<[u8; 32], Malformed> {
    bytes.try_into().map_err(|_| Malformed::new("withdrawn", "must be 32 bytes each"))
}

/// How many more entries are read. Counted before an entry is looked at, so that none is kept that should not be.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) const fn of(limits: &Limits) -> Self {
        Self(limits.entries)
    }

    pub(super) fn spend<'a>(&mut self, entry: &'a [u8]) -> Result<&'a [u8], Malformed> {
        self.0 = self
            .0
            .checked_sub(1)
            .ok_or_else(|| Malformed::new("export.bin", "must not hold more entries than the limit"))?;
        Ok(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::{SignatureInfo, TcnReportExport, TekSignature, TekSignatureList};
    use crate::generated::{TemporaryExposureKey, TemporaryExposureKeyExport};
    use prost::Message;

    fn info() -> SignatureInfo {
        SignatureInfo {
            verification_key_version: Some("v1".to_owned()),
            verification_key_id: Some("310".to_owned()),
            signature_algorithm: Some("1.2.840.10045.4.3.2".to_owned()),
        }
    }

    fn key(byte: u8) -> TemporaryExposureKey {
        TemporaryExposureKey {
            key_data: Some(vec![byte; 16]),
            rolling_start_interval_number: Some(2_642_976),
            rolling_period: Some(144),
            ..TemporaryExposureKey::default()
        }
    }

    /// An export of somebody else's, which every phone reads.
    fn sound() -> TemporaryExposureKeyExport {
        TemporaryExposureKeyExport {
            start_timestamp: Some(1_600_000_000),
            end_timestamp: Some(1_600_003_600),
            region: Some("NO".to_owned()),
            batch_num: Some(1),
            batch_size: Some(1),
            signature_infos: vec![info()],
            keys: vec![key(9), key(3)],
            revised_keys: vec![key(5)],
        }
    }

    fn read(export: &TemporaryExposureKeyExport) -> Result<(ReadHeader, Entries), Malformed> {
        let bytes = [b"EK Export v1    ".as_slice(), &export.encode_to_vec()].concat();
        Bundle::read_export(&bytes, &Limits::default())
    }

    #[test]
    fn an_export_of_others_is_read_as_a_phone_would() {
        let (header, entries) = read(&sound()).expect("sound");
        assert_eq!(header.region, "NO");
        let Entries::Gaen { keys, revised } = entries else { panic!("not keys") };
        assert_eq!((keys.len(), revised.len()), (2, 1));
    }

    #[test]
    fn an_export_that_the_strictest_phone_would_refuse_is_refused() {
        type Defect = fn(&mut TemporaryExposureKeyExport);
        let defects: [(&str, Defect); 19] = [
            ("end_timestamp", |export| export.end_timestamp = export.start_timestamp),
            ("end_timestamp", |export| export.end_timestamp = Some(1_599_999_999)),
            ("end_timestamp", |export| export.end_timestamp = None),
            ("end_timestamp", |export| export.end_timestamp = Some(u64::MAX)),
            ("start_timestamp", |export| export.start_timestamp = Some(u64::MAX)),
            ("batch_num", |export| export.batch_num = Some(2)),
            ("batch_num", |export| export.batch_num = None),
            ("batch_num", |export| export.batch_size = Some(2)),
            ("batch_num", |export| export.batch_size = None),
            ("signature_infos", |export| export.signature_infos.clear()),
            ("signature_infos", |export| export.signature_infos = vec![info(); 11]),
            ("signature_algorithm", |export| export.signature_infos[0].signature_algorithm = None),
            ("signature_algorithm", |export| {
                export.signature_infos[0].signature_algorithm = Some("1.3.101.112".into())
            }),
            ("verification_key_id", |export| export.signature_infos[0].verification_key_id = None),
            ("verification_key_version", |export| export.signature_infos[0].verification_key_version = None),
            ("key_data", |export| export.keys[1].key_data = Some(vec![1; 17])),
            ("key_data", |export| export.revised_keys[0].key_data = None),
            ("rolling_start_interval_number", |export| export.keys[0].rolling_start_interval_number = None),
            ("rolling_period", |export| export.revised_keys[0].rolling_period = None),
        ];
        for (field, spoil) in defects {
            let mut export = sound();
            spoil(&mut export);
            assert_eq!(read(&export).expect_err(field).field, field);
        }
    }

    #[test]
    fn an_export_shorter_than_its_header_is_refused() {
        let whole = b"EK Export v1    ";
        for length in 0..whole.len() {
            let refusal = Bundle::read_export(&whole[..length], &Limits::default()).expect_err("too short");
            assert_eq!(refusal.field, "export.bin");
        }
        assert!(Bundle::read_export(b"EK Export v2    ", &Limits::default()).is_err());
    }

    #[test]
    fn entries_are_counted_before_they_are_kept() {
        let limits = Limits { entries: 2, ..Limits::default() };
        let bytes = [b"EK Export v1    ".as_slice(), &sound().encode_to_vec()].concat();
        assert_eq!(Bundle::read_export(&bytes, &limits).expect_err("three keys").field, "export.bin");
        let limits = Limits { export_bytes: bytes.len() as u64 - 1, ..Limits::default() };
        assert_eq!(Bundle::read_export(&bytes, &limits).expect_err("too long").field, "export.bin");
        let entry =
            TemporaryExposureKeyExport { keys: vec![key(1)], ..TemporaryExposureKeyExport::default() }.encode_to_vec();
        let many = |count| [bytes.as_slice(), &entry.repeat(count)].concat();
        assert!(Bundle::read_export(&many(750_000 - 3), &Limits::default()).is_ok());
        assert!(Bundle::read_export(&many(750_000 - 2), &Limits::default()).is_err());
    }

    #[test]
    fn a_tcn_export_says_its_schema_and_whole_digests() {
        let sound = TcnReportExport {
            start_timestamp: Some(1),
            end_timestamp: Some(2),
            region: Some("NO".to_owned()),
            batch_num: Some(1),
            batch_size: Some(1),
            signature_infos: vec![SignatureInfo { signature_algorithm: Some("1.3.101.112".to_owned()), ..info() }],
            withdrawn: vec![vec![7; 32]],
            schema: Some(1),
            ..TcnReportExport::default()
        };
        let read = |export: &TcnReportExport| {
            let bytes = [b"TCN Export v1   ".as_slice(), &export.encode_to_vec()].concat();
            Bundle::read_export(&bytes, &Limits::default())
        };
        read(&sound).expect("sound");
        let later = TcnReportExport { schema: Some(2), ..sound.clone() };
        assert_eq!(read(&later).expect_err("a later schema").field, "schema");
        let silent = TcnReportExport { schema: None, ..sound.clone() };
        assert_eq!(read(&silent).expect_err("no schema").field, "schema");
        let short = TcnReportExport { withdrawn: vec![vec![7; 31]], ..sound };
        assert_eq!(read(&short).expect_err("a short digest").field, "withdrawn");
    }

    #[test]
    fn a_signature_file_that_a_phone_would_refuse_is_refused() {
        let key = p256::ecdsa::SigningKey::from_slice(&[5; 32]).expect("a scalar");
        let bytes = crate::bundle::BundleSigner::Gaen(key).sign(&ExportDigest([1; 32]));
        let sound = TekSignature {
            signature_info: Some(info()),
            batch_num: Some(1),
            batch_size: Some(1),
            signature: Some(bytes),
        };
        let decode = |signature: &TekSignature| {
            let list = TekSignatureList { signatures: vec![signature.clone()] };
            export_sig::decode(Kind::Gaen, &list.encode_to_vec())
        };
        decode(&sound).expect("sound");
        type Defect = fn(&mut TekSignature);
        let defects: [(&str, Defect); 7] = [
            ("export.sig", |signature| signature.batch_num = None),
            ("export.sig", |signature| signature.batch_size = Some(2)),
            ("signature_info", |signature| signature.signature_info = None),
            ("signature_algorithm", |signature| signature.signature_info = Some(SignatureInfo::default())),
            ("signature", |signature| signature.signature = None),
            ("signature", |signature| signature.signature = Some(vec![1; 64])),
            ("signature", |signature| signature.signature.as_mut().expect("one").push(0)),
        ];
        for (field, spoil) in defects {
            let mut signature = sound.clone();
            spoil(&mut signature);
            assert_eq!(decode(&signature).expect_err(field).field, field);
        }
    }
}
