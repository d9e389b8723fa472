//! `docs/rules.md` says what the code does: its constants, its tests, its codes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The page.
fn page() -> String {
    fs::read_to_string(crate::root().join("docs/rules.md")).expect("the rules are written down")
}

/// What stands between backticks in a text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of all tables, cell by cell, without heads and rulers.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let lines = page.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| tests |"));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn every_constant_of_the_rules_is_that_of_the_code() {
    let page = page();
    for row in rows(&page).iter().filter(|row| row.len() == 5) {
        let mut quoted = quoted(row[3]);
        let path = quoted.next().expect("a rule has a place in the code");
        let source = fs::read_to_string(crate::root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
        for constant in quoted {
            let (name, value) = constant.split_once(" = ").expect("NAME = value");
            let declared = source.lines().find(|line| line.contains(&format!("const {name}: ")));
            let declared = declared.unwrap_or_else(|| panic!("{path} has no {name}"));
            assert!(declared.ends_with(&format!(" = {value};")), "{path}: {declared}, and not {value}");
        }
    }
}

#[test]
fn every_test_of_the_rules_and_of_the_defects_exists() {
    let mut sources = String::new();
    read_all(crate::root(), &mut sources);
    let page = page();
    for row in rows(&page) {
        let cell = row.last().expect("a row has cells");
        let tests: Vec<&str> = quoted(cell).collect();
        assert!(!tests.is_empty() || cell.starts_with("not there yet: "), "{} has no test", row[0]);
        for test in tests {
            let stands = [format!("fn {test}("), format!("fn {test}<")].iter().any(|name| sources.contains(name));
            assert!(stands, "{}: there is no test {test}", row[0]);
        }
    }
}

#[test]
fn every_code_of_an_answer_is_told_of() {
    let page = page();
    let told: BTreeSet<&str> = rows(&page).iter().filter(|row| row.len() == 5).flat_map(|row| quoted(row[2])).collect();
    let mut codes = BTreeSet::from(["partial_failure".to_owned()]);
    for path in ["server/src/problem.rs", "server/service/src/unheard.rs"] {
        let source = fs::read_to_string(crate::root().join(path)).expect("a source");
        let arms = source.split("fn code(").nth(1).and_then(|rest| rest.split("\n    }\n").next()).expect("codes");
        codes.extend(arms.split("=> \"").skip(1).filter_map(|arm| arm.split('"').next()).map(str::to_owned));
    }
    let told: BTreeSet<String> = told.into_iter().map(str::to_owned).collect();
    assert_eq!(codes, told, "codes of the code, and of the page");
}

/// Appends every source of ours.
fn read_all(directory: &Path, to: &mut String) {
    let entries: Vec<PathBuf> = fs::read_dir(directory).expect("a directory").flatten().map(|e| e.path()).collect();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            read_all(&path, to);
        } else if name.ends_with(".rs") {
            to.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}
