//! An authority changes the key that signs its certificates, and no phone notices.

use proto::certificate::{Algorithm, UnverifiedCertificate};
use proto::{Kind, ReportType};
use tests::engine::Engine;
use tests::system::{NOON, System};

on_both_engines! {
    no_upload_is_lost_while_the_certificate_key_changes,
}

/// For how long the new key is only published, in seconds.
const OVERLAP: i64 = 3_600;

async fn no_upload_is_lost_while_the_certificate_key_changes(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let new_kid = system.rotate(&authority, Algorithm::Es256, OVERLAP).await?;

    // Before the key server knows of the new key, while both sign, at the turn with the old certificate, and long after.
    let mut uploaded = Vec::new();
    for (seed, certified_at, uploaded_at) in [
        (1, 60, 60),
        (2, 1_900, 1_900),
        (3, OVERLAP - 60, OVERLAP + 600),
        (4, OVERLAP + 30, OVERLAP + 30),
        (5, 7_200, 7_200),
    ] {
        let mut phone = system.phone(seed, &authority)?;
        let keys = phone.past_keys(3).to_vec();
        let upload = phone.key_upload(&keys)?;
        system.set_time(NOON.plus(certified_at));
        let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
        let certificate = phone.certify(&code, &upload.commitment()).await?;
        let kid = UnverifiedCertificate::parse(certificate.as_str())?.kid().map(str::to_owned);
        assert_eq!(kid.as_ref() == Some(&new_kid), certified_at >= OVERLAP, "after {certified_at} s");

        system.set_time(NOON.plus(uploaded_at));
        let receipt = phone.publish(&upload, &certificate).await?;
        assert_eq!((receipt.accepted, receipt.dropped), (3, None), "after {uploaded_at} s");
        uploaded.extend(keys);
        // The operator of the key server looks half an hour into the overlap, and again when the old key has gone.
        if seed == 2 {
            system.fetch_certificate_keys(&authority).await?;
        }
    }
    system.fetch_certificate_keys(&authority).await?;
    let mut last = system.phone(6, &authority)?;
    let keys = last.past_keys(3).to_vec();
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    assert_eq!(last.report_keys(&code, &keys).await?.accepted, 3);
    uploaded.extend(keys);

    system.export().await?;
    let checked = system.outside_reader().check(&authority.feed(Kind::Gaen))?;
    checked.ensure_exactly(uploaded.iter().map(|key| key.data().to_vec()))
}
