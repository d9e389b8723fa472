//! `exporter recall`: taking a bundle back.

use clap::Args;
use service::ActReason;
use store::{Clock, EntryName};

use super::output::tell;
use crate::config::Settings;
use crate::error::ExportError;
use crate::recall::{RecallReport, RecallSpec};
use crate::run::Exporter;

/// What a recall does and what it cannot do, exit codes, JSON.
pub(super) const HELP: &str = "\
For a bundle that should not have gone out, or whose rows were damaged. Give one --feed. Look first with --dry-run, then do it with --reason; what is
done is written down for good (server audit list).

In one transaction the bundle leaves the list with the feed's next number, and what is in it waits again, so that the next bundle carries it: exactly
once, at the next quarter of an hour at the earliest, and as the policy of the feed says. Where more was said of an entry since, the last word is
published and nothing older after it; what was revoked does not return. --without sets entries aside, see `exporter quarantine`. Then
every bucket is brought to a list that does not name the bundle, as by a pass that seals nothing. No bucket, new or healed, is ever given the bundle
again, nor a list that names it. The object itself is deleted a day later, since somebody may have read the list just before.

Phones that have read the bundle keep what is in it. To take back what should never have been published, withdraw it first (server withdraw), then
recall: the revocations are published for those phones, and what is revoked does not return to others. In the other order nobody knows any more that
it was published. A bundle that was sealed and never derived is void: no phone can have it.

Exit codes:
  0   no bucket lists the bundle any more
  1   a bucket may list it still, or did not answer: it is named. Run it again, or let the next pass do it; a repeat changes nothing else.
  2   somebody has to look: an unknown feed, bundle or entry, a bundle whose time was over, a row that breaks an invariant, a setting
  64  the command line was not understood

JSON (--json): {\"dry_run\", \"feed\", \"bundle\", \"before\": BOOLEAN, \"number\", \"members\": null or {\"all\", \"returned\", \"set_aside\", \"void\":
BOOLEAN}, \"listed_by\": [BUCKET], \"published\": null or what `once` says of the feed}, or {\"error\", \"kind\"}.";

/// What can be typed after `recall`.
#[derive(Debug, Args)]
pub(super) struct RecallArgs {
    #[command(flatten)]
    settings: Settings,

    /// Which bundle, by its sequence, as reports and manifests name it.
    #[arg(long, value_name = "SEQUENCE")]
    bundle: u64,

    /// Set this entry aside rather than publish it again; `exporter quarantine --find` names those that are bad. Repeat it for several, or separate
    /// them with commas.
    #[arg(long, value_name = "ENTRY", value_delimiter = ',')]
    without: Vec<EntryName>,

    /// Why, for the audit: one line of at most 500 characters. It is kept for good, so it must say nothing about people.
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run", conflicts_with = "dry_run")]
    reason: Option<ActReason>,

    /// Change nothing: say what would be done.
    #[arg(long)]
    dry_run: bool,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Recalls; the exit code.
pub(super) async fn recall(args: &RecallArgs, clock: &Clock) -> u8 {
    tell(attempt(args, clock).await, RecallReport::exit_code, args.json)
}

async fn attempt(args: &RecallArgs, clock: &Clock) -> Result<RecallReport, ExportError> {
    let [feed] = args.settings.feeds.as_slice() else {
        return Err(ExportError::GiveUp("feed: name the one whose bundle is to be recalled".to_owned()));
    };
    let (feed, without, reason) = (feed.clone(), args.without.clone(), args.reason.clone());
    let exporter = Exporter::open(&args.settings, clock.clone()).await?;
    exporter.recall(&RecallSpec { feed, sequence: args.bundle, without, reason }).await
}
