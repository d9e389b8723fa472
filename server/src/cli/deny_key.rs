//! `server deny-key`: nothing is believed under a key any more.

use anyhow::Context;
use clap::Args;
use proto::Timestamp;
use serde_json::json;
use server::{Settings, admin, operator};
use service::say;
use store::Denial;

use super::moment::{Moment, day, moment};
use crate::open;

/// Flags of `server deny-key`.
#[derive(Debug, Args)]
pub(crate) struct DenyKey {
    #[command(flatten)]
    settings: Settings,
    /// Whose key.
    #[arg(long, value_name = "ID")]
    authority: String,
    /// What certificates call the key; `server authority list` shows those that are known. It need not be known.
    #[arg(long)]
    kid: String,
    /// Since when: a day (midnight UTC) or a moment, as 2026-11-22T08:30:00Z. Default: now. A moment in the past says since when the key was
    /// not the authority's alone: nothing more is believed from now on, and what was uploaded in between is for `server withdraw`. From a moment
    /// in the future on nothing is believed.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
}

/// Denies the key, and says what is left to do.
pub(crate) async fn run(flags: DenyKey, json: bool) -> anyhow::Result<()> {
    let DenyKey { settings, authority, kid, since } = flags;
    let state = open(&settings).await?;
    let denial = admin::deny_key(&state, &authority, &kid, since.map(|since| since.0)).await;
    let denial = denial.context("the key was not denied")?;
    let registered = admin::authority(&state, &authority).await?;
    let subject = json!({ "authority": registered.authority.id, "kid": kid });
    let outcome = json!({ "denied_since": moment(denial.denied_since), "changed": denial.changed });
    operator::record(&state, "deny-key", &subject, &outcome, None).await.context("denied, but not written down")?;
    let value = json!({
        "authority": registered.authority.id,
        "kid": kid,
        "denied_since": moment(denial.denied_since),
        "changed": denial.changed,
        "known": registered.knows(&kid),
    });
    let mut text = told(&registered.authority.id, &kid, &denial);
    if !registered.knows(&kid) {
        text += "\nThe key is not known here; should it ever be, it is denied already.";
    }
    Ok(say(json, &value, &text)?)
}

fn told(authority: &str, kid: &str, denial: &Denial) -> String {
    let since = moment(denial.denied_since);
    if !denial.changed {
        return format!("Key {kid} of {authority} is denied since {since} already. A denial is never taken back.");
    }
    if denial.denied_since > denial.now {
        return format!("From {since} on nothing is believed under key {kid} of {authority}, on any server.");
    }
    let mut text = format!("From now on nothing is believed under key {kid} of {authority}, on any server.");
    if denial.denied_since < denial.now {
        text += &format!("\nIt counts as compromised since {since}. What was uploaded under it since then stands yet:");
        for at in days(denial.denied_since, denial.now) {
            text += &format!("\n  server withdraw --authority {authority} --kid {kid} --day {}", day(at));
        }
    }
    text
}

/// A moment of each day from one to the other, at most a fortnight: nothing older is published.
fn days(from: Timestamp, to: Timestamp) -> impl Iterator<Item = Timestamp> {
    const DAY: i64 = 86_400;
    let first = from.max(to.plus(-14 * DAY)).floor(DAY);
    (0..15).map(move |days| first.plus(days * DAY)).take_while(move |day| *day <= to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_uploaded_since_the_compromise_is_named_day_by_day() {
        let now = Timestamp::from_unix(1_800_000_000);
        let denial = |since: i64, changed| told("no", "k", &Denial { denied_since: now.plus(since), changed, now });
        assert_eq!(denial(0, true), "From now on nothing is believed under key k of no, on any server.");
        let past = denial(-86_400, true);
        assert!(past.contains("since 2027-01-14T08:00:00Z"), "{past}");
        for day in ["2027-01-14", "2027-01-15"] {
            assert!(past.contains(&format!("server withdraw --authority no --kid k --day {day}")), "{past}");
        }
        assert_eq!(past.matches("withdraw").count(), 2);
        assert_eq!(denial(-900 * 86_400, true).matches("withdraw").count(), 15);
        assert!(denial(60, true).starts_with("From 2027-01-15T08:01:00Z on"));
        assert!(denial(-60, false).contains("already"));
    }
}
