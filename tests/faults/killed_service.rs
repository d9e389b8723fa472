//! The verification service is killed when it has committed what a request asked for, and before the answer leaves. Whoever asks again gets
//! what they would have got.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use proto::ReportType;
use proto::api::verification::{
    API_KEY_HEADER, CertificateReply, CertificateRequest, IssueReply, IssueRequest, VerifyReply, VerifyRequest,
};
use proto::certificate::{Algorithm, UnverifiedCertificate};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::{ApiKeyKind, Clock};
use tests::engine::{Databases, Engine};
use tests::stepping::SteppingProgram;
use tests::wire::Request;
use verification::admin::{self, AuthoritySpec, NewKey};
use verification::{DatabaseSettings, Registry, Settings};

const PROGRAM: &str = env!("CARGO_BIN_EXE_stepping_verification");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_commit_and_answer_it_gives_the_same_answer_again_on_sqlite() -> anyhow::Result<()> {
    killed_between_commit_and_answer(Engine::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_commit_and_answer_it_gives_the_same_answer_again_on_postgres() -> anyhow::Result<()> {
    killed_between_commit_and_answer(Engine::Postgres).await
}

async fn killed_between_commit_and_answer(engine: Engine) -> anyhow::Result<()> {
    let office = Office::open(engine).await?;
    for nonce in [Vec::new(), vec![7; 32]] {
        let order = IssueRequest {
            test_type: ReportType::Confirmed.to_string(),
            uuid: format!("{:032x}", nonce.len()),
            ..IssueRequest::default()
        };
        let (lost, again): (IssueReply, IssueReply) = office.ask_twice("/api/issue", &office.admin, &order).await?;
        assert_eq!((&again.code, &again.uuid), (&lost.code, &lost.uuid));

        let nonce = proto::api::base64::encode(&nonce);
        let claim = VerifyRequest { code: lost.code, nonce, ..VerifyRequest::default() };
        let (lost, again): (VerifyReply, VerifyReply) = office.ask_twice("/api/verify", &office.device, &claim).await?;
        assert_eq!(again.token, lost.token);

        let ekeyhmac = proto::api::base64::encode(&[9; 32]);
        let wish = CertificateRequest { token: lost.token, ekeyhmac, ..CertificateRequest::default() };
        let (lost, again): (CertificateReply, CertificateReply) =
            office.ask_twice("/api/certificate", &office.device, &wish).await?;
        assert_eq!(said(&again.certificate)?, said(&lost.certificate)?);
    }
    Ok(())
}

/// What a certificate says, but for when it was signed.
fn said(certificate: &str) -> anyhow::Result<Value> {
    UnverifiedCertificate::parse(certificate)?;
    let claims = certificate.split('.').nth(1).context("a payload")?;
    let mut claims: Value = serde_json::from_slice(&proto::api::base64::decode("claims", claims)?)?;
    for time in ["iat", "nbf", "exp"] {
        claims.as_object_mut().and_then(|claims| claims.remove(time)).with_context(|| format!("it says {time}"))?;
    }
    Ok(claims)
}

/// An authority whose service is killed again and again.
struct Office {
    directory: tempfile::TempDir,
    databases: Databases,
    admin: String,
    device: String,
}

impl Office {
    async fn open(engine: Engine) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let databases = Databases::new(engine, directory.path()).await?;
        Settings::create_secret(&secret(directory.path()))?;
        let settings = DatabaseSettings { database_url: databases.verification.of_owner() };
        let registry = Registry::open(&settings, Clock::system()).await?;
        admin::create_authority(&registry, AuthoritySpec { id: "no".to_owned(), ..AuthoritySpec::default() }).await?;
        let key = NewKey::Drawn(Algorithm::default(), keys(directory.path()));
        admin::add_signing_key(&registry, "no", key).await?;
        let admin = admin::create_api_key(&registry, "no", ApiKeyKind::Admin).await?.as_str().to_owned();
        let device = admin::create_api_key(&registry, "no", ApiKeyKind::Device).await?.as_str().to_owned();
        Ok(Self { directory, databases, admin, device })
    }

    /// Asks a service that is killed before it can answer, and then another: what the first would have said, and what the second said.
    async fn ask_twice<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<(T, T)> {
        let request = Request::post_json(path, serde_json::to_vec(body)?).with(API_KEY_HEADER, key);
        let (mut dying, address) = self.start()?;
        let asked = tokio::spawn(request.clone().send(address));
        let lost = answer(&mut dying)?;
        dying.kill()?;
        anyhow::ensure!(asked.await?.is_err(), "the answer had left before it was killed");

        let (mut living, address) = self.start()?;
        let asked = tokio::spawn(request.send(address));
        let answer = answer(&mut living)?;
        living.go_on()?;
        let received = asked.await??;
        anyhow::ensure!(received.status == 200 && received.json::<Value>()? == answer, "{received:?}");
        living.kill()?;
        Ok((serde_json::from_value(lost)?, serde_json::from_value(answer)?))
    }

    /// Starts a service over what the ones before left, and says where it listens.
    fn start(&self) -> anyhow::Result<(SteppingProgram, SocketAddr)> {
        let mut command = Command::new(PROGRAM);
        command.arg(self.databases.verification.text_of_role("pratique_verification"));
        command.arg(secret(self.directory.path())).arg(keys(self.directory.path()));
        let mut service = SteppingProgram::start(command)?;
        let address = service.next_step()?.context("where it listens")?.parse()?;
        Ok((service, address))
    }
}

/// The good answer that a service is about to send.
fn answer(service: &mut SteppingProgram) -> anyhow::Result<Value> {
    let mut step: Value = serde_json::from_str(&service.next_step()?.context("an answer")?)?;
    anyhow::ensure!(step["status"] == 200, "{step}");
    Ok(step["body"].take())
}

fn secret(directory: &Path) -> std::path::PathBuf {
    directory.join("secret")
}

fn keys(directory: &Path) -> std::path::PathBuf {
    directory.join("keys")
}
