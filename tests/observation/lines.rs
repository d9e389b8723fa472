//! Which lines may be written while phones come and go: each by its words, and when.

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// What somebody's request brings about is written while a step ends. Each of these happens in this test.
const AT_STEPS: [&str; 4] = [
    "an authority has changed the keys that it publishes",
    "requests could not be served; the last one for this reason",
    "the program ran into what must not happen; please report it",
    "the provider did not take text messages",
];
/// The same, of what may happen: connections die under whatever is under way.
const MAYBE_AT_STEPS: [&str; 3] = [
    "the keys that an authority publishes cannot be fetched; the last good ones are believed for 7 days after they were fetched",
    "the keys that an authority publishes can be fetched again",
    "the keys that authorities publish could not be looked after; trying again in ten seconds",
];
/// What services write by themselves, by clocks of their own, or what whoever asks about their health finds. The first one is of the operators' settings, once.
const BY_THEMSELVES: [&str; 7] = [
    "text messages go into a file, with numbers and codes: this is for development",
    "it is not known whether codes are being guessed; looking again in ten seconds",
    "what has expired could not be deleted; trying again in a minute",
    "what is shown of yesterday is not decided yet; trying again in a minute",
    "spent challenges, and what was counted too long ago, could not be deleted; trying again in a minute",
    "the database does not answer",
    "the database answers again",
];

/// A line of the log.
pub(crate) struct Line {
    pub(crate) text: String,
    /// Whether it was written while a step ended.
    pub(crate) at_a_step: bool,
}

/// Whether a service wrote this line by itself: nobody's request brought it about.
pub(crate) fn is_by_itself(line: &str) -> bool {
    let line = serde_json::from_str::<Value>(line).unwrap_or_default();
    line["message"].as_str().is_some_and(|message| BY_THEMSELVES.contains(&message))
}

/// Whether each line has what every line must have, and is one of these at its time.
pub(crate) fn ensure_known(lines: &[Line]) -> anyhow::Result<()> {
    let mut said = Vec::new();
    for Line { text, at_a_step } in lines {
        let line: Value = serde_json::from_str(text).with_context(|| text.clone())?;
        for field in ["timestamp", "level", "target", "message"] {
            ensure!(line[field].is_string(), "{field}: {line}");
        }
        let message = line["message"].as_str().unwrap_or_default();
        let waits = AT_STEPS.contains(&message) || MAYBE_AT_STEPS.contains(&message);
        ensure!(waits || BY_THEMSELVES.contains(&message), "nobody knows this line: {line}");
        ensure!(!waits || *at_a_step, "this line says when somebody came: {line}");
        said.push(message.to_owned());
    }
    for message in AT_STEPS {
        ensure!(said.iter().any(|said| said == message), "this did not happen: {message}");
    }
    Ok(())
}
