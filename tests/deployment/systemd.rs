//! The units of `deploy/systemd`: systemd takes them, and they shut in what they start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::programs::{built, repository};

/// Where the units find the programs.
pub(crate) const PROGRAMS: &str = "/opt/pratique/bin/";
/// Where their settings and keys are.
pub(crate) const SETTINGS: &str = "/etc/pratique/";
/// Ten times the exposure that systemd may find at most; 0 is a process that can do nothing, 100 one that can do everything.
const EXPOSURE: &str = "20";

/// A service of `deploy/systemd`.
pub(crate) struct Unit {
    pub(crate) name: String,
    text: String,
}

impl Unit {
    pub(crate) fn all() -> anyhow::Result<Vec<Self>> {
        let mut units = Vec::new();
        for entry in fs::read_dir(directory())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "service") {
                let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
                units.extend(Self::instances(&name, &fs::read_to_string(&path)?));
            }
        }
        ensure!(units.len() == 7, "{} services", units.len());
        Ok(units)
    }

    /// A unit, or both of those that a template stands for.
    fn instances(name: &str, text: &str) -> Vec<Self> {
        let of_database =
            |whose: &str| Self { name: name.replace('@', &format!("@{whose}")), text: text.replace("%i", whose) };
        match name.contains('@') {
            true => ["keys", "verification"].map(of_database).into(),
            false => vec![Self { name: name.to_owned(), text: text.to_owned() }],
        }
    }

    pub(crate) fn named(name: &str) -> anyhow::Result<Self> {
        Self::all()?.into_iter().find(|unit| unit.name == name).context("a unit")
    }

    /// The values of a setting, in their order.
    pub(crate) fn values(&self, setting: &str) -> Vec<&str> {
        self.text.lines().filter_map(|line| line.strip_prefix(setting)?.strip_prefix('=')).collect()
    }

    pub(crate) fn value(&self, setting: &str) -> anyhow::Result<&str> {
        self.values(setting).pop().with_context(|| format!("{} says no {setting}", self.name))
    }
}

/// Where the units stand.
pub(crate) fn directory() -> PathBuf {
    repository("deploy/systemd")
}

/// Copies the units to where their programs are those of this build; the services and timers among them.
fn copy_units(to: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let programs = built("server").parent().context("a directory")?.display().to_string() + "/";
    let mut copies = Vec::new();
    for folder in ["", "pratique-.service.d"] {
        fs::create_dir_all(to.join(folder))?;
        for entry in fs::read_dir(directory().join(folder))? {
            let path = entry?.path();
            if path.is_dir() {
                continue;
            }
            let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
            let copy = to.join(folder).join(&name);
            let script = directory().join("copy-sqlite").canonicalize()?.display().to_string();
            let text = fs::read_to_string(&path)?.replace(&format!("{PROGRAMS}copy-sqlite"), &script);
            fs::write(&copy, text.replace(PROGRAMS, &programs))?;
            if [".service", ".timer"].iter().any(|kind| name.ends_with(kind)) {
                copies.push(copy);
            }
        }
    }
    Ok(copies)
}

/// Runs a tool of systemd's; what it said.
fn systemd(tool: &str, arguments: &[&str], files: &[PathBuf]) -> anyhow::Result<String> {
    let mut command = Command::new(tool);
    command.args(arguments).args(files).stdin(Stdio::null());
    let output = command.output().with_context(|| format!("{tool}; apt-get install systemd (tests/run does it)"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    ensure!(output.status.success(), "{tool} {arguments:?}: {said}");
    Ok(said)
}

#[test]
fn systemd_takes_every_unit_without_a_word() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let units = copy_units(directory.path())?;
    let said = systemd("systemd-analyze", &["verify", "--man=no"], &units)?;
    // It says of units of the system's what it likes.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("pratique")).collect();
    assert!(ours.is_empty(), "{ours:#?}");
    Ok(())
}

#[test]
fn nginx_starts_with_our_configuration_and_not_with_the_systems() -> anyhow::Result<()> {
    // As Debian ships it.
    const NGINX: &str = "[Service]\nType=forking\nPIDFile=/run/nginx.pid\nExecStartPre=/usr/sbin/nginx -t -q\nExecStart=/usr/sbin/nginx\nExecReload=/usr/sbin/nginx -s reload\n";
    let here = tempfile::tempdir()?;
    let unit = here.path().join("nginx.service");
    fs::write(&unit, NGINX)?;
    let drop_in = here.path().join("nginx.service.d");
    fs::create_dir(&drop_in)?;
    fs::copy(directory().join("nginx.service.d/pratique.conf"), drop_in.join("pratique.conf"))?;
    let said = systemd("systemd-analyze", &["verify", "--man=no"], &[unit])?;
    assert!(!said.contains("nginx"), "{said}");
    let text = fs::read_to_string(drop_in.join("pratique.conf"))?;
    for setting in ["ExecStartPre", "ExecStart", "ExecReload"] {
        let lines: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(setting)?.strip_prefix('=')).collect();
        let (first, ours) = lines.split_first().context("said")?;
        assert!(first.is_empty() && !ours.is_empty(), "the system's own {setting} stays");
        assert!(ours.iter().all(|line| line.contains(" -c /etc/nginx/pratique/nginx.conf")), "{ours:?}");
    }
    assert!(fs::read_to_string(repository("deploy/nginx/nginx.conf"))?.contains("\npid /run/nginx.pid;\n"));
    Ok(())
}

#[test]
fn no_program_can_do_more_than_it_must() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    for unit in copy_units(directory.path())?.into_iter().filter(|unit| unit.extension() == Some("service".as_ref())) {
        systemd("systemd-analyze", &["security", "--offline=true", "--threshold", EXPOSURE], &[unit])?;
    }
    Ok(())
}

#[test]
fn the_users_of_the_units_are_made() -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let root = directory.path();
    fs::create_dir(root.join("etc"))?;
    let file = fs::canonicalize(self::directory().join("sysusers.conf"))?;
    systemd("systemd-sysusers", &[&format!("--root={}", root.display())], &[file])?;
    let made = fs::read_to_string(root.join("etc/passwd"))?;
    for unit in Unit::all()? {
        let user = unit.value("User")?;
        let line = made.lines().find(|line| line.starts_with(&format!("{user}:"))).context("the user is made")?;
        assert!(line.ends_with("/nologin") && unit.value("Group")? == user, "{line}");
        // The state directory is its home, so that its commands find the database.
        assert!(line.contains(&format!(":/var/lib/{}:", unit.value("StateDirectory")?)), "{line}");
    }
    Ok(())
}

#[test]
fn directories_of_keys_are_hidden_from_whom_they_do_not_belong_to() -> anyhow::Result<()> {
    for (whose, from) in [
        ("verification", ["server", "exporter", "exporter-once"].as_slice()),
        ("server", &["verification", "exporter", "exporter-once"]),
        ("bundle-keys", &["verification", "server"]),
        ("exporter", &["verification", "server"]),
    ] {
        for name in from {
            let unit = Unit::named(&format!("pratique-{name}.service"))?;
            let hidden = unit.values("InaccessiblePaths").join(" ");
            assert!(hidden.split(' ').any(|path| path == format!("-{SETTINGS}{whose}")), "{name} sees {whose}");
        }
    }
    Ok(())
}
