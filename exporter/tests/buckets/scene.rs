//! A feed with much to do, of which every test has a copy: a bundle whose objects are to be deleted, one that is to be de-listed, one that stays, one
//! that was sealed and never derived, and keys that wait and make two more. Another feed was never announced.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use exporter::bucket::{Bucket, S3Bucket};
use proto::Kind;
use proto::bundle::SigningKeyId;
use store::{Clock, SealOutcome, SealPolicy};

use crate::promises::path;
use crate::world::{World, feed, keys_of, snapshot};

/// A day, in seconds.
const DAY: i64 = 86_400;
/// When bundles were made, in seconds from now, and of which keys. The first was de-listed when the third was made.
const BUNDLES: [(i64, std::ops::Range<u16>); 3] = [(0, 0..5), (2 * DAY, 5..10), (14 * DAY + DAY / 2, 10..15)];
/// When it is in every copy.
const THEN: i64 = 17 * DAY;
/// Keys that were sealed into a bundle, keys that wait, and all that is to be published then.
const SEALED: std::ops::Range<u16> = 15..18;
const WAITING: std::ops::Range<u16> = 18..30;
const ALL: std::ops::Range<u16> = 10..30;
/// The manifest whose time is that of the pass which first announces its feed.
const FIRST: &str = "NO/tcn/manifest";

/// Both buckets by their names: `near` is a directory in every copy.
pub(crate) const BUCKETS: [&str; 2] = ["near", "far"];

/// What everything is copied from.
pub(crate) struct Template {
    world: World,
}

/// What is published, by path, without what is of the moment.
pub(crate) type Published = BTreeMap<String, Vec<u8>>;

impl Template {
    pub(crate) async fn new() -> Self {
        let mut world = World::new().await;
        world.settings.feeds = vec![feed(Kind::Gaen)];
        world.settings.maximum_keys = 7;
        for (seconds, numbers) in BUNDLES {
            world.clock.set_offset(seconds);
            world.accept_keys(numbers).await;
            world.pass(&BUCKETS).await;
        }
        // The newest bundle ends in two hours: the times of all that follow are counted from its end and are the same in every copy.
        world.clock.set_offset(THEN + 2 * 3_600);
        world.accept_keys(SEALED).await;
        let signing = vec![SigningKeyId::new("NO", "v1").expect("an id")];
        let policy = SealPolicy { max_entries: 7, max_bytes: 1_000_000, signing, ..SealPolicy::default() };
        let sealed = world.store.seal(&feed(Kind::Gaen), &policy).await.expect("sealed");
        assert_eq!(sealed, SealOutcome::Sealed(vec![4]));
        world.settings.feeds.clear();
        let mut template = Self { world };
        let waiting = template.copy().await;
        waiting.accept_keys(WAITING).await;
        template.world = waiting;
        template
    }

    /// A world of one's own.
    pub(crate) async fn copy(&self) -> World {
        // What a test kills is its pass and never the machine; in memory the same writes cost a tenth of the time.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let directory = directory.expect("a temporary directory");
        let database = directory.path().join("keys.db");
        let original = rusqlite::Connection::open(self.world.directory.path().join("keys.db")).expect("the database");
        original.execute("VACUUM INTO ?1", [database.to_str().expect("UTF-8")]).expect("a copy");
        for tree in BUCKETS {
            copy_tree(&self.world.tree(tree), &directory.path().join(tree));
        }
        let mut settings = self.world.settings.clone();
        settings.signing_key_dir = directory.path().join("keys");
        copy_tree(&self.world.settings.signing_key_dir, &settings.signing_key_dir);
        let url = format!("sqlite:{}", database.display());
        settings.database_url = url.parse().expect("a URL");
        let clock = Clock::system();
        clock.set_offset(THEN);
        let store = store::open_key_store(&settings.database_url, clock.clone()).await.expect("a database");
        World { directory, url, clock, store, settings }
    }

    /// Puts what the far bucket holds into an object store.
    pub(crate) async fn upload(&self, to: &S3Bucket) {
        for (name, bytes) in published(&self.world, "far") {
            if name.ends_with(".zip") {
                to.put_if_absent(&path(&name), &bytes).await.expect("put");
            } else {
                to.replace(&path(&name), &bytes, None).await.expect("written");
            }
        }
    }
}

/// What a directory holds.
pub(crate) fn published(world: &World, bucket: &str) -> Published {
    let root = world.tree(bucket);
    let name = |path: &Path| path.strip_prefix(&root).expect("below the root").to_str().expect("UTF-8").to_owned();
    snapshot(&root).into_iter().map(|(path, bytes)| (name(&path), bytes)).collect()
}

/// What an object store holds.
pub(crate) async fn stored(bucket: &S3Bucket) -> Published {
    let mut objects = Published::new();
    for feed in ["NO/gaen", "NO/tcn"] {
        for name in bucket.list(&path(feed)).await.expect("a list").into_keys() {
            let object = bucket.get(&name).await.expect("a read").expect("an object");
            objects.insert(name.to_string(), object.bytes);
        }
    }
    objects
}

/// Whether both buckets hold what they hold after a pass that nobody disturbed: the same lists, every bundle byte for byte, nothing else. They agree
/// in the manifest whose time differs from pass to pass.
pub(crate) fn assert_whole(near: &Published, far: &Published, expected: &Published, after: &str) {
    let but_first = |all: &Published| -> Published {
        all.iter().filter(|(name, _)| *name != FIRST).map(|(name, bytes)| (name.clone(), bytes.clone())).collect()
    };
    let names = |all: &Published| all.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(near), names(expected), "near, after {after}");
    assert!(but_first(near) == but_first(expected), "near has other bytes, after {after}");
    assert_eq!(names(far), names(near), "far, after {after}");
    assert!(far == near, "far has other bytes, after {after}");
}

/// No bundle that was there has other bytes now.
pub(crate) fn assert_unchanged(before: &Published, now: &Published, after: &str) {
    for (name, bytes) in before.iter().filter(|(name, _)| name.ends_with(".zip")) {
        assert!(now.get(name).is_none_or(|there| there == bytes), "{name} was changed, after {after}");
    }
}

/// Every key that should be published is, once.
pub(crate) fn assert_every_key_once(world: &World) {
    assert_eq!(world.published("near", Kind::Gaen), keys_of(ALL));
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
