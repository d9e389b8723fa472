//! The flags that say how much callers may ask for.

use clap::Args;

use super::bucket::MOST;

/// How much callers may ask for, and how much may be under way at once. Budgets are of one process: they fill up evenly, and a minute's worth may come
/// at once. Each is at least 1.
///
/// Where the defaults come from: 20,000 cases a day are 14 a minute and perhaps 100 in the busiest one, each a handful of requests. A mobile carrier
/// may have a whole country's phones behind a few networks, so one network may ask for as much as a country does; a relay, and all together, for
/// 200 a second. Checking a signature in vain costs up to 0.3 ms: 1,200 a minute keep a core busy for half a percent of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
#[group(skip)]
pub struct LimitSettings {
    /// How many requests a minute one network may send (/24 of IPv4, /64 of IPv6); then 429 too_many_requests. Health checks count, chaff does not.
    #[arg(long = "prefix-requests-per-minute", value_name = "REQUESTS", default_value_t = 600, value_parser = count())]
    pub prefix_requests: u32,
    /// How many requests a minute a relay may send that --relay names, chaff in them included; and whoever calls from this machine and is no proxy.
    #[arg(long = "relay-requests-per-minute", value_name = "REQUESTS", default_value_t = 12_000, value_parser = count())]
    pub relay_requests: u32,
    /// How many requests a minute that are believed are served for one authority.
    #[arg(long = "authority-uploads-per-minute", value_name = "UPLOADS", default_value_t = 6_000, value_parser = count())]
    pub authority_uploads: u32,
    /// How many of them for all authorities together.
    #[arg(long = "all-uploads-per-minute", value_name = "UPLOADS", default_value_t = 12_000, value_parser = count())]
    pub all_uploads: u32,
    /// How many uploads a minute that are not believed one network may send; then its uploads are refused with 429
    /// before their signatures are looked at.
    #[arg(long = "prefix-failures-per-minute", value_name = "UPLOADS", default_value_t = 60, value_parser = count())]
    pub prefix_failures: u32,
    /// How many of them a relay.
    #[arg(long = "relay-failures-per-minute", value_name = "UPLOADS", default_value_t = 1_200, value_parser = count())]
    pub relay_failures: u32,
    /// How many of them may name one authority. When they are spent, networks that failed within a quarter of an hour are refused, and all others
    /// are served as before.
    #[arg(long = "authority-failures-per-minute", value_name = "UPLOADS", default_value_t = 600, value_parser = count())]
    pub authority_failures: u32,
    /// How many of them may come in all, with the same consequence for the uploads of every authority.
    #[arg(long = "all-failures-per-minute", value_name = "UPLOADS", default_value_t = 1_200, value_parser = count())]
    pub all_failures: u32,
    /// How much chaff a minute one network may send. It never counts as anything else, nor anything else as chaff.
    #[arg(long = "prefix-chaff-per-minute", value_name = "REQUESTS", default_value_t = 600, value_parser = count())]
    pub prefix_chaff: u32,
    /// How much chaff may come in all: more than is worked for, since what comes beyond that is answered all the same.
    #[arg(long = "all-chaff-per-minute", value_name = "REQUESTS", default_value_t = 60_000, value_parser = count())]
    pub all_chaff: u32,
    /// How many requests are worked on at once. Most of the work waits for the database, which has 16 connections unless its URL says otherwise.
    #[arg(long, value_name = "REQUESTS", default_value_t = 64, value_parser = count())]
    pub requests_at_once: u32,
    /// How many wait for that with their bodies in memory, 64 KB at most each; more are refused with 429 before they are read.
    #[arg(long, value_name = "REQUESTS", default_value_t = 448, value_parser = count())]
    pub requests_waiting: u32,
    /// How many connections are held at once; more wait with the system until others end. An idle one takes some 15 KB of memory and a file
    /// descriptor; the limit on those is raised as far as the system allows.
    #[arg(long, value_name = "CONNECTIONS", default_value_t = 12_000, value_parser = count())]
    pub connections: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            prefix_requests: 600,
            relay_requests: 12_000,
            authority_uploads: 6_000,
            all_uploads: 12_000,
            prefix_failures: 60,
            relay_failures: 1_200,
            authority_failures: 600,
            all_failures: 1_200,
            prefix_chaff: 600,
            all_chaff: 60_000,
            requests_at_once: 64,
            requests_waiting: 448,
            connections: 12_000,
        }
    }
}

impl LimitSettings {
    /// How much of bodies may be in memory, in KiB: the longest one for each request that is under way or waits. With the defaults these are
    /// 32 MiB, of which parsing takes as much again for those under way, and 4 KiB for each answer.
    pub(super) fn body_memory(&self) -> u32 {
        self.requests_at_once.saturating_add(self.requests_waiting).saturating_mul(64)
    }
}

fn count() -> impl clap::builder::TypedValueParser<Value = u32> {
    clap::value_parser!(u32).range(1..=MOST)
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    #[test]
    fn the_defaults_of_the_flags_are_the_defaults() {
        let parse = |flags: &[&str]| {
            let command = LimitSettings::augment_args(Command::new("serve"));
            command.try_get_matches_from([&["serve"], flags].concat())
        };
        let matches = parse(&[]).expect("nothing is needed");
        assert_eq!(LimitSettings::from_arg_matches(&matches).expect("defaults"), LimitSettings::default());
        for bad in ["0", "-1", "100000001", "x"] {
            assert!(parse(&["--connections", bad]).is_err(), "{bad}");
        }
    }
}
