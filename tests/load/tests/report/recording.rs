use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use load::record::Outcome;
use load::results::Ending;

use crate::scene::Scene;

/// The time within which so many percent ended, by counting. Sorted milliseconds.
fn by_counting(sorted: &[f64], percentile: f64) -> f64 {
    let rank = (percentile / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted[rank - 1]
}

#[test]
fn histogram_figures_equal_those_that_are_counted_by_hand() {
    let mut scene = Scene::new();
    let (mut all, mut by_second) = (Vec::new(), BTreeMap::<usize, Vec<f64>>::new());
    for number in 0..20_000 {
        let intended = f64::from(number) / 1_000.0;
        // Whole microseconds from 1 us to about 22 s, most of them short.
        let micros = (scene.chance() * 10.0).exp().round();
        scene.request("poll", [intended, intended, intended + micros / 1e6], Outcome::Done, 100);
        all.push(micros / 1e3);
        by_second.entry(intended as usize).or_default().push(micros / 1e3);
    }
    all.sort_by(f64::total_cmp);
    let results = scene.results(50.0);
    let poll = results.operation("poll").expect("it occurred");
    let latency = poll.latency.as_ref().expect("it was answered");
    let named = [(50.0, latency.p50_ms), (90.0, latency.p90_ms), (99.0, latency.p99_ms), (99.9, latency.p999_ms)];
    let ladder = latency.percentiles.iter().map(|point| (point.percentile, point.ms));
    for (percentile, ms) in named.into_iter().chain(ladder) {
        let counted = by_counting(&all, percentile);
        // Three digits, and the last microsecond of a moment that is computed in floating point.
        assert!((ms - counted).abs() <= counted * 0.001 + 0.002, "p{percentile}: {ms} ms, by hand {counted} ms");
    }
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    assert!((latency.mean_ms - mean).abs() <= mean * 0.001, "mean {} ms, by hand {mean} ms", latency.mean_ms);
    let series = &results.series.operations[0];
    for (second, mut of_second) in by_second {
        of_second.sort_by(f64::total_cmp);
        let slot = [(50.0, &series.p50_ms), (90.0, &series.p90_ms), (99.0, &series.p99_ms), (100.0, &series.max_ms)];
        for (percentile, values) in slot {
            let (ms, counted) = (values[second].expect("answered"), by_counting(&of_second, percentile));
            let (least, most) = (counted - 0.002, counted * 1.032 + 0.002);
            assert!(ms >= least && ms <= most, "second {second}, p{percentile}: {ms} ms, by hand {counted} ms");
        }
    }
    assert_eq!((poll.ended, poll.done, poll.received_bytes), (20_000, 20_000, 2_000_000));
    assert_eq!(poll.asked_per_second.map(f64::round), Some(1_000.0));
}

#[test]
fn a_stalled_second_shows_as_what_those_who_came_in_it_had_to_wait() {
    let scene = Scene::new();
    for number in 0..1_000 {
        let intended = f64::from(number) / 100.0;
        // From second 5 to second 6 nothing is answered at all.
        let ended = if (5.0..6.0).contains(&intended) { 6.0 } else { intended } + 0.002;
        scene.request("upload", [intended, intended, ended], Outcome::Done, 0);
    }
    let results = scene.results(10.1);
    let upload = &results.series.operations[0];
    let of = |values: &[Option<f64>], second: usize| values[second].expect("somebody came");
    assert!(of(&upload.p99_ms, 4) < 3.0 && of(&upload.p99_ms, 6) < 3.0);
    assert!((490.0..540.0).contains(&of(&upload.p50_ms, 5)), "{:?}", upload.p50_ms);
    assert!((1_001.0..1_003.0).contains(&of(&upload.max_ms, 5)), "{:?}", upload.max_ms);
    assert_eq!((upload.asked[5], upload.done[5], upload.done[6]), (100, 0, 200), "answers, where they came");
    let latency = results.operations[0].latency.as_ref().expect("answered");
    assert_eq!(upload.windows.seconds_per_window, 1);
    assert_eq!(upload.windows.max_ms[5], upload.max_ms[5]);
    // Somebody who waits for each answer before the next request would have met the stall once, and seen a p99 of 2 ms.
    assert!(latency.p99_ms > 900.0, "p99 {} ms", latency.p99_ms);
}

#[test]
fn waiting_for_the_load_machine_is_told_apart() {
    let scene = Scene::new();
    for number in 0..100 {
        let intended = f64::from(number) / 10.0;
        scene.request("upload", [intended, intended + 0.3, intended + 0.35], Outcome::Done, 0);
    }
    let results = scene.results(11.0);
    let upload = &results.operations[0];
    let p50 = |latency: &Option<load::results::Latency>| latency.as_ref().expect("measured").p50_ms.round();
    assert_eq!((p50(&upload.latency), p50(&upload.waited), p50(&upload.service)), (350.0, 300.0, 50.0));
    let waited = results.series.operations[0].waited_max_ms[3].expect("measured");
    assert!((waited - 300.0).abs() < 0.01, "{waited} ms");
    assert!(results.verdict.remarks.iter().any(|remark| remark.contains("late, 300 ms for upload (p99); latencies")));
}

#[test]
fn a_deployment_that_is_behind_is_no_slow_load_machine() {
    let scene = Scene::new();
    for number in 0..100 {
        let intended = f64::from(number) / 10.0;
        scene.crowded("upload", [intended, intended + 0.3, intended + 0.35]);
    }
    let results = scene.results(11.0);
    let upload = &results.operations[0];
    let p50 = |latency: &Option<load::results::Latency>| latency.as_ref().expect("measured").p50_ms.round();
    assert_eq!((p50(&upload.latency), p50(&upload.waited), p50(&upload.no_room)), (350.0, 0.0, 300.0));
    assert!(results.verdict.remarks.iter().any(|remark| remark.contains("waited for room, 300 ms for upload (p99)")));
    assert!(!results.verdict.remarks.iter().any(|remark| remark.contains("load machine itself")));
}

#[test]
fn a_percentile_of_few_is_called_what_it_is() {
    let scene = Scene::new();
    for number in 0..100 {
        scene.request("poll", [f64::from(number), f64::from(number), f64::from(number) + 0.1], Outcome::Done, 0);
    }
    (0..26).for_each(|number| scene.crowded("upload", [f64::from(number), f64::from(number), f64::from(number) + 0.1]));
    let told = "Fewer than 100 were answered, so that p99 is the longest of them: upload 26.";
    assert_eq!(scene.results(101.0).verdict.remarks[0], told);
}

#[test]
fn notes_of_many_threads_are_all_counted() {
    let scene = Scene::new();
    thread::scope(|scope| {
        for thread in 0..8 {
            let scene = &scene;
            scope.spawn(move || {
                for number in 0..5_000 {
                    let operation = ["upload", "poll", "chaff"][(thread + number) % 3];
                    let intended = number as f64 / 1_000.0;
                    scene.request(operation, [intended, intended, intended + 0.001], Outcome::NotModified, 7);
                }
            });
        }
    });
    let results = scene.results(6.0);
    assert_eq!(results.operations.iter().map(|operation| operation.not_modified).sum::<u64>(), 40_000);
    assert_eq!(results.operations.iter().map(|operation| operation.received_bytes).sum::<u64>(), 280_000);
    let in_series = results.series.operations.iter().flat_map(|operation| &operation.not_modified).sum::<u64>();
    assert_eq!(in_series, 40_000);
}

#[test]
fn what_was_asked_for_and_never_ended_is_an_error() {
    let scene = Scene::new();
    scene.recorder.due("upload", scene.at(1.0));
    scene.recorder.due("upload", scene.at(2.0));
    scene.recorder.note("upload", scene.at(1.0), scene.at(1.5), Outcome::Done, 0);
    let results = scene.results(3.0);
    assert_eq!(results.operations[0].unfinished, 1);
    assert_eq!(results.verdict.ending, Ending::Failed);
    assert_eq!(results.verdict.reasons, ["1 requests of upload were asked for and never finished."]);
}

#[test]
fn a_glance_tells_how_it_feels_now() {
    let scene = Scene::new();
    scene.request("poll", [1.0, 1.0, 1.01], Outcome::Done, 0);
    scene.request("upload", [1.0, 1.0, 1.5], Outcome::Done, 0);
    scene.request("upload", [1.0, 1.0, 1.5], Outcome::Failed("timeout"), 0);
    scene.recorder.due("upload", scene.at(1.5));
    scene.recorder.note("certificate", scene.at(1.5), scene.at(1.9), Outcome::Done, 0);
    let glance = scene.recorder.glance(scene.at(2.0));
    assert_eq!((glance.asked, glance.reached, glance.ended, glance.failed), (4, 3, 4, 1));
    assert_eq!(glance.slowest, Some(("upload", 500.0)));
    assert_eq!(scene.recorder.glance(scene.at(60.0)).slowest, None, "that was long ago");
}

#[test]
fn the_memory_of_a_long_run_is_bounded() {
    const OPERATIONS: [&str; 3] = ["upload", "poll", "chaff"];
    let mut scene = Scene::new();
    let mut most = 0;
    for hour in 0..100 {
        // As many distinct times in each slot as a busy run has, in the seconds of the first hour; then fewer, which changes little.
        let (slots, each) = if hour == 0 { (3_600, 20) } else { (360, 5) };
        for slot in 0..slots {
            let start = f64::from(hour) * 3_600.0 + f64::from(slot) * 3_600.0 / f64::from(slots);
            for _ in 0..each {
                let (operation, length) = (OPERATIONS[(slot % 3) as usize], (scene.chance() * 8.0).exp() / 1e4);
                scene.recorder.note(
                    operation,
                    scene.at(start),
                    scene.at(start + length),
                    Outcome::Failed("timeout"),
                    1,
                );
                scene.recorder.note(operation, scene.at(start), scene.at(start + length), Outcome::Done, 1);
            }
        }
        scene.recorder.gauge("in_flight_requests", 3.0, scene.at(f64::from(hour) * 3_600.0));
        most = most.max(scene.recorder.bytes_held());
    }
    assert!(most < OPERATIONS.len() * 3_000_000, "{most} bytes");
    let results = scene.results(Duration::from_secs(360_000).as_secs_f64());
    assert_eq!((results.series.seconds_per_point, results.series.points <= 3_600), (600, true));
    let answered: u64 = results.series.operations.iter().flat_map(|operation| &operation.done).sum();
    assert_eq!(answered, 3_600 * 20 + 99 * 360 * 5, "coarser, and nothing is lost");
}

#[test]
fn windows_hold_enough_requests_for_a_percentile() {
    let mut scene = Scene::new();
    for second in 0..1_800 {
        for _ in 0..2 {
            let (intended, length) = (f64::from(second) + 0.5, 0.01 + scene.chance());
            scene.request("upload", [intended, intended, intended + length], Outcome::Done, 0);
        }
    }
    let results = scene.results(1_802.0);
    let upload = &results.series.operations[0];
    let windows = &upload.windows;
    assert_eq!((windows.seconds_per_window, windows.p50_ms.len()), (30, 61), "60 requests each");
    let longest = |values: &[Option<f64>]| values.iter().flatten().copied().reduce(f64::max);
    assert_eq!(longest(&windows.max_ms), longest(&upload.max_ms));
    let p50 = windows.p50_ms[3].expect("there were some");
    assert!((300.0..700.0).contains(&p50), "{p50} ms");
}
