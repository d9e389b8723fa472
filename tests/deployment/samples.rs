//! The samples of settings: nothing is missing, nothing is made up, and what they call a default is one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use crate::page::Page;
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

/// Its keys have variables and no flags.
#[test]
fn the_sample_of_the_load_tester_names_its_settings_and_is_understood() {
    let sample = Sample::read("load.env");
    let mut known: BTreeSet<String> = variables("load").into_keys().collect();
    known.extend(["LOAD_ADMIN_KEY", "LOAD_DEVICE_KEY"].map(str::to_owned));
    assert_eq!(sample.names(), known);
    let mut run = program("load");
    run.envs(&sample.set).args(["burst", "--duration", "1s"]);
    let output = ended(&run);
    assert_eq!(output.status.code(), Some(3), "{}", complaint(&output));
    // Everything was understood, and the first file that it names is not there.
    assert!(complaint(&output).contains("/etc/pratique/load-admin.key"), "{}", complaint(&output));
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

/// What the runbook's `read_settings` has read from a file of settings.
fn as_the_runbook_reads(file: &str, text: &str) -> BTreeMap<String, String> {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join(file), text).expect("written");
    let page = Page::read("deploy/runbook.md");
    let settings = page.blocks().into_iter().find(|block| block.info == "sh settings").expect("settings");
    let here = format!("ETC='{}'", directory.path().display());
    let lines = settings.lines.into_iter().map(|line| if line.starts_with("ETC=") { here.as_str() } else { line });
    let script = lines.chain(["env -0"]).collect::<Vec<_>>().join("\n");
    let output = Command::new("bash").env_clear().env("PATH", "/usr/bin:/bin").args(["-euc", &script]).output();
    let output = output.expect("bash");
    assert!(output.status.success(), "{file}: {}", complaint(&output));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    said.split('\0').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.into(), value.into())).collect()
}

/// Nothing in a sample is quoted, so that systemd and containers take the same; a shell would stop at the first `&`.
#[test]
fn the_runbook_reads_every_sample_as_it_stands() {
    let services = SERVICES.iter().map(|(file, program, ..)| (file, program)).filter(|(_, name)| **name != "pratique");
    for (file, program) in services.chain(OWNERS.iter().map(|(file, program, _)| (file, program))) {
        let Sample { set, commented } = Sample::read(file);
        let whole: BTreeMap<_, _> = set.into_iter().chain(commented).collect();
        // With everything that is commented out, too, and without the last line's end, which an editor may leave away.
        let uncommented: Vec<_> = whole.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for (text, expected) in
            [(read(&format!("deploy/config/{file}")), Sample::read(file).set), (uncommented.join("\n"), whole.clone())]
        {
            let found = as_the_runbook_reads(file, &text);
            for (name, value) in &expected {
                assert_eq!(found.get(name), Some(value), "{file}: {name}");
            }
            let prefix = format!("{}_", program.to_uppercase());
            assert!(found.keys().all(|name| !name.starts_with(&prefix) || expected.contains_key(name)), "{file}");
        }
    }
}

#[test]
fn the_runbook_keeps_files_where_the_samples_have_them() {
    let page = Page::read("deploy/runbook.md");
    let (mut compared, mut file) = (0, String::new());
    let is_setting = |name: &str| ["VERIFICATION_", "SERVER_", "EXPORTER_"].iter().any(|of| name.starts_with(of));
    for line in page.blocks().iter().filter(|block| block.info != "sh settings").flat_map(|block| &block.lines) {
        if let Some(written) = line.strip_prefix("cat > \"$ETC/") {
            file = written.split('"').next().expect("a name").to_owned();
        }
        if *line == "END" {
            file.clear();
        }
        let Some((name, value)) = line.split_once('=').filter(|(name, _)| !file.is_empty() && is_setting(name)) else {
            continue;
        };
        let Sample { set, commented } = Sample::read(&file);
        let shown = set.get(name).or_else(|| commented.get(name)).unwrap_or_else(|| panic!("{file} has no {name}"));
        for path in value.split("$ETC").skip(1).map(|rest| rest.split(['&', ',']).next().unwrap_or_default()) {
            compared += 1;
            assert!(shown.contains(&format!("/etc/pratique{path}")), "{file}: {name} is {shown}, and not at {path}");
        }
    }
    assert!(compared >= 15, "{compared} paths");
}
