//! What a deployment is made of.

/// Where the two databases are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Two files.
    Sqlite,
    /// Two databases of a PostgreSQL server of its own, where each program logs in with the rights that it needs and no others.
    Postgres,
}

/// Where bundles go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// An object store (moto) behind somebody who can disturb it; the CDN has a cache.
    ObjectStore,
    /// A directory, which the CDN serves.
    Directory,
    /// Both, as replicas of each other; the CDN is that of the object store.
    Both,
}

/// What a deployment is made of. The default is the whole of it, in a hurry: every second what has come is published.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the two databases are.
    pub engine: Engine,
    /// Whether PostgreSQL has a standby that the exporters read from.
    pub standby: bool,
    /// Whether a commit of PostgreSQL waits for the disk. What was committed outlives a crash of the server either way, though not of the machine.
    pub durable: bool,
    /// Further settings of PostgreSQL, by their names in postgresql.conf.
    pub postgres_settings: Vec<(String, String)>,
    /// Where bundles go.
    pub bucket: Bucket,
    /// How many bytes there are for database files, and for a directory bucket; as much as this machine has unless it is set.
    pub disk_bytes: Option<u64>,
    /// Whether such a disk may be a file system of its own, if that is allowed here. Otherwise it is a limit on the size of files.
    pub may_mount: bool,
    /// How many verification services.
    pub verifications: usize,
    /// How many key servers.
    pub servers: usize,
    /// By how many seconds the clock of the last key server is ahead, or behind if negative. With 0 it is the program itself.
    pub last_server_ahead: i64,
    /// The exporters, by how many seconds the clock of each is ahead of everybody else's. What is uploaded now may be published at the next quarter of
    /// an hour: a clock that is 900 seconds ahead or more publishes it at once. With 0 an exporter is the program itself, and everybody waits.
    pub exporters: Vec<i64>,
    /// How often a feed is sealed, in seconds.
    pub period_seconds: u32,
    /// Fewer keys and reports than this are held.
    pub minimum: u32,
    /// On which raster answers leave, in milliseconds.
    pub tick_ms: u32,
    /// For how many seconds the cache in front of an object store takes an index or a manifest for new.
    pub fresh_seconds: u32,
    /// Further flags of `verification serve`.
    pub verification_flags: Vec<String>,
    /// Further flags of `server serve`.
    pub server_flags: Vec<String>,
    /// Further flags of `exporter run`.
    pub exporter_flags: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: Engine::Postgres,
            standby: true,
            durable: false,
            postgres_settings: Vec::new(),
            bucket: Bucket::ObjectStore,
            disk_bytes: None,
            may_mount: true,
            verifications: 1,
            servers: 1,
            last_server_ahead: 0,
            exporters: vec![AHEAD],
            period_seconds: 1,
            minimum: 1,
            tick_ms: 500,
            fresh_seconds: 1,
            verification_flags: Vec::new(),
            server_flags: Vec::new(),
            exporter_flags: Vec::new(),
        }
    }
}

/// By how much an exporter's clock is ahead so that what is uploaded is published at once: a quarter of an hour, and a minute.
pub const AHEAD: i64 = 960;

impl Options {
    /// One small machine: files, a directory, one process of each kind.
    pub fn small() -> Self {
        Self { engine: Engine::Sqlite, standby: false, bucket: Bucket::Directory, ..Self::default() }
    }
}
