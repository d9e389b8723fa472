//! Reports through relays: who carries them learns nothing, and they arrive as if they had come directly.

use client::{BaseUrl, ClientError, FeedState, Http, KeyServer, Relay, Secret, Verification};
use proto::api::base64;
use proto::commitment::Commitment;
use proto::manifest::GatewayService;
use proto::ohttp::{KeyConfig, decode_keys};
use proto::{Feed, Kind, ReportType};
use rand::CryptoRng;
use tests::authority::Authority;
use tests::engine::Engine;
use tests::network::BadNetwork;
use tests::phone::Phone;
use tests::system::{NOON, System};

on_both_engines! {
    a_phone_seals_to_no_key_but_those_that_everybody_is_given,
    no_phone_is_turned_away_while_a_gateway_changes_its_key,
}

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
async fn without_the_manifests_word_a_wrong_key_is_noticed_late() -> anyhow::Result<()> {
    let (system, authority) = System::with_authority().await?;
    let [to_verification, to_server] = [Post::before(&system.verification).await?, Post::before(&system.server).await?];
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

/// What a phone knows of gateways once it has polled.
async fn polled(system: &System, phone: &Phone, feed: &Feed) -> anyhow::Result<FeedState> {
    let mut follower = system.follower(feed)?;
    phone.poll(&mut follower).await?;
    Ok(follower.state)
}

async fn a_phone_seals_to_no_key_but_those_that_everybody_is_given(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let feed = authority.feed(Kind::Gaen);
    let mut phone = system.phone(1, &authority)?;
    // Before anything is announced, no key is good.
    system.export().await?;
    let honest = Post::before(&system.server).await?;
    let state = polled(&system, &phone, &feed).await?;
    assert!(honest.relay(Some(state.gateway_hashes(GatewayService::Server))).is_err());

    system.export_with_gateways().await?;
    let state = polled(&system, &phone, &feed).await?;
    let announced = |service| state.gateway_hashes(service).to_vec();
    assert_eq!(announced(GatewayService::Server), honest.hashes()?);
    assert_eq!(announced(GatewayService::Verification), Post::before(&system.verification).await?.hashes()?);

    // A gateway makes a key for this phone alone, to know its requests from all others behind the relay. The phone sends it nothing.
    let curious = system.server_with_a_key_of_its_own().await?;
    let singled_out = Post::before(&curious).await?;
    let refused = singled_out.relay(Some(&announced(GatewayService::Server)));
    assert!(matches!(refused, Err(ClientError::Malformed(why)) if why.field == "ohttp-keys"));
    assert!(singled_out.relay.carried().is_empty());
    // Nor does it help to mix the key with good ones: a good one is used.
    let mixed = [singled_out.keys.as_slice(), &honest.keys].concat();
    let mixed = Post { keys: mixed, ..honest };
    let relay = mixed.relay(Some(&announced(GatewayService::Server)))?;
    let server = KeyServer::new(Http::new()?, mixed.base.clone()).through(relay);
    let keys = phone.past_keys(14).to_vec();
    let upload = phone.key_upload(&keys)?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let certificate = phone.certify(&code, &upload.commitment()).await?;
    assert_eq!(server.publish(&upload, &certificate).await?.accepted, 14);
    system.export().await?;
    let checked = system.outside_reader().check(&feed)?;
    checked.ensure_exactly(keys.iter().map(|key| key.data().to_vec()))
}

/// For how long the next key is only announced, and for how long the one before it is good after that, in seconds.
const ANNOUNCED: i64 = 24 * 3_600;
const OVERLAP: i64 = 72 * 3_600;

async fn no_phone_is_turned_away_while_a_gateway_changes_its_key(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let feed = authority.feed(Kind::Gaen);
    system.export_with_gateways().await?;
    let mut early = system.phone(1, &authority)?;
    let old = Post::before(&system.server).await?;
    let before = polled(&system, &early, &feed).await?;
    system.rotate_gateway_key(ANNOUNCED, OVERLAP)?;
    system.export_with_gateways().await?;

    let mut uploaded = Vec::new();
    // The key is drawn within half an hour of noon, so what comes after a change is looked at with an hour to spare.
    let (given, retired) = (ANNOUNCED + 3_600, ANNOUNCED + OVERLAP + 3_600);
    for (seed, after) in (2..).zip([3_600, ANNOUNCED - 60, given, ANNOUNCED + OVERLAP - 60, retired]) {
        system.set_time(NOON.plus(after));
        let mut phone = system.phone(seed, &authority)?;
        let state = polled(&system, &phone, &feed).await?;
        let hashes = state.gateway_hashes(GatewayService::Server);
        // What is given to phones was announced before, always.
        let post = Post::before(&system.server).await?;
        assert!(post.hashes()?.iter().all(|hash| hashes.contains(hash)), "after {after} s");
        assert_eq!(post.keys == old.keys, after < ANNOUNCED, "after {after} s");
        let relay = post.relay(Some(hashes))?;
        uploaded.extend(upload_through(&system, &authority, (&mut phone, relay)).await?);

        // A phone that keeps what it fetched and read before the change is served while the overlap lasts; then it hears what to do.
        let listed = before.gateway_hashes(GatewayService::Server);
        let sent = upload_through(&system, &authority, (&mut early, old.relay(Some(listed))?)).await;
        match sent {
            Ok(keys) if after < retired => uploaded.extend(keys),
            Err(refusal) if after == retired => {
                let refusal = refusal.downcast_ref::<ClientError>().and_then(ClientError::code);
                assert_eq!(refusal, Some("ohttp-key"));
            }
            other => panic!("after {after} s: {other:?}"),
        }
    }
    system.export_with_gateways().await?;
    let state = polled(&system, &early, &feed).await?;
    assert_eq!(state.gateway_hashes(GatewayService::Server).len(), 1, "the old key is announced no more");
    uploaded.sort();
    uploaded.dedup();
    system.outside_reader().check(&feed)?.ensure_exactly(uploaded)
}

/// A report of the phone's keys, of which all but the upload goes directly; their bytes.
async fn upload_through(
    system: &System,
    authority: &Authority,
    (phone, relay): (&mut Phone, Relay),
) -> anyhow::Result<Vec<Vec<u8>>> {
    let server = KeyServer::new(Http::new()?, BaseUrl::new(&system.server.url())?).through(relay);
    let keys = phone.past_keys(3).to_vec();
    let upload = phone.key_upload(&keys)?;
    let code = authority.issue(ReportType::Confirmed, "").await?.code;
    let certificate = phone.certify(&code, &upload.commitment()).await?;
    server.publish(&upload, &certificate).await?;
    Ok(keys.iter().map(|key| key.data().to_vec()).collect())
}
