//! What a person typed, or an app took from a link: read forgivingly.

use zeroize::Zeroizing;

use super::text::Code;
use super::{crockford, digits, long};

/// No code is longer, in characters.
const LONGEST: usize = *crockford::LENGTHS.end() + 1;

/// What a text may be. An authority may have changed how it writes its codes while some were out, and sixteen characters may be either a
/// Crockford code or a long one: whoever looks it up tries each.
#[derive(Clone)]
pub(crate) struct Typed {
    /// Of digits.
    pub(crate) digits: Option<Code>,
    /// In Crockford's base 32, its check symbol right: a slip of the finger ends here and costs nobody a guess.
    pub(crate) crockford: Option<Code>,
    /// From a link.
    pub(crate) long: Option<Code>,
}

impl Typed {
    /// Reads a text; none if it can be no code at all. Case, spaces and hyphens of any kind do not count, and in what people type neither
    /// do the letters that they take for digits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bare = Zeroizing::new(String::with_capacity(LONGEST));
        for character in text.chars().filter(|&character| !is_separator(character)) {
            if !character.is_ascii_alphanumeric() || bare.len() == LONGEST {
                return None;
            }
            bare.push(character.to_ascii_uppercase());
        }
        let resolved: Zeroizing<String> = Zeroizing::new(bare.chars().map(crockford::resolve).collect());
        bare.make_ascii_lowercase();
        let is_digits = digits::holds(&resolved);
        let long = long::holds(&bare).then(|| Code::new(bare));
        let crockford = (!is_digits && crockford::holds(&resolved)).then(|| Code::new(resolved.clone()));
        let digits = is_digits.then(|| Code::new(resolved));
        let typed = Self { digits, crockford, long };
        let any = typed.codes().next().is_some();
        any.then_some(typed)
    }

    /// Each code that it may be.
    pub(crate) fn codes(&self) -> impl Iterator<Item = &Code> {
        [&self.digits, &self.crockford, &self.long].into_iter().flatten()
    }
}

/// White space, and the hyphens and dashes that keyboards put in its place (U+2010 to U+2015, the minus sign).
fn is_separator(character: char) -> bool {
    character.is_whitespace() || matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<String> {
        let typed = Typed::parse(text);
        typed.iter().flat_map(Typed::codes).map(|code| code.as_str().to_owned()).collect()
    }

    #[test]
    fn a_drawn_code_is_read_back() {
        let rng = &mut store::chance::source();
        for _ in 0..1_000 {
            for code in [digits::draw(8, rng), crockford::draw(10, rng), long::draw(rng)] {
                assert!(codes(code.as_str()).contains(&code.as_str().to_owned()));
            }
        }
    }

    #[test]
    fn spaces_and_hyphens_do_not_count() {
        for typed in ["1234 5678", "1234-5678", " 12 34 56 78\n", "1234\u{2011}5678", "1234\u{a0}\u{2013}\u{a0}5678"] {
            assert_eq!(codes(typed), ["12345678"], "{typed}");
        }
        for typed in ["0000 0012 34S", "00000-01234-S", "0000\u{2212}0012\u{2212}34S"] {
            assert_eq!(codes(typed), ["0000001234S"], "{typed}");
        }
        assert_eq!(codes("abcd efgh-ijkl\tmnop"), ["abcdefghijklmnop"]);
    }

    #[test]
    fn case_does_not_count() {
        assert_eq!(codes("0000001234s"), ["0000001234S"]);
        assert_eq!(codes("ABCDEFGHIJKLMNOP"), ["abcdefghijklmnop"]);
    }

    #[test]
    fn look_alikes_are_what_they_look_like() {
        for typed in ["OOOOOOI234S", "oooooo1234s", "000000L234S", "000000i234s", "oO0oO0l234S"] {
            assert_eq!(codes(typed), ["0000001234S"], "{typed}");
        }
        assert_eq!(codes("1O3456l8"), ["10345618"]);
        assert_eq!(codes("abcdefghijklmno0"), ["abcdefghijklmno0"], "in a link nothing was typed");
        assert!(codes("000000123US").is_empty(), "no code has a U, and nobody knows which other letter it was");
    }

    #[test]
    fn sixteen_characters_may_be_either() {
        let fifteen = crockford::draw(15, &mut store::chance::source());
        let text = fifteen.as_str();
        assert_eq!(codes(text), [text.to_owned(), text.to_lowercase()]);
        let typed = Typed::parse(&"0".repeat(16)).expect("a code");
        assert!(typed.digits.is_none() && typed.crockford.is_some() && typed.long.is_some());
        let typed = Typed::parse(&"0".repeat(11)).expect("a code");
        assert!(typed.digits.is_some() && typed.crockford.is_none(), "digits alone are digits");
    }

    #[test]
    fn what_can_be_no_code_is_none() {
        let long = "1".repeat(60_000);
        for typed in [
            "",
            "1234567",
            "12345678x",
            "1234567a",
            "12345678 x",
            "+12345678",
            "１２３４５６７８",
            "0000001234T",
            &long,
        ] {
            assert!(codes(typed).is_empty(), "{typed}");
        }
    }

    #[test]
    fn a_code_does_not_show_itself() {
        let typed = Typed::parse("12345678").expect("a code");
        assert_eq!(format!("{typed:?} {:?}", typed.digits), "Typed(..) Some(Code(..))");
    }
}
