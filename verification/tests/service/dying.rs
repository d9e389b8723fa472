//! The service, its connections or its database die after the commit and before the answer. Who asks again gets what they would have got.

use std::sync::Arc;

use cluster::{Cluster, Options};
use proto::api::base64;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::http;
use crate::link::Link;
use crate::program::{Served, program, set_up_by};
use crate::service::COMMITMENTS;

/// A durable cluster, and one person who wants a certificate from a service over it.
struct Scene {
    runtime: Runtime,
    cluster: Arc<Cluster>,
    link: Link,
    directory: tempfile::TempDir,
    admin: String,
    device: String,
}

/// A request, the statement that commits it, what tells in the database that it is committed, and the field of its answer that the next
/// request takes up.
struct Step {
    path: &'static str,
    statement: &'static str,
    committed: &'static str,
    field: &'static str,
}

const STEPS: [Step; 3] = [
    Step {
        path: "/api/issue",
        statement: "-- codes::issue\n",
        committed: "SELECT EXISTS (SELECT FROM code)",
        field: "code",
    },
    Step {
        path: "/api/verify",
        statement: "-- codes::claim\n",
        committed: "SELECT EXISTS (SELECT FROM code WHERE token_digest IS NOT NULL)",
        field: "token",
    },
    Step {
        path: "/api/certificate",
        statement: "-- codes::certify\n",
        committed: "SELECT EXISTS (SELECT FROM code WHERE commitments <> '{}')",
        field: "certificate",
    },
];

impl Scene {
    fn new() -> Self {
        let cluster = Cluster::start(&Options { durable: true, ..Options::default() }).expect("started");
        let directory = tempfile::tempdir().expect("a directory");
        let link = Link::before(&cluster.socket().expect("it is ours"));
        let [admin, device] = set_up_by(|| {
            let mut program = program(directory.path());
            program.env("VERIFICATION_DATABASE_URL", cluster.url("postgres"));
            program
        });
        let runtime = Runtime::new().expect("a runtime");
        Self { runtime, cluster: Arc::new(cluster), link, directory, admin, device }
    }

    /// Starts the service behind the link, with its own role.
    fn serve(&self) -> Served {
        let host = self.link.host();
        let role = "options=-c%20role%3Dpratique_verification";
        let mut program = program(self.directory.path());
        let url = format!("postgres:///postgres?host={}&user=postgres&{role}", host.display());
        program.env("VERIFICATION_DATABASE_URL", url);
        Served::spawn(program)
    }

    /// Takes a person from nothing to a certificate. At each step `accident` happens when the step is committed and the service has not heard
    /// of it; it returns the service that goes on.
    fn suffer(&self, accident: impl Fn(&Self, Served) -> Served) {
        let (mut served, mut held) = (self.serve(), String::new());
        for Step { path, statement, committed, field } in STEPS {
            let caught = self.link.hold(statement, self.question(committed));
            let (address, [key, body]) = (served.address, self.request(path, &held));
            let key = key.as_str().expect("a key").to_owned();
            let asking = std::thread::spawn({
                let (key, body) = (key.clone(), body.clone());
                move || http::post_in_vain(address, path, &key, &body)
            });
            caught.recv().expect("it is committed");
            served = accident(self, served);
            let answer = asking.join().expect("ran");
            assert!(answer.is_none_or(|answer| answer.status == 500), "{path}: it heard of the commit");

            held = http::post(served.address, path, &key, &body).text(field);
            if path == "/api/verify" {
                let other = json!({ "code": body["code"], "nonce": base64::encode(&[8; 32]) });
                assert_eq!(http::post(served.address, path, &key, &other).text("errorCode"), "code_invalid");
            }
            let again = http::post(served.address, path, &key, &body).text(field);
            assert!(path == "/api/certificate" || again == held, "{path}");
        }
        assert!(self.question("SELECT count(*) = 1 AND sum(cardinality(commitments)) = 1 FROM code")());
        // Each step was counted once, however often it was asked for.
        let counted = "SELECT array_agg(format('%s %s', kind, count) ORDER BY kind) = ARRAY['certified 1', 'claimed 1', 'issued 1'] FROM counter";
        assert!(self.question(counted)());
    }

    /// The API key and the body of a request.
    fn request(&self, path: &str, held: &str) -> [Value; 2] {
        match path {
            "/api/issue" => [json!(self.admin), json!({ "testType": "confirmed", "uuid": "a7".repeat(16) })],
            "/api/verify" => [json!(self.device), json!({ "code": held, "nonce": base64::encode(&[7; 32]) })],
            _ => [json!(self.device), json!({ "token": held, "ekeyhmac": COMMITMENTS[0] })],
        }
    }

    /// Asks the database something, past the link.
    fn question(&self, sql: &'static str) -> impl Fn() -> bool + Send + 'static {
        let (cluster, runtime) = (Arc::clone(&self.cluster), self.runtime.handle().clone());
        move || {
            let answer = async { cluster.connect("postgres").await.expect("connected").query_one(sql, &[]).await };
            runtime.block_on(answer).expect("answered").get(0)
        }
    }
}

#[test]
fn a_service_that_is_killed_before_it_hears_of_the_commit_gives_the_same_answer_again() {
    Scene::new().suffer(|scene, mut served| {
        served.kill();
        scene.serve()
    });
}

#[test]
fn a_service_whose_connections_end_before_it_hears_of_the_commit_gives_the_same_answer_again() {
    const END: &str = "SELECT count(pg_terminate_backend(pid, 10000)) > 0 FROM pg_stat_activity
        WHERE application_name = 'pratique'";
    Scene::new().suffer(|scene, served| {
        assert!(scene.question(END)(), "the service had connections, and they are gone");
        served
    });
}

#[test]
fn a_service_whose_database_crashes_before_it_hears_of_the_commit_gives_the_same_answer_again() {
    Scene::new().suffer(|scene, served| {
        scene.cluster.crash_and_recover().expect("recovered");
        served
    });
}
