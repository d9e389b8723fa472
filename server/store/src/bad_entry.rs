//! Rows that break an invariant: what they are called, where they stand, and what is wrong with them.

use std::fmt;
use std::str::FromStr;

use proto::{Feed, Malformed};
use sha2::{Digest, Sha256};

/// What an entry is called where its identity must not stand, as in logs and on screens: the first eight bytes of the SHA-256 of the 16 bytes of a
/// key, or of the 32 bytes of a report's verification key, as 16 hexadecimal digits. Whoever holds the entry can tell that it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName([u8; 8]);

impl EntryName {
    /// The name of the entry with this identity.
    pub fn of(identity: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(identity).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Self([a, b, c, d, e, f, g, h])
    }

    /// The eight bytes.
    pub(crate) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for EntryName {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let refused =
            || Malformed::new("entry", "must be 16 digits of 0 to 9 and a to f, as an error or --find names it");
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let value = u64::from_str_radix(text, 16).ok().filter(|_| digits && text.len() == 16);
        value.map(|value| Self(value.to_be_bytes())).ok_or_else(refused)
    }
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryPlace {
    /// Among what waits.
    Waiting,
    /// In the bundle with this sequence.
    Bundle(u64),
}

impl fmt::Display for EntryPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => f.write_str("waits"),
            Self::Bundle(sequence) => write!(f, "is in bundle {sequence}"),
        }
    }
}

/// A row that breaks an invariant. Nothing is sealed or signed with it; somebody has to say what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BadEntry {
    /// In which feed.
    pub feed: Feed,
    /// Which entry.
    pub entry: EntryName,
    /// Where.
    pub place: EntryPlace,
    /// Which invariant it breaks, by the names of columns, without their content.
    pub breaks: String,
}

impl fmt::Display for BadEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: entry {}, which {}, breaks an invariant: {}", self.feed, self.entry, self.place, self.breaks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_beginning_of_a_digest_and_reads_as_it_is_written() {
        let name = EntryName::of(&[7; 16]);
        let digest: [u8; 32] = Sha256::digest([7; 16]).into();
        assert_eq!(name.as_bytes(), &digest[..8]);
        assert_eq!(name.to_string().parse(), Ok(name));
        for bad in ["", "0123456789abcde", "0123456789ABCDEF", "0123456789abcdefg", "+123456789abcdef"] {
            assert_eq!(bad.parse::<EntryName>().expect_err(bad).field, "entry");
        }
    }
}
