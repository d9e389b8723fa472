//! `server deny-key`: nothing is believed under a key any more.

use anyhow::Context;
use clap::Args;
use serde_json::json;
use server::{Settings, admin, operator};
use service::say;
use store::Denial;

use super::authority::NOT_WRITTEN_DOWN;
use super::moment::{Moment, day, moment};
use crate::open;

/// Nothing of an upload is kept for longer than this, in seconds: 30 days.
const OLDEST: i64 = 30 * 86_400;

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
    operator::record(&state, "deny-key", &subject, &outcome, None).await.context(NOT_WRITTEN_DOWN)?;
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
        let (from, to) = (day(denial.denied_since.max(denial.now.plus(-OLDEST))), day(denial.now));
        text += &format!("\n  server withdraw --authority {authority} --kid {kid} --day {from}");
        if from != to {
            text += &format!(" --until {to}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proto::Timestamp;

    use super::*;

    #[test]
    fn what_was_uploaded_since_the_compromise_can_be_withdrawn() {
        let now = Timestamp::from_unix(1_800_000_000);
        let denial = |since: i64, changed| told("no", "k", &Denial { denied_since: now.plus(since), changed, now });
        assert_eq!(denial(0, true), "From now on nothing is believed under key k of no, on any server.");
        let past = denial(-86_400, true);
        assert!(past.contains("since 2027-01-14T08:00:00Z"), "{past}");
        assert!(past.ends_with("server withdraw --authority no --kid k --day 2027-01-14 --until 2027-01-15"), "{past}");
        assert!(denial(-60, true).ends_with("--day 2027-01-15"));
        assert!(denial(-900 * 86_400, true).ends_with("--day 2026-12-16 --until 2027-01-15"), "nothing older is kept");
        assert!(denial(60, true).starts_with("From 2027-01-15T08:01:00Z on"));
        assert!(denial(-60, false).contains("already"));
    }
}
