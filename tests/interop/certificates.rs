//! Certificates against another language's cryptography, with nothing but the JWK set that the service publishes.

use proto::ReportType;
use proto::api::base64;
use proto::certificate::Algorithm;
use serde_json::{Value, json};
use tests::authority::Authority;
use tests::system::{NOON, System};
use tests::wire::Request;

use crate::tools;

#[tokio::test(flavor = "multi_thread")]
async fn python_believes_a_certificate_by_the_published_keys() -> anyhow::Result<()> {
    let (system, authority) = System::with_authority().await?;
    believe(&system, &authority, "EdDSA").await
}

#[tokio::test(flavor = "multi_thread")]
async fn python_believes_an_es256_certificate_too() -> anyhow::Result<()> {
    let (system, authority) = System::with_authority().await?;
    system.rotate(&authority, Algorithm::Es256, 0).await?;
    believe(&system, &authority, "ES256").await
}

/// Has a certificate made and checked.
async fn believe(system: &System, authority: &Authority, algorithm: &str) -> anyhow::Result<()> {
    let jwks: Value = Request::get("/jwks/health").send(system.verification.address()).await?.json()?;
    let mut phone = system.phone(1, authority)?;
    let code = authority.issue(ReportType::Likely, "2021-03-09").await?.code;
    let keys = phone.past_keys(14).to_vec();
    let upload = phone.key_upload(&keys)?;
    let certificate = phone.certify(&code, &upload.commitment()).await?;

    let check = |certificate: &str| {
        let given = json!({ "jwks": jwks, "certificate": certificate, "algorithm": algorithm });
        let script = tools::repository().join("tests/interop/check_certificate.py");
        tools::python(&[&script], given.to_string().as_bytes())
    };
    let claims: Value = serde_json::from_slice(&check(certificate.as_str()).map_err(anyhow::Error::msg)?)?;
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("health"), &json!("pratique")));
    assert_eq!(claims["reportType"], json!("likely"));
    assert_eq!(claims["tekmac"], json!(base64::encode(upload.commitment().as_bytes())));
    let issued = claims["iat"].as_i64().expect("iat is a number");
    assert!((NOON.unix()..NOON.unix() + 60).contains(&issued));
    assert_eq!(claims["nbf"], json!(issued - 5));
    assert!(claims["exp"].as_i64().is_some_and(|expires| expires > issued));

    // Another first character of the signature is another signature.
    let (signed, signature) = certificate.as_str().rsplit_once('.').expect("a JWT has three parts");
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    assert!(check(&format!("{signed}.{first}{}", &signature[1..])).is_err());
    Ok(())
}
