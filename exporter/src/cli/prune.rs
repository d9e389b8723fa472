//! `exporter prune`: the end of a pass alone.

use clap::Args;
use store::Clock;

use super::output::tell;
use crate::config::Settings;
use crate::report::Report;
use crate::run::Exporter;

/// What differs from `once`.
pub(super) const HELP: &str = "\
`once` does all of this at its end; `exporter once --help` says what and when, and explains exit codes and JSON. Here the JSON of a dry run has
\"dry_run\": true. A dry run reports what can be done now: that a bundle is de-listed today lets its object be deleted tomorrow.";

/// What can be typed after `prune`.
#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    #[command(flatten)]
    settings: Settings,

    /// Change nothing: say what would be done now.
    #[arg(long)]
    dry_run: bool,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Takes away what is too old; the exit code.
pub(super) async fn prune(args: &PruneArgs, clock: &Clock) -> u8 {
    let done = match Exporter::open(&args.settings, clock.clone()).await {
        Ok(exporter) => exporter.prune(args.dry_run).await,
        Err(why) => Err(why),
    };
    tell(done, Report::exit_code, args.json)
}
