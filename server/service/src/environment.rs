//! Environment variables for flags that several programs share.

use clap::{Arg, Command, Parser};

use crate::strange::Variables;
use crate::understand::understand;

/// The flags of this crate. Which program they belong to is not for them to know.
const SHARED: &[&str] = &[
    "trusted_proxies",
    "proxy_networks",
    "relays",
    "prefix_requests",
    "relay_requests",
    "authority_uploads",
    "all_uploads",
    "prefix_failures",
    "relay_failures",
    "authority_failures",
    "all_failures",
    "prefix_chaff",
    "all_chaff",
    "requests_at_once",
    "requests_waiting",
    "connections",
    "test_deployment",
];

/// Reads the command line of a program, whose flags of this crate have environment variables under its prefix. Ends the program if that or the
/// environment is not understood, or if it asks for help.
pub fn parse<P: Parser>(variables: Variables) -> P {
    let command = with_environment(P::command(), variables.prefix);
    understand(command, variables).unwrap_or_else(|error| std::process::exit(error.exit_code()))
}

/// Gives each of the flags that this crate defines an environment variable of the program: its prefix, `_`, and the field's name in capitals,
/// for instance `SERVER_TRUSTED_PROXIES`, with its unit if the flag has one. To be applied to the whole command line before it is parsed.
pub fn with_environment(command: Command, prefix: &'static str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let named = move |arg: Arg| {
        if arg.get_env().is_some() || !SHARED.contains(&arg.get_id().as_str()) {
            return arg;
        }
        // A unit that the flag names, the variable names.
        let with_unit = arg.get_long().filter(|long| long.ends_with("-per-minute"));
        let name = with_unit.unwrap_or(arg.get_id().as_str()).to_ascii_uppercase().replace('-', "_");
        arg.env(format!("{prefix}_{name}"))
    };
    let command = command.mut_args(named);
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, |sub| with_environment(sub, prefix)))
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;
    use crate::edge::EdgeSettings;
    use crate::limits::LimitSettings;
    use crate::test_deployment::TestDeploymentSettings;

    #[test]
    fn every_shared_flag_is_given_a_variable_and_no_other() {
        let serve = LimitSettings::augment_args(EdgeSettings::augment_args(Command::new("serve")));
        let serve = TestDeploymentSettings::augment_args(serve);
        let serve = serve.arg(Arg::new("listen").long("listen"));
        let command = with_environment(Command::new("server").subcommand(serve), "SERVER");
        let serve = command.find_subcommand("serve").expect("serve");
        let mut named: Vec<&str> = Vec::new();
        for arg in serve.get_arguments().filter(|arg| arg.get_id() != "listen") {
            let variable = arg.get_env().and_then(|name| name.to_str()).expect("a variable");
            assert!(
                variable.starts_with(&format!("SERVER_{}", arg.get_id().as_str().to_ascii_uppercase())),
                "{variable}"
            );
            assert_eq!(
                variable.ends_with("_PER_MINUTE"),
                arg.get_long().is_some_and(|long| long.ends_with("-per-minute"))
            );
            named.push(arg.get_id().as_str());
        }
        assert_eq!(named.len(), SHARED.len(), "{named:?}");
        assert!(serve.get_arguments().any(|arg| arg.get_id() == "listen" && arg.get_env().is_none()));
    }
}
