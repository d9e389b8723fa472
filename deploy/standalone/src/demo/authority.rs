//! The health authority's side of the conversation: asking for a code.

use std::sync::Arc;

use client::{ClientError, Traffic};
use proto::Malformed;
use proto::api::verification::{API_KEY_HEADER, IssueReply, IssueRequest};

use crate::error::StandaloneError;

/// A code, and what it took to get it: the bodies, without headers.
pub(crate) struct Issued {
    pub(crate) code: String,
    pub(crate) expires_at: i64,
    pub(crate) travelled: Traffic,
}

/// `POST /api/issue`, as the authority's case system would.
pub(crate) async fn issue(base: &str, api_key: &str, symptom_date: &str) -> Result<Issued, StandaloneError> {
    let request = IssueRequest {
        test_type: "confirmed".to_owned(),
        symptom_date: symptom_date.to_owned(),
        ..IssueRequest::default()
    };
    let body = serde_json::to_vec(&request).expect("a struct of strings and numbers serialises");
    let sent = body.len() as u64;
    let asked = http()?.post(format!("{base}/api/issue")).header(API_KEY_HEADER, api_key);
    let asked = asked.header("Content-Type", "application/json").body(body).send().await;
    let answer = asked.map_err(|error| failed(ClientError::Unreachable(error.without_url().to_string())))?;
    let status = answer.status().as_u16();
    let reply = answer.bytes().await.map_err(|error| failed(ClientError::Unreachable(error.to_string())))?;
    if status != 200 {
        let message = String::from_utf8_lossy(&reply).trim_end_matches(['A', '"', '}']).to_owned();
        return Err(failed(ClientError::Refused { status, code: String::new(), message }));
    }
    let issued: IssueReply = serde_json::from_slice(&reply)
        .map_err(|_| failed(ClientError::Malformed(Malformed::new("reply", "is not the documented JSON"))))?;
    let travelled = Traffic { requests: 1, sent, received: reply.len() as u64 };
    Ok(Issued { code: issued.code, expires_at: issued.expires_at_timestamp, travelled })
}

/// A client for plain HTTP on loopback, so no root certificate is needed.
fn http() -> Result<reqwest::Client, StandaloneError> {
    let unusable = || failed(ClientError::Setting(Malformed::new("TLS", "cannot be set up")));
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| unusable())?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().map_err(|_| unusable())
}

fn failed(error: ClientError) -> StandaloneError {
    StandaloneError::Call("issuing a code", error)
}
