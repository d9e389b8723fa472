//! Files of keys that take turns: a line each, `ID KEY` or `ID KEY RETIRES`, the current one first. A key is 32 bytes in hexadecimal, and it
//! retires at a time in UTC seconds.
//!
//! What was made under a key before it was replaced can still be opened until the key retires.

mod ring;
mod stored;

pub use ring::{KeyRing, RingKey};
pub use stored::{KeyNote, create, list, rotate};
