//! `server withdraw`: taking back what somebody published who should not have been able to.

use anyhow::{Context, ensure};
use clap::Args;
use proto::Kind;
use serde_json::json;
use server::Settings;
use server::operator::ActReason;
use server::withdrawal::{self, WithdrawalCount, WithdrawalCounts, WithdrawalOrder};
use service::say;
use store::{Day, FeedTally, WithdrawalKind};
use time::Date;
use time::macros::format_description;

use crate::open;

/// What a revocation can do, and what it cannot.
const PHONES: &str = "\
What phones make of it: what waits is never published, and no repeat brings it back. What is published stays with phones that have it; a revocation
is a request to them. Android lets a key change once: from self-report to confirmed, clinical or revoked, or from clinical to confirmed or revoked. A
confirmed key that it has matched stays. Apple's and the published Android parsers skip revised keys altogether; microG reads them. Apps over this
project's client drop revoked keys and withdrawn reports; the apps of 2020 (CoEpi, Covid Watch) know neither. To keep a bundle from phones that do
not have it yet, recall it afterwards (exporter recall).
Revocations leave with the next bundle of their feed, once as many of them wait there as the exporter's --minimum-revised says, or
one has waited for its --revised-hold.";

/// Behind the help of the flags.
pub(crate) const WITHDRAW: &str = "\
Deny the key first (server deny-key), or what is uploaded meanwhile stands. The same command again goes on where it was interrupted: whatever was
withdrawn is left alone. Every withdrawal is written down for good, before and after: server audit list.

Filler, the synthetic people that hide others in small bundles, is selected and withdrawn like everybody.

What phones make of it: what waits is never published, and no repeat brings it back. What is published stays with phones that have it; a revocation
is a request to them. Android lets a key change once: from self-report to confirmed, clinical or revoked, or from clinical to confirmed or revoked. A
confirmed key that it has matched stays. Apple's and the published Android parsers skip revised keys altogether; microG reads them. Apps over this
project's client drop revoked keys and withdrawn reports; the apps of 2020 (CoEpi, Covid Watch) know neither. To keep a bundle from phones that do
not have it yet, recall it afterwards (exporter recall).
Revocations leave with the next bundle of their feed, once as many of them wait there as the exporter's --minimum-revised says, or
one has waited for its --revised-hold.

JSON (--json): {\"applied\": true or false, \"counts\": {\"gaen\", \"tcn\", \"tcn-self\": {\"selected\", \"tombstones\", \"feeds\": {FEED: {\"waiting\",
\"sealed\", \"revoked\"}}}}, \"phones\"}. waiting: will never be published; sealed: published, to be revoked; revoked and tombstones: withdrawn before.";

/// Flags of `server withdraw`.
#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    #[command(flatten)]
    settings: Settings,
    /// Whose certificates it came with, or to whom it was reported without one.
    #[arg(long, value_name = "ID")]
    authority: String,
    /// Only what came under certificates that were signed with this key, by the name that certificates use. Default: any.
    #[arg(long)]
    kid: Option<String>,
    /// Only what was received on this UTC day, as 2026-11-22. Of what is published the hour of receipt is not kept, since it would show whose keys
    /// came together: there it is the day on which the first bundle with it was sealed, which may be a day later. Default: any day.
    #[arg(long, value_name = "DAY", value_parser = day)]
    day: Option<Day>,
    /// The last of several days that begin with --day. Default: that day alone.
    #[arg(long, value_name = "DAY", value_parser = day, requires = "day")]
    until: Option<Day>,
    /// Only this kind: gaen, tcn (certified reports) or tcn-self (reports without a certificate). Default: all.
    #[arg(long, value_name = "KIND")]
    kind: Option<WithdrawalKind>,
    /// Do it. Without this, nothing is changed: it is said what would be done.
    #[arg(long, requires = "reason")]
    apply: bool,
    /// Why, for the audit: one line of at most 500 characters. It is kept for good, so it must say nothing about people: no names, no numbers, no
    /// keys.
    #[arg(long, value_name = "TEXT", requires = "apply")]
    reason: Option<ActReason>,
}

/// Says what would be done, or does it.
pub(crate) async fn run(flags: Withdraw, json: bool) -> anyhow::Result<()> {
    let Withdraw { settings, authority, kid, day, until, kind, reason, .. } = flags;
    let days = day.map(|first| (first, until.unwrap_or(first)));
    ensure!(days.is_none_or(|(first, last)| first <= last), "--until must not be before --day");
    let kinds = kind.map_or_else(|| WithdrawalKind::ALL.to_vec(), |kind| vec![kind]);
    let state = open(&settings).await?;
    let order = WithdrawalOrder { authority, kid, days, kinds };
    let plan = withdrawal::plan(&state, order).await.context("nothing was withdrawn")?;
    let done = match &reason {
        Some(reason) => {
            let applied = plan
                .apply(&state, reason, |done, all| {
                    tracing::info!(entries.done = done, entries.count = all, "withdrawing")
                })
                .await;
            Some(applied.context("the withdrawal was interrupted; the same command again goes on where it ended")?)
        }
        None => None,
    };
    let (applied, counts) = (done.is_some(), done.as_ref().unwrap_or_else(|| plan.counts()));
    let value = json!({ "applied": applied, "counts": withdrawal::to_json(counts), "phones": PHONES });
    Ok(say(json, &value, &told(counts, applied))?)
}

/// A UTC day.
fn day(text: &str) -> Result<Day, &'static str> {
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
    let days = date.and_then(|date| i32::try_from(date.midnight().assume_utc().unix_timestamp() / 86_400).ok());
    days.map(Day::new).ok_or("must be a day, as 2026-11-22")
}

fn told(counts: &WithdrawalCounts, applied: bool) -> String {
    let mut text = String::new();
    for (kind, WithdrawalCount { selected, tally }) in counts {
        let noun = if kind.kind() == Kind::Gaen { "keys" } else { "reports" };
        text += &format!("{kind}: {selected} {noun} selected\n", kind = kind.as_str());
        for (feed, FeedTally { waiting, sealed, revoked }) in &tally.feeds {
            let [never, revoke] = if applied {
                ["waited and will never be published", "are published and were revoked"]
            } else {
                ["wait and would never be published", "are published and would be revoked"]
            };
            text += &format!("  {feed}: {waiting} {never}; {sealed} {revoke}; {revoked} had been revoked before\n");
        }
        if tally.tombstones > 0 {
            text += &format!("  {} had been taken back before they were published\n", tally.tombstones);
        }
    }
    let end = if applied {
        "Done, and written down; see server audit list."
    } else {
        "Nothing was changed. Add --apply --reason TEXT to do it."
    };
    format!("{text}\n{PHONES}\n\n{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_it_is_written() {
        assert_eq!(day("1970-01-02"), Ok(Day::new(1)));
        assert_eq!(day("2026-11-22").map(|day| day.start().unix() % 86_400), Ok(0));
        for bad in ["", "22.11.2026", "2026-02-30", "yesterday"] {
            assert!(day(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_help_says_of_phones_what_the_result_says() {
        assert!(WITHDRAW.contains(PHONES));
    }
}
