//! Long codes, for links in text messages: nobody types them, and nobody can guess them.

use rand::CryptoRng;

use super::text::Code;

/// Characters of a long code, as apps in the field expect.
pub(super) const LENGTH: usize = 16;

const CHARACTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Draws a long code: 82.7 bits. Every code is equally likely: bytes beyond the last whole multiple of 36 are drawn again.
pub(crate) fn draw(rng: &mut impl CryptoRng) -> Code {
    const LIMIT: u8 = u8::MAX / 36 * 36;
    let mut text = String::with_capacity(LENGTH);
    let mut byte = [0];
    while text.len() < LENGTH {
        rng.fill_bytes(&mut byte);
        if byte[0] < LIMIT {
            text.push(char::from(CHARACTERS[usize::from(byte[0] % 36)]));
        }
    }
    Code::new(text)
}

/// Whether `text`, in small letters, can be a long code.
pub(super) fn holds(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|character| CHARACTERS.contains(&character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_code_holds() {
        for _ in 0..1_000 {
            assert!(holds(draw(&mut store::chance::source()).as_str()));
        }
    }

    #[test]
    fn every_character_is_drawn_about_as_often() {
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..2_250 {
            for character in draw(&mut store::chance::source()).as_str().bytes() {
                *counts.entry(character).or_insert(0) += 1;
            }
        }
        // A thousand expected of each; 300 is nine standard deviations.
        assert_eq!(counts.len(), 36);
        assert!(counts.values().all(|count| (700..1_300).contains(count)), "{counts:?}");
    }
}
