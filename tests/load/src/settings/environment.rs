//! The environment, which says what no flag does.

use std::env;

/// Variables of the environment.
#[derive(Clone, Copy)]
pub(super) struct Environment {
    counts: bool,
}

impl Environment {
    /// Nothing of it counts beside a file of access that was named by a flag: a variable that somebody has forgotten would lead the load elsewhere.
    pub(super) const fn beside(access_is_a_flag: bool) -> Self {
        Self { counts: !access_is_a_flag }
    }

    /// What a variable says; nothing if it is empty.
    pub(super) fn get(self, variable: &str) -> Option<String> {
        env::var(variable).ok().filter(|text| self.counts && !text.is_empty())
    }
}
