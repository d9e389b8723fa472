//! Phone numbers, as people write them and as they are dialled from anywhere (ITU-T E.164).
//!
//! A number is never stored: what has to be known of it is a digest under a secret, and that dies within a day.

use proto::Malformed;
use zeroize::{Zeroize, Zeroizing};

use crate::calling_code::CallingCode;

/// The digits that a number has in all, its calling code included (E.164, section 6).
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// No number is written with more characters, in bytes, however much stands between its digits.
const LONGEST: usize = 128;
/// How many digits tell the numbers of one block apart.
const LINE_DIGITS: usize = 4;

/// A phone number that can be dialled from anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber {
    /// `+`, calling code, number.
    e164: Zeroizing<String>,
    calling_code: CallingCode,
}

impl PhoneNumber {
    /// Reads a number. With `+` or `00` in front it is international; without, it is one of the country of `home`, with or without the
    /// digit that is dialled in front there. Spaces, hyphens, dots, slashes and parentheses may stand between the digits, in any script's
    /// spelling; an optional `(0)` behind the calling code does not count.
    ///
    /// # Errors
    /// [`Malformed`] if that is no phone number. It does not repeat the text.
    pub fn parse(text: &str, home: Option<CallingCode>) -> Result<Self, Malformed> {
        let refused =
            || Malformed::new("phone", "must be a phone number, with + and the country's calling code in front");
        let written = Written::read(text).ok_or_else(refused)?;
        let e164 = match written.international() {
            Some(digits) => Zeroizing::new(format!("+{}", digits.as_str())),
            None => {
                let home = home.ok_or_else(refused)?;
                Zeroizing::new(format!("+{}{}", home.as_str(), home.without_trunk(&written.digits)))
            }
        };
        let digits = &e164[1..];
        let calling_code = CallingCode::of(digits).filter(|_| DIGITS.contains(&digits.len())).ok_or_else(refused)?;
        Ok(Self { e164, calling_code })
    }

    /// The number with its plus: `+4791234567`.
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// The calling code that it begins with.
    pub fn calling_code(&self) -> CallingCode {
        self.calling_code
    }

    /// Whether its calling code is one of these.
    pub fn calling_code_is(&self, one_of: &[CallingCode]) -> bool {
        one_of.contains(&self.calling_code)
    }

    /// What it shares with its neighbours: all but the last four digits. Who is paid for messages to numbers of their own has blocks of them.
    pub(crate) fn block(&self) -> &str {
        &self.e164[..self.e164.len() - LINE_DIGITS]
    }
}

impl std::fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PhoneNumber(..)")
    }
}

/// A number as somebody wrote it.
struct Written {
    plus: bool,
    digits: Zeroizing<String>,
    /// After how many digits a zero in parentheses stands.
    zero_at: Option<usize>,
}

impl Written {
    /// None if there is anything but digits, what may stand between them, and a plus in front.
    fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let mut written = Self { plus: false, digits: Zeroizing::new(String::with_capacity(LONGEST)), zero_at: None };
        let mut last = [' '; 2];
        for character in text.trim().chars() {
            match digit(character) {
                Some(digit) => written.digits.push(digit),
                None if is_plus(character) && written.digits.is_empty() && !written.plus => written.plus = true,
                None if is_closing(character) && is_opening(last[0]) && digit(last[1]) == Some('0') => {
                    written.zero_at = written.zero_at.or(Some(written.digits.len() - 1));
                }
                None if is_between(character) => {}
                None => return None,
            }
            last = [last[1], character];
        }
        last.zeroize();
        Some(written)
    }

    /// The digits with their calling code; none if the number is to be dialled at home.
    fn international(&self) -> Option<Zeroizing<String>> {
        let skipped = if self.plus { 0 } else { 2 };
        let digits = if self.plus { Some(self.digits.as_str()) } else { self.digits.strip_prefix("00") };
        let mut digits = Zeroizing::new(digits?.to_owned());
        let optional_zero = CallingCode::of(&digits).map(|code| code.as_str().len());
        if let Some(at) = optional_zero.filter(|at| self.zero_at == Some(at + skipped)) {
            digits.remove(at);
        }
        Some(digits)
    }
}

/// The ASCII digit for a decimal digit: those of Latin, Arabic, Persian and Devanagari keyboards, and the wide ones of East Asian ones.
fn digit(character: char) -> Option<char> {
    let value = ['0', '\u{660}', '\u{6f0}', '\u{966}', '\u{ff10}'].into_iter().find_map(|zero| {
        let value = u32::from(character).checked_sub(u32::from(zero))?;
        (value < 10).then_some(value)
    });
    value.and_then(|value| char::from_digit(value, 10))
}

fn is_plus(character: char) -> bool {
    matches!(character, '+' | '\u{ff0b}' | '\u{fe62}')
}

fn is_opening(character: char) -> bool {
    matches!(character, '(' | '\u{ff08}' | '\u{fe59}')
}

fn is_closing(character: char) -> bool {
    matches!(character, ')' | '\u{ff09}' | '\u{fe5a}')
}

/// Spaces, hyphens, dots, slashes and parentheses, and the marks of direction that come along when a number is copied.
fn is_between(character: char) -> bool {
    let mark = matches!(
        character,
        '-' | '.' | '/' | '\u{ad}' | '\u{b7}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}' | '\u{2024}' | '\u{2027}'
            | '\u{202a}'..='\u{202e}' | '\u{2043}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{2212}' | '\u{30fb}'
            | '\u{30fc}' | '\u{fe58}' | '\u{fe63}' | '\u{feff}' | '\u{ff0d}' | '\u{ff0e}' | '\u{ff0f}'
    );
    mark || is_opening(character)
        || is_closing(character)
        || character == ' '
        || character == '\u{3000}'
        || (character.is_whitespace() && !character.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, home: &str) -> Option<String> {
        let home = CallingCode::parse(home).ok();
        PhoneNumber::parse(text, home).ok().map(|number| number.e164().to_owned())
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        let spellings = [
            "+4791234567",
            "004791234567",
            "91234567",
            " +47 912 34 567 ",
            "+47-912-34-567",
            "(+47) 912.34.567",
            "+47\u{a0}912\u{202f}34\u{2011}567",
            "\u{202a}+47 91 23 45 67\u{202c}",
            "＋４７（９１）２３４５６７",
            "00 47 / 91 23 45 67",
            "+٤٧٩١٢٣٤٥٦٧",
            "۹۱۲۳۴۵۶۷",
        ];
        for spelling in spellings {
            assert_eq!(parse(spelling, "47").as_deref(), Some("+4791234567"), "{spelling}");
        }
    }

    #[test]
    fn what_is_dialled_in_front_at_home_is_not_part_of_the_number() {
        let cases = [
            ("020 7946 0958", "44", "+442079460958"),
            ("+44 (0)20 7946 0958", "47", "+442079460958"),
            ("0044 (0) 20 7946 0958", "47", "+442079460958"),
            ("0044(0)20 7946 0958", "47", "+442079460958"),
            ("(202) 555-0143", "1", "+12025550143"),
            ("1-202-555-0143", "1", "+12025550143"),
            ("8 (912) 345-67-89", "7", "+79123456789"),
            ("812 345 67 89", "7", "+78123456789"),
            ("06 20 123 4567", "36", "+36201234567"),
            ("8 612 34567", "370", "+37061234567"),
            ("0612 34567", "370", "+37061234567"),
            ("8 029 491 1911", "375", "+375294911911"),
            ("06 698 12345", "39", "+390669812345"),
            ("06 123 4567", "242", "+242061234567"),
            ("0151 23456789", "49", "+4915123456789"),
        ];
        for (text, home, expected) in cases {
            assert_eq!(parse(text, home).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_and_not_repeated() {
        let long = "1".repeat(60_000);
        let texts = [
            "",
            "+",
            "00",
            "hello",
            "+47",
            "+47 123",
            "+4712345678901234",
            "+210 1234567",
            "+999 1234567",
            "+0791234567",
            "++4791234567",
            "+47+91234567",
            "91234567 ext. 3",
            "+47 9123456x",
            "tel:+4791234567",
            "+47\n91234567",
            "+47;91234567",
            "+4791234567,,1",
            "*21#",
            &long,
        ];
        for text in texts {
            let refused = PhoneNumber::parse(text, CallingCode::parse("47").ok()).expect_err("refused");
            assert_eq!(refused.field, "phone");
            assert!(!refused.to_string().contains("9123"), "{text}");
        }
        assert!(PhoneNumber::parse("91234567", None).is_err(), "whose country is not known");
    }

    #[test]
    fn the_calling_code_is_the_one_it_begins_with() {
        let number = PhoneNumber::parse("+358 40 1234567", None).expect("a number");
        let [finland, spain] = ["358", "34"].map(|code| CallingCode::parse(code).expect("assigned"));
        assert_eq!(number.calling_code(), finland);
        assert!(number.calling_code_is(&[spain, finland]));
        assert!(!number.calling_code_is(&[spain]) && !number.calling_code_is(&[]));
        assert_eq!(number.block(), "+35840123");
    }

    #[test]
    fn a_number_does_not_show_itself() {
        let number = PhoneNumber::parse("+4791234567", None).expect("a number");
        assert_eq!(format!("{number:?}"), "PhoneNumber(..)");
    }
}
