//! One code becomes one token, however many phones try at once.

use std::collections::HashSet;

use proto::ReportType;
use proto::api::verification::{API_KEY_HEADER, VerifyReply, VerifyRequest};
use tests::authority::Authority;
use tests::system::System;
use tests::wire::{Reply, Request};

/// How many try at once.
const PHONES: u8 = 100;

/// Sends all requests at the same time; the replies in their order.
async fn claim_at_once(authority: &Authority, requests: Vec<VerifyRequest>) -> anyhow::Result<Vec<Reply>> {
    let mut claims = Vec::new();
    for request in requests {
        let request = Request::post_json("/api/verify", serde_json::to_vec(&request)?);
        let request = request.with(API_KEY_HEADER, &authority.device_key);
        let service = authority.verification;
        claims.push(tokio::spawn(async move { request.send(service).await }));
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

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_phones_with_one_code_get_one_token() -> anyhow::Result<()> {
    let (_system, authority) = System::with_authority().await?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    let request = |n| VerifyRequest {
        code: code.clone(),
        nonce: proto::api::base64::encode(&[n; 32]),
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

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_retries_of_one_phone_get_the_same_token() -> anyhow::Result<()> {
    let (_system, authority) = System::with_authority().await?;
    for nonce in [String::new(), proto::api::base64::encode(&[7; 32])] {
        let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
        let request = VerifyRequest { code, nonce, ..VerifyRequest::default() };
        let replies = claim_at_once(&authority, vec![request; usize::from(PHONES)]).await?;
        assert!(replies.iter().all(|reply| reply.status == 200));
        assert_eq!(tokens(&replies)?.len(), 1);
    }
    Ok(())
}
