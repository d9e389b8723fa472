//! Somebody tries codes from hundreds of networks, and honest people do not pay.

use std::collections::BTreeMap;

use proto::ReportType;
use proto::api::verification::{API_KEY_HEADER, VerifyRequest};
use tests::authority::Authority;
use tests::engine::Engine;
use tests::system::System;
use tests::wire::{Reply, Request};
use tokio::task::JoinSet;

on_both_engines! {
    under_attack_from_hundreds_of_networks_honest_codes_still_work,
    of_two_hundred_guesses_from_one_network_at_once_ten_are_looked_up,
}

/// How many networks attack, and how often each tries: nine seconds of a hundred guesses a second.
const NETWORKS: usize = 300;
const ROUNDS: usize = 3;
/// How many guesses are under way at a time.
const AT_ONCE: usize = 8;
/// What is looked up in vain for one authority in an hour.
const BUDGET: usize = 500;

/// Claims a code as a phone of the network to which this address belongs.
async fn claim(authority: &Authority, address: &str, code: &str) -> anyhow::Result<Reply> {
    let body = serde_json::to_vec(&VerifyRequest { code: code.to_owned(), ..VerifyRequest::default() })?;
    let request = Request::post_json("/api/verify", body).with("X-Forwarded-For", address);
    request.with(API_KEY_HEADER, &authority.device_key).send(authority.verification).await
}

/// Sends wrong codes from these addresses, so many at a time; how many answers had which status.
async fn guess(authority: &Authority, addresses: Vec<String>, at_once: usize) -> anyhow::Result<BTreeMap<u16, usize>> {
    let (device_key, service) = (authority.device_key.clone(), authority.verification);
    let (mut under_way, mut statuses) = (JoinSet::new(), BTreeMap::new());
    let mut addresses = addresses.into_iter();
    loop {
        while under_way.len() < at_once
            && let Some(address) = addresses.next()
        {
            let request = Request::post_json("/api/verify", br#"{"code":"00000000"}"#.to_vec());
            let request = request.with("X-Forwarded-For", &address).with(API_KEY_HEADER, &device_key);
            under_way.spawn(request.send(service));
        }
        let Some(reply) = under_way.join_next().await else { return Ok(statuses) };
        *statuses.entry(reply??.status).or_insert(0) += 1;
    }
}

async fn under_attack_from_hundreds_of_networks_honest_codes_still_work(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let mut codes = Vec::new();
    for _ in 0..21 {
        codes.push(authority.issue(ReportType::Confirmed, "2021-03-09").await?.code);
    }
    let last = codes.pop().expect("a code");
    let attackers = (0..ROUNDS * NETWORKS).map(|number| number % NETWORKS);
    let addresses = attackers.map(|network| format!("100.{}.{}.1", network / 100, network % 100)).collect();
    let honest = async {
        for (number, code) in codes.iter().enumerate() {
            let reply = claim(&authority, &format!("192.0.{number}.1"), code).await?;
            assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        }
        anyhow::Ok(())
    };
    let (statuses, served) = tokio::join!(guess(&authority, addresses, AT_ONCE), honest);
    served?;
    let statuses = statuses?;
    let looked_up = statuses.get(&400).copied().unwrap_or_default();
    // Those under way when the budget was spent may have been looked up, too.
    assert!((BUDGET..BUDGET + AT_ONCE).contains(&looked_up), "{statuses:?}");
    assert_eq!(looked_up + statuses[&429], ROUNDS * NETWORKS, "and nothing else was said");

    let refused = claim(&authority, "100.0.1.1", &last).await?;
    let wait: i64 = refused.header("retry-after").expect("a time to wait").parse()?;
    assert!(refused.status == 429 && (1..=3_600).contains(&wait), "{} {wait}", refused.status);
    let fresh = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    assert_eq!(fresh.len(), 11, "no more digits are issued in this hour");
    assert_eq!(claim(&authority, "100.0.2.1", &fresh).await?.status, 200, "and what is works everywhere");
    assert_eq!(claim(&authority, "192.0.99.1", &last).await?.status, 200);
    drop(system);
    Ok(())
}

async fn of_two_hundred_guesses_from_one_network_at_once_ten_are_looked_up(engine: Engine) -> anyhow::Result<()> {
    let (system, authority) = System::with_authority_on(engine).await?;
    let addresses = (0..200).map(|host| format!("198.51.100.{host}")).collect();
    let statuses = guess(&authority, addresses, 200).await?;
    assert_eq!(statuses, BTreeMap::from([(400, 10), (429, 190)]));
    drop(system);
    Ok(())
}
