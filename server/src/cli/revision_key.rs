//! `server revision-key`: generate, rotate, list.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use proto::revision::RevisionKey;
use serde_json::json;
use service::key_file::{self, KeyNote};
use service::say;
use store::{Clock, chance};

/// What to do with the keys under which revision tokens are sealed.
#[derive(Debug, Subcommand)]
pub(crate) enum RevisionKeyCommand {
    /// Draw the first key and write it into a new file, mode 600. An existing file is never overwritten.
    Generate {
        #[command(flatten)]
        file: KeyFile,
    },
    /// Draw a key under which tokens are sealed from now on. Those before it go on opening what they sealed until they retire, and are dropped by the
    /// first rotation after that.
    ///
    /// A server that runs over the same file notices at once. Where servers have copies of it, first add the new line as the last of every copy, and
    /// then make it the first of every copy.
    Rotate {
        #[command(flatten)]
        file: KeyFile,
        /// How long the keys before it are good for. A key of today can be uploaded, and so revised, for 16 days; the rest is for phones that are
        /// late. 0 if a key leaked.
        #[arg(long, value_name = "DAYS", default_value_t = 32)]
        overlap_days: u32,
    },
    /// List the keys, the current one first: id, a digest that tells it from others, and when it retires.
    List {
        #[command(flatten)]
        file: KeyFile,
    },
}

/// Where the keys are.
#[derive(Debug, Args)]
pub(crate) struct KeyFile {
    /// The file with the keys under which revision tokens are sealed.
    #[arg(long, value_name = "FILE", env = "SERVER_REVISION_KEY_FILE")]
    revision_key_file: PathBuf,
}

/// Runs one of them.
pub(crate) fn run(command: RevisionKeyCommand, json: bool) -> anyhow::Result<()> {
    let rng = &mut chance::source();
    let notes = match command {
        RevisionKeyCommand::Generate { file } => {
            key_file::create::<RevisionKey>(&file.revision_key_file, rng).context("no key was written")?
        }
        RevisionKeyCommand::Rotate { file, overlap_days } => {
            let now = Clock::system().now();
            let retire = now.plus(i64::from(overlap_days) * 86_400);
            key_file::rotate::<RevisionKey>(&file.revision_key_file, (now, retire), rng).context(
                "the key was not rotated; a file whose name ends in .new beside it is another rotation, or what one left that was interrupted",
            )?
        }
        RevisionKeyCommand::List { file } => key_file::list::<RevisionKey>(&file.revision_key_file)?,
    };
    let text = notes.iter().map(KeyNote::to_string).collect::<Vec<_>>().join("\n");
    Ok(say(json, &json!({ "keys": notes }), &text)?)
}
