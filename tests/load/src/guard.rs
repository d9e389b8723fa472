//! Nothing is sent to a deployment that has not said that it may be loaded, but the one question whether it may.

use std::time::Duration;

use client::Http;
use proto::api::deployment::{DeploymentHost, TEST_DEPLOYMENT_PATH, TestDeploymentReply};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::time::timeout;

use crate::error::LoadError;
use crate::settings::{Place, Target};
use crate::web;

/// The longest answer that is read, in bytes.
const MOST: usize = 64 * 1_024;
/// How long the whole answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks verification and server, which must both confirm every host of the target, the CDN's among them.
///
/// # Errors
/// [`LoadError::NotConfirmed`].
pub(crate) async fn confirm(http: &Http, target: &Target) -> Result<(), LoadError> {
    let places = [("--verification", &target.verification), ("--server", &target.server), ("--cdn", &target.cdn)];
    // The CDN keeps what it is given and cannot be asked.
    for (service, place) in &places[..2] {
        let hosts = ask(http, service, place).await?;
        for (flag, other) in places {
            let (host, port) = other.host();
            if !hosts.iter().any(|known| known.covers(host, port)) {
                let why =
                    format!("{} says that {host}:{port} of {flag} is not part of its test deployment", place.shown());
                return Err(LoadError::NotConfirmed { service, why });
            }
        }
    }
    Ok(())
}

/// The hosts of the test deployment that a service belongs to.
async fn ask(http: &Http, service: &'static str, place: &Place) -> Result<Vec<DeploymentHost>, LoadError> {
    let refused = |why: &str| LoadError::NotConfirmed { service, why: format!("{} {why}", place.shown()) };
    let url = place.at(TEST_DEPLOYMENT_PATH.trim_start_matches('/'));
    // Whoever answers a byte at a time is silent for no longer than it may be, and is waited for no longer than this all the same.
    let page = timeout(PATIENCE, web::get(http, url, HeaderMap::new(), MOST)).await.unwrap_or(Err("timed_out"));
    let page = page.map_err(|word| refused(&format!("does not answer ({word})")))?;
    if page.status != StatusCode::OK {
        return Err(refused("does not say that it is a test deployment"));
    }
    let reply: Option<TestDeploymentReply> = serde_json::from_slice(&page.body).ok();
    Ok(reply.ok_or_else(|| refused("answers something else than a test deployment does"))?.hosts)
}
