//! The two verdicts of `inspect`.

use std::fs;
use std::io::Cursor;

use exporter::inspect::{SignatureCheck, inspect};
use exporter::keys::{KeyPurpose, private_file};
use proto::bundle::{BundleKey, BundleSigner, GaenEntry, Header, Signature, SigningKeyId, Writer};
use proto::gaen::TemporaryExposureKey;
use proto::{Kind, ReportType, Timestamp};

use crate::world::{World, region};

async fn published(kind: Kind) -> (Vec<u8>, BundleKey) {
    let world = World::new().await;
    world.accept_keys(0..25).await;
    world.accept_reports(0..5).await;
    world.pass(&["main"]).await;
    let zip = fs::read(world.tree("main").join(&world.index("main", kind)[0])).expect("a bundle");
    (zip, world.public_key(kind))
}

#[tokio::test]
async fn what_the_exporter_publishes_passes_both_verdicts() {
    for (kind, keys) in [(Kind::Gaen, 25), (Kind::Tcn, 5)] {
        let (zip, key) = published(kind).await;
        let found = inspect(&zip, std::slice::from_ref(&key));
        assert_eq!(found.exit_code(), 0, "{found:?}");
        assert_eq!(found.signature, SignatureCheck::Verified);
        let content = found.content.expect("it can be read");
        assert_eq!((content.kind, content.keys, content.revised), (kind.as_str(), keys, 0));
        assert_eq!(content.report_types.into_iter().collect::<Vec<_>>(), [("confirmed", keys)]);
        assert_eq!(content.signing_keys, ["NO-v1"]);
    }
}

#[tokio::test]
async fn without_a_key_the_signature_is_not_checked_and_that_shows() {
    let (zip, _) = published(Kind::Gaen).await;
    let found = inspect(&zip, &[]);
    assert!(found.phone.holds && found.canonical.holds);
    assert_eq!((found.signature, found.exit_code()), (SignatureCheck::NotChecked, 2));
}

#[tokio::test]
async fn a_bundle_signed_by_somebody_else_is_refused() {
    let (zip, _) = published(Kind::Gaen).await;
    for kind in Kind::ALL {
        let (_, other) = published(kind).await;
        let found = inspect(&zip, std::slice::from_ref(&other));
        assert_eq!((found.signature, found.exit_code()), (SignatureCheck::Failed, 1));
    }
}

#[tokio::test]
async fn no_changed_byte_passes() {
    let (zip, key) = published(Kind::Tcn).await;
    for position in 0..zip.len() {
        let mut changed = zip.clone();
        changed[position] ^= 0x10;
        let found = inspect(&changed, std::slice::from_ref(&key));
        assert!(!found.canonical.holds, "byte {position}");
        assert_ne!(found.exit_code(), 0, "byte {position}");
    }
    assert_eq!(inspect(b"", std::slice::from_ref(&key)).exit_code(), 1);
    assert_eq!(inspect(b"PK not a zip at all", &[]).exit_code(), 1);
}

#[tokio::test]
async fn a_key_published_too_early_is_not_canonical_although_phones_take_it() {
    let world = World::new().await;
    let end = Timestamp::from_unix(1_700_000_000).floor(600);
    // One day long; `early` intervals less than two hours before the bundle's end.
    let bundle_with = |early: i64| {
        let first = end.unix() / 600 - 144 - 12 + early;
        let entry = GaenEntry {
            key: TemporaryExposureKey::new(&[9; 16], first, 144).expect("a key"),
            transmission_risk: 2,
            report_type: Some(ReportType::Confirmed),
            days_since_onset: Some(0),
        };
        signed(&world, &entry, end)
    };
    let key = world.public_key(Kind::Gaen);
    assert_eq!(inspect(&bundle_with(0), std::slice::from_ref(&key)).exit_code(), 0);
    let found = inspect(&bundle_with(1), std::slice::from_ref(&key));
    assert!(found.phone.holds);
    assert_eq!(found.exit_code(), 2);
    assert!(found.canonical.reason.expect("a reason").contains("less than 2 h"));
}

fn signed(world: &World, entry: &GaenEntry, end: Timestamp) -> Vec<u8> {
    let file = private_file(&world.settings.signing_key_dir, &region(), KeyPurpose::Bundle(Kind::Gaen));
    let signer = BundleSigner::from_pem(Kind::Gaen, &fs::read_to_string(file).expect("a key")).expect("a key");
    let id = SigningKeyId::new("NO", "v1").expect("an id");
    let header = Header { region: region(), start: end.plus(-3_600), end, signing: vec![id.clone()] };
    let mut writer = Writer::new(Cursor::new(Vec::new()), &header).expect("memory");
    writer.push(entry).expect("memory");
    let unsigned = writer.end().expect("memory");
    let signature = Signature { key: id, bytes: signer.sign(&unsigned.digest()) };
    unsigned.finish(&[signature]).expect("memory").0.into_inner()
}

#[tokio::test]
async fn the_json_of_an_inspection_has_the_documented_shape() {
    let (zip, key) = published(Kind::Gaen).await;
    let json = serde_json::to_value(inspect(&zip, std::slice::from_ref(&key))).expect("JSON");
    let fields: Vec<&String> = json.as_object().expect("an object").keys().collect();
    let documented = [
        "bytes",
        "canonical",
        "end",
        "export_bytes",
        "export_sha256",
        "keys",
        "kind",
        "phone",
        "region",
        "report_types",
        "revised",
        "signature",
        "signing_keys",
        "start",
        "zip_sha256",
    ];
    assert_eq!(fields, documented);
    assert_eq!(json["phone"], serde_json::json!({ "holds": true, "reason": null }));
    assert_eq!(json["signature"], "verified");
}
