//! Apps that know nothing of certificates, as they are in the field: what they send reaches a feed of its own and warns a contact there.

use proto::api::base64;
use proto::api::padding::REPLY_BYTES;
use proto::api::self_reports::{ChallengeReply, PROOF_HEADER};
use proto::bundle::{Entries, TcnClass};
use proto::proof_of_work::Difficulty;
use proto::tcn::SignedReport;
use proto::{Feed, Interval, Kind, ReportType};
use store::SelfReporting;
use tests::authority::Authority;
use tests::engine::Engine;
use tests::phone::Phone;
use tests::system::{NOON, System};
use tests::wire::{Reply, Request};

on_both_engines! {
    the_app_of_coepi_warns_a_contact_as_it_is,
    the_app_of_covid_watch_warns_a_contact_as_it_is,
    an_app_that_does_the_work_warns_a_contact,
    what_is_self_reported_never_stands_beside_what_is_certified,
}

/// A number in the middle of the reports here, on the far side of what a signed number of 16 bits holds.
const HEARD: u16 = 32_770;

/// Somebody with an old app, a contact who heard them yesterday evening, and a stranger.
fn people(system: &System, authority: &Authority) -> anyhow::Result<[Phone; 3]> {
    let reporter = system.phone(1, authority)?;
    let (mut contact, stranger) = (system.phone(2, authority)?, system.phone(3, authority)?);
    contact.hears(&reporter, Interval::containing(NOON.plus(-16 * 3_600)), HEARD);
    Ok([reporter, contact, stranger])
}

/// The report of such an app: two weeks' numbers, and a memo of several bytes.
fn report(reporter: &Phone) -> anyhow::Result<SignedReport> {
    reporter.signed_report_over(HEARD - 24, HEARD + 24, b"fever")
}

fn self_reported() -> anyhow::Result<Feed> {
    Ok(Feed::self_reported("XA".parse()?, Kind::Tcn))
}

/// Publishes, and asserts that the report reached the self-reported feed and no other, and warned the contact there and nobody else.
async fn assert_warned(
    system: &System,
    [_, contact, stranger]: &[Phone; 3],
    report: &SignedReport,
) -> anyhow::Result<()> {
    system.export().await?;
    let feed = self_reported()?;
    for (phone, warned) in [(contact, true), (stranger, false)] {
        let mut follower = system.follower(&feed)?;
        let synced = phone.poll(&mut follower).await?;
        assert_eq!((synced.fetched, synced.failed.len()), (1, 0));
        assert_eq!(follower.is_warned(), warned);
        let mut verified = system.follower(&Feed::verified(feed.region.clone(), Kind::Tcn))?;
        assert_eq!(phone.poll(&mut verified).await?.fetched, 0);
    }
    let checked = system.outside_reader().check(&feed)?;
    for bundle in &checked.bundles {
        let Entries::Tcn { reports, .. } = &bundle.entries else { panic!("keys in a feed of reports") };
        let as_said = |entry: &proto::bundle::TcnEntry| {
            entry.class == TcnClass::SelfReported && entry.report_type == ReportType::UserReport
        };
        assert!(reports.iter().all(as_said));
    }
    checked.ensure_exactly([report.as_bytes().to_vec()])
}

async fn send(system: &System, request: Request) -> anyhow::Result<Reply> {
    let reply = request.send(system.server.address()).await?;
    assert_eq!(reply.body.len(), REPLY_BYTES);
    Ok(reply)
}

async fn the_app_of_coepi_warns_a_contact_as_it_is(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    system.take_uncertified(&authority, SelfReporting::Open { per_hour: 10 }).await?;
    let people = people(&system, &authority)?;
    let report = report(&people[0])?;
    // It says JSON and sends none.
    let request = Request::post_json("/tcnreport/0.4.0", base64::encode(report.as_bytes()).into_bytes());
    assert_eq!(send(&system, request).await?.status, 200);
    assert_warned(&system, &people, &report).await
}

async fn the_app_of_covid_watch_warns_a_contact_as_it_is(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    system.take_uncertified(&authority, SelfReporting::Open { per_hour: 10 }).await?;
    let people = people(&system, &authority)?;
    let report = report(&people[0])?;
    let part = |range: std::ops::Range<usize>| base64::encode(&report.as_bytes()[range]);
    // As an iPhone counts, 32,746 to 32,794 is 32,746 to -32,742.
    let body = format!(
        r#"{{"temporary_contact_key_bytes":"{}","start_index":32746,"end_index":-32742,"memo_data":"ZmV2ZXI=","memo_type":1,"report_verification_public_key_bytes":"{}","signature_bytes":"{}"}}"#,
        part(32..64),
        part(0..32),
        part(75..139),
    );
    let request = Request::post_json("/submitReport", body.into_bytes());
    assert_eq!(send(&system, request.clone()).await?.status, 200);
    // It repeats without limit until it hears of success.
    assert_eq!(send(&system, request).await?.status, 200);
    assert_warned(&system, &people, &report).await
}

async fn an_app_that_does_the_work_warns_a_contact(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    system.take_uncertified(&authority, SelfReporting::ProofOfWork).await?;
    let people = people(&system, &authority)?;
    let report = report(&people[0])?;
    let path = format!("/self/{}/tcnreport/0.4.0", authority.id);
    let bare = |report: &SignedReport| Request::post_json(&path, base64::encode(report.as_bytes()).into_bytes());
    assert_eq!(send(&system, bare(&report)).await?.status, 403, "without work");

    let given = send(&system, Request::post_json("/v1/challenge", b"{}".to_vec())).await?;
    let given: ChallengeReply = given.json()?;
    let difficulty = Difficulty::new(given.memory_kib, given.passes, given.bits)?;
    let worked = |report: &SignedReport| {
        bare(report).with(PROOF_HEADER, &difficulty.prove(&given.challenge, report).to_string())
    };
    let first = send(&system, worked(&report)).await?;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(send(&system, worked(&report)).await?.body, first.body, "a lost answer costs no more work");
    let another = people[2].signed_report(24)?;
    assert_eq!(send(&system, worked(&another)).await?.status, 403, "a challenge is good for one report");
    assert_warned(&system, &people, &report).await
}

async fn what_is_self_reported_never_stands_beside_what_is_certified(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    system.take_uncertified(&authority, SelfReporting::Open { per_hour: 10 }).await?;
    let [mut certified, alone, _] = people(&system, &authority)?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let (by_authority, by_oneself) = (certified.signed_report(24)?, alone.signed_report(24)?);
    certified.report_numbers(&code, std::slice::from_ref(&by_authority)).await?;
    // The certified one's report again, without its certificate: it is known, and goes nowhere else.
    for report in [&by_oneself, &by_authority] {
        let request = Request::post_json("/tcnreport/v0.4.0", base64::encode(report.as_bytes()).into_bytes());
        assert_eq!(send(&system, request).await?.status, 200);
    }
    for _ in 0..2 {
        system.export().await?;
        let reader = system.outside_reader();
        reader.check(&authority.feed(Kind::Tcn))?.ensure_exactly([by_authority.as_bytes().to_vec()])?;
        reader.check(&self_reported()?)?.ensure_exactly([by_oneself.as_bytes().to_vec()])?;
    }
    Ok(())
}
