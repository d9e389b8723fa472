//! Variables of the environment that look like settings of a program and are none. Nothing else would tell a slip of the pen from a setting that was
//! never made.

use std::collections::BTreeSet;
use std::fmt;

use clap::{Arg, Command};
use strsim::osa_distance;

/// What the variables of a program are called.
#[derive(Debug, Clone, Copy)]
pub struct Variables {
    /// How all of them begin, without the `_` behind it: `SERVER`.
    pub prefix: &'static str,
    /// How those go on that no flag stands for, because there may be any number of them: `SIGNING_KEYS_`.
    pub families: &'static [&'static str],
}

/// A variable that no command of the program reads. What it is set to may be a secret and is nobody's business here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Strange {
    name: String,
    meant: Option<String>,
}

/// So many letters may be wrong, missing or too many for one name to be taken for another.
const SLIPS: usize = 2;
/// And one more for each so many letters that it has.
const LETTERS_A_SLIP: usize = 6;

impl Variables {
    /// Which of these variables a program does not know that has these commands. All of them count, since one file of settings may serve several.
    pub(crate) fn strange(&self, command: &Command, environment: impl Iterator<Item = String>) -> Vec<Strange> {
        let mut known = BTreeSet::new();
        collect(command, &mut known);
        let begin = format!("{}_", self.prefix);
        let ours = environment.filter(|name| name.starts_with(&begin) && !known.contains(name));
        let mut found: Vec<Strange> = ours.filter_map(|name| self.judge(name, &begin, &known)).collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        found
    }

    fn judge(&self, name: String, begin: &str, known: &BTreeSet<String>) -> Option<Strange> {
        let rest = name.strip_prefix(begin).unwrap_or(&name);
        let distance = |known: &String| osa_distance(rest, known.strip_prefix(begin).unwrap_or(known));
        let nearest = known.iter().map(|known| (distance(known), known)).min();
        let near = |slips: usize| nearest.filter(|(distance, _)| *distance <= slips).map(|(_, known)| known.clone());
        let is_free = is_the_platforms(rest) || self.families.iter().any(|family| rest.starts_with(family));
        // A letter away from one of ours it was meant to be that, even if somebody else might have called something so.
        let meant = near(if is_free { 1 } else { SLIPS + rest.len() / LETTERS_A_SLIP });
        (!is_free || meant.is_some()).then_some(Strange { name, meant })
    }
}

impl fmt::Display for Strange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in the environment is no setting of this program", self.name)?;
        match &self.meant {
            Some(meant) => write!(f, "; {meant} is one"),
            None => write!(f, "; take it out, or see --help of the commands for those that are"),
        }
    }
}

/// The variables of a command and of those below it.
fn collect(command: &Command, known: &mut BTreeSet<String>) {
    known.extend(command.get_arguments().filter_map(Arg::get_env).map(|name| name.to_string_lossy().into_owned()));
    command.get_subcommands().for_each(|sub| collect(sub, known));
}

/// What Kubernetes and Docker set in every container for a service that is called as a program of ours is, or begins so: `SERVER_SERVICE_HOST`,
/// `SERVER_METRICS_PORT_9463_TCP_ADDR`.
fn is_the_platforms(rest: &str) -> bool {
    let rest = format!("_{rest}");
    let numbered = |(at, port): (usize, &str)| rest[at + port.len()..].starts_with(|c: char| c.is_ascii_digit());
    rest.ends_with("_SERVICE_HOST")
        || rest.contains("_SERVICE_PORT")
        || rest.ends_with("_PORT")
        || rest.match_indices("_PORT_").any(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strange(names: &[&str]) -> Vec<String> {
        let flag = |long: &'static str, variable: &'static str| Arg::new(long).long(long).env(variable);
        let serve = Command::new("serve").arg(flag("listen", "SERVER_LISTEN")).arg(flag("cdn-port", "SERVER_CDN_PORT"));
        let serve = serve.arg(flag("key-dir", "SERVER_KEY_DIR")).arg(flag("database-url", "SERVER_DATABASE_URL"));
        let keys = Command::new("keys").subcommand(Command::new("draw").arg(flag("key-file", "SERVER_OHTTP_KEY_FILE")));
        let command = Command::new("server").subcommand(serve).subcommand(keys);
        let variables = Variables { prefix: "SERVER", families: &["KEYS_", "TEST_"] };
        let found = variables.strange(&command, names.iter().map(|&name| name.to_owned()));
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_mistyped_variable_is_named_with_the_one_that_was_meant() {
        for (name, meant) in [
            ("SERVER_LISTN", "SERVER_LISTEN"),
            ("SERVER_LITSEN", "SERVER_LISTEN"),
            ("SERVER_LISTEN_", "SERVER_LISTEN"),
            ("SERVER_DATABSE_URLS", "SERVER_DATABASE_URL"),
            ("SERVER_OHTP_KEYFILE", "SERVER_OHTTP_KEY_FILE"),
            // These look like somebody else's, and are next to one of ours.
            ("SERVER_CND_PORT", "SERVER_CDN_PORT"),
            ("SERVER_KEYS_DIR", "SERVER_KEY_DIR"),
        ] {
            assert_eq!(
                strange(&[name]),
                [format!("{name} in the environment is no setting of this program; {meant} is one")]
            );
        }
        let [said] = &strange(&["SERVER_COLOUR"])[..] else { panic!("one is strange") };
        assert!(said.starts_with("SERVER_COLOUR in the environment") && said.contains("--help"), "{said}");
        assert_eq!(strange(&["SERVER_B", "SERVER_", "SERVER_A"]).len(), 3);
    }

    #[test]
    fn what_any_command_reads_and_what_platforms_set_is_left_alone() {
        let known = ["SERVER_LISTEN", "SERVER_CDN_PORT", "SERVER_DATABASE_URL", "SERVER_OHTTP_KEY_FILE"];
        let families = ["SERVER_KEYS_NO", "SERVER_KEYS_IR", "SERVER_KEYS_EXAMPLE", "SERVER_TEST_DATABASE_URL"];
        let platforms = [
            "SERVER_SERVICE_HOST",
            "SERVER_SERVICE_PORT",
            "SERVER_SERVICE_PORT_HTTP",
            "SERVER_PORT",
            "SERVER_PORT_8081_TCP",
            "SERVER_PORT_8081_TCP_ADDR",
            "SERVER_METRICS_SERVICE_HOST",
            "SERVER_METRICS_PORT_9463_TCP_PROTO",
        ];
        let others = ["PATH", "SERVERS_LISTN", "server_listn", "SERVER", "EXPORTER_LISTN"];
        for name in known.iter().chain(&families).chain(&platforms).chain(&others) {
            assert_eq!(strange(&[name]), [""; 0], "{name}");
        }
    }
}
