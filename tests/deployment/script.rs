//! The commands of a page as one shell script, each with what the page says of it.
//!
//! `# => TEXT` below a command: it says TEXT, on standard output or standard error. `# => exit N`: it ends with N. A command of which nothing else is
//! said ends with 0.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::page::Block;

/// A command, and what is expected of it.
struct Step {
    /// Where it begins.
    line: usize,
    text: String,
    exit: u8,
    says: Vec<String>,
}

/// The script that runs the commands of these blocks in their order, in one shell. `path` is the page's.
pub(crate) fn of_blocks(path: &str, blocks: &[Block<'_>]) -> String {
    let mut script = format!("PAGE={path}\n{CHECK}");
    for step in blocks.iter().flat_map(steps) {
        script.push_str(&checked(step));
    }
    script
}

/// The same, where each section is typed into a new shell that has read the settings and nothing else. The first of the blocks are the settings.
pub(crate) fn of_sections(path: &str, blocks: &[Block<'_>]) -> String {
    let mut script = format!("PAGE={path}\n{CHECK}{NEW_SHELL}");
    let mut section = None;
    for block in blocks {
        if section.is_some_and(|before| before != block.section) {
            let begins = if section == blocks.first().map(|first| first.section) { "keep" } else { "forget" };
            let _ = writeln!(script, "AT={}\n{begins}", block.line);
        }
        section = Some(block.section);
        steps(block).into_iter().for_each(|step| script.push_str(&checked(step)));
    }
    script
}

/// A command with its expectations. What it says goes to a file of its own, where services that it leaves behind may go on talking.
fn checked(step: Step) -> String {
    let Step { line, text, exit, says } = step;
    let says: String = says.iter().map(|text| format!(" \"{text}\"")).collect();
    format!("AT={line}\n{{\n{text}}} > \"$SAID/{line}\" 2>&1 < /dev/null\ncheck $? {exit}{says}\n")
}

/// What a new shell knows: what there was once the settings were read, read once more.
const NEW_SHELL: &str = r#"
keep() {
    VARIABLES=" VARIABLES FUNCTIONS UNITS $(compgen -v | tr '\n' ' ') "
    FUNCTIONS=" $(compgen -A function | tr '\n' ' ') "
}
forget() {
    local known
    for known in $(compgen -v); do
        case "$known" in BASH* | _ | known) continue ;; esac
        [[ $VARIABLES == *" $known "* ]] || unset -v "$known"
    done
    for known in $(compgen -A function); do
        [[ $FUNCTIONS == *" $known "* ]] || unset -f "$known"
    done
    read_settings
}
"#;

/// Writes down where it stood and what was said there, and ends. A shell that ends within a command still talks to where that command talks, so it is
/// a file that is written to.
const CHECK: &str = r#"
set -u -o pipefail
AT=0
fail() {
    { printf '%s:%s: %s\n' "$PAGE" "$AT" "$1"; tail -n 40 "$SAID/$AT"; } > "$SAID/failed"
    trap - EXIT
    leave
    exit 1
}
check() {
    local code=$1 expected=$2
    shift 2
    [ "$code" = "$expected" ] || fail "exit code $code, not $expected"
    local text
    for text in "$@"; do
        grep -qF -- "$text" "$SAID/$AT" || fail "it does not say: $text"
    done
}
trap 'fail "the shell ended"' EXIT
"#;

/// The commands of a block.
fn steps(block: &Block<'_>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut open: Option<Step> = None;
    for (line, text) in (block.line..).zip(&block.lines) {
        if open.is_none()
            && let Some(expected) = text.strip_prefix("# => ")
        {
            let step = steps.last_mut().unwrap_or_else(|| panic!("line {line} follows no command"));
            match expected.strip_prefix("exit ") {
                Some(code) => step.exit = code.parse().unwrap_or_else(|_| panic!("line {line}: no exit code")),
                // Variables are written out, everything else stands for itself.
                None => step.says.push(expected.replace('\\', "\\\\").replace('"', "\\\"").replace('`', "\\`")),
            }
            continue;
        }
        if open.is_none() && (text.is_empty() || text.starts_with('#')) {
            continue;
        }
        let step = open.get_or_insert_with(|| Step { line, text: String::new(), exit: 0, says: Vec::new() });
        let _ = writeln!(step.text, "{text}");
        if is_whole(&step.text) {
            steps.extend(open.take());
        }
    }
    assert!(open.is_none(), "line {}: the last command has no end", block.line);
    steps
}

/// Whether the shell would run it, or wait for more lines. It complains of an open quote, and warns of a document that does not end.
fn is_whole(text: &str) -> bool {
    if text.ends_with("\\\n") {
        return false;
    }
    let mut shell = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("bash");
    shell.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("read");
    let said = shell.wait_with_output().expect("it ends");
    said.status.success() && said.stderr.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_ends_where_the_shell_would_run_it() {
        let lines = vec![
            "# A comment.",
            "cat > file <<END",
            "# => not an expectation: it is part of the document",
            "END",
            "for one in a b; do",
            "    echo \"$one\"",
            "done",
            "# => a",
            "# => b \"quoted\"",
            "",
            "false \\",
            "    --flag",
            "# => exit 1",
            "echo 'two",
            "lines'",
        ];
        let steps = steps(&Block { info: "sh", line: 10, section: "", lines });
        let found: Vec<_> = steps.iter().map(|step| (step.line, step.exit, step.says.len())).collect();
        assert_eq!(found, [(11, 0, 0), (14, 0, 2), (20, 1, 0), (23, 0, 0)]);
        assert!(steps[0].text.ends_with("END\n") && steps[1].says[1] == "b \\\"quoted\\\"");
    }
}
