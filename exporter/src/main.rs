//! The program `exporter`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    exporter::cli::run().await
}
