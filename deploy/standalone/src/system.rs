//! All services in one process: opened on the databases and keys of a [`Layout`], introduced to each other, listening on loopback.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use exporter::Exporter;
use exporter::config::{BucketSpec, BucketUrl};
use exporter::keys::{KeyPurpose, private_file, public_file};
use proto::api::deployment::DeploymentHost;
use proto::manifest::GatewayService;
use proto::revision::RevisionKey;
use proto::{Feed, Region};
use service::{Edge, LimitSettings, Metrics, key_file};
use store::{ApiKeyKind, Clock, DatabaseUrl};

use crate::access::{Access, ApiKeys};
use crate::cdn;
use crate::error::StandaloneError;
use crate::gateways;
use crate::layout::Layout;

/// What the ready-made installation is called, and below what it holds a feed.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The region of its feeds.
    pub(crate) region: Region,
    /// The id of its authority.
    pub(crate) authority: String,
    /// Fewer keys than this are held.
    pub(crate) minimum_keys: u32,
    /// Fewer reports than this are held.
    pub(crate) minimum_reports: u32,
    /// What is exported; empty means every feed of the database.
    pub(crate) feeds: Vec<Feed>,
    /// What stands between phones and the services.
    pub(crate) edge: Edge,
    /// The hosts of the test deployment that this is; none if it is no such thing.
    pub(crate) test_deployment: Vec<DeploymentHost>,
    /// A whole number of these after their requests arrived, answers to phones leave; zero: at once.
    pub(crate) tick: Duration,
}

/// Ports on loopback; 0 takes any free one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ports {
    /// Of the verification service.
    pub(crate) verification: u16,
    /// Of the key server.
    pub(crate) server: u16,
    /// Of the public tree.
    pub(crate) cdn: u16,
}

/// The services, open and introduced to each other.
pub(crate) struct System {
    layout: Layout,
    clock: Clock,
    verification: verification::State,
    server: server::State,
    exporter: Exporter,
    /// The authority did not exist before: keys of an earlier run are of no use.
    is_new: bool,
}

/// The services, listening.
pub(crate) struct Listening {
    /// Base URL of the verification service.
    pub(crate) verification: String,
    /// Base URL of the key server.
    pub(crate) server: String,
    /// Base URL of the public tree.
    pub(crate) cdn: String,
    handles: Vec<ServerHandle>,
}

impl System {
    /// Opens everything; what is missing (secret, databases, keys, authority) is made, what is there is kept.
    pub(crate) async fn open(layout: &Layout, plan: &Plan, clock: Clock) -> Result<Self, StandaloneError> {
        let limits = LimitSettings::default();
        let verification = open_verification(layout, clock.clone()).await?.with_edge(plan.edge.clone());
        let verification = verification.with_limits(&limits).with_tick(plan.tick);
        let verification = verification.with_test_deployment(&plan.test_deployment);
        let database_url = DatabaseUrl::Sqlite(layout.key_database());
        let server = server::State::open(&server::Settings { database_url }, clock.clone()).await?;
        // There is one authority here, so apps that name none mean it; whether it takes their reports is for `server authority update` to say.
        let self_reports = server::SelfReportSettings {
            self_report_authority: Some(plan.authority.clone()),
            ..server::SelfReportSettings::default()
        };
        let server = server.with_self_reports(&self_reports)?.with_tick(plan.tick);
        let server = server.with_edge(plan.edge.clone()).with_limits(&limits);
        let server = server.with_test_deployment(&plan.test_deployment);
        let server = server.with_revision_keys(&made_revision_keys(layout)?)?;
        make_bundle_keys(layout, &plan.region)?;
        let for_lists = clock.clone();
        let exporter = open_exporter(layout, plan, clock).await?;
        gateways::make_keys(layout)?;
        let [for_server, for_verification] = GatewayService::ALL.map(|service| layout.gateway_keys(service));
        let (verification, server) = (verification.with_gateway(&for_verification)?, server.with_gateway(&for_server)?);
        let is_new = introduce(&verification, &server, plan).await?;
        let system = Self { layout: layout.clone(), clock: for_lists, verification, server, exporter, is_new };
        system.hand_over_gateway_keys()?;
        Ok(system)
    }

    /// Lays out what may be known of the gateways' keys now, for the exporter's next pass.
    pub(crate) fn hand_over_gateway_keys(&self) -> Result<(), StandaloneError> {
        gateways::hand_over(&self.layout, self.clock.now())
    }

    /// Has both services say that nothing more should be sent.
    pub(crate) fn drain(&self) {
        self.verification.health().drain();
        self.server.health().drain();
    }

    /// What operators may see of both services.
    pub(crate) fn metrics(&self) -> Vec<Metrics> {
        vec![self.verification.metrics().clone(), self.server.metrics().clone()]
    }

    /// The read path.
    pub(crate) const fn exporter(&self) -> &Exporter {
        &self.exporter
    }

    /// The ready-made authority's API keys: those of an earlier run, or new ones.
    pub(crate) async fn api_keys(&self, plan: &Plan) -> Result<ApiKeys, StandaloneError> {
        if !self.is_new
            && let Some(keys) = ApiKeys::read(&self.layout, &plan.authority)?
        {
            return Ok(keys);
        }
        let create = async |kind| {
            let key = verification::admin::create_api_key(&self.verification, &plan.authority, kind).await?;
            Ok::<_, StandaloneError>(key.as_str().to_owned())
        };
        let keys = ApiKeys { admin: create(ApiKeyKind::Admin).await?, device: create(ApiKeyKind::Device).await? };
        keys.write(&self.layout, &plan.authority)?;
        Ok(keys)
    }

    /// Binds all three ports, then serves. Where any free port will do, that of an `earlier` run is taken if it is free: the `access.json` of a
    /// run that was killed is then true again.
    pub(crate) fn listen(&self, ports: Ports, earlier: Option<&Access>) -> Result<Listening, StandaloneError> {
        let earlier = |url: fn(&Access) -> &str| earlier.and_then(|access| port_of(url(access)));
        let (verification, verification_url) =
            bind("verification", ports.verification, earlier(|access| &access.verification))?;
        let (server, server_url) = bind("server", ports.server, earlier(|access| &access.server))?;
        let (public, cdn_url) = bind("cdn", ports.cdn, earlier(|access| &access.cdn))?;
        let running = |service, port| move |source| StandaloneError::Port { service, port, source };
        let servers = [
            verification::listen(verification, self.verification.clone())
                .map_err(running("verification", ports.verification))?,
            server::listen(server, self.server.clone()).map_err(running("server", ports.server))?,
            cdn::listen(public, &self.layout.cdn()).map_err(running("cdn", ports.cdn))?,
        ];
        let handles = servers.iter().map(Server::handle).collect();
        servers.into_iter().for_each(|server| drop(actix_web::rt::spawn(server)));
        Ok(Listening { verification: verification_url, server: server_url, cdn: cdn_url, handles })
    }
}

/// The file of the keys under which revision tokens are sealed, made if it is missing.
fn made_revision_keys(layout: &Layout) -> Result<PathBuf, StandaloneError> {
    let path = layout.revision_keys();
    if !path.exists() {
        key_file::create::<RevisionKey>(&path, &mut store::chance::source()).map_err(server::ServerError::from)?;
    }
    Ok(path)
}

impl Listening {
    /// Takes no new requests and finishes those that are under way.
    pub(crate) async fn stop(&self) {
        // All are told before the first is waited for.
        let stopping: Vec<_> = self.handles.iter().map(|handle| handle.stop(true)).collect();
        for stopped in stopping {
            stopped.await;
        }
    }
}

/// The secret is made once. Without it the codes and tokens of the database are void, so it is never replaced.
async fn open_verification(layout: &Layout, clock: Clock) -> Result<verification::State, StandaloneError> {
    let settings = verification::Settings {
        database: verification::DatabaseSettings { database_url: DatabaseUrl::Sqlite(layout.verification_database()) },
        secret_file: layout.secret_file(),
        signing_key_dir: layout.certificate_keys(),
        delivery_dir: None,
    };
    if !settings.secret_file.exists() {
        verification::Settings::create_secret(&settings.secret_file)?;
    }
    Ok(verification::State::open(&settings, clock).await?)
}

/// One bucket, the directory that `cdn` serves.
async fn open_exporter(layout: &Layout, plan: &Plan, clock: Clock) -> Result<Exporter, StandaloneError> {
    let database = DatabaseUrl::Sqlite(layout.key_database());
    let mut settings = exporter::Settings::new(database, layout.bundle_keys());
    settings.buckets = vec![BucketSpec { name: "cdn".to_owned(), url: BucketUrl::Directory(layout.cdn()) }];
    settings.minimum_keys = plan.minimum_keys;
    settings.minimum_reports = plan.minimum_reports;
    settings.feeds.clone_from(&plan.feeds);
    settings.gateways = gateways::announced(layout);
    Ok(Exporter::open(&settings, clock).await?)
}

/// A region's bundle keys are made once; their public halves are laid out for apps.
fn make_bundle_keys(layout: &Layout, region: &Region) -> Result<(), StandaloneError> {
    let directory = layout.bundle_keys();
    if !KeyPurpose::ALL.iter().all(|purpose| private_file(&directory, region, *purpose).exists()) {
        exporter::keys::generate(&directory, region)?;
    }
    for purpose in KeyPurpose::ALL {
        let public = public_file(&layout.keys(), region, purpose);
        let made = public_file(&directory, region, purpose);
        fs::copy(made, &public).map_err(StandaloneError::file("write", &public))?;
    }
    Ok(())
}

/// Makes the authority known to both sides: `verification` signs for it, `server` believes its certificates. Says whether it is new to
/// `verification`.
async fn introduce(
    verification: &verification::State,
    server: &server::State,
    plan: &Plan,
) -> Result<bool, StandaloneError> {
    let id = &plan.authority;
    let is_new = !verification::admin::authorities(verification).await?.iter().any(|known| known.issuer.id == *id);
    // What an operator has changed about it since stays.
    if is_new {
        let spec = verification::admin::AuthoritySpec { id: id.clone(), ..Default::default() };
        verification::admin::create_authority(verification, spec).await?;
    }
    let believed = server::admin::authorities(server).await?.into_iter().find(|known| known.id == *id);
    // A side whose database was lost starts anew, and the other one learns of it.
    let keys = match &believed {
        Some(believed) if !is_new => believed.keys.clone(),
        _ => vec![verification::admin::create_signing_key(verification, id).await?.into()],
    };
    let mut spec = server::admin::AuthoritySpec { id: id.clone(), ..Default::default() };
    // Who may report without a certificate, and how long memos are, stays as an operator has said.
    if let Some(believed) = &believed {
        (spec.self_reports, spec.memo_bytes) = (believed.self_reports, believed.memo_bytes);
    }
    // A region that was given up stays believed: keys may still be on their way to its feeds.
    let mut regions = believed.map(|believed| believed.regions).unwrap_or_default();
    if !regions.contains(&plan.region) {
        regions.push(plan.region.clone());
    }
    (spec.regions, spec.keys) = (regions, keys);
    server::admin::register_authority(server, spec).await?;
    Ok(is_new)
}

/// The port of a base URL.
fn port_of(url: &str) -> Option<u16> {
    url.rsplit_once(':')?.1.parse().ok()
}

/// A listener on loopback, and the URL that reaches it. Instead of any free port (0) it is `rather` that one, if it is free.
fn bind(service: &'static str, port: u16, rather: Option<u16>) -> Result<(TcpListener, String), StandaloneError> {
    let failed = |source: io::Error| StandaloneError::Port { service, port, source };
    let bind = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let again = rather.filter(|_| port == 0).and_then(|port| bind(port).ok());
    let listener = again.map_or_else(|| bind(port), Ok).map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    Ok((listener, url))
}
