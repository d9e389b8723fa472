//! Bundles that the exporter published, read by openssl, protoc, unzip and Python.

use std::fs;
use std::path::PathBuf;

use proto::bundle::{Bundle, Limits};
use proto::gaen::TemporaryExposureKey;
use proto::tcn::SignedReport;
use proto::{Feed, Kind, ReportType};
use sha2::{Digest as _, Sha256};
use tests::authority::Authority;
use tests::system::System;

use crate::text_format::Message;
use crate::tools::{self, OPENSSL, PROTOC, UNZIP};

/// A bundle on disk and its parts, as foreign programs unpacked them.
pub(crate) struct Published {
    pub(crate) zip: PathBuf,
    pub(crate) public_key: PathBuf,
    pub(crate) export_bin: Vec<u8>,
    export_sig: Vec<u8>,
}

impl Published {
    /// The bundle that a feed lists under this path.
    pub(crate) fn unpack(system: &System, feed: &Feed, path: &str) -> anyhow::Result<Self> {
        let zip = system.tree().join(path);
        let unpack = |name: &str| UNZIP.run(&[&"-p", &zip, &name], &[]).map_err(anyhow::Error::msg);
        let public_key = system.keys_directory().join(format!("{}-{}.pem", feed.region, feed.kind));
        Ok(Self { export_bin: unpack("export.bin")?, export_sig: unpack("export.sig")?, zip, public_key })
    }

    /// What openssl says of its signature, if `export.bin` were this.
    pub(crate) fn openssl_verify(&self, export_bin: &[u8]) -> anyhow::Result<Result<Vec<u8>, String>> {
        let folder = tempfile::tempdir()?;
        let (signed, signature_file) = (folder.path().join("export.bin"), folder.path().join("signature.der"));
        fs::write(&signature_file, signature(self)?)?;
        fs::write(&signed, export_bin)?;
        Ok(OPENSSL
            .run(&[&"dgst", &"-sha256", &"-verify", &self.public_key, &"-signature", &signature_file, &signed], &[]))
    }
}

/// The only bundle of the authority's feed of one kind.
async fn publish(system: &System, authority: &Authority, kind: Kind) -> anyhow::Result<Published> {
    system.export().await?;
    let feed = authority.feed(kind);
    let checked = system.outside_reader().check(&feed)?;
    assert_eq!(checked.bundles.len(), 1);
    Published::unpack(system, &feed, &checked.manifest.bundles[0].path)
}

async fn publish_keys() -> anyhow::Result<(System, Vec<TemporaryExposureKey>, Published)> {
    let (system, authority) = System::with_authority().await?;
    let mut phone = system.phone(1, &authority)?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let keys = phone.past_keys(14).to_vec();
    phone.report_keys(&code, &keys).await?;
    let published = publish(&system, &authority, Kind::Gaen).await?;
    Ok((system, keys, published))
}

async fn publish_reports() -> anyhow::Result<(System, Vec<SignedReport>, Published)> {
    let (system, authority) = System::with_authority().await?;
    let mut reports = Vec::new();
    for person in 1..=3 {
        let mut phone = system.phone(person, &authority)?;
        let code = authority.issue(ReportType::Likely, "2021-03-09").await?.code;
        let report = phone.signed_report(24)?;
        phone.report_numbers(&code, std::slice::from_ref(&report)).await?;
        reports.push(report);
    }
    let published = publish(&system, &authority, Kind::Tcn).await?;
    Ok((system, reports, published))
}

/// The signature that protoc finds in `export.sig`.
fn signature(published: &Published) -> anyhow::Result<Vec<u8>> {
    let list = decode("TEKSignatureList", "gaen_export.proto", &published.export_sig)?;
    let signatures = list.messages("signatures");
    assert_eq!(signatures.len(), 1);
    assert_eq!((signatures[0].scalar("batch_num"), signatures[0].scalar("batch_size")), ("1", "1"));
    Ok(signatures[0].bytes("signature"))
}

/// What protoc reads in bytes.
pub(crate) fn decode(message: &str, schema: &str, bytes: &[u8]) -> anyhow::Result<Message> {
    let folder = format!("--proto_path={}", tools::repository().join("proto/schema").display());
    let printed = PROTOC.run(&[&format!("--decode={message}"), &folder, &schema], bytes).map_err(anyhow::Error::msg)?;
    Ok(Message::parse(&String::from_utf8(printed)?))
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_accepts_the_signature_of_a_gaen_bundle_and_of_no_other() -> anyhow::Result<()> {
    let (_system, _, published) = publish_keys().await?;
    assert_eq!(published.openssl_verify(&published.export_bin)?.map_err(anyhow::Error::msg)?, b"Verified OK\n");

    let mut changed = published.export_bin.clone();
    changed[40] ^= 1;
    assert!(published.openssl_verify(&changed)?.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn openssl_accepts_the_signature_of_a_tcn_bundle_and_of_no_other() -> anyhow::Result<()> {
    let (_system, _, published) = publish_reports().await?;
    let folder = tempfile::tempdir()?;
    let (signed, signature_file) = (folder.path().join("message"), folder.path().join("signature"));
    fs::write(&signature_file, signature(&published)?)?;
    let verify = || {
        let key: [&dyn AsRef<std::ffi::OsStr>; 4] = [&"pkeyutl", &"-verify", &"-pubin", &"-inkey"];
        let rest: [&dyn AsRef<std::ffi::OsStr>; 6] =
            [&published.public_key, &"-rawin", &"-in", &signed, &"-sigfile", &signature_file];
        OPENSSL.run(&[key.as_slice(), rest.as_slice()].concat(), &[])
    };
    // Ed25519 signs the header and a digest, so that writers can stream.
    let message = [&published.export_bin[..16], &Sha256::digest(&published.export_bin)].concat();
    fs::write(&signed, &message)?;
    verify().map_err(anyhow::Error::msg)?;

    fs::write(&signed, &published.export_bin)?;
    assert!(verify().is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn protoc_reads_the_keys_that_were_uploaded() -> anyhow::Result<()> {
    let (_system, keys, published) = publish_keys().await?;
    assert_eq!(&published.export_bin[..16], b"EK Export v1    ");
    let export = decode("TemporaryExposureKeyExport", "gaen_export.proto", &published.export_bin[16..])?;
    assert_eq!(
        (export.bytes("region"), export.scalar("batch_num"), export.scalar("batch_size")),
        ("XA".into(), "1", "1")
    );
    let infos = export.messages("signature_infos");
    assert_eq!(infos.len(), 1);
    assert_eq!(infos[0].bytes("signature_algorithm"), b"1.2.840.10045.4.3.2");

    let mut read: Vec<(Vec<u8>, String, String)> = Vec::new();
    for key in export.messages("keys") {
        assert_eq!((key.scalar("transmission_risk_level"), key.scalar("report_type")), ("3", "CONFIRMED_TEST"));
        // Nobody said when symptoms began, so four days before the upload count; every key lies within 14 days of that.
        assert!((-14..=14).contains(&key.scalar("days_since_onset_of_symptoms").parse::<i32>()?));
        let (start, period) = (key.scalar("rolling_start_interval_number"), key.scalar("rolling_period"));
        read.push((key.bytes("key_data"), start.to_owned(), period.to_owned()));
    }
    let mut uploaded: Vec<(Vec<u8>, String, String)> = keys
        .iter()
        .map(|key| (key.data().to_vec(), key.rolling_start().number().to_string(), key.rolling_period().to_string()))
        .collect();
    read.sort();
    uploaded.sort();
    assert_eq!(read, uploaded);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn protoc_reads_the_reports_that_were_uploaded() -> anyhow::Result<()> {
    let (_system, reports, published) = publish_reports().await?;
    assert_eq!(&published.export_bin[..16], b"TCN Export v1   ");
    let export = decode("TcnReportExport", "tcn_export.proto", &published.export_bin[16..])?;
    assert_eq!((export.bytes("region"), export.scalar("schema")), (b"XA".to_vec(), "1"));
    let mut read = Vec::new();
    for report in export.messages("reports") {
        assert_eq!(
            (report.scalar("report_type"), report.scalar("class")),
            ("CONFIRMED_CLINICAL_DIAGNOSIS", "VERIFIED")
        );
        read.push(report.bytes("signed_report"));
    }
    let mut uploaded: Vec<Vec<u8>> = reports.iter().map(|report| report.as_bytes().to_vec()).collect();
    read.sort();
    uploaded.sort();
    assert_eq!(read, uploaded);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn unzip_and_python_find_nothing_wrong_with_a_bundle() -> anyhow::Result<()> {
    let (_system, _, published) = publish_keys().await?;
    UNZIP.run(&[&"-t", &published.zip], &[]).map_err(anyhow::Error::msg)?;
    let listing = tools::python(&[&"-m", &"zipfile", &"-t", &published.zip], &[]).map_err(anyhow::Error::msg)?;
    assert_eq!(listing, b"Done testing\n");
    // What they unpacked is what our own reader reads.
    let bundle = Bundle::read(&fs::read(&published.zip)?, &Limits::default())?;
    assert_eq!(bundle.digest.0, <[u8; 32]>::from(Sha256::digest(&published.export_bin)));
    Ok(())
}
