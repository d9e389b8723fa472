//! Answers that do not tell: what a phone is told depends on what it sent and nothing else, and every answer looks the same from outside.

use anyhow::Context;
use client::Certificate;
use proto::api::padding::REPLY_BYTES;
use proto::api::publish::{ExposureKey, PublishReply, PublishRequest, ReportsRequest};
use proto::api::verification::{API_KEY_HEADER, CertificateRequest, VerifyRequest};
use proto::commitment::{HmacKey, KeySegment};
use proto::gaen::TemporaryExposureKey;
use proto::tcn::SignedReport;
use proto::{Kind, ReportType};
use tests::authority::Authority;
use tests::engine::Engine;
use tests::phone::Phone;
use tests::system::System;
use tests::wire::{Reply, Request};

on_both_engines! {
    published_keys_are_answered_byte_for_byte_like_new_ones,
    published_reports_are_answered_byte_for_byte_like_new_ones,
    every_answer_to_a_phone_has_one_size_and_the_same_header_names,
}

/// The same for every upload here: replies could hardly depend on it, and requests stay comparable.
const HMAC_KEY: [u8; 32] = [9; 32];

async fn certify_keys(authority: &Authority, phone: &mut Phone, keys: &[ExposureKey]) -> anyhow::Result<Certificate> {
    let segments: Vec<KeySegment<'_>> = keys.iter().map(KeySegment::from).collect();
    let commitment = HmacKey::new(&HMAC_KEY)?.commit_keys(&segments);
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    Ok(phone.certify(&code, &commitment).await?)
}

async fn upload_keys(
    system: &System,
    authority: &Authority,
    phone: &mut Phone,
    keys: &[TemporaryExposureKey],
) -> anyhow::Result<Reply> {
    let keys: Vec<ExposureKey> = keys.iter().map(as_sent).collect();
    let certificate = certify_keys(authority, phone, &keys).await?;
    let request = PublishRequest {
        temporary_exposure_keys: keys,
        health_authority_id: authority.id.clone(),
        verification_payload: certificate.as_str().to_owned(),
        hmac_key: proto::api::base64::encode(&HMAC_KEY),
        ..PublishRequest::default()
    };
    Request::post_json("/v1/publish", serde_json::to_vec(&request)?).send(system.server.address()).await
}

async fn upload_report(
    system: &System,
    authority: &Authority,
    phone: &mut Phone,
    report: &SignedReport,
) -> anyhow::Result<Reply> {
    let reports = vec![proto::api::base64::encode(report.as_bytes())];
    let commitment = HmacKey::new(&HMAC_KEY)?.commit_reports(&[&reports[0]]);
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let certificate = phone.certify(&code, &commitment).await?;
    let request = ReportsRequest {
        reports,
        health_authority_id: authority.id.clone(),
        verification_payload: certificate.as_str().to_owned(),
        hmac_key: proto::api::base64::encode(&HMAC_KEY),
        padding: String::new(),
    };
    Request::post_json("/v1/reports", serde_json::to_vec(&request)?).send(system.server.address()).await
}

/// Everything of a reply but the time at which it was sent.
fn without_date(reply: &Reply) -> Reply {
    let mut reply = reply.clone();
    reply.headers.retain(|(name, _)| name != "date");
    reply
}

/// The same, and of the revision token only its length.
fn without_token(reply: &Reply) -> anyhow::Result<Reply> {
    let mut body: PublishReply = reply.json()?;
    let token = body.revision_token.take().context("a token")?;
    body.revision_token = Some("x".repeat(token.len()));
    Ok(Reply { body: serde_json::to_vec(&body)?, ..without_date(reply) })
}

async fn published_keys_are_answered_byte_for_byte_like_new_ones(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (mut owner, mut prober) = (system.phone(1, &authority)?, system.phone(2, &authority)?);
    let keys = owner.past_keys(14).to_vec();

    let new = upload_keys(&system, &authority, &mut owner, &keys).await?;
    let waiting = upload_keys(&system, &authority, &mut prober, &keys).await?;
    system.export().await?;
    let published = upload_keys(&system, &authority, &mut prober, &keys).await?;
    let others = prober.past_keys(14).to_vec();
    let other = upload_keys(&system, &authority, &mut prober, &others).await?;

    assert_eq!(new.status, 200);
    for repeat in [&waiting, &published] {
        assert_eq!(without_date(&new), without_date(repeat));
    }
    // A revision token stands for the keys that were sent: sealed, and as long as any other.
    assert_eq!(without_token(&new)?, without_token(&other)?);
    system.export().await?;
    let checked = system.outside_reader().check(&authority.feed(Kind::Gaen))?;
    checked.ensure_exactly(keys.iter().chain(&others).map(|key| key.data().to_vec()))
}

async fn published_reports_are_answered_byte_for_byte_like_new_ones(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (mut owner, mut prober) = (system.phone(1, &authority)?, system.phone(2, &authority)?);
    let (report, longer, other) = (owner.signed_report(24)?, owner.signed_report(48)?, prober.signed_report(24)?);

    let new = upload_report(&system, &authority, &mut owner, &report).await?;
    system.export().await?;
    assert_eq!(new.status, 200);
    // The second is another report under the same verification key: never published, and nobody learns it from the answer.
    for repeat in [&report, &longer, &other] {
        let again = upload_report(&system, &authority, &mut prober, repeat).await?;
        assert_eq!(without_date(&new), without_date(&again));
    }
    system.export().await?;
    let checked = system.outside_reader().check(&authority.feed(Kind::Tcn))?;
    checked.ensure_exactly([report, other].map(|report| report.as_bytes().to_vec()))
}

async fn every_answer_to_a_phone_has_one_size_and_the_same_header_names(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let mut phone = system.phone(1, &authority)?;
    let keys = phone.past_keys(3).to_vec();
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;

    let verify = |code: &str| VerifyRequest { code: code.to_owned(), ..VerifyRequest::default() };
    let to_verification = |path: &str, body: Vec<u8>| {
        Request::post_json(path, body).with(API_KEY_HEADER, &authority.device_key).send(system.verification.address())
    };
    let to_server =
        |path: &str, body: &str| Request::post_json(path, body.as_bytes().to_vec()).send(system.server.address());
    let replies = [
        to_verification("/api/verify", serde_json::to_vec(&verify(&code))?).await?,
        to_verification("/api/verify", serde_json::to_vec(&verify("00000000"))?).await?,
        to_verification("/api/verify", b"{".to_vec()).await?,
        to_verification("/api/certificate", serde_json::to_vec(&CertificateRequest::default())?).await?,
        Request::post_json("/api/verify", b"{}".to_vec()).send(system.verification.address()).await?,
        upload_keys(&system, &authority, &mut phone, &keys).await?,
        to_server("/v1/publish", "{}").await?,
        to_server("/v1/publish", "{").await?,
        to_server("/v1/publish", &"x".repeat(70_000)).await?,
        to_server("/v1/reports", "[]").await?,
        Request { headers: Vec::new(), ..Request::post_json("/v1/publish", b"{}".to_vec()) }
            .send(system.server.address())
            .await?,
    ];
    assert_eq!([replies[0].status, replies[5].status], [200, 200]);
    for (position, reply) in replies.iter().enumerate() {
        assert_eq!(reply.body.len(), REPLY_BYTES, "reply {position}, {}", reply.status);
        assert_eq!(reply.header_names(), replies[0].header_names(), "reply {position}, {}", reply.status);
        assert_eq!(reply.header("content-type"), Some("application/json"), "reply {position}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "reply {position}");
    }
    Ok(())
}

fn as_sent(key: &TemporaryExposureKey) -> ExposureKey {
    ExposureKey {
        key: proto::api::base64::encode(key.data()),
        rolling_start_number: i64::from(key.rolling_start().number()),
        rolling_period: i64::from(key.rolling_period()),
        transmission_risk: 3,
    }
}
