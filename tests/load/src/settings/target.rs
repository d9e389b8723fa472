//! What is loaded: URLs, an authority with its keys, the feeds that are read, and whom their reader believes.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use client::Trust;
use proto::bundle::{BundleKey, Limits};
use proto::manifest::note_name;
use proto::note::NoteVerifier;
use proto::{Feed, Kind, Region};

use super::access::Access;
use super::api_key::ApiKey;
use super::environment::{ADMIN_KEY, DEVICE_KEY, Environment};
use super::place::Place;
use crate::error::LoadError;

/// How settings are named in errors: by the flag, and by the variable that says the same.
const VERIFICATION: &str = "--verification (LOAD_VERIFICATION)";
const SERVER: &str = "--server (LOAD_SERVER)";
const CDN: &str = "--cdn (LOAD_CDN)";
const AUTHORITY: &str = "--authority (LOAD_AUTHORITY)";
const REGION: &str = "--region (LOAD_REGION)";
const ADMIN_KEY_FILE: &str = "--admin-key-file (LOAD_ADMIN_KEY_FILE, LOAD_ADMIN_KEY)";
const DEVICE_KEY_FILE: &str = "--device-key-file (LOAD_DEVICE_KEY_FILE, LOAD_DEVICE_KEY)";
const TRUST: &str = "--trust (LOAD_TRUST)";
const MISSING: &str = "must be set, unless --access is";

/// What is loaded.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "What is loaded")]
pub struct TargetArgs {
    /// The access.json of `pratique serve`: URLs, region, authority and API keys at once, and the public keys from keys/ beside it. Flags count more
    /// than what stands in it; beside this flag the environment does not count, beside LOAD_ACCESS it does.
    #[arg(long, value_name = "FILE", env = "LOAD_ACCESS")]
    pub access: Option<PathBuf>,
    /// The verification service, http:// or https:// (then with a certificate of a public authority, as the others).
    #[arg(long, value_name = "URL", env = "LOAD_VERIFICATION", hide_env_values = true)]
    pub verification: Option<String>,
    /// The key server.
    #[arg(long, value_name = "URL", env = "LOAD_SERVER", hide_env_values = true)]
    pub server: Option<String>,
    /// The CDN: the URL below which REGION/gaen/index.txt stands.
    #[arg(long, value_name = "URL", env = "LOAD_CDN", hide_env_values = true)]
    pub cdn: Option<String>,
    /// The authority, as uploads name it in healthAuthorityID.
    #[arg(long, value_name = "ID", env = "LOAD_AUTHORITY")]
    pub authority: Option<String>,
    /// Every region in which the authority's keys are published, several by commas: each acknowledged key must be found in each of them.
    #[arg(long = "region", value_name = "REGION", env = "LOAD_REGION", value_delimiter = ',')]
    pub regions: Vec<Region>,
    /// A file with the authority's ADMIN key, which issues codes; or the key itself in LOAD_ADMIN_KEY. Without --access one of them is needed.
    #[arg(long, value_name = "FILE", env = "LOAD_ADMIN_KEY_FILE")]
    pub admin_key_file: Option<PathBuf>,
    /// A file with its DEVICE key, which stands in the app; or the key itself in LOAD_DEVICE_KEY. Without --access one of them is needed.
    #[arg(long, value_name = "FILE", env = "LOAD_DEVICE_KEY_FILE")]
    pub device_key_file: Option<PathBuf>,
    /// A directory with the public keys that apps pin: REGION-manifest.pem, and if they are there REGION-gaen.pem and REGION-tcn.pem. Every
    /// published bundle must be signed by them, or by keys that a manifest announces. Without --access it is needed.
    #[arg(long, value_name = "DIR", env = "LOAD_TRUST")]
    pub trust: Option<PathBuf>,
    /// How many seconds the deployment's clock is ahead of this machine's, negative if it is behind: for deployments whose time is moved in tests.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true)]
    pub clock_offset: i64,
}

/// The same, ready to be used.
#[derive(Clone)]
pub struct Target {
    /// The verification service.
    pub verification: Place,
    /// The key server.
    pub server: Place,
    /// The CDN.
    pub cdn: Place,
    /// `healthAuthorityID`.
    pub authority: String,
    /// Issues codes.
    pub admin_key: ApiKey,
    /// Claims them.
    pub device_key: ApiKey,
    /// The feeds of keys and reports in every region, with whom their reader believes.
    pub feeds: BTreeMap<Feed, Trust>,
    /// In seconds.
    pub clock_offset: i64,
}

impl TargetArgs {
    /// Reads the files, and says what is missing.
    ///
    /// # Errors
    /// [`LoadError::Setting`] and [`LoadError::File`].
    pub fn resolve(&self) -> Result<Target, LoadError> {
        let environment = Environment::of_process();
        let access = self.access.as_deref().map(Access::read).transpose()?.unwrap_or_default();
        let given = |field, flag: &Option<String>, access: Option<String>| {
            flag.clone().or(access).ok_or_else(|| LoadError::setting(field, MISSING))
        };
        let place = |field, flag, access| Place::new(field, &given(field, flag, access)?);
        let [admin, device] = [(ADMIN_KEY_FILE, ADMIN_KEY), (DEVICE_KEY_FILE, DEVICE_KEY)];
        let [of_admin, of_device] = [admin.1, device.1].map(|variable| environment.key(variable));
        Ok(Target {
            verification: place(VERIFICATION, &self.verification, access.verification)?,
            server: place(SERVER, &self.server, access.server)?,
            cdn: place(CDN, &self.cdn, access.cdn)?,
            authority: given(AUTHORITY, &self.authority, access.health_authority_id)?,
            admin_key: api_key(admin.0, self.admin_key_file.as_deref(), of_admin.or(access.api_keys.admin))?,
            device_key: api_key(device.0, self.device_key_file.as_deref(), of_device.or(access.api_keys.device))?,
            feeds: self.feeds(access.region.as_deref())?,
            clock_offset: self.clock_offset,
        })
    }

    /// Both verified feeds of every region.
    fn feeds(&self, of_access: Option<&str>) -> Result<BTreeMap<Feed, Trust>, LoadError> {
        let mut regions = self.regions.clone();
        if regions.is_empty() {
            let region = of_access.ok_or_else(|| LoadError::setting(REGION, MISSING))?;
            regions.push(region.parse().map_err(|error| LoadError::setting("--access", format!("{error}")))?);
        }
        let beside = || self.access.as_deref().map(|file| file.parent().unwrap_or(Path::new(".")).join("keys"));
        let directory = self.trust.clone().or_else(beside).ok_or_else(|| LoadError::setting(TRUST, MISSING))?;
        let feeds = regions.iter().flat_map(|region| Kind::ALL.map(|kind| Feed::verified(region.clone(), kind)));
        feeds.map(|feed| trust(&directory, &feed).map(|trust| (feed, trust))).collect()
    }
}

/// An API key from a file, or as it is.
fn api_key(field: &'static str, file: Option<&Path>, text: Option<String>) -> Result<ApiKey, LoadError> {
    match (file, text) {
        (Some(path), _) => ApiKey::read(field, path),
        (None, Some(text)) => ApiKey::new(field, &text),
        (None, None) => Err(LoadError::setting(field, MISSING)),
    }
}

/// Whom a reader of this feed believes: the manifest's key, which announces the others, and the bundles' key if it is there.
fn trust(directory: &Path, feed: &Feed) -> Result<Trust, LoadError> {
    let path = |name: &str| directory.join(format!("{}-{name}.pem", feed.region));
    let refused = |error: proto::Malformed| LoadError::setting(TRUST, error.to_string());
    let failed = |path: PathBuf| move |source| LoadError::File { field: TRUST, path, source };
    let of_manifest = path("manifest");
    let pem = fs::read_to_string(&of_manifest).map_err(failed(of_manifest))?;
    let manifest = NoteVerifier::from_pem(&note_name(&feed.region), &pem).map_err(refused)?;
    let of_bundles = path(feed.kind.as_str());
    let keys = match fs::read_to_string(&of_bundles) {
        Ok(pem) => vec![BundleKey::from_pem(&pem).map_err(refused)?],
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(of_bundles)(error)),
    };
    Ok(Trust { keys, manifest: Some(manifest), limits: Limits::default() })
}
