//! The settings of a pass. Each doc comment here is the text of `exporter once --help`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use proto::bundle::{MAX_KEYS, MAX_REPORTS, SigningKeyId};
use proto::{Feed, Kind, Malformed, Region};
use store::DatabaseUrl;

use crate::bucket::S3Place;
use crate::coepi::feed_of_reports;
use crate::error::ExportError;
pub use crate::gateway_spec::{GatewayKeys, GatewaySpec};
pub use crate::key_names::{CoSigner, RegionKeyId, key_id};
use crate::policy::{Policy, PolicyFlags, minimum};
use crate::read_replica::ReplicaFlags;

/// Fewer keys than this are held: a small bundle tells who is in it.
const MINIMUM_KEYS: u32 = 1_000;
/// The same for reports.
const MINIMUM_REPORTS: u32 = 50;

/// Where keys come from, where bundles go, and how large a bundle is.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The key database that the server writes: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`. A connection over a network needs
    /// TLS unless the URL ends with `?sslmode=disable`; `?sslrootcert=FILE` names the authority that signed the database's certificate.
    #[arg(long, env = "EXPORTER_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: DatabaseUrl,

    /// Where bundles are published, by name and URL: `main=file:/srv/cdn` or `cloud=s3://BUCKET/PREFIX?region=REGION`; `exporter --help` tells what
    /// else an S3 URL may say, and where credentials come from. Repeat it for replicas, or separate them with commas.
    #[arg(
        long = "bucket",
        env = "EXPORTER_BUCKETS",
        value_name = "NAME=URL",
        value_delimiter = ',',
        required = true,
        hide_env_values = true
    )]
    pub buckets: Vec<BucketSpec>,

    /// The directory of private keys: `REGION-gaen.key.pem`, `REGION-tcn.key.pem` and `REGION-manifest.key.pem`, readable by their owner
    /// alone. `exporter keys generate` makes them.
    #[arg(long, env = "EXPORTER_SIGNING_KEY_DIR", value_name = "DIR")]
    pub signing_key_dir: PathBuf,

    /// The id, and optionally the version, that phones know a region's signing keys by, for instance `NO=242` or `NO=242:v2`. Default: the
    /// region itself and `v1`. A region without feeds is refused, here and in --co-sign.
    #[arg(long = "key-id", env = "EXPORTER_KEY_IDS", value_name = "REGION=ID[:VERSION]", value_delimiter = ',')]
    pub key_ids: Vec<RegionKeyId>,

    /// Sign the bundles of a region, or of its GAEN or TCN feeds alone, with this version of its keys too, after the key whose turn it is: for
    /// instance `NO=v1` or `NO-gaen=v1`. Off unless set, and meant to be: phones with microG refuse a bundle with a signature that they do not
    /// know, and iOS reads only the first one. Repeat it for several, or separate them with commas.
    #[arg(long = "co-sign", env = "EXPORTER_CO_SIGN", value_name = "REGION[-USE]=VERSION", value_delimiter = ',')]
    pub co_sign: Vec<CoSigner>,

    /// The keys of Oblivious HTTP gateways that manifests announce, as SERVICE=KEYS; SERVICE is server or verification. Phones that compare seal
    /// to no other key. KEYS is a file that `ohttp-key export` of the service wrote, which is read in each pass; the SHA-256 of a key that its
    /// `ohttp-key list` shows; or none, to withdraw all. Repeat it for several, or separate them with commas. Without it for a service, what was
    /// announced of it stays.
    #[arg(long = "gateway", env = "EXPORTER_GATEWAYS", value_name = "SERVICE=KEYS", value_delimiter = ',')]
    pub gateways: Vec<GatewaySpec>,

    /// Render this TCN feed for apps made from CoEpi's too, which ask by intervals of six hours: what was sealed in interval N - 1 is
    /// `FEED/coepi/21600/N.json`, a JSON array of base64, there before N begins. The feed is not sealed in the last quarter of an hour of an
    /// interval; say it to every exporter of the feed, and let one pass in each such quarter. Repeat it for several, or separate them with commas.
    #[arg(long = "coepi", env = "EXPORTER_COEPI", value_name = "FEED", value_delimiter = ',', value_parser = feed_of_reports)]
    pub coepi: Vec<Feed>,

    /// Only these feeds, for instance `NO/gaen`. Default: every feed of the database.
    #[arg(long = "feed", value_name = "FEED")]
    pub feeds: Vec<Feed>,

    /// Hold a GAEN feed while fewer keys than this may be released; 1 to 1000000.
    #[arg(long, env = "EXPORTER_MINIMUM_KEYS", value_name = "KEYS", default_value_t = MINIMUM_KEYS, value_parser = minimum)]
    pub minimum_keys: u32,

    /// Hold a TCN feed while fewer reports than this may be released; 1 to 1000000.
    #[arg(long, env = "EXPORTER_MINIMUM_REPORTS", value_name = "REPORTS", default_value_t = MINIMUM_REPORTS, value_parser = minimum)]
    pub minimum_reports: u32,

    /// Hold revised keys and withdrawn reports of a feed while fewer than this may be released; they leave with ordinary ones, never alone. Default:
    /// a fifth of the feed's minimum. Few revised keys in a bundle may be one person's; after `server withdraw` it may be worth it.
    #[arg(long, env = "EXPORTER_MINIMUM_REVISED", value_name = "ENTRIES", value_parser = minimum)]
    pub minimum_revised: Option<u32>,

    /// At most this many keys in a bundle.
    #[arg(long, value_name = "KEYS", default_value_t = MAX_KEYS as u32, value_parser = clap::value_parser!(u32).range(1..=MAX_KEYS as i64))]
    pub maximum_keys: u32,

    /// At most this many reports in a bundle.
    #[arg(long, value_name = "REPORTS", default_value_t = MAX_REPORTS as u32, value_parser = clap::value_parser!(u32).range(1..=MAX_REPORTS as i64))]
    pub maximum_reports: u32,

    /// What else is said of sealing.
    #[command(flatten)]
    pub sealing: PolicyFlags,

    /// What is said of a read replica.
    #[command(flatten)]
    pub replica: ReplicaFlags,
}

impl Settings {
    /// The default settings for a database and a directory of keys, without buckets.
    pub const fn new(database_url: DatabaseUrl, signing_key_dir: PathBuf) -> Self {
        Self {
            database_url,
            buckets: Vec::new(),
            signing_key_dir,
            key_ids: Vec::new(),
            co_sign: Vec::new(),
            gateways: Vec::new(),
            coepi: Vec::new(),
            feeds: Vec::new(),
            minimum_keys: MINIMUM_KEYS,
            minimum_reports: MINIMUM_REPORTS,
            minimum_revised: None,
            maximum_keys: MAX_KEYS as u32,
            maximum_reports: MAX_REPORTS as u32,
            sealing: PolicyFlags::DEFAULT,
            replica: ReplicaFlags::DEFAULT,
        }
    }

    /// How a feed is sealed.
    pub fn policy(&self, feed: &Feed) -> Policy {
        let (minimum, maximum) = match feed.kind {
            Kind::Gaen => (self.minimum_keys, self.maximum_keys),
            Kind::Tcn => (self.minimum_reports, self.maximum_reports),
        };
        self.sealing.policy(feed, (minimum, self.minimum_revised, maximum))
    }

    /// Whether the settings make sense together.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] if two policies are set for one feed, or two ids for the keys of one region.
    pub(crate) fn ensure_sound(&self) -> Result<(), ExportError> {
        if let Some(feed) = self.sealing.twice() {
            return Err(ExportError::GiveUp(format!("policy: {feed} has two; say everything of a feed in one")));
        }
        let mut later = self.key_ids.iter().enumerate();
        let twice = later.find(|(at, one)| self.key_ids[..*at].iter().any(|before| before.region == one.region));
        match twice {
            Some((_, set)) => Err(ExportError::GiveUp(format!("key-id: {} has two; phones know one", set.region))),
            None => Ok(()),
        }
    }

    /// Whether all that the settings name is there. What is mistyped would else not count, and a region whose key id does not count is signed for under
    /// another, which every phone refuses.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] with the field, and what these feeds lack.
    pub(crate) fn ensure_known(&self, known: &[Feed]) -> Result<(), ExportError> {
        let feed = |field, feed: &Feed| (!known.contains(feed)).then(|| (field, feed.to_string()));
        let key_id = |set: &RegionKeyId| {
            let is_known = known.iter().any(|feed| feed.region == set.region);
            (!is_known).then(|| ("key-id", format!("feed of region {}", set.region)))
        };
        let co_sign = |besides: &CoSigner| {
            let is_known = known.iter().any(|feed| besides.is_for(feed));
            let kind = besides.kind.map(|kind| format!("{} ", kind.as_str())).unwrap_or_default();
            (!is_known).then(|| ("co-sign", format!("{kind}feed of region {}", besides.region)))
        };
        let of_feeds = self.feeds.iter().find_map(|wanted| feed("feed", wanted));
        let of_policies = || self.sealing.policies.iter().find_map(|own| feed("policy", &own.feed));
        let of_coepi = || self.coepi.iter().find_map(|wanted| feed("coepi", wanted));
        let of_key_ids = || self.key_ids.iter().find_map(key_id);
        let of_co_signers = || self.co_sign.iter().find_map(co_sign);
        match of_feeds.or_else(of_policies).or_else(of_coepi).or_else(of_key_ids).or_else(of_co_signers) {
            None => Ok(()),
            Some((field, unknown)) => Err(ExportError::GiveUp(format!(
                "{field}: the database has no {unknown}; `server authority add --region` makes a region's feeds"
            ))),
        }
    }

    /// The id that phones know a region's keys by.
    ///
    /// # Errors
    /// [`ExportError::GiveUp`] if the region makes no valid id; give it one with `--key-id`.
    pub fn key_id(&self, region: &Region) -> Result<SigningKeyId, ExportError> {
        key_id(&self.key_ids, region)
    }

    /// The keys that sign a feed's bundles besides the one whose turn it is.
    ///
    /// # Errors
    /// As [`key_id`](Self::key_id).
    pub(crate) fn co_signers(&self, feed: &Feed) -> Result<Vec<SigningKeyId>, ExportError> {
        let first = self.key_id(&feed.region)?;
        let of_feed = self.co_sign.iter().filter(|besides| besides.is_for(feed));
        Ok(of_feed.map(|besides| SigningKeyId { id: first.id.clone(), version: besides.version.clone() }).collect())
    }
}

/// A bucket by name and URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSpec {
    /// `[a-z0-9-]{1,32}`: what the database and the log call it. Another name is another bucket, to be filled anew.
    pub name: String,
    /// Where it is.
    pub url: BucketUrl,
}

/// Where a bucket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketUrl {
    /// A directory that a web server publishes.
    Directory(PathBuf),
    /// A bucket of an S3-compatible object store.
    S3(Box<S3Place>),
}

impl FromStr for BucketSpec {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (name, url) = text.split_once('=').ok_or_else(|| Malformed::new("bucket", "must be NAME=URL"))?;
        let fits = (1..=32).contains(&name.len());
        if !fits || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            return Err(Malformed::new("bucket", "the name must be 1 to 32 characters of a to z, 0 to 9 and -"));
        }
        if url.starts_with("s3:") {
            return Ok(Self { name: name.to_owned(), url: BucketUrl::S3(Box::new(url.parse()?)) });
        }
        // `file:PATH` and `file:///PATH` are the same; a host after `file://` is not a place we can write to.
        let path = url.strip_prefix("file:").map(|path| path.strip_prefix("//").unwrap_or(path));
        match path {
            Some(path) if !path.is_empty() && (!url.starts_with("file://") || path.starts_with('/')) => {
                Ok(Self { name: name.to_owned(), url: BucketUrl::Directory(PathBuf::from(path)) })
            }
            _ => Err(Malformed::new("bucket", "the URL must be file:PATH or s3://BUCKET/PREFIX")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_name_and_a_place() {
        for (text, path) in [("main=file:cdn", "cdn"), ("b-2=file:/srv/cdn", "/srv/cdn"), ("c=file:///srv", "/srv")] {
            let spec: BucketSpec = text.parse().expect("valid");
            assert_eq!(spec.url, BucketUrl::Directory(PathBuf::from(path)), "{text}");
        }
    }

    #[test]
    fn a_bad_setting_is_refused_with_its_name() {
        for text in [
            "",
            "main",
            "=file:x",
            "Main=file:x",
            "a b=file:x",
            "main=",
            "main=file:",
            "main=s3://x",
            "main=s3:keys",
            "main=http://keys",
            "m=file://host/x",
        ] {
            assert_eq!(text.parse::<BucketSpec>().expect_err(text).field, "bucket");
        }
        assert_eq!("NO".parse::<RegionKeyId>().expect_err("no id").field, "key-id");
        assert_eq!("no=242".parse::<RegionKeyId>().expect_err("lower case").field, "region");
    }

    #[test]
    fn what_the_help_says_of_sealing_is_what_holds_without_flags() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            settings: Settings,
        }
        let line = ["x", "--database-url", "sqlite:x", "--signing-key-dir", "k", "--bucket", "a=file:b"];
        let typed = <Line as clap::Parser>::try_parse_from(line).expect("a command line").settings;
        let made = Settings::new("sqlite:x".parse().expect("valid"), PathBuf::new());
        for kind in Kind::ALL {
            let feed = Feed::verified("NO".parse().expect("a region"), kind);
            assert_eq!(typed.policy(&feed), made.policy(&feed));
        }
    }

    #[test]
    fn what_is_said_of_regions_and_feeds_that_are_not_there_is_refused() {
        let known: Vec<Feed> = ["NO/gaen", "NO/tcn", "SE/tcn"].map(|feed| feed.parse().expect("a feed")).into();
        let settings = || Settings::new("sqlite:x".parse().expect("valid"), PathBuf::new());
        let refused = |settings: &Settings| settings.ensure_known(&known).err().map(|why| why.to_string());
        let key_id = |text: &str| Settings { key_ids: vec![text.parse().expect("valid")], ..settings() };
        let co_sign = |text: &str| Settings { co_sign: vec![text.parse().expect("valid")], ..settings() };
        for good in [settings(), key_id("NO=242"), co_sign("NO=v1"), co_sign("NO-gaen=v1"), co_sign("SE-tcn=v1")] {
            assert_eq!(refused(&good), None);
        }
        for (bad, told) in [
            (key_id("N0=242"), "key-id: the database has no feed of region N0;"),
            (co_sign("N0=v1"), "co-sign: the database has no feed of region N0;"),
            (co_sign("SE-gaen=v1"), "co-sign: the database has no gaen feed of region SE;"),
            (
                Settings { feeds: vec!["SE/gaen".parse().expect("a feed")], ..settings() },
                "feed: the database has no SE/gaen;",
            ),
        ] {
            assert!(refused(&bad).is_some_and(|why| why.starts_with(told)), "{:?}", refused(&bad));
        }
        let mut twice = key_id("NO=242");
        assert!(twice.ensure_sound().is_ok());
        twice.key_ids.push("NO=243".parse().expect("valid"));
        assert!(twice.ensure_sound().expect_err("two").to_string().contains("key-id: NO has two"));
    }

    #[test]
    fn a_key_id_is_the_region_unless_set() {
        let mut settings = Settings::new("sqlite:x".parse().expect("valid"), PathBuf::new());
        let id = |settings: &Settings, region: &str| settings.key_id(&region.parse().expect("region")).expect("id");
        assert_eq!(id(&settings, "US-WA"), SigningKeyId { id: "US-WA".into(), version: "v1".into() });
        settings.key_ids.push("NO=242:v2".parse().expect("valid"));
        assert_eq!(id(&settings, "NO"), SigningKeyId { id: "242".into(), version: "v2".into() });
    }
}
