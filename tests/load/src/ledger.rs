//! What was uploaded: the 16 bytes of every key, a byte for when it holds, and whether the deployment acknowledged it. 18 bytes each, so millions fit
//! into memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::Kind;

/// The bytes by which a key or report is recognised.
pub(crate) type Identity = [u8; 16];

/// By what something is known that is published: the bytes, and a byte that says what else must not change, such as start and period of a key.
pub(crate) type Mark = (Identity, u8);

/// One key or report that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sent {
    pub(crate) identity: Identity,
    pub(crate) shape: u8,
    pub(crate) acknowledged: bool,
}

/// Everything that was sent in this run.
#[derive(Default)]
pub(crate) struct Ledger {
    keys: Mutex<Vec<Sent>>,
    reports: Mutex<Vec<Sent>>,
}

/// What one person is about to send. Once it is dropped it is in the ledger, whatever became of the person.
pub(crate) struct Parcel<'a> {
    ledger: &'a Ledger,
    kind: Kind,
    marks: Vec<Mark>,
    acknowledged: bool,
}

impl Ledger {
    /// Takes note of what will be sent, before it is: what may have arrived is never unknown.
    pub(crate) const fn parcel(&self, kind: Kind, marks: Vec<Mark>) -> Parcel<'_> {
        Parcel { ledger: self, kind, marks, acknowledged: false }
    }

    /// All that was sent of a kind so far, in order, each with whether it was acknowledged; the ledger is empty afterwards.
    pub(crate) fn take(&self, kind: Kind) -> Vec<Sent> {
        let mut sent = std::mem::take(&mut *self.of(kind));
        sent.sort_unstable();
        sent
    }

    fn of(&self, kind: Kind) -> MutexGuard<'_, Vec<Sent>> {
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
        let acknowledged = self.acknowledged;
        let sent = self.marks.drain(..).map(|(identity, shape)| Sent { identity, shape, acknowledged });
        self.ledger.of(self.kind).extend(sent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_remembered_with_whether_it_was_acknowledged() {
        let ledger = Ledger::default();
        let mut taken = ledger.parcel(Kind::Gaen, vec![([2; 16], 7), ([1; 16], 8)]);
        taken.acknowledge();
        drop(taken);
        drop(ledger.parcel(Kind::Gaen, vec![([3; 16], 0)]));
        drop(ledger.parcel(Kind::Tcn, vec![([4; 16], 0)]));
        let sent = |identity: u8, shape, acknowledged| Sent { identity: [identity; 16], shape, acknowledged };
        assert_eq!(ledger.take(Kind::Gaen), [sent(1, 8, true), sent(2, 7, true), sent(3, 0, false)]);
        assert_eq!(ledger.take(Kind::Tcn), [sent(4, 0, false)]);
        assert!(ledger.take(Kind::Gaen).is_empty());
    }
}
