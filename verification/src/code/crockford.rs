//! Codes in Crockford's base 32 (Douglas Crockford, "Base 32"): digits and capitals without I, L, O and U, and a check symbol behind.
//!
//! The check symbol is Crockford's, the number that the symbols before it spell, modulo 37, so any library for his base 32 can check a code.
//! He has five more symbols for the remainders 32 to 36 (`*~$=U`), which people cannot type or take for letters: a code with such a
//! remainder is drawn again. That costs nothing but 0.2 bits: ten symbols and a check symbol are 32^10 * 32/37 codes, 49.8 bits. Whoever
//! tries codes computes the check symbol, so it counts for nothing in that figure.
//!
//! 37 is a prime and neither 32 nor 31 is a multiple of it, so the remainder changes with any one symbol and with any swap of neighbours; the
//! check symbol itself included, since twice a difference below 37 is no multiple of 37 either.

use std::ops::RangeInclusive;

use rand::CryptoRng;

use super::text::Code;

/// How many symbols are drawn for a code; its check symbol comes on top. Ten cannot be guessed in a day: 240,000 tries a day among 20,000
/// codes that wait find 5 in a million days.
pub(crate) const LENGTHS: RangeInclusive<usize> = 10..=16;

const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The modulus of the check symbol.
const CHECK: u32 = 37;

/// Draws a code of `length` symbols and a check symbol. Every code is equally likely: a byte has each of the symbols eight times.
pub(super) fn draw(length: usize, rng: &mut impl CryptoRng) -> Code {
    let mut values = vec![0; length];
    loop {
        rng.fill_bytes(&mut values);
        values.iter_mut().for_each(|value| *value %= 32);
        let check = remainder(values.iter().copied());
        if let Some(&check) = SYMBOLS.get(usize::from(check)) {
            let symbols = values.iter().map(|&value| SYMBOLS[usize::from(value)]).chain([check]);
            return Code::new(symbols.map(char::from).collect::<String>());
        }
    }
}

/// Whether `text`, in capitals and without look-alikes, can be such a code: its check symbol is right.
pub(super) fn holds(text: &str) -> bool {
    let Some(values) = text.bytes().map(value).collect::<Option<Vec<_>>>() else { return false };
    let Some((&check, values)) = values.split_last() else { return false };
    LENGTHS.contains(&values.len()) && remainder(values.iter().copied()) == check
}

/// What people take for one another, as Crockford reads it: the letter O is a zero, the letters I and L are ones.
pub(super) fn resolve(character: char) -> char {
    match character {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    }
}

fn value(symbol: u8) -> Option<u8> {
    let position = SYMBOLS.iter().position(|&known| known == symbol)?;
    u8::try_from(position).ok()
}

fn remainder(values: impl Iterator<Item = u8>) -> u8 {
    let remainder = values.fold(0, |number, value| (number * 32 + u32::from(value)) % CHECK);
    u8::try_from(remainder).expect("a remainder of 37 fits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn() -> impl Iterator<Item = String> {
        LENGTHS.flat_map(|length| (0..20).map(move |_| draw(length, &mut store::chance::source()).as_str().to_owned()))
    }

    fn swapped(code: &str, at: usize) -> String {
        let mut bytes = code.as_bytes().to_vec();
        bytes.swap(at, at + 1);
        String::from_utf8(bytes).expect("ASCII")
    }

    #[test]
    fn a_drawn_code_holds_and_has_its_length() {
        for length in LENGTHS {
            let code = draw(length, &mut store::chance::source());
            assert_eq!(code.as_str().len(), length + 1);
            assert!(holds(code.as_str()));
        }
    }

    #[test]
    fn the_check_symbol_is_crockfords() {
        // 1234 spells 34,916, which is 943 times 37 and 25, and S is worth 25. Ten symbols are the least, so it stands behind zeros.
        assert!(holds("0000001234S"));
        assert_eq!((0..32).filter(|&at| holds(&format!("0000001234{}", char::from(SYMBOLS[at])))).count(), 1);
    }

    #[test]
    fn every_single_substitution_is_caught() {
        for code in drawn() {
            for at in 0..code.len() {
                let others = SYMBOLS.iter().filter(|&&symbol| symbol != code.as_bytes()[at]);
                for &other in others {
                    let mut wrong = code.clone().into_bytes();
                    wrong[at] = other;
                    let wrong = String::from_utf8(wrong).expect("ASCII");
                    assert!(!holds(&wrong), "{wrong} for {code}");
                }
            }
        }
    }

    #[test]
    fn every_swap_of_neighbours_is_caught() {
        for code in drawn() {
            for at in 0..code.len() - 1 {
                let wrong = swapped(&code, at);
                assert!(wrong == code || !holds(&wrong), "{wrong} for {code}");
            }
        }
    }

    #[test]
    fn every_symbol_is_drawn_about_as_often() {
        let mut counts = [0; 32];
        for _ in 0..3_200 {
            for symbol in draw(10, &mut store::chance::source()).as_str().bytes().take(10) {
                counts[usize::from(value(symbol).expect("a symbol"))] += 1;
            }
        }
        // A thousand expected of each; 300 is nine standard deviations.
        assert!(counts.iter().all(|&count| (700..1_300).contains(&count)), "{counts:?}");
    }

    #[test]
    fn what_is_too_short_too_long_or_of_other_symbols_is_no_code() {
        for text in ["", "0", "000000000", "0000000000", "000000123*", "000000000U0", "0000000000\u{e9}"] {
            assert!(!holds(text), "{text}");
        }
        assert!(holds(&"0".repeat(11)) && holds(&"0".repeat(17)) && !holds(&"0".repeat(18)));
    }

    #[test]
    fn ten_characters_are_not_guessed_where_eight_digits_are() {
        // 20,000 codes that live for a day each, and 240,000 tries a day that nobody stops.
        let thefts = |codes: f64| 20_000.0 * 240_000.0 / codes;
        let codes = 32_f64.powi(10) * 32.0 / 37.0;
        assert!(thefts(codes) < 0.000_01, "against a hundredth that may be");
        assert!(thefts(32_f64.powi(9) * 32.0 / 37.0) < 0.01, "even one character less would do");
        assert_eq!(thefts(10_f64.powi(8)), 48.0);
        // Digits live for a quarter of an hour, so that a 96th of the day's codes wait at a time.
        assert_eq!(thefts(10_f64.powi(8)) / 96.0, 0.5);
    }
}
