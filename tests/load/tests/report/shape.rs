use std::collections::{BTreeMap, BTreeSet};

use load::record::Outcome;
use load::report::{UnreadableResults, comparison, from_json, page, summary, to_json};
use load::results::Proof;
use serde_json::Value;

use crate::scene::{Scene, country};

/// The names and kinds of all fields, as programs that read the JSON rely on them. Whoever changes or removes one names a new format.
const SHAPE: &str = include_str!("shape.txt");

/// The kinds of value of each field, by its path.
fn shape(value: &Value, path: &str, fields: &mut BTreeMap<String, BTreeSet<&'static str>>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(values) => {
            return values.iter().for_each(|value| shape(value, &format!("{path}[]"), fields));
        }
        Value::Object(members) => {
            return members.iter().for_each(|(name, value)| shape(value, &format!("{path}.{name}"), fields));
        }
    };
    fields.entry(path.to_owned()).or_default().insert(kind);
}

#[test]
fn the_json_has_the_documented_shape() {
    let scene = Scene::new();
    scene.recorder.list(&["upload", "verify"]);
    scene.request("upload", [0.0, 0.2, 0.3], Outcome::Done, 7);
    scene.request("upload", [0.0, 0.0, 0.1], Outcome::Refused("CODE"), 7);
    scene.crowded("upload", [1.0, 1.2, 1.3]);
    scene.request("upload", [2.0, 2.0, 2.1], Outcome::Failed("REASON"), 7);
    scene.recorder.note("verify", scene.at(2.0), scene.at(2.0), Outcome::Failed("REASON"), 0);
    scene.recorder.gauge("in_flight_requests", 1.0, scene.at(0.5));
    scene.recorder.mark("start", scene.at(0.0));
    let faults = vec!["A bundle has changed.".to_owned()];
    let proof = Proof { feeds: vec!["NO/gaen".to_owned()], faults, ..Proof::default() };
    let results = scene.results(3.0).with_proof(proof).with_limit("upload", 99.0, 1.0).with_limit("none", 99.0, 1.0);
    let value = serde_json::from_str(&to_json(&results)).expect("JSON");
    let mut fields = BTreeMap::new();
    shape(&value, "", &mut fields);
    let kinds = |kinds: BTreeSet<&'static str>| kinds.into_iter().collect::<Vec<&str>>().join(" or ");
    let lines: Vec<String> = fields.into_iter().map(|(path, of)| format!("{} {}", &path[1..], kinds(of))).collect();
    assert_eq!(lines, SHAPE.lines().collect::<Vec<&str>>());
}

#[test]
fn results_survive_the_way_through_json() {
    let results = country(90, true);
    let text = to_json(&results);
    assert_eq!(from_json(&text).expect("ours"), results);
    assert!(text.ends_with("}\n") && text.lines().count() == 1);
}

#[test]
fn what_is_no_result_is_refused() {
    let of = |text: &str| from_json(text).expect_err("no results");
    assert!(matches!(of("{"), UnreadableResults::Shape(_)));
    assert!(matches!(of("[1, 2]"), UnreadableResults::Shape(_)));
    assert!(of("{}").to_string().contains("format"));
    let newer = to_json(&Scene::new().results(1.0)).replace("pratique/load/v1", "pratique/load/v2");
    let refused = of(&newer);
    assert!(matches!(refused, UnreadableResults::Format(_)), "{refused}");
}

#[test]
fn whatever_a_file_says_is_refused_or_shown() {
    let results = country(4, true);
    let good = to_json(&results);
    let uneven = |change: fn(&mut load::results::Results)| {
        let mut results = results.clone();
        change(&mut results);
        from_json(&to_json(&results)).expect_err("lists of different lengths").to_string()
    };
    assert!(uneven(|results| results.series.operations[3].done.truncate(1)).contains("upload"));
    assert!(uneven(|results| results.series.operations[3].windows.max_ms.clear()).contains("upload"));
    assert!(uneven(|results| results.series.gauges[0].mean.clear()).contains("in_flight_requests"));
    // Numbers that are too large, below nothing, and nothing; each digit of each fiftieth place at a time.
    let mut shown = 0;
    for (at, _) in good.match_indices(|letter: char| letter.is_ascii_digit()).step_by(50) {
        for number in ["99999999999999999999", "-1", "0", "null", "1e300", "1e-300"] {
            let broken = format!("{}{number}{}", &good[..at], &good[at + 1..]);
            let Ok(read) = from_json(&broken) else { continue };
            assert!(page(&read).ends_with("</html>\n"));
            assert!(!summary(&read).is_empty() && !comparison(&results, &read).is_empty());
            shown += 1;
        }
    }
    assert!(shown > 100, "only {shown} could be read at all");
}
