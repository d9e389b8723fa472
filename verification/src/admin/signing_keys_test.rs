//! A rotation as phones, key servers and a key management service see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use proto::certificate::{
    Algorithm, CertificateKey, CertificateSigner, Claims, Disbelief, Expected, SIGNATURE, UnverifiedCertificate,
};

use super::signing_keys::*;
use store::IssuerKey;

use crate::error::VerificationError;
use crate::handlers::fixture_test::{COMMITMENT, Desk, OTHER_COMMITMENT};
use crate::policy::CERTIFICATE_LIFE;
use crate::signing::{AFTERGLOW, KeyStanding, Keyring, Signer};

/// A key to be drawn for the service.
fn drawn(desk: &Desk, algorithm: Algorithm) -> NewKey {
    NewKey::Drawn(algorithm, desk.state.keychain().directory().to_owned())
}

/// Rotates to a key that is drawn.
async fn rotate(desk: &Desk, overlap: i64) -> Result<IssuerKey, VerificationError> {
    rotate_signing_key(&desk.state, "no", drawn(desk, Algorithm::EdDsa), overlap).await
}

/// A certificate as a phone gets it now, and the `kid` in it.
async fn certificate(desk: &Desk, token: &str) -> (String, String) {
    let certificate = desk.certificate(token, COMMITMENT).await.text("certificate").to_owned();
    let unverified = UnverifiedCertificate::parse(&certificate).expect("a certificate");
    let kid = unverified.kid().expect("a kid").to_owned();
    (certificate, kid)
}

/// Checks a certificate as a key server would that is told of this key.
fn check(desk: &Desk, certificate: &str, key: &CertificateKey) -> Result<Claims, Disbelief> {
    let expected = Expected { issuer: "no", audience: "pratique", now: desk.state.now() };
    UnverifiedCertificate::parse(certificate).expect("a certificate").verify(key, &expected)
}

#[actix_web::test]
async fn a_new_key_is_published_at_once_and_signs_when_the_overlap_is_over() {
    let desk = Desk::without_signing_key().await;
    let old = create_signing_key(&desk.state, "no").await.expect("a key").kid();
    let token = desk.token().await;
    let new = rotate(&desk, 3_600).await.expect("rotated");
    assert_eq!(desk.published().await, [&*new.kid, &*old]);
    for (later, signs) in [(0, &old), (3_500, &old), (3_601, &new.kid), (7_200, &new.kid)] {
        desk.clock.set_offset(later);
        assert_eq!(certificate(&desk, &token).await.1, **signs, "after {later} s");
    }
    assert_eq!(desk.published().await, [&*new.kid]);
}

#[actix_web::test]
async fn at_no_moment_of_a_rotation_is_a_certificate_believed_whose_key_is_not_published() {
    let desk = Desk::open().await;
    let token = desk.token().await;
    rotate(&desk, 1_200).await.expect("rotated");
    let mut signed = Vec::new();
    let mut kids = std::collections::BTreeSet::new();
    for later in (0..1_200 + AFTERGLOW + 600).step_by(50) {
        desk.clock.set_offset(later);
        let (_, kid) = certificate(&desk, &token).await;
        kids.insert(kid.clone());
        signed.push((later, kid));
        let published = desk.published().await;
        // The key server allows clocks a minute.
        for (at, kid) in signed.iter().filter(|(at, _)| at + CERTIFICATE_LIFE + 60 >= later) {
            assert!(published.contains(kid), "signed after {at} s, checked after {later} s");
        }
    }
    assert_eq!((kids.len(), desk.published().await.len()), (2, 1), "one key took over from another");
}

#[actix_web::test]
async fn es256_is_signed_by_choice_and_believed_by_the_published_key() {
    let desk = Desk::open().await;
    let key = rotate_signing_key(&desk.state, "no", drawn(&desk, Algorithm::Es256), 0).await.expect("rotated").key;
    let (certificate, kid) = certificate(&desk, &desk.token().await).await;
    assert_eq!((key.algorithm(), &kid), ("ES256", &key.kid()));
    assert!(check(&desk, &certificate, &key).is_ok());
    let (_, set) = desk.get("/jwks/no").await;
    assert_eq!(set["keys"].as_array().expect("a key set").iter().find(|jwk| jwk["kid"] == *kid), Some(&key.to_jwk()));
}

#[actix_web::test]
async fn the_first_key_signs_at_once_even_when_it_is_rotated_in() {
    let desk = Desk::without_signing_key().await;
    let key = rotate(&desk, 86_400).await.expect("rotated");
    assert_eq!(certificate(&desk, &desk.token().await).await.1, key.kid);
}

#[actix_web::test]
async fn an_overlap_has_bounds_and_nothing_is_made_for_nobody() {
    let desk = Desk::open().await;
    for overlap in [-1, MAX_OVERLAP + 1, i64::MAX, i64::MIN] {
        let refused = rotate(&desk, overlap).await;
        assert!(matches!(refused, Err(VerificationError::Malformed(malformed)) if malformed.field == "overlap"));
    }
    assert!(matches!(
        rotate_signing_key(&desk.state, "se", drawn(&desk, Algorithm::EdDsa), 0).await,
        Err(VerificationError::Store(_))
    ));
    assert_eq!(desk.published().await.len(), 1);
}

#[actix_web::test]
async fn a_key_without_which_nobody_could_sign_is_not_retired() {
    let desk = Desk::without_signing_key().await;
    let old = create_signing_key(&desk.state, "no").await.expect("a key").kid();
    let retire = async |kid: &str| retire_signing_key(&desk.state, "no", kid, true).await;
    assert!(matches!(retire(&old).await, Err(VerificationError::LastSigningKey(_))));
    let new = rotate(&desk, 3_600).await.expect("rotated").kid;
    for kid in [&old, &new] {
        assert!(matches!(retire(kid).await, Err(VerificationError::LastSigningKey(_))), "now or in an hour");
    }
    assert!(matches!(retire("nobody").await, Err(VerificationError::Store(_))));
    assert_eq!(desk.published().await, [new, old]);
}

#[actix_web::test]
async fn a_leaked_key_is_gone_at_once_when_another_has_taken_over() {
    let desk = Desk::without_signing_key().await;
    let leaked = create_signing_key(&desk.state, "no").await.expect("a key").kid();
    let token = desk.token().await;
    let new = rotate(&desk, 0).await.expect("rotated").kid;
    assert_eq!(certificate(&desk, &token).await.1, new, "the leaked key signs no more");
    assert_eq!(desk.published().await.len(), 2, "what it signed is believed for a while");
    let until = retire_signing_key(&desk.state, "no", &leaked, true).await.expect("retired");
    assert!(until <= desk.state.now());
    assert_eq!(desk.published().await, [new]);
}

#[actix_web::test]
async fn keys_are_listed_with_where_they_stand() {
    let desk = Desk::open().await;
    let elsewhere = CertificateSigner::generate(Algorithm::Es256, &mut store::chance::source()).public_key();
    rotate_signing_key(&desk.state, "no", NewKey::Existing(elsewhere), 60).await.expect("rotated");
    let listed = async |since: i64| {
        let keys = signing_keys(&desk.state, "no", desk.state.now().plus(since)).await.expect("listed");
        let mut listed = Vec::new();
        for SigningKey { key, standing } in keys {
            listed.push((standing, can_sign(desk.state.keychain().directory(), "no", &key.key).await));
        }
        listed
    };
    assert_eq!(listed(0).await, [(KeyStanding::Waiting, false), (KeyStanding::Signing, true)]);
    desk.clock.set_offset(61);
    assert_eq!(listed(0).await, [(KeyStanding::Signing, false), (KeyStanding::Resting, true)]);
    assert!(matches!(check_signing_keys(&desk.state).await, Err(VerificationError::NoPrivateKey { .. })));
    desk.clock.set_offset(62 + AFTERGLOW);
    assert_eq!(listed(0).await.len(), 1);
    assert_eq!(listed(-100).await, [(KeyStanding::Signing, false), (KeyStanding::Retired, true)]);
}

/// A key management service: keys never leave it, and it takes its time.
struct KeyService {
    signer: Arc<Remote>,
}

struct Remote {
    key: CertificateSigner,
    is_down: AtomicBool,
}

#[async_trait]
impl Keyring for KeyService {
    async fn signer(&self, _: &str, _: &CertificateKey) -> Result<Option<Arc<dyn Signer>>, VerificationError> {
        // It answers with its only key, whichever was asked for.
        Ok(Some(Arc::clone(&self.signer) as Arc<dyn Signer>))
    }
}

#[async_trait]
impl Signer for Remote {
    fn public_key(&self) -> CertificateKey {
        self.key.public_key()
    }

    async fn sign(&self, bytes: &[u8]) -> Result<[u8; SIGNATURE], VerificationError> {
        tokio::task::yield_now().await;
        if self.is_down.load(Ordering::Relaxed) {
            return Err(VerificationError::Signer("the key service does not answer".to_owned()));
        }
        Ok(self.key.sign_bytes(bytes))
    }
}

#[actix_web::test]
async fn a_key_service_signs_with_keys_that_it_never_gives_out() {
    let key = CertificateSigner::generate(Algorithm::Es256, &mut store::chance::source());
    let remote = Arc::new(Remote { key, is_down: AtomicBool::new(false) });
    let desk = Desk::with_keyrings(vec![Box::new(KeyService { signer: Arc::clone(&remote) })]).await;
    let own = create_signing_key(&desk.state, "no").await.expect("a key").kid();
    let token = desk.token().await;
    assert_eq!(certificate(&desk, &token).await.1, own, "the service's answer to another question is not taken");

    let public = remote.key.public_key();
    rotate_signing_key(&desk.state, "no", NewKey::Existing(public.clone()), 0).await.expect("rotated");
    let (text, kid) = certificate(&desk, &token).await;
    assert_eq!(kid, public.kid());
    assert!(check(&desk, &text, &public).is_ok());

    // While it is down, phones wait and lose nothing.
    remote.is_down.store(true, Ordering::Relaxed);
    assert_eq!(desk.certificate(&token, COMMITMENT).await.refusal(), (500, "internal_error"));
    remote.is_down.store(false, Ordering::Relaxed);
    for commitment in [COMMITMENT, OTHER_COMMITMENT] {
        assert_eq!(desk.certificate(&token, commitment).await.status, 200);
    }
}
