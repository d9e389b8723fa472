//! From a bundle's members to `export.bin`, as they are read: none of them is kept.

use std::io::{Cursor, ErrorKind};
use std::ops::ControlFlow;

use proto::bundle::{Entry, GaenEntry, Header, TcnEntry, Unsigned, Writer};
use store::{BadEntry, BundleRow, EntryPlace, KeyStore, Member, MemberDigest, MemberSink, StoreError};

use crate::error::ExportError;

/// The store never seals such a bundle; were its row changed since, the digest would show it. This is the last look before a signature.
const REPLAYABLE: &str = "its validity ended less than 2 h before the bundle's end; it was not signed. Somebody changed \
    what was sealed: look for rows of gaen_publication whose (rolling_start + rolling_period) * 600 + 7200 is later than end_at";
/// What a key takes in a zip, in bytes, rounded up, and a report: so much room is made at once, since a vector that grows doubles.
const KEY_BYTES: u64 = 18;
const REPORT_BYTES: u64 = 180;
/// Room for everything around the entries, in bytes, and a bound on all of it: bundles are cut at 15 MB. It is no more than it must be, since
/// what thousands of small bundles leave between longer-lived things is not soon used again.
const AROUND: u64 = 2 * 1_024;
const MOST: u64 = 16_000_000;

/// Writes `export.bin` from all members of a bundle, and counts and digests them on the way.
///
/// # Errors
/// [`ExportError::Retry`] if they are not those that were frozen, [`ExportError::Corrupt`] if one of them must not stand there.
pub(crate) async fn write<E: FromMember>(
    store: &dyn KeyStore,
    row: &BundleRow,
) -> Result<Unsigned<Cursor<Vec<u8>>>, ExportError> {
    let mut export = Export::<E>::of(row);
    store.read_members(&row.feed, row.sequence, &mut export).await?;
    export.end()
}

/// What the members of a bundle become.
struct Export<'a, E: FromMember> {
    row: &'a BundleRow,
    /// None until the first member comes.
    writer: Option<Writer<E, Cursor<Vec<u8>>>>,
    digest: MemberDigest,
    ordinary: u64,
    revised: u64,
    /// Why no more members are taken.
    refused: Option<ExportError>,
}

impl<'a, E: FromMember> Export<'a, E> {
    fn of(row: &'a BundleRow) -> Self {
        Self { row, writer: None, digest: MemberDigest::new(), ordinary: 0, revised: 0, refused: None }
    }

    fn start(&self) -> Result<Writer<E, Cursor<Vec<u8>>>, ExportError> {
        let row = self.row;
        let header =
            Header { region: row.feed.region.clone(), start: row.start, end: row.end, signing: row.signing.clone() };
        let each = if row.feed.kind == proto::Kind::Gaen { KEY_BYTES } else { REPORT_BYTES };
        let room = (row.count + row.revised).saturating_mul(each).saturating_add(AROUND).min(MOST);
        let zip = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
        Writer::new(Cursor::new(zip), &header).map_err(|why| refused(row, &why))
    }

    fn push(&mut self, is_revised: bool, member: &Member) -> Result<(), ExportError> {
        let row = self.row;
        self.digest.push(is_revised, member);
        if member.is_replayable(row.end) {
            return Err(bad(row, member, REPLAYABLE));
        }
        let entry = E::from_member(member).ok_or_else(|| corrupt(row, "has a member of another kind"))?;
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let pushed = if is_revised {
            self.revised += 1;
            writer.push_revised(entry)
        } else {
            self.ordinary += 1;
            writer.push(entry)
        };
        pushed.map_err(|why| refused(row, &why))
    }

    fn end(mut self) -> Result<Unsigned<Cursor<Vec<u8>>>, ExportError> {
        if let Some(refused) = self.refused.take() {
            return Err(refused);
        }
        let row = self.row;
        match self.writer.take() {
            Some(writer) if self.is_whole() => writer.end().map_err(|why| refused(row, &why)),
            _ => Err(ExportError::Retry(format!(
                "{}: the members read for bundle {} do not give its frozen counts and digest; it was not signed",
                row.feed, row.sequence
            ))),
        }
    }
}

impl<E: FromMember> MemberSink for Export<'_, E> {
    fn begin(&mut self) {
        // What an earlier attempt wrote goes first: there is room for one.
        *self = Self::of(self.row);
        match self.start() {
            Ok(writer) => self.writer = Some(writer),
            Err(why) => self.refused = Some(why),
        }
    }

    fn take(&mut self, revised: bool, member: &Member) -> ControlFlow<()> {
        if self.refused.is_none() {
            self.refused = self.push(revised, member).err();
        }
        if self.refused.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn is_whole(&self) -> bool {
        let read = (self.ordinary, self.revised, self.digest.clone().finish());
        self.refused.is_none() && read == (self.row.count, self.row.revised, self.row.member_digest)
    }
}

/// The writer refuses entries out of order or given twice, which no row that was sealed can be; memory itself does not fail.
pub(crate) fn refused(row: &BundleRow, why: &std::io::Error) -> ExportError {
    match why.kind() {
        ErrorKind::InvalidInput => corrupt(row, &format!("cannot be written: {why}")),
        _ => ExportError::Retry(format!("{}: bundle {} cannot be written: {why}", row.feed, row.sequence)),
    }
}

/// Says what is wrong with a bundle's rows.
pub(crate) fn corrupt(row: &BundleRow, what: &str) -> ExportError {
    ExportError::Corrupt(format!("{}: bundle {} {what}", row.feed, row.sequence))
}

/// A member that must not be signed, by its name, and what to type.
fn bad(row: &BundleRow, member: &Member, breaks: &str) -> ExportError {
    let (feed, entry, place) = (row.feed.clone(), member.name(), EntryPlace::Bundle(row.sequence));
    StoreError::BadEntry(Box::new(BadEntry { feed, entry, place, breaks: breaks.to_owned() })).into()
}

/// The kind of entry that a member is.
pub(crate) trait FromMember: Entry {
    fn from_member(member: &Member) -> Option<&Self>;
}

impl FromMember for GaenEntry {
    fn from_member(member: &Member) -> Option<&Self> {
        match member {
            Member::Gaen(entry) => Some(entry),
            Member::Tcn(_) => None,
        }
    }
}

impl FromMember for TcnEntry {
    fn from_member(member: &Member) -> Option<&Self> {
        match member {
            Member::Tcn(entry) => Some(entry),
            Member::Gaen(_) => None,
        }
    }
}
