//! The memo of a report: what is said, in which dialect.

use crate::error::Malformed;

/// Memo types that are accepted (TCN v0.4; 4 to 254 on request, 255 reserved).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum MemoType {
    /// CoEpi symptom report v1.
    CoEpiV1 = 0,
    /// Covid Watch test result v1.
    CovidWatchV1 = 1,
    /// ito report v1.
    ItoV1 = 2,
    /// HutchTrace.
    HutchTrace = 3,
}

impl TryFrom<u8> for MemoType {
    type Error = Malformed;

    fn try_from(value: u8) -> Result<Self, Malformed> {
        match value {
            0 => Ok(Self::CoEpiV1),
            1 => Ok(Self::CovidWatchV1),
            2 => Ok(Self::ItoV1),
            3 => Ok(Self::HutchTrace),
            _ => Err(Malformed::new("memo_type", "must be 0 to 3")),
        }
    }
}

/// A memo: its type and at most 255 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Memo {
    kind: MemoType,
    data: Vec<u8>,
}

impl Memo {
    /// Builds a memo.
    ///
    /// # Errors
    /// `memo_len` if `data` is longer than 255 bytes.
    pub fn new(kind: MemoType, data: &[u8]) -> Result<Self, Malformed> {
        if data.len() > 255 {
            return Err(Malformed::new("memo_len", "must be at most 255"));
        }
        Ok(Self { kind, data: data.to_vec() })
    }

    /// In which dialect.
    pub const fn kind(&self) -> MemoType {
        self.kind
    }

    /// What is said.
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_memo_types_are_accepted() {
        for value in 0..=255_u8 {
            match MemoType::try_from(value) {
                Ok(kind) => assert_eq!(kind as u8, value),
                Err(refusal) => assert!(value > 3 && refusal.field == "memo_type"),
            }
        }
        assert!(MemoType::try_from(3).is_ok());
    }

    #[test]
    fn a_memo_has_at_most_255_bytes() {
        assert_eq!(Memo::new(MemoType::ItoV1, &[1; 255]).expect("fits").data(), [1; 255]);
        assert_eq!(Memo::new(MemoType::ItoV1, &[1; 256]).expect_err("too long").field, "memo_len");
    }
}
