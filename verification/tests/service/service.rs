//! A service on a port of its own, that can be stopped and started again over the same files.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::rt::System;
use serde_json::{Value, json};
use service::Edge;
use store::{ApiKeyKind, Clock, DatabaseUrl};
use verification::admin::{self, AuthoritySpec};
use verification::{DatabaseSettings, Settings, State};

use crate::http::{self, Answer};

/// Three commitments that nobody looks into.
pub(crate) const COMMITMENTS: [&str; 3] = [
    "2u1nHt5WWurJytFLF3xitNzM99oNrad2y4YGOL53AeY=",
    "mFNI9zhTA17n4ndd1Vu5tsn4XQX0gPrIKyjeh/9noUE=",
    "J9S7xVebH/66dm14wGsIcAnSUR3PHD4NtDQEOGZbDUo=",
];

/// A running service with one authority, `no`.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) admin: String,
    pub(crate) device: String,
    /// Moves its time.
    pub(crate) clock: Clock,
    settings: Settings,
    running: Option<(ServerHandle, JoinHandle<()>)>,
}

impl Service {
    /// Sets one up in `dir` and starts it.
    pub(crate) fn start(dir: &Path) -> Self {
        Self::start_behind(dir, Edge::default())
    }

    /// The same behind proxies and relays.
    pub(crate) fn start_behind(dir: &Path, edge: Edge) -> Self {
        let settings = Settings {
            database: DatabaseSettings { database_url: DatabaseUrl::Sqlite(dir.join("codes.db")) },
            secret_file: dir.join("secret"),
            signing_key_dir: dir.join("keys"),
            delivery_dir: Some(dir.join("delivery")),
        };
        Settings::create_secret(&settings.secret_file).expect("a secret");
        let clock = Clock::system();
        let state = open(&settings, &clock).with_edge(edge);
        let (admin, device) = System::new().block_on(async {
            let spec = AuthoritySpec { id: "no".to_owned(), user_reports: true, ..AuthoritySpec::default() };
            admin::create_authority(&state, spec).await.expect("created");
            admin::create_signing_key(&state, "no").await.expect("a key");
            let key = async |kind| admin::create_api_key(&state, "no", kind).await.expect("a key").as_str().to_owned();
            (key(ApiKeyKind::Admin).await, key(ApiKeyKind::Device).await)
        });
        let (address, running) = run(state);
        Self { address, admin, device, clock, settings, running: Some(running) }
    }

    /// Stops it; what was under way is finished.
    pub(crate) fn stop(&mut self) {
        if let Some((handle, thread)) = self.running.take() {
            System::new().block_on(handle.stop(true));
            thread.join().expect("the service ended in peace");
        }
    }

    /// Stops it and starts it again, on another port.
    pub(crate) fn restart(&mut self) {
        self.stop();
        let (address, running) = run(open(&self.settings, &self.clock));
        (self.address, self.running) = (address, Some(running));
    }

    pub(crate) fn issue(&self) -> String {
        self.post("/api/issue", &self.admin, &json!({ "testType": "confirmed" })).text("code")
    }

    pub(crate) fn verify(&self, body: &Value) -> Answer {
        self.post("/api/verify", &self.device, body)
    }

    pub(crate) fn certificate(&self, token: &str, commitment: &str) -> Answer {
        self.post("/api/certificate", &self.device, &json!({ "token": token, "ekeyhmac": commitment }))
    }

    /// Sends JSON; whatever comes back has one size.
    pub(crate) fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        let answer = http::post(self.address, path, key, body);
        assert_eq!(answer.body.len(), 4_096);
        answer
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

fn open(settings: &Settings, clock: &Clock) -> State {
    // Some who call have a runtime already, others none.
    let (settings, clock) = (settings.clone(), clock.clone());
    let opening = std::thread::spawn(move || System::new().block_on(State::open(&settings, clock)));
    opening.join().expect("finished").expect("opens")
}

fn run(state: State) -> (SocketAddr, (ServerHandle, JoinHandle<()>)) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let (send, receive) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        System::new().block_on(async {
            let server = verification::listen(listener, state).expect("listens");
            send.send(server.handle()).expect("somebody waits");
            server.await.expect("served");
        });
    });
    (address, (receive.recv().expect("a handle"), thread))
}
