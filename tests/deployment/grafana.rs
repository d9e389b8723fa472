//! `deploy/grafana/pratique.json`: a dashboard that Grafana can lay out, and whose every expression asks for something that is there.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::page::{Page, root};
use crate::prometheus::{check_expressions, unknown_metrics};

fn dashboard() -> Value {
    let text = fs::read_to_string(root().join("deploy/grafana/pratique.json")).expect("a dashboard");
    serde_json::from_str(&text).expect("JSON")
}

/// All panels, rows and what stands below them alike.
fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().expect("panels")
}

fn number(panel: &Value, pointer: &str) -> u64 {
    panel.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} of {}", panel["title"]))
}

/// The expressions of a dashboard, with values for what Grafana fills in.
fn expressions(dashboard: &Value) -> Vec<String> {
    let targets = panels(dashboard).iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let filled = targets.map(|target| {
        let expression = target["expr"].as_str().expect("an expression");
        expression.replace("$feed", ".*")
    });
    filled.collect()
}

#[test]
fn panels_do_not_overlap_and_have_names_of_their_own() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard) {
        assert!(ids.insert(number(panel, "/id")), "{} has the id of another", panel["title"]);
        assert!(titles.insert(panel["title"].as_str().expect("a title")), "two are called {}", panel["title"]);
        let [x, y, width, height] = ["x", "y", "w", "h"].map(|side| number(panel, &format!("/gridPos/{side}")));
        assert!(width > 0 && height > 0 && x + width <= 24, "{} stands out of the page", panel["title"]);
        for row in y..y + height {
            for column in x..x + width {
                assert!(taken.insert((column, row)), "{} lies over another", panel["title"]);
            }
        }
    }
}

#[test]
fn every_panel_says_what_it_means_and_asks_the_chosen_datasource() {
    let dashboard = dashboard();
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 39), "current Grafana");
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    assert!(variables.iter().any(|variable| variable["type"] == "datasource" && variable["name"] == "datasource"));
    for panel in panels(&dashboard).iter().filter(|panel| panel["type"] != "row") {
        let title = &panel["title"];
        assert!(
            panel["description"].as_str().is_some_and(|text| text.len() > 20),
            "{title} does not say what it means"
        );
        let targets = panel["targets"].as_array().unwrap_or_else(|| panic!("{title} asks nothing"));
        for asked in targets.iter().chain([panel]) {
            assert_eq!(asked["datasource"]["uid"], "${datasource}", "{title}");
        }
        let letters: BTreeSet<&str> = targets.iter().filter_map(|target| target["refId"].as_str()).collect();
        assert_eq!(letters.len(), targets.len(), "{title}: each query has a letter of its own");
    }
}

#[test]
fn the_dashboard_answers_the_four_questions_of_an_operator() {
    let dashboard = dashboard();
    let rows = panels(&dashboard).iter().filter(|panel| panel["type"] == "row");
    let rows: Vec<&str> = rows.filter_map(|row| row["title"].as_str()).collect();
    let questions =
        ["Is anybody not being warned?", "Are phones served?", "Are codes flowing?", "How are the machines?"];
    assert_eq!(rows, questions);
}

#[test]
fn every_expression_of_the_dashboard_is_one_and_asks_for_what_is_there() {
    let expressions = expressions(&dashboard());
    let directory = tempfile::tempdir().expect("a directory");
    check_expressions(&expressions, directory.path());
    let unknown = unknown_metrics(&expressions.join("\n"));
    assert!(unknown.is_empty(), "docs/metrics.md does not know {unknown:?}");
}

/// What is published in steps moves once in five minutes: over less than two of them a rate is nothing, or twice as much as it was.
#[test]
fn what_is_published_in_steps_is_looked_at_over_several_of_them() {
    let page = Page::read("docs/metrics.md").text;
    let stepped = page.lines().filter(|line| line.starts_with("| `pratique_") && line.contains("| 5 min |"));
    let stepped: Vec<&str> = stepped.filter_map(|line| line.split('`').nth(1)).collect();
    assert!(stepped.len() > 40, "{stepped:?}");
    for expression in expressions(&dashboard()) {
        let is_stepped = stepped.iter().any(|name| expression.contains(name));
        assert!(!(is_stepped && expression.contains("$__")), "{expression}");
    }
}
