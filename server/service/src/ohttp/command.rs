//! The command `ohttp-key`, which every program with a gateway has: generate, rotate, export, list.

use std::fmt::Debug;
use std::io;
use std::marker::PhantomData;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use proto::Timestamp;
use rand_core::CryptoRng;
use serde_json::json;

use super::stored_keys::{KeyNote, Rotation, create, export, list, rotate};
use crate::say::say;
use crate::secret_file::SecretFileError;

/// An hour, in seconds.
const HOUR: i64 = 3_600;

/// A program with a gateway.
pub trait Program: Debug + Send + Sync + 'static {
    /// The variable of the environment that names its key file.
    const KEY_FILE: &'static str;
}

/// What to do with the keys of the gateway.
#[derive(Debug, Subcommand)]
pub enum KeyCommand<P: Program> {
    /// Draw the first key of the gateway and write it into a new file, mode 600. An existing file is never overwritten.
    Generate {
        /// Where the keys are.
        #[command(flatten)]
        file: KeyFile<P>,
    },
    /// Draw the next key. Until it has been announced it can be exported and opens what is sealed to it, but phones are not given it; then they
    /// are. Those before it go on opening what was sealed to them until they retire, and are dropped by the first rotation after that.
    ///
    /// Export the keys after it and see to it that the exporter announces them: phones that compare with the manifest seal to no other key, and
    /// go on with the old one while it is good. A service that runs over the same file notices at once. Where services have copies of it, copy
    /// it anew to each of them within the hours of --announce-hours.
    Rotate {
        /// Where the keys are.
        #[command(flatten)]
        file: KeyFile<P>,
        /// How long the new key is only announced: as long as it takes until the exporter has its hash, and then all phones the manifest, which
        /// they read every few hours. 0 to give it to phones at once.
        #[arg(long, value_name = "HOURS", default_value_t = 24)]
        announce_hours: u32,
        /// How long the keys before it are good after that: longer than phones keep what they fetched. 0, and --announce-hours 0, if a key
        /// leaked.
        #[arg(long, value_name = "HOURS", default_value_t = 72)]
        overlap_hours: u32,
    },
    /// Write what may be known of the keys, those included that phones are not given yet, for `exporter once --gateway`: a list of key
    /// configurations (RFC 9458, application/ohttp-keys). An existing list is replaced at once.
    Export {
        /// Where the keys are.
        #[command(flatten)]
        file: KeyFile<P>,
        /// Where the list goes.
        #[arg(long, value_name = "FILE")]
        public: PathBuf,
    },
    /// List the keys, the newest one first: id, SHA-256 of what is published of it, from when on phones are given it, and when it retires.
    List {
        /// Where the keys are.
        #[command(flatten)]
        file: KeyFile<P>,
    },
}

/// Where the keys are.
#[derive(Debug, Args)]
pub struct KeyFile<P: Program> {
    /// The file with the keys of the Oblivious HTTP gateway.
    #[arg(long, value_name = "FILE", env = P::KEY_FILE)]
    ohttp_key_file: PathBuf,
    #[arg(skip)]
    program: PhantomData<P>,
}

impl<P: Program> KeyCommand<P> {
    /// Does it, and answers the keys that there are then, the newest one first.
    ///
    /// # Errors
    /// Those of reading and writing the files; the keys are then as they were.
    pub fn run(self, now: Timestamp, rng: &mut impl CryptoRng) -> Result<Vec<KeyNote>, SecretFileError> {
        match self {
            Self::Generate { file } => create(&file.ohttp_key_file, rng),
            Self::Rotate { file, announce_hours, overlap_hours } => {
                let served_from = now.plus(i64::from(announce_hours) * HOUR);
                let retire = served_from.plus(i64::from(overlap_hours) * HOUR);
                rotate(&file.ohttp_key_file, Rotation { now, served_from, retire }, rng)
            }
            Self::Export { file, public } => export(&file.ohttp_key_file, &public, now),
            Self::List { file } => list(&file.ohttp_key_file),
        }
    }
}

/// Says which keys there are.
///
/// # Errors
/// Those of standard output.
pub fn say_keys(notes: &[KeyNote], json: bool) -> io::Result<()> {
    let text = notes.iter().map(KeyNote::to_string).collect::<Vec<_>>().join("\n");
    say(json, &json!({ "keys": notes }), &text)
}
