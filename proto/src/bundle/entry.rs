//! What an entry of a bundle is, whatever its kind, and the order in which entries stand.

use crate::error::Malformed;
use crate::feed::Kind;

/// An entry of a bundle of one kind.
pub trait Entry: Sized {
    /// Which kind of bundle it stands in.
    const KIND: Kind;

    /// The metadata class: bundles are ordered by class and then by [`order_bytes`](Self::order_bytes), which depends on content
    /// alone and so tells nothing about who uploaded what. Equal metadata stand together, which is also what deflates best.
    fn class(&self) -> i64;

    /// The bytes that order entries of one class.
    fn order_bytes(&self) -> &[u8];

    /// What a bundle says of this entry once it is withdrawn: a digest alone, or nothing if the entry is written again with other values.
    fn withdrawal(&self) -> Option<[u8; 32]>;

    /// Appends the entry to `export.bin` as one more value of this field.
    ///
    /// # Errors
    /// The first value that is outside what the format allows.
    fn encode(&self, field: u32, out: &mut Vec<u8>) -> Result<(), Malformed>;
}
