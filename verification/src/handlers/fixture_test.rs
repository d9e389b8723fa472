//! An authority at work, for the tests of the routes: a service of its own, the keys to it, and a clock that can be moved.

use std::path::PathBuf;

use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use actix_web::{App, test};
use proto::api::base64;
use proto::api::verification::API_KEY_HEADER;
use serde_json::{Value, json};
use store::{ApiKeyKind, Clock, DatabaseUrl};

use crate::admin::{self, AuthorityChange, AuthoritySpec, CodeSpec};
use crate::app::routes;
use crate::config::{DatabaseSettings, Settings};
use crate::desk::{self, IssueRequest};
use crate::handlers::documented_test::assert_documented;
use crate::secret_file;
use crate::signing::Keyring;
use crate::state::State;

/// A commitment that nobody looks into.
pub(crate) const COMMITMENT: &str = "2u1nHt5WWurJytFLF3xitNzM99oNrad2y4YGOL53AeY=";
/// Another.
pub(crate) const OTHER_COMMITMENT: &str = "mFNI9zhTA17n4ndd1Vu5tsn4XQX0gPrIKyjeh/9noUE=";
/// A third.
pub(crate) const THIRD_COMMITMENT: &str = "J9S7xVebH/66dm14wGsIcAnSUR3PHD4NtDQEOGZbDUo=";
/// A phone's nonce: 16 bytes.
pub(crate) const NONCE: &str = "AAECAwQFBgcICQoLDA0ODw==";

/// The service, with one authority, `no`, that has a signing key.
pub(crate) struct Desk {
    /// The open service.
    pub(crate) state: State,
    /// Its clock.
    pub(crate) clock: Clock,
    /// The authority's keys to the API.
    pub(crate) admin: String,
    /// And those of its app.
    pub(crate) device: String,
    dir: tempfile::TempDir,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Value,
    /// In how many seconds to ask again, if that was said.
    pub(crate) retry_after: Option<i64>,
}

impl Desk {
    /// Opens one.
    pub(crate) async fn open() -> Self {
        let desk = Self::without_signing_key().await;
        admin::create_signing_key(&desk.state, "no").await.expect("a key");
        desk
    }

    /// Opens one whose authority cannot sign yet.
    pub(crate) async fn without_signing_key() -> Self {
        Self::with_keyrings(vec![]).await
    }

    /// The same, with places where private keys may be.
    pub(crate) async fn with_keyrings(keyrings: Vec<Box<dyn Keyring>>) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| -> PathBuf { dir.path().join(name) };
        let settings = Settings {
            database: DatabaseSettings { database_url: DatabaseUrl::Sqlite(path("codes.db")) },
            secret_file: path("secret"),
            signing_key_dir: path("keys"),
            delivery_dir: Some(path("delivery")),
        };
        Settings::create_secret(&settings.secret_file).expect("a secret");
        let clock = Clock::system();
        let state = State::with_keyrings(&settings, clock.clone(), keyrings).await.expect("opens");
        service::ohttp::create(&path("ohttp.keys"), &mut store::chance::source()).expect("a key");
        let state = state.with_gateway(&path("ohttp.keys")).expect("a gateway");
        let state = state.with_test_deployment(&["verification.test".parse().expect("a host")]);
        let (admin, device) = authority(&state, "no", false).await;
        Self { state, clock, admin, device, dir }
    }

    /// Sends JSON and checks what holds of every reply to a POST: one size, one type, not to be stored.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        let content_type = ("Content-Type", "application/json");
        self.send(Method::POST, path, &[(API_KEY_HEADER, key), content_type], body.to_string().into()).await
    }

    /// Sends anything.
    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = test::TestRequest::with_uri(path).method(method.clone()).set_payload(body);
        for &header in headers {
            request = request.append_header(header);
        }
        self.exchange(&method, path, request).await
    }

    /// Claims a code over a connection from `peer`, an address and a port, through proxies that say where from.
    pub(crate) async fn verify_from(&self, peer: &str, forwarded: &[&str], code: &str) -> Answer {
        let path = "/api/verify";
        let mut request = test::TestRequest::post().uri(path).peer_addr(peer.parse().expect("an address and a port"));
        request = request.insert_header((API_KEY_HEADER, self.device.as_str())).set_json(json!({ "code": code }));
        for &line in forwarded {
            request = request.append_header(("X-Forwarded-For", line));
        }
        self.exchange(&Method::POST, path, request).await
    }

    /// Asks for a message to `phone` about its owner, over a connection from `peer`, an address and a port.
    pub(crate) async fn report_from(&self, peer: &str, phone: &str) -> Answer {
        let path = "/api/user-report";
        let body = json!({ "phone": phone, "nonce": base64::encode(&[1; 256]) });
        let request = test::TestRequest::post().uri(path).peer_addr(peer.parse().expect("an address and a port"));
        let request = request.insert_header((API_KEY_HEADER, self.device.as_str())).set_json(body);
        self.exchange(&Method::POST, path, request).await
    }

    async fn exchange(&self, method: &Method, path: &str, request: test::TestRequest) -> Answer {
        let app = App::new().app_data(Data::new(self.state.clone())).configure(routes);
        let service = test::init_service(app).await;
        let response = test::call_service(&service, request.to_request()).await;
        let status = response.status();
        let value = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert_eq!((value("content-type"), value("cache-control")), ("application/json", "no-store"), "{path}");
        // Every answer to a phone has the header; zero asks for no wait.
        let retry_after = value("retry-after").parse().ok().filter(|&seconds| seconds > 0);
        let mut headers: Vec<_> = response.headers().keys().map(|name| name.to_string()).collect();
        headers.sort();
        let bytes = test::read_body(response).await;
        assert_eq!(bytes.len(), 4_096, "every reply has one size, whatever it says");
        let body = serde_json::from_slice(&bytes).expect("JSON");
        assert_documented(method, path, status, &body);
        Answer { status, headers, body, retry_after }
    }

    /// Asks for what is public.
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let app = App::new().app_data(Data::new(self.state.clone())).configure(routes);
        let service = test::init_service(app).await;
        let response = test::call_service(&service, test::TestRequest::get().uri(path).to_request()).await;
        let status = response.status();
        let body = serde_json::from_slice(&test::read_body(response).await).expect("JSON");
        assert_documented(&Method::GET, path, status, &body);
        (status, body)
    }

    /// Asks with an API key for what is not padded; refusals are.
    pub(crate) async fn look(&self, path: &str, key: &str) -> (StatusCode, String) {
        let app = App::new().app_data(Data::new(self.state.clone())).configure(routes);
        let service = test::init_service(app).await;
        let request = test::TestRequest::get().uri(path).insert_header((API_KEY_HEADER, key));
        let response = test::call_service(&service, request.to_request()).await;
        let status = response.status();
        assert_eq!(response.headers().get("cache-control").map(|value| value.as_bytes()), Some(b"no-store".as_slice()));
        let text = String::from_utf8(test::read_body(response).await.to_vec()).expect("text");
        assert_documented(&Method::GET, path, status, &serde_json::from_str(&text).unwrap_or_default());
        (status, text)
    }

    /// The `kid`s of the keys that are published for the authority.
    pub(crate) async fn published(&self) -> Vec<String> {
        let (_, set) = self.get("/jwks/no").await;
        let keys = set["keys"].as_array().expect("a key set");
        keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
    }

    /// Issues a code.
    pub(crate) async fn issue(&self, body: &Value) -> Answer {
        self.post("/api/issue", &self.admin, body).await
    }

    /// Issues a code for a confirmed case with an onset.
    pub(crate) async fn code(&self) -> String {
        let answer = self.issue(&json!({ "testType": "confirmed" })).await;
        answer.text("code").to_owned()
    }

    /// Issues a code for a likely case, in both forms.
    pub(crate) async fn both_forms(&self) -> (String, String) {
        let request = IssueRequest { test_type: "likely".to_owned(), ..IssueRequest::default() };
        let issued = desk::issue(&self.state, "no", request).await.expect("issued");
        (issued.code, issued.long_code.expect("every new code has one"))
    }

    /// Has the authority want its codes otherwise.
    pub(crate) async fn change_codes(&self, codes: CodeSpec) {
        let change = AuthorityChange { codes, ..AuthorityChange::default() };
        admin::update_authority(&self.state, "no", change).await.expect("changed");
    }

    /// Draws a new secret; the older ones stay as long as rows need them. Answers how many are live.
    pub(crate) async fn rotate(&self) -> usize {
        admin::rotate_secret(&self.state, &self.dir.path().join("secret")).await.expect("rotated")
    }

    /// Has the authority send text messages into a file: settings with `more` at their end. Answers where they are.
    pub(crate) fn send_texts(&self, more: &str) -> PathBuf {
        self.send_texts_by("kind = 'file'\npath = 'texts'", more)
    }

    /// The same by another way.
    pub(crate) fn send_texts_by(&self, sender: &str, more: &str) -> PathBuf {
        let settings = format!(
            r#"
calling_codes = ["+47"]
refused_prefixes = ["47829"]
region = "NO"
[sender]
{sender}
[templates]
default = "[code] [expires] min [enslink]"
"På norsk" = "Koden din er [code], [longcode] i [region], [longexpires] t"
{more}"#
        );
        self.send_no_texts();
        let path = self.dir.path().join("delivery/no.toml");
        secret_file::create(&path, &settings).expect("written");
        path
    }

    /// Takes these settings away.
    pub(crate) fn send_no_texts(&self) {
        // They may not be there.
        let _ = std::fs::remove_file(self.dir.path().join("delivery/no.toml"));
    }

    /// The messages that were sent.
    pub(crate) fn texts(&self) -> Vec<Value> {
        let lines = std::fs::read_to_string(self.dir.path().join("delivery/texts")).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Claims a code.
    pub(crate) async fn verify(&self, body: &Value) -> Answer {
        self.post("/api/verify", &self.device, body).await
    }

    /// Issues a code and claims it.
    pub(crate) async fn token(&self) -> String {
        let code = self.code().await;
        self.verify(&json!({ "code": code, "nonce": NONCE })).await.text("token").to_owned()
    }

    /// Has a commitment certified.
    pub(crate) async fn certificate(&self, token: &str, commitment: &str) -> Answer {
        self.post("/api/certificate", &self.device, &json!({ "token": token, "ekeyhmac": commitment })).await
    }

    /// Whether the database holds nothing of anybody's.
    pub(crate) async fn is_empty(&self) -> bool {
        let doomsday = self.state.now().plus(1_000_000_000);
        self.state.store().purge(doomsday, 1_000).await.expect("purged") == 0
    }
}

impl Answer {
    /// A field of a reply that must be there.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in a reply of status {}", self.status))
    }

    /// Status and code of a refusal; both spellings of the code must agree.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        assert_eq!(self.text("errorCode"), self.text("error_code"));
        (self.status.as_u16(), self.text("errorCode"))
    }
}

/// Registers an authority and gives out its ADMIN and DEVICE keys.
pub(crate) async fn authority(state: &State, id: &str, date_required: bool) -> (String, String) {
    let spec = AuthoritySpec { id: id.to_owned(), date_required, ..AuthoritySpec::default() };
    admin::create_authority(state, spec).await.expect("created");
    let key = async |kind| admin::create_api_key(state, id, kind).await.expect("a key").as_str().to_owned();
    (key(ApiKeyKind::Admin).await, key(ApiKeyKind::Device).await)
}
