//! The key server follows the keys that the verification service publishes, over HTTP and with no more rights than a server has.

use std::time::Duration;

use anyhow::ensure;
use proto::certificate::{Algorithm, UnverifiedCertificate};
use proto::{Kind, ReportType};
use tests::engine::Engine;
use tests::system::{NOON, System};

on_both_engines! {
    the_key_server_follows_a_rotation_by_itself,
}

/// For how long the new key is only published, in seconds.
const OVERLAP: i64 = 3_600;

async fn the_key_server_follows_a_rotation_by_itself(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    // From now on nobody carries keys from one service to the other.
    system.follow_published_keys(&authority).await?;
    let mut phone = system.phone(1, &authority)?;
    let mut uploaded = phone.past_keys(3).to_vec();
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    ensure!(phone.report_keys(&code, &uploaded).await?.accepted == 3);

    let new_kid = system.rotate(&authority, Algorithm::Es256, OVERLAP).await?;
    system.set_time(NOON.plus(OVERLAP + 600));
    let mut phone = system.phone(2, &authority)?;
    let keys = phone.past_keys(3).to_vec();
    let upload = phone.key_upload(&keys)?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let certificate = phone.certify(&code, &upload.commitment()).await?;
    let kid = UnverifiedCertificate::parse(certificate.as_str())?.kid().map(str::to_owned);
    ensure!(kid.as_ref() == Some(&new_kid), "the new key signs");
    // The set is due by now, and the certificate names a key that is not known: the server looks for it, and the phone tries again.
    let mut tries = 0;
    let receipt = loop {
        match phone.publish(&upload, &certificate).await {
            Ok(receipt) => break receipt,
            Err(error) if tries == 1_800 => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
        tries += 1;
    };
    ensure!(receipt.accepted == 3);
    uploaded.extend(keys);

    system.export().await?;
    let checked = system.outside_reader().check(&authority.feed(Kind::Gaen))?;
    checked.ensure_exactly(uploaded.iter().map(|key| key.data().to_vec()))
}
