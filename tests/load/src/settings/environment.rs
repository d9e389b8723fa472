//! The environment, which says what no flag does.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;

use clap::{Arg, Command};
use strsim::osa_distance;

/// How all variables begin.
const PREFIX: &str = "LOAD_";
/// Those that hold keys, which no flag may: everybody on a machine sees its command lines.
pub(super) const ADMIN_KEY: &str = "LOAD_ADMIN_KEY";
pub(super) const DEVICE_KEY: &str = "LOAD_DEVICE_KEY";
/// What follows the beginning may have two slips if it is at least so long, else one.
const LONG: usize = 6;

/// Variables of the environment.
#[derive(Debug, Clone, Copy)]
pub struct Environment {
    counts: bool,
}

impl Environment {
    /// That of this process. Nothing of it counts beside a file of access that was named by a flag: a variable that somebody has forgotten would lead the
    /// load elsewhere.
    pub fn of_process() -> Self {
        Self::beside(env::args_os())
    }

    fn beside(mut line: impl Iterator<Item = OsString>) -> Self {
        let names_access =
            |word: OsString| word.to_str().is_some_and(|word| word.split('=').next() == Some("--access"));
        Self { counts: !line.any(names_access) }
    }

    /// The same command, whose flags are left without the variables that do not count, or are empty.
    pub fn heeded(self, command: Command) -> Command {
        let heeded = move |arg: Arg| {
            let is_said = arg.get_env().and_then(env::var_os).is_some_and(|value| !value.is_empty());
            // What is not set stays: the help names it.
            let is_empty = arg.get_env().is_some_and(|name| env::var_os(name).is_some()) && !is_said;
            if is_empty || (is_said && !self.counts) { arg.env(None::<&str>) } else { arg }
        };
        let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        let command = command.mut_args(heeded);
        names.into_iter().fold(command, |command, name| command.mut_subcommand(name, |sub| self.heeded(sub)))
    }

    /// A variable that is nearly one of those that the flags of this command know, with what to do about it. Others are somebody else's.
    pub fn mistyped(self, command: &Command) -> Option<String> {
        let known = known(command);
        let names = env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
        names.filter(|_| self.counts).find_map(|name| near(&name, &known))
    }

    /// What one of the variables with keys holds; nothing if it is empty.
    pub(super) fn key(self, variable: &str) -> Option<String> {
        env::var(variable).ok().filter(|text| self.counts && !text.is_empty())
    }
}

fn known(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(Arg::get_env).map(|name| name.to_string_lossy().into_owned());
    let mut known: BTreeSet<String> = own.chain([ADMIN_KEY, DEVICE_KEY].map(str::to_owned)).collect();
    command.get_subcommands().for_each(|sub| known.extend(self::known(sub)));
    known
}

fn near(name: &str, known: &BTreeSet<String>) -> Option<String> {
    let rest = name.strip_prefix(PREFIX).filter(|_| !known.contains(name))?;
    let slips = if rest.len() < LONG { 1 } else { 2 };
    let meant = known.iter().find(|known| osa_distance(name, known) <= slips)?;
    Some(format!("{name} in the environment is no setting of load; {meant} is one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_does_not_count_beside_the_flag_access() {
        let counts = |line: &str| Environment::beside(line.split(' ').map(OsString::from)).counts;
        assert!(counts("load burst --server http://127.0.0.1") && counts("load burst --html access"));
        assert!(!counts("load burst --access a.json") && !counts("load burst --access=a.json"));
    }

    #[test]
    fn a_variable_that_is_nearly_ours_was_meant_to_be_and_others_are_left_alone() {
        let flag = |long: &'static str, variable: &'static str| Arg::new(long).long(long).env(variable);
        let burst = Command::new("burst").arg(flag("server", "LOAD_SERVER")).arg(flag("cdn", "LOAD_CDN"));
        let known = known(&Command::new("load").subcommand(burst));
        for (name, meant) in [
            ("LOAD_SEVRER", "LOAD_SERVER"),
            ("LOAD_CND", "LOAD_CDN"),
            ("LOAD_ADMINKEY", "LOAD_ADMIN_KEY"),
            ("LOAD_DEVICE_KYE", "LOAD_DEVICE_KEY"),
        ] {
            assert!(near(name, &known).is_some_and(|said| said.ends_with(&format!("{meant} is one"))), "{name}");
        }
        for name in ["LOAD_SERVER", "LOAD_ADMIN_KEY", "LOAD_AVERAGE", "LOAD_CPU", "LOAD_BALANCER_SERVICE_HOST", "PATH"]
        {
            assert_eq!(near(name, &known), None, "{name}");
        }
    }
}
