//! The whole of Pratique for one test: both services, the exporter and the public bucket, on a clock that the test moves.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use client::Trust;
use exporter::config::{BucketSpec, BucketUrl, GatewayKeys, GatewaySpec};
use exporter::keys::KeyPurpose;
use exporter::recall::RecallSpec;
use exporter::{Exporter, Report};
use proto::bundle::{BundleKey, Limits};
use proto::certificate::Algorithm;
use proto::manifest::GatewayService;
use proto::note::NoteVerifier;
use proto::revision::RevisionKey;
use proto::{Feed, Region, Timestamp};
use service::ohttp::{Rotation, rotate};
use store::{ApiKeyKind, Clock, RELEASE_GRAIN, SelfReporting};
use tempfile::TempDir;
use verification::admin::{NewKey, add_signing_key, rotate_signing_key, signing_keys};

use crate::authority::Authority;
use crate::bucket;
use crate::engine::{Databases, Engine};
use crate::outside_reader::OutsideReader;
use crate::phone::{AppSettings, Follower, Phone};
use crate::service::Service;
use crate::texting;

/// When journeys begin unless they say otherwise: 2021-03-10T12:00:00Z, a Wednesday noon far from any midnight.
pub const NOON: Timestamp = Timestamp::from_unix(1_615_377_600);

/// The authority of most journeys.
const HEALTH: &str = "health";
/// Where the verification service has its secret.
const SECRET_FILE: &str = "verification.secret";
/// And its signing keys.
const CERTIFICATE_KEYS: &str = "certificate-keys";
/// And the settings of authorities that send text messages.
const DELIVERY: &str = "delivery";
/// The keys of the gateways, one file a service.
const GATEWAY_KEYS: [&str; 2] = ["verification.ohttp", "server.ohttp"];
/// The keys under which revision tokens are sealed.
const REVISION_KEYS: &str = "revision.keys";

/// A running system. Everything lies in one temporary directory, and on the server of the test run, and ends with this value.
pub struct System {
    /// The clock of every service and of the exporter.
    pub clock: Clock,
    /// The verification service.
    pub verification: Service,
    /// The key server.
    pub server: Service,
    /// The public bucket over HTTP.
    pub cdn: Service,
    /// What the operators of the two services use, beside the services and with an owner's rights.
    verification_registry: verification::Registry,
    server_state: server::State,
    /// What operators see of the verification service and of the key server.
    pub metrics: [service::Metrics; 2],
    databases: Databases,
    directory: TempDir,
}

impl System {
    /// Starts everything at `now` on SQLite, without any authority.
    ///
    /// # Errors
    /// Whatever keeps a service from starting.
    pub async fn start(now: Timestamp) -> anyhow::Result<Self> {
        Self::start_on(Engine::Sqlite, now).await
    }

    /// The same on either engine.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_on(engine: Engine, now: Timestamp) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let databases = Databases::new(engine, directory.path()).await?;
        let clock = Clock::system();
        set(&clock, now);
        std::fs::create_dir(directory.path().join("cdn"))?;
        std::fs::create_dir(directory.path().join(DELIVERY))?;
        verification::Settings::create_secret(&directory.path().join(SECRET_FILE))?;
        for file in GATEWAY_KEYS {
            service::ohttp::create(&directory.path().join(file), &mut store::chance::source())?;
        }
        let revision_keys = directory.path().join(REVISION_KEYS);
        service::key_file::create::<RevisionKey>(&revision_keys, &mut store::chance::source())?;
        Self::open(directory, databases, clock).await
    }

    /// Stops both services and starts them again on what they have stored. Their ports are others than before.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn restart(self) -> anyhow::Result<Self> {
        let Self { verification, server, cdn, clock, databases, directory, .. } = self;
        for service in [verification, server, cdn] {
            service.stop().await;
        }
        Self::open(directory, databases, clock).await
    }

    async fn open(directory: TempDir, databases: Databases, clock: Clock) -> anyhow::Result<Self> {
        let registry = verification::DatabaseSettings { database_url: databases.verification.of_owner() };
        let verification_registry = verification::Registry::open(&registry, clock.clone()).await?;
        let server_settings = server::Settings { database_url: databases.keys.of_owner() };
        let server_state = server::State::open(&server_settings, clock.clone()).await?;

        let settings = verification_settings(&directory, &databases);
        // As behind a proxy, so that a test can let phones call from networks of their own.
        let edge = service::EdgeSettings {
            trusted_proxies: 1,
            proxy_networks: vec!["127.0.0.0/8".parse()?],
            relays: Vec::new(),
        };
        let for_verification = verification::State::open(&settings, clock.clone()).await?.with_edge(edge.into());
        let settings = server::Settings { database_url: databases.keys.of_role("pratique_server") };
        let for_server = server::State::open(&settings, clock.clone()).await?;
        // Apps that name no authority mean the one that most journeys have; work is done quickly here.
        let self_reports = server::SelfReportSettings {
            self_report_authority: Some(HEALTH.to_owned()),
            proof_memory_kib: 8,
            proof_bits: 4,
            ..server::SelfReportSettings::default()
        };
        let for_server = for_server.with_self_reports(&self_reports)?;
        let [verification_keys, server_keys] = GATEWAY_KEYS.map(|file| directory.path().join(file));
        let for_verification = for_verification.with_gateway(&verification_keys)?;
        let for_server = for_server.with_gateway(&server_keys)?;
        let this_machine = ["127.0.0.1".parse()?];
        let for_verification = for_verification.with_test_deployment(&this_machine);
        let for_server = for_server.with_test_deployment(&this_machine);
        let for_server = for_server.with_revision_keys(&directory.path().join(REVISION_KEYS))?;
        let cdn = directory.path().join("cdn");
        let metrics = [for_verification.metrics().clone(), for_server.metrics().clone()];
        Ok(Self {
            verification: Service::start(|listener| verification::listen(listener, for_verification))?,
            server: Service::start(|listener| server::listen(listener, for_server))?,
            cdn: Service::start(|listener| bucket::serve(listener, &cdn))?,
            clock,
            verification_registry,
            server_state,
            metrics,
            databases,
            directory,
        })
    }

    /// One more verification service on the same database, where wrong codes cost something else.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn verification_with(&self, budgets: verification::Budgets) -> anyhow::Result<Service> {
        let settings = verification_settings(&self.directory, &self.databases);
        let state = verification::State::open(&settings, self.clock.clone()).await?.with_budgets(budgets);
        Service::start(|listener| verification::listen(listener, state))
    }

    /// Starts everything on SQLite at noon with one authority, `health`, of region `XA`.
    ///
    /// # Errors
    /// As [`start`](Self::start) and [`authority`](Self::authority).
    pub async fn with_authority() -> anyhow::Result<(Self, Authority)> {
        Self::with_authority_on(Engine::Sqlite).await
    }

    /// The same on either engine.
    ///
    /// # Errors
    /// As [`with_authority`](Self::with_authority).
    pub async fn with_authority_on(engine: Engine) -> anyhow::Result<(Self, Authority)> {
        let system = Self::start_on(engine, NOON).await?;
        let authority = system.authority(HEALTH, &["XA"]).await?;
        Ok((system, authority))
    }

    /// Makes an authority that both services know, and the bundle keys of its regions that have none.
    ///
    /// # Errors
    /// Those of the services.
    pub async fn authority(&self, id: &str, regions: &[&str]) -> anyhow::Result<Authority> {
        let regions: Vec<Region> = regions.iter().map(|region| region.parse()).collect::<Result<_, _>>()?;
        let registry = &self.verification_registry;
        let spec = verification::admin::AuthoritySpec { id: id.to_owned(), ..Default::default() };
        verification::admin::create_authority(registry, spec).await?;
        let key = add_signing_key(registry, id, self.drawn(Algorithm::default())).await?.key;
        let admin_key = verification::admin::create_api_key(registry, id, ApiKeyKind::Admin).await?;
        let device_key = verification::admin::create_api_key(registry, id, ApiKeyKind::Device).await?;
        let stats_key = verification::admin::create_api_key(registry, id, ApiKeyKind::Stats).await?;
        let spec = server::admin::AuthoritySpec {
            id: id.to_owned(),
            regions: regions.clone(),
            keys: vec![key.into()],
            ..Default::default()
        };
        server::admin::register_authority(&self.server_state, spec).await?;
        for region in &regions {
            if !exporter::keys::private_file(&self.keys_directory(), region, KeyPurpose::Manifest).exists() {
                exporter::keys::generate(&self.keys_directory(), region)?;
            }
        }
        Ok(Authority {
            id: id.to_owned(),
            regions,
            admin_key: admin_key.as_str().to_owned(),
            device_key: device_key.as_str().to_owned(),
            stats_key: stats_key.as_str().to_owned(),
            verification: self.verification.address(),
        })
    }

    /// Makes an authority that the verification service alone knows, that has no key to sign with, and that sends its text messages to a URL.
    ///
    /// # Errors
    /// Those of the verification service, and if the settings cannot be written.
    pub async fn unfinished_authority(&self, id: &str, provider: &str) -> anyhow::Result<Authority> {
        let registry = &self.verification_registry;
        let spec = verification::admin::AuthoritySpec { id: id.to_owned(), ..Default::default() };
        verification::admin::create_authority(registry, spec).await?;
        let admin_key = verification::admin::create_api_key(registry, id, ApiKeyKind::Admin).await?;
        let device_key = verification::admin::create_api_key(registry, id, ApiKeyKind::Device).await?;
        texting::to_a_webhook(&self.directory.path().join(DELIVERY), id, provider)?;
        Ok(Authority {
            id: id.to_owned(),
            regions: Vec::new(),
            admin_key: admin_key.as_str().to_owned(),
            device_key: device_key.as_str().to_owned(),
            stats_key: String::new(),
            verification: self.verification.address(),
        })
    }

    /// What the key server's operator uses, with an owner's rights.
    pub const fn server_state(&self) -> &server::State {
        &self.server_state
    }

    /// Lets phones ask an authority for codes themselves.
    ///
    /// # Errors
    /// Those of the verification service.
    pub async fn take_self_reports(&self, authority: &Authority) -> anyhow::Result<()> {
        let change = verification::admin::AuthorityChange { user_reports: Some(true), ..Default::default() };
        verification::admin::update_authority(&self.verification_registry, &authority.id, change).await?;
        Ok(())
    }

    /// Lets an authority send text messages, to Norwegian numbers and as many as it likes. They go into a file, a line of JSON each; its path.
    ///
    /// # Errors
    /// If the settings cannot be written.
    pub fn let_text(&self, authority: &Authority, template: &str) -> std::io::Result<PathBuf> {
        texting::into_a_file(&self.directory.path().join(DELIVERY), &authority.id, template)
    }

    /// Gives an authority another certificate key, which signs in `overlap` seconds. The key server is not told: see
    /// [`fetch_certificate_keys`](Self::fetch_certificate_keys).
    ///
    /// # Errors
    /// Those of the verification service.
    pub async fn rotate(&self, authority: &Authority, algorithm: Algorithm, overlap: i64) -> anyhow::Result<String> {
        let key = self.drawn(algorithm);
        let key = rotate_signing_key(&self.verification_registry, &authority.id, key, overlap).await?;
        Ok(key.kid)
    }

    /// A certificate key to be drawn for the verification service.
    fn drawn(&self, algorithm: Algorithm) -> NewKey {
        NewKey::Drawn(algorithm, self.directory.path().join(CERTIFICATE_KEYS))
    }

    /// Tells the key server which certificate keys are published now, as its operator would.
    ///
    /// # Errors
    /// Those of the services.
    pub async fn fetch_certificate_keys(&self, authority: &Authority) -> anyhow::Result<()> {
        let published = signing_keys(&self.verification_registry, &authority.id, self.clock.now()).await?;
        let spec = server::admin::AuthoritySpec {
            id: authority.id.clone(),
            regions: authority.regions.clone(),
            keys: published.into_iter().map(|listed| listed.key.key.into()).collect(),
            ..Default::default()
        };
        server::admin::register_authority(&self.server_state, spec).await?;
        Ok(())
    }

    /// Tells the key server where the verification service publishes an authority's keys, and to believe no others.
    ///
    /// # Errors
    /// Those of the key server.
    pub async fn follow_published_keys(&self, authority: &Authority) -> anyhow::Result<()> {
        let url = format!("{}/jwks/{}", self.verification.url(), authority.id);
        let url = server::KeySetUrl::parse(&url, false)?;
        let change =
            server::admin::AuthorityChange { keys: Some(Vec::new()), key_set: Some(Some(url)), ..Default::default() };
        server::admin::update_authority(&self.server_state, &authority.id, change).await?;
        server::admin::refresh_key_set(&self.server_state, &authority.id).await?;
        Ok(())
    }

    /// Says who may report to an authority without a certificate, as its operator would.
    ///
    /// # Errors
    /// Those of the key server.
    pub async fn take_uncertified(&self, authority: &Authority, who: SelfReporting) -> anyhow::Result<()> {
        let change = server::admin::AuthorityChange { self_reports: Some(who), ..Default::default() };
        server::admin::update_authority(&self.server_state, &authority.id, change).await?;
        Ok(())
    }

    /// Sets the clock of everything to `now`; it goes on from there.
    pub fn set_time(&self, now: Timestamp) {
        set(&self.clock, now);
    }

    /// Where an app of this authority finds everything.
    pub fn app_settings(&self, authority: &Authority) -> AppSettings {
        AppSettings {
            verification: self.verification.url(),
            server: self.server.url(),
            cdn: self.cdn.url(),
            device_key: authority.device_key.clone(),
            authority: authority.id.clone(),
        }
    }

    /// A phone with the app of this authority.
    ///
    /// # Errors
    /// As [`Phone::new`].
    pub fn phone(&self, seed: u64, authority: &Authority) -> anyhow::Result<Phone> {
        Phone::new(seed, self.app_settings(authority), self.clock.now())
    }

    /// A phone's view of a feed, with the public keys pinned.
    ///
    /// # Errors
    /// If the region has no keys.
    pub fn follower(&self, feed: &Feed) -> anyhow::Result<Follower> {
        let pem = |purpose| {
            std::fs::read_to_string(exporter::keys::public_file(&self.keys_directory(), &feed.region, purpose))
        };
        let name = proto::manifest::note_name(&feed.region);
        let trust = Trust {
            keys: vec![BundleKey::from_pem(&pem(KeyPurpose::Bundle(feed.kind))?)?],
            manifest: Some(NoteVerifier::from_pem(&name, &pem(KeyPurpose::Manifest)?)?),
            limits: Limits::default(),
        };
        Ok(Follower::new(feed.clone(), trust))
    }

    /// Sets the clock of everything to the next quarter of an hour: what has come so far waits for nothing but its validity then.
    pub fn wait_for_the_quarter(&self) {
        let now = self.clock.now();
        let quarter = now.ceil(RELEASE_GRAIN);
        self.clock.set_offset(self.clock.offset() + quarter.unix() - now.unix());
    }

    /// One pass, at the next quarter of an hour, of an exporter that holds nothing back for being small, and that must not fail.
    ///
    /// # Errors
    /// If any part of the pass failed.
    pub async fn export(&self) -> anyhow::Result<Report> {
        self.wait_for_the_quarter();
        self.export_now(1).await
    }

    /// One pass, at this moment, of an exporter that holds a feed while it has fewer than `minimum` keys or reports.
    ///
    /// # Errors
    /// If any part of the pass failed.
    pub async fn export_now(&self, minimum: u32) -> anyhow::Result<Report> {
        self.pass(|settings| (settings.minimum_keys, settings.minimum_reports) = (minimum, minimum)).await
    }

    /// One pass at this moment, of an exporter that renders a feed for apps made from CoEpi's besides.
    ///
    /// # Errors
    /// If any part of the pass failed.
    pub async fn export_with_rendering(&self, feed: &Feed) -> anyhow::Result<Report> {
        self.pass(|settings| settings.coepi = vec![feed.clone()]).await
    }

    /// Makes the next keys for bundles of a region, to be announced for so many seconds and up to an hour; when they take over.
    ///
    /// # Errors
    /// If a rotation is pending.
    pub fn rotate_signing_keys(&self, region: &Region, overlap: i64) -> anyhow::Result<Timestamp> {
        let (dir, first) = (self.keys_directory(), exporter::config::key_id(&[], region)?);
        let rotating = exporter::keys::Rotating { dir: &dir, region, first: &first, now: self.clock.now() };
        let purposes = proto::Kind::ALL.map(KeyPurpose::Bundle);
        let rotated = exporter::keys::rotate(&rotating, &purposes, overlap, None)?;
        rotated[0].takes_over.context("keys for bundles take over")
    }

    /// The same as [`export`](Self::export), with the keys of both gateways as their operators would hand them over now. They are announced from
    /// then on.
    ///
    /// # Errors
    /// If any part of the pass failed.
    pub async fn export_with_gateways(&self) -> anyhow::Result<Report> {
        let mut gateways = Vec::new();
        for (service, file) in [GatewayService::Verification, GatewayService::Server].into_iter().zip(GATEWAY_KEYS) {
            let (keys, public) =
                (self.directory.path().join(file), self.directory.path().join(format!("{file}.public")));
            service::ohttp::export(&keys, &public, self.clock.now())?;
            gateways.push(GatewaySpec { service, keys: GatewayKeys::List(public) });
        }
        self.wait_for_the_quarter();
        self.pass(|settings| settings.gateways = gateways).await
    }

    /// Draws the next key of the key server's gateway, which phones are given in `announced` seconds and which replaces the one before it for
    /// good `overlap` seconds later.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn rotate_gateway_key(&self, announced: i64, overlap: i64) -> anyhow::Result<()> {
        let (now, [_, file]) = (self.clock.now(), GATEWAY_KEYS);
        let served_from = now.plus(announced);
        let rotation = Rotation { now, served_from, retire: served_from.plus(overlap) };
        rotate(&self.directory.path().join(file), rotation, &mut store::chance::source())?;
        Ok(())
    }

    /// One more key server on the same database, with a gateway whose key is nobody else's.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn server_with_a_key_of_its_own(&self) -> anyhow::Result<Service> {
        let file = self.directory.path().join("its-own.ohttp");
        service::ohttp::create(&file, &mut store::chance::source())?;
        let settings = server::Settings { database_url: self.databases.keys.of_role("pratique_server") };
        let state = server::State::open(&settings, self.clock.clone()).await?.with_gateway(&file)?;
        Service::start(|listener| server::listen(listener, state))
    }

    /// Recalls a bundle as an operator does: from now on nobody lists it.
    ///
    /// # Errors
    /// If anything failed, or a bucket lists it still.
    pub async fn recall(&self, feed: &Feed, sequence: u64) -> anyhow::Result<()> {
        let reason = Some("it should not have gone out".parse()?);
        let spec = RecallSpec { feed: feed.clone(), sequence, without: Vec::new(), reason };
        let report = self.exporter(|_| ()).await?.recall(&spec).await?;
        ensure!(report.exit_code() == 0, "{report}");
        Ok(())
    }

    /// An exporter that holds nothing back for being small, unless that is set.
    async fn exporter(&self, set: impl FnOnce(&mut exporter::Settings)) -> anyhow::Result<Exporter> {
        let database = self.databases.keys.of_role("pratique_exporter");
        let mut settings = exporter::Settings::new(database, self.keys_directory());
        settings.buckets = vec![BucketSpec { name: "main".to_owned(), url: BucketUrl::Directory(self.tree()) }];
        (settings.minimum_keys, settings.minimum_reports) = (1, 1);
        set(&mut settings);
        Ok(Exporter::open(&settings, self.clock.clone()).await?)
    }

    /// A pass of such an exporter.
    async fn pass(&self, set: impl FnOnce(&mut exporter::Settings)) -> anyhow::Result<Report> {
        let report = self.exporter(set).await?.once().await?;
        let failures: Vec<String> = report.failures().map(ToString::to_string).collect();
        ensure!(failures.is_empty(), "{}", failures.join("; "));
        Ok(report)
    }

    /// Somebody outside who knows the public keys.
    pub fn outside_reader(&self) -> OutsideReader {
        OutsideReader { tree: self.tree(), keys: self.keys_directory() }
    }

    /// The root of the public tree.
    pub fn tree(&self) -> PathBuf {
        self.directory.path().join("cdn")
    }

    /// Where the bundle keys stand, private and public.
    pub fn keys_directory(&self) -> PathBuf {
        self.directory.path().join("keys")
    }

    /// The databases, for those who look into them.
    pub const fn databases(&self) -> &Databases {
        &self.databases
    }
}

fn verification_settings(directory: &TempDir, databases: &Databases) -> verification::Settings {
    verification::Settings {
        database: verification::DatabaseSettings {
            database_url: databases.verification.of_role("pratique_verification"),
        },
        secret_file: directory.path().join(SECRET_FILE),
        signing_key_dir: directory.path().join(CERTIFICATE_KEYS),
        delivery_dir: Some(directory.path().join(DELIVERY)),
    }
}

fn set(clock: &Clock, now: Timestamp) {
    clock.set_offset(now.unix() - Clock::system().now().unix());
}
