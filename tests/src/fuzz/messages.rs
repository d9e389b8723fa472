//! What stands around text messages: phone numbers as people write them, and the settings of an authority.

use verification::{CallingCode, DeliverySettings, PhoneNumber};

use super::reports::assert_plain;

/// A phone number.
pub fn phone(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let home = CallingCode::parse("47").ok();
    let number = match PhoneNumber::parse(text, home) {
        Ok(number) => number,
        Err(refusal) => return assert_plain(&refusal),
    };
    let e164 = number.e164();
    let digits = e164.strip_prefix('+').expect("a plus stands in front");
    assert!((7..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()));
    assert!(digits.starts_with(number.calling_code().as_str()) && number.calling_code_is(&[number.calling_code()]));
    // However it was written, and wherever it is read, it is the same.
    for spelling in [e164.to_owned(), format!("00{digits}")] {
        assert!(PhoneNumber::parse(&spelling, None) == Ok(number.clone()));
    }
}

/// The settings of an authority's text messages.
pub fn delivery(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(refusal) = DeliverySettings::parse(text) {
        assert_plain(&refusal);
        assert!(!refusal.to_string().contains("0123456789abcdef"), "the account of the sample");
    }
}
