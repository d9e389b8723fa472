//! The load tester's program: parse, run, say what came of it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use load::report;
use load::results::Results;
use load::{Cli, Plan, Wish};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Nothing was loaded.
const REFUSED: u8 = 3;
/// What shells say of a program that an interrupt ended.
const INTERRUPTED: i32 = 130;

fn main() -> ExitCode {
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(said) => {
            // Help and version are said on standard output, and are no refusals.
            let refused = said.use_stderr();
            let _ = said.print();
            return ExitCode::from(if refused { REFUSED } else { 0 });
        }
    };
    let done = match cli.wish() {
        Wish::Run(plan) => execute(*plan),
        Wish::Compare(a, b) => compare(&a, &b),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "load: {error:#}");
            ExitCode::from(REFUSED)
        }
    }
}

#[tokio::main]
async fn execute(plan: Plan) -> anyhow::Result<u8> {
    // Each connection takes a descriptor. Where the limit cannot be raised, connections that fail will say so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let (json, html) = (plan.run.json.clone(), plan.run.html.clone());
    let results = load::run(plan, interrupts()?).await?;
    let _ = write!(std::io::stdout(), "{}", report::summary(&results));
    let written = [(json, report::to_json as fn(&Results) -> String), (html, report::page)];
    let mut code = results.verdict.exit_code;
    for (path, text) in written {
        let Some(path) = path else { continue };
        if let Err(error) = fs::write(&path, text(&results)) {
            let _ = writeln!(std::io::stderr(), "load: {} was not written: {error}", path.display());
            code = code.max(1);
        }
    }
    Ok(code)
}

/// Puts two results side by side.
fn compare(a: &Path, b: &Path) -> anyhow::Result<u8> {
    let read = |path: &Path| {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        report::from_json(&text).with_context(|| path.display().to_string())
    };
    let _ = write!(std::io::stdout(), "{}", report::comparison(&read(a)?, &read(b)?));
    Ok(0)
}

/// Ctrl-C, and what a service manager sends. The first two are heeded by the run, the third ends the program at once.
fn interrupts() -> anyhow::Result<UnboundedReceiver<()>> {
    let (heard, interrupts) = unbounded_channel();
    let count = Arc::new(AtomicU32::new(0));
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let (mut signals, heard, count) = (signal(kind)?, heard.clone(), Arc::clone(&count));
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                // Whoever has asked three times does not want to wait for what hangs, nor for results.
                if count.fetch_add(1, Ordering::Relaxed) >= 2 {
                    std::process::exit(INTERRUPTED);
                }
                // Nobody listens any more once the results are being written.
                let _ = heard.send(());
            }
        });
    }
    Ok(interrupts)
}
