//! From code to match: a reporter, a contact who met them, a stranger who did not.

use proto::{Interval, Kind, ReportType};
use tests::engine::Engine;
use tests::phone::Phone;
use tests::system::{NOON, System};

on_both_engines! {
    a_contact_is_warned_by_a_key_and_a_stranger_is_not,
    a_contact_is_warned_by_a_report_and_a_stranger_is_not,
}

/// Three people; the contact heard the reporter yesterday evening, and the stranger heard only the contact.
fn people(system: &System, authority: &tests::authority::Authority) -> anyhow::Result<[Phone; 3]> {
    let (reporter, mut contact) = (system.phone(1, authority)?, system.phone(2, authority)?);
    let mut stranger = system.phone(3, authority)?;
    let yesterday_evening = Interval::containing(NOON.plus(-16 * 3_600));
    contact.hears(&reporter, yesterday_evening, 20);
    stranger.hears(&contact, yesterday_evening, 20);
    Ok([reporter, contact, stranger])
}

async fn a_contact_is_warned_by_a_key_and_a_stranger_is_not(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let [mut reporter, contact, stranger] = people(&system, &authority)?;

    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let keys = reporter.past_keys(14).to_vec();
    let receipt = reporter.report_keys(&code, &keys).await?;
    assert_eq!((receipt.accepted, receipt.dropped), (14, None));
    system.export().await?;

    let feed = authority.feed(Kind::Gaen);
    for (phone, warned) in [(&contact, true), (&stranger, false)] {
        let mut follower = system.follower(&feed)?;
        let synced = phone.poll(&mut follower).await?;
        assert_eq!((synced.fetched, synced.failed.len()), (1, 0));
        assert_eq!(follower.is_warned(), warned);
    }

    let checked = system.outside_reader().check(&feed)?;
    checked.ensure_exactly(keys.iter().map(|key| key.data().to_vec()))
}

async fn a_contact_is_warned_by_a_report_and_a_stranger_is_not(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let [mut reporter, contact, stranger] = people(&system, &authority)?;

    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let report = reporter.signed_report(24)?;
    let receipt = reporter.report_numbers(&code, std::slice::from_ref(&report)).await?;
    assert_eq!((receipt.accepted, receipt.dropped), (1, None));
    system.export().await?;

    let feed = authority.feed(Kind::Tcn);
    for (phone, warned) in [(&contact, true), (&stranger, false)] {
        let mut follower = system.follower(&feed)?;
        let synced = phone.poll(&mut follower).await?;
        assert_eq!((synced.fetched, synced.failed.len()), (1, 0));
        assert_eq!(follower.is_warned(), warned);
    }

    let checked = system.outside_reader().check(&feed)?;
    checked.ensure_exactly([report.as_bytes().to_vec()])
}
