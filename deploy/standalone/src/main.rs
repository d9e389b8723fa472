//! The program `pratique`: all of Pratique in one process, to see it work and to develop against it.

mod cli;

mod demo;
mod serve;

mod cdn;
mod system;

mod access;
mod layout;

mod error;
mod gateways;

use std::process::ExitCode;

use cli::{Cli, Command};

#[actix_web::main]
async fn main() -> ExitCode {
    let Cli { command } = service::parse("PRATIQUE");
    let done = match command {
        Command::Demo(flags) => {
            // The demo narrates; a log would talk into it.
            service::log_to_stderr("warn");
            demo::run(&flags).await
        }
        Command::Serve(flags) => {
            // What actix says about its own threads is not the operator's concern.
            service::log_to_stderr("info,actix_http=off,actix_server=warn");
            serve::run(&flags).await
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pratique: {error}");
            ExitCode::FAILURE
        }
    }
}
