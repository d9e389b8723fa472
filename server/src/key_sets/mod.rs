//! Following the keys that authorities publish themselves: where they are, fetching them, and when.

mod source;

mod fetcher;
mod keeper;

mod refresh;

pub use fetcher::Unfetched;
pub(crate) use keeper::Keeper;
pub use refresh::refresh_due;
pub(crate) use refresh::{follow, refresh};
pub use source::KeySetUrl;
