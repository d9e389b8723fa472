//! Journeys: stories of people and their phones, played on the whole system. Each ends with a look at the public tree from outside.

mod stories;

mod lost_replies;
mod parallel_claims;
mod silence;

mod holding;
mod regions;
mod rotation;

mod many_bundles;

mod tampering;
