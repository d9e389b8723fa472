//! The authorities' settings for text messages, as their files have them now.

use std::sync::Arc;

use super::courier::Courier;

/// How each authority sends text messages.
pub(crate) struct Couriers;

impl Couriers {
    /// How this authority does; none if it does not.
    pub(crate) fn of(&self, _authority: &str) -> Option<Arc<Courier>> {
        None
    }
}
