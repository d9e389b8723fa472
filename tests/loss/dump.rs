//! A second store, loaded from a dump of the first: what it holds gives the same bundles, byte for byte.
//!
//! That is asked twice. First as `exporter rederive` asks it, which compares with what is recorded. Then all that was recorded when bundles were derived
//! is removed, hashes and signatures included, so that nothing but members and frozen rows is left, and an exporter publishes them anew.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use cluster::Database;
use exporter::rederive::{Verdict, Which, rederive};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use store::Clock;
use tests::engine::Place;
use tests::restless::Restless;

use crate::scene::{Scene, feeds};

/// The bucket of the second store.
const BUCKET: &str = "second";
/// Leaves of each bundle what its seal froze.
const FORGET: &str = "
    UPDATE bundle SET export_sha256 = NULL, zip_sha256 = NULL, zip_bytes = NULL, derived_at = NULL;
    UPDATE bundle_signature SET signature = NULL;
    DELETE FROM bundle_bucket";

/// Derives every bundle again on a copy of the store.
///
/// # Errors
/// If one differs in a byte, or the lists do.
pub(crate) async fn ensure_same_bytes(scene: &Scene) -> anyhow::Result<()> {
    let copy = Copy::load(scene).await?;
    let store = store::open_key_store(&copy.url().parse()?, Clock::system()).await?;
    for feed in feeds() {
        let verdicts = rederive(store.as_ref(), &feed, Which::Listed, &mut |_, _| ()).await?;
        let differs = verdicts.iter().find(|bundle| bundle.verdict != Verdict::Same);
        ensure!(differs.is_none() && !verdicts.is_empty(), "{feed}: {differs:?}");
    }

    copy.forget_what_was_derived().await?;
    let bucket = scene.new_path(BUCKET);
    std::fs::create_dir(&bucket)?;
    let second = Restless { database: copy.url(), buckets: vec![bucket.clone()], ..scene.restless.clone() };
    let report = second.open(0).await?.once().await?;
    ensure!(report.exit_code() == 0 && report.feeds.iter().all(|feed| feed.sealed.is_empty()), "{report}");

    let first = scene.restless.buckets.first().context("there are buckets")?;
    for feed in feeds() {
        let (index, manifest) = (proto::index::index_path(&feed), proto::manifest::manifest_path(&feed));
        let paths = proto::index::parse(&std::fs::read(first.join(&index))?)?;
        for path in paths.iter().chain([&index, &manifest]) {
            let [published, again] =
                [first, &bucket].map(|bucket| std::fs::read(bucket.join(path)).map(|bytes| Sha256::digest(&bytes)));
            ensure!(again.with_context(|| path.clone())? == published?, "{path}: the dump gives other bytes");
        }
    }
    Ok(())
}

/// The second store.
enum Copy {
    File(PathBuf),
    Server(Database),
}

impl Copy {
    async fn load(scene: &Scene) -> anyhow::Result<Self> {
        match &scene.databases.keys {
            Place::File(path) => {
                let copy = scene.new_path("copy.db");
                Connection::open(path)?.execute("VACUUM INTO ?1", [copy.to_string_lossy()])?;
                Ok(Self::File(copy))
            }
            Place::Server(database) => Ok(Self::Server(database.loaded_from_dump().await?)),
        }
    }

    async fn forget_what_was_derived(&self) -> anyhow::Result<()> {
        match self {
            Self::File(path) => Ok(Connection::open(path)?.execute_batch(FORGET)?),
            Self::Server(database) => Ok(database.connect().await?.batch_execute(FORGET).await?),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite:{}", path.display()),
            Self::Server(database) => database.url(),
        }
    }
}
