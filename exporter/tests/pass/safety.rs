//! What never happens, whatever stands in the database or in a bucket.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use exporter::signer::{FeedKeys, Keyring, Signer};
use exporter::steps::When;
use exporter::{ExportError, PemKeyring};
use p256::pkcs8::DecodePrivateKey;
use proto::Kind;
use proto::bundle::{BundleKey, ExportDigest, SigningKeyId};
use store::{SealOutcome, SealPolicy};

use crate::world::{World, feed, keys_of, region, snapshot};

#[tokio::test]
async fn a_foreign_object_under_our_name_is_never_overwritten() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.accept_reports(0..3).await;
    world.pass(&["main"]).await;
    let path = world.tree("second").join(&world.index("main", Kind::Gaen)[0]);
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::write(&path, b"not ours").expect("a foreign object");

    let report = world.exporter(&["main", "second"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert_eq!(fs::read(&path).expect("still there"), b"not ours");
    // What the bucket holds in full is listed: the announcement, and not the bundle.
    assert!(world.index("second", Kind::Gaen).is_empty());
    assert_eq!(world.published("second", Kind::Tcn).len(), 3);
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..10));
}

#[tokio::test]
async fn a_read_cut_short_is_never_signed() {
    let digest = "do not give its frozen counts and digest";
    for (tampering, exit_code, reason) in [
        ("DELETE FROM gaen_publication WHERE key = (SELECT max(key) FROM gaen_publication)", 1, digest),
        ("DELETE FROM gaen_publication", 1, digest),
        (
            "UPDATE gaen_publication SET key = zeroblob(16) WHERE key = (SELECT max(key) FROM gaen_publication)",
            1,
            digest,
        ),
        ("UPDATE gaen_publication SET sequence = 2 WHERE key = (SELECT min(key) FROM gaen_publication)", 1, digest),
        // Some damage shows in the row itself.
        ("UPDATE gaen_publication SET transmission_risk = transmission_risk + 1", 2, "corrupt"),
    ] {
        let mut world = World::new().await;
        world.settings.feeds = vec![feed(Kind::Gaen)];
        world.accept_keys(0..10).await;
        seal(&world).await;
        let database = rusqlite::Connection::open(world.directory.path().join("keys.db")).expect("the database");
        assert!(database.execute(tampering, []).expect("tampered") > 0);

        let report = world.exporter(&["main"]).await.once().await.expect("a pass");
        assert_eq!(report.exit_code(), exit_code, "{tampering}: {report}");
        assert!(report.to_string().contains(reason), "{tampering}: {report}");
        let row = world.store.bundle(&feed(Kind::Gaen), 1).await.expect("a row").expect("a row");
        assert!(row.derived.is_none(), "nothing was signed");
        assert!(snapshot(&world.tree("main")).keys().all(|path| path.extension().is_none_or(|end| end != "zip")));
    }
}

#[tokio::test]
async fn a_key_that_could_still_be_replayed_is_never_signed() {
    let mut world = World::new().await;
    world.settings.feeds = vec![feed(Kind::Gaen)];
    world.accept_keys(0..10).await;
    seal(&world).await;
    let database = rusqlite::Connection::open(world.directory.path().join("keys.db")).expect("the database");
    // What the members' digest does not cover: somebody moves the bundle to before its keys' time.
    let moved = |by: i64| format!("UPDATE bundle SET start_at = start_at + {by}, end_at = end_at + {by}");
    assert_eq!(database.execute(&moved(-864_000), []).expect("tampered"), 1);
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(
        report.to_string().contains("is in bundle 1, breaks an invariant: its validity ended less than 2 h"),
        "{report}"
    );
    let row = world.store.bundle(&feed(Kind::Gaen), 1).await.expect("a row").expect("a row");
    assert!(row.derived.is_none(), "nothing was signed");

    // Mended, the feed goes on.
    assert_eq!(database.execute(&moved(864_000), []).expect("mended"), 1);
    world.pass(&["main"]).await;
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..10));
}

#[tokio::test]
async fn what_was_recorded_is_what_is_published_or_nothing_is() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main"]).await;
    let database = rusqlite::Connection::open(world.directory.path().join("keys.db")).expect("the database");
    let changed =
        database.execute("UPDATE bundle SET zip_sha256 = zeroblob(32) WHERE count = 10", []).expect("tampered");
    assert_eq!(changed, 1);
    let report = world.exporter(&["second"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(world.index("second", Kind::Gaen).is_empty());
}

#[tokio::test]
async fn a_manifest_never_goes_backwards() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main"]).await;
    let early = world.directory.path().join("early.db");
    let database = rusqlite::Connection::open(world.directory.path().join("keys.db")).expect("the database");
    database.execute("VACUUM INTO ?1", [early.to_str().expect("UTF-8")]).expect("a copy");
    world.accept_keys(10..20).await;
    world.pass(&["main"]).await;
    let before = snapshot(&world.tree("main"));

    // Somebody restores the copy and goes on as if nothing had happened.
    let mut restored = world;
    restored.settings.database_url = format!("sqlite:{}", early.display()).parse().expect("a URL");
    let report = restored.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(report.to_string().contains("restored from a copy"), "{report}");
    assert_eq!(snapshot(&restored.tree("main")), before);
}

#[tokio::test]
async fn another_manifest_of_the_same_number_is_an_alarm() {
    let world = World::new().await;
    world.accept_keys(0..10).await;
    world.pass(&["main"]).await;
    let database = rusqlite::Connection::open(world.directory.path().join("keys.db")).expect("the database");
    database.execute("UPDATE feed_number SET taken_at = taken_at - 1", []).expect("tampered");
    let before = snapshot(&world.tree("main"));
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert_eq!(snapshot(&world.tree("main")), before);
}

#[tokio::test]
async fn a_bundle_is_signed_by_the_key_it_was_sealed_for_and_no_other() {
    let mut world = World::new().await;
    world.settings.feeds = vec![feed(Kind::Gaen)];
    world.accept_keys(0..10).await;
    seal(&world).await;
    world.settings.key_ids = vec!["NO=NO:v2".parse().expect("an id")];
    let report = world.exporter(&["main"]).await.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 2, "{report}");
    assert!(report.to_string().contains("was sealed for the key NO-v1, and the keys at hand are NO-v2"), "{report}");
    assert!(snapshot(&world.tree("main")).is_empty());

    world.settings.key_ids.clear();
    world.pass(&["main"]).await;
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_first_signatures_stored_are_the_bundles_signatures() {
    let mut world = World::new().await;
    world.settings.feeds = vec![feed(Kind::Gaen)];
    world.accept_keys(0..10).await;
    let keyring = Arc::new(Chancy {
        files: PemKeyring::new(world.settings.clone()),
        dir: world.settings.signing_key_dir.clone(),
    });
    let faster = world.exporter(&["main", "other"]).await.with_keyring(keyring.clone());
    let handle = tokio::runtime::Handle::current();
    // While one exporter stands before its record of what it derived, another one does a whole pass.
    let observer = Arc::new(move |step: &exporter::steps::Step<'_>| {
        if step.name == "bundle.derive" && step.when == When::Before {
            let faster = faster.clone();
            let pass = tokio::task::block_in_place(|| handle.block_on(async move { faster.once().await }));
            assert_eq!(pass.expect("a pass").exit_code(), 0);
        }
    });
    let slower = world.exporter(&["main", "other"]).await.with_keyring(keyring).with_steps(observer);
    let report = slower.once().await.expect("a pass");
    assert_eq!(report.exit_code(), 0, "{report}");
    assert_eq!(world.published("main", Kind::Gaen), keys_of(0..10));
    assert_eq!(world.published("other", Kind::Gaen), keys_of(0..10));
}

/// Seals what waits in the GAEN feed, for the key `NO-v1`, and does nothing else.
async fn seal(world: &World) {
    let policy = SealPolicy {
        max_entries: 1_000,
        max_bytes: 1_000_000,
        signing: vec![SigningKeyId::new("NO", "v1").expect("an id")],
        ..SealPolicy::default()
    };
    let outcome = world.store.seal(&feed(Kind::Gaen), &policy).await.expect("sealed");
    assert_eq!(outcome, SealOutcome::Sealed(vec![1]));
}

/// A KMS whose signatures differ each time.
struct Chancy {
    files: PemKeyring,
    dir: PathBuf,
}

struct ChancySigner {
    id: SigningKeyId,
    key: p256::ecdsa::SigningKey,
}

#[async_trait]
impl Keyring for Chancy {
    async fn keys(&self, feed: &proto::Feed) -> Result<FeedKeys, ExportError> {
        let files = self.files.keys(feed).await?;
        let purpose = exporter::keys::KeyPurpose::Bundle(Kind::Gaen);
        let file = exporter::keys::private_file(&self.dir, &region(), purpose);
        let key = p256::ecdsa::SigningKey::read_pkcs8_pem_file(file).expect("a key");
        let id = files.signers[0].id().clone();
        Ok(FeedKeys { signers: vec![Box::new(ChancySigner { id, key })], ..files })
    }
}

#[async_trait]
impl Signer for ChancySigner {
    fn id(&self) -> &SigningKeyId {
        &self.id
    }

    fn public_key(&self) -> BundleKey {
        BundleKey::Gaen(*self.key.verifying_key())
    }

    async fn sign(&self, digest: &ExportDigest) -> Result<Vec<u8>, ExportError> {
        use p256::ecdsa::signature::hazmat::RandomizedPrehashSigner;
        let signature: p256::ecdsa::DerSignature =
            self.key.sign_prehash_with_rng(&mut store::chance::source(), &digest.0).expect("a signature");
        Ok(signature.as_bytes().to_vec())
    }
}
