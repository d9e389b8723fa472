//! `exporter keys list`: every key of a directory.

use std::path::PathBuf;

use clap::Args;
use store::Clock;

use super::super::output::{fail, print_json, say};
use super::super::verdicts::moment;
use crate::config::{RegionKeyId, key_id};
use crate::keys::{self, KeyStanding, KeyState};

/// What can be typed after `keys list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Where the keys are.
    #[arg(long)]
    dir: PathBuf,

    /// What phones know first keys by, as `exporter once` is told. Default: the region itself and `v1`.
    #[arg(long = "key-id", env = "EXPORTER_KEY_IDS", value_name = "REGION=ID[:VERSION]", value_delimiter = ',')]
    key_ids: Vec<RegionKeyId>,

    /// Print the keys as JSON.
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) const HELP: &str = "\
States:
  current  it signs what is sealed now (of manifest keys: it signs every manifest)
  next     it is announced, and signs from the time that is shown on
  standby  it signed, and still signs what was sealed for it; `keys rotate --to VERSION` goes back to it
  unused   a rotation was interrupted before it had a turn: repeat that

The hash is SHA-256 of the public key (SubjectPublicKeyInfo, DER), what `openssl pkey -pubin -outform DER | sha256sum` shows. Private halves are shown
to nobody.

Exit codes: 0; 1 if the directory cannot be read; 2 if a key or a file of turns is none, or others may read a private key; 64 if the command line was
not understood.

JSON (--json): {\"keys\": [{\"region\", \"use\": \"gaen|tcn|manifest\", \"key\": \"ID-VERSION\" or null, \"state\", \"from\": UTC seconds or null,
\"spki_sha256\": HEX, \"file\": NAME}]}, or {\"error\", \"kind\"}.";

/// Does what was typed; the exit code.
pub(super) fn list(args: &ListArgs, clock: &Clock) -> u8 {
    let listed = keys::list(&args.dir, clock.now(), |region| key_id(&args.key_ids, region));
    match listed {
        Ok(keys) => {
            if args.json {
                print_json(&serde_json::json!({ "keys": keys }));
            } else {
                keys.iter().for_each(|key| say(&tell(key)));
            }
            0
        }
        Err(why) => fail(&why, args.json),
    }
}

fn tell(key: &KeyStanding) -> String {
    let state = match key.state {
        KeyState::Current => "current",
        KeyState::Next => "next",
        KeyState::Standby => "standby",
        KeyState::Unused => "unused",
    };
    let from = key.from.map_or_else(|| "-".to_owned(), moment);
    let name = key.key.as_deref().unwrap_or("-");
    format!("{:8} {:8} {name:20} {state:8} {from:20} {} {}\n", key.region, key.usage, key.spki_sha256, key.file)
}
