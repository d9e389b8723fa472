//! The benchmark of nginx (`cargo bench -p exporter --bench cdn`), in small: that what it measures works, and not how fast it is.

use std::time::Duration;

use crate::drive::{Form, Manner, Object, drive, start};
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
            assert!(figure.requests > 0 && figure.errors == 0, "{figure:?}");
        }
    }
}
