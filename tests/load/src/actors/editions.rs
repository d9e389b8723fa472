//! The versions of a list that simulated phones have seen, each kept once: a phone remembers a number.

use std::sync::{Arc, PoisonError, RwLock};

use reqwest::header::HeaderValue;

/// How many are kept: an export a minute for a month, and as much again.
const MOST: usize = 100_000;

/// One version of an index or manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Edition {
    /// What the CDN calls it.
    pub(super) etag: Option<HeaderValue>,
    /// The path of the newest bundle that it lists. Names sort by time, so whoever has this edition has all bundles up to that one.
    pub(super) newest: Option<String>,
}

/// All versions that were seen. They are few: one for each export of the run.
#[derive(Debug, Default)]
pub(super) struct Editions(RwLock<Vec<Arc<Edition>>>);

impl Editions {
    /// The edition with this number; 0 is that of a phone that has seen none.
    pub(super) fn get(&self, number: u32) -> Arc<Edition> {
        let editions = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let at = (number as usize).checked_sub(1);
        at.and_then(|at| editions.get(at)).cloned().unwrap_or_default()
    }

    /// The number of an edition, a new one if nobody has seen it before.
    pub(super) fn number(&self, edition: Edition) -> u32 {
        let known = |editions: &Vec<Arc<Edition>>| editions.iter().rposition(|known| **known == edition);
        let mut at = known(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        if at.is_none() {
            let mut editions = self.0.write().unwrap_or_else(PoisonError::into_inner);
            // Somebody else may have been quicker between the two locks.
            at = known(&editions).or_else(|| {
                // A CDN that calls one list by ever new names must not fill the memory: the newest takes the place of the one before it.
                editions.truncate(MOST - 1);
                editions.push(Arc::new(edition.clone()));
                Some(editions.len() - 1)
            });
        }
        at.and_then(|at| u32::try_from(at + 1).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_has_one_number_and_no_number_has_another() {
        let edition = |tag: &'static str| Edition { etag: Some(HeaderValue::from_static(tag)), newest: None };
        let editions = Editions::default();
        assert_eq!([editions.number(edition("a")), editions.number(edition("b"))], [1, 2]);
        assert_eq!(editions.number(edition("a")), 1);
        assert_eq!(*editions.get(2), edition("b"));
        assert_eq!([editions.get(0), editions.get(3)], [Arc::default(), Arc::default()]);
    }
}
