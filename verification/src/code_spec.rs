//! How an authority may want its codes: the bounds within which nobody guesses them.

use proto::Malformed;
use store::{CodeStyle, Spelling};

use crate::code;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// The shortest life of a code, in minutes: people read it from one screen and type it into another.
const SHORTEST: i64 = 5;
/// The longest life of a long code, in hours.
const LONGEST: i64 = 24;

/// What an authority asks for; what it does not say stays as it is, or as custom has it.
#[derive(Debug, Clone, Copy, Default)]
pub struct CodeSpec {
    /// What short codes are written with: 8 digits for 15 minutes by custom, or 10 Crockford characters and a check character for a day.
    /// Another form than before begins with its own length and life.
    pub form: Option<Spelling>,
    /// How many characters are drawn: 8 to 12 digits, 10 to 16 Crockford characters.
    pub length: Option<u8>,
    /// How long a short code lives, in minutes: 5 to 60 of digits, 5 to 1,440 of Crockford characters.
    pub minutes: Option<u32>,
    /// How long the long code beside it lives, in hours: 1 to 24, and no shorter than the short one.
    pub long_hours: Option<u32>,
}

impl CodeSpec {
    /// What it makes of `before`, or of custom if there was nothing.
    pub(crate) fn apply(&self, before: Option<CodeStyle>) -> Result<CodeStyle, Malformed> {
        let spelling = self.form.or(before.map(|style| style.spelling)).unwrap_or(Spelling::Digits);
        let custom = custom(spelling);
        // A length and a life were chosen for a form, a long code's life was not.
        let base = before
            .filter(|style| style.spelling == spelling)
            .unwrap_or(CodeStyle { long_life: before.map_or(custom.long_life, |style| style.long_life), ..custom });
        let style = CodeStyle {
            spelling,
            length: self.length.unwrap_or(base.length),
            life: self.minutes.map_or(base.life, |minutes| i64::from(minutes) * MINUTE),
            long_life: self.long_hours.map_or(base.long_life, |hours| i64::from(hours) * HOUR),
        };
        check(&style)?;
        Ok(style)
    }
}

/// What is issued in place of digits while these are being guessed: as long as it takes, and for as long as the authority's codes live, which
/// is less than a Crockford code may.
pub(crate) fn beyond_guessing(style: &CodeStyle) -> CodeStyle {
    let custom = custom(Spelling::Crockford);
    CodeStyle { spelling: custom.spelling, length: custom.length, ..*style }
}

/// What a form has unless an authority says otherwise.
fn custom(spelling: Spelling) -> CodeStyle {
    let (length, life) = match spelling {
        Spelling::Digits => (8, 15 * MINUTE),
        Spelling::Crockford => (10, 24 * HOUR),
    };
    CodeStyle { spelling, length, life, long_life: 24 * HOUR }
}

/// Eight digits that live for a day are found by whoever has enough addresses; ten Crockford characters are not.
fn check(style: &CodeStyle) -> Result<(), Malformed> {
    let (lengths, longest) = match style.spelling {
        Spelling::Digits => (code::DIGITS, HOUR),
        Spelling::Crockford => (code::CROCKFORD, 24 * HOUR),
    };
    let form = style.spelling;
    if !lengths.contains(&usize::from(style.length)) {
        let reason = format!("must be {} to {} for {form}", lengths.start(), lengths.end());
        return Err(Malformed::new("code_length", reason));
    }
    if !(SHORTEST * MINUTE..=longest).contains(&style.life) {
        let reason = format!("must be {SHORTEST} to {} for {form}", longest / MINUTE);
        return Err(Malformed::new("code_minutes", reason));
    }
    if !(HOUR.max(style.life)..=LONGEST * HOUR).contains(&style.long_life) {
        let reason = format!("must be 1 to {LONGEST}, and no shorter than short codes live");
        return Err(Malformed::new("long_code_hours", reason));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUSTOM: CodeStyle = CodeStyle { spelling: Spelling::Digits, length: 8, life: 900, long_life: 86_400 };

    fn refused(spec: CodeSpec) -> &'static str {
        spec.apply(None).expect_err("refused").field
    }

    #[test]
    fn who_says_nothing_gets_what_is_customary() {
        assert_eq!(CodeSpec::default().apply(None), Ok(CUSTOM));
        let crockford = CodeSpec { form: Some(Spelling::Crockford), ..CodeSpec::default() };
        let expected = CodeStyle { spelling: Spelling::Crockford, length: 10, life: 86_400, long_life: 86_400 };
        assert_eq!(crockford.apply(None), Ok(expected));
    }

    #[test]
    fn what_is_not_said_stays_as_it_is() {
        let before = CodeStyle { spelling: Spelling::Crockford, length: 12, life: 7_200, long_life: 36_000 };
        assert_eq!(CodeSpec::default().apply(Some(before)), Ok(before));
        let longer = CodeSpec { minutes: Some(180), ..CodeSpec::default() };
        assert_eq!(longer.apply(Some(before)), Ok(CodeStyle { life: 10_800, ..before }));
        let digits = CodeSpec { form: Some(Spelling::Digits), ..CodeSpec::default() };
        assert_eq!(digits.apply(Some(before)), Ok(CodeStyle { long_life: 36_000, ..CUSTOM }));
    }

    #[test]
    fn what_takes_the_place_of_digits_is_within_bounds() {
        for minutes in [5, 15, 60] {
            let style = CodeSpec { minutes: Some(minutes), ..CodeSpec::default() }.apply(None).expect("within bounds");
            let instead = beyond_guessing(&style);
            assert_eq!((instead.spelling, instead.length), (Spelling::Crockford, 10));
            assert_eq!((instead.life, instead.long_life), (style.life, style.long_life));
            assert_eq!(check(&instead), Ok(()));
        }
    }

    #[test]
    fn codes_that_could_be_guessed_are_refused() {
        let none = CodeSpec::default();
        let crockford = CodeSpec { form: Some(Spelling::Crockford), ..none };
        for length in [0, 7, 13, 255] {
            assert_eq!(refused(CodeSpec { length: Some(length), ..none }), "code_length");
        }
        for length in [0, 9, 17] {
            assert_eq!(refused(CodeSpec { length: Some(length), ..crockford }), "code_length");
        }
        for minutes in [0, 4, 61, u32::MAX] {
            assert_eq!(refused(CodeSpec { minutes: Some(minutes), ..none }), "code_minutes");
        }
        for minutes in [4, 1_441] {
            assert_eq!(refused(CodeSpec { minutes: Some(minutes), ..crockford }), "code_minutes");
        }
        for hours in [0, 25, u32::MAX] {
            assert_eq!(refused(CodeSpec { long_hours: Some(hours), ..none }), "long_code_hours");
        }
        assert_eq!(refused(CodeSpec { long_hours: Some(23), ..crockford }), "long_code_hours");
    }
}
