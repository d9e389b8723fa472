//! A database with servers, signing keys, and two buckets that three exporters fill.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::ensure;
use exporter::filler::FILLER_FILE;
use proto::{Feed, Kind, Region};
use store::{AuthorityKey, Clock, KeyStore};
use tests::engine::{Databases, Engine, Place};
use tests::fixtures::{AUDIENCE, ISSUER, certificate_signer};
use tests::outside_reader::{CheckedFeed, OutsideReader};
use tests::restless::Restless;

use crate::CLOCKS;

/// The regions. All keys go to the first one's feed; those of people who travel go to the second one's, too.
const REGIONS: [&str; 2] = ["XA", "XB"];
/// The buckets.
const BUCKETS: [&str; 2] = ["near", "far"];
/// Into how many bundles all keys go, at most: more would be more work for whoever reads the lists, and no other work.
const BUNDLES: u64 = 200;
/// How long uploaders and exporters wait for a connection; there are as many as programs have unless told otherwise.
const PATIENCE: &str = "connect_timeout=120";
/// How often the last exporter runs until nothing waits any more.
const LAST_PASSES: usize = 3;

/// Everything lies in one temporary directory, and on the server of the test run, and ends with this value.
pub(crate) struct Scene {
    pub(crate) databases: Databases,
    /// What the exporters work on.
    pub(crate) restless: Restless,
    directory: tempfile::TempDir,
}

impl Scene {
    /// One for so many keys.
    pub(crate) async fn open(engine: Engine, keys: u64) -> anyhow::Result<Self> {
        // What is counted is keys, not how fast a disk is.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
        let databases = Databases::new(engine, directory.path()).await?;
        let settings = server::Settings { database_url: databases.keys.of_owner() };
        let state = server::State::open(&settings, Clock::system()).await?;
        let authority = server::admin::AuthoritySpec {
            id: ISSUER.to_owned(),
            audience: Some(AUDIENCE.to_owned()),
            regions: regions(),
            keys: vec![AuthorityKey::from(certificate_signer().public_key())],
            ..Default::default()
        };
        server::admin::register_authority(&state, authority).await?;
        let restless = Restless {
            database: url_of(&databases.keys, "pratique_exporter"),
            keys: directory.path().join("keys"),
            feeds: feeds(),
            minimum: u32::try_from(keys / BUNDLES)?.max(1),
            buckets: BUCKETS.iter().map(|name| directory.path().join(name)).collect(),
        };
        for region in regions() {
            exporter::keys::generate(&restless.keys, &region)?;
        }
        // Without its secret nobody makes filler up: what is counted here is what people uploaded.
        std::fs::remove_file(restless.keys.join(FILLER_FILE))?;
        for bucket in &restless.buckets {
            std::fs::create_dir(bucket)?;
        }
        Ok(Self { databases, restless, directory })
    }

    /// What servers write to, each with a clock of its own; and the clocks.
    pub(crate) async fn servers(&self) -> anyhow::Result<Vec<(Arc<dyn KeyStore>, Clock)>> {
        let url = url_of(&self.databases.keys, "pratique_server");
        let mut servers = Vec::new();
        for offset in CLOCKS {
            let clock = Clock::system();
            clock.set_offset(offset);
            servers.push((store::open_key_store(&url.parse()?, clock.clone()).await?, clock));
        }
        Ok(servers)
    }

    /// Passes that nobody disturbs, until nothing waits: all has come by now.
    pub(crate) async fn finish(&self) -> anyhow::Result<()> {
        let last = Restless { minimum: 1, ..self.restless.clone() };
        let exporter = last.open(CLOCKS.into_iter().max().unwrap_or_default()).await?;
        for _ in 0..LAST_PASSES {
            let report = exporter.once().await?;
            ensure!(report.exit_code() == 0, "{report}");
            let waiting = report.feeds.iter().filter_map(|feed| feed.waiting.as_ref());
            if waiting.map(|waiting| waiting.held + waiting.unripe).sum::<u64>() == 0 {
                return Ok(());
            }
        }
        anyhow::bail!("something waits for ever")
    }

    /// Reads a feed in the first bucket as an outsider does, and compares the second bucket with it byte for byte.
    pub(crate) fn check(&self, feed: &Feed) -> anyhow::Result<CheckedFeed> {
        let [near, far] = self.restless.buckets.as_slice() else { anyhow::bail!("there are two buckets") };
        let reader = OutsideReader { tree: near.clone(), keys: self.restless.keys.clone() };
        let checked = reader.check(feed)?;
        let (index, manifest) = (proto::index::index_path(feed), proto::manifest::manifest_path(feed));
        let bundles = checked.manifest.bundles.iter().map(|bundle| &bundle.path);
        for path in bundles.chain([&index, &manifest]) {
            ensure!(std::fs::read(near.join(path))? == std::fs::read(far.join(path))?, "two buckets differ in {path}");
        }
        Ok(checked)
    }

    /// A path in the scene's directory that nothing has yet.
    pub(crate) fn new_path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// The URL under which a role connects, patiently.
fn url_of(place: &Place, role: &str) -> String {
    let url = place.text_of_role(role);
    match place {
        Place::File(_) => url,
        Place::Server(_) => format!("{url}&{PATIENCE}"),
    }
}

fn regions() -> Vec<Region> {
    REGIONS.iter().map(|region| region.parse().expect("two letters are a region")).collect()
}

/// The feed of everybody, and that of those who travel.
pub(crate) fn feeds() -> Vec<Feed> {
    regions().into_iter().map(|region| Feed::verified(region, Kind::Gaen)).collect()
}
