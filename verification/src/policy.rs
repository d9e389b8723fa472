//! How long things live and how often they may be repeated: the customs of the Exposure Notifications API and our retry rules.

/// A token can be exchanged for a day, in seconds; the store rounds its end up to the hour.
pub(crate) const TOKEN_LIFE: i64 = 24 * 3_600;
/// A certificate can be presented for a quarter of an hour, in seconds. A phone that misses it asks again.
pub(crate) const CERTIFICATE_LIFE: i64 = 15 * 60;
/// Whoever checks a certificate may do so with a clock that is this much late, in seconds; the key server allows a minute.
pub(crate) const CLOCK_MARGIN: i64 = 5 * 60;
/// A claim that no nonce binds may be repeated for two minutes, in seconds: apps in the field retry at once or never.
pub(crate) const UNBOUND_REPEATS: i64 = 120;
/// The code of a self-report can be claimed for an hour at most, in either form, in seconds: whoever asked has their phone in hand, and as long
/// as it lives nobody can ask for another with the same number, be it in jest.
pub(crate) const SELF_REPORT_LIFE: i64 = 3_600;
/// What has expired is remembered for a day, in seconds, so that its holder is told that it is late and not that it never was.
pub(crate) const MEMORY: i64 = 24 * 3_600;
/// A token is good for two different commitments: an app that rebuilds its key set after midnight must not lose the code.
pub(crate) const COMMITMENTS: usize = 2;
/// Days of onset and test may lie this many days back.
pub(crate) const OLDEST_DAY: i64 = 28;
/// How many codes one request may issue unless the operator says otherwise.
pub(crate) const BATCH_LIMIT: usize = 10;
/// How often a code is drawn again because somebody else has it. With a million codes among the hundred million of eight digits, all
/// draws fail once in 10^16 times.
pub(crate) const DRAWS: usize = 8;
