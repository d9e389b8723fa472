//! Reports through relays: who carries them learns nothing, and they arrive as if they had come directly.

use client::{BaseUrl, ClientError, Http, KeyServer, Relay, Secret, Verification};
use proto::api::base64;
use proto::commitment::Commitment;
use proto::ohttp::{KeyConfig, decode_keys};
use proto::{Kind, ReportType};
use rand::CryptoRng;
use tests::network::BadNetwork;
use tests::system::System;

fn chance() -> Box<dyn CryptoRng> {
    Box::new(store::chance::source())
}

/// A relay that carries to one service, and the keys of the service's gateway.
struct Post {
    relay: BadNetwork,
    base: BaseUrl,
    keys: Vec<u8>,
}

impl Post {
    async fn before(service: &tests::service::Service) -> anyhow::Result<Self> {
        let base = BaseUrl::new(&service.url())?;
        let keys = Http::new()?.ohttp_keys(&base).await?;
        Ok(Self { relay: BadNetwork::before(service.address()).await?, base, keys })
    }

    fn hashes(&self) -> anyhow::Result<Vec<[u8; 32]>> {
        Ok(decode_keys(&self.keys)?.iter().map(KeyConfig::sha256).collect())
    }

    fn relay(&self, listed: Option<&[[u8; 32]]>) -> Result<Relay, ClientError> {
        Relay::new(BaseUrl::new(&format!("{}/ohttp", self.relay.url()))?, &self.keys, listed, chance)
    }
}

/// Whether these bytes stand anywhere in what was carried.
fn contains(messages: &[Vec<u8>], wanted: &[u8]) -> bool {
    messages.iter().any(|message| message.windows(wanted.len()).any(|window| window == wanted))
}

/// The length of the body of a message.
fn body_length(message: &[u8]) -> usize {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").expect("a header");
    message.len() - end - 4
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_carries_a_report_and_learns_neither_code_nor_keys() -> anyhow::Result<()> {
    let (system, authority) = System::with_authority().await?;
    let [to_verification, to_server] = [Post::before(&system.verification).await?, Post::before(&system.server).await?];
    let http = Http::new()?;
    let relay = to_verification.relay(Some(&to_verification.hashes()?))?;
    let verification = Verification::new(http.clone(), to_verification.base.clone(), &authority.device_key)?;
    let verification = verification.through(relay);
    let relay = to_server.relay(Some(&to_server.hashes()?))?;
    let server = KeyServer::new(http.clone(), to_server.base.clone()).through(relay);

    let mut phone = system.phone(1, &authority)?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let (nonce, keys) = (phone.draw(), phone.past_keys(14).to_vec());
    let upload = phone.key_upload(&keys)?;
    // A relay that loses replies burns nothing.
    for post in [&to_verification, &to_server] {
        post.relay.lose_replies(1);
    }
    let lost = verification.verify(&code, &[], &nonce).await;
    assert!(lost.is_err_and(|error| error.may_retry()));
    let verified = verification.verify(&code, &[], &nonce).await?;
    let certificate = verification.certificate(&verified.token, &upload.commitment()).await?;
    let lost = server.publish(&upload, &certificate).await;
    assert!(lost.is_err_and(|error| error.may_retry()));
    let receipt = server.publish(&upload, &certificate).await?;
    assert_eq!((receipt.accepted, receipt.dropped), (14, None));
    // A refusal comes through as it was said.
    let refused = verification.verify("00000000", &[], &phone.draw()).await.expect_err("no such code");
    assert_eq!(refused.code(), Some("code_invalid"));

    let mut secrets: Vec<Vec<u8>> = keys.iter().map(|key| key.data().to_vec()).collect();
    secrets.extend(keys.iter().map(|key| base64::encode(key.data()).into_bytes()));
    let commitment = base64::encode(Commitment::as_bytes(&upload.commitment()));
    for text in [&code, &authority.device_key, &nonce.to_base64(), &commitment, "verify", "certificate", "publish"] {
        secrets.push(text.as_bytes().to_vec());
    }
    secrets.push(certificate.as_str().as_bytes().to_vec());
    let [one, other] = [&to_verification, &to_server].map(|post| post.relay.carried());
    for carried in [&one, &other] {
        for secret in &secrets {
            assert!(!contains(carried, secret), "{}", String::from_utf8_lossy(secret));
        }
        // Requests and replies take turns, but for those that were lost; all of a kind have one length.
        assert!(carried.len() >= 4);
        for message in carried {
            let expected = if message.starts_with(b"POST /ohttp ") { 16_439 } else { 4_608 };
            assert_eq!(body_length(message), expected);
        }
    }
    system.export().await?;
    let checked = system.outside_reader().check(&authority.feed(Kind::Gaen))?;
    checked.ensure_exactly(keys.iter().map(|key| key.data().to_vec()))?;

    // Without a seal, the same search finds what it looks for.
    let open = BadNetwork::before(system.verification.address()).await?;
    let plain = Verification::new(http, BaseUrl::new(&open.url())?, &authority.device_key)?;
    plain.verify(&code, &[], &nonce).await?;
    assert!(contains(&open.carried(), code.as_bytes()) && contains(&open.carried(), b"api/verify"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_ones_own_is_not_used() -> anyhow::Result<()> {
    let (system, authority) = System::with_authority().await?;
    let [to_verification, to_server] = [Post::before(&system.verification).await?, Post::before(&system.server).await?];
    // The manifest names other keys than these.
    for listed in [&to_server.hashes()?[..], &[]] {
        assert!(matches!(to_verification.relay(Some(listed)), Err(ClientError::Malformed(_))));
    }
    // Sealed to a key that the gateway does not have, nothing is opened, and the phone hears what to do.
    let wrong = Post { keys: to_server.keys.clone(), ..to_verification };
    let verification = Verification::new(Http::new()?, wrong.base.clone(), &authority.device_key)?;
    let verification = verification.through(wrong.relay(None)?);
    let nonce = Secret::draw(&mut chance());
    let refused = verification.verify("12345678", &[], &nonce).await.expect_err("not opened");
    assert_eq!(refused.code(), Some("ohttp-key"));
    Ok(())
}
