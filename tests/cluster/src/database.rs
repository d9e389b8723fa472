//! A database of its own for each test.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::Client;

use crate::error::ClusterError;
use crate::server::Cluster;

/// The templates of this process by name. The outer lock guards the list alone; each template is made once, by whoever comes first, while
/// the others wait.
static TEMPLATES: LazyLock<Mutex<HashMap<String, Arc<OnceCell<Database>>>>> = LazyLock::new(Mutex::default);

/// A database that is dropped with this value, whoever is still connected.
#[derive(Debug)]
pub struct Database {
    cluster: &'static Cluster,
    name: String,
}

impl Database {
    /// An empty database on the server of this process.
    ///
    /// # Errors
    /// Those of [`Cluster::shared`], and [`ClusterError::Server`] if the database cannot be created.
    pub async fn empty() -> Result<Self, ClusterError> {
        let cluster = Cluster::shared()?;
        let admin = cluster.connect("postgres").await?;
        create(cluster, &admin, "template0").await
    }

    /// A copy of the template `name`, which `migrate` brings to its version when the first copy is asked for; it gets the URL. On a server
    /// that outlives this process no template is left behind: there, each database is migrated by itself.
    ///
    /// # Errors
    /// Those of [`empty`](Self::empty).
    ///
    /// # Panics
    /// If `migrate` does.
    pub async fn from_template(name: &str, migrate: impl AsyncFnOnce(&str)) -> Result<Self, ClusterError> {
        if !Cluster::shared()?.is_private() {
            let database = Self::empty().await?;
            migrate(&database.url()).await;
            return Ok(database);
        }
        let template = Arc::clone(TEMPLATES.lock().await.entry(name.to_owned()).or_default());
        let made = async || {
            let template = Self::empty().await?;
            migrate(&template.url()).await;
            // A database can be copied only while nobody is connected to it; whoever migrated may still be saying goodbye.
            disconnect(&template).await?;
            Ok::<_, ClusterError>(template)
        };
        let template = template.get_or_try_init(made).await?;
        let admin = template.cluster.connect("postgres").await?;
        create(template.cluster, &admin, &template.name).await
    }

    /// Its URL, as the user who owns the server. Who comes to it is patient: a machine of tests may stand still for longer than people would wait.
    pub fn url(&self) -> String {
        let url = self.cluster.url(&self.name);
        let joined = if url.contains('?') { '&' } else { '?' };
        format!("{url}{joined}connect_timeout=60")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Connects to it as the user who owns the server. The connection ends with the client.
    ///
    /// # Errors
    /// [`ClusterError::Server`] if it cannot.
    pub async fn connect(&self) -> Result<Client, ClusterError> {
        self.cluster.connect(&self.name).await
    }
}

async fn create(cluster: &'static Cluster, admin: &Client, template: &str) -> Result<Database, ClusterError> {
    // The server draws the name, so that test runs which share it do not meet.
    let name = "SELECT 'pratique_test_' || replace(gen_random_uuid()::text, '-', '')";
    let name: String = admin.query_one(name, &[]).await?.get(0);
    admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
    Ok(Database { cluster, name })
}

/// Ends the sessions of a database, waits until they are gone, and lets no new ones in.
async fn disconnect(database: &Database) -> Result<(), ClusterError> {
    let admin = database.cluster.connect("postgres").await?;
    admin.batch_execute(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", database.name)).await?;
    let end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1";
    admin.execute(end, &[&database.name]).await?;
    Ok(())
}

impl Drop for Database {
    /// Drops the database. A destructor cannot await, and a test's runtime cannot be blocked on: a thread has its own.
    fn drop(&mut self) {
        let (cluster, drop) = (self.cluster, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
            runtime.block_on(async { cluster.connect("postgres").await.ok()?.batch_execute(&drop).await.ok() })
        });
        let _ = dropping.join();
    }
}
