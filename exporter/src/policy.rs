//! How a feed is sealed: how often, from how many entries on, how long the few may be held, and how large its bundles are.

use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use proto::bundle::{MAX_KEYS, MAX_REPORTS};
use proto::{Feed, Kind, Malformed, Timestamp};

use crate::units::{duration, percent, shown};

/// Phones refuse more than 16 MB; the store counts by an upper bound on each entry's size.
const MAXIMUM_BYTES: usize = 15_000_000;
/// A feed that is sealed less often than daily would tell people too late.
const PERIODS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3_600));
/// What is held for longer than keys live warns nobody.
const HOLDS: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(14 * 24 * 3_600));

/// How one feed is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// It is sealed once in each of these; they begin at whole multiples since 1970, so 4 hours mean 0, 4, 8, ... o'clock UTC.
    pub period: Duration,
    /// With fewer ordinary entries than this it is held; at least 1.
    pub minimum: u32,
    /// When the oldest entry has been held for so long, filler makes up for what is missing to the minimum.
    pub max_hold: Duration,
    /// Filler overshoots what is missing by at most so many percent, drawn anew each time.
    pub jitter: u8,
    /// Fewer revised entries than this stay waiting when ordinary ones are sealed; at least 1.
    pub revised_minimum: u32,
    /// When the oldest revised entry has been held for so long, filler makes up for what is missing to `revised_minimum`.
    pub revised_hold: Duration,
    /// At most so many entries a bundle.
    pub maximum_entries: u32,
    /// At most so many bytes a bundle.
    pub maximum_bytes: usize,
}

/// What is set for all feeds. The minimums and maximums stand in [`Settings`](crate::Settings) itself.
#[derive(Debug, Clone, Args)]
pub struct PolicyFlags {
    /// `exporter run` seals a GAEN feed once in each period of this length, 1s to 24h. Periods begin at whole multiples since 1970, so 4h mean 0, 4,
    /// 8, ... o'clock UTC, for every exporter the same.
    #[arg(long, env = "EXPORTER_PERIOD_GAEN", value_name = "TIME", default_value = "4h", value_parser = period)]
    pub period_gaen: Duration,

    /// The same of a TCN feed.
    #[arg(long, env = "EXPORTER_PERIOD_TCN", value_name = "TIME", default_value = "1h", value_parser = period)]
    pub period_tcn: Duration,

    /// How long entries are held at most because they are fewer than the minimum, 0s to 14d; then filler makes up for what is missing.
    #[arg(long, env = "EXPORTER_HOLD", value_name = "TIME", default_value = "4h", value_parser = hold)]
    pub hold: Duration,

    /// Filler overshoots what is missing by 0 to so many percent (0 to 100), drawn anew each time, so that nobody learns the exact count.
    #[arg(long, env = "EXPORTER_JITTER", value_name = "PERCENT", default_value = "10", value_parser = percent)]
    pub jitter: u8,

    /// How long revised entries are held at most because they are fewer than --minimum-revised, 0s to 14d.
    #[arg(long, env = "EXPORTER_REVISED_HOLD", value_name = "TIME", default_value = "24h", value_parser = hold)]
    pub revised_hold: Duration,

    /// What is different in one feed, for instance `NO/gaen period=2h minimum=500`. NAME is period, minimum, hold, jitter, revised-minimum,
    /// revised-hold, maximum (entries a bundle) or maximum-bytes (a bundle, 1000 to 15000000); times end in s, m, h or d. Repeat it for several
    /// feeds, or separate them with semicolons.
    #[arg(long = "policy", env = "EXPORTER_POLICIES", value_name = "FEED NAME=VALUE ...", value_delimiter = ';')]
    pub policies: Vec<FeedPolicy>,
}

/// What is different in one feed; none is as in all feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPolicy {
    /// Which feed.
    pub feed: Feed,
    /// See [`Policy::period`].
    pub period: Option<Duration>,
    /// See [`Policy::minimum`].
    pub minimum: Option<u32>,
    /// See [`Policy::max_hold`].
    pub max_hold: Option<Duration>,
    /// See [`Policy::jitter`].
    pub jitter: Option<u8>,
    /// See [`Policy::revised_minimum`].
    pub revised_minimum: Option<u32>,
    /// See [`Policy::revised_hold`].
    pub revised_hold: Option<Duration>,
    /// See [`Policy::maximum_entries`].
    pub maximum_entries: Option<u32>,
    /// See [`Policy::maximum_bytes`].
    pub maximum_bytes: Option<usize>,
}

impl Policy {
    /// The beginning of the period in which `now` lies.
    pub fn boundary(&self, now: Timestamp) -> Timestamp {
        now.floor(self.seconds())
    }

    /// The beginning of the next one.
    pub fn next_boundary(&self, now: Timestamp) -> Timestamp {
        self.boundary(now).plus(self.seconds())
    }

    fn seconds(&self) -> i64 {
        i64::try_from(self.period.as_secs()).unwrap_or(i64::MAX).max(1)
    }
}

impl PolicyFlags {
    /// What holds unless it is set.
    pub const DEFAULT: Self = Self {
        period_gaen: Duration::from_secs(4 * 3_600),
        period_tcn: Duration::from_secs(3_600),
        hold: Duration::from_secs(4 * 3_600),
        jitter: 10,
        revised_hold: Duration::from_secs(24 * 3_600),
        policies: Vec::new(),
    };

    /// The policy of a feed, given what was said of all feeds of its kind: minimum, minimum of revised ones if it was said, maximum.
    pub(crate) fn policy(&self, feed: &Feed, (minimum, revised, maximum): (u32, Option<u32>, u32)) -> Policy {
        let nothing = FeedPolicy::nothing(feed.clone());
        let own = self.policies.iter().find(|own| own.feed == *feed).unwrap_or(&nothing);
        let period = match feed.kind {
            Kind::Gaen => self.period_gaen,
            Kind::Tcn => self.period_tcn,
        };
        let minimum = own.minimum.unwrap_or(minimum).max(1);
        // Revisions are rarer than what they revise.
        let fifth = minimum.div_ceil(5);
        Policy {
            period: own.period.unwrap_or(period),
            minimum,
            max_hold: own.max_hold.unwrap_or(self.hold),
            jitter: own.jitter.unwrap_or(self.jitter),
            revised_minimum: own.revised_minimum.or(revised).unwrap_or(fifth).max(1),
            revised_hold: own.revised_hold.unwrap_or(self.revised_hold),
            maximum_entries: own.maximum_entries.unwrap_or(maximum),
            maximum_bytes: own.maximum_bytes.unwrap_or(MAXIMUM_BYTES),
        }
    }

    /// The feed of which two policies are set, if there is one: nobody could say which of them holds.
    pub(crate) fn twice(&self) -> Option<&Feed> {
        let feeds = self.policies.iter().map(|own| &own.feed);
        feeds.enumerate().find(|(at, feed)| self.policies[..*at].iter().any(|own| own.feed == **feed)).map(|(_, f)| f)
    }
}

impl FeedPolicy {
    const fn nothing(feed: Feed) -> Self {
        Self {
            feed,
            period: None,
            minimum: None,
            max_hold: None,
            jitter: None,
            revised_minimum: None,
            revised_hold: None,
            maximum_entries: None,
            maximum_bytes: None,
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Malformed> {
        let most = match self.feed.kind {
            Kind::Gaen => MAX_KEYS,
            Kind::Tcn => MAX_REPORTS,
        };
        match name {
            "period" => fill(&mut self.period, name, value, period),
            "minimum" => fill(&mut self.minimum, name, value, minimum),
            "hold" => fill(&mut self.max_hold, name, value, hold),
            "jitter" => fill(&mut self.jitter, name, value, percent),
            "revised-minimum" => fill(&mut self.revised_minimum, name, value, minimum),
            "revised-hold" => fill(&mut self.revised_hold, name, value, hold),
            "maximum" => fill(&mut self.maximum_entries, name, value, |value| number(value, 1, most)),
            "maximum-bytes" => fill(&mut self.maximum_bytes, name, value, |value| number(value, 1_000, MAXIMUM_BYTES)),
            other => Err(refusal(format!(
                "{other} is not known; there are period, minimum, hold, jitter, revised-minimum, revised-hold, maximum and maximum-bytes"
            ))),
        }
    }
}

impl FromStr for FeedPolicy {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut words = text.split_whitespace();
        let feed = words.next().ok_or_else(|| refusal("must be FEED NAME=VALUE ..."))?;
        let mut own = Self::nothing(feed.parse()?);
        let mut is_empty = true;
        for word in words {
            let (name, value) = word.split_once('=').ok_or_else(|| refusal(format!("{word} must be NAME=VALUE")))?;
            own.set(name, value)?;
            is_empty = false;
        }
        if is_empty { Err(refusal(format!("{feed} needs at least one NAME=VALUE"))) } else { Ok(own) }
    }
}

/// Reads a value that may be given once.
fn fill<T>(
    place: &mut Option<T>,
    name: &str,
    value: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<(), Malformed> {
    if place.is_some() {
        return Err(refusal(format!("{name} is given twice")));
    }
    *place = Some(read(value).map_err(|why| refusal(format!("{name} {why}")))?);
    Ok(())
}

/// A minimum: of no entries there is nothing to seal.
pub(crate) fn minimum(text: &str) -> Result<u32, String> {
    number(text, 1, 1_000_000)
}

fn period(text: &str) -> Result<Duration, String> {
    between(text, PERIODS)
}

fn hold(text: &str) -> Result<Duration, String> {
    between(text, HOLDS)
}

fn between(text: &str, (least, most): (Duration, Duration)) -> Result<Duration, String> {
    duration(text)
        .filter(|time| (least..=most).contains(time))
        .ok_or_else(|| format!("must be {} to {}, for instance 90m", shown(least), shown(most)))
}

fn number<N: TryFrom<u64>>(text: &str, least: usize, most: usize) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    let number = number.and_then(|number: usize| u64::try_from(number).ok()).and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("must be a number from {least} to {most}"))
}

fn refusal(why: impl Into<String>) -> Malformed {
    Malformed::new("policy", why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: (u32, Option<u32>, u32) = (1_000, None, 500_000);

    fn flags(policies: &[&str]) -> PolicyFlags {
        let policies = policies.iter().map(|text| text.parse().expect(text)).collect();
        PolicyFlags { policies, ..PolicyFlags::DEFAULT }
    }

    #[test]
    fn each_feed_has_the_policy_that_was_set_for_it() {
        let flags =
            flags(&["NO/gaen period=30m minimum=500  hold=2h maximum=7", "SE/tcn revised-minimum=3 jitter=25%"]);
        let policy = |feed: &str, all| flags.policy(&feed.parse().expect(feed), all);
        let norway = policy("NO/gaen", ALL);
        assert_eq!((norway.period.as_secs(), norway.minimum, norway.max_hold.as_secs()), (1_800, 500, 7_200));
        assert_eq!((norway.revised_minimum, norway.maximum_entries, norway.jitter), (100, 7, 10));
        let sweden = policy("SE/tcn", (50, Some(20), 500));
        assert_eq!((sweden.minimum, sweden.revised_minimum, sweden.jitter), (50, 3, 25));
        assert_eq!((sweden.period.as_secs(), sweden.maximum_entries), (3_600, 500));
        let other = policy("DK/gaen", ALL);
        assert_eq!((other.period.as_secs(), other.minimum, other.revised_minimum), (14_400, 1_000, 200));
        assert_eq!((other.max_hold.as_secs(), other.revised_hold.as_secs()), (14_400, 86_400));
        assert_eq!(policy("DK/tcn", (50, None, 500)).revised_minimum, 10);
        assert_eq!(policy("DK/tcn", (1, None, 500)).revised_minimum, 1, "none would mean that nothing is waited for");
    }

    #[test]
    fn a_bad_policy_is_refused_with_the_name_of_what_is_bad() {
        for (text, named) in [
            ("", "FEED NAME=VALUE"),
            ("NO/gaen", "at least one"),
            ("NO/gaen minimum", "minimum must be NAME=VALUE"),
            ("NO/gaen minimum=0", "minimum must be a number from 1"),
            ("NO/gaen minimum=1000001", "minimum must be a number from 1"),
            ("NO/gaen minimum=5 minimum=6", "minimum is given twice"),
            ("NO/gaen period=0s", "period must be 1s to 1d"),
            ("NO/gaen period=25h", "period must be 1s to 1d"),
            ("NO/gaen period=4", "period must be"),
            ("NO/gaen hold=15d", "hold must be 0s to 14d"),
            ("NO/gaen hold=-1s", "hold must be"),
            ("NO/gaen jitter=101", "jitter must be"),
            ("NO/gaen revised-minimum=many", "revised-minimum must be"),
            ("NO/gaen revised-hold=99999999999999999999d", "revised-hold must be"),
            ("NO/tcn maximum=501", "maximum must be a number from 1 to 500"),
            ("NO/gaen maximum=500001", "maximum must be a number from 1 to 500000"),
            ("NO/gaen maximum-bytes=16000000", "maximum-bytes must be a number from 1000 to 15000000"),
            ("NO/gaen size=3", "size is not known"),
        ] {
            let refused = text.parse::<FeedPolicy>().expect_err(text);
            assert!(refused.field == "policy" && refused.reason.contains(named), "{text}: {refused}");
        }
        assert!("NO minimum=5".parse::<FeedPolicy>().expect_err("no feed").to_string().contains("feed"));
    }

    #[test]
    fn a_feed_with_two_policies_is_found() {
        assert_eq!(flags(&["NO/gaen minimum=5", "NO/tcn minimum=5"]).twice(), None);
        let twice = flags(&["NO/tcn minimum=5", "NO/gaen minimum=5", "NO/gaen hold=1h"]);
        assert_eq!(twice.twice().map(ToString::to_string), Some("NO/gaen".to_owned()));
    }
}
