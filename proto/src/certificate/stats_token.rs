//! Stats tokens: an authority asks for its own numbers and signs that with a key of its certificates, so that nothing else need be exchanged.
//!
//! A certificate is in the hand of a phone, and must not open the numbers; nor may a token that was made for them publish anything. Two things keep
//! them apart, each enough by itself: a certificate has a `reportType` and a `tekmac`, and a stats token must have neither; and each names its own
//! audience.

use serde::{Deserialize, Serialize};

use super::disbelief::Disbelief;
use super::jwt::{MAX_JWT, UnverifiedJwt, present};
use super::key::CertificateKey;
use super::registered::{Audience, Expected, NumericDate, Registered};
use crate::interval::Timestamp;

/// The longest stats token that is read, in bytes.
pub const MAX_STATS_TOKEN: usize = MAX_JWT;
/// How long after its `iat` a stats token may expire, in seconds: an hour. Those of servers in the field live five minutes.
pub const MAX_STATS_LIFE: i64 = 3_600;

/// What a stats token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatsClaims {
    /// `iss`: selects the authority.
    pub issuer: String,
    /// `aud`: whom it is meant for.
    pub audience: String,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`: at most [`MAX_STATS_LIFE`] later.
    pub expires_at: Timestamp,
}

/// A stats token as received: parsed, nothing believed yet.
pub struct UnverifiedStatsToken<'a> {
    jwt: UnverifiedJwt<'a>,
    kid: String,
    issuer: String,
}

/// The claims as they travel. Other claims are tolerated, but not those that make a certificate.
#[derive(Serialize, Deserialize)]
pub(super) struct WireStatsClaims {
    iss: String,
    aud: Audience,
    iat: NumericDate,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<NumericDate>,
    exp: NumericDate,
    #[serde(rename = "reportType", default, deserialize_with = "present", skip_serializing)]
    has_report_type: bool,
    #[serde(rename = "tekmac", default, deserialize_with = "present", skip_serializing)]
    has_commitment: bool,
}

/// Who it says that it is from.
#[derive(Deserialize)]
struct Sender {
    iss: String,
}

impl<'a> UnverifiedStatsToken<'a> {
    /// Splits a compact JWT that names its key. Bounded: at most [`MAX_STATS_TOKEN`] bytes.
    ///
    /// # Errors
    /// [`Disbelief::Malformed`].
    pub fn parse(text: &'a str) -> Result<Self, Disbelief> {
        let jwt = UnverifiedJwt::parse(text)?;
        let kid = jwt.kid().ok_or(Disbelief::Malformed)?.to_owned();
        let Sender { iss } = serde_json::from_slice(jwt.unverified_payload()).map_err(|_| Disbelief::Malformed)?;
        Ok(Self { jwt, kid, issuer: iss })
    }

    /// The header's `kid`: which of the issuer's keys to try.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The claim `iss`, which nobody vouches for yet: whose keys to try.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Checks algorithm, signature, purpose, issuer, audience, times (leeway 60 s) and life, in this order.
    ///
    /// # Errors
    /// The first [`Disbelief`].
    pub fn verify(&self, key: &CertificateKey, expected: &Expected<'_>) -> Result<StatsClaims, Disbelief> {
        let claims: WireStatsClaims =
            serde_json::from_slice(self.jwt.payload(key)?).map_err(|_| Disbelief::Malformed)?;
        if claims.has_report_type || claims.has_commitment {
            return Err(Disbelief::Purpose);
        }
        claims.registered().check(expected)?;
        let (issued_at, expires_at) = (claims.iat.moment(), claims.exp.moment());
        if expires_at > issued_at.plus(MAX_STATS_LIFE) {
            return Err(Disbelief::Life);
        }
        Ok(StatsClaims { issuer: claims.iss, audience: expected.audience.to_owned(), issued_at, expires_at })
    }
}

impl WireStatsClaims {
    /// The JSON form of what an authority says.
    pub(super) fn from_claims(claims: &StatsClaims) -> Self {
        Self {
            iss: claims.issuer.clone(),
            aud: Audience::One(claims.audience.clone()),
            iat: claims.issued_at.into(),
            nbf: None,
            exp: claims.expires_at.into(),
            has_report_type: false,
            has_commitment: false,
        }
    }

    fn registered(&self) -> Registered<'_> {
        Registered {
            issuer: &self.iss,
            audience: &self.aud,
            issued_at: self.iat,
            not_before: self.nbf,
            expires_at: self.exp,
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signer;
    use serde_json::{Value, json};

    use super::*;
    use crate::api::base64;
    use crate::certificate::{CertificateSigner, Claims, UnverifiedCertificate};
    use crate::commitment::Commitment;
    use crate::report_type::ReportType;

    const NOW: Timestamp = Timestamp::from_unix(1_600_000_000);
    const EXPECTED: Expected<'_> = Expected { issuer: "port", audience: "pratique-stats", now: NOW };

    fn signing_key() -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&[9; 32])
    }

    fn signer() -> CertificateSigner {
        CertificateSigner::new(signing_key())
    }

    fn claims() -> StatsClaims {
        StatsClaims {
            issuer: "port".to_owned(),
            audience: "pratique-stats".to_owned(),
            issued_at: NOW,
            expires_at: NOW.plus(300),
        }
    }

    fn check(token: &str, expected: &Expected<'_>) -> Result<StatsClaims, Disbelief> {
        UnverifiedStatsToken::parse(token)?.verify(&signer().public_key(), expected)
    }

    /// Any payload under any header, well signed.
    fn signed(header: Value, payload: &Value) -> String {
        let part = |json: &Value| base64::encode_url(json.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(payload));
        let signature = signing_key().sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", base64::encode_url(&signature))
    }

    fn check_payload(change: impl FnOnce(&mut Value)) -> Result<StatsClaims, Disbelief> {
        // As servers in the field write it.
        let mut payload = json!({ "aud": "pratique-stats", "exp": NOW.unix() + 300, "iat": NOW.unix(), "iss": "port" });
        change(&mut payload);
        check(&signed(json!({ "alg": "EdDSA", "kid": "v1", "typ": "JWT" }), &payload), &EXPECTED)
    }

    #[test]
    fn what_was_signed_is_believed_with_either_algorithm() {
        let token = signer().sign_stats_token(&claims());
        assert_eq!(check(&token, &EXPECTED), Ok(claims()));
        let unverified = UnverifiedStatsToken::parse(&token).expect("well formed");
        assert_eq!((unverified.issuer(), unverified.kid()), ("port", signer().public_key().kid().as_str()));
        assert_eq!(check_payload(|_| ()), Ok(claims()), "no nbf is needed");
        let es256 = CertificateSigner::es256(p256::ecdsa::SigningKey::from_slice(&[9; 32]).expect("a scalar in range"));
        let token = es256.sign_stats_token(&claims());
        let unverified = UnverifiedStatsToken::parse(&token).expect("well formed");
        assert_eq!(unverified.verify(&es256.public_key(), &EXPECTED), Ok(claims()));
        assert_eq!(unverified.verify(&signer().public_key(), &EXPECTED), Err(Disbelief::Algorithm));
    }

    #[test]
    fn a_certificate_is_no_stats_token_even_for_the_same_audience() {
        let certificate = Claims {
            issuer: "port".to_owned(),
            audience: "pratique-stats".to_owned(),
            issued_at: NOW,
            expires_at: NOW.plus(300),
            report_type: ReportType::Confirmed,
            symptom_onset: None,
            commitment: Commitment::new(&[7; 32]).expect("32 bytes"),
        };
        assert_eq!(check(&signer().sign(&certificate), &EXPECTED), Err(Disbelief::Purpose));
        for (name, value) in [("tekmac", json!("x")), ("tekmac", Value::Null), ("reportType", json!("confirmed"))] {
            assert_eq!(check_payload(|payload| payload[name] = value), Err(Disbelief::Purpose), "{name}");
        }
        let both = json!(["pratique", "pratique-stats"]);
        let certificate = check_payload(|payload| {
            payload["aud"] = both;
            payload["tekmac"] = json!("x");
        });
        assert_eq!(certificate, Err(Disbelief::Purpose));
    }

    #[test]
    fn a_stats_token_is_no_certificate_even_for_the_same_audience() {
        let token = signer().sign_stats_token(&StatsClaims { audience: "pratique".to_owned(), ..claims() });
        let certificate = UnverifiedCertificate::parse(&token).expect("a JWT");
        let expected = Expected { audience: "pratique", ..EXPECTED };
        assert_eq!(certificate.verify(&signer().public_key(), &expected), Err(Disbelief::Malformed));
        let token = signer().sign_stats_token(&claims());
        let certificate = UnverifiedCertificate::parse(&token).expect("a JWT");
        assert!(certificate.verify(&signer().public_key(), &expected).is_err());
    }

    #[test]
    fn issuer_audience_and_times_are_those_of_certificates_and_a_life_is_an_hour() {
        assert_eq!(check_payload(|payload| payload["iss"] = json!("Port")), Err(Disbelief::Issuer));
        assert_eq!(check_payload(|payload| payload["aud"] = json!("pratique")), Err(Disbelief::Audience));
        assert_eq!(check_payload(|payload| payload["aud"] = json!(["x", "pratique-stats"])), Ok(claims()));
        assert_eq!(check_payload(|payload| payload["nbf"] = json!(NOW.unix() + 61)), Err(Disbelief::NotYetValid));
        let token = signer().sign_stats_token(&claims());
        let at = |seconds| check(&token, &Expected { now: NOW.plus(seconds), ..EXPECTED }).err();
        assert_eq!(
            [at(-61), at(-60), at(359), at(360)],
            [Some(Disbelief::NotYetValid), None, None, Some(Disbelief::Expired)]
        );
        assert!(check_payload(|payload| payload["exp"] = json!(NOW.unix() + 3_600)).is_ok());
        assert_eq!(check_payload(|payload| payload["exp"] = json!(NOW.unix() + 3_601)), Err(Disbelief::Life));
        assert_eq!(check_payload(|payload| payload["exp"] = json!(i64::MAX)), Err(Disbelief::Life));
        assert_eq!(check_payload(|payload| payload["iat"] = json!(i64::MIN)), Err(Disbelief::Life));
    }

    #[test]
    fn a_token_without_kid_issuer_or_times_is_refused() {
        for name in ["iss", "aud", "iat", "exp"] {
            let refused = check_payload(|payload| _ = payload.as_object_mut().expect("an object").remove(name));
            assert_eq!(refused, Err(Disbelief::Malformed), "{name}");
        }
        let payload = json!({ "aud": "pratique-stats", "exp": NOW.unix() + 300, "iat": NOW.unix(), "iss": "port" });
        for header in [json!({ "alg": "EdDSA" }), json!({ "alg": "EdDSA", "kid": null }), json!({ "kid": "v1" })] {
            assert_eq!(check(&signed(header, &payload), &EXPECTED), Err(Disbelief::Malformed));
        }
        let none = signed(json!({ "alg": "none", "kid": "v1" }), &payload);
        assert_eq!(check(&none, &EXPECTED), Err(Disbelief::Algorithm));
        for text in ["", ".", "..", "a.b.c", &"A".repeat(MAX_STATS_TOKEN + 1)] {
            assert_eq!(check(text, &EXPECTED), Err(Disbelief::Malformed));
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let token = signer().sign_stats_token(&claims());
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(check(&changed, &EXPECTED).is_err(), "character {index}");
        }
    }
}
