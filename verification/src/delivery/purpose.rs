//! Why a code is sent.

/// Why a code is sent. An authenticated message says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The authority's staff issued it.
    Issue,
    /// A person reports about themselves.
    UserReport,
}

impl Purpose {
    /// As it stands in what is signed.
    pub(super) const fn signed_as(self) -> &'static str {
        match self {
            Self::Issue => "EN Report",
            Self::UserReport => "User Report",
        }
    }
}
