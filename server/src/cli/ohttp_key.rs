//! `server ohttp-key`: generate, rotate, list.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;
use service::ohttp::{self, KeyNote};
use service::say;
use store::{Clock, chance};

/// What to do with the keys of the gateway.
#[derive(Debug, Subcommand)]
pub(crate) enum OhttpKeyCommand {
    /// Draw the first key of the gateway and write it into a new file, mode 600. An existing file is never overwritten.
    Generate {
        #[command(flatten)]
        file: KeyFile,
    },
    /// Draw a key that phones seal to from now on. Those before it go on opening what was sealed to them until they retire, and are dropped
    /// by the first rotation after that.
    ///
    /// A service that runs over the same file notices at once. Where services have copies of it, first add the new line as the last of every
    /// copy, and then make it the first of every copy.
    Rotate {
        #[command(flatten)]
        file: KeyFile,
        /// How long the keys before it are good for: longer than phones keep what they fetched, and than the manifest takes to name the
        /// new one. 0 if a key leaked.
        #[arg(long, value_name = "HOURS", default_value_t = 72)]
        overlap_hours: u32,
    },
    /// List the keys, the current one first: id, SHA-256 of what is published of it, and when it retires.
    List {
        #[command(flatten)]
        file: KeyFile,
    },
}

/// Where the keys are.
#[derive(Debug, Args)]
pub(crate) struct KeyFile {
    /// The file with the keys of the Oblivious HTTP gateway.
    #[arg(long, value_name = "FILE", env = "SERVER_OHTTP_KEY_FILE")]
    ohttp_key_file: PathBuf,
}

/// Runs one of them.
pub(crate) fn run(command: OhttpKeyCommand, json: bool) -> anyhow::Result<()> {
    let rng = &mut chance::source();
    let notes = match command {
        OhttpKeyCommand::Generate { file } => ohttp::create(&file.ohttp_key_file, rng).context("no key was written")?,
        OhttpKeyCommand::Rotate { file, overlap_hours } => {
            let now = Clock::system().now();
            let retire = now.plus(i64::from(overlap_hours) * 3_600);
            ohttp::rotate(&file.ohttp_key_file, (now, retire), rng).context(
                "the key was not rotated; a file whose name ends in .new beside it is another rotation, or what one left that was interrupted",
            )?
        }
        OhttpKeyCommand::List { file } => ohttp::list(&file.ohttp_key_file)?,
    };
    let text = notes.iter().map(KeyNote::to_string).collect::<Vec<_>>().join("\n");
    Ok(say(json, &json!({ "keys": notes }), &text)?)
}
