//! The first two steps: announcing who signs, and sealing what waits.

use proto::Timestamp;
use proto::manifest::{AnnouncedKey, KeyUse};
use rand::SeedableRng;
use rand::rngs::StdRng;
use store::{SealOutcome, SealPolicy};

use crate::error::ExportError;
use crate::filler::{self, FillerSecret};
use crate::pass::Pass;
use crate::policy::Policy;

/// Announces the feed's current key in its manifest, unless it is announced already. An announcement takes the next number, so an empty feed
/// has a manifest too.
///
/// What is announced follows from the number that was read and from nothing else, no clock in particular: of several exporters that announce at
/// once, or that wake up late, all but the first change nothing.
pub(crate) async fn announce(pass: &Pass<'_>) -> Result<(), ExportError> {
    let number = pass.store.number(pass.feed).await?;
    let listing = pass.store.listing(pass.feed, number).await?;
    let announced = listing.keys;
    let signer = &pass.keys.signer;
    let (id, spki) = (signer.id(), signer.public_key().to_spki());

    if announced.iter().any(|known| known.key == *id && known.spki != spki) {
        // Phones that know the old key under this id would refuse whatever the new one signs.
        return Err(ExportError::GiveUp(format!(
            "{}: the key {}-{} was announced with another public key; give the new one a version of its own with --key-id",
            pass.feed, id.id, id.version
        )));
    }
    if announced.iter().any(|known| known.usage == KeyUse::Current && known.key == *id) {
        return Ok(());
    }
    let not_before = announced.iter().find(|known| known.key == *id).map_or(listing.time, |known| known.not_before);
    let current = AnnouncedKey { usage: KeyUse::Current, key: id.clone(), spki, not_before };
    let next = announced.into_iter().filter(|known| known.usage == KeyUse::Next && known.key != *id);
    let keys: Vec<AnnouncedKey> = std::iter::once(current).chain(next).collect();
    pass.step("feed.announce", None, None, pass.store.announce(pass.feed, &keys)).await?;
    Ok(())
}

/// Seals what may be released, if it is enough; with `due` only unless a bundle has ended since.
pub(crate) async fn seal(
    pass: &Pass<'_>,
    policy: &Policy,
    due: Option<Timestamp>,
    secret: Option<&FillerSecret>,
) -> Result<SealOutcome, ExportError> {
    // The source itself belongs to a thread, and the draw may go on in another.
    let mut rng = StdRng::from_seed(store::chance::bytes());
    let (filler, filler_mark) = filler::draw(pass, secret, policy, &mut rng).await?;
    let policy = SealPolicy {
        filler,
        filler_mark,
        minimum: policy.minimum,
        revised_minimum: policy.revised_minimum,
        max_entries: policy.maximum_entries as usize,
        max_bytes: policy.maximum_bytes,
        signing: vec![pass.keys.signer.id().clone()],
        due,
        ..SealPolicy::default()
    };
    Ok(pass.step("feed.seal", None, None, pass.store.seal(pass.feed, &policy)).await?)
}
