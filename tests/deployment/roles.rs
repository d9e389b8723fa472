//! The roles and logins of `compose.yaml` on a real PostgreSQL: made twice with the same outcome, and enough for each program, with its password.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use cluster::{Cluster, Options};
use serde_json::Value;

use crate::programs::{complaint, ended, program, repository};
use crate::tools::{apart, run, yaml};

#[test]
fn each_program_gets_into_its_database_with_its_own_password() {
    let port = cluster::free_port();
    let cluster = Cluster::start(&Options { port: Some(port), ..Options::default() }).expect("a cluster");
    let directory = tempfile::tempdir().expect("a directory");
    let secrets = directory.path().join("secrets");
    run(Command::new(repository("deploy/compose/draw-secrets")).arg(&secrets));
    for side in ["verification-superuser", "key-superuser"] {
        let logins = format!("{}-logins.sql", side.strip_suffix("-superuser").expect("its end"));
        for _ in 0..2 {
            make_roles(&cluster, port, &secrets, side, &logins);
        }
    }
    let services = &yaml(&repository("deploy/compose.yaml"))[0]["services"];
    let here = Here { services, port, secrets: secrets.to_str().expect("UTF-8"), directory: directory.path() };
    // When the composition is started again, these run again; what waits for them to succeed would wait for ever.
    let again = awaited(services);
    assert_eq!(again, ["exporter-keys", "server-migrate", "verification-migrate"]);
    for container in again.iter().chain(&again) {
        here.done_as_composed(container);
    }
    here.done_as_composed("verification-secret");
    here.done("verification-owner", &["authority", "create", "--id", "example"]);
    here.done("verification-owner", &["keys", "generate", "--authority", "example", "--public-key", "example.pem"]);
    here.done(
        "server-owner",
        &["authority", "add", "--id", "example", "--public-key", "example.pem", "--region", "XX"],
    );
    here.done_as_composed("server-keys");
    here.serves("verification");
    here.serves("server");
    here.done("exporter", &["once", "--bucket", "main=file:cdn"]);
}

/// The containers of our programs that others wait for to end well, by their names.
fn awaited(services: &Value) -> Vec<String> {
    let waits = services.as_object().expect("services").values();
    let waits = waits.flat_map(|service| service["depends_on"].as_object().into_iter().flatten());
    let ended = waits.filter(|(_, how)| how["condition"] == "service_completed_successfully");
    let ours = |name: &String| services[name]["image"].as_str().is_some_and(|image| image.starts_with("pratique/"));
    ended.map(|(name, _)| name.clone()).filter(ours).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Runs `roles.sh` where `/run/secrets` is what the container would find there.
fn make_roles(cluster: &Cluster, port: u16, secrets: &Path, superuser: &str, logins: &str) {
    const SCRIPT: &str = "
        secrets=$1 script=$2
        shift 2
        mkdir \"$secrets.copy\" 2>/dev/null || true
        cp \"$secrets\"/* \"$secrets.copy\"
        mount -t tmpfs none /run
        mkdir /run/secrets
        mount --bind \"$secrets.copy\" /run/secrets
        exec sh \"$script\" \"$@\"";
    let socket = cluster.socket().expect("it is private");
    let host = socket.parent().expect("a directory");
    let [script, roles] = ["deploy/compose/roles.sh", "server/store/migrations/postgres/roles.sql"].map(repository);
    let (password, logins) = (format!("/run/secrets/{superuser}"), repository("deploy/compose").join(logins));
    let mut command = apart(SCRIPT, &[&secrets, &script, &host, &password, &roles, &logins]);
    run(command.env("PGPORT", port.to_string()));
}

/// The composition's containers, without containers.
struct Here<'a> {
    services: &'a Value,
    port: u16,
    secrets: &'a str,
    directory: &'a Path,
}

impl Here<'_> {
    /// The program of a container with the settings of that container, as they are here.
    fn command(&self, container: &str) -> Command {
        let service = &self.services[container];
        let name = service["image"].as_str().and_then(|image| image.strip_prefix("pratique/")).expect("one of ours");
        let mut command = program(name);
        for (variable, value) in service["environment"].as_object().into_iter().flatten() {
            // What has no value is what the shell has: nothing.
            let Some(value) = value.as_str() else { continue };
            let mut value = value.replace("/run/secrets", self.secrets);
            for host in ["verification-database", "key-database-replica", "key-database"] {
                value = value.replace(&format!("@{host}/"), &format!("@127.0.0.1:{}/", self.port));
            }
            let value = value.replace("/var/lib/pratique", self.directory.to_str().expect("UTF-8"));
            let loopback = value.replace("0.0.0.0:8080", "127.0.0.1:0").replace("0.0.0.0:8081", "127.0.0.1:0");
            command.env(variable, loopback);
        }
        for metrics in ["VERIFICATION_METRICS_LISTEN", "SERVER_METRICS_LISTEN"] {
            command.env_remove(metrics);
        }
        command.current_dir(self.directory);
        command
    }

    /// Runs a container's own command.
    fn done_as_composed(&self, container: &str) {
        let words = self.services[container]["command"].as_array().expect("a command").iter();
        let words = words.map(|word| {
            let word = word.as_str().expect("a word").replace("${PRATIQUE_REGION:-XX}", "XX");
            word.replace("/var/lib/pratique", self.directory.to_str().expect("UTF-8"))
        });
        let words: Vec<String> = words.collect();
        self.done(container, &words.iter().map(String::as_str).collect::<Vec<_>>());
    }

    fn done(&self, container: &str, arguments: &[&str]) {
        let mut command = self.command(container);
        let output = ended(command.args(arguments));
        assert!(output.status.success(), "{container} {arguments:?}: {}", complaint(&output));
    }

    /// Starts a service and ends it once it listens.
    fn serves(&self, container: &str) {
        let mut service =
            self.command(container).args(["--json", "serve"]).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(service.stdout.take().expect("piped")).read_line(&mut line).expect("a line, or none");
        run(Command::new("kill").arg(service.id().to_string()));
        let ended = service.wait().expect("a child");
        assert!(line.contains("listening") && ended.success(), "{container}: {line}");
    }
}
