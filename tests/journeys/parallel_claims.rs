//! One code becomes one token, however many phones try at once.

use std::collections::HashSet;
use std::sync::Arc;

use proto::ReportType;
use proto::api::verification::{API_KEY_HEADER, VerifyReply, VerifyRequest};
use tests::authority::Authority;
use tests::engine::Engine;
use tests::system::System;
use tests::wire::{Reply, Request};
use tokio::sync::Semaphore;

on_both_engines! {
    a_thousand_phones_with_one_code_get_one_token,
    a_thousand_retries_of_one_phone_get_the_same_token,
}

/// How many try.
const PHONES: u16 = 1_000;
/// How many of them at the same moment. Each has a connection, of which this process holds both ends, and it may have a thousand files open.
const AT_ONCE: usize = 200;

/// Sends all requests, as many at a time as connections are to be had; the replies in their order.
async fn claim_at_once(authority: &Authority, requests: Vec<VerifyRequest>) -> anyhow::Result<Vec<Reply>> {
    let connections = Arc::new(Semaphore::new(AT_ONCE));
    let mut claims = Vec::new();
    for (phone, request) in requests.into_iter().enumerate() {
        let request = Request::post_json("/api/verify", serde_json::to_vec(&request)?);
        // Each from a network of its own: none of them pays for the wrong codes of another.
        let network = format!("10.{}.{}.1", phone / 256, phone % 256);
        let request = request.with(API_KEY_HEADER, &authority.device_key).with("X-Forwarded-For", &network);
        let (service, connections) = (authority.verification, Arc::clone(&connections));
        claims.push(tokio::spawn(async move {
            let _connection = connections.acquire_owned().await?;
            request.send(service).await
        }));
    }
    let mut replies = Vec::new();
    for claim in claims {
        replies.push(claim.await??);
    }
    Ok(replies)
}

fn tokens(replies: &[Reply]) -> anyhow::Result<HashSet<String>> {
    let good = replies.iter().filter(|reply| reply.status == 200);
    good.map(|reply| Ok(reply.json::<VerifyReply>()?.token)).collect()
}

async fn a_thousand_phones_with_one_code_get_one_token(engine: Engine) -> anyhow::Result<()> {
    let (_system, authority) = System::with_authority_on(engine).await?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let request = |n: u16| VerifyRequest {
        code: code.clone(),
        nonce: proto::api::base64::encode(&n.to_be_bytes().repeat(16)),
        ..VerifyRequest::default()
    };
    let replies = claim_at_once(&authority, (0..PHONES).map(request).collect()).await?;

    let (good, refused): (Vec<Reply>, Vec<Reply>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!((good.len(), tokens(&good)?.len()), (1, 1));
    for reply in refused {
        let refusal: proto::api::verification::Refusal = reply.json()?;
        assert_eq!((reply.status, refusal.error_code.as_str()), (400, "code_invalid"));
    }
    Ok(())
}

async fn a_thousand_retries_of_one_phone_get_the_same_token(engine: Engine) -> anyhow::Result<()> {
    let (_system, authority) = System::with_authority_on(engine).await?;
    for nonce in [String::new(), proto::api::base64::encode(&[7; 32])] {
        let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
        let request = VerifyRequest { code, nonce, ..VerifyRequest::default() };
        let replies = claim_at_once(&authority, vec![request; usize::from(PHONES)]).await?;
        assert!(replies.iter().all(|reply| reply.status == 200));
        assert_eq!(tokens(&replies)?.len(), 1);
    }
    Ok(())
}
