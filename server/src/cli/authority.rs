//! `server authority`: whose certificates are believed, and who may report without one.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};
use proto::Region;
use proto::certificate::CertificateKey;
use serde_json::{Value, json};
use server::admin::{self, AuthorityChange, AuthoritySpec};
use server::operator;
use server::{KeySetUrl, Settings, State};
use service::say;
use store::{AuthorityKey, DEFAULT_MEMO_BYTES, SelfReporting};

use super::authority_text::{to_json, to_text};
use crate::open;

/// What an operator must know whose act was done and is not in the audit.
pub(crate) const NOT_WRITTEN_DOWN: &str =
    "it was done, but could not be written down; the same command again changes nothing and is written down";

/// How many reports an hour an authority takes from anybody, unless it says otherwise: more is not to be expected from apps of 2020.
const PER_HOUR: NonZeroU32 = NonZeroU32::new(60).expect("60 is not 0");

/// What to do with authorities.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityCommand {
    /// Believe an authority. Adding the same id again replaces what was said before; uploads that are stored already stay where they are, a key
    /// that was denied stays denied, and an authority that was disabled stays disabled.
    Add(Add),
    /// Change what is said of an authority. What is not named stays as it is.
    Update(Update),
    /// Believe nothing of an authority from now on; all servers on the database know with the next upload. Nothing of it is deleted; what waits
    /// is published.
    Disable(Name),
    /// Believe an authority again.
    Enable(Name),
    /// Fetch the keys that an authority publishes at once, and say what is different.
    Refresh(Name),
    /// List the authorities, with how it stands with each of their keys.
    List {
        #[command(flatten)]
        settings: Settings,
    },
}

/// Flags of the commands that only need to know which.
#[derive(Debug, Args)]
pub(crate) struct Name {
    #[command(flatten)]
    settings: Settings,
    /// Which authority.
    #[arg(long)]
    id: String,
}

/// Flags of `server authority add`.
#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    settings: Settings,
    /// What phones send as healthAuthorityID: 1 to 64 characters of a to z, 0 to 9, '.', '_' and '-'; case does not matter.
    #[arg(long)]
    id: String,
    /// A file with a public key that signs the authority's certificates: PEM, Ed25519 or P-256. Give all that are in use, so
    /// that a key can be changed without a gap.
    #[arg(long, value_name = "PEM", required_unless_present = "jwks_url", num_args = 1..)]
    public_key: Vec<PathBuf>,
    /// Where the authority publishes its keys itself, as a JWK set: verification serves one at /jwks/ID. Servers fetch it every quarter of an
    /// hour. Its Ed25519 and P-256 keys are believed beside those of --public-key; one that has left it for an hour yet, and all of them for 7 days
    /// if it cannot be fetched.
    #[arg(long, value_name = "URL")]
    jwks_url: Option<String>,
    /// Fetch --jwks-url over plain http although it is no loopback address. Whoever stands between could give keys of their own.
    #[arg(long, requires = "jwks_url")]
    allow_http: bool,
    /// Where the authority's keys are published: 1 to 8 characters of A to Z, 0 to 9 and '-', usually an ISO 3166 code.
    #[arg(long, value_name = "REGION", required = true, num_args = 1..)]
    region: Vec<Region>,
    /// `iss` of its certificates, if that is not its id.
    #[arg(long)]
    issuer: Option<String>,
    /// `aud` of its certificates.
    #[arg(long, default_value = admin::DEFAULT_AUDIENCE)]
    audience: String,
    #[command(flatten)]
    policy: Policy,
}

/// Flags of `server authority update`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    #[command(flatten)]
    settings: Settings,
    /// Which authority.
    #[arg(long)]
    id: String,
    /// All public keys that sign the authority's certificates from now on, as for `add`.
    #[arg(long, value_name = "PEM", num_args = 1..)]
    public_key: Option<Vec<PathBuf>>,
    /// Believe no key from a file any more, only those that the authority publishes itself.
    #[arg(long, conflicts_with = "public_key")]
    no_public_keys: bool,
    /// Where the authority publishes its keys itself, as for `add`, or none. What was fetched from elsewhere is believed no more.
    #[arg(long, value_name = "URL")]
    jwks_url: Option<String>,
    /// Fetch --jwks-url over plain http although it is no loopback address. Whoever stands between could give keys of their own.
    #[arg(long, requires = "jwks_url")]
    allow_http: bool,
    /// Where the authority's keys are published from now on.
    #[arg(long, value_name = "REGION", num_args = 1..)]
    region: Option<Vec<Region>>,
    /// `iss` of its certificates.
    #[arg(long)]
    issuer: Option<String>,
    /// `aud` of its certificates.
    #[arg(long)]
    audience: Option<String>,
    #[command(flatten)]
    policy: Policy,
}

/// What both have in common.
#[derive(Debug, Args)]
struct Policy {
    /// What certificates call the keys, in the order of --public-key, for issuers that have names of their own, as v1. Default: the RFC 7638
    /// thumbprint of each.
    #[arg(long, value_name = "KID", requires = "public_key", num_args = 1..)]
    kid: Vec<String>,
    /// Who may send TCN reports without a certificate. They are published as REGION/tcn-self, never beside certified ones.
    #[arg(long, value_enum, value_name = "WHO")]
    self_reports: Option<Who>,
    /// How many of these an hour where anybody may; default 60.
    #[arg(long, value_name = "REPORTS", requires = "self_reports")]
    self_reports_per_hour: Option<NonZeroU32>,
    /// How many bytes the memo of a certified TCN report may have, 0 to 255; default 1. Equal memos of more than a byte show everybody which
    /// reports are one person's.
    #[arg(long, value_name = "BYTES")]
    memo_bytes: Option<u8>,
}

/// Who may report without a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Who {
    /// Nobody (the default).
    Off,
    /// Whoever has worked for it: the app asks for a challenge at /v1/challenge and computes for about a second.
    ProofOfWork,
    /// Anybody, so that the apps of CoEpi and Covid Watch work as they are; few an hour.
    Open,
}

impl Policy {
    fn self_reports(&self) -> anyhow::Result<Option<SelfReporting>> {
        let per_hour = self.self_reports_per_hour;
        ensure!(
            per_hour.is_none() || self.self_reports == Some(Who::Open),
            "--self-reports-per-hour goes with --self-reports open"
        );
        Ok(self.self_reports.map(|who| match who {
            Who::Off => SelfReporting::Off,
            Who::ProofOfWork => SelfReporting::ProofOfWork,
            Who::Open => SelfReporting::Open { per_hour: per_hour.unwrap_or(PER_HOUR).get() },
        }))
    }

    /// Reads the keys, under their names if they are given.
    fn keys(&self, files: &[PathBuf]) -> anyhow::Result<Vec<AuthorityKey>> {
        let keys = files.iter().map(|path| read_public_key(path)).collect::<anyhow::Result<Vec<_>>>()?;
        if self.kid.is_empty() {
            return Ok(keys.into_iter().map(AuthorityKey::from).collect());
        }
        if self.kid.len() != keys.len() {
            bail!("give as many names with --kid as files with --public-key");
        }
        Ok(self.kid.iter().cloned().zip(keys).map(|(kid, key)| AuthorityKey { kid, key }).collect())
    }
}

impl AuthorityCommand {
    /// Does it, and says what came of it.
    pub(crate) async fn run(self, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Add(flags) => add(flags, json).await,
            Self::Update(flags) => update(flags, json).await,
            Self::Disable(flags) => disable(flags, json).await,
            Self::Enable(flags) => enable(flags, json).await,
            Self::Refresh(flags) => refresh(flags, json).await,
            Self::List { settings } => list(&settings, json).await,
        }
    }
}

/// Believes an authority from now on; a server that runs on the same database needs no restart.
async fn add(flags: Add, json: bool) -> anyhow::Result<()> {
    let Add { settings, id, public_key, jwks_url, allow_http, region: regions, issuer, audience, policy } = flags;
    let key_set = jwks_url.map(|url| KeySetUrl::parse(&url, allow_http)).transpose()?;
    let spec = AuthoritySpec {
        id,
        issuer,
        audience: Some(audience),
        regions,
        keys: policy.keys(&public_key)?,
        key_set: key_set.clone(),
        self_reports: policy.self_reports()?.unwrap_or_default(),
        memo_bytes: policy.memo_bytes.unwrap_or(DEFAULT_MEMO_BYTES),
    };
    let state = open(&settings).await?;
    let authority = admin::register_authority(&state, spec).await.context("the authority was not added")?;
    audit(&state, "authority add", &authority.id).await?;
    let heading =
        fetched(&state, &authority.id, key_set.is_some(), "Certificates of this authority are believed:").await;
    show(&state, &authority.id, &heading, json).await
}

async fn update(flags: Update, json: bool) -> anyhow::Result<()> {
    let Update { settings, id, public_key, no_public_keys, jwks_url, allow_http, region: regions, .. } = flags;
    let Update { issuer, audience, policy, .. } = flags;
    let keys =
        if no_public_keys { Some(Vec::new()) } else { public_key.map(|files| policy.keys(&files)).transpose()? };
    let parse = |url: String| (url != "none").then(|| KeySetUrl::parse(&url, allow_http)).transpose();
    let key_set = jwks_url.map(parse).transpose()?;
    let moved = matches!(key_set, Some(Some(_)));
    let (self_reports, memo_bytes) = (policy.self_reports()?, policy.memo_bytes);
    let change = AuthorityChange { issuer, audience, regions, keys, key_set, self_reports, memo_bytes };
    let state = open(&settings).await?;
    let authority = admin::update_authority(&state, &id, change).await.context("the authority was not changed")?;
    audit(&state, "authority update", &authority.id).await?;
    let heading = fetched(&state, &authority.id, moved, "This authority is now:").await;
    show(&state, &authority.id, &heading, json).await
}

/// Fetches keys whose place was just named, so that nobody has to wait for a server to do it. That they are not there yet is no failure: the
/// services may be started in any order.
async fn fetched(state: &State, id: &str, wanted: bool, heading: &str) -> String {
    match wanted.then_some(admin::refresh_key_set(state, id)) {
        Some(fetch) => match fetch.await {
            Ok(_) => heading.to_owned(),
            Err(why) => {
                format!("Its keys could not be fetched yet ({why}); servers try again every minute.\n{heading}")
            }
        },
        None => heading.to_owned(),
    }
}

async fn refresh(Name { settings, id }: Name, json: bool) -> anyhow::Result<()> {
    let state = open(&settings).await?;
    let change = admin::refresh_key_set(&state, &id).await;
    let change =
        change.context("nothing has changed; the last good keys are believed for 7 days after they were fetched")?;
    let registered = admin::authority(&state, &id).await?;
    if !change.is_empty() {
        audit(&state, "authority refresh", &id).await?;
    }
    let mut value = to_json(&registered, state.now());
    value["changed"] = json!({ "added": change.added, "replaced": change.replaced, "gone": change.gone });
    let mut text = String::new();
    for (kids, what) in [
        (&change.added, "new"),
        (&change.replaced, "another key than before under the same id, which was believed until now"),
        (&change.gone, "gone; believed for an hour yet"),
    ] {
        kids.iter().for_each(|kid| text += &format!("key {kid}: {what}\n"));
    }
    let heading = if change.is_empty() { "The keys are what they were.\n" } else { &text };
    Ok(say(json, &value, &format!("{heading}{}", to_text(&registered, state.now())))?)
}

/// Writes down what was done to an authority, and how it stands with it then.
async fn audit(state: &State, act: &str, id: &str) -> anyhow::Result<()> {
    let registered = admin::authority(state, id).await?;
    let subject = json!({ "authority": registered.authority.id });
    operator::record(state, act, &subject, &to_json(&registered, state.now()), None).await.context(NOT_WRITTEN_DOWN)
}

/// Says how it stands with an authority after a change.
async fn show(state: &State, id: &str, heading: &str, json: bool) -> anyhow::Result<()> {
    let (registered, now) = (admin::authority(state, id).await?, state.now());
    let heading = if registered.disabled_at.is_some() { "This authority is disabled:" } else { heading };
    Ok(say(json, &to_json(&registered, now), &format!("{heading}\n{}", to_text(&registered, now)))?)
}

async fn disable(Name { settings, id }: Name, json: bool) -> anyhow::Result<()> {
    let state = open(&settings).await?;
    let changed = admin::disable_authority(&state, &id).await.context("nothing was disabled")?;
    audit(&state, "authority disable", &id).await?;
    let text =
        format!("Nothing of {id} is believed from now on. To believe it again: server authority enable --id {id}");
    Ok(say(json, &json!({ "id": id.to_ascii_lowercase(), "disabled": true, "changed": changed }), &text)?)
}

async fn enable(Name { settings, id }: Name, json: bool) -> anyhow::Result<()> {
    let state = open(&settings).await?;
    let changed = admin::enable_authority(&state, &id).await.context("nothing was enabled")?;
    audit(&state, "authority enable", &id).await?;
    let value = json!({ "id": id.to_ascii_lowercase(), "disabled": false, "changed": changed });
    Ok(say(json, &value, &format!("Certificates of {id} are believed."))?)
}

/// A private key in the file is refused like anything else that is no public key, and never repeated.
fn read_public_key(path: &Path) -> anyhow::Result<CertificateKey> {
    let pem = fs::read_to_string(path).with_context(|| format!("cannot read the public key {}", path.display()))?;
    CertificateKey::from_pem(&pem).with_context(|| {
        let path = path.display();
        format!("{path} holds no public key: give a PEM file that begins with BEGIN PUBLIC KEY, Ed25519 or P-256")
    })
}

async fn list(settings: &Settings, json: bool) -> anyhow::Result<()> {
    let state = open(settings).await?;
    let (authorities, now) = (admin::registered_authorities(&state).await?, state.now());
    let text = if authorities.is_empty() {
        "No certificates are believed yet; see server authority add --help.".to_owned()
    } else {
        authorities.iter().map(|registered| to_text(registered, now)).collect::<Vec<_>>().join("\n")
    };
    Ok(say(json, &authorities.iter().map(|registered| to_json(registered, now)).collect::<Value>(), &text)?)
}
