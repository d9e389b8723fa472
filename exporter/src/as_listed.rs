//! Whether bytes are the bundle that a manifest lists: as the strictest phone reads them, and byte for byte as this project writes them.

use proto::bundle::{Bundle, BundleKey, Entries, Limits, SigningKeyId};
use proto::manifest::{AnnouncedKey, ListedBundle};

use crate::pass::Pass;

/// Public keys by what bundles call them.
pub(crate) type KnownKeys = Vec<(SigningKeyId, BundleKey)>;

/// The public keys that bundles of a feed may be signed with, as far as they are known: those that its manifest announces, and those at hand.
pub(crate) fn known_keys(pass: &Pass<'_>, announced: &[AnnouncedKey]) -> KnownKeys {
    let announced = announced.iter();
    let mut keys: KnownKeys =
        announced.filter_map(|known| Some((known.key.clone(), BundleKey::from_spki(&known.spki).ok()?))).collect();
    keys.extend(pass.keys.signers.iter().map(|signer| (signer.id().clone(), signer.public_key())));
    keys
}

/// Reads a bundle and compares it with its line in a manifest. Its first signature is checked if its key is known: one that was rotated away may not
/// be, and then the manifest's own signature vouches for the bytes.
///
/// # Errors
/// What a phone, or whoever derives it again, would find wrong.
pub(crate) fn check(zip: &[u8], listed: &ListedBundle, keys: &KnownKeys) -> Result<Bundle, String> {
    let bundle = Bundle::read(zip, &Limits::default()).map_err(|why| format!("a phone would refuse it: {why}"))?;
    bundle.canonical(zip).map_err(|why| format!("it is not what this project publishes: {why}"))?;
    let (ordinary, revised, typed) = match &bundle.entries {
        Entries::Gaen { keys, revised } => {
            (keys.len(), revised.len(), keys.iter().chain(revised).all(|entry| entry.report_type.is_some()))
        }
        Entries::Tcn { reports, withdrawn } => (reports.len(), withdrawn.len(), true),
    };
    let said = (bundle.header.start, bundle.header.end, ordinary as u64, revised as u64, bundle.digest.0);
    if said != (listed.start, listed.end, listed.count, listed.revised, listed.export_sha256) || !typed {
        return Err("it is not the bundle that the manifest describes".to_owned());
    }
    let first = bundle.header.signing.first();
    let known = keys.iter().find(|(id, _)| Some(id) == first);
    known.map_or(Ok(()), |(_, key)| bundle.verify(key).map_err(|why| format!("a phone would refuse it: {why}")))?;
    Ok(bundle)
}
