//! What a token says, and its bytes before they are sealed.

use std::collections::BTreeMap;

use crate::api::publish::MAX_KEYS;
use crate::gaen::TemporaryExposureKey;
use crate::report_type::ReportType;

/// A key in a token: the key (16 bytes), rolling start (4, big-endian), rolling period, report type (1 each), proof (8).
const SLOT: usize = 16 + 4 + 1 + 1 + 8;
/// The length of every token before it is sealed: how many keys there are, and a slot for each that there could be.
pub(super) const PLAIN: usize = 1 + MAX_KEYS * SLOT;
/// Stands beside the report type of a key that has been revised.
const REVISED: u8 = 0x80;

/// One key of an upload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RevisionEntry {
    /// The key as it was sent.
    pub key: TemporaryExposureKey,
    /// What is said of it by now.
    pub report_type: ReportType,
    /// Whether something else was said of it before.
    pub revised: bool,
    /// By what the server knows that this upload was the first to bring it: eight bytes that nobody else can know.
    pub proof: [u8; 8],
}

/// The keys of an upload, at most 30, by their bytes. Their report types differ if the upload was one of several.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RevisionToken {
    entries: BTreeMap<[u8; 16], RevisionEntry>,
}

impl RevisionToken {
    /// A token over the first 30 of these; of two with the same key, the first one counts.
    pub fn new(entries: impl IntoIterator<Item = RevisionEntry>) -> Self {
        let mut token = Self::default();
        for entry in entries {
            if token.entries.len() == MAX_KEYS {
                break;
            }
            token.entries.entry(*entry.key.data()).or_insert(entry);
        }
        token
    }

    /// What it says of the key with these bytes.
    pub fn entry(&self, key: &[u8; 16]) -> Option<&RevisionEntry> {
        self.entries.get(key)
    }

    /// All of it, by the bytes of the keys.
    pub fn entries(&self) -> impl Iterator<Item = &RevisionEntry> {
        self.entries.values()
    }

    /// Its bytes, as many for one key as for thirty.
    pub(super) fn encode(&self) -> [u8; PLAIN] {
        let mut bytes = [0; PLAIN];
        // There are never more than thirty.
        let [.., count] = self.entries.len().to_be_bytes();
        bytes[0] = count;
        for (slot, entry) in bytes[1..].chunks_exact_mut(SLOT).zip(self.entries.values()) {
            let revised = if entry.revised { REVISED } else { 0 };
            slot[..16].copy_from_slice(entry.key.data());
            slot[16..20].copy_from_slice(&entry.key.rolling_start().number().to_be_bytes());
            slot[20] = entry.key.rolling_period();
            slot[21] = entry.report_type.export_value() | revised;
            slot[22..].copy_from_slice(&entry.proof);
        }
        bytes
    }

    /// Reads them back; none unless [`encode`](Self::encode) wrote exactly these.
    pub(super) fn decode(bytes: &[u8; PLAIN]) -> Option<Self> {
        let (count, slots) = bytes.split_first()?;
        let slots = slots.chunks_exact(SLOT).take(usize::from(*count));
        let entries = slots.map(decode_slot).collect::<Option<Vec<_>>>()?;
        let token = Self::new(entries);
        (token.encode() == *bytes).then_some(token)
    }
}

fn decode_slot(slot: &[u8]) -> Option<RevisionEntry> {
    let (key, slot) = slot.split_first_chunk::<16>()?;
    let (start, slot) = slot.split_first_chunk::<4>()?;
    let ([period, report_type], slot) = slot.split_first_chunk::<2>()?;
    let start = u32::from_be_bytes(*start);
    Some(RevisionEntry {
        key: TemporaryExposureKey::new(key, start.into(), (*period).into()).ok()?,
        report_type: ReportType::from_export_value((report_type & !REVISED).into())?,
        revised: report_type & REVISED != 0,
        proof: slot.try_into().ok()?,
    })
}

/// Neither key bytes nor proofs reach a log.
impl std::fmt::Debug for RevisionEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RevisionEntry({:?} {})", self.key, self.report_type)
    }
}

/// Whose keys these are is nobody's business.
impl std::fmt::Debug for RevisionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RevisionToken({} keys)", self.entries.len())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A token of so many keys, which differ in all that they can differ in.
    pub(in crate::revision) fn token(keys: u8) -> RevisionToken {
        RevisionToken::new((0..keys).map(|number| {
            RevisionEntry {
                key: TemporaryExposureKey::new(&[number; 16], 2_650_000 + i64::from(number), 144 - i64::from(number))
                    .expect("a key"),
                report_type: ReportType::ALL[usize::from(number % 4)],
                revised: number % 3 == 0,
                proof: [number ^ 0x55; 8],
            }
        }))
    }

    #[test]
    fn a_token_reads_back_as_it_was_written() {
        for keys in [0, 1, 14, 30] {
            assert_eq!(RevisionToken::decode(&token(keys).encode()), Some(token(keys)));
        }
        assert_eq!(token(14).entry(&[3; 16]), token(14).entries().nth(3));
        assert_eq!(token(14).entry(&[14; 16]), None);
    }

    #[test]
    fn a_token_holds_thirty_keys_and_each_once() {
        assert_eq!(token(31), token(30));
        let twice = RevisionToken::new(token(2).entries().chain(token(1).entries()).copied());
        assert_eq!(twice, token(2));
    }

    #[test]
    fn bytes_that_nobody_wrote_are_no_token() {
        let good = token(2).encode();
        let with = |position: usize, byte: u8| {
            let mut bytes = good;
            bytes[position] = byte;
            RevisionToken::decode(&bytes)
        };
        assert_eq!(with(0, 2), Some(token(2)));
        for (position, byte) in [(0, 0), (0, 1), (0, 3), (0, 31), (0, 255)] {
            assert_eq!(with(position, byte), None, "{byte} keys");
        }
        assert_eq!(with(1, 0xff), None, "not in their order");
        assert_eq!(with(17, 0xff), None, "no interval");
        assert_eq!(with(21, 0), None, "no period");
        assert_eq!(with(21, 145), None, "no period");
        assert_eq!(with(22, 4), None, "no report type");
        assert_eq!(with(PLAIN - 1, 1), None, "a slot that nobody uses");
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", token(3)), "RevisionToken(3 keys)");
    }
}
