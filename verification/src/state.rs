//! What every handler shares: database, clock, secrets, signing keys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proto::Timestamp;
use proto::api::deployment::DeploymentHost;
use service::ohttp::{Gateway, HasGateway, Outside};
use service::{
    DatabaseMetrics, DatabaseUp, Edge, HasLimits, HasRaster, HasRequestMetrics, HasTestDeployment, Health,
    LimitSettings, Limits, Metrics, Raster, RequestMetrics,
};
use store::{Clock, CodeStore};

use crate::budget::Budgets;
use crate::chaff::ChaffDesk;
use crate::config::Settings;
use crate::delivery::{Couriers, Troubles};
use crate::error::VerificationError;
use crate::guess_metrics::{GuessMetrics, PREFIX};
use crate::phone_paths::{OTHER_PATHS, PHONE_PATHS};
use crate::policy::{BATCH_LIMIT, CLOCK_MARGIN};
use crate::registry::Registry;
use crate::secret_watch::SecretWatch;
use crate::secrets::Secrets;
use crate::signing::{self, Keychain, Keyring, Signer};
use crate::statistics::Threshold;

/// An open service. Clones share everything.
#[derive(Clone)]
pub struct State {
    inner: Arc<Inner>,
    batch_limit: usize,
    maintenance: bool,
    threshold: Threshold,
    budgets: Budgets,
    edge: Arc<Edge>,
    gateway: Option<Arc<Gateway>>,
    raster: Arc<Raster>,
    chaff: Arc<ChaffDesk>,
    limits: Option<Arc<Limits>>,
    test_deployment: Arc<[DeploymentHost]>,
}

struct Inner {
    registry: Registry,
    secrets: SecretWatch,
    keychain: Keychain,
    couriers: Couriers,
    troubles: Arc<Troubles>,
    metrics: Metrics,
    guess_metrics: GuessMetrics,
    request_metrics: RequestMetrics,
    database_up: DatabaseUp,
    health: Health,
}

impl State {
    /// Reads the secrets and opens the database. A SQLite file is created if it does not exist, and brought to the newest version.
    ///
    /// # Errors
    /// [`VerificationError::Store`] if the database cannot be opened, and
    /// what can be wrong with the secret file. The signing keys are read when they are first needed.
    pub async fn open(settings: &Settings, clock: Clock) -> Result<Self, VerificationError> {
        Self::with_keyrings(settings, clock, vec![]).await
    }

    /// As [`open`](Self::open), with places for private keys that are asked before the environment and the signing key directory, such as
    /// a key management service.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn with_keyrings(
        settings: &Settings,
        clock: Clock,
        keyrings: Vec<Box<dyn Keyring>>,
    ) -> Result<Self, VerificationError> {
        let secrets = SecretWatch::open(&settings.secret_file)?;
        let registry = Registry::open(&settings.database, clock).await?;
        let keychain = Keychain::new(keyrings, &settings.signing_key_dir);
        let metrics = Metrics::of_program(PREFIX);
        let couriers = Couriers::new(settings.delivery_dir.clone(), metrics.clone());
        let troubles = Arc::new(Troubles::default());
        let told = Arc::clone(&troubles);
        metrics.before_steps(move || told.tell());
        let request_metrics = RequestMetrics::register(&metrics, PREFIX, PHONE_PATHS.iter().chain(OTHER_PATHS));
        let database_up = DatabaseUp::register(&metrics, PREFIX);
        registry.store().observe(DatabaseMetrics::register(&metrics, PREFIX));
        let guess_metrics = GuessMetrics::register(&metrics);
        let chaff = Arc::new(ChaffDesk::new(&metrics));
        let raster = Arc::new(Raster::new(Duration::ZERO, OTHER_PATHS, &metrics, PREFIX));
        let health = Health::default();
        let inner = Arc::new(Inner {
            registry,
            secrets,
            keychain,
            couriers,
            troubles,
            metrics,
            guess_metrics,
            request_metrics,
            database_up,
            health,
        });
        Ok(Self {
            inner,
            batch_limit: BATCH_LIMIT,
            maintenance: false,
            threshold: Threshold::default(),
            budgets: Budgets::default(),
            edge: Arc::default(),
            gateway: None,
            raster,
            chaff,
            limits: None,
            test_deployment: Arc::default(),
        })
    }

    /// The same with another number of codes that one request may issue; 10 unless it is set.
    #[must_use]
    pub fn with_batch_limit(self, batch_limit: usize) -> Self {
        Self { batch_limit, ..self }
    }

    /// The same, but writing nothing for the time of some maintenance: every POST is refused with 429 `maintenance_mode`.
    #[must_use]
    pub fn with_maintenance(self, maintenance: bool) -> Self {
        Self { maintenance, ..self }
    }

    /// The same with another number below which counts are withheld; 10 unless it is set.
    #[must_use]
    pub fn with_threshold(self, threshold: Threshold) -> Self {
        Self { threshold, ..self }
    }

    /// The same with other prices of wrong codes; those of [`Budgets::default`] unless they are set.
    #[must_use]
    pub fn with_budgets(self, budgets: Budgets) -> Self {
        Self { budgets, ..self }
    }

    /// The same behind proxies and relays; there are none unless they are set.
    #[must_use]
    pub fn with_edge(self, edge: Edge) -> Self {
        Self { edge: Arc::new(edge), ..self }
    }

    /// The same with limits to what callers may ask for. Without this there are none: a program that is open to the world sets them.
    #[must_use]
    pub fn with_limits(self, settings: &LimitSettings) -> Self {
        let limits = Limits::new(settings, store::chance::bytes(), self.metrics(), PREFIX);
        Self { limits: Some(Arc::new(limits)), ..self }
    }

    /// The same as part of a test deployment, with the hosts that belong to it. Unless this is set to some, nobody is told that it may be loaded.
    #[must_use]
    pub fn with_test_deployment(self, hosts: &[DeploymentHost]) -> Self {
        Self { test_deployment: hosts.into(), ..self }
    }

    /// The same with a gateway of Oblivious HTTP, whose keys are in this file. Without one, `/ohttp` and `/ohttp-keys` are not there.
    ///
    /// # Errors
    /// What can be wrong with the file.
    pub fn with_gateway(self, key_file: &Path) -> Result<Self, VerificationError> {
        let clock = self.inner.registry.clock();
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

    /// What is known of its health.
    pub fn health(&self) -> &Health {
        &self.inner.health
    }

    /// What operators may see.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// What they see of guessing.
    pub(crate) fn guess_metrics(&self) -> &GuessMetrics {
        &self.inner.guess_metrics
    }

    /// Whether they see that the database answers.
    pub(crate) fn database_up(&self) -> &DatabaseUp {
        &self.inner.database_up
    }

    /// What wrong codes cost.
    pub(crate) fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// What stands between the network and the service.
    pub(crate) fn edge(&self) -> &Edge {
        &self.edge
    }

    /// The verification database.
    pub(crate) fn store(&self) -> &dyn CodeStore {
        self.inner.registry.store()
    }

    /// The secrets that are live now. Each request asks once, so that all of it is under the same ones.
    pub(crate) fn secrets(&self) -> Arc<Secrets> {
        self.inner.secrets.secrets()
    }

    /// Below it counts are withheld.
    pub(crate) fn threshold(&self) -> Threshold {
        self.threshold
    }

    /// How many codes one request may issue.
    pub(crate) fn batch_limit(&self) -> usize {
        self.batch_limit
    }

    /// Whether nothing is to be written at present.
    pub(crate) fn is_in_maintenance(&self) -> bool {
        self.maintenance
    }

    /// The private halves of signing keys.
    pub(crate) fn keychain(&self) -> &Keychain {
        &self.inner.keychain
    }

    /// How each authority sends text messages.
    pub(crate) fn couriers(&self) -> &Couriers {
        &self.inner.couriers
    }

    /// What went wrong with text messages: told with the next step.
    pub(crate) fn troubles(&self) -> &Troubles {
        &self.inner.troubles
    }

    /// The time now. Each request reads it once.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.registry.now()
    }

    /// Who signs an authority's certificates now: of the keys that may, the one whose turn came last.
    pub(crate) async fn signer(&self, authority: &str, now: Timestamp) -> Result<Arc<dyn Signer>, VerificationError> {
        let keys = self.store().issuer_keys(authority, now).await?.unwrap_or_default();
        // A clock may be a little behind that of whoever made an authority's first key: a key that signs presently is better than none.
        let current = signing::current(&keys, now).or_else(|| signing::current(&keys, now.plus(CLOCK_MARGIN)));
        let current = current.ok_or_else(|| VerificationError::NoSigningKey(authority.to_owned()))?;
        self.keychain().signer(authority, &current.key).await
    }

    /// Whether anybody but the caller still holds this state.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.inner) > 1
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
        &self.inner.request_metrics
    }
}

impl AsRef<Registry> for State {
    fn as_ref(&self) -> &Registry {
        &self.inner.registry
    }
}
