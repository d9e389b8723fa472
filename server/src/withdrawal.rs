//! Withdrawing what was accepted, step by step, so that phones and seals need not wait for all of it.

use std::collections::BTreeMap;

use proto::Malformed;
use serde_json::{Value, json};
use store::{Day, FeedTally, Identity, Selection, WithdrawalKind, WithdrawalTally};

use crate::error::ServerError;
use crate::operator::{self, ActReason};
use crate::state::State;

/// How many keys or reports one transaction withdraws. Nobody seals meanwhile, and on SQLite nobody uploads; there each writes anew what waits.
const STEP: usize = 50_000;

/// What is to be withdrawn.
#[derive(Debug, Clone)]
pub struct WithdrawalOrder {
    /// The authority's id; upper case is folded.
    pub authority: String,
    /// Only what came under this key.
    pub kid: Option<String>,
    /// Only what was received on these UTC days, first and last; of what is sealed, what was sealed then.
    pub days: Option<(Day, Day)>,
    /// Of these kinds.
    pub kinds: Vec<WithdrawalKind>,
}

/// What an order would do, or did: kind by kind.
pub type WithdrawalCounts = BTreeMap<WithdrawalKind, WithdrawalCount>;

/// What an order would do, or did, with a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WithdrawalCount {
    /// How many keys or reports it selects.
    pub selected: u64,
    /// What there is to withdraw of them.
    pub tally: WithdrawalTally,
}

/// An order and what it selected. It is not shown in logs: it holds keys of people.
pub struct WithdrawalPlan {
    order: WithdrawalOrder,
    picked: Vec<(WithdrawalKind, Vec<Identity>)>,
    counts: WithdrawalCounts,
}

/// Looks what an order would do; changes nothing.
///
/// # Errors
/// [`ServerError::Malformed`] for days in the wrong order, [`ServerError::Store`] if the database fails.
pub async fn plan(state: &State, order: WithdrawalOrder) -> Result<WithdrawalPlan, ServerError> {
    if order.days.is_some_and(|(first, last)| last < first) {
        return Err(Malformed::new("until", "must not be before the day").into());
    }
    let order = WithdrawalOrder { authority: order.authority.to_ascii_lowercase(), ..order };
    let mut plan = WithdrawalPlan { order, picked: Vec::new(), counts: BTreeMap::new() };
    for kind in plan.order.kinds.clone() {
        let picked = state.store().pick(&plan.order.selection(kind)).await?;
        let mut count = WithdrawalCount { selected: picked.len() as u64, ..WithdrawalCount::default() };
        for some in picked.chunks(STEP) {
            count.tally.add(state.store().tally(kind.kind(), some).await?);
        }
        plan.counts.insert(kind, count);
        plan.picked.push((kind, picked));
    }
    Ok(plan)
}

impl WithdrawalPlan {
    /// What there is to do.
    pub const fn counts(&self) -> &WithdrawalCounts {
        &self.counts
    }

    /// Does it, and writes down before and after that it was begun and done; what was done. `progress` hears after each step how many keys and
    /// reports it has gone through, and of how many. Whoever is interrupted plans again and goes through all of it again: what was done is done.
    ///
    /// # Errors
    /// [`ServerError::Store`] if the database fails. What was done until then stays done.
    pub async fn apply(
        &self,
        state: &State,
        reason: &ActReason,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<WithdrawalCounts, ServerError> {
        let subject = self.order.to_json();
        operator::record(state, "withdraw begun", &subject, &to_json(&self.counts), Some(reason)).await?;
        let all: usize = self.picked.iter().map(|(_, picked)| picked.len()).sum();
        let (mut done, mut counts) = (0, WithdrawalCounts::new());
        for (kind, picked) in &self.picked {
            let mut count = WithdrawalCount { selected: picked.len() as u64, ..WithdrawalCount::default() };
            for some in picked.chunks(STEP) {
                count.tally.add(state.store().withdraw(kind.kind(), some).await?);
                done += some.len();
                progress(done, all);
            }
            counts.insert(*kind, count);
        }
        operator::record(state, "withdraw done", &subject, &to_json(&counts), Some(reason)).await?;
        Ok(counts)
    }
}

impl WithdrawalOrder {
    fn selection(&self, kind: WithdrawalKind) -> Selection {
        let times = self.days.map(|(first, last)| first.start()..last.plus(1).start());
        Selection { kind, authority: self.authority.clone(), kid: self.kid.clone(), times }
    }

    /// As it stands in the audit: days as numbers of their first second.
    fn to_json(&self) -> Value {
        let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        let (first, last) = (self.days.map(|days| days.0.start().unix()), self.days.map(|days| days.1.start().unix()));
        json!({ "authority": self.authority, "kid": self.kid, "day": first, "until": last, "kinds": kinds })
    }
}

/// Counts for machines: an object a kind, with the keys or reports `selected`, those that are `tombstones` already, and `feeds`, each with what is
/// `waiting`, `sealed` and `revoked`.
pub fn to_json(counts: &WithdrawalCounts) -> Value {
    let of_feed =
        |tally: &FeedTally| json!({ "waiting": tally.waiting, "sealed": tally.sealed, "revoked": tally.revoked });
    let kinds = counts.iter().map(|(kind, WithdrawalCount { selected, tally })| {
        let feeds: serde_json::Map<_, _> =
            tally.feeds.iter().map(|(feed, of)| (feed.to_string(), of_feed(of))).collect();
        let value = json!({ "selected": selected, "tombstones": tally.tombstones, "feeds": feeds });
        (kind.as_str().to_owned(), value)
    });
    Value::Object(kinds.collect())
}
