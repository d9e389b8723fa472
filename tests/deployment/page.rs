//! Pages of documentation: their headings and their blocks of code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A page in Markdown.
pub(crate) struct Page {
    /// Its path from the root of the repository.
    pub(crate) path: &'static str,
    pub(crate) text: String,
}

/// A block of code.
pub(crate) struct Block<'a> {
    /// What stands behind the fence, as `sh postgres`.
    pub(crate) info: &'a str,
    /// The number of its first line, counted from 1.
    pub(crate) line: usize,
    /// The heading of the second level that it stands under.
    pub(crate) section: &'a str,
    pub(crate) lines: Vec<&'a str>,
}

impl Page {
    /// The page at a path from the root of the repository.
    pub(crate) fn read(path: &'static str) -> Self {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
        Self { path, text }
    }

    /// Its blocks of code, in their order.
    pub(crate) fn blocks(&self) -> Vec<Block<'_>> {
        let (mut blocks, mut open) = (Vec::new(), None::<Block<'_>>);
        let mut section = "";
        for (number, line) in (1..).zip(self.text.lines()) {
            if let (None, Some(heading)) = (&open, line.strip_prefix("## ")) {
                section = heading;
            }
            match (&mut open, line.strip_prefix("```")) {
                (None, Some(info)) => {
                    open = Some(Block { info: info.trim(), line: number + 1, section, lines: Vec::new() })
                }
                (Some(_), Some("")) => blocks.extend(open.take()),
                (Some(block), _) => block.lines.push(line),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block of code has no end", self.path);
        blocks
    }

    /// What links to its headings name, as GitHub and GitLab make them: lower case, hyphens for spaces, other signs left out.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        let mut in_code = false;
        for line in self.text.lines() {
            in_code ^= line.starts_with("```");
            let heading = line.trim_start_matches('#');
            if !in_code && heading.len() < line.len() && heading.starts_with(' ') {
                let kept = heading.trim().to_lowercase().replace(' ', "-");
                let anchor: String =
                    kept.chars().filter(|sign| sign.is_alphanumeric() || "-_".contains(*sign)).collect();
                assert!(anchors.insert(anchor.clone()), "{}: two headings are called {anchor}", self.path);
            }
        }
        anchors
    }

    /// Where its links go, those in code left out.
    pub(crate) fn links(&self) -> Vec<&str> {
        let targets = self.text.split("](").skip(1);
        targets.filter_map(|rest| rest.split(')').next()).collect()
    }
}

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
