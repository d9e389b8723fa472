//! Where everything is, for people, phones and load testers.

use std::path::PathBuf;

use serde::Serialize;

/// Where the parts of a deployment are and what opens them. As JSON it is what `pratique serve` calls `access.json`, with a little more.
#[derive(Debug, Clone, Serialize)]
pub struct Access {
    /// The base URL of the verification services, as phones and authorities reach them.
    pub verification: String,
    /// The base URL of the key servers, as phones reach them.
    pub server: String,
    /// The base URL of the CDN.
    pub cdn: String,
    /// The id of the authority.
    #[serde(rename = "health_authority_id")]
    pub authority: String,
    /// The region of its feeds.
    pub region: String,
    /// Its API keys.
    pub api_keys: ApiKeys,
    /// The directory of the keys that sign bundles and manifests, with their public halves: `REGION-gaen.pem`, `REGION-tcn.pem`,
    /// `REGION-manifest.pem`.
    pub keys: PathBuf,
    /// Where metrics are served, by the name of the process.
    pub metrics: Vec<(String, String)>,
}

/// API keys of an authority.
#[derive(Debug, Clone, Serialize)]
pub struct ApiKeys {
    /// For its staff.
    pub admin: String,
    /// For its app.
    pub device: String,
    /// For its dashboards.
    pub stats: String,
}
