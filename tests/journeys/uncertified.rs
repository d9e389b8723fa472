//! Phones that report without a certificate, with crate `client`: whatever the authority asks for, directly or through a relay.

use std::ops::ControlFlow;

use client::{BaseUrl, ClientError, Http, KeyServer, Receipt, Relay};
use proto::manifest::GatewayService;
use proto::proof_of_work::Proof;
use proto::tcn::SignedReport;
use proto::{Feed, Kind};
use rand::CryptoRng;
use store::SelfReporting;
use tests::authority::Authority;
use tests::engine::Engine;
use tests::network::BadNetwork;
use tests::phone::Phone;
use tests::system::System;

on_both_engines! {
    a_phone_does_what_the_authority_asks_for_directly,
    a_phone_does_what_the_authority_asks_for_through_a_relay,
}

async fn a_phone_does_what_the_authority_asks_for_directly(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let server = KeyServer::new(Http::new()?, BaseUrl::new(&system.server.url())?);
    every_mode(&system, &authority, &server).await
}

async fn a_phone_does_what_the_authority_asks_for_through_a_relay(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    system.export_with_gateways().await?;
    let mut follower = system.follower(&authority.feed(Kind::Gaen))?;
    system.phone(9, &authority)?.poll(&mut follower).await?;
    let listed = follower.state.gateway_hashes(GatewayService::Server);
    let (http, base) = (Http::new()?, BaseUrl::new(&system.server.url())?);
    let carrier = BadNetwork::before(system.server.address()).await?;
    let keys = http.ohttp_keys(&base).await?;
    let relay = Relay::new(BaseUrl::new(&format!("{}/ohttp", carrier.url()))?, &keys, Some(listed), chance)?;
    every_mode(&system, &authority, &KeyServer::new(http, base).through(relay)).await?;
    let carried = carrier.carried();
    assert!(!carried.is_empty() && carried.iter().all(|message| !contains(message, b"submitReport")));
    Ok(())
}

fn chance() -> Box<dyn CryptoRng> {
    Box::new(store::chance::source())
}

fn contains(message: &[u8], wanted: &[u8]) -> bool {
    message.windows(wanted.len()).any(|window| window == wanted)
}

/// As an app does: without work first, and with it once it is asked for.
async fn report(
    server: &KeyServer,
    authority: &str,
    report: &SignedReport,
) -> Result<(Receipt, Option<Proof>), ClientError> {
    match server.report_uncertified(authority, report, None).await {
        Err(refused) if refused.code() == Some("proof_of_work_required") => {
            let proof = server.challenge().await?.solve(report, |_| ControlFlow::Continue(())).await?;
            Ok((server.report_uncertified(authority, report, Some(&proof)).await?, Some(proof)))
        }
        answer => Ok((answer?, None)),
    }
}

async fn every_mode(system: &System, authority: &Authority, server: &KeyServer) -> anyhow::Result<()> {
    let [first, second, third]: [Phone; 3] =
        [system.phone(1, authority)?, system.phone(2, authority)?, system.phone(3, authority)?];
    let [first, second, third] = [first.signed_report(24)?, second.signed_report(24)?, third.signed_report(24)?];

    let refused = report(server, &authority.id, &first).await.expect_err("nobody may");
    assert_eq!(refused.code(), Some("self_reports_off"));

    system.take_uncertified(authority, SelfReporting::ProofOfWork).await?;
    let (receipt, proof) = report(server, &authority.id, &first).await?;
    let proof = proof.expect("there was work to do");
    assert_eq!((receipt.accepted, receipt.dropped), (1, None));
    // A reply that was lost costs no more work, and the work for one report is of no use for another.
    assert_eq!(server.report_uncertified(&authority.id, &first, Some(&proof)).await?.accepted, 1);
    let stolen = server.report_uncertified(&authority.id, &third, Some(&proof)).await.expect_err("of no use");
    assert!(matches!(stolen.code(), Some("proof_of_work_invalid" | "challenge_spent")), "{stolen}");

    system.take_uncertified(authority, SelfReporting::Open { per_hour: 10 }).await?;
    let (receipt, proof) = report(server, &authority.id, &second).await?;
    assert_eq!((receipt.accepted, proof), (1, None));

    let nowhere = server.report_uncertified("no/where", &third, None).await;
    assert!(matches!(nowhere, Err(ClientError::Setting(_))));
    system.export().await?;
    let feed = Feed::self_reported("XA".parse()?, Kind::Tcn);
    let checked = system.outside_reader().check(&feed)?;
    checked.ensure_exactly([&first, &second].map(|report| report.as_bytes().to_vec()))
}
