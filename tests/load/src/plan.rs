//! A run that was asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::settings::{Rates, RunArgs, Target, TargetArgs};

/// What is run, on what, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The name of the preset.
    pub preset: &'static str,
    /// How many times as much as the preset says. None where there is nothing to multiply.
    pub factor: Option<f64>,
    /// How much of what a second.
    pub rates: Rates,
    /// That relayed uploads are wanted, and not only taken along where there are gateways.
    pub must_relay: bool,
    /// On what.
    pub target: TargetArgs,
    /// How.
    pub run: RunArgs,
}

impl Plan {
    /// The settings in effect, by the names of their flags, as the results show them. Files and keys are nobody's business there. Nothing is relayed where
    /// there are no gateways.
    pub(crate) fn settings(&self, seed: u64, has_relays: bool, target: &Target) -> BTreeMap<String, String> {
        let (Rates { uploads, reports, codes, polls, chaff, guesses, busts, malformed, relayed, phones }, run) =
            (self.rates, &self.run);
        let seconds = |span: std::time::Duration| format!("{}s", span.as_secs_f64());
        let relayed = if has_relays { relayed } else { 0.0 };
        let regions: BTreeSet<String> = target.feeds.keys().map(|feed| feed.region.to_string()).collect();
        let limits = run.limits.iter().map(|(operation, ms)| format!("{operation}={ms}")).collect::<Vec<_>>();
        let factor = self.factor.map(|factor| ("factor", format!("{factor}")));
        let limits = Some(("p99", limits.join(","))).filter(|(_, limits)| !limits.is_empty());
        let pairs = [
            ("uploads", format!("{uploads}")),
            ("reports", format!("{reports}")),
            ("codes", format!("{codes}")),
            ("polls", format!("{polls}")),
            ("phones", format!("{phones}")),
            ("chaff", format!("{chaff}")),
            ("guesses", format!("{guesses}")),
            ("busts", format!("{busts}")),
            ("malformed", format!("{malformed}")),
            ("relayed", format!("{relayed}")),
            ("duration", seconds(run.duration)),
            ("ramp", seconds(run.ramp)),
            ("arrivals", format!("{:?}", run.arrivals).to_lowercase()),
            ("batch", run.batch.to_string()),
            ("in-flight", run.in_flight.to_string()),
            ("publish-wait", seconds(run.publish_wait)),
            ("settle", seconds(run.settle)),
            ("through-faults", run.through_faults.to_string()),
            ("region", regions.into_iter().collect::<Vec<_>>().join(",")),
            ("seed", seed.to_string()),
        ];
        pairs.into_iter().chain(factor).chain(limits).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
