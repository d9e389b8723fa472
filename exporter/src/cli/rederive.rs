//! `exporter rederive`: whether rows still give the bytes that were published.

use clap::{ArgGroup, Args};
use proto::Feed;
use store::{Clock, DatabaseUrl};

use super::output::{fail, print_json, say};
use crate::error::ExportError;
use crate::open::open_store;
use crate::rederive::{Rederived, Verdict, Which, rederive};

/// What is compared, and what exit codes and JSON mean.
pub(super) const HELP: &str = "\
Derives bundles once more, from their rows and from the signatures that the rows keep, and compares SHA-256 of export.bin and of the zip with what
was recorded when they were first derived. It needs no private key and no bucket and writes nothing, so it may run anywhere, also on a copy of the
database: what comes out the same there is what was published. What stands in buckets is for `exporter audit` to compare.

  exporter rederive --database-url sqlite:copy-of-keys.db --feed NO/gaen --all

Exit codes:
  0   all are the same; a bundle that nobody has derived yet has nothing to be compared with
  1   the database did not answer. Run it again.
  2   at least one differs, or there is no such feed or bundle. Somebody has to look: the rows of a bundle never change.
  64  the command line was not understood

JSON (--json): {\"bundles\": [{\"feed\", \"sequence\", \"verdict\": \"same|differs|not-derived\", \"reason\", \"export_sha256\", \"zip_sha256\"}]} with
hashes as recorded, lower-case hex, or {\"error\", \"kind\"} if it could not begin or go on.";

/// What can be typed after `rederive`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["bundle", "all"])))]
pub(super) struct RederiveArgs {
    /// The key database, or a copy of it: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    #[arg(long, env = "EXPORTER_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: DatabaseUrl,

    /// Whose bundles, for instance `NO/gaen`.
    #[arg(long, value_name = "FEED")]
    feed: Feed,

    /// Only this bundle, listed or not, as long as its rows are there.
    #[arg(long, value_name = "SEQUENCE")]
    bundle: Option<u64>,

    /// Every bundle that is listed now.
    #[arg(long)]
    all: bool,

    /// Print the verdicts as JSON.
    #[arg(long)]
    json: bool,
}

/// Derives again and compares; the exit code.
pub(super) async fn compare(args: &RederiveArgs, clock: &Clock) -> u8 {
    match verdicts(args, clock).await {
        Ok(bundles) => {
            if args.json {
                print_json(&serde_json::json!({ "bundles": bundles }));
            }
            let differ = bundles.iter().any(|bundle| bundle.verdict == Verdict::Differs);
            if differ { 2 } else { 0 }
        }
        Err(why) => fail(&why, args.json),
    }
}

async fn verdicts(args: &RederiveArgs, clock: &Clock) -> Result<Vec<Rederived>, ExportError> {
    let store = open_store(&args.database_url, None, clock.clone()).await?;
    let which = args.bundle.map_or(Which::Listed, Which::One);
    let mut done = 0;
    // For people each verdict is a line as it is reached: an hour's work shows where it is.
    let mut tell = |bundle: &Rederived, total: usize| {
        done += 1;
        if !args.json {
            say(&format_args!("{}: bundle {}: {} ({done} of {total})\n", bundle.feed, bundle.sequence, words(bundle)));
        }
    };
    rederive(store.as_ref(), &args.feed, which, &mut tell).await
}

fn words(bundle: &Rederived) -> String {
    match (bundle.verdict, &bundle.reason) {
        (Verdict::Same, _) => "the same bytes".to_owned(),
        (Verdict::Differs, Some(reason)) => format!("DIFFERS: {reason}"),
        (Verdict::Differs, None) => "DIFFERS".to_owned(),
        (Verdict::NotDerived, _) => "sealed, and not derived yet".to_owned(),
    }
}
