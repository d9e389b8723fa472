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
use super::environment::Environment;
use super::place::Place;
use crate::error::LoadError;

/// How something is named: its flag, and its variable.
type Name = (&'static str, &'static str);

/// What is loaded.
#[derive(Debug, Clone, Args)]
#[group(skip)]
#[command(next_help_heading = "What is loaded")]
pub struct TargetArgs {
    /// The access.json of `pratique serve`: URLs, region, authority and API keys at once, and the public keys from keys/ beside it. Or
    /// LOAD_ACCESS. Flags count more than what stands in it; beside this flag the environment does not count, beside LOAD_ACCESS it does.
    #[arg(long, value_name = "FILE")]
    pub access: Option<PathBuf>,
    /// The verification service, http:// or https:// (then with a certificate of a public authority, as the others). Or LOAD_VERIFICATION.
    #[arg(long, value_name = "URL")]
    pub verification: Option<String>,
    /// The key server. Or LOAD_SERVER.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// The CDN: the URL below which REGION/gaen/index.txt stands. Or LOAD_CDN.
    #[arg(long, value_name = "URL")]
    pub cdn: Option<String>,
    /// The authority, as uploads name it in healthAuthorityID. Or LOAD_AUTHORITY.
    #[arg(long, value_name = "ID")]
    pub authority: Option<String>,
    /// Every region in which the authority's keys are published, several by commas: each acknowledged key must be found in each of them. Or
    /// LOAD_REGION.
    #[arg(long = "region", value_name = "REGION", value_delimiter = ',')]
    pub regions: Vec<Region>,
    /// A file with the authority's ADMIN key, which issues codes. Or LOAD_ADMIN_KEY_FILE, or the key itself in LOAD_ADMIN_KEY. Without --access one of them is needed.
    #[arg(long, value_name = "FILE")]
    pub admin_key_file: Option<PathBuf>,
    /// A file with its DEVICE key, which stands in the app. Or LOAD_DEVICE_KEY_FILE, or the key itself in LOAD_DEVICE_KEY. Without --access one of them is needed.
    #[arg(long, value_name = "FILE")]
    pub device_key_file: Option<PathBuf>,
    /// A directory with the public keys that apps pin: REGION-manifest.pem, and if they are there REGION-gaen.pem and REGION-tcn.pem. Every
    /// published bundle must be signed by them, or by keys that a manifest announces. Or LOAD_TRUST. Without --access one of
    /// them is needed.
    #[arg(long, value_name = "DIR")]
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
        let environment = Environment::beside(self.access.is_some());
        let file = self.access.clone().or_else(|| environment.get("LOAD_ACCESS").map(PathBuf::from));
        let access = file.as_deref().map(Access::read).transpose()?.unwrap_or_default();
        let given = |(field, variable): Name, flag: &Option<String>, access: Option<String>| {
            let given = flag.clone().or_else(|| environment.get(variable)).or(access);
            given.ok_or_else(|| LoadError::setting(field, "must be set, unless --access is"))
        };
        let place = |names: Name, flag, access| Place::new(names.0, &given(names, flag, access)?);
        let authority = ("--authority", "LOAD_AUTHORITY");
        let admin = Named { field: "--admin-key-file", file: "LOAD_ADMIN_KEY_FILE", key: "LOAD_ADMIN_KEY" };
        let device = Named { field: "--device-key-file", file: "LOAD_DEVICE_KEY_FILE", key: "LOAD_DEVICE_KEY" };
        Ok(Target {
            verification: place(("--verification", "LOAD_VERIFICATION"), &self.verification, access.verification)?,
            server: place(("--server", "LOAD_SERVER"), &self.server, access.server)?,
            cdn: place(("--cdn", "LOAD_CDN"), &self.cdn, access.cdn)?,
            authority: given(authority, &self.authority, access.health_authority_id)?,
            admin_key: admin.api_key(&self.admin_key_file, environment, access.api_keys.admin)?,
            device_key: device.api_key(&self.device_key_file, environment, access.api_keys.device)?,
            feeds: self.feeds(environment, file.as_deref(), access.region.as_deref())?,
            clock_offset: self.clock_offset,
        })
    }

    /// Both verified feeds of every region.
    fn feeds(
        &self,
        environment: Environment,
        access: Option<&Path>,
        of_access: Option<&str>,
    ) -> Result<BTreeMap<Feed, Trust>, LoadError> {
        let mut regions = self.regions.clone();
        if regions.is_empty() {
            let of_environment = environment.get("LOAD_REGION");
            let field = if of_environment.is_some() { "--region" } else { "--access" };
            let named = of_environment.as_deref().or(of_access);
            let named = named.ok_or_else(|| LoadError::setting("--region", "must be set, unless --access is"))?;
            for region in named.split(',') {
                regions.push(region.parse().map_err(|error| LoadError::setting(field, format!("{error}")))?);
            }
        }
        let of_environment = || environment.get("LOAD_TRUST").map(PathBuf::from);
        let beside = || access.map(|file| file.parent().unwrap_or(Path::new(".")).join("keys"));
        let directory = self.trust.clone().or_else(of_environment).or_else(beside);
        let directory = directory.ok_or_else(|| LoadError::setting("--trust", "must be set, unless --access is"))?;
        let feeds = regions.iter().flat_map(|region| Kind::ALL.map(|kind| Feed::verified(region.clone(), kind)));
        feeds.map(|feed| trust(&directory, &feed).map(|trust| (feed, trust))).collect()
    }
}

/// How an API key is named: its flag, and the variables of its file and of itself.
struct Named {
    field: &'static str,
    file: &'static str,
    key: &'static str,
}

impl Named {
    /// From the flag, the environment, or the file of access, in this order.
    fn api_key(
        &self,
        flag: &Option<PathBuf>,
        environment: Environment,
        access: Option<String>,
    ) -> Result<ApiKey, LoadError> {
        let file = flag.clone().or_else(|| environment.get(self.file).map(PathBuf::from));
        match (file, environment.get(self.key).or(access)) {
            (Some(path), _) => ApiKey::read(self.field, &path),
            (None, Some(text)) => ApiKey::new(self.field, &text),
            (None, None) => Err(LoadError::setting(self.field, format!("must be set, or {}, or --access", self.key))),
        }
    }
}

/// Whom a reader of this feed believes: the manifest's key, which announces the others, and the bundles' key if it is there.
fn trust(directory: &Path, feed: &Feed) -> Result<Trust, LoadError> {
    let path = |name: &str| directory.join(format!("{}-{name}.pem", feed.region));
    let refused = |error: proto::Malformed| LoadError::setting("--trust", error.to_string());
    let failed = |path: PathBuf| move |source| LoadError::File { field: "--trust", path, source };
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
