//! `exporter keys`: the signing keys of regions.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use proto::Region;
use store::Clock;

use super::output::{complain, fail, print_json, say};
use crate::keys;

mod list;
mod rotate;

/// What can be typed after `keys`.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Makes the three keys of a region: for GAEN bundles (ECDSA P-256), TCN bundles and manifests (Ed25519); and, unless
    /// the directory has it, the secret of filler (`filler.key`), one for all regions. Never overwrites a file: with all of them there, it makes none and
    /// exits with 0.
    Generate(GenerateArgs),
    /// Replaces keys of a region: makes the next ones, which are announced and take over when phones know them. Or goes back to earlier ones.
    #[command(after_long_help = rotate::HELP)]
    Rotate(rotate::RotateArgs),
    /// Shows every key: what it signs, whose turn it is, and the hash of its public half.
    #[command(after_long_help = list::HELP)]
    List(list::ListArgs),
}

/// What can be typed after `keys generate`.
#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// The region, for instance NO or US-WA.
    #[arg(long)]
    region: Region,

    /// Where the files go: private keys (`*.key.pem`, mode 0600) with their public halves (`*.pem`) beside them.
    #[arg(long)]
    dir: PathBuf,

    /// Print the files that were made as JSON: {"region", "files": [PATH]}, or {"error", "kind"}.
    #[arg(long)]
    json: bool,
}

/// Does what was typed; the exit code.
pub(super) fn keys(command: &KeysCommand, clock: &Clock) -> u8 {
    match command {
        KeysCommand::Generate(args) => generate(args),
        KeysCommand::Rotate(args) => rotate::rotate(args, clock),
        KeysCommand::List(args) => list::list(args, clock),
    }
}

fn generate(args: &GenerateArgs) -> u8 {
    match keys::generate(&args.dir, &args.region) {
        Ok(files) => {
            if args.json {
                print_json(&serde_json::json!({ "region": args.region.as_str(), "files": files }));
            } else if files.is_empty() {
                complain(&format_args!("{} has all its keys in {}; none was made", args.region, args.dir.display()));
            } else {
                files.iter().for_each(|file| say(&format_args!("{}\n", file.display())));
            }
            0
        }
        Err(why) => fail(&why, args.json),
    }
}
