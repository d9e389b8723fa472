//! What must wait: a key that could still be replayed, and a feed too small to hide in.

use proto::{Kind, ReportType};
use tests::engine::Engine;
use tests::system::{NOON, System};

on_both_engines! {
    a_key_of_today_is_held_until_two_hours_after_its_validity_and_all_others_until_the_quarter,
    a_feed_below_its_minimum_stays_held,
}

async fn a_key_of_today_is_held_until_two_hours_after_its_validity_and_all_others_until_the_quarter(
    engine: Engine,
) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    system.set_time(NOON.plus(60));
    let mut phone = system.phone(1, &authority)?;
    let (past, today) = (phone.past_keys(13).to_vec(), *phone.key_of_today());
    let all = [past.clone(), vec![today]].concat();
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let receipt = phone.report_keys(&code, &all).await?;
    assert_eq!((receipt.accepted, receipt.dropped), (14, None));

    let feed = authority.feed(Kind::Gaen);
    let past_bytes = || past.iter().map(|key| key.data().to_vec());
    let end = today.validity_end().start();
    // Until two hours after its end anybody could still broadcast the key and be believed.
    system.set_time(NOON.plus(600));
    system.export_now(1).await?;
    system.outside_reader().check(&feed)?.ensure_exactly([])?;
    for now in [NOON.plus(900), end, end.plus(2 * 3_600 - 60)] {
        system.set_time(now);
        system.export_now(1).await?;
        system.outside_reader().check(&feed)?.ensure_exactly(past_bytes())?;
    }
    for now in [end.plus(2 * 3_600), end.plus(3 * 3_600), end.plus(4 * 3_600)] {
        system.set_time(now);
        system.export_now(1).await?;
        let checked = system.outside_reader().check(&feed)?;
        checked.ensure_exactly(all.iter().map(|key| key.data().to_vec()))?;
        assert_eq!(checked.bundles.len(), 2);
    }
    Ok(())
}

async fn a_feed_below_its_minimum_stays_held(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let feed = authority.feed(Kind::Gaen);
    let mut expected = Vec::new();
    for person in 1..=3 {
        let mut phone = system.phone(person, &authority)?;
        let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
        let keys = phone.past_keys(14).to_vec();
        phone.report_keys(&code, &keys).await?;
        expected.extend(keys.iter().map(|key| key.data().to_vec()));

        system.wait_for_the_quarter();
        let report = system.export_now(42).await?;
        let of_feed = report.feeds.iter().find(|known| known.feed == feed.to_string()).expect("the feed is known");
        if person < 3 {
            let waiting = of_feed.waiting.expect("a held feed says so");
            assert_eq!((waiting.held, waiting.minimum), (14 * person, 42));
            assert!(system.outside_reader().check(&feed)?.bundles.is_empty());
        } else {
            assert_eq!(of_feed.sealed.len(), 1);
        }
    }
    system.outside_reader().check(&feed)?.ensure_exactly(expected)
}
