//! A whole run of the exporter, several bundles with revised keys in them, under the eyes of everybody: openssl, protoc, a tool that fetches over
//! HTTP, an independent reader of signed notes, and our own reader at its strictest.

use std::fs;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exporter::inspect::{SignatureCheck, inspect};
use proto::bundle::{Bundle, BundleKey, Entries, GaenEntry};
use proto::gaen::TemporaryExposureKey;
use proto::manifest::Manifest;
use proto::{Feed, Kind, ReportType};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use signed_note::{Note, StandardVerifier, VerifierList};
use tests::authority::Authority;
use tests::outside_reader::CheckedFeed;
use tests::system::System;

use crate::bundles::{Published, decode};
use crate::text_format::Message;
use crate::tools;

/// What was published, with the system that did it.
struct Run {
    system: System,
    feed: Feed,
    checked: CheckedFeed,
}

/// What a reader makes of a key: its bytes in hexadecimal, risk, start, period, type, days since onset.
type Read = (String, i64, i64, i64, i64, i64);

impl Run {
    /// Three exports: likely cases; then more of them while of the first some are confirmed and some taken back; then others.
    async fn publish() -> anyhow::Result<Self> {
        let (system, authority) = System::with_authority().await?;
        let likely = ReportType::Likely;
        let confirmed = report(&system, &authority, (1, 14), (likely, None)).await?;
        let disproved = report(&system, &authority, (2, 9), (likely, None)).await?;
        report(&system, &authority, (3, 11), (ReportType::Confirmed, None)).await?;
        system.export().await?;
        report(&system, &authority, (1, 14), (ReportType::Confirmed, Some(&confirmed))).await?;
        report(&system, &authority, (2, 9), (ReportType::Negative, Some(&disproved))).await?;
        report(&system, &authority, (4, 14), (likely, None)).await?;
        system.export().await?;
        report(&system, &authority, (5, 6), (ReportType::Confirmed, None)).await?;
        system.export().await?;

        let feed = authority.feed(Kind::Gaen);
        let checked = system.outside_reader().check(&feed)?;
        let shape = checked.manifest.bundles.iter().map(|bundle| (bundle.count, bundle.revised)).collect::<Vec<_>>();
        assert_eq!(shape, [(34, 0), (14, 23), (6, 0)]);
        Ok(Self { system, feed, checked })
    }

    /// Each bundle: its path, as it was unpacked, and as our reader reads it.
    fn bundles(&self) -> impl Iterator<Item = anyhow::Result<(&str, Published, &Bundle)>> {
        self.checked.manifest.bundles.iter().zip(&self.checked.bundles).map(|(listed, bundle)| {
            Ok((listed.path.as_str(), Published::unpack(&self.system, &self.feed, &listed.path)?, bundle))
        })
    }
}

/// One person says something of their keys of the last days; the token by which they may say more.
async fn report(
    system: &System,
    authority: &Authority,
    (person, days): (u64, usize),
    (says, token): (ReportType, Option<&str>),
) -> anyhow::Result<String> {
    let mut phone = system.phone(person, authority)?;
    let keys: Vec<TemporaryExposureKey> = phone.past_keys(days).to_vec();
    let code = authority.issue(says, "2021-03-09").await?.code;
    let upload = phone.key_upload(&keys)?;
    let upload = if let Some(token) = token { upload.after(token) } else { upload };
    let certificate = phone.certify(&code, &upload.commitment()).await?;
    phone.publish(&upload, &certificate).await?.revision_token.context("a token")
}

/// What our reader reads.
fn ours(entries: &[GaenEntry]) -> Vec<Read> {
    let read = |entry: &GaenEntry| {
        let report_type = entry.report_type.map_or(0, ReportType::export_value);
        let (start, period) = (entry.key.rolling_start().number(), entry.key.rolling_period());
        let (risk, days) = (entry.transmission_risk, entry.days_since_onset.unwrap_or_default());
        (hex::encode(entry.key.data()), risk.into(), start.into(), period.into(), report_type.into(), days.into())
    };
    entries.iter().map(read).collect()
}

/// Ordinary and revised keys.
fn both(bundle: &Bundle) -> (Vec<Read>, Vec<Read>) {
    match &bundle.entries {
        Entries::Gaen { keys, revised } => (ours(keys), ours(revised)),
        Entries::Tcn { .. } => panic!("keys were published"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_protoc_and_our_strictest_reader_agree_on_every_bundle_of_a_run() -> anyhow::Result<()> {
    let run = Run::publish().await?;
    for bundle in run.bundles() {
        let (path, published, bundle) = bundle?;
        let verified = published.openssl_verify(&published.export_bin)?;
        assert_eq!(verified.map_err(anyhow::Error::msg)?, b"Verified OK\n", "{path}");

        let export = decode("TemporaryExposureKeyExport", "gaen_export.proto", &published.export_bin[16..])?;
        assert_eq!(export.scalar("start_timestamp"), bundle.header.start.unix().to_string());
        assert_eq!(export.scalar("end_timestamp"), bundle.header.end.unix().to_string());
        let of_protoc = |field| export.messages(field).into_iter().map(of_protoc).collect::<anyhow::Result<Vec<_>>>();
        assert_eq!((of_protoc("keys")?, of_protoc("revised_keys")?), both(bundle), "{path}");

        let key = BundleKey::from_pem(&fs::read_to_string(&published.public_key)?)?;
        let found = inspect(&fs::read(&published.zip)?, &[key]);
        assert!(found.phone.holds && found.canonical.holds, "{path}: {found:?}");
        assert_eq!((found.signature, found.exit_code()), (SignatureCheck::Verified, 0), "{path}");
    }
    Ok(())
}

/// What protoc reads.
fn of_protoc(key: &Message) -> anyhow::Result<Read> {
    let types = ["UNKNOWN", "CONFIRMED_TEST", "CONFIRMED_CLINICAL_DIAGNOSIS", "SELF_REPORT", "RECURSIVE", "REVOKED"];
    let number = |field: &'static str| key.scalar(field).parse::<i64>().context(field);
    let report_type = types.iter().position(|name| *name == key.scalar("report_type")).context("a type")?;
    Ok((
        hex::encode(key.bytes("key_data")),
        number("transmission_risk_level")?,
        number("rolling_start_interval_number")?,
        number("rolling_period")?,
        i64::try_from(report_type)?,
        number("days_since_onset_of_symptoms")?,
    ))
}

/// What probeCOCOATek says of a bundle.
#[derive(Deserialize)]
struct Probed {
    url: String,
    region: String,
    batch_num: i64,
    batch_size: i64,
    signature_infos: SignatureInfo,
    keys: Vec<ProbedKey>,
    revised_keys: Vec<ProbedKey>,
}

#[derive(Deserialize)]
struct SignatureInfo {
    verification_key_id: String,
    verification_key_version: String,
    signature_algorithm: String,
}

#[derive(Deserialize)]
struct ProbedKey {
    key_data: String,
    transmission_risk_level: i64,
    rolling_start_interval_number: i64,
    rolling_period: i64,
    report_type: i64,
    days_since_onset_of_symptoms: i64,
}

impl ProbedKey {
    fn read(self) -> Read {
        let (start, period) = (self.rolling_start_interval_number, self.rolling_period);
        (
            self.key_data,
            self.transmission_risk_level,
            start,
            period,
            self.report_type,
            self.days_since_onset_of_symptoms,
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_of_another_country_fetches_a_run_over_http_and_reads_every_key() -> anyhow::Result<()> {
    let run = Run::publish().await?;
    // The list that this tool wants, in the place where its own country had it: beside the index.
    let cdn = run.system.cdn.url();
    let listed: Vec<_> = run.checked.manifest.bundles.iter().collect();
    let entry = |bundle: &&proto::manifest::ListedBundle| {
        let created = bundle.end.unix() * 1_000;
        json!({ "region": "440", "url": format!("{cdn}/{}", bundle.path), "created": created })
    };
    let list = format!("{}/list.json", run.feed);
    fs::write(run.system.tree().join(&list), serde_json::to_vec(&listed.iter().map(entry).collect::<Vec<_>>())?)?;

    let script = tools::repository().join("tests/interop/probe_cocoatek.py");
    let url = format!("{cdn}/{list}");
    // The server of the bucket runs in this process: it must go on while the tool is waited for.
    let said = tokio::task::spawn_blocking(move || tools::python(&[&script, &url], &[])).await?;
    let probed: Vec<Probed> = serde_json::from_slice(&said.map_err(anyhow::Error::msg)?)?;
    assert_eq!(probed.len(), listed.len());
    for (probed, (listed, bundle)) in probed.into_iter().zip(listed.iter().zip(&run.checked.bundles)) {
        assert!(probed.url.ends_with(&listed.path));
        assert_eq!((probed.region.as_str(), probed.batch_num, probed.batch_size), ("XA", 1, 1));
        let info = &probed.signature_infos;
        assert_eq!((info.verification_key_id.as_str(), info.verification_key_version.as_str()), ("XA", "v1"));
        assert_eq!(info.signature_algorithm, "1.2.840.10045.4.3.2");
        let read = |keys: Vec<ProbedKey>| keys.into_iter().map(ProbedKey::read).collect::<Vec<_>>();
        assert_eq!((read(probed.keys), read(probed.revised_keys)), both(bundle), "{}", listed.path);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_independent_reader_of_signed_notes_opens_the_manifest_of_a_run() -> anyhow::Result<()> {
    let run = Run::publish().await?;
    let note = fs::read(run.system.tree().join(proto::manifest::manifest_path(&run.feed)))?;
    let name = proto::manifest::note_name(&run.feed.region);
    let pem = run.system.keys_directory().join(format!("{}-manifest.pem", run.feed.region));
    // openssl unwraps the key; what it prints ends with the key's 32 bytes.
    let der = tools::OPENSSL.run(&[&"pkey", &"-pubin", &"-in", &pem, &"-outform", &"DER"], &[]);
    let der = der.map_err(anyhow::Error::msg)?;
    let known = |key: &[u8]| -> anyhow::Result<VerifierList> {
        let key = [&[1], key].concat();
        let id = Sha256::digest([name.as_bytes(), b"\n", &key].concat());
        let spelled = format!("{name}+{}+{}", hex::encode(&id[..4]), STANDARD.encode(&key));
        let verifier = StandardVerifier::new(&spelled).map_err(|why| anyhow::anyhow!("{why:?}"))?;
        Ok(VerifierList::new(vec![Box::new(verifier)]))
    };
    let key = der.last_chunk::<32>().context("32 bytes")?;
    let read = Note::from_bytes(&note).map_err(|why| anyhow::anyhow!("{why:?}"))?;
    assert!(read.verify(&known(key)?).is_ok());
    let mut other = *key;
    other[0] ^= 1;
    assert!(known(&other).is_err() || read.verify(&known(&other)?).is_err(), "another key opens it, too");

    // The text that it found good is the one that we parse.
    assert_eq!(std::str::from_utf8(read.text())?, Manifest::render(&run.checked.manifest));
    Ok(())
}
