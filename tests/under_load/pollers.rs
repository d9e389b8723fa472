//! Phones that poll the CDN while things happen to it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use client::{ClientError, Synced, Trust};
use proto::Feed;
use proto::bundle::{BundleKey, Entries, Limits};
use proto::note::NoteVerifier;
use stack::Access;
use store::Clock;
use tests::phone::{Follower, Phone};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::crowd::settings;

/// How many there are.
const PHONES: u64 = 2;
/// Between two polls of one.
const PERIOD: Duration = Duration::from_millis(400);
/// How long a phone waits for the last bundle, once nothing happens any more.
const PATIENCE: Duration = Duration::from_secs(120);

/// Phones at work.
pub(crate) struct Pollers {
    enough: Arc<AtomicBool>,
    phones: Vec<JoinHandle<anyhow::Result<Polled>>>,
}

/// What a phone has seen.
struct Polled {
    phone: Phone,
    follower: Follower,
    polls: Polls,
}

/// How often phones polled, and how often nobody answered well.
#[derive(Default)]
pub(crate) struct Polls {
    done: usize,
    failed: usize,
}

impl Pollers {
    /// Starts them. To be called inside a runtime.
    pub(crate) fn start(access: &Access, feed: &Feed) -> anyhow::Result<Self> {
        let enough = Arc::new(AtomicBool::new(false));
        let mut phones = Vec::new();
        for number in 0..PHONES {
            let phone = Phone::new(u64::MAX - number, settings(access), Clock::system().now())?;
            let follower = Follower::new(feed.clone(), trust(access, feed)?);
            let polled = Polled { phone, follower, polls: Polls::default() };
            phones.push(tokio::spawn(polled.until(Arc::clone(&enough))));
        }
        Ok(Self { enough, phones })
    }

    /// Waits until each phone has all of these keys, and ends.
    ///
    /// # Errors
    /// If a phone was ever given anything that it must not believe, or does not get everything.
    pub(crate) async fn finish(self, acknowledged: &BTreeSet<Vec<u8>>) -> anyhow::Result<Polls> {
        self.enough.store(true, Ordering::Relaxed);
        let mut all = Polls::default();
        for phone in self.phones {
            let mut polled = phone.await??;
            polled.until_it_has(acknowledged).await?;
            all.done += polled.polls.done;
            all.failed += polled.polls.failed;
        }
        Ok(all)
    }
}

impl Polled {
    async fn until(mut self, enough: Arc<AtomicBool>) -> anyhow::Result<Self> {
        while !enough.load(Ordering::Relaxed) {
            self.poll().await?;
            sleep(PERIOD).await;
        }
        Ok(self)
    }

    async fn until_it_has(&mut self, acknowledged: &BTreeSet<Vec<u8>>) -> anyhow::Result<()> {
        let asked = Instant::now();
        while !acknowledged.is_subset(&self.keys()) {
            anyhow::ensure!(asked.elapsed() < PATIENCE, "a phone does not get what is published");
            self.poll().await?;
            sleep(PERIOD).await;
        }
        Ok(())
    }

    /// One poll. What a phone may try again is no surprise while a CDN or its bucket is down; a lie would be.
    async fn poll(&mut self) -> anyhow::Result<()> {
        self.polls.done += 1;
        let polled = self.phone.poll(&mut self.follower).await;
        let bundle = |synced: &Synced| synced.failed.iter().any(|failed| !failed.error.may_retry());
        match polled {
            Ok(synced) if bundle(&synced) => bail!("a phone was given a bundle that it must not believe: {synced:?}"),
            Ok(_) => Ok(()),
            // Before anything is published there is no list, and a list may be a second older than the other.
            Err(ClientError::Refused { status: 404, .. }) => Ok(()),
            Err(why) if why.may_retry() => {
                self.polls.failed += 1;
                Ok(())
            }
            Err(why) => bail!("a phone was given what it must not believe: {why}"),
        }
    }

    fn keys(&self) -> BTreeSet<Vec<u8>> {
        let entries = self.follower.fetched.iter().map(|fetched| &fetched.bundle.entries);
        let keys = entries.filter_map(|entries| match entries {
            Entries::Gaen { keys, .. } => Some(keys),
            Entries::Tcn { .. } => None,
        });
        keys.flatten().map(|entry| entry.key.data().to_vec()).collect()
    }
}

impl fmt::Display for Polls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} polls, {} of them for nothing", self.done, self.failed)
    }
}

/// Whose bundles and lists a phone believes.
fn trust(access: &Access, feed: &Feed) -> anyhow::Result<Trust> {
    let pem = |what: &str| {
        let path = access.keys.join(format!("{}-{what}.pem", feed.region));
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let name = proto::manifest::note_name(&feed.region);
    Ok(Trust {
        keys: vec![BundleKey::from_pem(&pem(&feed.kind.to_string())?)?],
        manifest: Some(NoteVerifier::from_pem(&name, &pem("manifest")?)?),
        limits: Limits::default(),
    })
}
