//! `exporter keys rotate`: the next key, or back to an earlier one.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use proto::{Kind, Region, Timestamp};
use serde_json::json;
use store::Clock;

use super::super::output::{fail, print_json, say};
use super::super::verdicts::moment;
use crate::config::{RegionKeyId, key_id};
use crate::error::ExportError;
use crate::keys::{KeyPurpose, MINIMUM_OVERLAP, Rotated, Rotating, rotate as begin, rotate_to};
use crate::units::{duration, shown};

/// What can be typed after `keys rotate`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RotateArgs {
    /// The region, for instance NO or US-WA.
    #[arg(long)]
    region: Region,

    /// Where its keys are.
    #[arg(long)]
    dir: PathBuf,

    /// Only the keys of one use. Default: those of GAEN bundles and those of TCN bundles. A manifest key is replaced only if it is named here.
    #[arg(long = "use", value_name = "USE")]
    usage: Option<Use>,

    /// How long the next key is announced before it takes over, 14d at least and up to an hour more. Default: 14d; with --to at once.
    #[arg(long, value_name = "TIME", value_parser = overlap)]
    overlap: Option<Duration>,

    /// Allow an overlap of less than 14d. Phones that were not online meanwhile, and app stores that were not told, do not know the key when it signs.
    #[arg(long)]
    short_overlap: bool,

    /// What the next key's version is called, 1 to 16 letters, digits, '.' and '_'. Default: v2 after v1, and so on.
    #[arg(long, value_name = "VERSION", conflicts_with = "to")]
    version: Option<String>,

    /// Make no key: give the turn to the one of this version, which is there already, and call off what was planned. The next pass signs with it.
    #[arg(long, value_name = "VERSION")]
    to: Option<String>,

    /// What phones know the first key by, as `exporter once` is told. Default: the region itself and `v1`.
    #[arg(long = "key-id", env = "EXPORTER_KEY_IDS", value_name = "REGION=ID[:VERSION]", value_delimiter = ',')]
    key_ids: Vec<RegionKeyId>,

    /// Print what was done as JSON.
    #[arg(long)]
    json: bool,
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Use {
    /// GAEN bundles.
    Gaen,
    /// TCN bundles.
    Tcn,
    /// Manifests.
    Manifest,
}

pub(in crate::cli) const HELP: &str = "\
What happens: the key is made at once, in files of its own (`NO-gaen-v2.key.pem`), with a line in `NO-gaen.turns` that says when it takes over. Every
pass from now on announces it in the manifest as next. Then it signs what is sealed; the old key stays in its file, signs what was sealed for it and
not signed yet, and is announced for 15 days more, as long as its bundles are listed. Copy the directory to every exporter before the key takes over;
exporters need no restart. In that time tell those who configure phones of the key: for GAEN, Google and Apple look keys up by id and version.

Going back: `exporter keys rotate --region NO --dir keys --to v1` makes v1 sign from the next pass on, and calls off a key that has not taken over. In an
emergency that is the whole procedure; a key that somebody else may have is then best taken out of the directory, so that nothing more is signed with it.

Manifest keys are pinned in apps, and nothing can announce them. With --use manifest a second one is made that signs beside the first from the next pass
on, so apps may pin either. Take the old one's files away when no app is left that pins it alone, and every bucket has been listed once more.

Exit codes:
  0   the files are written
  1   a file could not be written; run it again
  2   refused: a rotation is pending, there is no key yet, others may read one, the overlap is too short
  64  the command line was not understood

JSON (--json): {\"region\", \"keys\": [{\"use\": \"gaen|tcn|manifest\", \"version\", \"takes_over\": UTC seconds or null if it signs from the next pass on,
\"files\": [PATH]}]}, or {\"error\", \"kind\"}.";

/// Does what was typed; the exit code.
pub(super) fn rotate(args: &RotateArgs, clock: &Clock) -> u8 {
    match try_rotate(args, clock) {
        Ok(keys) if args.json => {
            let keys: Vec<_> = keys.iter().map(as_json).collect();
            print_json(&json!({ "region": args.region.as_str(), "keys": keys }));
            0
        }
        Ok(keys) => {
            keys.iter().for_each(|key| say(&tell(&args.region, key)));
            0
        }
        Err(why) => fail(&why, args.json),
    }
}

fn try_rotate(args: &RotateArgs, clock: &Clock) -> Result<Vec<Rotated>, ExportError> {
    let first = key_id(&args.key_ids, &args.region)?;
    let now = clock.now();
    let rotating = Rotating { dir: &args.dir, region: &args.region, first: &first, now };
    let purposes = match args.usage {
        None => vec![KeyPurpose::Bundle(Kind::Gaen), KeyPurpose::Bundle(Kind::Tcn)],
        Some(Use::Gaen) => vec![KeyPurpose::Bundle(Kind::Gaen)],
        Some(Use::Tcn) => vec![KeyPurpose::Bundle(Kind::Tcn)],
        Some(Use::Manifest) => vec![KeyPurpose::Manifest],
    };
    let overlap = args.overlap.map(|overlap| i64::try_from(overlap.as_secs()).unwrap_or(i64::MAX));
    if let Some(version) = &args.to {
        let kind_of = |purpose: &KeyPurpose| match purpose {
            KeyPurpose::Bundle(kind) => Some(*kind),
            KeyPurpose::Manifest => None,
        };
        let kinds: Option<Vec<Kind>> = purposes.iter().map(kind_of).collect();
        let nothing = || ExportError::GiveUp("to: all manifest keys sign; there is none to go back to".to_owned());
        return rotate_to(&rotating, &kinds.ok_or_else(nothing)?, overlap.unwrap_or(0), version);
    }
    let overlap = overlap.unwrap_or(MINIMUM_OVERLAP);
    if overlap < MINIMUM_OVERLAP && !args.short_overlap && purposes != [KeyPurpose::Manifest] {
        let minimum = shown(Duration::from_secs(MINIMUM_OVERLAP.unsigned_abs()));
        return Err(ExportError::GiveUp(format!(
            "overlap: phones need {minimum} to learn of a key before it signs; --short-overlap allows less, for tests"
        )));
    }
    begin(&rotating, &purposes, overlap, args.version.as_deref())
}

fn as_json(key: &Rotated) -> serde_json::Value {
    let Rotated { purpose, version, takes_over, files } = key;
    json!({ "use": purpose.as_str(), "version": version, "takes_over": takes_over.map(Timestamp::unix), "files": files })
}

fn tell(region: &Region, key: &Rotated) -> String {
    let from = match key.takes_over {
        Some(from) => format!("signs from {} on", moment(from.unix())),
        None => "signs beside the others from the next pass on".to_owned(),
    };
    let mut text = format!("{region} {}: {} {from}\n", key.purpose.as_str(), key.version);
    key.files.iter().for_each(|file| text.push_str(&format!("  {}\n", file.display())));
    text
}

fn overlap(text: &str) -> Result<Duration, String> {
    let within = duration(text).filter(|time| time.as_secs() <= 3_650 * 86_400);
    within.ok_or_else(|| "must be a whole number and s, m, h or d: 14d".to_owned())
}
