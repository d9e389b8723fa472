//! How each process of a deployment is started.

use std::ffi::OsString;
use std::net::SocketAddr;

use crate::authority::Files;
use crate::databases::{Databases, Login};
use crate::options::Options;
use crate::process::{Ready, Spec};
use crate::programs::path;

/// What services answer once they can be used.
const READY: &str = "/readyz";
/// What exporters answer.
const EXPORTER_READY: &str = "/readyz";
/// The programs whose clocks can be moved; test binaries build them.
const AHEAD_PROGRAM: &str = "exporter_ahead";
const AHEAD_SERVER: &str = "server_ahead";

/// Where a process listens: for its callers, and for operators.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doors {
    pub(crate) public: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

/// What all of them are told.
pub(crate) struct Common<'a> {
    pub(crate) options: &'a Options,
    pub(crate) databases: &'a Databases,
    pub(crate) files: &'a Files,
}

impl Common<'_> {
    pub(crate) fn verification(&self, number: usize, doors: Doors) -> anyhow::Result<Spec> {
        let mut arguments = self.service(doors);
        arguments.extend(owned(["--secret-file"]));
        arguments.push(self.files.secret.clone().into());
        arguments.extend(owned(["--signing-key-dir"]));
        arguments.push(self.files.certificate_keys.clone().into());
        arguments.extend(owned(["--ohttp-key-file"]));
        arguments.push(self.files.verification_gateway.clone().into());
        arguments.extend(owned(["--database-url", &self.databases.url(Login::Verification)]));
        arguments.extend(owned(&self.options.verification_flags));
        Ok(Spec {
            name: format!("verification-{number}"),
            program: path("verification")?,
            arguments,
            environment: Vec::new(),
            ready: Ready::Path(doors.public, READY),
        })
    }

    pub(crate) fn server(&self, number: usize, doors: Doors) -> anyhow::Result<Spec> {
        let mut arguments = self.service(doors);
        arguments.extend(owned(["--revision-key-file"]));
        arguments.push(self.files.revision_keys.clone().into());
        arguments.extend(owned(["--ohttp-key-file"]));
        arguments.push(self.files.server_gateway.clone().into());
        arguments.extend(owned(["--database-url", &self.databases.url(Login::Server)]));
        arguments.extend(owned(&self.options.server_flags));
        let ahead = if number == self.options.servers { self.options.last_server_ahead } else { 0 };
        Ok(Spec {
            name: format!("server-{number}"),
            program: path(if ahead == 0 { "server" } else { AHEAD_SERVER })?,
            arguments,
            environment: vec![("PRATIQUE_TEST_AHEAD_SECONDS".to_owned(), ahead.to_string().into())],
            ready: Ready::Path(doors.public, READY),
        })
    }

    /// What both services are told.
    fn service(&self, doors: Doors) -> Vec<OsString> {
        let (public, metrics) = (doors.public.to_string(), doors.metrics.to_string());
        let tick = self.options.tick_ms.to_string();
        // It may be loaded: everything of it is at one address.
        let host = doors.public.ip().to_string();
        let flags = [
            "serve",
            "--test-deployment",
            &host,
            "--listen",
            &public,
            "--metrics-listen",
            &metrics,
            "--tick-ms",
            &tick,
        ];
        owned(flags.into_iter().chain(["--trusted-proxies", "1"])).collect()
    }

    pub(crate) fn exporter(
        &self,
        (number, ahead): (usize, i64),
        metrics: SocketAddr,
        buckets: &[String],
    ) -> anyhow::Result<Spec> {
        let options = self.options;
        let (metrics_listen, minimum) = (metrics.to_string(), options.minimum.to_string());
        let mut arguments: Vec<OsString> = owned(["run", "--metrics-listen", &metrics_listen]).collect();
        arguments.extend(owned(["--database-url", &self.databases.url(Login::Exporter)]));
        if let Some(url) = self.databases.read_url() {
            arguments.extend(owned(["--read-database-url", &url]));
        }
        arguments.extend(owned(["--signing-key-dir"]));
        arguments.push(self.files.bundle_keys.clone().into());
        arguments.extend(buckets.iter().flat_map(|bucket| owned(["--bucket", bucket])));
        let period = format!("{}s", options.period_seconds);
        arguments.extend(owned(["--period-gaen", &period, "--period-tcn", &period]));
        arguments.extend(owned(["--minimum-keys", &minimum, "--minimum-reports", &minimum]));
        arguments.extend(owned(&options.exporter_flags));
        let credentials = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        let nowhere = [("AWS_EC2_METADATA_DISABLED", "true")];
        let mut environment: Vec<(String, OsString)> =
            credentials.iter().chain(&nowhere).map(|(name, value)| ((*name).to_owned(), value.into())).collect();
        environment.push(("PRATIQUE_TEST_AHEAD_SECONDS".to_owned(), ahead.to_string().into()));
        Ok(Spec {
            name: format!("exporter-{number}"),
            program: path(if ahead == 0 { "exporter" } else { AHEAD_PROGRAM })?,
            arguments,
            environment,
            ready: Ready::Path(metrics, EXPORTER_READY),
        })
    }
}

fn owned<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> impl Iterator<Item = OsString> {
    words.into_iter().map(|word| OsString::from(word.as_ref()))
}
