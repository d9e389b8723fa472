//! `deploy/prometheus/`: promtool reads it, every alert fires when it must and not else, and the runbook knows each; Kubernetes has the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::page::{Page, root};
use crate::tools::{run, yaml};

/// What stands before the alerts where the Prometheus operator reads them.
const RULES_BEGIN: &str = "# deploy/prometheus/alerts.yaml for the Prometheus operator. A test holds the two together, and writes this one if BLESS is set.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: pratique
  namespace: pratique-keys
spec:
";

/// Where an alert sends its reader; Prometheus puts the address of the runbook before it.
const ANCHOR: &str = "runbook_url: '{{ $externalLabels.runbook }}#";

fn file(name: &str) -> String {
    fs::read_to_string(root().join("deploy/prometheus").join(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// Runs promtool in the directory of the rules; what it said.
pub(crate) fn promtool(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir(root().join("deploy/prometheus"));
    let output = command.output().expect("promtool; apt-get install prometheus (tests/run does it)");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(said) } else { Err(said) }
}

/// The metrics that a text asks for and `docs/metrics.md` does not know. What a histogram is made of stands there under its own name.
pub(crate) fn unknown_metrics(text: &str) -> Vec<String> {
    let known = metrics_in(&Page::read("docs/metrics.md").text);
    let of_histogram = |name: &str| {
        let parts = ["_bucket", "_count", "_sum"].into_iter();
        parts.filter_map(|part| name.strip_suffix(part)).any(|whole| known.contains(whole))
    };
    metrics_in(text).into_iter().filter(|name| !known.contains(name) && !of_histogram(name)).collect()
}

/// The names of our metrics in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|sign: char| !(sign.is_ascii_lowercase() || sign == '_'));
    words.filter(|word| word.starts_with("pratique_")).map(str::to_owned).collect()
}

/// An alert of the rules: its name, and its lines.
fn alerts(text: &str) -> Vec<(&str, &str)> {
    let alerts = text.split("- alert: ").skip(1);
    alerts.map(|alert| alert.split_once('\n').expect("an alert has lines")).collect()
}

#[test]
fn promtool_takes_configuration_and_rules() {
    for arguments in [["check", "config", "prometheus.yaml"], ["check", "rules", "alerts.yaml"]] {
        promtool(&arguments).unwrap_or_else(|said| panic!("{arguments:?}: {said}"));
    }
}

#[test]
fn every_alert_fires_when_it_must_and_not_else() {
    promtool(&["test", "rules", "alerts_test.yaml"]).unwrap_or_else(|said| panic!("{said}"));
    let tested = file("alerts_test.yaml");
    let cases: Vec<&str> = tested.split("alertname: ").skip(1).collect();
    for (name, _) in alerts(&file("alerts.yaml")) {
        let of_alert = cases.iter().filter(|case| case.lines().next() == Some(name));
        let (quiet, firing): (Vec<&&str>, Vec<&&str>) = of_alert.partition(|case| case.contains("exp_alerts: []"));
        assert!(!quiet.is_empty() && !firing.is_empty(), "{name}: {} fire, {} do not", firing.len(), quiet.len());
    }
}

#[test]
fn every_alert_says_how_urgent_it_is_and_where_to_read_on() {
    let text = file("alerts.yaml");
    let anchors = Page::read("deploy/runbook.md").anchors();
    for (name, lines) in alerts(&text) {
        for field in ["expr: ", "for: ", "summary: ", "description: "] {
            assert!(lines.contains(field), "{name} has no {field}");
        }
        let severity = lines.split("severity: ").nth(1).and_then(|rest| rest.lines().next());
        assert!(matches!(severity, Some("page" | "ticket")), "{name}: {severity:?}");
        let anchor = lines.split(ANCHOR).nth(1).and_then(|rest| rest.split('\'').next());
        let anchor = anchor.unwrap_or_else(|| panic!("{name} does not say where to read on"));
        assert_eq!(anchor, name.to_lowercase(), "{name}");
        assert!(anchors.contains(anchor), "the runbook has nothing about {name}");
    }
}

#[test]
fn the_runbook_has_no_alarm_that_nothing_raises_and_tells_its_severity() {
    let (text, page) = (file("alerts.yaml"), Page::read("deploy/runbook.md"));
    let raised: BTreeSet<&str> = alerts(&text).into_iter().map(|(name, _)| name).collect();
    let section = page.text.split("\n## Alarms\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("alarms");
    let described: Vec<&str> = section.split("\n### ").skip(1).collect();
    let names: BTreeSet<&str> = described.iter().filter_map(|alarm| alarm.lines().next()).collect();
    assert_eq!(names, raised, "alarms of the runbook, and of the rules");
    for (name, lines) in alerts(&text) {
        let severity = lines.split("severity: ").nth(1).and_then(|rest| rest.lines().next()).expect("a severity");
        let described = described.iter().find(|alarm| alarm.lines().next() == Some(name)).expect("there");
        assert!(described.contains(&format!("\n**{severity}**")), "{name}: the runbook does not say {severity}");
    }
}

#[test]
fn alerts_watch_only_what_the_programs_tell() {
    for name in ["alerts.yaml", "alerts_test.yaml"] {
        let unknown = unknown_metrics(&file(name));
        assert!(unknown.is_empty(), "{name}: docs/metrics.md does not know {unknown:?}");
    }
}

#[test]
fn alerts_watch_jobs_that_are_scraped_and_know_where_the_runbook_is() {
    for path in ["deploy/prometheus/prometheus.yaml", "deploy/compose/prometheus.yaml"] {
        let scraped = fs::read_to_string(root().join(path)).expect("a configuration");
        for job in ["pratique-verification", "pratique-server", "pratique-exporter"] {
            assert!(scraped.contains(&format!("job_name: {job}\n")), "{path}: {job}");
        }
        assert!(scraped.contains("    runbook: https://"), "{path}");
    }
    // On Kubernetes the name of the program is that of its service.
    let monitors = root().join("deploy/kubernetes/components/prometheus-operator/monitors.yaml");
    let monitors = fs::read_to_string(monitors).expect("monitors");
    let (endpoints, jobs) = (monitors.matches("port: metrics").count(), monitors.matches("pratique-$1").count());
    assert_eq!(endpoints, jobs);
}

#[test]
fn the_operator_of_kubernetes_has_the_same_alerts() {
    let path = root().join("deploy/kubernetes/components/prometheus-operator/rules.yaml");
    let alerts = file("alerts.yaml");
    let groups = alerts.find("\ngroups:").map(|at| &alerts[at + 1..]).expect("groups");
    let indented = groups.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") });
    let expected = RULES_BEGIN.to_owned() + &indented.collect::<String>();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &expected).expect("written");
    }
    let there = fs::read_to_string(&path).expect("rules");
    assert_eq!(there, expected, "run the test again with BLESS=1");
    // Indenting has changed nothing.
    let (original, copy) = (yaml(&root().join("deploy/prometheus/alerts.yaml")), yaml(&path));
    assert_eq!(original[0]["groups"], copy[0]["spec"]["groups"]);
}

#[test]
fn what_phones_reach_is_asked_for_with_modules_that_are_there_and_watched_by_alerts() {
    let path = root().join("deploy/prometheus/blackbox.yaml");
    run(Command::new("prometheus-blackbox-exporter").arg("--config.check").arg("--config.file").arg(&path));
    let modules = &yaml(&path)[0]["modules"];
    let alerts = file("alerts.yaml");
    let strings = |list: &Value| {
        let list = list.as_array().expect("a list").iter();
        list.map(|one| one.as_str().expect("a string").to_owned()).collect::<BTreeSet<String>>()
    };
    let scraped = &yaml(&root().join("deploy/prometheus/prometheus.yaml"))[0]["scrape_configs"];
    let jobs = scraped.as_array().expect("jobs").iter().filter(|job| job["metrics_path"] == "/probe");
    let on_machines: BTreeSet<(String, String, String)> = jobs
        .flat_map(|job| {
            let (name, module) = (job["job_name"].as_str().expect("a name"), &job["params"]["module"][0]);
            let targets = strings(&job["static_configs"][0]["targets"]);
            targets.into_iter().map(|target| (name.to_owned(), module.as_str().expect("a module").to_owned(), target))
        })
        .collect();
    let probes = yaml(&root().join("deploy/kubernetes/components/prometheus-operator/probes.yaml"));
    let on_kubernetes: BTreeSet<(String, String, String)> = probes
        .iter()
        .flat_map(|probe| {
            let [name, module] =
                ["jobName", "module"].map(|field| probe["spec"][field].as_str().expect(field).to_owned());
            let targets = strings(&probe["spec"]["targets"]["staticConfig"]["static"]);
            targets.into_iter().map(move |target| (name.clone(), module.clone(), target))
        })
        .collect();
    assert_eq!(on_machines, on_kubernetes);
    for (job, module, target) in &on_machines {
        assert!(modules[module].is_object(), "{target}: there is no module {module}");
        let is_watched = ["pratique-cdn", "pratique-names"].contains(&job.as_str());
        assert!(is_watched && alerts.contains(r#"{job=~"pratique-(cdn|names)"}"#), "{job}");
    }
    for end in ["/index.txt", "/manifest", "/v1/stats", "/jwks/example"] {
        assert!(on_machines.iter().any(|(_, _, target)| target.ends_with(end)), "nobody asks for {end}");
    }
}

/// A process that is killed at its limit before anybody heard of it would only seem to crash.
#[test]
fn memory_is_told_long_before_a_container_is_killed_for_it() {
    let alerts = file("alerts.yaml");
    let told = alerts.split("- alert: PratiqueMemory\n").nth(1).and_then(|rest| rest.split(") > ").nth(1));
    let told = told.and_then(|rest| rest.split(' ').next()).and_then(|number| number.parse::<u64>().ok());
    let told = told.expect("so many MiB");
    for path in ["verification/verification.yaml", "keys/server.yaml", "keys/exporter.yaml"] {
        let objects = yaml(&root().join("deploy/kubernetes/base").join(path));
        let limits = objects.iter().filter_map(|object| {
            object.pointer("/spec/template/spec/containers/0/resources/limits/memory").and_then(Value::as_str)
        });
        for limit in limits.collect::<Vec<_>>() {
            let mebibytes = limit.strip_suffix("Mi").map(|number| number.parse::<u64>());
            let mebibytes = mebibytes
                .or_else(|| limit.strip_suffix("Gi").map(|number| number.parse::<u64>().map(|number| number * 1_024)));
            let mebibytes = mebibytes.expect(limit).expect(limit);
            assert!(told * 4 <= mebibytes * 3, "{path}: {told} of {mebibytes} MiB");
        }
    }
}

#[test]
fn what_else_is_to_be_watched_is_said_in_expressions_that_prometheus_reads() {
    let page = Page::read("docs/metrics.md").text;
    let section = page.split("\n## What the programs cannot see\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = section.expect("a section").lines().filter(|line| line.contains("_exporter | `"));
    let expressions: Vec<String> = rows.filter_map(|row| row.split('`').nth(1)).map(str::to_owned).collect();
    assert!(expressions.len() >= 3, "{expressions:?}");
    check_expressions(&expressions, tempfile::tempdir().expect("a directory").path());
}

/// Writes expressions as rules into a file of their own, and lets promtool read them.
pub(crate) fn check_expressions(expressions: &[String], directory: &Path) {
    let mut rules = String::from("groups:\n  - name: expressions\n    rules:\n");
    for (number, expression) in expressions.iter().enumerate() {
        let quoted = Value::from(expression.as_str());
        rules.push_str(&format!("      - record: expression:{number}\n        expr: {quoted}\n"));
    }
    let file = directory.join("expressions.yaml");
    fs::write(&file, rules).expect("written");
    promtool(&["check", "rules", &file.display().to_string()]).unwrap_or_else(|said| panic!("{said}"));
}
