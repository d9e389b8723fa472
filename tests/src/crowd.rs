//! A thousand people, and everything that they are given and send.

use std::collections::HashMap;
use std::net::SocketAddr;

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

use crate::authority::Authority;
use crate::engine::Engine;
use crate::search::spellings;
use crate::system::{NOON, System};
use crate::wire::Request;

/// How many keys each uploads: one for each day that can be released.
const KEYS: i64 = 14;
/// Seconds from one to the next.
pub const PACE: i64 = 14;
/// Seconds after noon at which the first one comes: the system starts at noon and its clock has gone on since, never to be set back.
const FIRST: i64 = 600;

/// People who have uploaded, and the system that served them.
pub struct Crowd {
    /// The system.
    pub system: System,
    authority: Authority,
    /// Whose rows of the verification database hold these bytes, in hexadecimal: uuids and the ids of codes.
    pub people: HashMap<String, usize>,
    /// Whose keys these are, in hexadecimal.
    pub keys: HashMap<String, usize>,
    /// Everything that nobody else should ever see.
    pub secrets: Secrets,
}

/// What must not be found.
#[derive(Default)]
pub struct Secrets {
    /// As text.
    pub texts: Vec<String>,
    /// As bytes, however they are written.
    pub bytes: Vec<Vec<u8>>,
}

impl Secrets {
    /// All of them, in every way in which they may be written.
    pub fn spelt(&self) -> Vec<Vec<u8>> {
        let texts = self.texts.iter().map(String::as_bytes);
        texts.chain(self.bytes.iter().map(Vec::as_slice)).flat_map(spellings).collect()
    }
}

/// Which service was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The verification service.
    Verification,
    /// The key server.
    Server,
}

/// Looks on: called when a person's request was answered.
pub trait Onlooker {
    /// A person is about to come. What goes wrong here goes wrong for the crowd.
    fn before(&mut self, _system: &System, _person: usize) -> impl Future<Output = anyhow::Result<()>> {
        async { Ok(()) }
    }

    /// A request of this person was answered.
    fn answered(&mut self, system: &System, asked: Asked, person: usize);
}

/// Looks at nothing.
impl Onlooker for () {
    fn answered(&mut self, _: &System, _: Asked, _: usize) {}
}

impl Crowd {
    /// Lets `count` people come, one after the other.
    ///
    /// # Errors
    /// If anything does not go as it should.
    pub async fn play(engine: Engine, count: usize) -> anyhow::Result<Self> {
        Self::play_watched(engine, count, &mut ()).await
    }

    /// The same while somebody looks on.
    ///
    /// # Errors
    /// As [`play`](Self::play).
    pub async fn play_watched(engine: Engine, count: usize, onlooker: &mut impl Onlooker) -> anyhow::Result<Self> {
        let (system, authority) = System::with_authority_on(engine).await?;
        let secrets = Secrets { texts: vec![authority.admin_key.clone(), authority.device_key.clone()], bytes: vec![] };
        let mut crowd = Self { system, authority, people: HashMap::new(), keys: HashMap::new(), secrets };
        let texts = crowd.system.let_text(&crowd.authority, "[code] [longcode]")?;
        let mut rng = StdRng::seed_from_u64(4);
        for person in 0..count {
            crowd.system.set_time(NOON.plus(FIRST + PACE * person as i64));
            onlooker.before(&crowd.system, person).await.with_context(|| format!("before person {person}"))?;
            crowd.report(person, &mut rng, onlooker).await.with_context(|| format!("person {person}"))?;
        }
        for line in std::fs::read_to_string(texts)?.lines() {
            let text: serde_json::Value = serde_json::from_str(line)?;
            let long_code = text["body"].as_str().and_then(|body| body.split(' ').nth(1));
            crowd.secrets.texts.push(long_code.context("a long code")?.to_owned());
        }
        Ok(crowd)
    }

    /// One person's way from the code to the upload.
    async fn report(&mut self, person: usize, rng: &mut StdRng, onlooker: &mut impl Onlooker) -> anyhow::Result<()> {
        let (verification, server) = (self.system.verification.address(), self.system.server.address());
        let (admin, device) = (self.authority.admin_key.clone(), self.authority.device_key.clone());
        let home = Home::draw(person, rng);
        // Every other hears of the code on the telephone, and the rest by text message.
        let number = format!("4{:07}", 1_234_567 + 31 * person);
        let phone = if person.is_multiple_of(2) { String::new() } else { format!("+47{number}") };
        let test_type = ReportType::Confirmed.to_string();
        let order = IssueRequest { test_type, phone: phone.clone(), ..IssueRequest::default() };
        let issued: IssueReply = home.ask(verification, "/api/issue", &admin, &order).await?;
        self.people.insert(issued.uuid.replace('-', ""), person);

        let (nonce, hmac_key): ([u8; 32], [u8; 32]) = (rng.random(), rng.random());
        let claim = VerifyRequest { code: issued.code.clone(), nonce: encode(&nonce), ..VerifyRequest::default() };
        let verified: VerifyReply = home.ask(verification, "/api/verify", &device, &claim).await?;
        onlooker.answered(&self.system, Asked::Verification, person);
        let token = URL_SAFE_NO_PAD.decode(&verified.token)?;
        let (id, mac) = token.split_at(16);
        self.people.insert(hex::encode(id), person);

        let keys = draw(rng);
        let commitment = HmacKey::new(&hmac_key)?.commit_keys(&keys.iter().map(KeySegment::from).collect::<Vec<_>>());
        let ekeyhmac = encode(commitment.as_bytes());
        let wish = CertificateRequest { token: verified.token.clone(), ekeyhmac, ..CertificateRequest::default() };
        let certified: CertificateReply = home.ask(verification, "/api/certificate", &device, &wish).await?;
        onlooker.answered(&self.system, Asked::Verification, person);
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
        let receipt: serde_json::Value = home.ask(server, "/v1/publish", "", &upload).await?;
        onlooker.answered(&self.system, Asked::Server, person);
        ensure!(receipt["insertedExposures"] == KEYS, "{receipt}");

        let secrets = &mut self.secrets;
        for part in certified.certificate.split('.').skip(1) {
            secrets.texts.push(part.to_owned());
            secrets.bytes.push(URL_SAFE_NO_PAD.decode(part)?);
        }
        // The first half of a token is the row's own name, which tells nothing without the other.
        secrets.texts.extend([issued.code, verified.token, home.address, home.trace]);
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

/// Where a person's requests come from, and what a phone's network library may say of them by itself.
struct Home {
    /// An address of a network of their own.
    address: String,
    /// The id of a trace.
    trace: String,
}

impl Home {
    fn draw(person: usize, rng: &mut StdRng) -> Self {
        let address = format!("198.18.{}.{}", person / 256, person % 256);
        Self { address, trace: hex::encode(rng.random::<[u8; 16]>()) }
    }

    /// Posts JSON and takes a good answer.
    async fn ask<T: DeserializeOwned>(
        &self,
        to: SocketAddr,
        path: &str,
        key: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let request = Request::post_json(path, serde_json::to_vec(body)?).with(API_KEY_HEADER, key);
        let request = request.with("X-Forwarded-For", &self.address).with("X-Request-Id", &self.trace);
        let request = request.with("traceparent", &format!("00-{}-00f067aa0ba902b7-01", self.trace));
        let request = request.with("tracestate", &format!("app={}", self.trace)).with("b3", &self.trace);
        let reply = request.send(to).await?;
        ensure!(reply.status == 200, "{path}: {reply:?}");
        ensure!(!format!("{reply:?}").contains(&self.trace), "{path}: it comes back");
        reply.json()
    }
}
