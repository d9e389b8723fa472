use std::path::Path;
use std::process::Command;

use load::record::Outcome;
use load::report;
use load::results::{Proof, Results};

use crate::scene::{Scene, country};

/// Closing what is open in any other order than the opposite one is an error for an XML parser, and so is everything that is not escaped.
/// The document type is the one thing that HTML writes differently.
const PARSE: &str = "import sys, xml.etree.ElementTree as tree
text = open(sys.argv[1], encoding='utf-8').read()
assert text.startswith('<!DOCTYPE html>')
page = tree.fromstring(text.removeprefix('<!DOCTYPE html>'))
assert not list(page.iter('script')), 'a page without scripts'
for element in page.iter():
    for name, value in element.attrib.items():
        if name == 'href':
            assert value[:1] == '#' and any(section.get('id') == value[1:] for section in page.iter('section')), value
            continue
        assert name not in ('src', 'srcset', 'data', 'action', 'background'), f'{name} loads something'
        assert not name.startswith('on'), f'{name} runs something'
for svg in page.iter('svg'):
    assert svg.get('aria-hidden') or svg.get('aria-label'), 'a picture that is not described'
for figure in page.iter('figure'):
    assert figure.find('figcaption') is not None and figure.find('details') is not None, 'a plot without a table'
for table in page.iter('table'):
    head, rows = len(table.findall('thead/tr/th')), table.findall('tbody/tr')
    assert head and rows and all(len(list(row)) == head for row in rows), table.find('caption').text
print(len(list(page.iter('figure'))), len(list(page.iter('table'))))";

/// Parses a page; gives how many plots and tables it has.
fn parse(page: &str) -> (usize, usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("report.html");
    std::fs::write(&file, page).expect("written");
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/python");
    let python = if python.exists() { python } else { "python3".into() };
    let output = Command::new(python).args(["-c", PARSE]).arg(&file).output().expect("Python: apt-get install python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counts = String::from_utf8(output.stdout).expect("numbers");
    let (plots, tables) = counts.trim().split_once(' ').expect("two numbers");
    (plots.parse().expect("a number"), tables.parse().expect("a number"))
}

#[test]
fn a_page_is_well_formed_and_describes_every_plot() {
    let page = report::page(&country(300, true));
    // All answers, errors, the wait, two gauges, and three for each of eight operations.
    let (plots, tables) = parse(&page);
    assert_eq!(plots, 5 + 3 * 8);
    assert!(tables > plots, "{tables}");
    for text in
        ["Failed, although", "timeout", "the ramp is over", "8,372 keys acknowledged", "limit of p99", "NO/gaen"]
    {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn a_page_loads_nothing_and_runs_nothing() {
    let page = report::page(&country(60, false));
    for forbidden in ["http://", "https://", "//cdn", "url(", "@import", "<script", "<link", "<img", "<iframe"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("default-src &#39;none&#39;"));
}

#[test]
fn whatever_stands_in_names_and_settings_stays_text() {
    let nasty = "</title><script>alert(1)</script>&\"'<!--";
    let scene = Scene::new();
    scene.request("upload", [0.0, 0.0, 0.1], Outcome::Refused("<b>code"), 1);
    scene.request("<i>poll", [0.0, 0.0, 0.1], Outcome::Failed(nasty), 1);
    scene.recorder.gauge("<u>gauge", 1.0, scene.at(0.1));
    scene.recorder.mark(nasty, scene.at(0.1));
    let mut results = scene.results(1.0);
    nasty.clone_into(&mut results.run.preset);
    nasty.clone_into(&mut results.run.machine.cpu);
    results.run.settings.insert(nasty.to_owned(), nasty.to_owned());
    let proof = Proof { faults: vec![nasty.to_owned()], feeds: vec![nasty.to_owned()], ..Proof::default() };
    let page = report::page(&results.with_proof(proof));
    parse(&page);
    for element in ["<script", "<b>", "<i>poll", "<u>", "<!--"] {
        assert!(!page.contains(element), "{element}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)"));
}

#[test]
fn runs_in_which_little_or_nothing_happened_have_a_page() {
    parse(&report::page(&Results::default()));
    parse(&report::page(&Scene::new().results(0.0)));
    let scene = Scene::new();
    scene.request("upload", [0.0, 0.0, 0.0], Outcome::Failed("refused"), 0);
    parse(&report::page(&scene.results(0.1)));
}

#[test]
fn half_an_hour_fits_into_half_a_megabyte() {
    let mut results = country(1_800, true);
    // As many operations as a run with all actors has.
    let (operations, series) = (results.operations.clone(), results.series.operations.clone());
    for (number, (mut operation, mut series)) in operations.into_iter().zip(series).cycle().take(12).enumerate() {
        operation.name = format!("{}_{number}", operation.name);
        series.name.clone_from(&operation.name);
        results.operations.push(operation);
        results.series.operations.push(series);
    }
    let page = report::page(&results);
    assert!(page.len() < 500_000, "{} bytes", page.len());
}
