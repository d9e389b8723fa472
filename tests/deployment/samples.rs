//! The samples of settings: nothing is missing, nothing is made up, and what they call a default is one.

use std::collections::{BTreeMap, BTreeSet};

use crate::programs::{complaint, ended, program, read, variables, variables_of};

/// A sample for each program that runs for long: its file, the program, the command, and what keeps the command from reaching any database when the
/// sample is tried.
const SERVICES: [(&str, &str, &str, &[&str]); 4] = [
    ("verification.env", "verification", "serve", &["--database-url", NOWHERE]),
    ("server.env", "server", "serve", &["--database-url", NOWHERE]),
    ("exporter.env", "exporter", "run", &["--database-url", NOWHERE, "--read-database-url", NOWHERE]),
    ("pratique.env", "pratique", "serve", &["--dir", "/dev/null/nowhere"]),
];
/// A sample for the commands of operators, and some of these.
const OWNERS: [(&str, &str, &[&[&str]]); 2] = [
    ("verification-owner.env", "verification", &[&["migrate"], &["keys", "generate"], &["secret", "rotate"]]),
    ("server-owner.env", "server", &[&["migrate"], &["authority", "add"], &["withdraw"]]),
];
const NOWHERE: &str = "sqlite:/dev/null/nowhere.db";
/// What every program reads, although it is no setting of its own.
const COMMON: &str = "RUST_LOG";

/// A file of settings, as its readers understand it.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    /// What it sets.
    pub(crate) set: BTreeMap<String, String>,
    /// What it could set: a default, or an example.
    pub(crate) commented: BTreeMap<String, String>,
}

impl Sample {
    /// Reads `deploy/config/{file}`. A line is empty, a comment (`# ` and text), a setting, or a setting behind `#`.
    pub(crate) fn read(file: &str) -> Self {
        let mut sample = Self::default();
        for line in read(&format!("deploy/config/{file}")).lines() {
            assert!(line.len() <= 200, "{file}: {line} is too long to be read");
            if line.is_empty() || line == "#" || line.starts_with("# ") {
                continue;
            }
            let (place, setting) = match line.strip_prefix('#') {
                Some(setting) => (&mut sample.commented, setting),
                None => (&mut sample.set, line),
            };
            let (name, value) = setting.split_once('=').unwrap_or_else(|| panic!("{file}: {line} sets nothing"));
            assert!(place.insert(name.to_owned(), value.to_owned()).is_none(), "{file}: {name} stands there twice");
        }
        sample
    }

    /// Every variable that it names, without those that are not of the program.
    fn names(&self) -> BTreeSet<String> {
        let names = self.set.keys().chain(self.commented.keys());
        names.filter(|name| *name != COMMON && !name.starts_with("AWS_")).cloned().collect()
    }
}

#[test]
fn each_sample_names_every_setting_of_its_program_and_no_other() {
    for (file, program, ..) in SERVICES {
        let known: BTreeSet<String> = variables(program).into_keys().collect();
        let named = Sample::read(file).names();
        let missing: Vec<_> = known.difference(&named).collect();
        let made_up: Vec<_> = named.difference(&known).collect();
        assert!(
            missing.is_empty() && made_up.is_empty(),
            "deploy/config/{file} lacks {missing:?} and makes up {made_up:?}"
        );
    }
    for (file, program, _) in OWNERS {
        let known = variables(program);
        assert!(Sample::read(file).names().iter().all(|name| known.contains_key(name)), "{file}");
    }
}

#[test]
fn what_a_sample_shows_commented_out_is_the_default_if_there_is_one() {
    for (file, program, command, _) in SERVICES {
        let known = variables_of(program, &[command]);
        for (name, shown) in Sample::read(file).commented.iter().filter(|(name, _)| known.contains_key(*name)) {
            if let Some(default) = &known[name].default {
                assert_eq!(shown, default, "{file}: {name}");
            }
        }
    }
}

/// As it stands, and with everything in it that is commented out. No file that the samples name is there, so that each program gives up before it
/// asks anybody anything: with the database's own password file, or with the database that is nowhere.
#[test]
fn each_sample_is_understood() {
    for (file, name, command, nowhere) in SERVICES {
        let Sample { set, commented } = Sample::read(file);
        let whole: BTreeMap<_, _> = set.clone().into_iter().chain(commented).collect();
        for settings in [&set, &whole] {
            let mut run = program(name);
            run.envs(settings).arg(command).args(nowhere);
            let output = ended(&run);
            let said = complaint(&output);
            let [done, misunderstood] = [Some(0), Some(if name == "exporter" { 64 } else { 2 })];
            assert!(![done, misunderstood].contains(&output.status.code()), "{file}: {said}");
            let reached = ["nowhere", "/etc/pratique/", "--database-url"];
            assert!(reached.iter().any(|part| said.contains(part)), "{file}: {said}");
            if name == "pratique" {
                continue;
            }
            let mut run = program(name);
            run.envs(settings).arg(command);
            let output = ended(&run);
            assert!(![done, misunderstood].contains(&output.status.code()), "{file}: {}", complaint(&output));
            assert!(complaint(&output).contains("/etc/pratique/"), "{file}: {}", complaint(&output));
        }
    }
}

#[test]
fn the_samples_of_owners_are_understood() {
    for (file, name, commands) in OWNERS {
        let settings = Sample::read(file).set;
        for command in commands {
            let known = variables_of(name, command);
            assert!(
                settings.keys().any(|variable| known.contains_key(variable)),
                "{file}: {command:?} reads none of it"
            );
        }
        let mut migrate = program(name);
        migrate.envs(settings).arg("migrate");
        let output = ended(&migrate);
        assert_eq!(output.status.code(), Some(1), "{file}: {}", complaint(&output));
        assert!(complaint(&output).contains("password_file /etc/pratique/"), "{file}: {}", complaint(&output));
    }
}

/// PratiqueFeedHeld and PratiqueFeedNotPublished take it for a fault.
#[test]
fn nothing_in_the_samples_is_held_for_longer_than_alerts_allow() {
    let sample = read("deploy/config/exporter.env");
    let said = sample.split([' ', ';', '\n']);
    let holds = said.filter_map(|word| word.strip_prefix("hold=").or_else(|| word.strip_prefix("#EXPORTER_HOLD=")));
    let hours = holds.map(|hold| hold.strip_suffix('h').and_then(|hours| hours.parse().ok()).expect("hours"));
    let hours: Vec<u32> = hours.collect();
    assert!(hours.len() == 2 && hours.iter().all(|hours| *hours <= 4), "{hours:?}");
}
