//! Codes in their three forms: what is drawn for a person, and what a person typed.

mod text;

mod crockford;
mod digits;
mod long;

mod typed;

pub(crate) use crockford::LENGTHS as CROCKFORD;
pub(crate) use digits::LENGTHS as DIGITS;
pub(crate) use long::draw as draw_long;
pub(crate) use text::Code;
pub(crate) use typed::Typed;

use rand::CryptoRng;
use store::{CodeStyle, Spelling};

/// Draws a short code as an authority wants it.
pub(crate) fn draw_short(style: &CodeStyle, rng: &mut impl CryptoRng) -> Code {
    let length = usize::from(style.length);
    match style.spelling {
        Spelling::Digits => digits::draw(length, rng),
        Spelling::Crockford => crockford::draw(length, rng),
    }
}
