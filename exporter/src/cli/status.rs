//! `exporter status`: where every feed and bucket stands.

use clap::Args;
use store::Clock;

use super::output::tell;
use crate::config::Settings;
use crate::run::Exporter;
use crate::status::Status;

/// What is told, and what the exit codes and the JSON mean.
pub(super) const HELP: &str = "\
Of each feed: its number, the newest bundle and its age, what waits and since when, whether it is held and until when, when its next period
begins; of each bucket: at which number its list stands, how far that is behind, and which bundles it lacks; and whether all clocks agree.

Nothing is sealed, published or deleted. Private keys are not needed: of --signing-key-dir only REGION-manifest.pem is read, which checks the
manifests; without it they are read unchecked. A bucket in a directory has to be writable: its clock is read from a file that is made and removed.

Exit codes:
  0   all is well; a feed that is held because too little waits is well
  1   something is behind or does not answer: a bucket lacks bundles or lists an older number, or a feed is overdue because no exporter runs
  2   somebody has to look: clocks that are apart, a manifest that is none of ours, a bucket that is ahead of the database, a setting
  64  the command line was not understood

JSON (--json): {\"now\", \"clocks\": {\"database\", \"buckets\": {NAME: SECONDS}}, \"feeds\": [{\"feed\", \"number\", \"bundles\": COUNT, \"waiting\", \"held\":
BOOLEAN, \"held_until\", \"minimum\", \"oldest\", \"revised_waiting\", \"unripe\", \"newest\", \"age\", \"next_boundary\", \"overdue\": BOOLEAN, \"buckets\":
[{\"bucket\", \"number\", \"behind\", \"missing\": [SEQUENCE], \"verified\": BOOLEAN, \"failures\"}], \"failures\": [{\"kind\": \"retry|give-up|corrupt\",
\"message\"}]}], \"failures\"}, or {\"error\", \"kind\"} if the database did not answer. Times are UTC seconds of the database, age is seconds, what is
not known is null.";

/// What can be typed after `status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    settings: Settings,

    /// Print the status as JSON.
    #[arg(long)]
    json: bool,
}

/// Looks; the exit code.
pub(super) async fn status(args: &StatusArgs, clock: &Clock) -> u8 {
    let found = match Exporter::open(&args.settings, clock.clone()).await {
        Ok(exporter) => exporter.status().await,
        Err(why) => Err(why),
    };
    tell(found, Status::exit_code, args.json)
}
