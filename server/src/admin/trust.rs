//! Believing no more: an authority, or one of its keys.

use proto::{Malformed, Timestamp};
use store::{Denial, KeySetChange, KeySetSource, RegisteredAuthority, StoreError};

use super::MAX_KID;
use crate::error::ServerError;
use crate::key_sets;
use crate::state::State;

/// How it stands with an authority, disabled or not.
///
/// # Errors
/// [`StoreError::NotFound`] if it is not registered, [`ServerError::Store`] if the database fails.
pub async fn authority(state: &State, id: &str) -> Result<RegisteredAuthority, ServerError> {
    let registered = state.store().registered(&id.to_ascii_lowercase()).await?;
    Ok(registered.ok_or(StoreError::NotFound("authority; see server authority list"))?)
}

/// How it stands with all of them, by id.
///
/// # Errors
/// [`ServerError::Store`] if the database fails.
pub async fn registered_authorities(state: &State) -> Result<Vec<RegisteredAuthority>, ServerError> {
    Ok(state.store().all_registered().await?)
}

/// Believes nothing of an authority from now on; every server on the database knows with its next upload. Nothing of it is deleted.
///
/// # Errors
/// As [`authority`].
pub async fn disable_authority(state: &State, id: &str) -> Result<bool, ServerError> {
    Ok(state.store().set_disabled(&id.to_ascii_lowercase(), true).await?)
}

/// Believes an authority again.
///
/// # Errors
/// As [`authority`].
pub async fn enable_authority(state: &State, id: &str) -> Result<bool, ServerError> {
    Ok(state.store().set_disabled(&id.to_ascii_lowercase(), false).await?)
}

/// Believes nothing under a key of an authority from `since` on, or from now on, wherever the key comes from and whatever certificates say of
/// their own time: who has the key writes what he likes into them. Every server on the database knows with its next upload. There is no way back.
///
/// # Errors
/// As [`authority`]; [`ServerError::Malformed`] for a `kid` that no key can have.
pub async fn deny_key(state: &State, id: &str, kid: &str, since: Option<Timestamp>) -> Result<Denial, ServerError> {
    if !(1..=MAX_KID).contains(&kid.len()) || kid.contains('\0') {
        return Err(Malformed::new("kid", "must be 1 to 255 bytes").into());
    }
    Ok(state.store().deny_key(&id.to_ascii_lowercase(), kid, since).await?)
}

/// Fetches the keys that an authority publishes, whether or not they are due; what is different.
///
/// # Errors
/// As [`authority`]; [`ServerError::Malformed`] if it publishes none, [`ServerError::Unfetched`] if they cannot be fetched, which is noted: the last
/// good ones are believed for 7 days.
pub async fn refresh_key_set(state: &State, id: &str) -> Result<KeySetChange, ServerError> {
    let registered = authority(state, id).await?;
    let none = || Malformed::new("jwks_url", "this authority has none; see server authority update --jwks-url");
    let url = registered.key_set.ok_or_else(none)?.url;
    key_sets::refresh(state, &KeySetSource { authority: registered.authority.id, url }).await
}
