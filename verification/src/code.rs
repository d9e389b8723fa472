//! Short codes: eight digits, drawn evenly, read forgivingly.

use rand::CryptoRng;
use zeroize::Zeroizing;

/// Digits of a short code, for compatibility with apps in the field.
const DIGITS: usize = 8;
/// How many short codes there are.
const CODES: u32 = 100_000_000;

/// A code, written as it is stored: without what people put between its digits.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Code(Zeroizing<String>);

impl Code {
    /// Draws a code. Every code is equally likely: numbers beyond the last whole multiple are drawn again.
    pub(crate) fn draw(rng: &mut impl CryptoRng) -> Self {
        const LIMIT: u32 = u32::MAX / CODES * CODES;
        loop {
            let number = rng.next_u32();
            if number < LIMIT {
                return Self(Zeroizing::new(format!("{:0DIGITS$}", number % CODES)));
            }
        }
    }

    /// Reads a code as a person typed it: spaces and hyphens of any kind do not count. None if it cannot be a code.
    pub(crate) fn parse(typed: &str) -> Option<Self> {
        let mut digits = Zeroizing::new(String::with_capacity(DIGITS));
        for character in typed.chars().filter(|&character| !is_separator(character)) {
            if !character.is_ascii_digit() || digits.len() == DIGITS {
                return None;
            }
            digits.push(character);
        }
        (digits.len() == DIGITS).then_some(Self(digits))
    }

    /// A code from its row, after it was decrypted.
    pub(crate) fn from_row(text: &str) -> Option<Self> {
        Self::parse(text)
    }

    /// The digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// White space, and the hyphens and dashes that keyboards put in its place (U+2010 to U+2015, the minus sign).
fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that gives out `0`, once at the edge of the range and then plain numbers.
    struct Script(Vec<u32>);

    impl rand::rand_core::TryRng for Script {
        type Error = std::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(self.0.remove(0))
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(self.0.remove(0).into())
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(0);
            Ok(())
        }
    }

    impl rand::rand_core::TryCryptoRng for Script {}

    #[test]
    fn numbers_that_would_favour_some_codes_are_drawn_again() {
        let mut script = Script(vec![u32::MAX, 4_200_000_000, 4_199_999_999, 7]);
        assert_eq!(Code::draw(&mut script).as_str(), "99999999");
        assert_eq!(Code::draw(&mut script).as_str(), "00000007");
    }

    #[test]
    fn a_drawn_code_is_read_back() {
        for _ in 0..1_000 {
            let code = Code::draw(&mut store::chance::source());
            assert!(Code::parse(code.as_str()) == Some(code));
        }
    }

    #[test]
    fn spaces_and_hyphens_do_not_count() {
        let code = Code::parse("12345678").expect("a code");
        for typed in ["1234 5678", "1234-5678", " 12 34 56 78\n", "1234\u{2011}5678", "1234\u{a0}\u{2013}\u{a0}5678"] {
            assert!(Code::parse(typed).as_ref() == Some(&code), "{typed}");
        }
    }

    #[test]
    fn what_has_not_eight_digits_is_no_code() {
        let long = "1".repeat(60_000);
        for typed in ["", "1234567", "123456789", "1234567a", "12345678 x", "+12345678", "１２３４５６７８", &long]
        {
            assert!(Code::parse(typed).is_none(), "{typed}");
        }
    }

    #[test]
    fn a_code_does_not_show_itself() {
        assert_eq!(format!("{:?}", Code::parse("12345678")), "Some(Code(..))");
    }
}
