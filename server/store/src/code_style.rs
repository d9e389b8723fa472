//! How an authority wants its codes: what they are written with, how long they are, and how long they live.

use proto::Malformed;

/// What a short code is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// Decimal digits, as apps in the field expect.
    Digits,
    /// Crockford's base 32, with a check character behind.
    Crockford,
}

/// How an authority wants its codes. The verification service bounds each of these; the store keeps what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeStyle {
    /// What short codes are written with.
    pub spelling: Spelling,
    /// How many of them are drawn; a check character comes on top.
    pub length: u8,
    /// How long a short code can be claimed, in seconds.
    pub life: i64,
    /// How long the long code beside it can be claimed, in seconds.
    pub long_life: i64,
}

impl Spelling {
    /// All spellings.
    pub const ALL: [Self; 2] = [Self::Digits, Self::Crockford];

    /// `digits` or `crockford`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Crockford => "crockford",
        }
    }
}

impl std::fmt::Display for Spelling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Spelling {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|spelling| spelling.as_str() == text);
        found.ok_or_else(|| Malformed::new("code_form", "must be digits or crockford"))
    }
}
