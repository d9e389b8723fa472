//! Where the story plays.

use proto::Timestamp;
use store::Clock;

use crate::access::ApiKeys;
use crate::demo::narrator::Narrator;
use crate::layout::Layout;
use crate::system::{Listening, Plan, System};

/// The services, their directory, and the time.
pub(crate) struct Stage<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) plan: &'a Plan,
    pub(crate) system: &'a System,
    pub(crate) listening: &'a Listening,
    pub(crate) api_keys: &'a ApiKeys,
    /// When the story began.
    pub(crate) now: Timestamp,
    pub(crate) clock: Clock,
    pub(crate) narrator: Narrator,
}
