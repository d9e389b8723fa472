//! The verdict and the proof in plain words, the same on the terminal and on the page.

use crate::results::{Ending, Operation, Proof, Results};
use crate::words::{count, grouped, length, rate};

/// The one sentence that matters.
pub(super) fn headline(results: &Results) -> String {
    let proved = results.proof.as_ref().is_some_and(|proof| proof.acknowledged > 0);
    let words = match results.verdict.ending {
        Ending::Passed if results.run.through_faults && !proved && results.proof.is_some() => {
            "Ran through faults, and proved nothing: nobody came to upload."
        }
        Ending::Passed if !proved && results.proof.is_some() => {
            "Passed: nothing failed. Nobody came to upload, so nothing was proved."
        }
        Ending::Failed if !proved && results.proof.is_some() => {
            "Failed, and nothing was proved: nobody came to upload."
        }
        Ending::Passed if results.run.through_faults && proved => {
            "Passed: through all faults, every acknowledged key was published exactly once."
        }
        Ending::Passed if results.run.through_faults => "Ran through faults, and proved nothing: no bundles were read.",
        Ending::Passed if proved => "Passed: nothing failed, and every acknowledged key was published exactly once.",
        Ending::Passed => "Passed: nothing failed.",
        Ending::Failed if proved => "Failed, although every acknowledged key was published exactly once.",
        Ending::Failed => "Failed.",
        Ending::ProofFailed if results.proof.as_ref().is_some_and(Proof::holds) => {
            "The proof failed: nothing was acknowledged, so nothing is proved."
        }
        Ending::ProofFailed => "The proof failed: what was published is not what was acknowledged.",
    };
    words.to_owned()
}

/// What was run, in half a line: `country, 5 min 2 s, 33,812 requests, 112 a second`.
pub(super) fn extent(results: &Results) -> String {
    let ended = ended(results);
    let mean = ended as f64 / results.seconds.max(1e-3);
    let (long, requests) = (length(results.seconds), count(ended, "request"));
    format!("{}, {long}, {requests}, {} a second", results.run.preset, rate(mean))
}

/// Requests that ended. Journeys are none: their requests are among them.
pub(super) fn ended(results: &Results) -> u64 {
    results.operations.iter().filter(|operation| !operation.journey).map(|operation| operation.ended).sum()
}

/// What an operation is called: `poll index`, `upload journey`.
pub(super) fn name(operation: &Operation) -> String {
    format!("{}{}", operation.name.replace('_', " "), if operation.journey { " journey" } else { "" })
}

/// Errors of all operations: failed, or never finished.
pub(super) fn errors(results: &Results) -> u64 {
    results.operations.iter().map(|operation| operation.all_failed() + operation.unfinished).sum()
}

/// What the proof found.
pub(super) fn proof(proof: &Proof) -> Vec<String> {
    let Proof { acknowledged, published, missing, twice, unacknowledged, unacknowledged_published, others, .. } =
        *proof;
    let mut sentences = vec![if proof.published == acknowledged && missing == 0 && twice == 0 {
        format!(
            "{} acknowledged, each of them published exactly once in each of its feeds.",
            count(acknowledged, "key")
        )
    } else {
        let [published, missing, twice] = [published, missing, twice].map(grouped);
        let acknowledged = count(acknowledged, "key");
        format!(
            "{acknowledged} acknowledged: {published} published exactly once, {missing} missing, {twice} more than once."
        )
    }];
    sentences.extend(proof.faults.iter().cloned());
    if unacknowledged > 0 {
        let published = grouped(unacknowledged_published);
        sentences.push(format!(
            "{} sent and never acknowledged; {published} of them published.",
            count(unacknowledged, "key")
        ));
    }
    if others > 0 {
        sentences.push(format!("{} beside them: filler, and uploads of others.", count(others, "key")));
    }
    let feeds = if proof.feeds.is_empty() { String::new() } else { format!(" of {}", proof.feeds.join(", ")) };
    let waited = length(proof.waited_seconds);
    sentences.push(format!("{}{feeds} read; the last key was waited for {waited}.", count(proof.bundles, "bundle")));
    sentences
}
