//! Which key signs when. Pure rules over what the database says.
//!
//! A key is published from the moment it is known until it retires. It signs later than that at the one end, so that key servers have
//! fetched it before they see its first certificate, and ends earlier at the other, so that they still have it when they see the last one.

use proto::Timestamp;
use store::IssuerKey;

use crate::policy::{CERTIFICATE_LIFE, CLOCK_MARGIN};

/// How long a key stays published after it signed for the last time, in seconds: as long as anybody believes what it signed.
pub(crate) const AFTERGLOW: i64 = CERTIFICATE_LIFE + CLOCK_MARGIN;

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStanding {
    /// Published; its turn to sign has not come.
    Waiting,
    /// Published; signs certificates now.
    Signing,
    /// Published, so that what it signed is believed; signs no more, or only if the one that signs now is taken away.
    Resting,
    /// No longer published.
    Retired,
}

/// Of keys in the order of the store, the latest first, the one that signs now.
pub(crate) fn current(keys: &[IssuerKey], now: Timestamp) -> Option<&IssuerKey> {
    keys.iter().find(|key| may_sign(key, now))
}

/// Where one of these keys stands.
pub(crate) fn standing(keys: &[IssuerKey], key: &IssuerKey, now: Timestamp) -> KeyStanding {
    if key.retires_at.is_some_and(|at| at <= now) {
        KeyStanding::Retired
    } else if key.signs_from > now {
        KeyStanding::Waiting
    } else if current(keys, now).is_some_and(|current| current.kid == key.kid) {
        KeyStanding::Signing
    } else {
        KeyStanding::Resting
    }
}

/// Whether an authority whose key `kid` is taken away can sign now and for good: somebody signs now, and somebody has no end in sight.
pub(crate) fn lasts_without(keys: &[IssuerKey], kid: &str, now: Timestamp) -> bool {
    let others: Vec<_> = keys.iter().filter(|key| key.kid != kid).cloned().collect();
    current(&others, now).is_some() && others.iter().any(|key| key.retires_at.is_none())
}

/// No certificate outlives the publication of its key.
fn may_sign(key: &IssuerKey, now: Timestamp) -> bool {
    key.signs_from <= now && key.retires_at.is_none_or(|at| now.plus(AFTERGLOW) < at)
}

impl KeyStanding {
    /// `waiting`, `signing`, `resting`, `retired`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Signing => "signing",
            Self::Resting => "resting",
            Self::Retired => "retired",
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::certificate::{Algorithm, CertificateSigner};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn key(signs_from: i64, retires_at: Option<i64>) -> IssuerKey {
        let key = CertificateSigner::generate(Algorithm::EdDsa, &mut store::chance::source()).public_key();
        let (signs_from, retires_at) = (NOW.plus(signs_from), retires_at.map(|at| NOW.plus(at)));
        IssuerKey { kid: key.kid(), key, signs_from, retires_at }
    }

    #[test]
    fn an_old_key_signs_until_the_new_one_does_and_is_published_as_long_as_it_is_believed() {
        let keys = [key(3_600, None), key(-100, Some(3_600 + AFTERGLOW))];
        let at = |later: i64| keys.each_ref().map(|key| standing(&keys, key, NOW.plus(later)).as_str());
        assert_eq!(at(0), ["waiting", "signing"]);
        assert_eq!(at(3_599), ["waiting", "signing"]);
        assert_eq!(at(3_600), ["signing", "resting"]);
        assert_eq!(at(3_599 + AFTERGLOW), ["signing", "resting"]);
        assert_eq!(at(3_600 + AFTERGLOW), ["signing", "retired"]);
    }

    #[test]
    fn a_key_that_is_about_to_retire_signs_nothing_that_would_outlive_it() {
        let keys = [key(0, Some(AFTERGLOW + 10))];
        assert!(current(&keys, NOW.plus(9)).is_some());
        assert!(current(&keys, NOW.plus(10)).is_none());
    }

    #[test]
    fn a_key_that_is_taken_away_leaves_one_that_signs_now_and_one_that_lasts() {
        let [old, next, ending] = [key(-9, None), key(60, None), key(-9, Some(9_999))];
        let lasts = |keys: &[&IssuerKey], gone: &IssuerKey| {
            let keys: Vec<_> = keys.iter().copied().cloned().collect();
            lasts_without(&keys, &gone.kid, NOW)
        };
        assert!(!lasts(&[&old], &old));
        assert!(!lasts(&[&next, &old], &old), "nobody signs now");
        assert!(!lasts(&[&next, &ending], &next), "the other one ends");
        assert!(lasts(&[&next, &old], &next));
        assert!(lasts(&[&next, &old, &ending], &ending));
    }
}
