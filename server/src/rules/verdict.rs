//! What the rules say of an upload.

use std::fmt;

use proto::Malformed;

/// An upload, judged entry by entry: one bad entry does not sink the others.
#[derive(Debug)]
pub(crate) struct Verdict<T> {
    /// What may be stored, in the order in which it was sent.
    pub(crate) accepted: Vec<T>,
    /// What was dropped because it is bad.
    pub(crate) refused: Vec<Refused>,
    /// What was dropped or changed although nothing is wrong with it.
    pub(crate) warnings: Vec<String>,
}

impl<T> Verdict<T> {
    /// Nothing judged yet.
    pub(crate) const fn new() -> Self {
        Self { accepted: Vec::new(), refused: Vec::new(), warnings: Vec::new() }
    }

    /// Names every bad entry and says why, or nothing if there is none.
    pub(crate) fn complaint(&self) -> Option<String> {
        let complaints: Vec<String> = self.refused.iter().map(Refused::to_string).collect();
        (!complaints.is_empty()).then(|| complaints.join("; "))
    }

    /// The verdict, unless every single entry is bad: then the request as a whole is. An entry that was dropped with a warning is not bad.
    pub(crate) fn unless_all_bad(self) -> Result<Self, Refusal> {
        match self.complaint() {
            Some(complaint) if self.accepted.is_empty() && self.warnings.is_empty() => Err(Refusal(complaint)),
            _ => Ok(self),
        }
    }
}

/// A bad entry.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The list in which it stands, as in the request.
    pub(crate) list: &'static str,
    /// Its position there, from 0.
    pub(crate) position: usize,
    /// Which of its fields is wrong, and why.
    pub(crate) why: Malformed,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { list, position, why } = self;
        write!(f, "{list}[{position}].{}: {}", why.field, why.reason)
    }
}

/// Why a whole upload is refused: a sentence for its sender that names fields and never repeats their content.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) String);

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self(malformed.to_string())
    }
}
