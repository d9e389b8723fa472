//! `exporter audit`: every live object on every replica against the database.

use clap::Args;
use store::Clock;

use super::output::tell;
use crate::audit::AuditReport;
use crate::config::Settings;
use crate::error::ExportError;
use crate::progress::Progress;
use crate::run::Exporter;

/// What is compared, and what exit codes and JSON mean.
pub(super) const HELP: &str = "\
Reads every bundle that is listed now from every bucket and compares: it is there, its SHA-256 is the one that was recorded, the strictest phone reads
it, its signature verifies, and it is byte for byte what this project writes. Index and manifest are those of the database's number, or of an older one,
and say the same. Under a feed's path stands nothing that no row knows, and nothing that was de-listed more than a day ago. Nothing is changed. Whether
rows still give the recorded bytes is for `exporter rederive` to say. It reads everything, so what it costs is one download of all live bundles a bucket.

Each finding is a line. Exporters may run meanwhile; what they are about to do may then be found undone, and a second audit does not find it.

Exit codes:
  0   all is as it should be
  1   the next pass sees to what was found: a missing object, a list that is behind, an object that is due, a bucket that did not answer
  2   somebody has to look: other bytes under our name, a foreign object, a manifest that is none of ours, a bucket that is ahead, a setting
  64  the command line was not understood

JSON (--json): {\"compared\": COUNT, \"findings\": [{\"feed\", \"bucket\", \"kind\": \"no-answer|missing|lingering|behind|index|other-bytes|refused|
foreign|manifest-unreadable|ahead\", \"object\": PATH or null, \"message\"}]}, or {\"error\", \"kind\"} if it could not begin or go on.";

/// What can be typed after `audit`.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    #[command(flatten)]
    settings: Settings,

    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

/// Compares; the exit code.
pub(super) async fn audit(args: &AuditArgs, clock: &Clock) -> u8 {
    tell(compare(args, clock).await, AuditReport::exit_code, args.json)
}

async fn compare(args: &AuditArgs, clock: &Clock) -> Result<AuditReport, ExportError> {
    let exporter = Exporter::open(&args.settings, clock.clone()).await?;
    let progress = Progress::new("objects compared", None, args.json);
    let mut tell = |path: &str| {
        progress.say(&path);
        progress.add(1);
    };
    let report = exporter.audit(&mut tell).await;
    progress.finish();
    report
}
