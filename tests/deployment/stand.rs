//! What stands around the commands of a page while a test runs them: a directory of their own, our programs, and stand-ins for what a test must not
//! touch or cannot wait for.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use tempfile::TempDir;

use crate::page::{Block, Page, root};
use crate::script;

/// No page takes longer, in seconds, even where the machine stands still for a while.
const PATIENCE: &str = "900";

/// A place in which the commands of a page are run.
pub(crate) struct Stand {
    directory: TempDir,
    /// What the settings of the page are here.
    settings: BTreeMap<&'static str, String>,
    /// What is typed here in place of lines that leave a gap, as `KID=...`.
    filled: BTreeMap<&'static str, &'static str>,
    /// Whether each section of the page is typed into a new shell.
    new_shells: bool,
    /// Shell functions that stand in for what is not there.
    stand_ins: String,
    /// Where the commands are typed.
    home: PathBuf,
}

impl Stand {
    /// An empty place.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("said")).expect("created");
        let (settings, stand_ins) = (BTreeMap::new(), include_str!("stand_ins.sh").to_owned());
        let (filled, new_shells) = (BTreeMap::new(), false);
        Self { directory, settings, filled, new_shells, stand_ins, home: root().to_owned() }
    }

    /// Lets the commands be typed in the place itself and not in the repository.
    pub(crate) fn stay_at_home(&mut self) {
        self.home = self.directory.path().to_owned();
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// Gives a setting of the page another value.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.settings.insert(name, value.into());
    }

    /// Says what a person types where the page has a line that begins like this and leaves a gap.
    pub(crate) fn fill(&mut self, gap: &'static str, line: &'static str) {
        self.filled.insert(gap, line);
    }

    /// Types each section into a new shell, which knows nothing but the settings.
    pub(crate) fn open_new_shells(&mut self) {
        self.new_shells = true;
    }

    /// Adds lines of shell before the page's own.
    pub(crate) fn stand_in(&mut self, lines: &str) {
        self.stand_ins.push_str(lines);
    }

    /// Runs the blocks of a page whose info is one of `infos`, in their order and in one shell; the block `sh settings` is always among them.
    pub(crate) fn run(&self, page: &Page, infos: &[&str]) {
        self.try_run(page, infos).unwrap_or_else(|said| panic!("{said}"));
    }

    /// The same; where it stood and what was said there, if a command did not do what the page says.
    fn try_run(&self, page: &Page, infos: &[&str]) -> Result<(), String> {
        let mut blocks = page.blocks();
        blocks.retain(|block| block.info == "sh settings" || infos.contains(&block.info));
        let set: Vec<Vec<String>> = blocks.iter().map(|block| self.settings_of(block)).collect();
        for (block, lines) in blocks.iter_mut().zip(&set) {
            block.lines = lines.iter().map(String::as_str).collect();
        }
        let of = if self.new_shells { script::of_sections } else { script::of_blocks };
        let script = format!("{}{}", self.stand_ins, of(page.path, &blocks));
        let file = self.directory.path().join("script.sh");
        fs::write(&file, format!("{script}\ntrap - EXIT\nleave\n")).expect("written");
        let output = self.shell(&file).output().expect("bash");
        let failed = fs::read_to_string(self.path("said/failed")).unwrap_or_default();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("{}\n{failed}{said}", output.status)) }
    }

    /// The lines of a block: gaps filled, and in that of the settings the values that hold here.
    fn settings_of(&self, block: &Block<'_>) -> Vec<String> {
        let lines = block.lines.iter().map(|line| (*line).to_owned());
        if block.info != "sh settings" {
            let filled = |line: String| {
                let gap = self.filled.iter().find(|(gap, _)| line.starts_with(*gap));
                gap.map_or(line.clone(), |(_, typed)| (*typed).to_owned())
            };
            return lines.map(filled).collect();
        }
        let mut unused = self.settings.clone();
        let lines = lines.map(|line| {
            let found = line.split_once('=').and_then(|(name, _)| Some((name.to_owned(), unused.remove(name)?)));
            found.map_or(line, |(name, value)| format!("{name}='{value}'"))
        });
        let lines = lines.collect();
        assert!(unused.is_empty(), "the page has no settings of these names: {unused:?}");
        lines
    }

    /// The shell, in a process group of its own and with a clean environment. Whatever it leaves behind after its time is killed with it.
    fn shell(&self, script: &Path) -> Command {
        let mut shell = Command::new("timeout");
        shell.args(["--kill-after=10", PATIENCE, "bash"]).arg(script).process_group(0);
        shell.current_dir(&self.home).env_clear();
        let path = format!("{}:{}", programs().display(), env::var("PATH").unwrap_or_default());
        shell.env("PATH", path).env("HOME", self.path("")).env("SAID", self.path("said")).env("LC_ALL", "C.UTF-8");
        shell.env("TMPDIR", self.path(""));
        shell
    }
}

/// Where our programs are: beside the tests, where `cargo build --workspace --bins` puts them.
pub(crate) fn programs() -> PathBuf {
    let test = env::current_exe().expect("a program has a path");
    let directory = test.ancestors().nth(2).expect("target/debug/deps").to_owned();
    for name in ["verification", "server", "exporter", "pratique"] {
        let program = directory.join(name);
        assert!(program.exists(), "{} is missing: cargo build --workspace --bins", program.display());
    }
    directory
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a page with these commands comes to.
    fn outcome(commands: &str) -> Result<(), String> {
        let mut stand = Stand::new();
        stand.stay_at_home();
        stand.set("PLACE", "here");
        let text = format!("```sh settings\nPLACE=there # or elsewhere\n```\n\n```sh\n{commands}\n```\n");
        stand.try_run(&Page { path: "page.md", text }, &["sh"])
    }

    #[test]
    fn a_page_whose_commands_do_not_do_what_it_says_fails_where_it_is_wrong() {
        assert_eq!(
            outcome("echo $PLACE\n# => $PLACE\n(exit 3)\n# => exit 3\nservice() { echo up; }\nservice\n# => up"),
            Ok(())
        );
        for (commands, why) in [
            ("true\nfalse", "page.md:7: exit code 1, not 0"),
            ("true\n# => exit 2", "page.md:6: exit code 0, not 2"),
            ("echo $PLACE\n# => there", "page.md:6: it does not say: there\nhere"),
            ("echo $NOWHERE", "page.md:6: the shell ended"),
            ("true\nexit 0\nfalse", "page.md:7: the shell ended"),
        ] {
            let said = outcome(commands).expect_err(commands);
            assert!(said.contains(why), "{commands}: {said}");
        }
    }
}
