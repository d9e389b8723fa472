//! Who signs the bundles of a feed from when on.
//!
//! It follows from a list that was written once and from the database's time, so that several exporters with the same list agree, and one that
//! wakes up late changes nothing.

use proto::Timestamp;
use proto::bundle::SigningKeyId;
use proto::manifest::KeyUse;
use store::{KEPT_FOR, LISTED_FOR};

use crate::error::ExportError;

/// For how long a key is announced after its turn, in seconds: as long as bundles that it signed are listed, and a day for replicas that lag.
const LINGERS_FOR: i64 = LISTED_FOR + KEPT_FOR;

/// A key and the moment from which on it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Which key.
    pub key: SigningKeyId,
    /// From when on.
    pub from: Timestamp,
}

/// The keys of a feed in the order in which they sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turns {
    first: SigningKeyId,
    later: Vec<Turn>,
}

/// What is to be announced of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Announcement<'a> {
    pub(crate) usage: KeyUse,
    pub(crate) key: &'a SigningKeyId,
    /// When its first turn began or begins; none of a key that signed from the beginning.
    pub(crate) since: Option<Timestamp>,
}

impl Turns {
    /// One key from the beginning, and those that took over or will, in their order. A key may have several turns: whoever goes back to an
    /// earlier key gives it another one.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] if the moments do not ascend, or a key takes over from itself.
    pub fn new(first: SigningKeyId, later: Vec<Turn>) -> Result<Self, ExportError> {
        let mut before = (&first, None);
        for turn in &later {
            if before.1 >= Some(turn.from) || *before.0 == turn.key {
                let key = &turn.key;
                return Err(ExportError::GiveUp(format!(
                    "the turn of {key} must begin after that of another key before it; are its times in order?"
                )));
            }
            before = (&turn.key, Some(turn.from));
        }
        Ok(Self { first, later })
    }

    /// One key, now and always.
    pub const fn always(first: SigningKeyId) -> Self {
        Self { first, later: Vec::new() }
    }

    /// Who signs at this moment.
    pub fn current(&self, now: Timestamp) -> &SigningKeyId {
        self.later.iter().rev().find(|turn| turn.from <= now).map_or(&self.first, |turn| &turn.key)
    }

    /// Whose turn is next, if it has not begun.
    pub fn next(&self, now: Timestamp) -> Option<&Turn> {
        self.later.iter().find(|turn| turn.from > now)
    }

    /// Every turn in its order, with the moment at which it begins; the first one has none.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&SigningKeyId, Option<Timestamp>)> {
        std::iter::once((&self.first, None)).chain(self.later.iter().map(|turn| (&turn.key, Some(turn.from))))
    }

    /// What a manifest says of them: the key that signs now, those whose bundles are still listed, and those that will sign. Each once.
    pub(crate) fn announced(&self, now: Timestamp) -> Vec<Announcement<'_>> {
        let mut keys: Vec<(KeyUse, &SigningKeyId)> = vec![(KeyUse::Current, self.current(now))];
        let ends = self.later.iter().map(|turn| turn.from);
        for ((key, _), end) in self.all().zip(ends) {
            if end <= now && end.plus(LINGERS_FOR) > now {
                keys.push((KeyUse::Current, key));
            }
        }
        keys.extend(self.later.iter().filter(|turn| turn.from > now).map(|turn| (KeyUse::Next, &turn.key)));
        let mut announced: Vec<Announcement<'_>> = Vec::with_capacity(keys.len());
        for (usage, key) in keys {
            if announced.iter().all(|known| known.key != key) {
                let since = self.all().find(|(turn, _)| *turn == key).and_then(|(_, from)| from);
                announced.push(Announcement { usage, key, since });
            }
        }
        announced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn id(version: &str) -> SigningKeyId {
        SigningKeyId::new("242", version).expect("valid")
    }

    /// Turns of v1, and of others from these days on.
    fn turns(later: &[(&str, i64)]) -> Result<Turns, ExportError> {
        let turn = |&(version, day): &(&str, i64)| Turn { key: id(version), from: day_of(day) };
        Turns::new(id("v1"), later.iter().map(turn).collect())
    }

    fn day_of(day: i64) -> Timestamp {
        Timestamp::from_unix(day * DAY)
    }

    /// `current v1` and so on, as announced on a day.
    fn announced(turns: &Turns, day: i64) -> Vec<String> {
        let shown = |a: &Announcement<'_>| {
            let usage = if a.usage == KeyUse::Next { "next" } else { "current" };
            format!("{usage} {} {}", a.key.version, a.since.map_or(-1, |since| since.unix() / DAY))
        };
        turns.announced(day_of(day)).iter().map(shown).collect()
    }

    #[test]
    fn a_next_key_is_announced_takes_over_and_the_old_one_lingers_while_its_bundles_are_listed() {
        let turns = turns(&[("v2", 20)]).expect("in order");
        assert_eq!(announced(&turns, 19), ["current v1 -1", "next v2 20"]);
        assert_eq!(announced(&turns, 20), ["current v2 20", "current v1 -1"]);
        assert_eq!(announced(&turns, 34), ["current v2 20", "current v1 -1"]);
        assert_eq!(announced(&turns, 35), ["current v2 20"]);
        assert_eq!((turns.current(day_of(19)), turns.current(day_of(20))), (&id("v1"), &id("v2")));
        assert_eq!((turns.next(day_of(19)).map(|turn| turn.from), turns.next(day_of(20))), (Some(day_of(20)), None));
    }

    #[test]
    fn a_key_that_returns_is_announced_once_as_of_its_first_turn() {
        let turns = turns(&[("v2", 20), ("v1", 22), ("v3", 60)]).expect("in order");
        assert_eq!(announced(&turns, 21), ["current v2 20", "current v1 -1", "next v3 60"]);
        assert_eq!(announced(&turns, 22), ["current v1 -1", "current v2 20", "next v3 60"]);
        assert_eq!(announced(&turns, 61), ["current v3 60", "current v1 -1"]);
    }

    #[test]
    fn turns_that_are_not_in_order_are_refused() {
        assert!(turns(&[]).is_ok());
        for wrong in [&[("v1", 3)][..], &[("v2", 3), ("v3", 3)], &[("v2", 3), ("v1", 2)], &[("v2", 3), ("v2", 4)]] {
            assert!(matches!(turns(wrong), Err(ExportError::GiveUp(_))), "{wrong:?}");
        }
    }
}
