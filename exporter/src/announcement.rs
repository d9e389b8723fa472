//! The first step: announcing who signs, and who will.

use std::collections::BTreeSet;

use proto::Timestamp;
use proto::manifest::{AnnouncedKey, KeyUse};
use store::Listing;

use crate::error::ExportError;
use crate::pass::Pass;

/// Announces in the feed's manifest the key whose turn it is, those whose bundles are still listed, and those that will sign, unless that is what
/// it says. An announcement takes the next number, so an empty feed has a manifest too.
///
/// What is announced follows from the keys, their turns, the database's time and what is announced at the number that was read; and it counts only
/// while that is the feed's number. So of several exporters that announce at once, or that wake up late, all but the first change nothing.
pub(crate) async fn announce(pass: &Pass<'_>) -> Result<(), ExportError> {
    let now = pass.store.now().await?;
    let listing = pass.store.newest_listing(pass.feed).await?;
    ensure_at_hand(pass, now)?;
    ensure_not_left_behind(pass, &listing, now)?;
    let keys = keys_to_announce(pass, &listing, now)?;
    let (old, new): (BTreeSet<_>, BTreeSet<_>) =
        (listing.keys.iter().map(sortable).collect(), keys.iter().map(sortable).collect());
    if old != new {
        pass.step("feed.announce", None, None, pass.store.announce(pass.feed, listing.number, &keys)).await?;
    }
    Ok(())
}

/// What is sealed from now on must be signed by keys that are here. Of a key that will sign, its public half is announced, so it must be here too.
fn ensure_at_hand(pass: &Pass<'_>, now: Timestamp) -> Result<(), ExportError> {
    let mut needed = pass.keys.signing(now);
    needed.extend(pass.keys.turns.next(now).map(|turn| turn.key.clone()));
    match needed.iter().find(|id| pass.keys.signer(id).is_none()) {
        Some(missing) => Err(ExportError::GiveUp(format!(
            "{}: the key {missing} is to sign, now or soon, and is not at hand; those that are: {}",
            pass.feed,
            pass.keys.names()
        ))),
        None => Ok(()),
    }
}

/// Whether somebody else has a newer list of turns: then the feed has another current key than this exporter would sign with, and one that it does
/// not even have. To sign with the old one would look to phones like a step back.
fn ensure_not_left_behind(pass: &Pass<'_>, listing: &Listing, now: Timestamp) -> Result<(), ExportError> {
    let current = pass.keys.turns.current(now);
    let is_current = |known: &&AnnouncedKey| known.usage == KeyUse::Current;
    let ours_is_announced = listing.keys.iter().filter(is_current).any(|known| known.key == *current);
    let never_heard_of = |known: &&AnnouncedKey| {
        let in_turns = pass.keys.turns.all().any(|(key, _)| *key == known.key);
        !in_turns && pass.keys.signer(&known.key).is_none()
    };
    let unknown = listing.keys.iter().filter(is_current).find(never_heard_of);
    match unknown.filter(|_| ours_is_announced) {
        Some(newer) => Err(ExportError::GiveUp(format!(
            "{}: {} signs by now, and this exporter has {current}: copy the newer key directory to it",
            pass.feed, newer.key
        ))),
        None => Ok(()),
    }
}

fn keys_to_announce(pass: &Pass<'_>, listing: &Listing, now: Timestamp) -> Result<Vec<AnnouncedKey>, ExportError> {
    let mut keys = Vec::new();
    for announcement in pass.keys.turns.announced(now) {
        let id = announcement.key;
        let known = listing.keys.iter().find(|known| known.key == *id);
        let at_hand = pass.keys.signer(id).map(|signer| signer.public_key().to_spki());
        // Of a key that has been taken away after its turn, what was announced stays until its bundles are listed no more.
        let Some(spki) = at_hand.or_else(|| known.map(|known| known.spki.clone())) else { continue };
        if known.is_some_and(|known| known.spki != spki) {
            // Phones that know the old key under this id would refuse whatever the new one signs.
            return Err(ExportError::GiveUp(format!(
                "{}: the key {id} was announced with another public key; give the new one a version of its own: exporter keys rotate",
                pass.feed
            )));
        }
        // A key that was there from the beginning signs since it was first announced.
        let since = announcement.since.or(known.map(|known| known.not_before)).unwrap_or(listing.time);
        keys.push(AnnouncedKey { usage: announcement.usage, key: id.clone(), spki, not_before: since });
    }
    // What others will sign with and we have never heard of, they have announced, and they will take it back if need be.
    let theirs = |known: &&AnnouncedKey| known.usage == KeyUse::Next && pass.keys.signer(&known.key).is_none();
    keys.extend(listing.keys.iter().filter(theirs).cloned());
    Ok(keys)
}

fn sortable(key: &AnnouncedKey) -> (KeyUse, &proto::bundle::SigningKeyId, &[u8], Timestamp) {
    (key.usage, &key.key, &key.spki, key.not_before)
}
