//! The names that issuers give to their requests (RFC 9562).

use rand::CryptoRng;

/// A UUID: 16 bytes, of any version.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uuid(pub(crate) [u8; 16]);

impl Uuid {
    /// Draws a name for a request that has none (version 4, section 5.4).
    pub(crate) fn draw(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// Reads 32 hexadecimal digits in either case, in groups of 8, 4, 4, 4 and 12 with hyphens between, or in one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let grouped = text.len() == 36 && [8, 13, 18, 23].iter().all(|&at| text.as_bytes()[at] == b'-');
        let digits = if grouped { text.replace('-', "") } else { text.to_owned() };
        if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(&digits, 16).ok().map(|number| Self(number.to_be_bytes()))
    }
}

impl std::fmt::Display for Uuid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = format!("{:032x}", u128::from_be_bytes(self.0));
        let (a, b, c, d, e) = (&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]);
        write!(f, "{a}-{b}-{c}-{d}-{e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_written_as_it_was_read() {
        let text = "0f8fad5b-d9cb-469f-a165-70867728950e";
        for spelling in [text.to_owned(), text.to_uppercase(), text.replace('-', "")] {
            assert_eq!(Uuid::parse(&spelling).expect("a UUID").to_string(), text);
        }
        let drawn = Uuid::draw(&mut store::chance::source());
        assert!(Uuid::parse(&drawn.to_string()) == Some(drawn));
        assert_eq!(&drawn.to_string()[14..15], "4");
    }

    #[test]
    fn what_has_not_32_hexadecimal_digits_in_their_groups_is_no_uuid() {
        let long = "0".repeat(60_000);
        let bad = [
            "",
            "0f8fad5b",
            "0f8fad5b-d9cb-469f-a165-70867728950",
            "0f8fad5b-d9cb-469f-a165-70867728950g",
            "0f8fad5bd-9cb-469f-a165-70867728950e",
            "+f8fad5bd9cb469fa16570867728950e",
            "éf8fad5b-d9cb-469f-a165-7086772895é",
            &long,
        ];
        for text in bad {
            assert!(Uuid::parse(text).is_none(), "{text}");
        }
    }
}
