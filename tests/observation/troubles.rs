//! What else goes on while people come: strangers ask, chaff passes, an authority publishes other keys each time it is asked, a provider takes no text
//! messages, connections to the database die. Each of it happens at the moment of somebody's request, and nothing that can be read may say when.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use actix_web::{HttpResponse, web};
use anyhow::ensure;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::api::CHAFF_HEADER;
use proto::api::base64::encode;
use proto::api::publish::{ExposureKey, PublishRequest};
use proto::api::verification::{
    API_KEY_HEADER, CertificateRequest, IssueReply, IssueRequest, VerifyReply, VerifyRequest,
};
use proto::interval::INTERVALS_PER_DAY;
use proto::{Interval, ReportType};
use serde::Serialize;
use serde_json::json;
use server::KeySetUrl;
use tests::authority::Authority;
use tests::engine::Place;
use tests::service::Service;
use tests::system::{NOON, System};
use tests::wire::{Reply, Request};

/// How many authorities publish their keys: one server has the keys of each fetched once in a minute at most, whoever asks for unknown ones.
const PUBLISHING: usize = 8;
/// Every so many people there is one more request of the kind, and never two kinds at once.
const CHAFF: usize = 7;
const REFUSED: usize = 11;
const UNKNOWN_KEY: usize = 60;
const TEXT: usize = 90;
const DEAD_CONNECTION: usize = 250;
/// How many answers in a row show that no dead connection is left: more than a service has at a time.
const ANSWERS: u32 = 12;

/// Everybody who makes trouble.
pub(crate) struct Troubles {
    others: Service,
    unfinished: Authority,
}

impl Troubles {
    /// Before anybody comes.
    pub(crate) async fn begin(system: &System) -> anyhow::Result<Self> {
        let fetched = Arc::new(AtomicU8::new(0));
        let others = Service::start(|listener| {
            service::listen(listener, None, move |cfg| {
                let fetched = Arc::clone(&fetched);
                let keys = move || {
                    let number = fetched.fetch_add(1, Ordering::Relaxed);
                    async move { HttpResponse::Ok().json(keys(number)) }
                };
                cfg.route("/jwks", web::get().to(keys));
                cfg.route("/messages", web::post().to(HttpResponse::ServiceUnavailable));
            })
        })?;
        for number in 0..PUBLISHING {
            let spec = server::admin::AuthoritySpec {
                id: publishing(number),
                regions: vec!["XA".parse()?],
                key_set: Some(KeySetUrl::parse(&format!("{}/jwks", others.url()), false)?),
                ..Default::default()
            };
            server::admin::register_authority(system.server_state(), spec).await?;
        }
        let unfinished = system.unfinished_authority("unfinished", &format!("{}/messages", others.url())).await?;
        Ok(Self { others, unfinished })
    }

    /// What happens before this person comes.
    pub(crate) async fn before(&self, system: &System, person: usize) -> anyhow::Result<()> {
        if person % CHAFF == 1 {
            self.chaff(system).await?;
        }
        if person % REFUSED == 2 {
            self.be_refused(system).await?;
        }
        if person % UNKNOWN_KEY == 3 {
            self.name_an_unknown_key(system, &publishing(person / UNKNOWN_KEY % PUBLISHING)).await?;
        }
        if person % TEXT == 4 {
            self.text_and_fail(system, person).await?;
        }
        if person % DEAD_CONNECTION == 5 {
            lose_connections(system).await?;
        }
        Ok(())
    }

    async fn chaff(&self, system: &System) -> anyhow::Result<()> {
        let nothing = json!({ "padding": "x".repeat(500) });
        for (to, path) in [(system.verification.address(), "/api/verify"), (system.server.address(), "/v1/publish")] {
            let request = Request::post_json(path, serde_json::to_vec(&nothing)?).with(CHAFF_HEADER, "1");
            let reply = request.with(API_KEY_HEADER, &self.unfinished.device_key).send(to).await?;
            ensure!(reply.status == 200, "{reply:?}");
        }
        Ok(())
    }

    async fn be_refused(&self, system: &System) -> anyhow::Result<()> {
        let claim = VerifyRequest { code: "no code".to_owned(), nonce: "short".to_owned(), ..VerifyRequest::default() };
        let key = &self.unfinished.device_key;
        let reply = ask(system.verification.address(), "/api/verify", key, &claim).await?;
        ensure!((400..500).contains(&reply.status), "{reply:?}");
        let reply = ask(system.server.address(), "/v1/publish", "", &upload("nobody", "no certificate")).await?;
        ensure!((400..500).contains(&reply.status), "{reply:?}");
        Ok(())
    }

    /// The server has the authority's keys fetched at once, beside its answer.
    async fn name_an_unknown_key(&self, system: &System, authority: &str) -> anyhow::Result<()> {
        let part = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": "unknown" }).to_string();
        let certificate = format!("{}.{}.{}", part(header.as_bytes()), part(b"{}"), part(&[0; 64]));
        let reply = ask(system.server.address(), "/v1/publish", "", &upload(authority, &certificate)).await?;
        ensure!(reply.status == 401, "{reply:?}");
        Ok(())
    }

    /// The provider does not take the message, and the authority has no key to sign with.
    async fn text_and_fail(&self, system: &System, person: usize) -> anyhow::Result<()> {
        let (to, authority) = (system.verification.address(), &self.unfinished);
        let (test_type, phone) = (ReportType::Confirmed.to_string(), format!("+479{person:07}"));
        let order = IssueRequest { test_type, phone, ..IssueRequest::default() };
        let issued: IssueReply = ask(to, "/api/issue", &authority.admin_key, &order).await?.json()?;
        let claim = VerifyRequest { code: issued.code, nonce: encode(&[7; 32]), ..VerifyRequest::default() };
        let verified: VerifyReply = ask(to, "/api/verify", &authority.device_key, &claim).await?.json()?;
        let ekeyhmac = encode(&[9; 32]);
        let wish = CertificateRequest { token: verified.token, ekeyhmac, ..CertificateRequest::default() };
        let reply = ask(to, "/api/certificate", &authority.device_key, &wish).await?;
        ensure!(reply.status == 500, "{reply:?}");
        Ok(())
    }

    /// Nobody is asked any more.
    pub(crate) async fn end(self) {
        self.others.stop().await;
    }
}

/// The id of an authority that publishes its keys.
fn publishing(number: usize) -> String {
    format!("publishing-{number}")
}

/// A set of keys that is another each time.
fn keys(number: u8) -> serde_json::Value {
    let key = ed25519_dalek::SigningKey::from_bytes(&[number; 32]).verifying_key();
    let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": format!("key-{number}"), "x": x }] })
}

/// One key, which is nobody's.
fn upload(authority: &str, certificate: &str) -> PublishRequest {
    let yesterday = Interval::containing(NOON).midnight().plus(-i64::from(INTERVALS_PER_DAY));
    PublishRequest {
        temporary_exposure_keys: vec![ExposureKey {
            key: encode(&[3; 16]),
            rolling_start_number: i64::from(yesterday.number()),
            rolling_period: i64::from(INTERVALS_PER_DAY),
            transmission_risk: 3,
        }],
        health_authority_id: authority.to_owned(),
        verification_payload: certificate.to_owned(),
        hmac_key: encode(&[5; 32]),
        ..PublishRequest::default()
    }
}

async fn ask(to: SocketAddr, path: &str, key: &str, body: &impl Serialize) -> anyhow::Result<Reply> {
    let request = Request::post_json(path, serde_json::to_vec(body)?).with(API_KEY_HEADER, key);
    request.with("X-Forwarded-For", "198.51.100.7").send(to).await
}

/// Ends all connections to both databases, and waits until the services have new ones: which of them finds out at whose request is their affair, and
/// that they say so would be everybody's.
async fn lose_connections(system: &System) -> anyhow::Result<()> {
    let databases = system.databases();
    for place in [&databases.verification, &databases.keys] {
        let Place::Server(database) = place else { return Ok(()) };
        let client = database.connect().await?;
        let others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let ended = client.query(&format!("SELECT pid, pg_terminate_backend(pid) {others}"), &[]).await?;
        let ended: Vec<i32> = ended.iter().map(|row| row.get(0)).collect();
        ensure!(!ended.is_empty(), "nobody is connected");
        for _ in 0..6_000 {
            let alive = format!("SELECT 1 {others} AND pid = ANY($1)");
            if client.query(&alive, &[&ended]).await?.is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
    for to in [system.verification.address(), system.server.address()] {
        let (mut answers, mut tries) = (0, 0);
        while answers < ANSWERS {
            let is_ready = Request::get("/readyz").send(to).await?.status == 200;
            answers = if is_ready { answers + 1 } else { 0 };
            tries += 1;
            ensure!(tries < 1_000, "no connection comes back");
        }
    }
    Ok(())
}
