//! Believing a certificate, or not.

use super::claims::{Claims, WireClaims};
use super::disbelief::Disbelief;
use super::jwt::{MAX_JWT, UnverifiedJwt};
use super::key::CertificateKey;
use super::registered::Expected;

/// The longest certificate that is read, in bytes. Ours have about 450.
pub const MAX_CERTIFICATE: usize = MAX_JWT;

/// A certificate as received: parsed, nothing believed yet.
pub struct UnverifiedCertificate<'a>(UnverifiedJwt<'a>);

impl<'a> UnverifiedCertificate<'a> {
    /// Splits a compact JWT. Bounded: at most [`MAX_CERTIFICATE`] bytes.
    ///
    /// # Errors
    /// [`Disbelief::Malformed`].
    pub fn parse(text: &'a str) -> Result<Self, Disbelief> {
        UnverifiedJwt::parse(text).map(Self)
    }

    /// The header's `kid`, if it has one: only a hint which key to try.
    pub fn kid(&self) -> Option<&str> {
        self.0.kid()
    }

    /// Checks algorithm, signature, issuer, audience and times (leeway 60 s), in this order. The claims are not even parsed before
    /// the signature holds.
    ///
    /// # Errors
    /// The first [`Disbelief`].
    pub fn verify(&self, key: &CertificateKey, expected: &Expected<'_>) -> Result<Claims, Disbelief> {
        let payload = self.0.payload(key)?;
        let claims: WireClaims = serde_json::from_slice(payload).map_err(|_| Disbelief::Malformed)?;
        claims.registered().check(expected)?;
        claims.into_claims(expected.audience).ok_or(Disbelief::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signer;
    use p256::ecdsa::Signature as EsSignature;
    use serde_json::{Value, json};

    use super::*;
    use crate::api::base64;
    use crate::certificate::CertificateSigner;
    use crate::commitment::Commitment;
    use crate::interval::{Interval, Timestamp};
    use crate::report_type::ReportType;

    const NOW: Timestamp = Timestamp::from_unix(1_600_000_000);
    const EXPECTED: Expected<'_> = Expected { issuer: "port", audience: "pratique", now: NOW };

    fn signing_key() -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&[9; 32])
    }

    fn es256_key() -> p256::ecdsa::SigningKey {
        p256::ecdsa::SigningKey::from_slice(&[9; 32]).expect("a scalar in range")
    }

    fn claims() -> Claims {
        Claims {
            issuer: "port".to_owned(),
            audience: "pratique".to_owned(),
            issued_at: NOW,
            expires_at: NOW.plus(900),
            report_type: ReportType::Likely,
            symptom_onset: Some(Interval::new(2_666_592)),
            commitment: Commitment::new(&[7; 32]).expect("32 bytes"),
        }
    }

    fn payload() -> Value {
        json!({
            "iss": "port", "aud": "pratique", "iat": NOW.unix(), "exp": NOW.unix() + 900, "reportType": "likely",
            "symptomOnsetInterval": 2_666_592, "tekmac": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=",
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut changed = payload();
        changed[name] = value;
        changed
    }

    fn signed(header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", base64::encode_url(header.as_bytes()), base64::encode_url(payload.as_bytes()));
        let signature = signing_key().sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", base64::encode_url(&signature))
    }

    fn signed_es256(payload: &Value) -> String {
        let encode = |json: Value| base64::encode_url(json.to_string().as_bytes());
        let signed = format!("{}.{}", encode(json!({ "alg": "ES256" })), encode(payload.clone()));
        let signature: EsSignature = Signer::sign(&es256_key(), signed.as_bytes());
        format!("{signed}.{}", base64::encode_url(&signature.to_bytes()))
    }

    fn check(certificate: &str, expected: &Expected<'_>) -> Result<Claims, Disbelief> {
        let key = CertificateKey::Ed25519(signing_key().verifying_key());
        UnverifiedCertificate::parse(certificate)?.verify(&key, expected)
    }

    fn check_payload(payload: &Value) -> Result<Claims, Disbelief> {
        check(&signed(r#"{"alg":"EdDSA"}"#, &payload.to_string()), &EXPECTED)
    }

    #[test]
    fn what_was_signed_is_believed() {
        let signer = CertificateSigner::new(signing_key());
        let certificate = signer.sign(&claims());
        assert_eq!(check(&certificate, &EXPECTED), Ok(claims()));
        let unverified = UnverifiedCertificate::parse(&certificate).expect("well formed");
        assert_eq!(unverified.kid(), Some(signer.public_key().kid().as_str()));
        assert_eq!(check_payload(&payload()), Ok(claims()), "neither nbf nor kid is needed");
    }

    #[test]
    fn an_es256_certificate_is_believed_under_its_key() {
        let certificate = signed_es256(&payload());
        let unverified = UnverifiedCertificate::parse(&certificate).expect("well formed");
        let key = CertificateKey::P256(*es256_key().verifying_key());
        assert_eq!(unverified.verify(&key, &EXPECTED), Ok(claims()));
        let other = p256::ecdsa::SigningKey::from_slice(&[8; 32]).expect("a scalar in range");
        let other = CertificateKey::P256(*other.verifying_key());
        assert_eq!(unverified.verify(&other, &EXPECTED), Err(Disbelief::Signature));
    }

    #[test]
    fn signatures_of_the_rfcs_hold() {
        // Both examples say something else than a certificate: a good signature is told by going on to the claims.
        let ed25519 = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let p256 = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let keys = [
            // RFC 8037, appendix A.4, and RFC 7515, appendix A.3.
            (ed25519, "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
            (
                p256,
                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==",
            ),
        ];
        for (text, spki) in keys {
            let pem = format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----\n");
            let key = CertificateKey::from_pem(&pem).expect("valid");
            let verdict = |text: &str| UnverifiedCertificate::parse(text).and_then(|c| c.verify(&key, &EXPECTED));
            assert_eq!(verdict(text), Err(Disbelief::Malformed));
            assert_eq!(
                verdict(&text.replacen(".RXh", ".RXg", 1).replacen(".eyJp", ".eyJo", 1)),
                Err(Disbelief::Signature)
            );
        }
    }

    #[test]
    fn the_header_does_not_choose_the_algorithm() {
        let payload = payload().to_string();
        for alg in ["none", "None", "HS256", "ES256", "RS256", "eddsa", ""] {
            let certificate = signed(&json!({ "alg": alg, "typ": "JWT" }).to_string(), &payload);
            assert_eq!(check(&certificate, &EXPECTED), Err(Disbelief::Algorithm), "{alg}");
        }
        let unsigned =
            format!("{}.{}.", base64::encode_url(br#"{"alg":"none"}"#), base64::encode_url(payload.as_bytes()));
        assert_eq!(check(&unsigned, &EXPECTED), Err(Disbelief::Algorithm));
        assert_eq!(check(&signed_es256(&self::payload()), &EXPECTED), Err(Disbelief::Algorithm));
    }

    #[test]
    fn a_header_that_asks_for_more_than_we_know_is_refused() {
        for header in [
            r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#,
            r#"{"alg":"EdDSA","crit":null}"#,
            r#"{"alg":"EdDSA","crit":[]}"#,
            r#"{"alg":"EdDSA","alg":"EdDSA"}"#,
            r#"{"alg":"EdDSA","kid":1}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"EdDSA"} "x""#,
            "EdDSA",
        ] {
            let verdict = check(&signed(header, &payload().to_string()), &EXPECTED);
            assert_eq!(verdict, Err(Disbelief::Malformed), "{header}");
        }
        let header = r#"{"alg":"EdDSA","typ":"at+jwt","jku":"https://example.org/","cty":7}"#;
        assert!(check(&signed(header, &payload().to_string()), &EXPECTED).is_ok(), "other members are ignored");
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let certificate = CertificateSigner::new(signing_key()).sign(&claims());
        for index in 0..certificate.len() {
            let mut changed = certificate.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(check(&changed, &EXPECTED).is_err(), "character {index}");
        }
    }

    #[test]
    fn a_text_of_another_form_is_refused() {
        let certificate = CertificateSigner::new(signing_key()).sign(&claims());
        let padded = format!("{certificate}=");
        let four = format!("{certificate}.AAAA");
        let five = format!("A.{certificate}.AAAA");
        let long = format!("{certificate}{}", "A".repeat(MAX_CERTIFICATE));
        let spaced = format!(" {certificate}");
        for text in ["", ".", "..", "a.b", "é.é.é", &padded, &four, &five, &long, &spaced] {
            assert_eq!(check(text, &EXPECTED), Err(Disbelief::Malformed), "{text}");
        }
        let short = certificate.rsplit_once('.').expect("three parts").0;
        assert_eq!(check(&format!("{short}.AAAA"), &EXPECTED), Err(Disbelief::Signature));
        assert_eq!(check(&format!("{short}."), &EXPECTED), Err(Disbelief::Signature));
    }

    #[test]
    fn issuer_and_audience_are_exact() {
        assert_eq!(check_payload(&with("iss", json!("Port"))), Err(Disbelief::Issuer));
        assert_eq!(check_payload(&with("aud", json!("pratique2"))), Err(Disbelief::Audience));
        assert_eq!(check_payload(&with("aud", json!([]))), Err(Disbelief::Audience));
        assert_eq!(check_payload(&with("aud", json!(["other"]))), Err(Disbelief::Audience));
        assert_eq!(check_payload(&with("aud", json!(["other", "pratique"]))), Ok(claims()));
    }

    #[test]
    fn clocks_may_differ_by_a_minute_and_no_more() {
        let certificate = CertificateSigner::new(signing_key()).sign(&claims());
        let at = |seconds| check(&certificate, &Expected { now: NOW.plus(seconds), ..EXPECTED }).err();
        assert_eq!(at(-61), Some(Disbelief::NotYetValid));
        assert_eq!(at(-60), None);
        assert_eq!(at(959), None);
        assert_eq!(at(960), Some(Disbelief::Expired));
        assert_eq!(check_payload(&with("nbf", json!(NOW.unix() + 61))).err(), Some(Disbelief::NotYetValid));
        assert_eq!(check_payload(&with("nbf", json!(NOW.unix() + 60))).err(), None);
    }

    #[test]
    fn odd_times_are_read_or_refused_but_never_wrap() {
        assert!(check_payload(&with("exp", json!(1_600_000_900.5))).is_ok(), "a NumericDate may have a fraction");
        for exp in ["1e300", "-1e300", "18446744073709551615", "\"1600000900\"", "null", "true"] {
            let value = serde_json::from_str(exp).expect("JSON");
            assert_eq!(check_payload(&with("exp", value)), Err(Disbelief::Malformed), "{exp}");
        }
        assert!(check_payload(&with("exp", json!(i64::MAX))).is_ok());
        assert_eq!(check_payload(&with("exp", json!(i64::MIN))), Err(Disbelief::Expired));
        assert_eq!(check_payload(&with("iat", json!(i64::MAX))), Err(Disbelief::NotYetValid));
    }

    #[test]
    fn claims_that_are_missing_or_wrong_are_refused_after_the_signature_held() {
        for name in ["iss", "aud", "iat", "exp", "reportType", "tekmac"] {
            let mut payload = payload();
            payload.as_object_mut().expect("an object").remove(name);
            assert_eq!(check_payload(&payload), Err(Disbelief::Malformed), "{name}");
        }
        for (name, value) in [
            ("reportType", json!("positive")),
            ("symptomOnsetInterval", json!(-1)),
            ("symptomOnsetInterval", json!(4_294_967_296_u64)),
            ("tekmac", json!("BwcH")),
            ("tekmac", json!("*")),
            ("iss", json!(null)),
            ("aud", json!({})),
        ] {
            assert_eq!(check_payload(&with(name, value)), Err(Disbelief::Malformed), "{name}");
        }
        let twice = payload().to_string().replace("{", r#"{"iss":"port","#);
        assert_eq!(check(&signed(r#"{"alg":"EdDSA"}"#, &twice), &EXPECTED), Err(Disbelief::Malformed));
        assert!(check_payload(&with("jti", json!("other claims are ignored"))).is_ok());
    }

    #[test]
    fn an_onset_of_zero_is_unknown() {
        let unknown = Claims { symptom_onset: None, ..claims() };
        assert_eq!(check_payload(&with("symptomOnsetInterval", json!(0))), Ok(unknown.clone()));
        assert_eq!(check_payload(&with("symptomOnsetInterval", json!(null))), Ok(unknown));
    }
}
