//! Nothing burns a code: any reply may be lost, and the same request again is answered as the first time.

use client::ClientError;
use proto::{Kind, ReportType};
use tests::authority::Authority;
use tests::engine::Engine;
use tests::network::BadNetwork;
use tests::phone::Phone;
use tests::system::{NOON, System};

on_both_engines! {
    every_reply_of_a_key_upload_may_be_lost_twice,
    every_reply_of_a_report_upload_may_be_lost_twice,
    a_retry_after_a_restart_is_answered_like_the_first_time,
    an_app_that_rebuilds_its_keys_after_midnight_still_reports,
    a_certificate_for_other_keys_publishes_nothing,
}

/// A phone whose every request passes through bad networks.
async fn phone_behind(system: &System, authority: &Authority) -> anyhow::Result<(Phone, BadNetwork, BadNetwork)> {
    let to_verification = BadNetwork::before(system.verification.address()).await?;
    let to_server = BadNetwork::before(system.server.address()).await?;
    let mut settings = system.app_settings(authority);
    (settings.verification, settings.server) = (to_verification.url(), to_server.url());
    Ok((Phone::new(1, settings, NOON)?, to_verification, to_server))
}

/// Repeats a call, as an app does, until there is an answer.
async fn insist<T, F>(mut call: impl FnMut() -> F) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    for _ in 0..4 {
        match call().await {
            Err(error) if error.may_retry() => {}
            answered => return answered,
        }
    }
    call().await
}

async fn every_reply_of_a_key_upload_may_be_lost_twice(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (mut phone, to_verification, to_server) = phone_behind(&system, &authority).await?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;

    let nonce = phone.draw();
    to_verification.lose_replies(2);
    let verified = insist(|| phone.verify(&code, &nonce)).await?;
    let keys = phone.past_keys(14).to_vec();
    let upload = phone.key_upload(&keys)?;
    let commitment = upload.commitment();
    to_verification.lose_replies(2);
    let certificate = insist(|| phone.certificate(&verified, &commitment)).await?;
    to_server.lose_replies(2);
    let receipt = insist(|| phone.publish(&upload, &certificate)).await?;
    assert_eq!((receipt.accepted, receipt.dropped), (14, None));
    assert_eq!((to_verification.lost(), to_server.lost()), (4, 2), "the replies were really lost");

    system.export().await?;
    let checked = system.outside_reader().check(&authority.feed(Kind::Gaen))?;
    checked.ensure_exactly(keys.iter().map(|key| key.data().to_vec()))
}

async fn every_reply_of_a_report_upload_may_be_lost_twice(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (mut phone, to_verification, to_server) = phone_behind(&system, &authority).await?;
    let code = authority.issue(ReportType::Likely, "2021-03-09").await?.code;

    let nonce = phone.draw();
    to_verification.lose_replies(2);
    let verified = insist(|| phone.verify(&code, &nonce)).await?;
    let report = phone.signed_report(24)?;
    let upload = phone.report_upload(std::slice::from_ref(&report))?;
    let commitment = upload.commitment();
    to_verification.lose_replies(2);
    let certificate = insist(|| phone.certificate(&verified, &commitment)).await?;
    to_server.lose_replies(2);
    let receipt = insist(|| phone.publish_reports(&upload, &certificate)).await?;
    assert_eq!((receipt.accepted, receipt.dropped), (1, None));
    assert_eq!((to_verification.lost(), to_server.lost()), (4, 2), "the replies were really lost");

    system.export().await?;
    system.outside_reader().check(&authority.feed(Kind::Tcn))?.ensure_exactly([report.as_bytes().to_vec()])
}

async fn a_retry_after_a_restart_is_answered_like_the_first_time(engine: Engine) -> anyhow::Result<()> {
    let (mut system, mut authority) = System::with_authority_on(engine).await?;
    let mut phone = system.phone(1, &authority)?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let (nonce, keys) = (phone.draw(), phone.past_keys(14).to_vec());
    let upload = phone.key_upload(&keys)?;

    let mut answers = Vec::new();
    for _ in 0..2 {
        let verified = phone.verify(&code, &nonce).await?;
        let certificate = phone.certificate(&verified, &upload.commitment()).await?;
        let receipt = phone.publish(&upload, &certificate).await?;
        answers.push((verified.token, receipt.accepted, receipt.dropped));
        system = system.restart().await?;
        authority.verification = system.verification.address();
        phone = system.phone(1, &authority)?;
    }
    assert_eq!(answers[0], answers[1]);

    system.export().await?;
    let checked = system.outside_reader().check(&authority.feed(Kind::Gaen))?;
    checked.ensure_exactly(keys.iter().map(|key| key.data().to_vec()))
}

async fn an_app_that_rebuilds_its_keys_after_midnight_still_reports(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (mut phone, to_verification, _) = phone_behind(&system, &authority).await?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let nonce = phone.draw();
    let verified = phone.verify(&code, &nonce).await?;

    // The certificate for yesterday's set is lost on the way; after midnight the app builds another set and asks for that one.
    let first = phone.past_keys(14).to_vec();
    let first = phone.key_upload(&first)?;
    to_verification.lose_replies(1);
    let lost = phone.certificate(&verified, &first.commitment()).await;
    assert!(lost.is_err_and(|error| error.may_retry()));
    let keys = phone.past_keys(13).to_vec();
    let second = phone.key_upload(&keys)?;
    let certificate = phone.certificate(&verified, &second.commitment()).await?;
    phone.publish(&second, &certificate).await?;

    // Two sets are enough for a midnight; a third would let one code speak for several people.
    let third = phone.past_keys(12).to_vec();
    let third = phone.key_upload(&third)?;
    let refused = phone.certificate(&verified, &third.commitment()).await.expect_err("a third commitment");
    assert_eq!(refused.code(), Some("token_expired"));

    system.export().await?;
    let checked = system.outside_reader().check(&authority.feed(Kind::Gaen))?;
    checked.ensure_exactly(keys.iter().map(|key| key.data().to_vec()))
}

async fn a_certificate_for_other_keys_publishes_nothing(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let mut phone = system.phone(1, &authority)?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let certified = phone.past_keys(7).to_vec();
    let certified = phone.key_upload(&certified)?;
    let certificate = phone.certify(&code, &certified.commitment()).await?;

    let others = phone.past_keys(14).to_vec();
    let others = phone.key_upload(&others)?;
    let refused = phone.publish(&others, &certificate).await.expect_err("not what was certified");
    assert_eq!(refused.code(), Some("health_authority_verification_certificate_invalid"));

    system.export().await?;
    let reader = system.outside_reader();
    assert!(reader.check(&authority.feed(Kind::Gaen)).map_or(true, |checked| checked.bundles.is_empty()));
    Ok(())
}
