//! How many messages a text fills: phones write with 7 bits a character if all of them are in the alphabet of GSM 03.38, else with 16.

/// The basic alphabet (3GPP TS 23.038, section 6.2.1), without the letters and digits of ASCII.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// What is written with an escape in front, and so takes two places (section 6.2.1.1).
const ESCAPED: &str = "^{}\\[~]|€\u{c}";

/// Places in one message, and in each of several (TS 23.040, section 9.2.3.24.1: the parts name one another in a header of six bytes).
const SEVEN_BIT: (usize, usize) = (160, 153);
/// The same in characters of 16 bits.
const SIXTEEN_BIT: (usize, usize) = (70, 67);

/// How many messages carry `text`.
pub(super) fn messages(text: &str) -> usize {
    let narrow: Option<Vec<usize>> = text.chars().map(places).collect();
    match narrow {
        Some(widths) => fill(&widths, SEVEN_BIT),
        None => fill(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), SIXTEEN_BIT),
    }
}

/// Places that a character takes in the alphabet; none if it is not in it.
fn places(character: char) -> Option<usize> {
    match character {
        _ if character.is_ascii_alphanumeric() || BASIC.contains(character) => Some(1),
        _ if ESCAPED.contains(character) => Some(2),
        _ => None,
    }
}

/// Fills one message after the other; no character is cut in two.
fn fill(widths: &[usize], (alone, together): (usize, usize)) -> usize {
    if widths.iter().sum::<usize>() <= alone {
        return 1;
    }
    let (mut messages, mut used) = (1, 0);
    for width in widths {
        if used + width > together {
            (messages, used) = (messages + 1, 0);
        }
        used += width;
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fills_as_many_messages_as_phones_are_sent() {
        let cases = [
            ("", 0, 1),
            ("a", 160, 1),
            ("a", 161, 2),
            ("a", 306, 2),
            ("a", 307, 3),
            ("å", 160, 1),
            ("€", 80, 1),
            ("€", 81, 2),
            // An escape stands with its character: 153 places hold 76 of them.
            ("€", 152, 2),
            ("€", 153, 3),
            ("ą", 70, 1),
            ("ą", 71, 2),
            ("ą", 134, 2),
            ("ą", 135, 3),
            ("😷", 35, 1),
            // 67 places hold 33 of them.
            ("😷", 66, 2),
            ("😷", 67, 3),
        ];
        for (character, count, expected) in cases {
            assert_eq!(messages(&character.repeat(count)), expected, "{count} of {character}");
        }
        assert_eq!(messages(&format!("{}ą", "a".repeat(70))), 2, "one character decides for all");
    }
}
