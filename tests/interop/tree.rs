//! The public tree, index and manifest included, read by a Python script that has nothing of this project, while it grows.

use proto::{Feed, Kind, ReportType};
use serde::Deserialize;
use serde_json::json;
use tests::authority::Authority;
use tests::system::{NOON, System};

use crate::tools;

/// What the script says, and what its apps remember until their next visit.
#[derive(Default, Deserialize)]
struct Visit {
    number: u64,
    contents: Vec<String>,
    by_since: Vec<String>,
    since: i64,
    by_last_line: Vec<String>,
    last_line: String,
}

/// Two apps of strangers that follow one feed, and what ought to be in it.
struct Watched {
    feed: Feed,
    visit: Visit,
    by_since: Vec<String>,
    by_last_line: Vec<String>,
    expected: Vec<String>,
}

impl Watched {
    fn new(feed: Feed) -> Self {
        let (by_since, by_last_line, expected) = (Vec::new(), Vec::new(), Vec::new());
        Self { feed, visit: Visit::default(), by_since, by_last_line, expected }
    }

    fn poll(&mut self, system: &System) -> anyhow::Result<()> {
        let given = json!({
            "tree": system.tree(), "keys": system.keys_directory(), "feed": self.feed.to_string(),
            "since": self.visit.since, "last_line": self.visit.last_line,
        });
        let script = tools::repository().join("tests/interop/read_tree.py");
        let said = tools::python(&[&script], given.to_string().as_bytes()).map_err(anyhow::Error::msg)?;
        let visit: Visit = serde_json::from_slice(&said)?;
        assert!(visit.number >= self.visit.number, "the list went backwards");
        self.by_since.extend_from_slice(&visit.by_since);
        self.by_last_line.extend_from_slice(&visit.by_last_line);
        self.visit = visit;
        Ok(())
    }
}

/// One person reports keys, another reports numbers.
async fn report(system: &System, authority: &Authority, person: u64) -> anyhow::Result<(Vec<String>, String)> {
    let mut phone = system.phone(person, authority)?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let keys = phone.past_keys(3).to_vec();
    phone.report_keys(&code, &keys).await?;
    let code = authority.issue(ReportType::Likely, "2021-03-09").await?.code;
    let numbers = phone.signed_report(24)?;
    phone.report_numbers(&code, std::slice::from_ref(&numbers)).await?;
    Ok((keys.iter().map(|key| hex::encode(key.data())).collect(), hex::encode(numbers.as_bytes())))
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_of_strangers_get_every_bundle_of_a_growing_tree_once() -> anyhow::Result<()> {
    let (system, authority) = System::with_authority().await?;
    let mut feeds = Kind::ALL.map(|kind| Watched::new(authority.feed(kind)));
    system.export().await?;
    feeds.iter_mut().try_for_each(|feed| feed.poll(&system))?;
    assert!(feeds.iter().all(|feed| feed.visit.contents.is_empty()), "an empty feed is an empty file");

    let mut now = NOON;
    for (person, step) in (1..).zip([7_200, -3_600, 0, 1, 7_200, -1]) {
        now = now.plus(step);
        system.set_time(now);
        let (keys, numbers) = report(&system, &authority, person).await?;
        feeds[0].expected.extend(keys);
        feeds[1].expected.push(numbers);
        system.export().await?;
        // Not every app polls after every bundle.
        if person % 2 == 0 {
            feeds.iter_mut().try_for_each(|feed| feed.poll(&system))?;
        }
    }
    for mut feed in feeds {
        assert_eq!(feed.by_since.len(), 6, "{}", feed.feed);
        assert!(feed.by_since.is_sorted() && feed.by_since == feed.by_last_line);
        feed.visit.contents.sort();
        feed.expected.sort();
        assert_eq!(feed.visit.contents, feed.expected, "{}", feed.feed);
    }
    Ok(())
}
