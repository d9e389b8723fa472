//! A running server with two authorities, and phones that upload to it.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::ServerHandle;
use proto::api::base64;
use proto::api::publish::{ExposureKey, PublishRequest, ReportsRequest};
use proto::commitment::{Commitment, HmacKey, KeySegment};
use proto::{Interval, ReportType, Timestamp};
use serde::Serialize;
use server::admin::{AuthoritySpec, register_authority};
use server::{Settings, State};
use store::{Authorities, Bundles, Clock, SqliteKeyStore};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::wire::{self, Reply};

/// The authority that publishes in NO and SE.
pub(crate) const NORTH: Authority = Authority::new("north", 1);
/// The authority that publishes in DK.
pub(crate) const SOUTH: Authority = Authority::new("south", 2);
/// The phone's HMAC key.
const HMAC_KEY: [u8; 16] = [5; 16];

/// A server on a free port, over a database of its own.
pub(crate) struct System {
    pub(crate) address: SocketAddr,
    /// Another handle on the same database.
    pub(crate) store: SqliteKeyStore,
    pub(crate) clock: Clock,
    pub(crate) directory: TempDir,
    server: ServerHandle,
}

impl System {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("keys.db");
        let (clock, settings) = (Clock::system(), Settings { database_url: format!("sqlite:{}", file.display()) });
        let state = State::open(&settings, clock.clone()).expect("a new database opens");
        for (authority, regions) in [(NORTH, vec!["NO", "SE"]), (SOUTH, vec!["DK"])] {
            let regions = regions.into_iter().map(|region| region.parse().expect("a region")).collect();
            let keys = vec![authority.public_key()];
            let spec = AuthoritySpec { id: authority.id.to_owned(), issuer: None, audience: None, regions, keys };
            register_authority(&state, spec).await.expect("registered");
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let server = server::listen(listener, state).expect("it listens");
        let handle = server.handle();
        actix_web::rt::spawn(server);
        let store = SqliteKeyStore::open(&file, clock.clone()).expect("a second handle");
        Self { address, store, clock, directory, server: handle }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
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

    /// `count` keys of one person: one a day, the newest of yesterday. All have ended, so all may be published.
    pub(crate) fn keys(&self, person: u8, count: u8) -> Vec<ExposureKey> {
        let today = Interval::containing(self.now()).midnight();
        let key = |day: u8| ExposureKey {
            key: base64::encode(&[[person; 8], [day; 8]].concat()),
            rolling_start_number: i64::from(today.number()) - 144 * (i64::from(day) + 2),
            rolling_period: 144,
            transmission_risk: 3,
        };
        (0..count).map(key).collect()
    }

    /// A good upload of these keys under a certificate of the north.
    pub(crate) fn upload(&self, keys: Vec<ExposureKey>, report_type: ReportType) -> PublishRequest {
        let certificate = NORTH.certify(commit(&keys), report_type, self.now());
        self.upload_with(keys, certificate)
    }

    /// An upload of these keys under any certificate.
    pub(crate) fn upload_with(&self, keys: Vec<ExposureKey>, certificate: String) -> PublishRequest {
        PublishRequest {
            temporary_exposure_keys: keys,
            health_authority_id: NORTH.id.to_owned(),
            verification_payload: certificate,
            hmac_key: base64::encode(&HMAC_KEY),
            ..PublishRequest::default()
        }
    }

    /// A good upload of these reports under a certificate of the north.
    pub(crate) fn upload_reports(&self, reports: Vec<String>, report_type: ReportType) -> ReportsRequest {
        let texts: Vec<_> = reports.iter().map(String::as_str).collect();
        let commitment = hmac_key().commit_reports(&texts);
        ReportsRequest {
            health_authority_id: NORTH.id.to_owned(),
            verification_payload: NORTH.certify(commitment, report_type, self.now()),
            hmac_key: base64::encode(&HMAC_KEY),
            reports,
            padding: String::new(),
        }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // The command is sent by the call; nobody need wait for it.
        drop(self.server.stop(false));
    }
}

/// The phone's HMAC key.
pub(crate) fn hmac_key() -> HmacKey {
    HmacKey::new(&HMAC_KEY).expect("16 bytes")
}

/// The commitment over keys as they stand in an upload.
pub(crate) fn commit(keys: &[ExposureKey]) -> Commitment {
    let segments: Vec<_> = keys
        .iter()
        .map(|sent| KeySegment {
            key: &sent.key,
            rolling_start: sent.rolling_start_number,
            rolling_period: sent.rolling_period,
            transmission_risk: sent.transmission_risk,
        })
        .collect();
    hmac_key().commit_keys(&segments)
}
