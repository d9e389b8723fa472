//! `exporter adopt`: takes over what the buckets know, after a restore.

use clap::Args;
use service::ActReason;
use store::Clock;

use super::output::tell;
use crate::adopt::AdoptReport;
use crate::config::Settings;
use crate::progress::Progress;
use crate::run::Exporter;

/// When it is needed, what it does, and what nobody can do.
pub(super) const HELP: &str = "\
After the database was restored from a copy, the buckets know more than it does, and no pass seals: its bundles would take sequences, ends and
numbers that phones have seen with other content. This takes over, feed by feed, what the buckets know:

  the manifest with the highest number among all buckets is what counts. Each bucket must answer, and no two may say different things at that number
  each bundle that it lists and the database lacks is read from any bucket, compared with the manifest's SHA-256, checked as the strictest phone
  would and with the signing key, and written as rows. What waited in the copy and is in a bundle waits no more: nothing is published twice
  number, sequence, end, announced keys and gateways are taken over, so that the database says at that number what the manifest says, byte for byte
  what the copy has sealed and no bucket lists waits again; what has grown too old since is forgotten as always

No object in any bucket is changed. Killed at any moment, it is finished by running it again; until it is, nothing is sealed. It is written down in the
audit, with --reason. Name every bucket that there is, and look at a dry run first; it reads and checks all bundles, too.

What nobody can have back:
  keys that were uploaded between the copy and the loss and in no bundle yet. Phones that upload again bring them back
  revisions, withdrawals and recalls that were made after the copy and had not reached a bundle: make them again before the next pass
  who certified the keys of the bundles that were taken over: `server withdraw` finds them no more, and nobody can revise them

Exit codes:
  0   all is taken over, or there was nothing to take over
  1   something did not answer. Run it again.
  2   somebody has to look: two buckets differ at one number, a bundle stands in no bucket as the manifest names it, a setting
  64  the command line was not understood

JSON (--json): {\"dry_run\", \"feeds\": [{\"feed\", \"bucket\": NAME, or null if nothing is to do, \"from\": NUMBER, \"number\", \"bundles\": [{\"sequence\",
\"count\", \"revised\", \"kept\": whether only hashes and signatures were missing}], \"expired\": [SEQUENCE], \"recalled\": [SEQUENCE],
\"next_sequence\", \"next_start\", \"failures\": [{\"kind\": \"retry|give-up|corrupt\", \"message\"}]}]}, or {\"error\", \"kind\"} if it could not begin.";

/// What can be typed after `adopt`.
#[derive(Debug, Args)]
pub(super) struct AdoptArgs {
    #[command(flatten)]
    settings: Settings,

    /// Why, in your words, for the audit: one line of 1 to 500 characters. Nothing about people belongs in it.
    #[arg(long, value_name = "TEXT")]
    reason: ActReason,

    /// Change nothing: read, check, and say what would be done now.
    #[arg(long)]
    dry_run: bool,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Takes over; the exit code.
pub(super) async fn adopt(args: &AdoptArgs, clock: &Clock) -> u8 {
    let progress = Progress::new("steps of taking over", None, args.json);
    let done = match Exporter::open(&args.settings, clock.clone()).await {
        Ok(exporter) => exporter.with_steps(progress.observer()).adopt(&args.reason, args.dry_run).await,
        Err(why) => Err(why),
    };
    progress.finish();
    tell(done, AdoptReport::exit_code, args.json)
}
