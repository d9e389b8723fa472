//! What was uploaded: the 16 bytes of every key, and whether the deployment acknowledged it. 17 bytes each, so millions fit into memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::Kind;

/// The bytes by which a key or report is recognised.
pub(crate) type Identity = [u8; 16];

/// Everything that was sent in this run.
#[derive(Default)]
pub(crate) struct Ledger {
    keys: Mutex<Vec<(Identity, bool)>>,
    reports: Mutex<Vec<(Identity, bool)>>,
}

/// What one person is about to send. Once it is dropped it is in the ledger, whatever became of the person.
pub(crate) struct Parcel<'a> {
    ledger: &'a Ledger,
    kind: Kind,
    identities: Vec<Identity>,
    acknowledged: bool,
}

impl Ledger {
    /// Takes note of what will be sent, before it is: what may have arrived is never unknown.
    pub(crate) const fn parcel(&self, kind: Kind, identities: Vec<Identity>) -> Parcel<'_> {
        Parcel { ledger: self, kind, identities, acknowledged: false }
    }

    /// All that was sent of a kind so far, in order, each with whether it was acknowledged; the ledger is empty afterwards.
    pub(crate) fn take(&self, kind: Kind) -> Vec<(Identity, bool)> {
        let mut sent = std::mem::take(&mut *self.of(kind));
        sent.sort_unstable();
        sent
    }

    fn of(&self, kind: Kind) -> MutexGuard<'_, Vec<(Identity, bool)>> {
        let sent = match kind {
            Kind::Gaen => &self.keys,
            Kind::Tcn => &self.reports,
        };
        sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parcel<'_> {
    /// The deployment said that it has it.
    pub(crate) fn acknowledge(&mut self) {
        self.acknowledged = true;
    }
}

impl Drop for Parcel<'_> {
    fn drop(&mut self) {
        let identities = self.identities.drain(..).map(|identity| (identity, self.acknowledged));
        self.ledger.of(self.kind).extend(identities);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_remembered_with_whether_it_was_acknowledged() {
        let ledger = Ledger::default();
        let mut taken = ledger.parcel(Kind::Gaen, vec![[2; 16], [1; 16]]);
        taken.acknowledge();
        drop(taken);
        drop(ledger.parcel(Kind::Gaen, vec![[3; 16]]));
        drop(ledger.parcel(Kind::Tcn, vec![[4; 16]]));
        assert_eq!(ledger.take(Kind::Gaen), [([1; 16], true), ([2; 16], true), ([3; 16], false)]);
        assert_eq!(ledger.take(Kind::Tcn), [([4; 16], false)]);
        assert!(ledger.take(Kind::Gaen).is_empty());
    }
}
