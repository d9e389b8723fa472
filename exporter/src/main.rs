//! The program `exporter`.

use std::process::ExitCode;

use store::Clock;

#[tokio::main]
async fn main() -> ExitCode {
    exporter::cli::run(&Clock::system()).await
}
