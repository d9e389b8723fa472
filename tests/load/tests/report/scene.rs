//! Runs that never happened: schedules played against services that are made up, in no time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use load::record::{Outcome, Recorder, Times};
use load::results::{Proof, Results, Run};
use proto::Timestamp;

/// The beginning of a made-up run.
pub(crate) const STARTED_AT: Timestamp = Timestamp::from_unix(1_795_339_800);

/// A run that says nothing about itself.
pub(crate) fn run() -> Run {
    let settings = BTreeMap::from([("factor".to_owned(), "0.02".to_owned())]);
    let mut run = Run::new("country", settings, STARTED_AT);
    run.machine.cores = 2;
    "A processor".clone_into(&mut run.machine.cpu);
    run.machine.memory_bytes = 8_000_000_000;
    "linux x86_64".clone_into(&mut run.machine.system);
    "0.1.0".clone_into(&mut run.program_version);
    run
}

/// A recorder with the results it will give at `seconds`.
pub(crate) struct Scene {
    pub(crate) recorder: Recorder,
    chance: u64,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { recorder: Recorder::new(Instant::now()), chance: 1 }
    }

    /// Seconds since the beginning, as a moment.
    pub(crate) fn at(&self, seconds: f64) -> Instant {
        self.recorder.started() + Duration::from_secs_f64(seconds)
    }

    /// The next of a fixed row of numbers in 0..1 that look like chance.
    pub(crate) fn chance(&mut self) -> f64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A request of the schedule and its answer, all in seconds since the beginning.
    pub(crate) fn request(&self, operation: &'static str, times: [f64; 3], outcome: Outcome, bytes: u64) {
        let [intended, began, ended] = times.map(|seconds| self.at(seconds));
        self.recorder.due(operation, intended);
        self.recorder.note_begun(operation, Times::at_once(intended, began, ended), outcome, bytes);
    }

    /// The same that found no room until it began.
    pub(crate) fn crowded(&self, operation: &'static str, [intended, began, ended]: [f64; 3]) {
        let [intended, began, ended] = [intended, began, ended].map(|seconds| self.at(seconds));
        self.recorder.due(operation, intended);
        let times = Times { intended, began, no_room: began - intended, ended };
        self.recorder.note_begun(operation, times, Outcome::Done, 0);
    }

    pub(crate) fn results(&self, seconds: f64) -> Results {
        self.recorder.results(run(), self.at(seconds))
    }
}

/// Five minutes of a small country: uploads on a raster of half a second, polls that are answered at once, chaff, guessers, a stall of three
/// seconds, and some errors if they are wanted.
pub(crate) fn country(seconds: u32, errors: bool) -> Results {
    let mut scene = Scene::new();
    scene.recorder.list(&["issue", "verify", "certificate", "upload", "poll_index", "poll_bundle", "chaff", "guess"]);
    for second in 0..seconds {
        let second = f64::from(second);
        for (operation, per_second) in
            [("issue", 1), ("verify", 2), ("certificate", 2), ("upload", 2), ("chaff", 3), ("guess", 1)]
        {
            for _ in 0..per_second {
                one(&mut scene, operation, second, errors);
            }
        }
        for (operation, per_second) in [("poll_index", 20), ("poll_bundle", 6)] {
            for _ in 0..per_second {
                one(&mut scene, operation, second, errors);
            }
        }
        let in_flight = 12.0 + 4.0 * (second / 20.0).sin() + 3.0 * scene.chance();
        scene.recorder.gauge("in_flight_requests", in_flight, scene.at(second + 0.5));
        scene.recorder.gauge("memory_bytes", 48e6 + 1e4 * second, scene.at(second + 0.5));
    }
    scene.recorder.mark("the ramp is over", scene.at(30.0));
    scene.recorder.mark("the schedule is over", scene.at(f64::from(seconds)));
    let proof = Proof {
        acknowledged: 8_372,
        published: 8_372,
        others: 1_040,
        bundles: 12,
        feeds: vec!["NO/gaen".to_owned(), "NO/tcn".to_owned()],
        waited_seconds: 61.3,
        ..Proof::default()
    };
    let results = scene.results(f64::from(seconds) + 2.0);
    results.with_proof(proof).with_limit("upload", 99.0, if errors { 1_000.0 } else { 5_000.0 })
}

/// One request that is due within this second.
fn one(scene: &mut Scene, operation: &'static str, second: f64, errors: bool) {
    let intended = second + scene.chance();
    let began = intended + 0.000_2 + 0.000_3 * scene.chance();
    // The longer, the rarer.
    let work = 0.001 + 0.002 / (1.0 - 0.999 * scene.chance());
    let stalls = (100.0..103.0).contains(&began);
    let ready = if stalls { 103.0 } else { began } + work;
    // Phone routes answer on a raster of half a second.
    let polls = operation.starts_with("poll");
    let ended = if polls || operation == "issue" { ready } else { (ready * 2.0).ceil() / 2.0 + 0.001 };
    let luck = scene.chance();
    let outcome = match operation {
        "poll_index" if luck < 0.9 => Outcome::NotModified,
        "guess" => Outcome::Refused("code_invalid"),
        "upload" | "verify" if errors && stalls && luck < 0.5 => Outcome::Failed("timeout"),
        "poll_bundle" if errors && luck < 0.02 => Outcome::Failed("status_502"),
        _ => Outcome::Done,
    };
    let bytes = match (operation, outcome) {
        (_, Outcome::NotModified | Outcome::Failed(_)) => 0,
        ("poll_index", _) => 1_200,
        ("poll_bundle", _) => 24_000,
        _ => 4_096,
    };
    scene.request(operation, [intended, began, ended], outcome, bytes);
}
