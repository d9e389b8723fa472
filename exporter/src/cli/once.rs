//! `exporter once`: one pass.

use clap::Args;
use store::Clock;

use super::output::tell;
use crate::config::Settings;
use crate::progress::Progress;
use crate::report::Report;
use crate::run::Exporter;

/// What a pass does, and what its exit codes and its JSON mean.
pub(super) const HELP: &str = "\
What it does, feed by feed: announces the signing key and the keys of gateways in the manifest, seals what may be released if it reaches the
minimum, then brings every bucket up to date: bundles first, each read back and checked as a phone would, then manifest and index. Whatever an
earlier pass left undone is done now, so it may be run at any time, killed at any time, and by several machines at once.

14 days after its end a bundle leaves manifest and index. A day after a bucket has ceased to list it, its object is deleted there; once it is gone
from every bucket, its rows are removed, and the keys that no other bundle needs. What waits is kept, however old. Name every bucket in every pass:
one that is not named is not waited for, and what it holds stays there.

Buckets are worked on side by side. One that fails, stalls or is being filled costs the others half a minute at most, and is left to the next pass a minute
after another one was done. What a bucket lacks is copied from another one that has it, and derived from the rows only if none has.

Each bucket has an object called ready while it stands, in every feed, where the foremost bucket stands; it is taken away before others go ahead.
So a CDN or load balancer that probes it (200: send phones here, 404: do not) sends no phone from a newer index back to an older one. It says
pratique/ready/v1, time UTC-SECONDS, and feed PATH NUMBER for each feed, a line each, and is written anew by each pass. A bucket that cannot be
reached keeps its last one: whoever can compare takes out a bucket whose time is more than two periods older than another bucket's. The time alone
is no reason: when the exporter stands still, all buckets grow old together. A pass with --feed writes none.

Exit codes:
  0   all is done; a feed that is held because too little waits counts as done
  1   something failed that is worth another try: a database, bucket or disk that did not answer. Run it again.
  2   somebody has to look: a missing or unsafe key, a setting, a foreign object under our name, a row that contradicts itself
  64  the command line was not understood

JSON (--json): {\"clocks\": {\"database\", \"buckets\": {NAME: SECONDS}}, \"feeds\": [{\"feed\", \"number\", \"sealed\": [{\"sequence\", \"count\", \"revised\",
\"start\", \"end\"}], \"waiting\": {\"held\", \"unripe\", \"minimum\"} or null, \"newest\": end of the newest bundle or null, \"delisted\": [SEQUENCE],
\"purged\": {\"bundles\": [SEQUENCE], \"publications\", \"entries\"}, \"buckets\": [{\"bucket\", \"put\": [SEQUENCE], \"number\", \"bundles\", \"moved\",
\"deleted\": [SEQUENCE], \"rendered\": [INTERVAL] if any, \"failures\"}], \"failures\": [{\"kind\": \"retry|give-up|corrupt\", \"message\"}]}], \"forgotten\": COUNT if not 0, \"failures\"
outside the feeds if there are any}, or {\"error\", \"kind\"} if the pass could not begin. Clocks are seconds ahead of this machine's. Times are UTC seconds.

Log lines go to standard error; RUST_LOG sets what is logged (for instance debug), the default is warn.";

/// What can be typed after `once`.
#[derive(Debug, Args)]
pub(super) struct OnceArgs {
    #[command(flatten)]
    settings: Settings,

    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// One pass; the exit code.
pub(super) async fn once(args: &OnceArgs, clock: &Clock) -> u8 {
    let done = match Exporter::open(&args.settings, clock.clone()).await {
        Ok(exporter) => {
            let progress = Progress::new("steps", None, args.json);
            let done = exporter.with_steps(progress.observer()).once().await;
            progress.finish();
            done
        }
        Err(why) => Err(why),
    };
    tell(done, Report::exit_code, args.json)
}
