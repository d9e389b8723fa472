//! The benchmark of nginx (`cargo bench -p exporter --bench cdn`), in small: that what it measures works, and not how fast it is.

use std::time::Duration;

use crate::drive::{Figure, Form, Manner, Object, drive, start};
use crate::published::Published;

#[tokio::test(flavor = "multi_thread")]
async fn nginx_gives_out_bundles_and_intervals_as_fast_as_it_can_without_a_mistake() {
    let published = Published::new(500).await;
    let (bundle, interval) = (&*published.bundle, &*published.interval);
    for form in [Form::Directory, Form::Cache] {
        let directory = tempfile::tempdir().expect("a directory");
        let nginx = start(&published, form, directory.path()).expect("nginx");
        for (path, manner) in [(bundle, Manner::Plain), (interval, Manner::Tls), (bundle, Manner::TlsOnce)] {
            let object = Object { name: "object", path, asked_for: 0.0 };
            let figure = drive((&nginx, form), &object, manner, Duration::from_secs(1)).expect("wrk");
            assert!(figure.requests > 0 && figure.wrong(false).is_none(), "{figure:?}");
            let refused = Figure { errors: 1, ..figure };
            assert!(
                refused.wrong(false).is_some_and(|why| why.contains("1 errors")),
                "answers that are refused are quick"
            );
        }
    }
}

#[test]
fn a_measurement_fails_if_less_is_given_out_than_is_asked_for() {
    let figure = |requests_per_second, nginx_processors_at_what_is_asked_for| Figure {
        object: "bundle",
        form: Form::Cache,
        manner: Manner::Tls,
        bytes: 1,
        requests: 1,
        seconds: 1.0,
        requests_per_second,
        asked_for_per_second: 2_800.0,
        megabytes_per_second: 1.0,
        nginx_cpu_microseconds_per_request: 1.0,
        nginx_processors_at_what_is_asked_for,
        p50_milliseconds: 1.0,
        p99_milliseconds: 1.0,
        errors: 0,
    };
    for (requests, processors, met) in [(2_800.0, 3.0, true), (2_700.0, 0.3, true), (2_700.0, 2.1, false)] {
        let figure = figure(requests, processors);
        assert_eq!((figure.is_met(), figure.wrong(true).is_none()), (met, met), "{figure:?}");
        assert!(figure.wrong(false).is_none(), "in small it is not measured: {figure:?}");
    }
}
