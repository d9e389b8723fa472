//! Base64 as apps in the field send it: standard or URL alphabet, padded or not, broken into lines or not.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::error::Malformed;

const FORGIVING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, FORGIVING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, FORGIVING);

/// Decodes base64 in any of the alphabets. Line breaks are skipped, because Android's default encoder ends with one and the servers
/// that apps were written against skip them too.
///
/// # Errors
/// `field` if `text` is none.
pub fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, Malformed> {
    let line_break = ['\r', '\n'];
    let text = if text.contains(line_break) { Cow::Owned(text.replace(line_break, "")) } else { text.into() };
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    engine.decode(text.as_ref()).map_err(|_| Malformed::new(field, "must be base64"))
}

/// Encodes in the standard alphabet, padded.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes the one form that JWTs use (RFC 7515, section 2): URL alphabet, no padding, nothing forgiven.
pub(crate) fn decode_url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Encodes in the URL alphabet, without padding.
pub(crate) fn encode_url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alphabet_in_the_field_is_read() {
        let bytes = [0xfb, 0xff, 0xbf, 0x01];
        for text in ["+/+/AQ==", "+/+/AQ", "-_-_AQ==", "-_-_AQ", "+/+/AQ==\n", "+/+/\r\nAQ==", ""] {
            let expected = if text.is_empty() { &[][..] } else { &bytes };
            assert_eq!(decode("key", text).expect("base64"), expected, "{text}");
        }
        assert_eq!(encode(&bytes), "+/+/AQ==");
        assert_eq!(encode_url(&bytes), "-_-_AQ");
    }

    #[test]
    fn other_text_is_refused_without_repeating_it() {
        for text in ["A", "AAA*", "+/-_", "A A=", "=", "AQ===", "\u{e9}", "AR=="] {
            assert_eq!(
                decode("hmacKey", text).expect_err("no base64").to_string(),
                "hmacKey: must be base64",
                "{text}"
            );
        }
        for text in ["AQ==", "+/", "AQ\n", "A"] {
            assert_eq!(decode_url(text), None, "{text}");
        }
    }
}
