use load::record::Outcome;
use load::report;
use load::results::{Ending, Proof, Results};

use crate::scene::{Scene, country};

#[test]
fn a_summary_fits_a_terminal_and_says_what_was_found() {
    let summary = report::summary(&country(120, true));
    for text in [
        "8,372 keys acknowledged, each of them published exactly once",
        "upload FAILED: timeout",
        "p99 of upload is",
        "code_invalid 120",
    ] {
        assert!(summary.contains(text), "{text} is missing in\n{summary}");
    }
    for line in summary.lines().take_while(|line| !line.contains("FAILED")) {
        assert!(line.chars().count() <= 100, "too wide: {line}");
    }
}

#[test]
fn a_run_is_judged_by_errors_limits_and_the_proof() {
    let run = |outcome| {
        let scene = Scene::new();
        scene.request("upload", [0.0, 0.0, 0.5], outcome, 0);
        scene.results(1.0)
    };
    let ending = |results: &Results| (results.verdict.ending, results.verdict.exit_code);
    let good = run(Outcome::Done);
    assert_eq!(ending(&good), (Ending::Passed, 0));
    assert_eq!(ending(&run(Outcome::Refused("code_invalid"))), (Ending::Passed, 0));
    let bad = run(Outcome::Failed("timeout"));
    assert_eq!(ending(&bad), (Ending::Failed, 1));
    assert_eq!(bad.verdict.reasons, ["1 of 1 requests of upload failed: timeout 1."]);
    assert_eq!(ending(&good.clone().with_limit("upload", 99.0, 501.0)), (Ending::Passed, 0));
    assert_eq!(ending(&good.clone().with_limit("upload", 99.0, 499.0)), (Ending::Failed, 1));
    assert_eq!(ending(&good.clone().with_limit("poll", 99.0, 499.0)), (Ending::Failed, 1), "nothing was measured");
    let proof = |published, missing, twice| Proof { acknowledged: 14, published, missing, twice, ..Proof::default() };
    assert_eq!(ending(&good.clone().with_proof(proof(14, 0, 0))), (Ending::Passed, 0));
    for lost in [proof(13, 1, 0), proof(13, 0, 1), proof(13, 0, 0)] {
        assert_eq!(ending(&bad.clone().with_proof(lost.clone())), (Ending::ProofFailed, 2));
        assert!(report::summary(&good.clone().with_proof(lost)).contains("The proof failed"));
    }
    let changed = Proof { faults: vec!["A bundle has changed.".to_owned()], ..proof(14, 0, 0) };
    assert_eq!(ending(&good.with_proof(changed)), (Ending::ProofFailed, 2));
}

#[test]
fn through_faults_only_the_proof_counts() {
    let scene = Scene::new();
    scene.request("upload", [0.0, 0.0, 0.5], Outcome::Failed("refused"), 0);
    let run = crate::scene::run().through_faults(true);
    let results = scene.recorder.results(run, scene.at(1.0));
    let proved = results.clone().with_proof(Proof { acknowledged: 1, published: 1, ..Proof::default() });
    assert_eq!((proved.verdict.exit_code, proved.verdict.remarks.len()), (0, 1));
    let lost = results.clone().with_proof(Proof { acknowledged: 1, missing: 1, ..Proof::default() });
    assert_eq!((lost.verdict.exit_code, lost.verdict.ending), (2, Ending::ProofFailed));
    let nothing = results.with_proof(Proof::default());
    assert_eq!((nothing.verdict.exit_code, nothing.verdict.ending), (2, Ending::ProofFailed));
    assert_eq!(nothing.verdict.reasons, ["Nothing was acknowledged, so nothing is proved."]);
    // Phones that only poll send nothing that could be acknowledged.
    let scene = Scene::new();
    scene.request("poll", [0.0, 0.0, 0.5], Outcome::Done, 0);
    let run = crate::scene::run().through_faults(true);
    let polls = scene.recorder.results(run, scene.at(1.0)).with_proof(Proof::default());
    assert_eq!(polls.verdict.exit_code, 0);
}

#[test]
fn a_proof_of_nothing_is_no_proof() {
    let told = |operation, outcome| {
        let scene = Scene::new();
        scene.request(operation, [0.0, 0.0, 0.5], outcome, 0);
        let results = scene.results(1.0).with_proof(Proof::default());
        let summary = report::summary(&results);
        assert!(!summary.contains("was published exactly once"), "{summary}");
        (results.verdict.exit_code, summary)
    };
    // People came, and nobody heard them: whatever else there is to say, nothing is proved.
    for outcome in [Outcome::Failed("timed_out"), Outcome::Refused("code_invalid")] {
        let (code, summary) = told("upload", outcome);
        assert!(code == 2 && summary.contains("nothing was acknowledged, so nothing is proved"), "{summary}");
    }
    // Nobody came who could have been.
    let (code, summary) = told("poll", Outcome::Done);
    assert!(code == 0 && summary.contains("Nobody came to upload, so nothing was proved."), "{summary}");
    let (code, summary) = told("poll", Outcome::Failed("status_502"));
    assert!(code == 1 && summary.contains("Failed, and nothing was proved"), "{summary}");
}

#[test]
fn two_runs_are_compared_operation_by_operation() {
    let run = |length: f64, more: &'static str| {
        let scene = Scene::new();
        for number in 0..10 {
            let intended = f64::from(number);
            scene.request("upload", [intended, intended, intended + length], Outcome::Done, 0);
        }
        scene.request(more, [0.0, 0.0, 0.1], Outcome::Failed("timeout"), 0);
        scene.results(11.0)
    };
    let (a, mut b) = (run(0.1, "poll"), run(0.25, "chaff"));
    b.run.settings.insert("factor".to_owned(), "0.04".to_owned());
    let compared = report::comparison(&a, &b);
    let line = |name: &str| {
        let line =
            compared.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in\n{compared}"));
        line.split_whitespace().collect::<Vec<&str>>()
    };
    assert_eq!(line("upload "), ["upload", "100", "250", "2.50", "100", "250", "2.50", "1", "1", "1.00", "0", "0"]);
    assert_eq!(line("poll "), ["poll", "-", "-", "-", "-", "-", "-", "-", "-", "-", "1", "0"]);
    assert_eq!(line("chaff "), ["chaff", "-", "-", "-", "-", "-", "-", "-", "-", "-", "0", "1"]);
    assert!(compared.contains("They differ in factor: 0.02 and 0.04"), "{compared}");
}

#[test]
fn journeys_count_among_no_requests() {
    let scene = Scene::new();
    scene.recorder.journeys(&["upload"]);
    scene.request("upload", [0.0, 0.0, 0.9], Outcome::Done, 30);
    for step in ["verify", "certificate", "publish"] {
        scene.recorder.note(step, scene.at(0.0), scene.at(0.3), Outcome::Done, 10);
    }
    let results = scene.results(1.0);
    assert!(results.operations[0].journey && !results.operations[1].journey);
    let summary = report::summary(&results);
    assert!(summary.starts_with("country, 1 s, 3 requests, 3 a second\n"), "{summary}");
    assert!(summary.contains("upload (journey)"), "{summary}");
    let page = report::page(&results);
    assert!(page.contains("Upload journey") || page.contains("upload journey"));
    assert!(page.contains("30 B") && page.contains("1 journey"), "what is received is not counted twice");
}
