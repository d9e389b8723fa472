//! `exporter index rebuild`: writes index and manifest anew.

use clap::{Args, Subcommand};
use service::ActReason;
use store::Clock;

use super::output::tell;
use crate::config::Settings;
use crate::rebuild::RebuildReport;
use crate::run::Exporter;

/// What is written, and what exit codes and JSON mean.
const REBUILD: &str = "\
Every pass writes index and manifest where they lag behind, so this is for what a pass refuses to touch: an index or manifest that is foreign or cannot
be read, or a manifest of ours that says something else at the same number. It writes into every bucket that is named, of every feed or those of --feed:
name the buckets that are meant and no others, and look at a dry run first.

It never goes backwards. Where a manifest of ours stands with a higher number, it refuses: then the database lacks something, and `exporter adopt` takes
it over. Where one says something else at the database's number, the next number is taken first. Only bundles that the bucket holds are listed. What it
writes is written down in the audit, with --reason. Where nothing can be written it says so, and goes on with the next bucket or feed.

Exit codes:
  0   index and manifest are as they should be
  1   something did not answer, or somebody else moved the bucket. Run it again.
  2   somebody has to look: a manifest of ours with a higher number, a bucket that lacks bundles, a setting
  64  the command line was not understood

JSON (--json): {\"dry_run\", \"rebuilt\": [{\"feed\", \"bucket\", \"from\": NUMBER or null, \"number\", \"bundles\": COUNT, \"written\": BOOLEAN}],
\"failures\": [{\"feed\", \"bucket\", \"kind\": \"retry|give-up|corrupt\", \"message\"}], if there are any}, or {\"error\", \"kind\"} if it could not begin.";

/// What can be done with indexes and manifests.
#[derive(Debug, Subcommand)]
pub(super) enum IndexCommand {
    /// Writes index and manifest anew, even if what stands there is foreign or cannot be read.
    #[command(after_long_help = REBUILD)]
    Rebuild(RebuildArgs),
}

/// What can be typed after `index rebuild`.
#[derive(Debug, Args)]
pub(super) struct RebuildArgs {
    #[command(flatten)]
    settings: Settings,

    /// Why, in your words, for the audit: one line of 1 to 500 characters. Nothing about people belongs in it.
    #[arg(long, value_name = "TEXT")]
    reason: ActReason,

    /// Change nothing: say what would be written now.
    #[arg(long)]
    dry_run: bool,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Does it; the exit code.
pub(super) async fn index(command: &IndexCommand, clock: &Clock) -> u8 {
    let IndexCommand::Rebuild(args) = command;
    let done = match Exporter::open(&args.settings, clock.clone()).await {
        Ok(exporter) => exporter.rebuild(&args.reason, args.dry_run).await,
        Err(why) => Err(why),
    };
    tell(done, RebuildReport::exit_code, args.json)
}
