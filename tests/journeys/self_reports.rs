//! People without a code: their phones ask for one themselves, and it comes by text message.

use std::path::Path;

use anyhow::Context as _;
use client::{ClientError, SelfReport};
use proto::bundle::Entries;
use proto::{Interval, Kind, ReportType};
use serde_json::Value;
use tests::engine::Engine;
use tests::network::BadNetwork;
use tests::phone::Phone;
use tests::system::{NOON, System};

on_both_engines! {
    a_person_reports_about_themselves_although_every_reply_is_lost,
    a_stranger_with_somebodys_number_gets_no_further,
}

const NUMBER: &str = "+4791234567";

/// The codes of the messages that were sent, oldest first.
fn texted(texts: &Path) -> anyhow::Result<Vec<String>> {
    let lines = std::fs::read_to_string(texts)?;
    let code = |line: &str| -> anyhow::Result<String> {
        let message: Value = serde_json::from_str(line)?;
        Ok(message["body"].as_str().context("a text")?.to_owned())
    };
    lines.lines().map(code).collect()
}

fn refused<T>(result: Result<T, ClientError>, expected: &str) {
    let error = result.err().expect("refused");
    assert_eq!(error.code(), Some(expected), "{error}");
}

async fn a_person_reports_about_themselves_although_every_reply_is_lost(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    system.take_self_reports(&authority).await?;
    let texts = system.let_text(&authority, "[code]")?;
    let network = BadNetwork::before(system.verification.address()).await?;
    let mut settings = system.app_settings(&authority);
    settings.verification = network.url();
    let mut reporter = Phone::new(1, settings, NOON)?;
    let mut contact = system.phone(2, &authority)?;
    contact.hears(&reporter, Interval::containing(NOON.plus(-16 * 3_600)), 20);

    let report = reporter.self_report(NUMBER, "2021-03-09");
    // Stored, and read again after a crash.
    let report: SelfReport = serde_json::from_str(&serde_json::to_string(&report)?)?;
    network.lose_replies(1);
    let lost = reporter.send_report(&report).await.expect_err("no reply");
    assert!(lost.may_retry(), "{lost}");
    let expires_at = reporter.send_report(&report).await?;
    assert_eq!(reporter.send_report(&report).await?, expires_at);
    let codes = texted(&texts)?;
    assert_eq!(codes.len(), 1, "the message had come although the reply had not");

    network.lose_replies(1);
    let lost = reporter.verify_report(&codes[0], &report).await.expect_err("no reply");
    assert!(lost.may_retry(), "{lost}");
    let verified = reporter.verify_report(&codes[0], &report).await?;
    assert_eq!((verified.report_type, verified.symptom_date.as_deref()), (ReportType::UserReport, Some("2021-03-09")));
    assert_eq!(network.lost(), 2, "the replies were really lost");
    let keys = reporter.past_keys(14).to_vec();
    let upload = reporter.key_upload(&keys)?;
    let certificate = reporter.certificate(&verified, &upload.commitment()).await?;
    assert_eq!(reporter.publish(&upload, &certificate).await?.accepted, 14);
    system.export().await?;

    let feed = authority.feed(Kind::Gaen);
    let mut follower = system.follower(&feed)?;
    contact.poll(&mut follower).await?;
    assert!(follower.is_warned());
    let checked = system.outside_reader().check(&feed)?;
    for bundle in &checked.bundles {
        let Entries::Gaen { keys, .. } = &bundle.entries else { panic!("a feed of keys") };
        assert!(keys.iter().all(|entry| entry.report_type == Some(ReportType::UserReport)), "nobody tested them");
    }
    checked.ensure_exactly(keys.iter().map(|key| key.data().to_vec()))
}

async fn a_stranger_with_somebodys_number_gets_no_further(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (mut person, mut stranger) = (system.phone(1, &authority)?, system.phone(2, &authority)?);
    let [mine, theirs] = [&mut person, &mut stranger].map(|phone| phone.self_report(NUMBER, ""));
    refused(person.send_report(&mine).await, "unsupported_test_type");
    system.take_self_reports(&authority).await?;
    refused(person.send_report(&mine).await, "sms_failure");
    let texts = system.let_text(&authority, "[longcode]")?;

    stranger.send_report(&theirs).await?;
    refused(person.send_report(&mine).await, "user_report_try_later");
    let code = texted(&texts)?.remove(0);
    // The message reaches the person, whose own phone can do nothing with it, and no other phone has seen it.
    refused(person.verify_report(&code, &mine).await, "code_invalid");
    // Within the hour the number is free again.
    system.set_time(NOON.plus(3_600));
    person.send_report(&mine).await?;
    let codes = texted(&texts)?;
    assert_eq!(codes.len(), 2);
    refused(stranger.verify_report(&codes[1], &theirs).await, "code_invalid");
    person.verify_report(&codes[1], &mine).await?;
    system.export().await?;
    system.outside_reader().check(&authority.feed(Kind::Gaen))?.ensure_exactly(Vec::<Vec<u8>>::new())
}
