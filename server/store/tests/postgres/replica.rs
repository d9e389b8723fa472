//! Reading what is sealed from a replica. Who may see which rows where is said by policies on the table, so that rows show from where they came.

use std::ops::ControlFlow;
use std::time::Duration;

use cluster::{Cluster, Options};
use store::{Authorities, Bundles, Clock, Member, MemberSink, PostgresKeyStore};
use tokio_postgres::Client;

use crate::database::{accept, authority, gaen, now, parse, policy, with_options};

/// How long a test is ready to wait for something that comes.
const LONG: Duration = Duration::from_secs(60);
/// And for something that does not.
const SHORT: Duration = Duration::from_millis(100);

/// A database with one sealed bundle, and a replica that follows it.
struct World {
    cluster: Cluster,
    standby: Cluster,
    owner: PostgresKeyStore,
}

impl World {
    async fn new() -> Self {
        let cluster = Cluster::start(&Options::default()).expect("a cluster");
        let url = cluster.url("postgres");
        PostgresKeyStore::migrate(&parse(&url)).await.expect("migrated");
        let owner = PostgresKeyStore::open(&parse(&url), Clock::system()).await.expect("opened");
        owner.register(&authority(), now()).await.expect("registered");
        let standby = cluster.standby(&Options::default()).expect("a standby");
        let world = Self { cluster, standby, owner };
        world.seal(0..20).await;
        world
    }

    async fn seal(&self, numbers: std::ops::Range<u8>) {
        accept(&self.owner, numbers, &[gaen()]).await.expect("accepted");
        self.owner.seal(&gaen(), &policy()).await.expect("sealed");
    }

    /// A handle with the exporter's rights, whose heavy reads wait so long for the replica.
    async fn store(&self, patience: Duration) -> PostgresKeyStore {
        let exporter =
            |cluster: &Cluster| parse(&with_options(&cluster.url("postgres"), "-c%20role%3Dpratique_exporter"));
        let store = PostgresKeyStore::open(&exporter(&self.cluster), Clock::system()).await.expect("opened");
        store.with_replica(&exporter(&self.standby), patience).expect("a replica")
    }

    async fn primary(&self) -> Client {
        self.cluster.connect("postgres").await.expect("connected")
    }

    async fn replica(&self) -> Client {
        self.standby.connect("postgres").await.expect("connected")
    }

    /// Lets the exporter see members where this holds, and nowhere else.
    async fn show_members_where(&self, condition: &str) {
        let sql = format!(
            "ALTER TABLE gaen_publication ENABLE ROW LEVEL SECURITY;
             CREATE POLICY shown ON gaen_publication FOR SELECT TO pratique_exporter USING ({condition})"
        );
        self.primary().await.batch_execute(&sql).await.expect("set");
    }
}

/// Counts members, and how often a read began.
struct Counted {
    wanted: usize,
    begun: usize,
    members: usize,
}

impl MemberSink for Counted {
    fn begin(&mut self) {
        (self.begun, self.members) = (self.begun + 1, 0);
    }

    fn take(&mut self, _: bool, _: &Member) -> ControlFlow<()> {
        self.members += 1;
        ControlFlow::Continue(())
    }

    fn is_whole(&self) -> bool {
        self.members == self.wanted
    }
}

/// Reads a bundle that has 20 members: how often that began, and how many came in the end.
async fn read(store: &PostgresKeyStore, sequence: u64) -> (usize, usize) {
    let mut counted = Counted { wanted: 20, begun: 0, members: 0 };
    store.read_members(&gaen(), sequence, &mut counted).await.expect("read");
    (counted.begun, counted.members)
}

#[tokio::test]
async fn members_come_from_the_replica_once_it_has_caught_up() {
    let world = World::new().await;
    world.show_members_where("pg_is_in_recovery()").await;
    let store = world.store(LONG).await;
    assert_eq!(read(&store, 1).await, (1, 20), "elsewhere there are none");
    assert_eq!(store.members(&gaen(), 1, None, 50).await.expect("a page").members.len(), 20);

    // A read that begins while the replica stands still ends when it goes on.
    let replica = world.replica().await;
    replica.batch_execute("SELECT pg_wal_replay_pause()").await.expect("paused");
    world.seal(20..40).await;
    let reading = tokio::spawn(async move { read(&store, 2).await });
    tokio::task::yield_now().await;
    replica.batch_execute("SELECT pg_wal_replay_resume()").await.expect("resumed");
    assert_eq!(reading.await.expect("no panic"), (1, 20));
}

#[tokio::test]
async fn a_conflict_with_recovery_is_tried_again() {
    let world = World::new().await;
    // On each connection the first read ends as one does that stood in the way of replaying. A lock of the session remembers it: nothing else can
    // be written there.
    let conflict = "CREATE FUNCTION conflict_once() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) THEN
                PERFORM pg_advisory_lock(1);
                RAISE EXCEPTION 'canceling statement due to conflict with recovery' USING ERRCODE = 'serialization_failure';
            END IF;
            RETURN true;
        END $$";
    world.primary().await.batch_execute(conflict).await.expect("made");
    world.show_members_where("CASE WHEN pg_is_in_recovery() THEN conflict_once() ELSE false END").await;
    assert_eq!(read(&world.store(LONG).await, 1).await, (2, 20));
}

#[tokio::test]
async fn a_replica_that_stays_behind_or_gives_less_is_passed_over() {
    let world = World::new().await;
    let replica = world.replica().await;
    replica.batch_execute("SELECT pg_wal_replay_pause()").await.expect("paused");
    world.seal(20..40).await;
    let behind = world.store(SHORT).await;
    assert_eq!(read(&behind, 2).await, (1, 20));
    assert_eq!(read(&world.store(Duration::ZERO).await, 2).await, (1, 20), "it is asked, and not waited for");
    replica.batch_execute("SELECT pg_wal_replay_resume()").await.expect("resumed");

    world.show_members_where("NOT pg_is_in_recovery()").await;
    let store = world.store(LONG).await;
    assert_eq!(read(&store, 2).await, (2, 20), "it has none, and the database has all");
    assert_eq!(read(&store, 2).await, (1, 20), "and is left alone for a while");
}

#[tokio::test]
async fn a_replica_that_is_promoted_or_gone_is_passed_over() {
    let world = World::new().await;
    let promoted = world.store(LONG).await;
    assert_eq!(read(&promoted, 1).await, (1, 20));
    let replica = world.replica().await;
    replica.batch_execute("SELECT pg_promote()").await.expect("promoted");
    replica.batch_execute("DELETE FROM gaen_publication").await.expect("it goes its own way");
    assert_eq!(read(&promoted, 1).await, (1, 20));

    let gone = world.store(SHORT).await;
    drop(world.standby);
    assert_eq!(read(&gone, 1).await, (1, 20));
}
