//! What is read when a field says nothing.

use serde::{Deserialize, Deserializer};

/// Reads `null` like an absent field: as the type's default. Serialisers of some apps write `null` for what they do not set.
pub(super) fn or_default<'de, T, D>(value: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(value).map(Option::unwrap_or_default)
}
