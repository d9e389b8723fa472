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

use cli::{Cli, Command, VARIABLES};
use service::LogFormat;

#[actix_web::main]
async fn main() -> ExitCode {
    let Cli { command } = service::parse(VARIABLES);
    let done = match command {
        Command::Demo(flags) => {
            // The demo narrates; a log would talk into it.
            service::log_to_stderr("warn", LogFormat::Text);
            demo::run(&flags).await
        }
        Command::Serve(flags) => {
            service::log_to_stderr("info", LogFormat::for_long(flags.log_format));
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
