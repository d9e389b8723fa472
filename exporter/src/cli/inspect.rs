//! `exporter inspect`: what is in a bundle, and two verdicts on it.

use std::path::PathBuf;

use clap::Args;
use proto::bundle::BundleKey;

use super::output::{complain, print_json, say};
use super::verdicts::describe;
use crate::inspect::inspect;

/// The exit code when there is nothing to inspect.
const UNREADABLE: u8 = 3;

/// What the verdicts, exit codes and JSON mean.
pub(super) const HELP: &str = "\
Two verdicts:
  phone      the strictest phone would accept it: container, limits, every field, and with --key its signatures
  canonical  it is byte for byte what this project's writer makes of its content, and no GAEN key in it was published
             less than two hours after the end of its validity (phones do not check that)

Exit codes:
  0   both hold, and every signature verifies
  1   a phone would refuse it
  2   it is not canonical, or a signature was not checked because its --key was not given
  3   there is nothing to inspect: the file, URL or key cannot be read
  64  the command line was not understood

JSON (--json): {\"phone\": {\"holds\", \"reason\"}, \"canonical\": {\"holds\", \"reason\"}, \"signature\":
\"verified|failed|partly checked|not checked\", \"bytes\", \"zip_sha256\"} and, if it can be read, {\"kind\", \"region\", \"start\", \"end\",
\"keys\", \"revised\", \"report_types\": {TYPE: COUNT}, \"signing_keys\": [\"ID-VERSION\"], \"export_bytes\", \"export_sha256\"}; {\"error\"} with exit
code 3. Times are UTC seconds, hashes lower-case hex.";

/// What can be typed after `inspect`.
#[derive(Debug, Args)]
pub(super) struct InspectArgs {
    /// A bundle: a file, or a URL that begins with http:// or https://.
    #[arg(value_name = "FILE|URL")]
    source: String,

    /// The public key that should have signed it, as PEM (`REGION-gaen.pem` or `REGION-tcn.pem`). Without it the signature is not checked. Of a
    /// bundle with several signatures some phones read only the first and others want each to verify: give every key, the flag once each.
    #[arg(long = "key", value_name = "PEM")]
    keys: Vec<PathBuf>,

    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

/// Inspects a file or what a URL answers; the exit code.
pub(super) async fn look(args: &InspectArgs) -> u8 {
    let unreadable = |why: String| {
        if args.json {
            print_json(&serde_json::json!({ "error": why }));
        } else {
            complain(&why);
        }
        UNREADABLE
    };
    let keys: Vec<BundleKey> = match args.keys.iter().map(read_key).collect() {
        Ok(keys) => keys,
        Err(why) => return unreadable(why),
    };
    match crate::fetch::fetch(&args.source).await {
        Ok(zip) => {
            let found = inspect(&zip, &keys);
            if args.json {
                print_json(&found);
            } else {
                say(&describe(&args.source, &found));
            }
            found.exit_code()
        }
        Err(why) => unreadable(why.to_string()),
    }
}

fn read_key(path: &PathBuf) -> Result<BundleKey, String> {
    let refusal = |why: String| format!("{}: {why}; --key takes a public key as PEM", path.display());
    let pem = std::fs::read_to_string(path).map_err(|why| refusal(why.to_string()))?;
    BundleKey::from_pem(&pem).map_err(|why| refusal(why.to_string()))
}
