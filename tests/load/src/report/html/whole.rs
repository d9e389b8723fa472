//! The page, from top to bottom.

use super::figures;
use super::gauges;
use super::markup::Markup;
use super::operation;
use super::over_time::OverTime;
use super::rates::Stack;
use super::summary;
use crate::report::sentences;
use crate::results::{GaugeSeries, Limit, OperationSeries, Results};
use crate::words::clock;

const STYLE: &str = include_str!("style.css");

/// Forbids the page to load anything or to run anything, whatever a name in it may contain.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The report of a run as one page of HTML.
pub fn page(results: &Results) -> String {
    let mut page = Markup::default();
    page.push_raw("<!DOCTYPE html>\n");
    page.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |head| head_of(results, head));
        html.element("body", &[], |body| body.element("main", &[], |main| main_of(results, main)));
    });
    let mut text = page.into_text();
    text.push('\n');
    text
}

fn head_of(results: &Results, head: &mut Markup) {
    head.empty("meta", &[("charset", "utf-8")]);
    head.empty("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    head.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    head.empty("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    head.says("title", &[], &format!("Load report: {}, {}", results.run.preset, results.run.started_at));
    head.element("style", &[], |style| style.push_raw(STYLE));
}

fn main_of(results: &Results, main: &mut Markup) {
    let time = OverTime::new(&results.series, &results.marks);
    summary::header(results, main);
    summary::verdict(results, main);
    summary::tiles(results, main);
    if let Some(proof) = &results.proof {
        summary::proof(proof, main);
    }
    whole_run(results, time, main);
    section(main, "Figures", |section| {
        figures::times(&results.operations).render(section);
        figures::requests(&results.operations).render(section);
    });
    for operation in &results.operations {
        let series = results.series.operations.iter().find(|series| series.name == operation.name);
        let limits: Vec<&Limit> = results.limits.iter().filter(|limit| limit.operation == operation.name).collect();
        let place = [("class", "card"), ("id", &*operation::place(operation))];
        main.element("section", &place, |section| {
            section.says("h2", &[], &sentences::name(operation));
            operation::plots(time, (operation, series), &limits, section);
            operation::refusals_and_failures(operation, section);
        });
    }
    section(main, "How to read this", reading);
    section(main, "Settings", |section| figures::settings(&results.run).render(section));
}

fn section(into: &mut Markup, title: &str, inside: impl FnOnce(&mut Markup)) {
    into.element("section", &[("class", "card")], |section| {
        section.says("h2", &[], title);
        inside(section);
    });
}

fn whole_run(results: &Results, time: OverTime<'_>, into: &mut Markup) {
    section(into, "The whole run", |section| {
        let journeys: Vec<&str> = names_of_journeys(results);
        let requests = results.series.operations.iter().filter(|series| !journeys.contains(&series.name.as_str()));
        Stack::of_outcomes(requests).wide_panel(time, "All answers").render(section);
        if !results.marks.is_empty() {
            section.element("ol", &[("class", "marks")], |list| {
                for mark in &results.marks {
                    list.says("li", &[], &format!("{} {}", clock(mark.at_seconds as u64), mark.what));
                }
            });
        }
        section.element("div", &[("class", "plots")], |plots| {
            if let Some(failures) = gauges::failures(results) {
                failures.small_panel(time, "Errors by reason", "all operations").render(plots);
            }
            let waited = waited(&results.series.operations);
            for gauge in waited.iter().chain(&results.series.gauges) {
                gauges::gauge(time, gauge, &titled(&gauge.name)).render(plots);
            }
        });
    });
}

fn names_of_journeys(results: &Results) -> Vec<&str> {
    let journeys = results.operations.iter().filter(|operation| operation.journey);
    journeys.map(|operation| operation.name.as_str()).collect()
}

/// The longest wait for the load machine, over all operations. None if that was not measured.
fn waited(operations: &[OperationSeries]) -> Option<GaugeSeries> {
    let points = operations.iter().map(|series| series.waited_max_ms.len()).max()?;
    let longest = |at: usize| operations.iter().filter_map(|series| *series.waited_max_ms.get(at)?).reduce(f64::max);
    let max: Vec<Option<f64>> = (0..points).map(longest).collect();
    let name = "waited_for_the_load_machine_ms".to_owned();
    max.iter().any(Option::is_some).then(|| GaugeSeries { name, mean: Vec::new(), max })
}

/// `Waited for the load machine, ms`: the name of a gauge with its unit set apart.
fn titled(name: &str) -> String {
    let (name, unit) = match name.rsplit_once('_') {
        Some((name, unit @ ("ms" | "seconds" | "bytes"))) => (name, format!(", {unit}")),
        _ => (name, String::new()),
    };
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}{unit}", letters.as_str().replace('_', " "))
}

fn reading(into: &mut Markup) {
    let notes = [
        "Requests are sent by a schedule that waits for nobody. Latency counts from the time that the schedule gave to a request, until the last byte of its answer: if the deployment stalls for a second, everybody who came in that second is counted with the wait they had. What was sent late because the load machine itself was busy is in it, too, and is shown apart.",
        "p99 is the time within which 99 of 100 requests were answered. Requests that failed stand in no latency; they are errors. Refused as expected are answers that an actor must get, such as a guesser's wrong code.",
        "In plots along the time, latencies stand where the request was due and answers where they came. A point of a latency is long enough for a hundred requests if there are so many; where there are fewer, its p99 is its slowest request. Percentiles along the time are at most 3.2 % too high, those of the whole run at most 0.1 %.",
        "A journey is all that somebody does in a row, such as fetching a token, a certificate and uploading; the schedule asks for journeys. Their requests stand by themselves, too: they come when the answer before them came, so nothing is asked for there.",
    ];
    notes.into_iter().for_each(|note| into.says("p", &[], note));
}
