//! What a curious observer has: bundles that were published, in which everybody's keys stand among everybody else's.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use exporter::bucket::DirectoryBucket;
use exporter::{Exporter, Settings};
use proto::bundle::{Entries, Entry as _, GaenEntry};
use proto::gaen::TemporaryExposureKey;
use proto::{Feed, Interval, Kind, ReportType, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use store::{
    AcceptedKey, AuthorityKey, Clock, KeyStore, OnsetSource, Origin, Provenance, RELEASE_GRAIN, RawKey, RevisionProof,
};
use tests::engine::{Databases, Engine};
use tests::fixtures::{AUDIENCE, ISSUER, certificate_signer, region};
use tests::outside_reader::OutsideReader;

/// How many people upload, in two rounds, each of which is sealed by itself.
pub(crate) const PEOPLE: usize = 800;
/// The people of one round.
pub(crate) const ROUND: usize = PEOPLE / 2;
/// How many keys a bundle has at most: what is sealed at once makes several.
const MAXIMUM: u32 = 1_500;

/// Whatever tells two entries apart but the bytes of their keys: when, for how long, what type, what risk, how long after onset. It is published, so
/// it is no secret; nothing else should tell more.
pub(crate) type Class = i64;

/// A published key as the observer has it, and, for the judge alone, whose it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    /// Which of the bundles it is in, counted from 0.
    pub(crate) bundle: usize,
    /// When its bundle was sealed: in which round.
    pub(crate) round: usize,
    pub(crate) class: Class,
    /// By what a person's keys go together, as far as their metadata tell: type, risk, and the day of onset that follows from each.
    pub(crate) pattern: (u8, u8, i64),
    /// The day on which it was broadcast.
    pub(crate) day: i64,
    /// People are numbered in the order in which they upload.
    pub(crate) owner: usize,
}

/// Lets people upload, one after the other, and publishes what they say; all keys in the order of the bundles.
pub(crate) async fn publish(engine: Engine) -> anyhow::Result<Vec<Published>> {
    let directory = tempfile::tempdir()?;
    let databases = Databases::new(engine, directory.path()).await?;
    let settings = server::Settings { database_url: databases.keys.of_owner() };
    let state = server::State::open(&settings, Clock::system()).await?;
    let authority = server::admin::AuthoritySpec {
        id: ISSUER.to_owned(),
        audience: Some(AUDIENCE.to_owned()),
        regions: vec![region()],
        keys: vec![AuthorityKey::from(certificate_signer().public_key())],
        ..Default::default()
    };
    server::admin::register_authority(&state, authority).await?;
    exporter::keys::generate(&directory.path().join("keys"), &region())?;

    let store = store::open_key_store(&databases.keys.of_role("pratique_server"), Clock::system()).await?;
    let (mut rng, mut owners) = (StdRng::seed_from_u64(7), HashMap::new());
    for round in 0..2 {
        for person in round * ROUND..(round + 1) * ROUND {
            let keys = upload(store.as_ref(), &mut rng).await?;
            owners.extend(keys.into_iter().map(|key| (key, person)));
        }
        export(&databases, directory.path()).await?;
    }
    read(directory.path(), &owners)
}

/// The feed to which everything goes.
fn feed() -> Feed {
    Feed::verified(region(), Kind::Gaen)
}

/// One person's upload: some days of keys, with a type, a risk and an onset that others have too; the keys.
async fn upload(store: &dyn KeyStore, rng: &mut StdRng) -> anyhow::Result<Vec<[u8; 16]>> {
    // Long enough ago for all to be released at once, whatever the hour.
    let received = Clock::system().now().plus(-2 * RELEASE_GRAIN);
    let report_type = if rng.random_bool(0.8) { ReportType::Confirmed } else { ReportType::Likely };
    let (risk, onset, days) = (rng.random_range(2..5), rng.random_range(2..6), rng.random_range(8..14));
    let mut keys = Vec::new();
    let accepted = (2..2 + days).map(|ago| {
        let bytes = rng.random();
        keys.push(bytes);
        accepted(bytes, ago, (report_type, risk, onset), received)
    });
    let accepted: Vec<_> = accepted.collect::<anyhow::Result<_>>()?;
    let provenance = Provenance {
        authority: ISSUER.to_owned(),
        kid: "kid".to_owned(),
        origin: Origin::Ours,
        received,
        policy_version: 1,
    };
    store.accept_keys(&accepted, &[feed()], &provenance).await?;
    Ok(keys)
}

/// A key of so many days ago.
fn accepted(
    bytes: [u8; 16],
    ago: i64,
    (report_type, risk, onset): (ReportType, u8, i64),
    received: Timestamp,
) -> anyhow::Result<AcceptedKey> {
    let today = Interval::containing(received).midnight();
    let key = TemporaryExposureKey::new(&bytes, today.plus(-144 * ago).number().into(), 144)?;
    let raw = RawKey {
        transmission_risk: risk,
        report_type,
        onset: today.plus(-144 * onset),
        onset_source: OnsetSource::Request,
        proof: RevisionProof::default(),
    };
    let days = i8::try_from(onset - ago)?;
    let release_at = store::release_at(key.validity_end(), received);
    let (report_type, days_since_onset) = (Some(report_type), Some(days));
    let published = GaenEntry { key, transmission_risk: risk, report_type, days_since_onset };
    Ok(AcceptedKey { raw, published, release_at })
}

async fn export(databases: &Databases, directory: &Path) -> anyhow::Result<()> {
    let settings = Settings {
        feeds: vec![feed()],
        minimum_keys: 1,
        maximum_keys: MAXIMUM,
        ..Settings::new(databases.keys.of_role("pratique_exporter"), directory.join("keys"))
    };
    let tree = directory.join("cdn");
    std::fs::create_dir_all(&tree)?;
    let bucket = Arc::new(DirectoryBucket::open(&tree)?);
    let report = Exporter::open(&settings, Clock::system()).await?.with_bucket("main", bucket).once().await?;
    ensure!(report.exit_code() == 0, "{report}");
    Ok(())
}

/// Reads the bundles as everybody may.
fn read(directory: &Path, owners: &HashMap<[u8; 16], usize>) -> anyhow::Result<Vec<Published>> {
    let checked = OutsideReader { tree: directory.join("cdn"), keys: directory.join("keys") }.check(&feed())?;
    let mut published = Vec::new();
    for (bundle, content) in checked.bundles.iter().enumerate() {
        let Entries::Gaen { keys, .. } = &content.entries else { anyhow::bail!("keys were uploaded") };
        for entry in keys {
            let owner = *owners.get(entry.key.data()).context("somebody uploaded it")?;
            let day = i64::from(entry.key.rolling_start().number()) / 144;
            let report_type = entry.report_type.context("a type")?.export_value();
            let onset = day - i64::from(entry.days_since_onset.context("an onset")?);
            let pattern = (report_type, entry.transmission_risk, onset);
            published.push(Published { bundle, round: owner / ROUND, class: entry.class(), pattern, day, owner });
        }
    }
    ensure!(published.len() == owners.len(), "{} of {} keys are published", published.len(), owners.len());
    ensure!(checked.bundles.len() > 4, "each round makes several bundles");
    Ok(published)
}
