//! Chaff: requests that carry nothing, so that whoever watches a phone's connection cannot tell who was ill.

/// The header by which a request says that it is chaff, whatever its value. Whoever watches a connection does not see it.
pub const CHAFF_HEADER: &str = "X-Chaff";
