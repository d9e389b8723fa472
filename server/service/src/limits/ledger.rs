//! Every budget, and who may draw on which: pure arithmetic, with the time as an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use super::bucket::{Bucket, Budget};
use super::prefixes::{Account, Allowance, Prefixes, Tag};
use super::settings::LimitSettings;
use crate::caller::Caller;

/// How many authorities have budgets of their own. Only who was believed once is among them, so that names that nobody has take no memory.
const AUTHORITIES: usize = 1_024;
/// When memory for bodies may be free again: most of them arrive within a moment.
const MEMORY_RETRY: Duration = Duration::from_secs(5);

/// Who asks, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Visitor {
    /// A network.
    Prefix(Tag),
    /// A relay that was named.
    Relay(String),
    /// A program on this machine that is no proxy of ours. It counts as a relay: if it is a proxy that nobody told us of, it speaks for everybody.
    Local,
}

/// Which budget was spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// A network's, or that of all networks which found no place in the table.
    Prefix,
    /// A relay's.
    Relay,
    /// An authority's.
    Authority,
    /// That of all.
    All,
    /// The failures of a network or relay.
    Failures,
    /// Failures that all share, and the network has failed lately.
    SharedFailures,
    /// The memory for bodies, a caller's share of it or all.
    Memory,
    /// The queue.
    Queue,
}

/// A request that is not served, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) limit: Limit,
    pub(super) wait: Duration,
}

/// What a trial has drawn on, so that it can be put back.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    visitor: Visitor,
    authority: String,
    /// Whether the authority had budgets of its own.
    was_known: bool,
}

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The upload is what an authority vouches for.
    Believed,
    /// It is not.
    Disbelieved,
    /// Nobody could tell: what it drew on is put back.
    Undecided,
}

/// Budgets that many callers share.
#[derive(Debug, Clone, Copy, Default)]
struct Shared {
    uploads: Bucket,
    failures: Bucket,
    /// The least that was left of the failures since somebody looked, if anybody failed.
    least: Option<u32>,
}

/// All of them.
pub(super) struct Ledger {
    network: Allowance,
    relay: Allowance,
    authority: [Budget; 2],
    in_all: [Budget; 2],
    chaff_in_all: Budget,
    prefixes: Prefixes,
    relays: BTreeMap<String, Account>,
    local: Account,
    /// Networks that find no place in the table count together as one relay: they are served, but not one by one.
    crowd: Account,
    authorities: BTreeMap<String, Shared>,
    strangers: Shared,
    all: Shared,
    chaff: Bucket,
    /// How much of all bodies is in memory and how much may be, in KiB.
    held: [u32; 2],
}

impl Ledger {
    /// Nobody has asked for anything yet. The key is drawn for this process.
    pub(super) fn new(settings: &LimitSettings, key: [u8; 16]) -> Self {
        let memory = settings.body_memory();
        let network = Allowance {
            requests: Budget(settings.prefix_requests),
            chaff: Budget(settings.prefix_chaff),
            failures: Budget(settings.prefix_failures),
            held: memory / 16,
        };
        let relay = Allowance {
            requests: Budget(settings.relay_requests),
            chaff: Budget(settings.relay_requests),
            failures: Budget(settings.relay_failures),
            held: memory / 2,
        };
        Self {
            network,
            relay,
            authority: [settings.authority_uploads, settings.authority_failures].map(Budget),
            in_all: [settings.all_uploads, settings.all_failures].map(Budget),
            chaff_in_all: Budget(settings.all_chaff),
            prefixes: Prefixes::new(key),
            relays: BTreeMap::new(),
            local: Account::default(),
            crowd: Account::default(),
            authorities: BTreeMap::new(),
            strangers: Shared::default(),
            all: Shared::default(),
            chaff: Bucket::default(),
            held: [0, memory],
        }
    }

    /// A caller as it is kept.
    pub(super) fn visitor(&self, caller: &Caller, is_local: bool) -> Visitor {
        match caller {
            _ if is_local => Visitor::Local,
            Caller::Relay(name) => Visitor::Relay(name.clone()),
            Caller::Prefix(prefix) => Visitor::Prefix(self.prefixes.tag(prefix)),
        }
    }

    /// Lets a request in.
    pub(super) fn admit(&mut self, visitor: &Visitor, now: Duration) -> Result<(), Spent> {
        let limit = if matches!(visitor, Visitor::Prefix(_)) { Limit::Prefix } else { Limit::Relay };
        let (account, allowance, _) = self.account(visitor, now);
        account.requests.take(allowance.requests, now).map_err(|wait| Spent { limit, wait })
    }

    /// Lets chaff in: by budgets that nothing else draws on.
    pub(super) fn admit_chaff(&mut self, visitor: &Visitor, now: Duration) -> Result<(), Spent> {
        let limit = if matches!(visitor, Visitor::Prefix(_)) { Limit::Prefix } else { Limit::Relay };
        self.chaff.check(self.chaff_in_all, now).map_err(|wait| Spent { limit: Limit::All, wait })?;
        let (account, allowance, _) = self.account(visitor, now);
        account.chaff.take(allowance.chaff, now).map_err(|wait| Spent { limit, wait })?;
        self.chaff.add(self.chaff_in_all, now);
        Ok(())
    }

    /// Lets an upload be tried for belief, and draws on everything at once: on the caller's failures, too, until it is known how it ends, so that no
    /// number of uploads at the same time gets past them.
    pub(super) fn try_belief(&mut self, visitor: &Visitor, authority: &str, now: Duration) -> Result<Charge, Spent> {
        let ([uploads, failures], [all_uploads, all_failures]) = (self.authority, self.in_all);
        let all = self.all;
        let (was_known, shared) = match self.authorities.get(authority) {
            Some(known) => (true, *known),
            None => (false, self.strangers),
        };
        let (account, allowance, is_network) = self.account(visitor, now);
        let refused = |limit| move |wait| Spent { limit, wait };
        account.failures.check(allowance.failures, now).map_err(refused(Limit::Failures))?;
        if is_network && account.failed_lately(now) {
            shared.failures.check(failures, now).map_err(refused(Limit::SharedFailures))?;
            all.failures.check(all_failures, now).map_err(refused(Limit::SharedFailures))?;
        }
        shared.uploads.check(uploads, now).map_err(refused(Limit::Authority))?;
        all.uploads.check(all_uploads, now).map_err(refused(Limit::All))?;
        account.failures.add(allowance.failures, now);
        self.all.uploads.add(all_uploads, now);
        let charge = Charge { visitor: visitor.clone(), authority: authority.to_owned(), was_known };
        self.shared(&charge).uploads.add(uploads, now);
        Ok(charge)
    }

    /// Settles what a trial has drawn on. One that is never settled counts as a failure of its caller.
    pub(super) fn settle(&mut self, charge: &Charge, outcome: Outcome, now: Duration) {
        let ([_, failures], [_, all_failures]) = (self.authority, self.in_all);
        if outcome != Outcome::Believed {
            self.shared(charge).uploads.put_back();
            self.all.uploads.put_back();
        }
        let (account, ..) = self.account(&charge.visitor, now);
        if outcome == Outcome::Disbelieved {
            account.fail(now);
            self.shared(charge).fail(failures, now);
            self.all.fail(all_failures, now);
        } else {
            account.failures.put_back();
        }
        if outcome == Outcome::Believed && !charge.was_known && self.authorities.len() < AUTHORITIES {
            self.authorities.entry(charge.authority.clone()).or_default();
        }
    }

    /// The least that was left of each authority's failures since this was asked last, and under the empty name of those that all share: of everybody's, and
    /// of those who name an authority that was never believed. What is spent flows back within a minute, so what is left now would tell little.
    pub(super) fn failures_left(&mut self, now: Duration) -> Vec<(String, u32)> {
        let ([_, failures], [_, all_failures]) = (self.authority, self.in_all);
        let shared = self.all.look(all_failures, now).min(self.strangers.look(failures, now));
        let known = self.authorities.iter_mut().map(|(name, known)| (name.clone(), known.look(failures, now)));
        known.chain([(String::new(), shared)]).collect()
    }

    /// Takes so many KiB for a body. No network has more than a sixteenth of all, so that nobody can fill it with bodies that he does not end.
    pub(super) fn hold(&mut self, visitor: &Visitor, more: u32, now: Duration) -> Result<(), Spent> {
        let [held, most] = self.held;
        let (account, allowance, _) = self.account(visitor, now);
        if account.held.saturating_add(more) > allowance.held || held.saturating_add(more) > most {
            return Err(Spent { limit: Limit::Memory, wait: MEMORY_RETRY });
        }
        account.held += more;
        self.held[0] += more;
        Ok(())
    }

    /// Gives them back.
    pub(super) fn release(&mut self, visitor: &Visitor, less: u32, now: Duration) {
        let (account, ..) = self.account(visitor, now);
        // A network that had no place when it took them may have one now: what it has not, it took from what the crowd has.
        let own = account.held.min(less);
        account.held -= own;
        self.crowd.held = self.crowd.held.saturating_sub(less - own);
        self.held[0] = self.held[0].saturating_sub(less);
    }

    /// A caller's account, what it may do, and whether it is a network's own.
    fn account(&mut self, visitor: &Visitor, now: Duration) -> (&mut Account, Allowance, bool) {
        let (network, relay) = (self.network, self.relay);
        match visitor {
            Visitor::Prefix(tag) => match self.prefixes.account(*tag, &network, now) {
                Some(account) => (account, network, true),
                None => (&mut self.crowd, relay, false),
            },
            // Names are those of the settings, so there are few.
            Visitor::Relay(name) => (self.relays.entry(name.clone()).or_default(), relay, false),
            Visitor::Local => (&mut self.local, relay, false),
        }
    }

    /// The budgets of the authority that a charge was made to; all who were never believed have one together.
    fn shared(&mut self, charge: &Charge) -> &mut Shared {
        match self.authorities.get_mut(&charge.authority) {
            Some(known) if charge.was_known => known,
            _ => &mut self.strangers,
        }
    }
}

impl Shared {
    /// Draws on the failures.
    fn fail(&mut self, budget: Budget, now: Duration) {
        self.failures.add(budget, now);
        let left = self.failures.left(budget, now);
        self.least = Some(self.least.map_or(left, |least| least.min(left)));
    }

    /// The least that was left of them since the last look.
    fn look(&mut self, budget: Budget, now: Duration) -> u32 {
        let left = self.failures.left(budget, now);
        self.least.take().map_or(left, |least| least.min(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_that_was_left_of_failures_is_told_once() {
        let settings = LimitSettings { authority_failures: 6, all_failures: 9, ..LimitSettings::default() };
        let mut ledger = Ledger::new(&settings, [7; 16]);
        let tries = |ledger: &mut Ledger, authority: &str, outcome, second| {
            let now = Duration::from_secs(second);
            let charge = ledger.try_belief(&Visitor::Local, authority, now).expect("within budgets");
            ledger.settle(&charge, outcome, now);
        };
        let left = |ledger: &mut Ledger, second| ledger.failures_left(Duration::from_secs(second));
        let told = |named: u32, shared: u32| vec![("north".to_owned(), named), (String::new(), shared)];
        tries(&mut ledger, "north", Outcome::Believed, 0);
        assert_eq!(left(&mut ledger, 0), told(6, 6), "nobody has failed");
        for _ in 0..4 {
            tries(&mut ledger, "north", Outcome::Disbelieved, 60);
        }
        tries(&mut ledger, "nobody", Outcome::Disbelieved, 60);
        tries(&mut ledger, "north", Outcome::Undecided, 60);
        assert_eq!(left(&mut ledger, 300), told(2, 4), "it flowed back long ago, and was spent all the same");
        assert_eq!(left(&mut ledger, 300), told(6, 6), "it was told");
    }
}
