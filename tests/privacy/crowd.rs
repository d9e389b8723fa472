//! A thousand people, and everything that they are given and send.

use std::collections::HashMap;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::api::base64::encode;
use proto::api::publish::{ExposureKey, PublishRequest};
use proto::api::verification::{
    API_KEY_HEADER, CertificateReply, CertificateRequest, IssueReply, IssueRequest, VerifyReply, VerifyRequest,
};
use proto::commitment::{HmacKey, KeySegment};
use proto::interval::INTERVALS_PER_DAY;
use proto::{Interval, ReportType};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tests::authority::Authority;
use tests::engine::Engine;
use tests::system::{NOON, System};
use tests::wire::Request;

/// How many keys each uploads: one for each day that can be released.
const KEYS: i64 = 14;
/// Seconds from one to the next.
const PACE: i64 = 14;
/// Seconds after noon at which the first one comes: the system starts at noon and its clock has gone on since, never to be set back.
const FIRST: i64 = 600;

/// People who have uploaded, and the system that served them.
pub(crate) struct Crowd {
    pub(crate) system: System,
    authority: Authority,
    /// Whose rows of the verification database hold these bytes, in hexadecimal: uuids and the ids of codes.
    pub(crate) people: HashMap<String, usize>,
    /// Whose keys these are, in hexadecimal.
    pub(crate) keys: HashMap<String, usize>,
    /// Everything that nobody else should ever see.
    pub(crate) secrets: Secrets,
}

/// What must not be found, as text and as bytes.
#[derive(Default)]
pub(crate) struct Secrets {
    pub(crate) texts: Vec<String>,
    pub(crate) bytes: Vec<Vec<u8>>,
}

impl Crowd {
    /// Lets `count` people come, one after the other.
    pub(crate) async fn play(engine: Engine, count: usize) -> anyhow::Result<Self> {
        let (system, authority) = System::with_authority_on(engine).await?;
        let secrets = Secrets { texts: vec![authority.admin_key.clone(), authority.device_key.clone()], bytes: vec![] };
        let mut crowd = Self { system, authority, people: HashMap::new(), keys: HashMap::new(), secrets };
        let texts = crowd.system.let_text(&crowd.authority, "[code] [longcode]")?;
        let mut rng = StdRng::seed_from_u64(4);
        for person in 0..count {
            crowd.system.set_time(NOON.plus(FIRST + PACE * person as i64));
            crowd.report(person, &mut rng).await.with_context(|| format!("person {person}"))?;
        }
        for line in std::fs::read_to_string(texts)?.lines() {
            let text: serde_json::Value = serde_json::from_str(line)?;
            let long_code = text["body"].as_str().and_then(|body| body.split(' ').nth(1));
            crowd.secrets.texts.push(long_code.context("a long code")?.to_owned());
        }
        Ok(crowd)
    }

    /// One person's way from the code to the upload.
    async fn report(&mut self, person: usize, rng: &mut StdRng) -> anyhow::Result<()> {
        let (verification, server) = (self.system.verification.address(), self.system.server.address());
        let (admin, device) = (self.authority.admin_key.clone(), self.authority.device_key.clone());
        // Every other hears of the code on the telephone, and the rest by text message.
        let number = format!("4{:07}", 1_234_567 + 31 * person);
        let phone = if person.is_multiple_of(2) { String::new() } else { format!("+47{number}") };
        let test_type = ReportType::Confirmed.to_string();
        let order = IssueRequest { test_type, phone: phone.clone(), ..IssueRequest::default() };
        let issued: IssueReply = ask(verification, "/api/issue", &admin, &order).await?;
        self.people.insert(issued.uuid.replace('-', ""), person);

        let (nonce, hmac_key): ([u8; 32], [u8; 32]) = (rng.random(), rng.random());
        let claim = VerifyRequest { code: issued.code.clone(), nonce: encode(&nonce), ..VerifyRequest::default() };
        let verified: VerifyReply = ask(verification, "/api/verify", &device, &claim).await?;
        let token = URL_SAFE_NO_PAD.decode(&verified.token)?;
        let (id, mac) = token.split_at(16);
        self.people.insert(hex::encode(id), person);

        let keys = draw(rng);
        let commitment = HmacKey::new(&hmac_key)?.commit_keys(&keys.iter().map(KeySegment::from).collect::<Vec<_>>());
        let ekeyhmac = encode(commitment.as_bytes());
        let wish = CertificateRequest { token: verified.token.clone(), ekeyhmac, ..CertificateRequest::default() };
        let certified: CertificateReply = ask(verification, "/api/certificate", &device, &wish).await?;
        for key in &keys {
            self.keys.insert(hex::encode(proto::api::base64::decode("key", &key.key)?), person);
        }
        let upload = PublishRequest {
            temporary_exposure_keys: keys,
            health_authority_id: self.authority.id.clone(),
            verification_payload: certified.certificate.clone(),
            hmac_key: encode(&hmac_key),
            ..PublishRequest::default()
        };
        let receipt: serde_json::Value = ask(server, "/v1/publish", "", &upload).await?;
        ensure!(receipt["insertedExposures"] == KEYS, "{receipt}");

        let secrets = &mut self.secrets;
        for part in certified.certificate.split('.').skip(1) {
            secrets.texts.push(part.to_owned());
            secrets.bytes.push(URL_SAFE_NO_PAD.decode(part)?);
        }
        // The first half of a token is the row's own name, which tells nothing without the other.
        secrets.texts.extend([issued.code, verified.token]);
        if !phone.is_empty() {
            secrets.texts.extend([phone, number]);
        }
        secrets.bytes.extend([mac.to_vec(), nonce.into(), hmac_key.into(), commitment.as_bytes().to_vec()]);
        Ok(())
    }
}

/// Keys of the last days, which differ from everybody else's in their bytes alone.
fn draw(rng: &mut StdRng) -> Vec<ExposureKey> {
    let today = Interval::containing(NOON).midnight();
    let key = |day: i64| ExposureKey {
        key: encode(&rng.random::<[u8; 16]>()),
        rolling_start_number: i64::from(today.plus(-day * i64::from(INTERVALS_PER_DAY)).number()),
        rolling_period: i64::from(INTERVALS_PER_DAY),
        transmission_risk: 3,
    };
    (1..=KEYS).map(key).collect()
}

/// Posts JSON and takes a good answer.
async fn ask<T: DeserializeOwned>(
    to: std::net::SocketAddr,
    path: &str,
    key: &str,
    body: &impl Serialize,
) -> anyhow::Result<T> {
    let reply = Request::post_json(path, serde_json::to_vec(body)?).with(API_KEY_HEADER, key).send(to).await?;
    ensure!(reply.status == 200, "{path}: {reply:?}");
    reply.json()
}
