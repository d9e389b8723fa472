//! Codes of decimal digits, as apps in the field expect them.

use std::ops::RangeInclusive;

use rand::CryptoRng;

use super::text::Code;

/// How many digits a code has: 8 by custom, more where the authority wants it; fewer could be guessed.
pub(crate) const LENGTHS: RangeInclusive<usize> = 8..=12;

/// Draws a code. Every code is equally likely: numbers beyond the last whole multiple are drawn again.
pub(super) fn draw(length: usize, rng: &mut impl CryptoRng) -> Code {
    let codes: u64 = (0..length).map(|_| 10).product();
    let limit = u64::MAX / codes * codes;
    loop {
        let number = rng.next_u64();
        if number < limit {
            return Code::new(format!("{:0length$}", number % codes));
        }
    }
}

/// Whether `text` can be such a code.
pub(super) fn holds(text: &str) -> bool {
    LENGTHS.contains(&text.len()) && text.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that gives out plain numbers.
    struct Script(Vec<u64>);

    impl rand::rand_core::TryRng for Script {
        type Error = std::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            unreachable!("codes take 64 bits")
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(self.0.remove(0))
        }

        fn try_fill_bytes(&mut self, _bytes: &mut [u8]) -> Result<(), Self::Error> {
            unreachable!("codes take 64 bits")
        }
    }

    impl rand::rand_core::TryCryptoRng for Script {}

    #[test]
    fn numbers_that_would_favour_some_codes_are_drawn_again() {
        // 2^64 is 184,467,440,737 hundred millions and 09,551,616.
        let mut script = Script(vec![u64::MAX, 18_446_744_073_700_000_000, 18_446_744_073_699_999_999, 7]);
        assert_eq!(draw(8, &mut script).as_str(), "99999999");
        assert_eq!(draw(8, &mut script).as_str(), "00000007");
    }

    #[test]
    fn a_drawn_code_has_its_length() {
        for length in LENGTHS {
            for _ in 0..100 {
                let code = draw(length, &mut store::chance::source());
                assert!(code.as_str().len() == length && holds(code.as_str()));
            }
        }
    }
}
