//! What every handler shares: the store and the clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proto::Timestamp;
use proto::api::deployment::DeploymentHost;
use service::ohttp::{Gateway, HasGateway, Outside};
use service::{
    Edge, HasLimits, HasRaster, HasRequestMetrics, HasTestDeployment, Health, LimitSettings, Limits, Metrics, Raster,
    RequestMetrics,
};
use store::{Clock, KeyStore};

use crate::admission::Admission;
use crate::bearer::DEFAULT_STATS_AUDIENCE;
use crate::chaff::ChaffDesk;
use crate::config::{SelfReportSettings, Settings};
use crate::error::ServerError;
use crate::key_sets::Keeper;
use crate::metrics::{PREFIX, ServerMetrics};
use crate::phone_paths::{OPERATOR_PATHS, PHONE_PATHS};
use crate::tokens::Tokens;

/// An open server. Clones share the store and the clock.
#[derive(Clone)]
pub struct State {
    store: Arc<dyn KeyStore>,
    clock: Clock,
    admission: Arc<Admission>,
    gateway: Option<Arc<Gateway>>,
    tokens: Arc<Tokens>,
    metrics: Arc<ServerMetrics>,
    raster: Arc<Raster>,
    chaff: Arc<ChaffDesk>,
    key_sets: Arc<Keeper>,
    stats_audience: Arc<str>,
    edge: Arc<Edge>,
    limits: Option<Arc<Limits>>,
    test_deployment: Arc<[DeploymentHost]>,
    health: Health,
}

impl State {
    /// Opens the database. A SQLite file is created if it does not exist, and brought to the newest version. Reports without a certificate are
    /// taken by the default settings, see [`with_self_reports`](Self::with_self_reports).
    ///
    /// # Errors
    /// [`ServerError::Store`] if the database cannot be opened.
    pub async fn open(settings: &Settings, clock: Clock) -> Result<Self, ServerError> {
        let store = store::open_key_store(&settings.database_url, clock.clone()).await?;
        let admission = Arc::new(Admission::new(&SelfReportSettings::default(), store::chance::bytes())?);
        let metrics = Arc::new(ServerMetrics::register());
        store.observe(Arc::clone(&metrics.database) as Arc<dyn store::Observer>);
        let chaff = Arc::new(ChaffDesk::new(metrics.all()));
        let raster = Arc::new(Raster::new(Duration::ZERO, OPERATOR_PATHS, metrics.all(), PREFIX));
        let key_sets = Arc::new(Keeper::new());
        let tokens = Arc::new(Tokens::drawn(store::chance::bytes())?);
        Ok(Self {
            store,
            clock,
            admission,
            gateway: None,
            tokens,
            metrics,
            raster,
            chaff,
            key_sets,
            stats_audience: DEFAULT_STATS_AUDIENCE.into(),
            edge: Arc::default(),
            limits: None,
            test_deployment: Arc::default(),
            health: Health::default(),
        })
    }

    /// The same, with other settings for reports without a certificate.
    ///
    /// # Errors
    /// [`ServerError::Malformed`] for a difficulty out of bounds, [`ServerError::KeyFile`] for a file that cannot be read or that others may read, and
    /// [`ServerError::Secret`] for one that is too short.
    pub fn with_self_reports(self, settings: &SelfReportSettings) -> Result<Self, ServerError> {
        let admission = Arc::new(Admission::new(settings, store::chance::bytes())?);
        Ok(Self { admission, ..self })
    }

    /// What admitting a report without a certificate takes.
    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// The same with a gateway of Oblivious HTTP, whose keys are in this file. Without one, `/ohttp` and `/ohttp-keys` are not there.
    ///
    /// # Errors
    /// [`ServerError::KeyFile`].
    pub fn with_gateway(self, key_file: &Path) -> Result<Self, ServerError> {
        let clock = self.clock.clone();
        let outside = Outside { now: Arc::new(move || clock.now()), chance: || Box::new(store::chance::source()) };
        let gateway = Gateway::open(key_file, PHONE_PATHS, outside)?;
        Ok(Self { gateway: Some(Arc::new(gateway)), ..self })
    }

    /// The same, with answers to phones leaving a whole number of ticks after their requests arrived. Unless it is set they leave at once, and tell whoever
    /// watches how long they took.
    #[must_use]
    pub fn with_tick(self, tick: Duration) -> Self {
        Self { raster: Arc::new(self.raster.with_tick(tick)), ..self }
    }

    /// The same, working for another number of chaff requests a second; [`service::CHAFF_PER_SECOND`] unless it is set. What comes beyond is answered without
    /// work.
    #[must_use]
    pub fn with_chaff_rate(self, per_second: u32) -> Self {
        Self { chaff: Arc::new(self.chaff.with_rate(per_second)), ..self }
    }

    /// What working for chaff takes.
    pub(crate) fn chaff(&self) -> &ChaffDesk {
        &self.chaff
    }

    /// The same, fetching the keys that authorities publish so often; every quarter of an hour unless it is set.
    #[must_use]
    pub fn with_jwks_period(self, period: Duration) -> Self {
        Self { key_sets: Arc::new(Keeper::every(period)), ..self }
    }

    /// Who follows the keys that authorities publish.
    pub(crate) fn key_sets(&self) -> &Keeper {
        &self.key_sets
    }

    /// The same, with another `aud` of stats tokens than [`DEFAULT_STATS_AUDIENCE`].
    #[must_use]
    pub fn with_stats_audience(self, audience: &str) -> Self {
        Self { stats_audience: audience.into(), ..self }
    }

    /// The `aud` of stats tokens that are meant for us.
    pub(crate) fn stats_audience(&self) -> &str {
        &self.stats_audience
    }

    /// The same behind proxies and relays; there are none unless they are set.
    #[must_use]
    pub fn with_edge(self, edge: Edge) -> Self {
        Self { edge: Arc::new(edge), ..self }
    }

    /// The same with limits to what callers may ask for. Without this there are none: a program that is open to the world sets them.
    #[must_use]
    pub fn with_limits(self, settings: &LimitSettings) -> Self {
        let limits = Arc::new(Limits::new(settings, store::chance::bytes(), self.metrics(), PREFIX));
        limits.show_failures(self.metrics(), PREFIX);
        Self { limits: Some(limits), ..self }
    }

    /// The same as part of a test deployment, with the hosts that belong to it. Unless this is set to some, nobody is told that it may be loaded.
    #[must_use]
    pub fn with_test_deployment(self, hosts: &[DeploymentHost]) -> Self {
        Self { test_deployment: hosts.into(), ..self }
    }

    /// The same, with revision tokens under the keys of a file. Unless it is set they are sealed under a key that is drawn when the server is opened:
    /// once that is closed, or by a server beside it, they are not taken.
    ///
    /// # Errors
    /// [`ServerError::KeyFile`].
    pub fn with_revision_keys(self, key_file: &Path) -> Result<Self, ServerError> {
        Ok(Self { tokens: Arc::new(Tokens::kept(key_file)?), ..self })
    }

    /// What gives out revision tokens and takes them.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// What is known of its health.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// What operators may see.
    pub fn metrics(&self) -> &Metrics {
        self.metrics.all()
    }

    /// What is counted for them.
    pub(crate) fn server_metrics(&self) -> &ServerMetrics {
        &self.metrics
    }

    /// The key database.
    pub(crate) fn store(&self) -> &dyn KeyStore {
        &*self.store
    }

    /// The time now. Each request reads it once.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether anybody but the caller still holds this state.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.admission) > 1
    }
}

impl HasLimits for State {
    fn limits(&self) -> Option<&Arc<Limits>> {
        self.limits.as_ref()
    }

    fn edge(&self) -> &Edge {
        &self.edge
    }
}

impl HasGateway for State {
    fn gateway(&self) -> Option<&Gateway> {
        self.gateway.as_deref()
    }
}

impl HasTestDeployment for State {
    fn test_deployment(&self) -> &[DeploymentHost] {
        &self.test_deployment
    }
}

impl HasRaster for State {
    fn raster(&self) -> &Raster {
        &self.raster
    }
}

impl HasRequestMetrics for State {
    fn request_metrics(&self) -> &RequestMetrics {
        &self.metrics.requests
    }
}
