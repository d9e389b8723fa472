//! Bundles come and go, and phones go with them, whatever they missed.

use proto::{Feed, Kind, ReportType, Timestamp};
use tests::engine::Engine;
use tests::phone::Follower;
use tests::system::{NOON, System};

use crate::apps::{ByLastLine, BySince, index_of};

on_both_engines! {
    phones_follow_bundles_that_come_and_go,
    a_key_is_published_once_however_often_it_is_sent_around_the_death_of_its_rows,
}

/// A day that is an hour longer, so that what is a day old tomorrow is due whenever tomorrow's pass comes to it.
const DAY: i64 = 86_400 + 3_600;
/// For how many days somebody reports each day.
const BUSY: i64 = 20;
/// When one of the phones is switched off: for longer than any bundle is listed.
const OFF: std::ops::Range<i64> = 3..19;

/// The bundles that a phone took in.
fn taken(follower: &Follower) -> Vec<&String> {
    follower.fetched.iter().map(|fetched| &fetched.path).collect()
}

async fn phones_follow_bundles_that_come_and_go(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let (feed, reader) = (authority.feed(Kind::Gaen), system.outside_reader());
    let phone = system.phone(1_000, &authority)?;
    let (mut daily, mut away) = (system.follower(&feed)?, system.follower(&feed)?);
    let (mut by_since, mut by_last_line) = (BySince::default(), ByLastLine::default());
    let (mut all, mut missed) = (Vec::new(), 0);

    // In the end nobody reports for long enough that everything dies, and then somebody does.
    let busy = |day| day < BUSY || day == BUSY + 16;
    for day in 0..BUSY + 17 {
        system.set_time(NOON.plus(day * DAY));
        if busy(day) {
            let mut person = system.phone(day.unsigned_abs(), &authority)?;
            let keys = person.past_keys(3).to_vec();
            person.report_keys(&authority.issue(ReportType::Confirmed, "").await?.code, &keys).await?;
        }
        system.export().await?;

        let index = if (BUSY + 13..BUSY + 16).contains(&day) { Vec::new() } else { index_of(&reader.check(&feed)?) };
        assert_eq!(
            index.len() as i64,
            (day - 13..=day).filter(|day| *day >= 0 && busy(*day)).count() as i64,
            "day {day}"
        );
        all.extend(index.last().filter(|_| busy(day)).cloned());
        by_since.poll(&index);
        by_last_line.poll(&index);
        for follower in [&mut daily, &mut away].into_iter().take(if OFF.contains(&day) { 1 } else { 2 }) {
            let synced = phone.poll(follower).await?;
            assert!(synced.failed.is_empty() && synced.postponed.is_empty() && !synced.went_backwards, "day {day}");
        }
        if day == OFF.end {
            missed = all.len() - index.len() - OFF.start as usize;
            assert_eq!(away.state.held.len(), index.len(), "it lets go of what is listed no more");
        }
    }
    assert_eq!(taken(&daily), all.iter().collect::<Vec<_>>());
    assert_eq!((&by_since.taken, &by_last_line.taken), (&all, &all));
    let expected: Vec<_> = all[..OFF.start as usize].iter().chain(&all[OFF.start as usize + missed..]).collect();
    assert!(missed > 0 && taken(&away) == expected, "it got all that was listed when it was on, and each once");

    let checked = reader.check(&feed)?;
    assert_eq!((checked.bundles.len(), checked.manifest.bundles[0].sequence), (1, BUSY.unsigned_abs() + 1));
    Ok(())
}

/// Sends a key once more, with a code of its own, and exports; how many keys the server took.
async fn send_again(system: &System, phone: &mut Sender<'_>) -> anyhow::Result<usize> {
    let code = phone.authority.issue(ReportType::Confirmed, "").await?.code;
    let accepted = match phone.phone.report_keys(&code, &[phone.key]).await {
        Ok(receipt) => receipt.accepted,
        Err(refused) => {
            assert!(refused.code().is_some(), "{refused}");
            0
        }
    };
    let report = system.export_now(1).await?;
    let of_feed = report.feeds.iter().find(|known| known.feed == phone.feed.to_string()).expect("the feed is known");
    let waits = of_feed.waiting.is_some_and(|waiting| waiting.held + waiting.unripe > 0);
    assert!(!waits, "nothing of it waits again");
    phone.died.extend(&of_feed.purged.bundles);
    Ok(accepted)
}

/// Somebody who sends one key again and again.
struct Sender<'a> {
    authority: &'a tests::authority::Authority,
    phone: tests::phone::Phone,
    key: proto::gaen::TemporaryExposureKey,
    feed: Feed,
    /// The bundles whose rows went meanwhile.
    died: Vec<u64>,
}

async fn a_key_is_published_once_however_often_it_is_sent_around_the_death_of_its_rows(
    engine: Engine,
) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let feed = authority.feed(Kind::Gaen);
    let phone = system.phone(1, &authority)?;
    let (key, watcher) = (*phone.key_of_today(), system.phone(2, &authority)?);
    let mut follower = system.follower(&feed)?;
    let mut sender = Sender { authority: &authority, phone, key, feed, died: Vec::new() };
    let code = authority.issue(ReportType::Confirmed, "").await?.code;
    sender.phone.report_keys(&code, &[key]).await?;

    // As early as it may be: published two hours after its end, its rows die 15 days later. Ten minutes after 15 days it is taken no more.
    let end = key.validity_end().start();
    let days = |days: i64, seconds: i64| end.plus(days * 86_400 + seconds);
    let mut takes = async |now: Timestamp| {
        system.set_time(now);
        let accepted = send_again(&system, &mut sender).await?;
        watcher.poll(&mut follower).await?;
        anyhow::Ok(accepted)
    };
    for (now, accepted) in [
        (days(0, 7_200), 1),
        (days(14, 0), 1),
        (days(14, 7_260), 1),
        (days(15, 0), 1),
        (days(15, 300), 1),
        (days(15, 600), 0),
        (days(15, 7_000), 0),
        (days(15, 7_400), 0),
        (days(15, 9_000), 0),
        (days(16, 9_000), 0),
        (days(40, 0), 0),
    ] {
        assert_eq!(takes(now).await?, accepted, "{} s after its end", now.unix() - end.unix());
    }
    assert_eq!((follower.fetched.len(), &sender.died[..]), (1, &[1][..]), "one bundle ever, and it has died");
    let files = std::fs::read_dir(system.tree().join(sender.feed.to_string()))?.count();
    assert_eq!(files, 2, "index and manifest");
    Ok(())
}
