//! Signers that are not files: far away, moody, and never the same twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use ed25519_dalek::VerifyingKey;
use ed25519_dalek::ed25519::signature::Signer as _;
use exporter::ExportError;
use exporter::signer::{FeedKeys, Keyring, ManifestSigner, Signer};
use p256::ecdsa::signature::hazmat::RandomizedPrehashSigner;
use proto::bundle::{Bundle, BundleKey, ExportDigest, Limits, SigningKeyId, der_signature};
use proto::{Feed, Kind};

use crate::world::{World, feed, region, snapshot};

/// What a device does when it is asked to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Signs,
    Refuses,
    SignsWithAnotherKey,
}

/// A KMS behind a network: it holds the keys, and gives signatures alone. Every third request is lost on the way.
struct Kms {
    mood: Mood,
    key: p256::ecdsa::SigningKey,
    manifest_key: ed25519_dalek::SigningKey,
    requests: AtomicU32,
    refused: AtomicU32,
}

impl Kms {
    fn new(mood: Mood) -> Arc<Self> {
        let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).expect("a scalar");
        let manifest_key = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
        Arc::new(Self { mood, key, manifest_key, requests: AtomicU32::new(0), refused: AtomicU32::new(0) })
    }

    /// A request over the network.
    async fn request(&self) -> Result<(), ExportError> {
        tokio::task::yield_now().await;
        match self.requests.fetch_add(1, Ordering::Relaxed) % 3 {
            2 => Err(ExportError::Retry("the KMS did not answer".to_owned())),
            _ => Ok(()),
        }
    }

    /// The two halves of a signature of a digest, in hardware: other ones each time.
    async fn sign_digest(&self, digest: [u8; 32]) -> Result<[u8; 64], ExportError> {
        self.request().await?;
        let other = p256::ecdsa::SigningKey::from_slice(&[9; 32]).expect("a scalar");
        let key = match self.mood {
            Mood::Signs => &self.key,
            Mood::SignsWithAnotherKey => &other,
            Mood::Refuses => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(ExportError::GiveUp("the KMS refuses: this role may not sign".to_owned()));
            }
        };
        let signature: p256::ecdsa::Signature =
            key.sign_prehash_with_rng(&mut store::chance::source(), &digest).expect("a signature");
        Ok(signature.to_bytes().into())
    }
}

/// The exporter's side of it, which knows names and public halves.
struct Remote(Arc<Kms>);

struct RemoteKey {
    id: SigningKeyId,
    public_key: BundleKey,
    kms: Arc<Kms>,
}

struct RemoteManifestKey(Arc<Kms>, VerifyingKey);

#[async_trait]
impl Keyring for Remote {
    async fn keys(&self, _: &Feed) -> Result<FeedKeys, ExportError> {
        self.0.request().await?;
        let kms = || Arc::clone(&self.0);
        let public_key = BundleKey::Gaen(*self.0.key.verifying_key());
        let id = SigningKeyId::new("NO", "v1").expect("an id");
        let manifest = RemoteManifestKey(kms(), self.0.manifest_key.verifying_key());
        Ok(FeedKeys::new(Box::new(RemoteKey { id, public_key, kms: kms() }), Box::new(manifest)))
    }
}

#[async_trait]
impl Signer for RemoteKey {
    fn id(&self) -> &SigningKeyId {
        &self.id
    }

    fn public_key(&self) -> BundleKey {
        self.public_key.clone()
    }

    async fn sign(&self, digest: &ExportDigest) -> Result<Vec<u8>, ExportError> {
        let raw = self.kms.sign_digest(digest.0).await?;
        der_signature(&raw).map_err(|why| ExportError::GiveUp(why.to_string()))
    }
}

#[async_trait]
impl ManifestSigner for RemoteManifestKey {
    fn public_key(&self) -> VerifyingKey {
        self.1
    }

    async fn sign(&self, text: &str) -> Result<[u8; 64], ExportError> {
        self.0.request().await?;
        Ok(self.0.manifest_key.sign(text.as_bytes()).to_bytes())
    }
}

/// A world of GAEN keys alone, whose directory of keys holds none.
async fn world() -> World {
    let mut world = World::new().await;
    world.settings.feeds = vec![feed(Kind::Gaen)];
    std::fs::remove_dir_all(&world.settings.signing_key_dir).expect("removed");
    world.accept_keys(0..10).await;
    world
}

/// The bundles that the index of a bucket lists.
fn listed(world: &World, bucket: &str) -> Vec<Vec<u8>> {
    let read = |path: &String| std::fs::read(world.tree(bucket).join(path)).expect("it is there");
    world.index(bucket, Kind::Gaen).iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_exporters_with_a_moody_kms_publish_one_and_the_same_bundle() {
    let (world, kms) = (world().await, Kms::new(Mood::Signs));
    let mut passes = Vec::new();
    for bucket in ["main", "other"] {
        let exporter = world.exporter(&[bucket]).await.with_keyring(Arc::new(Remote(Arc::clone(&kms))));
        passes.push(tokio::spawn(async move {
            // Lost requests are worth another pass, and nothing else goes wrong.
            for _ in 0..30 {
                let report = exporter.once().await.expect("a pass");
                match report.exit_code() {
                    0 => return,
                    1 => {}
                    _ => panic!("{report}"),
                }
            }
            panic!("thirty passes, and none came to its end");
        }));
    }
    for pass in passes {
        pass.await.expect("no panic");
    }
    let (main, other) = (listed(&world, "main"), listed(&world, "other"));
    assert_eq!((main.len(), &main), (1, &other), "whoever signed first signed for both");
    let bundle = Bundle::read(&main[0], &Limits::default()).expect("a bundle");
    bundle.verify(&BundleKey::Gaen(*kms.key.verifying_key())).expect("signed by the KMS");
}

#[tokio::test]
async fn a_signer_that_refuses_is_somebodys_to_look_at_and_nothing_is_published() {
    let (world, kms) = (world().await, Kms::new(Mood::Refuses));
    let exporter = world.exporter(&["main"]).await.with_keyring(Arc::new(Remote(Arc::clone(&kms))));
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(exporter.once().await.expect("a pass").exit_code());
    }
    assert!(codes.contains(&2) && kms.refused.load(Ordering::Relaxed) > 0, "{codes:?}");
    assert!(!snapshot(&world.tree("main")).keys().any(|path| path.extension().is_some_and(|end| end == "zip")));
}

#[tokio::test]
async fn an_answer_that_does_not_verify_is_never_stored() {
    let (world, kms) = (world().await, Kms::new(Mood::SignsWithAnotherKey));
    let exporter = world.exporter(&["main"]).await.with_keyring(Arc::new(Remote(kms)));
    let mut said = String::new();
    for _ in 0..3 {
        said.push_str(&exporter.once().await.expect("a pass").to_string());
    }
    assert!(said.contains("does not verify; nothing was kept of it"), "{said}");
    let row = world.store.bundle(&Feed::verified(region(), Kind::Gaen), 1).await.expect("read").expect("sealed");
    assert_eq!(row.derived, None);
    // The right device, later.
    let right = world.exporter(&["main"]).await.with_keyring(Arc::new(Remote(Kms::new(Mood::Signs))));
    for _ in 0..5 {
        right.once().await.expect("a pass");
    }
    assert_eq!(listed(&world, "main").len(), 1);
}
