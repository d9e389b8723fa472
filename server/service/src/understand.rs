//! What a program says of a command line, or of settings in the environment, that it does not understand.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Parser};

use crate::log;
use crate::strange::Variables;

/// Reads the command line of this process, and looks whether its environment has settings of this program that it does not know. If anything is not
/// understood, says so to standard error, with what may stand in the place that is wrong; the error that this returns has been told and is there for
/// the exit code. Help that was asked for comes back as an error, too.
///
/// # Errors
/// Those of clap, told already.
pub fn understand<P: Parser>(mut command: Command, variables: Variables) -> Result<P, clap::Error> {
    let line: Vec<OsString> = std::env::args_os().collect();
    let matches = command.try_get_matches_from_mut(&line);
    let understood = matches.and_then(|matches| P::from_arg_matches(&matches));
    let (mut error, besides) = match (understood, complain(&command, variables)) {
        (Ok(parsed), None) => return Ok(parsed),
        (Ok(_), Some(complaint)) => (command.error(ErrorKind::UnknownArgument, complaint), None),
        // What is missing may be what was mistyped. Whoever asks for help gets it, whatever the environment is.
        (Err(error), complaint) => {
            let is_refused = error.use_stderr();
            (error, complaint.filter(|_| is_refused))
        }
    };
    let allowed = explain(&command, &line, &mut error);
    // Nothing can be done about a terminal that is gone.
    let _ = error.print();
    eprint!("{allowed}");
    if let Some(complaint) = besides {
        eprintln!("\n{complaint}");
    }
    Err(error)
}

/// What is wrong in the environment beyond the values that clap reads there, a line each.
fn complain(command: &Command, variables: Variables) -> Option<String> {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let mut complaints: Vec<String> = variables.strange(command, names).iter().map(ToString::to_string).collect();
    complaints.extend(log::asked_for().err().map(|why| format!("{}: {why}", log::VARIABLE)));
    (!complaints.is_empty()).then(|| complaints.join("\n"))
}

/// What may be said in place of what was refused: each flag that the error is about, its variable in the environment, and its help. A value that may
/// hold a password or a key to something is taken out of the error.
fn explain(command: &Command, line: &[OsString], error: &mut clap::Error) -> String {
    if ![ErrorKind::ValueValidation, ErrorKind::InvalidValue, ErrorKind::MissingRequiredArgument]
        .contains(&error.kind())
    {
        return String::new();
    }
    let named = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => vec![flag.clone()],
        Some(ContextValue::Strings(flags)) => flags.clone(),
        _ => Vec::new(),
    };
    let flags = meant(command, line).get_arguments().filter(|flag| named.contains(&flag.to_string()));
    let flags: Vec<&Arg> = flags.collect();
    if flags.iter().any(|flag| flag.is_hide_env_values_set()) {
        error.insert(ContextKind::InvalidValue, ContextValue::String("...".to_owned()));
    }
    flags.into_iter().map(told).collect()
}

/// A flag, its variable, and what may be said with it.
fn told(flag: &Arg) -> String {
    let variable = flag.get_env().map(|name| format!(", in the environment {}", name.to_string_lossy()));
    let help = flag.get_long_help().or_else(|| flag.get_help()).map(ToString::to_string);
    format!("\n{flag}{}:\n  {}\n", variable.unwrap_or_default(), help.unwrap_or_default())
}

/// The subcommand that a command line names.
fn meant<'a>(command: &'a Command, line: &[OsString]) -> &'a Command {
    let words = line.iter().skip(1).filter_map(|word| word.to_str());
    words.fold(command, |command, word| command.find_subcommand(word).unwrap_or(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let tick = Arg::new("tick_ms").long("tick-ms").value_name("MS").env("UNDERSTAND_TICK_MS").help("0 to 10000");
        let tick = tick.value_parser(clap::value_parser!(u64).range(0..=10_000));
        let bucket = Arg::new("bucket").long("bucket").value_name("URL").hide_env_values(true).help("s3://BUCKET");
        let plain =
            |url: &str| if url.contains('@') { Err("must be a URL without a password") } else { Ok(url.to_owned()) };
        let bucket = bucket.value_parser(plain);
        let other = Arg::new("tick_ms").long("tick-ms").value_name("MS").help("another flag of the same name");
        let serve = Command::new("serve").arg(tick).arg(bucket.required(true));
        Command::new("program").subcommand(serve).subcommand(Command::new("purge").arg(other))
    }

    fn refused(line: &str) -> (String, String) {
        let line: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let mut command = command();
        let mut error = command.try_get_matches_from_mut(&line).expect_err("refused");
        let allowed = explain(&command, &line, &mut error);
        (error.render().to_string(), allowed)
    }

    #[test]
    fn what_is_refused_is_named_with_what_is_allowed() {
        let (error, allowed) = refused("program serve --bucket s3://keys --tick-ms 10001");
        assert!(error.contains("10001"), "{error}");
        assert_eq!(allowed, "\n--tick-ms <MS>, in the environment UNDERSTAND_TICK_MS:\n  0 to 10000\n");
        let (error, allowed) = refused("program serve");
        assert!(error.contains("not provided") && allowed.starts_with("\n--bucket <URL>:\n  s3"), "{error}{allowed}");
        assert_eq!(refused("program serve --bukket x").1, "", "clap itself says which flag may be meant");
    }

    #[test]
    fn a_value_that_may_hold_a_secret_is_not_repeated() {
        let (error, allowed) = refused("program serve --bucket s3://me:hunter2@keys");
        assert!(error.contains("must be a URL") && allowed.contains("--bucket"), "{error}{allowed}");
        assert!(!error.contains("hunter2") && !allowed.contains("hunter2"), "{error}{allowed}");
    }
}
