//! What was said of a person changes: a likely diagnosis is confirmed or disproved, before and after it was published.

use anyhow::Context;
use proto::bundle::Entries;
use proto::gaen::TemporaryExposureKey;
use proto::{Interval, Kind, ReportType};
use tests::authority::Authority;
use tests::engine::Engine;
use tests::phone::{Follower, Phone};
use tests::system::{NOON, System};

on_both_engines! {
    a_confirmed_diagnosis_reaches_the_phones_that_were_warned_and_a_disproved_one_is_taken_back,
    what_changes_before_it_is_published_is_published_as_it_is,
    a_revision_after_a_restart_and_a_lost_reply_counts_once,
}

/// Uploads keys under a certificate of this type, after an earlier upload if there was one; the token of the answer.
async fn report(
    phone: &mut Phone,
    authority: &Authority,
    keys: &[TemporaryExposureKey],
    (says, token): (ReportType, Option<&str>),
) -> anyhow::Result<String> {
    let code = authority.issue(says, "2021-03-09").await?.code;
    let upload = phone.key_upload(keys)?;
    let upload = if let Some(token) = token { upload.after(token) } else { upload };
    let certificate = phone.certify(&code, &upload.commitment()).await?;
    let receipt = phone.publish(&upload, &certificate).await?;
    assert_eq!((receipt.accepted, receipt.dropped), (keys.len(), None));
    receipt.revision_token.context("a token")
}

/// A reporter, and a contact who heard them yesterday evening and follows the authority's feed.
fn reporter_and_contact(system: &System, authority: &Authority, seed: u64) -> anyhow::Result<(Phone, Phone, Follower)> {
    let (reporter, mut contact) = (system.phone(seed, authority)?, system.phone(seed + 1, authority)?);
    contact.hears(&reporter, Interval::containing(NOON.plus(-16 * 3_600)), 20);
    let follower = system.follower(&authority.feed(Kind::Gaen))?;
    Ok((reporter, contact, follower))
}

/// What the contact's phone says of the person whom it heard.
fn told(follower: &Follower) -> Vec<Option<ReportType>> {
    follower.keys.iter().map(|exposure| exposure.entry.report_type).collect()
}

/// How many ordinary and revised keys each bundle has that a phone took in.
fn shape(follower: &Follower) -> Vec<(usize, usize)> {
    let count = |entries: &Entries| match entries {
        Entries::Gaen { keys, revised } => (keys.len(), revised.len()),
        Entries::Tcn { .. } => (0, 0),
    };
    follower.fetched.iter().map(|fetched| count(&fetched.bundle.entries)).collect()
}

async fn a_confirmed_diagnosis_reaches_the_phones_that_were_warned_and_a_disproved_one_is_taken_back(
    engine: Engine,
) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (mut ill, near_ill, mut of_ill) = reporter_and_contact(&system, &authority, 1)?;
    let (mut well, near_well, mut of_well) = reporter_and_contact(&system, &authority, 3)?;
    let (ills, wells) = (ill.past_keys(14).to_vec(), well.past_keys(10).to_vec());
    let token_of_ill = report(&mut ill, &authority, &ills, (ReportType::Likely, None)).await?;
    let token_of_well = report(&mut well, &authority, &wells, (ReportType::Likely, None)).await?;
    system.export().await?;
    for (phone, follower) in [(&near_ill, &mut of_ill), (&near_well, &mut of_well)] {
        phone.poll(follower).await?;
        assert_eq!(told(follower), [Some(ReportType::Likely)]);
    }

    report(&mut ill, &authority, &ills, (ReportType::Confirmed, Some(&token_of_ill))).await?;
    report(&mut well, &authority, &wells, (ReportType::Negative, Some(&token_of_well))).await?;
    // Revised keys hide among those of others.
    let mut other = system.phone(9, &authority)?;
    let others = other.past_keys(5).to_vec();
    report(&mut other, &authority, &others, (ReportType::Confirmed, None)).await?;
    system.set_time(system.clock.now().plus(900));
    system.export().await?;
    for (phone, follower) in [(&near_ill, &mut of_ill), (&near_well, &mut of_well)] {
        phone.poll(follower).await?;
        assert_eq!(shape(follower), [(24, 0), (5, 24)]);
    }
    assert_eq!(told(&of_ill), [Some(ReportType::Confirmed)]);
    assert_eq!(told(&of_well), [], "the warning is taken back");

    let checked = system.outside_reader().check(&authority.feed(Kind::Gaen))?;
    let all = ills.iter().chain(&wells).chain(&others).map(|key| key.data().to_vec());
    checked.ensure_exactly(all)
}

async fn what_changes_before_it_is_published_is_published_as_it_is(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (mut ill, near_ill, mut of_ill) = reporter_and_contact(&system, &authority, 1)?;
    let (mut well, near_well, mut of_well) = reporter_and_contact(&system, &authority, 3)?;
    let (ills, wells) = (ill.past_keys(14).to_vec(), well.past_keys(10).to_vec());
    let token = report(&mut ill, &authority, &ills, (ReportType::Likely, None)).await?;
    report(&mut ill, &authority, &ills, (ReportType::Confirmed, Some(&token))).await?;
    let token = report(&mut well, &authority, &wells, (ReportType::Likely, None)).await?;
    report(&mut well, &authority, &wells, (ReportType::Negative, Some(&token))).await?;
    // Whoever sends the first upload again does not bring it back.
    report(&mut well, &authority, &wells, (ReportType::Likely, None)).await?;
    system.export().await?;
    for (phone, follower) in [(&near_ill, &mut of_ill), (&near_well, &mut of_well)] {
        phone.poll(follower).await?;
        assert_eq!(shape(follower), [(14, 0)]);
    }
    assert_eq!(told(&of_ill), [Some(ReportType::Confirmed)]);
    assert!(!of_well.is_warned());
    let checked = system.outside_reader().check(&authority.feed(Kind::Gaen))?;
    checked.ensure_exactly(ills.iter().map(|key| key.data().to_vec()))
}

async fn a_revision_after_a_restart_and_a_lost_reply_counts_once(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let mut phone = system.phone(1, &authority)?;
    let keys = phone.past_keys(14).to_vec();
    let code = authority.issue(ReportType::Likely, "2021-03-09").await?.code;
    // What an app keeps: the upload is stored before it is sent, and read again after a crash.
    let upload = serde_json::to_string(&phone.key_upload(&keys)?)?;
    let upload: client::KeyUpload = serde_json::from_str(&upload)?;
    let certificate = phone.certify(&code, &upload.commitment()).await?;
    let first = phone.publish(&upload, &certificate).await?.revision_token.context("a token")?;
    let again = phone.publish(&upload, &certificate).await?.revision_token.context("a token")?;
    assert_eq!(first, again);

    let system = system.restart().await?;
    let settings = system.app_settings(&authority);
    let mut phone = Phone::new(1, settings, NOON)?;
    let authority = Authority { verification: system.verification.address(), ..authority };
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let upload = phone.key_upload(&keys)?.after(&first);
    let certificate = phone.certify(&code, &upload.commitment()).await?;
    for _ in 0..3 {
        assert_eq!(phone.publish(&upload, &certificate).await?.accepted, 14);
    }
    system.export().await?;
    let mut follower = system.follower(&authority.feed(Kind::Gaen))?;
    phone.poll(&mut follower).await?;
    let Entries::Gaen { keys: published, revised } = &follower.fetched[0].bundle.entries else {
        anyhow::bail!("no bundle of keys")
    };
    assert_eq!((published.len(), revised.len()), (14, 0));
    assert!(published.iter().all(|entry| entry.report_type == Some(ReportType::Confirmed)));
    Ok(())
}
