//! `verification keys`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use proto::Timestamp;
use proto::certificate::{Algorithm, CertificateKey};
use serde_json::{Value, json};
use store::{Clock, IssuerKey};
use verification::admin::{self, NewKey, SigningKey};
use verification::{DatabaseSettings, SIGNING_KEY_DIR};

use super::session::{no_authority, open, say};
use super::table::{moment, moment_or_dash, table};

/// What to do with signing keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make an authority's first key: it signs from now on. Its private half stays in the signing key directory; its public half is for the
    /// key server. Later ones come by `keys rotate`.
    Generate(GenerateKey),
    /// Change to a new key without a gap: it is published at once and signs when the overlap is over, so that key servers can fetch it
    /// first. Earlier keys sign until then and stay published until the last certificate under them has expired.
    Rotate(RotateKey),
    /// List the keys, the latest first: which sign, which wait, which are still published, and which have their private half here.
    List(ListKeys),
    /// Let a key sign no more. It stays published until the last certificate under it has expired, unless it must go at once.
    Retire(RetireKey),
}

/// Flags of `verification keys generate`.
#[derive(Debug, Args)]
pub(crate) struct GenerateKey {
    #[command(flatten)]
    key: Key,
}

/// Flags of `verification keys rotate`.
#[derive(Debug, Args)]
pub(crate) struct RotateKey {
    #[command(flatten)]
    key: Key,
    /// How long the new key is published before it signs: a number with s, m, h or d behind it, at most 90d. As long as the slowest key
    /// server takes to fetch it or to be told; 0s if the old key leaked.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = seconds)]
    overlap: i64,
}

/// What a new key is.
#[derive(Debug, Args)]
struct Key {
    #[command(flatten)]
    database: DatabaseSettings,
    /// The directory for its private half, a file of mode 600; the service reads it from there.
    #[arg(long, value_name = "DIR", env = "VERIFICATION_SIGNING_KEY_DIR", default_value = SIGNING_KEY_DIR)]
    signing_key_dir: PathBuf,
    /// The authority whose certificates it signs.
    #[arg(long)]
    authority: String,
    /// How it signs: eddsa, or es256 for key servers that know nothing else.
    #[arg(long, default_value = "eddsa", conflicts_with = "import")]
    algorithm: Algorithm,
    /// Draw no key, but take the one with this public key, PEM, Ed25519 or P-256. Its private half is elsewhere, for instance in the
    /// variable VERIFICATION_SIGNING_KEYS_EXAMPLE of the service of authority "example", as PKCS #8 PEM.
    #[arg(long, value_name = "PEM")]
    import: Option<PathBuf>,
    /// Write the public key into this file too, as PEM for `server authority add --public-key`.
    #[arg(long, value_name = "PEM")]
    public_key: Option<PathBuf>,
}

/// Flags of `verification keys list`.
#[derive(Debug, Args)]
pub(crate) struct ListKeys {
    #[command(flatten)]
    database: DatabaseSettings,
    /// The authority.
    #[arg(long)]
    authority: String,
    /// The directory with private halves, to see which keys could sign here.
    #[arg(long, value_name = "DIR", env = "VERIFICATION_SIGNING_KEY_DIR", default_value = SIGNING_KEY_DIR)]
    signing_key_dir: PathBuf,
    /// List those too that are no longer published.
    #[arg(long)]
    all: bool,
}

/// Flags of `verification keys retire`.
#[derive(Debug, Args)]
pub(crate) struct RetireKey {
    #[command(flatten)]
    database: DatabaseSettings,
    /// The authority.
    #[arg(long)]
    authority: String,
    /// Which key: its id, as `keys list` shows it.
    // One id in 64 begins with a hyphen, which is no flag.
    #[arg(long, allow_hyphen_values = true)]
    kid: String,
    /// Publish it no longer from now on: for a key that leaked. Phones whose certificates it signed ask for new ones.
    #[arg(long)]
    at_once: bool,
}

/// Runs one of them.
pub(crate) async fn run(command: KeysCommand, json: bool) -> anyhow::Result<()> {
    match command {
        KeysCommand::Generate(flags) => generate(flags, json).await,
        KeysCommand::Rotate(flags) => rotate(flags, json).await,
        KeysCommand::List(flags) => list(flags, json).await,
        KeysCommand::Retire(flags) => retire(flags, json).await,
    }
}

async fn generate(flags: GenerateKey, json: bool) -> anyhow::Result<()> {
    let key = flags.key;
    let registry = open(&key.database).await?;
    let published = admin::signing_keys(&registry, &key.authority, Clock::system().now()).await;
    // A second key that signs at once would be one that no key server knows yet: every upload would be refused.
    if !published.with_context(|| no_authority(&key.authority))?.is_empty() {
        anyhow::bail!(
            "{0} has a signing key already; verification keys rotate --authority {0} changes to a new one without a gap",
            key.authority
        );
    }
    let made = admin::add_signing_key(&registry, &key.authority, new_key(&key)?).await;
    let made = made.with_context(|| no_authority(&key.authority))?;
    announce(&key, &made, json)
}

async fn rotate(flags: RotateKey, json: bool) -> anyhow::Result<()> {
    let RotateKey { key, overlap } = flags;
    let made = admin::rotate_signing_key(&open(&key.database).await?, &key.authority, new_key(&key)?, overlap).await;
    let made = made.with_context(|| no_authority(&key.authority))?;
    announce(&key, &made, json)
}

/// The key that the flags ask for.
fn new_key(flags: &Key) -> anyhow::Result<NewKey> {
    let Some(path) = &flags.import else { return Ok(NewKey::Drawn(flags.algorithm, flags.signing_key_dir.clone())) };
    let pem = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let key = CertificateKey::from_pem(&pem).with_context(|| format!("{} holds no public key", path.display()))?;
    Ok(NewKey::Existing(key))
}

/// Says which key signs from when, and gives away its public half.
fn announce(flags: &Key, made: &IssuerKey, json: bool) -> anyhow::Result<()> {
    let (pem, authority) = (made.key.to_pem(), &flags.authority);
    if let Some(path) = &flags.public_key {
        fs::write(path, &pem).with_context(|| format!("cannot write the public key to {}", path.display()))?;
    }
    let file = flags.import.is_none().then(|| admin::signing_key_file(&flags.signing_key_dir, authority, &made.key));
    let private = match &file {
        Some(file) => format!("in {}", file.display()),
        None => "not here: give it to the service by the environment, or leave it where it is".to_owned(),
    };
    let mut value = describe(made);
    value["authority"] = json!(authority);
    value["public_key"] = json!(pem);
    value["private_key_file"] = json!(file);
    let text = format!(
        "Certificates of {authority} are signed by {} from {} on; the private half is {private}.\nGive the key server the public half:\n{pem}",
        made.kid,
        moment(made.signs_from),
    );
    say(json, value, text.trim_end())
}

async fn list(flags: ListKeys, json: bool) -> anyhow::Result<()> {
    let ListKeys { database, authority, signing_key_dir, all } = flags;
    let since = if all { Timestamp::from_unix(0) } else { Clock::system().now() };
    let keys = admin::signing_keys(&open(&database).await?, &authority, since).await;
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for SigningKey { key, standing } in keys.with_context(|| no_authority(&authority))? {
        let can_sign = admin::can_sign(&signing_key_dir, &authority, &key.key).await;
        let mut value = describe(&key);
        (value["state"], value["can_sign"]) = (json!(standing.as_str()), json!(can_sign));
        values.push(value);
        rows.push([
            key.kid,
            key.key.algorithm().to_owned(),
            standing.as_str().to_owned(),
            moment(key.signs_from),
            moment_or_dash(key.retires_at),
            if can_sign { "yes" } else { "no" }.to_owned(),
        ]);
    }
    let text = if rows.is_empty() {
        format!("{authority} has no signing key; run verification keys generate --authority {authority}")
    } else {
        table(["KID", "ALGORITHM", "STATE", "SIGNS FROM", "PUBLISHED UNTIL", "CAN SIGN"], &rows)
    };
    say(json, Value::Array(values), &text)
}

async fn retire(flags: RetireKey, json: bool) -> anyhow::Result<()> {
    let RetireKey { database, authority, kid, at_once } = flags;
    let until =
        admin::retire_signing_key(&open(&database).await?, &authority, &kid, at_once).await.with_context(|| {
            format!("no key was retired; verification keys list --authority {authority} shows which there are")
        })?;
    let text = format!("Key {kid} of {authority} signs no more; it is published until {}.", moment(until));
    say(json, json!({ "authority": authority, "kid": kid, "retires_at": moment(until) }), &text)
}

fn describe(key: &IssuerKey) -> Value {
    json!({
        "kid": key.kid,
        "algorithm": key.key.algorithm(),
        "signs_from": moment(key.signs_from),
        "retires_at": key.retires_at.map(moment),
    })
}

/// Reads a duration as a number of seconds.
fn seconds(text: &str) -> Result<i64, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let found = units.iter().find_map(|(unit, length)| Some((text.strip_suffix(*unit)?, length)));
    let (number, length) = found.ok_or("must end with s, m, h or d")?;
    let number: u32 = number.parse().map_err(|_| "must be a whole number with s, m, h or d behind it")?;
    Ok(i64::from(number) * length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_says_its_unit() {
        let expected = [("0s", 0), ("90m", 5_400), ("24h", 86_400), ("7d", 604_800)];
        for (text, length) in expected {
            assert_eq!(seconds(text), Ok(length));
        }
        for text in ["", "s", "24", "-1h", "1.5h", "1w", "1 h", "99999999999999999999d"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
