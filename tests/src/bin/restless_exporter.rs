//! An exporter that makes one pass after the other, and says each step before and after it, until it is killed: it never ends by itself, unless
//! something is wrong that running again will not help.
//!
//! Arguments: those of `tests::restless`.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use exporter::ExportError;
use exporter::steps::Step;
use tests::restless::Restless;

/// Between two passes: as long as a few uploads take.
const REST: Duration = Duration::from_millis(100);
/// The exit code of a report that is worth another try.
const RETRY: u8 = 1;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let (restless, offset) = Restless::parse(std::env::args().skip(1))?;
    let exporter = restless.open(offset).await?.with_steps(Arc::new(|step: &Step<'_>| say(step)));
    loop {
        // What fails while others are at work is done by the next pass; what does not get better by itself ends this program and its test.
        match exporter.once().await {
            Ok(report) => anyhow::ensure!(report.exit_code() <= RETRY, "{report}"),
            // A database that is too busy to answer is asked again.
            Err(ExportError::Retry(_)) => {}
            Err(why) => return Err(why.into()),
        }
        tokio::time::sleep(REST).await;
    }
}

/// Whoever hangs up is about to kill us.
fn say(step: &Step<'_>) {
    let _ = writeln!(std::io::stdout(), "{step}");
}
