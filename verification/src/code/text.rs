//! The text of a code, which nobody else should see.

use zeroize::Zeroizing;

/// A code as it is stored: without what people put between its characters, in one case, look-alikes resolved.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Code(Zeroizing<String>);

impl Code {
    /// A code that was drawn or recognised.
    pub(super) fn new(text: impl Into<Zeroizing<String>>) -> Self {
        Self(text.into())
    }

    /// A code from its row, after it was decrypted.
    pub(crate) fn from_row(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// Its characters.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(..)")
    }
}
