//! Keys reach every region of their authority, and no other.

use proto::{Feed, Kind, ReportType};
use tests::engine::Engine;
use tests::system::{NOON, System};

on_both_engines! {
    both_regions_of_an_authority_get_every_key_once_and_no_other_region_any,
    a_code_of_one_authority_is_worth_nothing_at_another,
}

async fn both_regions_of_an_authority_get_every_key_once_and_no_other_region_any(engine: Engine) -> anyhow::Result<()> {
    let system = System::start_on(engine, NOON).await?;
    let border = system.authority("border", &["XA", "XB"]).await?;
    let inland = system.authority("inland", &["XC"]).await?;

    let (mut traveller, mut villager) = (system.phone(1, &border)?, system.phone(2, &inland)?);
    let code = border.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let travellers = traveller.past_keys(14).to_vec();
    traveller.report_keys(&code, &travellers).await?;
    let code = inland.issue(ReportType::Likely, "2021-03-09").await?.code;
    let villagers = villager.past_keys(10).to_vec();
    villager.report_keys(&code, &villagers).await?;

    for _ in 0..2 {
        system.export().await?;
        for (region, keys) in [("XA", &travellers), ("XB", &travellers), ("XC", &villagers)] {
            let feed = Feed::verified(region.parse()?, Kind::Gaen);
            let checked = system.outside_reader().check(&feed)?;
            checked.ensure_exactly(keys.iter().map(|key| key.data().to_vec()))?;
        }
    }
    Ok(())
}

async fn a_code_of_one_authority_is_worth_nothing_at_another(engine: Engine) -> anyhow::Result<()> {
    let system = System::start_on(engine, NOON).await?;
    let (border, inland) = (system.authority("border", &["XA"]).await?, system.authority("inland", &["XB"]).await?);
    let mut phone = system.phone(1, &inland)?;
    let keys = phone.past_keys(14).to_vec();
    let upload = phone.key_upload(&keys)?;

    let foreign = border.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let refused = phone.certify(&foreign, &upload.commitment()).await.expect_err("a code of another authority");
    assert_eq!(refused.code(), Some("code_invalid"));

    // A certificate of the one, presented in the name of the other.
    let mut traveller = system.phone(2, &border)?;
    let certificate = traveller.certify(&foreign, &upload.commitment()).await?;
    let refused = phone.publish(&upload, &certificate).await.expect_err("a certificate of another authority");
    assert_eq!(refused.code(), Some("health_authority_verification_certificate_invalid"));

    system.export().await?;
    for region in ["XA", "XB"] {
        let checked = system.outside_reader().check(&Feed::verified(region.parse()?, Kind::Gaen))?;
        assert!(checked.bundles.is_empty());
    }
    Ok(())
}
