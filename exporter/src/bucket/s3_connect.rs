//! Reaching an object store: its address, our credentials, and how long it is waited for.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use super::S3Place;
use crate::error::ExportError;

/// How long a store is waited for before the pass goes on without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long it may take to reach it.
    pub connect: Duration,
    /// How long one attempt of a request may take, and the reading of what it answers.
    pub attempt: Duration,
    /// How often a request is sent, all in all.
    pub attempts: u32,
    /// The wait before the first repetition; each later one is twice as long.
    pub first_wait: Duration,
}

impl Default for Patience {
    /// 5 s to connect; four attempts of 32 s each, which is 16 MB at 4 Mbit/s; waits that double from a tenth of a second.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            attempt: Duration::from_secs(32),
            attempts: 4,
            first_wait: Duration::from_millis(100),
        }
    }
}

impl Patience {
    /// Waits before a request is sent again; false if it was sent often enough. `sent` counts from 1.
    pub(super) async fn again(&self, sent: u32) -> bool {
        if sent >= self.attempts {
            return false;
        }
        tokio::time::sleep(self.first_wait.saturating_mul(1 << (sent - 1).min(16))).await;
        true
    }
}

/// The connection to a place. Nothing is sent yet, except for credentials to the machine or the authority that gives them.
///
/// # Errors
/// [`ExportError::GiveUp`] if nothing says which region it is.
pub(super) async fn client(
    place: &S3Place,
    credentials: Option<Credentials>,
    patience: &Patience,
) -> Result<Client, ExportError> {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts =
        TimeoutConfig::builder().connect_timeout(patience.connect).operation_attempt_timeout(patience.attempt).build();
    let retries =
        RetryConfig::standard().with_max_attempts(patience.attempts).with_initial_backoff(patience.first_wait);
    let mut environment = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        .retry_config(retries);
    if let Some(credentials) = credentials {
        environment = environment.credentials_provider(credentials);
    }
    if let Some(region) = &place.region {
        environment = environment.region(Region::new(region.clone()));
    }
    let environment = environment.load().await;
    if environment.region().is_none() {
        let advice = "no region; add ?region=REGION to the URL or set AWS_REGION";
        return Err(ExportError::GiveUp(format!("bucket s3://{}: {advice}", place.bucket)));
    }
    // What is written is read back and compared by its SHA-256, which says more than a checksum that not every store knows.
    let mut config = aws_sdk_s3::config::Builder::from(&environment)
        .force_path_style(place.path_style)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(endpoint) = &place.endpoint {
        config = config.endpoint_url(endpoint.as_str());
    }
    Ok(Client::from_conf(config.build()))
}
