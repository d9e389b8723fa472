//! What one nginx gives out, with the configuration of `deploy/nginx`: a bundle of 240 KB and one of CoEpi's intervals, published by the exporter, from a
//! directory and from a cache in front of an object store. `cargo bench -p exporter --bench cdn`; with `-- --seconds 30` each takes so long (10 unless
//! said), with `-- --json FILE` the figures are written there, too. It fails if anything was answered but 200, or less was given out over
//! connections that are kept than is asked for.
//!
//! wrk asks over 64 connections on the same machine and takes as much of the processors as nginx does, or more: what nginx itself spends on a request is
//! told beside. It is asked in the clear, through TLS, and through TLS over a new connection for each request. A network that is none, as here, costs less
//! than a real one: the kernel hands pages from the file to whoever reads them. Ten million phones that come once an hour are 2,778 requests a second; those of CoEpi come every quarter of an hour.

mod drive;
#[path = "../../../proto/benches/generator.rs"]
mod generator;
#[path = "../../../tests/src/nginx.rs"]
#[expect(unreachable_pub, reason = "it is part of a library, too")]
mod nginx;
mod published;
#[path = "../../tests/buckets/s3.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod s3;
#[path = "../../tests/pass/world.rs"]
#[expect(dead_code, reason = "tests need more of a world")]
mod world;

use std::path::PathBuf;
use std::time::Duration;

use drive::{Figure, Form, Manner, Object, drive, start};
use published::Published;

/// Keys of a bundle of 240 KB.
const KEYS: usize = 13_400;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let asked = Asked::from_command_line()?;
    let published = Published::new(if asked.in_earnest { KEYS } else { 100 }).await;
    let objects = [
        Object { name: "bundle", path: &published.bundle, asked_for: 2_800.0 },
        Object { name: "coepi_interval", path: &published.interval, asked_for: 11_000.0 },
    ];
    let mut figures = Vec::new();
    for form in [Form::Directory, Form::Cache] {
        let directory = tempfile::tempdir()?;
        let nginx = start(&published, form, directory.path())?;
        for object in &objects {
            for manner in [Manner::Plain, Manner::Tls, Manner::TlsOnce] {
                let figure = drive((&nginx, form), object, manner, asked.time)?;
                say(&figure);
                figures.push(figure);
            }
        }
    }
    if let Some(file) = asked.json {
        std::fs::write(file, serde_json::to_vec_pretty(&figures)?)?;
    }
    let wrong: Vec<String> = figures.iter().filter_map(|figure| figure.wrong(asked.in_earnest)).collect();
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// What the command line says.
struct Asked {
    /// Cargo says `--bench` when it measures; otherwise it only wants to see that this runs.
    in_earnest: bool,
    time: Duration,
    json: Option<PathBuf>,
}

impl Asked {
    fn from_command_line() -> anyhow::Result<Self> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let after = |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
        let in_earnest = words.iter().any(|word| word == "--bench");
        let seconds = after("--seconds").map_or(Ok(if in_earnest { 10 } else { 1 }), |text| text.parse())?;
        Ok(Self { in_earnest, time: Duration::from_secs(seconds), json: after("--json").map(PathBuf::from) })
    }
}

fn say(figure: &Figure) {
    let Figure { object, form, manner, bytes, requests_per_second, asked_for_per_second, errors, .. } = figure;
    let met = if figure.is_met() { "met" } else { "NOT met" };
    println!(
        "{object} of {bytes} bytes, {form:?}, {manner:?}: {requests_per_second:.0} requests/s ({asked_for_per_second:.0} asked for: {met}), {:.0} MB/s, \
         {:.1} us of nginx's CPU a request ({:.2} processors at what is asked for), p50 {:.1} ms, p99 {:.1} ms, {errors} errors",
        figure.megabytes_per_second,
        figure.nginx_cpu_microseconds_per_request,
        figure.nginx_processors_at_what_is_asked_for,
        figure.p50_milliseconds,
        figure.p99_milliseconds,
    );
}
