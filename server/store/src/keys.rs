//! Accepting keys and reports: each written once, with one waiting publication per feed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use proto::bundle::{GaenEntry, TcnEntry};
use proto::{Feed, Interval, ReportType, Timestamp};

use crate::error::StoreError;

/// Where a key came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The authority that certified it.
    pub authority: String,
    /// The key that signed the certificate.
    pub kid: String,
    /// Ours or a peer's.
    pub origin: Origin,
    /// When it was received; stored to the hour.
    pub received: Timestamp,
    /// The authority's policy that named the feeds.
    pub policy_version: u32,
}

/// Whose server received a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This one.
    Ours,
    /// A federated peer.
    Peer,
}

/// Where the onset came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnsetSource {
    /// The phone's `symptomOnsetInterval`.
    Request,
    /// The certificate's `symptomOnsetInterval`.
    Certificate,
    /// Nobody said: four days before the upload.
    Assumed,
}

/// What was said about a key, before the rules of publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawKey {
    /// `transmissionRisk` as sent.
    pub transmission_risk: u8,
    /// The certificate's report type.
    pub report_type: ReportType,
    /// The onset that counts.
    pub onset: Interval,
    /// Who said so.
    pub onset_source: OnsetSource,
    /// Whose word it is, and so who may revise it.
    pub proof: RevisionProof,
}

/// By what the phone that uploaded a key first is known again when it revises what was said. Published keys are known to everybody, and everybody
/// with a certificate of their own may upload them once more, get a revision token for them, and so much as revoke them: but for this.
///
/// Eight bytes that only this phone's upload leads to, others for each of its keys, so that they tell nothing of one another.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct RevisionProof(pub [u8; 8]);

/// With the proofs of a person's keys at hand, a log would show who revised them.
impl std::fmt::Debug for RevisionProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RevisionProof(..)")
    }
}

/// A key that the rules let through.
#[derive(Debug, Clone)]
pub struct AcceptedKey {
    /// What was said.
    pub raw: RawKey,
    /// What will be published.
    pub published: GaenEntry,
    /// Not to be published before; see [`release_at`](crate::release_at).
    pub release_at: Timestamp,
}

/// A report that the rules let through.
#[derive(Debug, Clone)]
pub struct AcceptedReport {
    /// What will be published.
    pub published: TcnEntry,
    /// Not to be published before; see [`report_release_at`](crate::report_release_at).
    pub release_at: Timestamp,
}

/// What became of an upload. This is for the operator's metrics: no answer may depend on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepted {
    /// How many of its keys are known with another start, period or origin, or of its reports with other bytes. One that becomes known at the
    /// very same moment may be missed.
    pub conflicts: u64,
}

/// Writes what was accepted.
#[async_trait]
pub trait Keys: Send + Sync {
    /// Writes each key once, with one waiting publication in each of `feeds`, in one transaction. A key that is known already (same 16
    /// bytes) is left as it is, whatever is said of it now: first values win. The caller is not told which keys were new, so no answer
    /// can tell either; how many conflicted with what is known is counted.
    ///
    /// The same transaction counts the upload for its authority and day, see [`Uploads`](crate::Uploads): its new keys, and a person if all of them
    /// are new.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an unknown feed.
    async fn accept_keys(
        &self,
        keys: &[AcceptedKey],
        feeds: &[Feed],
        provenance: &Provenance,
    ) -> Result<Accepted, StoreError>;

    /// The same for reports, whose identity is their `rvk`: one report a verification key, ever.
    ///
    /// # Errors
    /// As [`accept_keys`](Self::accept_keys).
    async fn accept_reports(
        &self,
        reports: &[AcceptedReport],
        feeds: &[Feed],
        provenance: &Provenance,
    ) -> Result<Accepted, StoreError>;
}

/// What was accepted, in the order of its identities. Of two with one identity the first one counts.
pub(crate) fn by_identity<T, const N: usize>(
    accepted: &[T],
    identity: impl Fn(&T) -> [u8; N],
) -> BTreeMap<[u8; N], &T> {
    let mut sorted = BTreeMap::new();
    for one in accepted {
        sorted.entry(identity(one)).or_insert(one);
    }
    sorted
}
