//! The top of the page: what was run, the verdict, the figures that matter most, the proof.

use super::markup::Markup;
use crate::report::sentences;
use crate::results::{Ending, Operation, Proof, Results};
use crate::words::{bytes, count, grouped, length, milliseconds, rate};

/// Title, time and place.
pub(super) fn header(results: &Results, into: &mut Markup) {
    let run = &results.run;
    into.element("header", &[], |header| {
        header.says("p", &[("class", "brand")], "Pratique load report");
        header.element("h1", &[], |title| {
            title.push(&run.preset);
            let factor = run.settings.get("factor").map(|factor| format!(" × {factor}")).unwrap_or_default();
            title.says("span", &[], &format!("{factor}, {}", length(results.seconds)));
        });
        let cpu = if run.machine.cpu.is_empty() { &run.machine.system } else { &run.machine.cpu };
        let started = run.started_at.replace('T', ", ").replace('Z', " UTC");
        let from =
            format!("{started} · load {} on {} of {cpu}", run.program_version, count(run.machine.cores as u64, "core"));
        header.says("p", &[("class", "where")], &from);
    });
}

/// Passed or not, and why.
pub(super) fn verdict(results: &Results, into: &mut Markup) {
    let verdict = &results.verdict;
    let (class, sign) = match verdict.ending {
        Ending::Passed => ("verdict passed", "M5 13l5 5L20 7"),
        Ending::Failed | Ending::ProofFailed => ("verdict broken", "M6 6l12 12M18 6L6 18"),
    };
    into.element("section", &[("class", class), ("aria-label", "Verdict")], |section| {
        section.element("svg", &[("class", "sign"), ("viewBox", "0 0 24 24"), ("aria-hidden", "true")], |sign_of| {
            sign_of.empty("path", &[("d", sign)]);
        });
        section.element("div", &[], |words| {
            words.says("h2", &[], &sentences::headline(results));
            let remarks = verdict.remarks.iter().map(|remark| (remark, "remark"));
            let said: Vec<(&String, &str)> =
                verdict.reasons.iter().map(|reason| (reason, "reason")).chain(remarks).collect();
            if !said.is_empty() {
                words.element("ul", &[], |list| {
                    said.iter().for_each(|(sentence, class)| list.says("li", &[("class", class)], sentence));
                });
            }
        });
    });
}

/// The figures that matter most.
pub(super) fn tiles(results: &Results, into: &mut Markup) {
    let ended = sentences::ended(results);
    let requests = results.operations.iter().filter(|operation| !operation.journey);
    let received: u64 = requests.map(|operation| operation.received_bytes).sum();
    let per_second = |amount: u64| amount as f64 / results.seconds.max(1e-3);
    let errors = sentences::errors(results);
    into.element("section", &[("class", "tiles"), ("aria-label", "Main figures")], |tiles| {
        tile(tiles, ["Requests", &grouped(ended), &format!("{} a second on average", rate(per_second(ended)))], false);
        tile(tiles, ["Errors", &grouped(errors), &format!("of {}", count(ended, "request"))], errors > 0);
        if let Some((operation, p99)) = slowest(&results.operations) {
            tile(
                tiles,
                [
                    "Slowest p99",
                    &format!("{} ms", milliseconds(p99)),
                    &format!("{}, from the intended time", sentences::name(operation)),
                ],
                false,
            );
        }
        if let Some(proof) = &results.proof {
            let of = format!("of {} acknowledged, exactly once", count(proof.acknowledged, "key"));
            tile(tiles, ["Keys proved published", &grouped(proof.published), &of], !proof.holds());
        }
        tile(tiles, ["Received", &bytes(received), &format!("{} a second", bytes(per_second(received) as u64))], false);
    });
}

/// What the proof found, as a bar and in words.
pub(super) fn proof(proof: &Proof, into: &mut Markup) {
    into.element("section", &[("class", "card")], |section| {
        section.says("h2", &[], "Proof");
        let parts = [
            ("done", "published exactly once", proof.published),
            ("failed", "missing", proof.missing),
            ("refused", "more than once", proof.twice),
        ];
        let all = parts.iter().map(|(.., keys)| keys).sum::<u64>().max(1) as f64;
        let described: Vec<String> = parts.iter().map(|(_, what, keys)| format!("{} {what}", grouped(*keys))).collect();
        let bar = [
            ("class", "bar"),
            ("viewBox", "0 0 1000 10"),
            ("preserveAspectRatio", "none"),
            ("role", "img"),
            ("aria-label", &described.join(", ")),
        ];
        section.element("svg", &bar, |bar| {
            let mut from = 0.0;
            for (class, _, keys) in parts.iter().filter(|(.., keys)| *keys > 0) {
                // What is lost stays visible, however little it is.
                let width = (*keys as f64 / all * 1_000.0).max(4.0);
                let (x, width_of) = (format!("{from:.1}"), format!("{width:.1}"));
                bar.empty("rect", &[("class", class), ("x", &x), ("width", &width_of), ("height", "10")]);
                from += width;
            }
        });
        section.element("p", &[("class", "keys")], |keys| {
            for ((class, ..), words) in parts.iter().zip(&described) {
                keys.element("span", &[("class", "key")], |key| {
                    key.element("i", &[("class", class)], |_| {});
                    key.push(words);
                });
            }
        });
        section.element("ul", &[], |list| {
            sentences::proof(proof).iter().for_each(|sentence| list.says("li", &[], sentence))
        });
    });
}

fn tile(into: &mut Markup, [title, value, beside]: [&str; 3], bad: bool) {
    into.element("div", &[("class", if bad { "tile bad" } else { "tile" })], |tile| {
        tile.says("p", &[("class", "what")], title);
        tile.says("p", &[("class", "value")], value);
        tile.says("p", &[("class", "beside")], beside);
    });
}

fn slowest(operations: &[Operation]) -> Option<(&Operation, f64)> {
    let requests = operations.iter().filter(|operation| !operation.journey);
    let known = requests.filter_map(|operation| Some((operation, operation.latency.as_ref()?.p99_ms)));
    known.max_by(|(_, left), (_, right)| left.total_cmp(right))
}
