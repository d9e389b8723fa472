//! A running server with two authorities: the north publishes in NO and SE, the south in DK.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use cluster::Database;
use proto::api::publish::{ExposureKey, PublishRequest, ReportsRequest};
use proto::{ReportType, Timestamp};
use serde::Serialize;
use server::admin::{AuthoritySpec, register_authority};
use server::{SelfReportSettings, Settings, State};
use store::{Clock, DatabaseUrl, KeyStore};
use tempfile::TempDir;

use crate::authority::{NORTH, SOUTH};
use crate::phone;
use crate::wire::{self, Reply};

/// A server on a free port, over a database of its own.
pub(crate) struct System {
    pub(crate) address: SocketAddr,
    /// Another handle on the same database, its owner's.
    pub(crate) store: Arc<dyn KeyStore>,
    pub(crate) clock: Clock,
    pub(crate) directory: TempDir,
    /// What the server uses.
    pub(crate) state: State,
    /// What the operator uses, with the rights of an owner.
    pub(crate) operator: State,
    server: ServerHandle,
    /// Dropped with the system.
    _database: Option<Database>,
}

impl System {
    pub(crate) async fn start() -> Self {
        Self::start_with(&SelfReportSettings::default()).await
    }

    /// On a server of databases, with the rights of the role that it has there.
    pub(crate) async fn start_on_postgres() -> Self {
        let migrate = async |url: &str| {
            store::migrate_key_store(&url.parse().expect("a URL")).await.expect("the migrations run");
        };
        let database = Database::from_template("keys", migrate).await.expect("a database");
        let url = database.url();
        let separator = if url.contains('?') { '&' } else { '?' };
        let urls = [url.clone(), format!("{url}{separator}options=-c%20role%3Dpratique_server")];
        Self::start_over(urls, Some(database), |state| state).await
    }

    pub(crate) async fn start_with(self_reports: &SelfReportSettings) -> Self {
        Self::start_prepared(|state| state.with_self_reports(self_reports).expect("within bounds")).await
    }

    /// A server that works for so much chaff a second.
    pub(crate) async fn start_with_chaff(per_second: u32) -> Self {
        Self::start_prepared(|state| state.with_chaff_rate(per_second)).await
    }

    /// With whatever else is made of its state before it listens.
    pub(crate) async fn start_prepared(prepare: impl FnOnce(State) -> State) -> Self {
        Self::start_over(["sqlite:", "sqlite:"].map(str::to_owned), None, prepare).await
    }

    /// The URLs are its owner's and its own; those of SQLite lack the path.
    async fn start_over(urls: [String; 2], database: Option<Database>, prepare: impl FnOnce(State) -> State) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("keys.db");
        // Tomorrow at noon: no midnight falls into a test, whose phones take their keys of the days before from it again and again.
        let (clock, day) = (Clock::system(), 86_400);
        let now = clock.now();
        clock.set_offset(now.floor(day).plus(day + day / 2).unix() - now.unix());
        let [owner, own] = urls.map(|url| -> DatabaseUrl {
            if url == "sqlite:" { DatabaseUrl::Sqlite(file.clone()) } else { url.parse().expect("a URL") }
        });
        let operator = Settings { database_url: owner.clone() };
        let operator = State::open(&operator, clock.clone()).await.expect("a new database opens");
        let settings = Settings { database_url: own };
        let state = State::open(&settings, clock.clone()).await.expect("the database opens");
        let state = prepare(state);
        let key_file = directory.path().join("ohttp.keys");
        service::ohttp::create(&key_file, &mut store::chance::source()).expect("a key");
        let state = state.with_gateway(&key_file).expect("a gateway");
        for (authority, regions) in [(NORTH, vec!["NO", "SE"]), (SOUTH, vec!["DK"])] {
            let regions = regions.into_iter().map(|region| region.parse().expect("a region")).collect();
            let keys = vec![authority.public_key().into()];
            let spec = AuthoritySpec { id: authority.id.to_owned(), regions, keys, ..AuthoritySpec::default() };
            register_authority(&operator, spec).await.expect("registered");
        }
        let revision_keys = directory.path().join("revision.keys");
        let same = format!("1 {}\n", "5a".repeat(32));
        service::secret_file::create(&revision_keys, &same).expect("written");
        let state = state.with_revision_keys(&revision_keys).expect("a key");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let server = server::listen(listener, state.clone()).expect("it listens");
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let store = store::open_key_store(&owner, clock.clone()).await.expect("a second handle");
        Self { address, store, clock, directory, state, operator, server: handle, _database: database }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets the clock go on until what came so far may be released, as far as its validity goes.
    pub(crate) fn wait_for_the_quarter(&self) {
        self.clock.set_offset(self.clock.offset() + store::RELEASE_GRAIN);
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&self, request: Vec<u8>) -> Reply {
        let address = self.address;
        let exchange = actix_web::rt::task::spawn_blocking(move || wire::exchange(address, &request));
        exchange.await.expect("an exchange")
    }

    /// Posts JSON.
    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Reply {
        let body = serde_json::to_vec(body).expect("JSON");
        self.send(wire::request("POST", path, Some("application/json"), &body)).await
    }

    pub(crate) async fn publish(&self, request: &PublishRequest) -> Reply {
        self.post("/v1/publish", request).await
    }

    /// How many publications wait in each feed that has any, for instance `[("NO/gaen", 2)]`.
    pub(crate) async fn stored(&self) -> Vec<(String, u64)> {
        let mut stored = Vec::new();
        for feed in self.store.feeds().await.expect("feeds") {
            let waiting = self.store.waiting(&feed).await.expect("a count");
            let count = waiting.releasable + waiting.revised + waiting.unripe;
            if count > 0 {
                stored.push((feed.to_string(), count));
            }
        }
        stored
    }

    /// Asserts that a request was refused like this and that nothing is stored.
    pub(crate) async fn assert_refused(&self, reply: &Reply, status: u16, code: &str) {
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{:?}", reply.error());
        assert_eq!(reply.body.len(), 4_096);
        assert!(!reply.error().is_empty(), "a refusal says why");
        assert_eq!(self.stored().await, []);
    }

    /// [`phone::keys`] by this server's clock.
    pub(crate) fn keys(&self, person: u8, count: u8) -> Vec<ExposureKey> {
        phone::keys(self.now(), person, count)
    }

    /// A good upload of these keys under a certificate of the north.
    pub(crate) fn upload(&self, keys: Vec<ExposureKey>, report_type: ReportType) -> PublishRequest {
        let certificate = NORTH.certify(phone::commit(&keys), report_type, self.now());
        phone::upload(keys, &NORTH, certificate)
    }

    /// An upload of these keys to the north under any certificate.
    pub(crate) fn upload_with(&self, keys: Vec<ExposureKey>, certificate: String) -> PublishRequest {
        phone::upload(keys, &NORTH, certificate)
    }

    /// A good upload of these reports under a certificate of the north.
    pub(crate) fn upload_reports(&self, reports: Vec<String>, report_type: ReportType) -> ReportsRequest {
        let certificate = NORTH.certify(phone::commit_reports(&reports), report_type, self.now());
        phone::upload_reports(reports, &NORTH, certificate)
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // The command is sent by the call; nobody need wait for it.
        drop(self.server.stop(false));
    }
}
