//! `exporter quarantine`: setting bad rows aside.

use clap::{ArgGroup, Args};
use proto::Feed;
use service::ActReason;
use store::{Clock, DatabaseUrl, EntryName};

use super::output::{fail, print_json, say, tell};
use crate::error::ExportError;
use crate::open::open_store;
use crate::quarantine::{AsideRow, QuarantineReport, QuarantineSpec, What, Which, list, quarantine};

/// How one gets here and what is done, exit codes, JSON.
pub(super) const HELP: &str = "\
A row that breaks an invariant stops its feed: it is never sealed, never signed and never skipped. The failed pass names it, by 16 digits that are the
beginning of the SHA-256 of the key's 16 bytes or of a report's verification key, and the invariant.

  exporter quarantine --feed NO/gaen --find                                   look at every row; changes nothing
  exporter quarantine --feed NO/gaen --entry 0123456789abcdef --dry-run       say what would be done
  exporter quarantine --feed NO/gaen --entry 0123456789abcdef --reason TEXT   do it
  exporter quarantine --feed NO/gaen --find --reason TEXT                     set aside all that --find finds

What waits moves to a table from which nothing is published. A bundle that was sealed with such a row and never derived is void: what is good in it
waits again. A bundle that is derived has to be recalled: exporter recall --without. The next pass goes on. What was said of the key stays, so it
stays known, and a repeat of the upload changes nothing. Everything else in the feed, and every other feed, is left alone.

What is set aside is listed by --list and kept for 30 days. Until then --release lets it wait again, if it breaks no invariant any more, because the
owner of the database mended it (tables gaen_quarantine, tcn_quarantine) or because it was only to be released too early. What was withdrawn or
taken back meanwhile does not return.

Whatever changes anything is written down for good (server audit list).

Exit codes:
  0   nothing is left to do
  1   the database did not answer. Run it again.
  2   somebody has to look: bad rows were found and not set aside, an entry that the feed does not have, one that a derived bundle has, one that
      does not return
  64  the command line was not understood

JSON (--json): {\"dry_run\", \"feed\", \"found\": [{\"entry\", \"bundle\": SEQUENCE or null, \"breaks\"}], \"broken_bundles\": [SEQUENCE], \"waiting\":
COUNT, \"voided\": [SEQUENCE], \"published\": [{\"entry\", \"bundle\"}], \"before\": [ENTRY], \"unknown\": [ENTRY], \"returned\": COUNT, \"refused\":
[{\"entry\", \"why\"}]}; with --list {\"feed\", \"set_aside\": [{\"entry\", \"revision\", \"day\": UTC seconds, \"breaks\": TEXT or null}]}; or {\"error\",
\"kind\"}.";

/// What can be typed after `quarantine`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["entries", "find", "list"])))]
pub(super) struct QuarantineArgs {
    /// The key database that the server writes: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    #[arg(long, env = "EXPORTER_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: DatabaseUrl,

    /// Whose rows, for instance `NO/gaen`.
    #[arg(long, value_name = "FEED")]
    feed: Feed,

    /// This entry, by the name that errors and --find give it. Repeat it for several, or separate them with commas.
    #[arg(long = "entry", value_name = "ENTRY", value_delimiter = ',')]
    entries: Vec<EntryName>,

    /// All rows of the feed that break an invariant, waiting or in a listed bundle. It reads all of them.
    #[arg(long)]
    find: bool,

    /// Show what is set aside.
    #[arg(long, conflicts_with_all = ["release", "reason", "dry_run"])]
    list: bool,

    /// Let what is set aside wait again.
    #[arg(long, requires = "entries")]
    release: bool,

    /// Why, for the audit: one line of at most 500 characters. It is kept for good, so it must say nothing about people.
    #[arg(long, value_name = "TEXT", conflicts_with = "dry_run")]
    reason: Option<ActReason>,

    /// Change nothing: say what would be done.
    #[arg(long)]
    dry_run: bool,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Sets aside, lists or releases; the exit code.
pub(super) async fn set_aside(args: &QuarantineArgs, clock: &Clock) -> u8 {
    if args.list {
        return show(args, clock).await.unwrap_or_else(|why| fail(&why, args.json));
    }
    tell(attempt(args, clock).await, QuarantineReport::exit_code, args.json)
}

async fn attempt(args: &QuarantineArgs, clock: &Clock) -> Result<QuarantineReport, ExportError> {
    let reason = args.reason.clone();
    let asked = reason.is_some() || args.dry_run;
    let what = match (args.release, asked) {
        (true, true) => What::Release(reason),
        (false, true) => What::SetAside(reason),
        (false, false) if args.find => What::Look,
        _ => return Err(ExportError::GiveUp("reason: say why, or look first with --dry-run".to_owned())),
    };
    let which = if args.find { Which::Found } else { Which::Entries(args.entries.clone()) };
    let store = open_store(&args.database_url, None, clock.clone()).await?;
    let spec = QuarantineSpec { feed: args.feed.clone(), which, what };
    quarantine(store.as_ref(), &spec, clock.now()).await
}

async fn show(args: &QuarantineArgs, clock: &Clock) -> Result<u8, ExportError> {
    let store = open_store(&args.database_url, None, clock.clone()).await?;
    let aside = list(store.as_ref(), &args.feed).await?;
    if args.json {
        print_json(&serde_json::json!({ "feed": args.feed.to_string(), "set_aside": aside }));
    } else if aside.is_empty() {
        say(&format_args!("{}: nothing is set aside\n", args.feed));
    } else {
        aside.iter().for_each(|row| say(&format_args!("{}\n", words(&args.feed, row))));
    }
    Ok(0)
}

fn words(feed: &Feed, AsideRow { entry, revision, day, breaks }: &AsideRow) -> String {
    let day =
        time::OffsetDateTime::from_unix_timestamp(*day).map_or_else(|_| day.to_string(), |day| day.date().to_string());
    let end = breaks.as_ref().map_or_else(|| "may return".to_owned(), |why| format!("does not return: {why}"));
    format!("{feed}: entry {entry}, revision {revision}, set aside on {day}: {end}")
}
