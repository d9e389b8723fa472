//! Both services in this process, on real databases, without a socket: bytes in, status and body out.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use actix_web::body::to_bytes;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::test::{TestRequest, call_service, init_service};
use actix_web::web::Data;
use actix_web::{App, rt};
use proto::api::self_reports::PROOF_HEADER;
use proto::api::verification::API_KEY_HEADER;
use proto::ohttp::{InnerReply, REQUEST_MEDIA_TYPE, seal_request};
use store::{ApiKeyKind, AuthorityKey, Clock, DatabaseUrl, SelfReporting};
use tempfile::TempDir;

use super::envelopes::{KEY, rng};
use crate::{fixtures, texting};

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// The authority that asks for proof of work; that of the fixtures takes reports from anybody.
pub(super) const WORKERS: &str = "workers";

/// Path, body, and one more header.
type Post = Box<dyn Fn(&str, &[u8], Option<(HeaderName, HeaderValue)>) -> Reply>;

/// A service and the directory of its database.
struct InProcess {
    /// Not dropped: the web framework reaches for other thread-local values when it is, and at the end of a thread these are gone.
    post: ManuallyDrop<Post>,
    _directory: TempDir,
}

thread_local! {
    static SERVER: InProcess = server();
    static VERIFICATION: InProcess = verification();
}

/// Posts JSON to the key server. It knows the authority of the fixtures, and its clock stands near [`fixtures::NOW`].
pub(super) fn post_to_server(path: &str, body: &[u8]) -> Reply {
    note("server", path);
    SERVER.with(|service| (service.post)(path, body, None))
}

/// The same with a proof of work, as far as it can stand in a header.
pub(super) fn post_with_proof(path: &str, body: &[u8], proof: &[u8]) -> Reply {
    let name = HeaderName::from_bytes(PROOF_HEADER.as_bytes()).expect("a header's name");
    let header = HeaderValue::from_bytes(proof).ok().map(|value| (name, value));
    SERVER.with(|service| (service.post)(path, body, header))
}

/// Asks the key server for an authority's numbers with a token, as far as it can stand in a header.
pub(super) fn ask_for_stats(body: &[u8], token: &[u8]) -> Reply {
    note("server", "/v1/stats");
    let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok();
    SERVER.with(|service| (service.post)("/v1/stats", body, value.map(|value| (AUTHORIZATION, value))))
}

/// Posts what may be an envelope to the key server's gateway.
pub(super) fn post_envelope(body: &[u8]) -> Reply {
    post_to_server("/ohttp", body)
}

/// The same to the gateway of the verification service.
pub(super) fn post_envelope_to_verification(body: &[u8]) -> Reply {
    post_to_verification("/ohttp", body)
}

/// Seals a message to the key server's gateway and posts it.
pub(super) fn post_sealed(message: &[u8]) -> Reply {
    let (envelope, opener) = seal_request(KEY.config(), message, &mut rng()).expect("a good key");
    let reply = post_envelope(&envelope);
    if reply.status == 200 {
        assert!(opener.open(&reply.body).is_ok_and(|message| InnerReply::decode(&message).is_ok()));
    } else {
        assert_eq!((reply.status, envelope.len() > 72_000), (413, true));
    }
    reply
}

/// Posts JSON to the verification service, with an API key that the route takes.
pub(super) fn post_to_verification(path: &str, body: &[u8]) -> Reply {
    note("verification", path);
    VERIFICATION.with(|service| (service.post)(path, body, None))
}

thread_local! {
    /// The services and paths to which this thread has posted.
    static POSTED: RefCell<BTreeSet<(&'static str, String)>> = const { RefCell::new(BTreeSet::new()) };
}

fn note(service: &'static str, path: &str) {
    POSTED.with_borrow_mut(|posted| {
        if !posted.iter().any(|known| known.0 == service && known.1 == path) {
            posted.insert((service, path.to_owned()));
        }
    });
}

/// Whether this thread has posted to a path of a service.
#[cfg(test)]
pub(super) fn posted(service: &'static str, path: &str) -> bool {
    POSTED.with_borrow(|posted| posted.contains(&(service, path.to_owned())))
}

fn server() -> InProcess {
    let (runtime, directory) = (rt::Runtime::new().expect("a runtime"), directory());
    let settings = server::Settings { database_url: DatabaseUrl::Sqlite(directory.path().join("keys.db")) };
    let state = runtime.block_on(server::State::open(&settings, clock())).expect("a new database opens");
    let authority = server::admin::AuthoritySpec {
        id: fixtures::ISSUER.to_owned(),
        audience: Some(fixtures::AUDIENCE.to_owned()),
        regions: vec![fixtures::region()],
        keys: fixtures::certificate_keys().map(AuthorityKey::from).into(),
        self_reports: SelfReporting::Open { per_hour: u32::MAX / 2 },
        ..Default::default()
    };
    let workers = server::admin::AuthoritySpec {
        id: WORKERS.to_owned(),
        self_reports: SelfReporting::ProofOfWork,
        ..authority.clone()
    };
    for authority in [authority, workers] {
        runtime.block_on(server::admin::register_authority(&state, authority)).expect("a valid authority");
    }
    let self_reports = server::SelfReportSettings {
        self_report_authority: Some(fixtures::ISSUER.to_owned()),
        proof_memory_kib: 8,
        proof_bits: 1,
        ..server::SelfReportSettings::default()
    };
    let state = state.with_self_reports(&self_reports).expect("within bounds");
    let state = state.with_gateway(&key_file(directory.path())).expect("a gateway");
    let app = App::new().app_data(Data::new(state)).configure(server::routes);
    let app = runtime.block_on(init_service(app));
    let post: Post = Box::new(move |path, body, header| {
        let mut request = TestRequest::post().uri(path).insert_header((CONTENT_TYPE, media_type(path)));
        if let Some(header) = header {
            request = request.insert_header(header);
        }
        let request = request.set_payload(body.to_vec()).to_request();
        runtime.block_on(async { reply(call_service(&app, request).await).await })
    });
    InProcess { post: ManuallyDrop::new(post), _directory: directory }
}

fn verification() -> InProcess {
    let (runtime, directory) = (rt::Runtime::new().expect("a runtime"), directory());
    let settings = verification::Settings {
        database: verification::DatabaseSettings {
            database_url: DatabaseUrl::Sqlite(directory.path().join("verification.db")),
        },
        secret_file: directory.path().join("secret"),
        signing_key_dir: directory.path().join("keys"),
        delivery_dir: Some(directory.path().join("delivery")),
    };
    verification::Settings::create_secret(&settings.secret_file).expect("a new file");
    let delivery = directory.path().join("delivery");
    texting::into_a_file(&delivery, fixtures::ISSUER, "[code]").expect("a new file");
    let state = runtime.block_on(verification::State::open(&settings, clock())).expect("a new database opens");
    let (admin, device) = runtime.block_on(api_keys(&state));
    let state = state.with_gateway(&key_file(directory.path())).expect("a gateway");
    let app = App::new().app_data(Data::new(state)).configure(verification::routes);
    let app = runtime.block_on(init_service(app));
    let post: Post = Box::new(move |path, body, _| {
        let is_for_phones = ["/api/user-report", "/api/verify", "/api/certificate"].contains(&path);
        let key = if is_for_phones { &device } else { &admin };
        let request = TestRequest::post().uri(path).insert_header((CONTENT_TYPE, media_type(path)));
        let request = request.insert_header((API_KEY_HEADER, key.as_str())).set_payload(body.to_vec());
        runtime.block_on(async { reply(call_service(&app, request.to_request()).await).await })
    });
    InProcess { post: ManuallyDrop::new(post), _directory: directory }
}

/// The file of the gateway's key, which is [`KEY`].
fn key_file(directory: &Path) -> PathBuf {
    let file = directory.join("ohttp.keys");
    service::secret_file::create(&file, &format!("1 {}\n", "09".repeat(32))).expect("a new file");
    file
}

fn media_type(path: &str) -> &'static str {
    if path == "/ohttp" { REQUEST_MEDIA_TYPE } else { "application/json" }
}

/// An authority's ADMIN and DEVICE keys.
async fn api_keys(state: &verification::State) -> (String, String) {
    use verification::admin::{AuthoritySpec, create_api_key, create_authority, create_signing_key};
    let id = fixtures::ISSUER;
    let spec = AuthoritySpec { id: id.to_owned(), user_reports: true, ..AuthoritySpec::default() };
    create_authority(state, spec).await.expect("a valid authority");
    create_signing_key(state, id).await.expect("the authority exists");
    let admin = create_api_key(state, id, ApiKeyKind::Admin).await.expect("the authority exists");
    let device = create_api_key(state, id, ApiKeyKind::Device).await.expect("the authority exists");
    (admin.as_str().to_owned(), device.as_str().to_owned())
}

async fn reply(response: ServiceResponse) -> Reply {
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body()).await.unwrap_or_default();
    Reply { status, body: body.to_vec() }
}

/// Under `target/`, since a fuzzer is often stopped before it can tidy up.
fn directory() -> TempDir {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    tempfile::tempdir_in(target).expect("target/ is there, we were built into it")
}

fn clock() -> Clock {
    let clock = Clock::system();
    clock.set_offset(fixtures::NOW.unix() - clock.now().unix());
    clock
}
