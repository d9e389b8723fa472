//! Looking at a code that was issued, and ending it early.

use store::{CodeStatus, ExpireOutcome, Issuer};

use crate::error::VerificationError;
use crate::problem::Problem;
use crate::registry::Registry;
use crate::uuid::Uuid;

/// How many codes are expired in one transaction.
const AT_ONCE: u32 = 500;

/// What has become of the code with this uuid.
pub(crate) async fn status(registry: &Registry, issuer: &Issuer, uuid: &str) -> Result<CodeStatus, Problem> {
    let uuid = parse(uuid)?;
    registry.store().status(&issuer.id, uuid.0).await?.ok_or(Problem::CODE_NOT_FOUND)
}

/// Ends its life in both forms, unless it was claimed. The same again changes nothing.
pub(crate) async fn expire(registry: &Registry, issuer: &Issuer, uuid: &str) -> Result<CodeStatus, Problem> {
    let uuid = parse(uuid)?;
    match registry.store().expire(&issuer.id, uuid.0, registry.now()).await? {
        ExpireOutcome::Expired(status) => Ok(status),
        ExpireOutcome::Claimed => Err(Problem::CODE_CLAIMED),
        ExpireOutcome::Unknown => Err(Problem::CODE_NOT_FOUND),
    }
}

/// Ends the life of every code that nobody has claimed; how many there were.
pub(crate) async fn expire_unclaimed(registry: &Registry, authority: Option<&str>) -> Result<u64, VerificationError> {
    let (now, mut expired) = (registry.now(), 0);
    loop {
        match registry.store().expire_unclaimed(authority, now, AT_ONCE).await? {
            0 => return Ok(expired),
            more => expired += more,
        }
    }
}

fn parse(uuid: &str) -> Result<Uuid, Problem> {
    Uuid::parse(uuid).ok_or_else(|| Problem::unparsable("uuid", "must be a UUID"))
}
