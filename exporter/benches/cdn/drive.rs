//! nginx over what was published, and wrk before it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use cluster::processor_time;
use serde::{Deserialize, Serialize};

use crate::nginx::{Answer, Nginx, Site, make_certificate};
use crate::published::Published;

/// Lets wrk say what it saw for a program to read.
const REPORT: &str = include_str!("report.lua");
/// Connections that are kept open, and threads that ask over them.
const CONNECTIONS: u32 = 64;
const THREADS: u32 = 2;

/// Processes of nginx that serve, as on a machine of two cores.
const WORKERS: u16 = 2;

/// Where nginx takes objects from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// A directory on its disk.
    Directory,
    /// Its cache, in front of an object store.
    Cache,
}

/// How it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Manner {
    /// Over connections that are kept.
    Plain,
    /// The same, and TLS.
    Tls,
    /// TLS over a new connection each time, as phones do.
    TlsOnce,
}

/// Something that phones ask for, and how often they do.
pub(crate) struct Object<'a> {
    pub(crate) name: &'static str,
    pub(crate) path: &'a str,
    /// Requests a second of 10 million phones.
    pub(crate) asked_for: f64,
}

/// What one nginx did.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) object: &'static str,
    pub(crate) form: Form,
    pub(crate) manner: Manner,
    /// Of the object.
    pub(crate) bytes: usize,
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) asked_for_per_second: f64,
    pub(crate) megabytes_per_second: f64,
    /// All processes of nginx; wrk is not counted.
    pub(crate) nginx_cpu_microseconds_per_request: f64,
    /// How many processors nginx would be busy with at the rate that is asked for.
    pub(crate) nginx_processors_at_what_is_asked_for: f64,
    pub(crate) p50_milliseconds: f64,
    pub(crate) p99_milliseconds: f64,
    /// Connections that broke, and answers that were not 200.
    pub(crate) errors: u64,
}

impl Figure {
    /// Whether nginx gives out as much as is asked for. wrk takes as much of the machine as nginx does: where that was too little for both, it counts
    /// whether nginx alone, by what it spent, would need no more than the processors that it has.
    pub(crate) fn is_met(&self) -> bool {
        self.requests_per_second >= self.asked_for_per_second
            || self.nginx_processors_at_what_is_asked_for <= f64::from(WORKERS)
    }

    /// What is wrong with it. An answer that is no 200 is quickly given, and counts as a request all the same: with a single one the figure is none. How
    /// fast it was counts where it was measured in earnest, and over connections that are kept: what else it takes to open them is told and not judged.
    pub(crate) fn wrong(&self, in_earnest: bool) -> Option<String> {
        let Self { object, form, manner, errors, asked_for_per_second, .. } = self;
        if *errors > 0 {
            return Some(format!("{object}, {form:?}, {manner:?}: {errors} errors, and none may be"));
        }
        (in_earnest && *manner != Manner::TlsOnce && !self.is_met())
            .then(|| format!("{object}, {form:?}, {manner:?}: {asked_for_per_second:.0} requests/s are not met"))
    }
}

/// The line of [`REPORT`].
#[derive(Deserialize)]
struct Seen {
    requests: u64,
    microseconds: u64,
    bytes: u64,
    failed: u64,
    refused: u64,
    p50: u64,
    p99: u64,
}

/// Starts nginx.
pub(crate) fn start(published: &Published, form: Form, directory: &Path) -> anyhow::Result<Nginx> {
    let coepi = format!("set $coepi_feed {}; include coepi.conf;", published.rendered());
    let tree = published.world.tree("main");
    let inside = match form {
        Form::Directory => format!("root {}; include objects.conf; {coepi}", tree.display()),
        Form::Cache => format!("set $bucket {}; include bucket.conf; {coepi}", published.bucket),
    };
    let cache = directory.join("cache");
    let http = format!(
        "proxy_cache_path {} levels=1:2 keys_zone=objects:10m use_temp_path=off;
         upstream pratique_server {{ server 127.0.0.1:9; }}",
        cache.display()
    );
    make_certificate(directory)?;
    let here = directory.display();
    let tls = format!("ssl_certificate {here}/certificate.pem; ssl_certificate_key {here}/key.pem; {inside}");
    // One address asks for more here than a country does.
    let changes = &[("limit_req zone=askers burst=4000 nodelay;", "")];
    Nginx::start(directory, &Site { http, servers: vec![inside, tls], workers: WORKERS.into(), changes })
}

/// Asks for one object as often as it can, for so long.
pub(crate) fn drive(
    (nginx, form): (&Nginx, Form),
    object: &Object<'_>,
    manner: Manner,
    time: Duration,
) -> anyhow::Result<Figure> {
    let first = nginx.get(object.path)?;
    anyhow::ensure!(first.status == 200, "{}: {}", object.path, first.head);
    let before = spent(nginx)?;
    let seen = wrk(nginx, object.path, manner, time)?;
    let spent = spent(nginx)?.saturating_sub(before);
    check(form, &nginx.get(object.path)?)?;
    let seconds = Duration::from_micros(seen.microseconds).as_secs_f64();
    let each = spent.as_secs_f64() / seen.requests.max(1) as f64;
    let milliseconds = |microseconds: u64| microseconds as f64 / 1_000.0;
    Ok(Figure {
        object: object.name,
        form,
        manner,
        bytes: first.body.len(),
        requests: seen.requests,
        seconds,
        requests_per_second: seen.requests as f64 / seconds,
        asked_for_per_second: object.asked_for,
        megabytes_per_second: seen.bytes as f64 / seconds / 1e6,
        nginx_cpu_microseconds_per_request: each * 1e6,
        nginx_processors_at_what_is_asked_for: each * object.asked_for,
        p50_milliseconds: milliseconds(seen.p50),
        p99_milliseconds: milliseconds(seen.p99),
        errors: seen.failed + seen.refused,
    })
}

/// It was the cache that answered, if there is one.
fn check(form: Form, last: &Answer) -> anyhow::Result<()> {
    let expected = if form == Form::Cache { "HIT" } else { "" };
    anyhow::ensure!(last.header("x-cache-status") == expected, "{}", last.head);
    Ok(())
}

fn spent(nginx: &Nginx) -> anyhow::Result<Duration> {
    let mut spent = Duration::ZERO;
    for process in nginx.processes()? {
        spent += processor_time::of_process(process).context("a process of nginx has ended")?;
    }
    Ok(spent)
}

fn wrk(nginx: &Nginx, path: &str, manner: Manner, time: Duration) -> anyhow::Result<Seen> {
    let url = match manner {
        Manner::Plain => format!("http://{}{path}", nginx.address(0)),
        Manner::Tls | Manner::TlsOnce => format!("https://{}{path}", nginx.address(1)),
    };
    let directory = tempfile::tempdir()?;
    let script = directory.path().join("report.lua");
    fs::write(&script, REPORT)?;
    let mut command = Command::new("wrk");
    command.args(["--threads", &THREADS.to_string(), "--connections", &CONNECTIONS.to_string()]);
    command.args(["--duration", &format!("{}s", time.as_secs()), "--timeout", "30s", "--script"]).arg(script);
    if manner == Manner::TlsOnce {
        command.args(["--header", "Connection: close"]);
    }
    command.arg(url);
    let output =
        command.output().map_err(|why| anyhow::anyhow!("wrk: {why}; apt-get install wrk (tests/run does it)"))?;
    let said = String::from_utf8(output.stdout)?;
    let line = said.lines().rfind(|line| line.starts_with('{'));
    let line = line.ok_or_else(|| anyhow::anyhow!("wrk: {said}{}", String::from_utf8_lossy(&output.stderr)))?;
    Ok(serde_json::from_str(line)?)
}
