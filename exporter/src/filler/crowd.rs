//! What the people of a feed look like.

use std::collections::HashMap;

use store::{Sampled, SampledKey};

use super::prior;
use super::sample::{Observed, observe};
use super::shapes::Shapes;
use super::source::Source;

/// What people look like, authority by authority, where enough is known of one; their apps differ.
pub(super) struct Crowd<'a> {
    seen: Vec<(&'a str, Observed)>,
    all: Shapes,
    of: HashMap<&'a str, Shapes>,
}

impl<'a> Crowd<'a> {
    /// Learns from publications.
    pub(super) fn new(sampled: &[&'a Sampled<SampledKey>]) -> Self {
        let seen = sampled.iter().filter_map(|one| Some((one.provenance.authority.as_str(), observe(one)?)));
        let seen: Vec<(&str, Observed)> = seen.collect();
        let all = Shapes::learn(&seen.iter().map(|(_, key)| *key).collect::<Vec<_>>());
        let mut crowd = Self { seen, all, of: HashMap::new() };
        let authorities: Vec<_> = crowd.seen.iter().map(|(authority, _)| *authority).collect();
        for authority in authorities {
            if !crowd.of.contains_key(authority) {
                crowd.learn(authority);
            }
        }
        crowd
    }

    fn learn(&mut self, authority: &'a str) {
        let own: Vec<_> = self.seen.iter().filter(|(of, _)| *of == authority).map(|(_, key)| *key).collect();
        let few = own.len() < prior::FEW_KEYS;
        self.of.insert(authority, if few { self.all.clone() } else { Shapes::learn(&own) });
    }

    /// What people look like who come from there.
    pub(super) fn of(&self, source: Source<'_>) -> &Shapes {
        self.of.get(source.provenance.authority.as_str()).unwrap_or(&self.all)
    }
}
