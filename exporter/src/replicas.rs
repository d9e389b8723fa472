//! All buckets of a pass over one feed, side by side: bundles to all of them first, then each lists what it holds.
//!
//! One that fails, stalls or is being filled costs the others a moment and no more. Before they go ahead of it, its `ready` object is taken away.

use std::time::Duration;

use futures_util::future::join_all;
use store::BundleRow;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::ahead::Asked;
use crate::pace::Pace;
use crate::pass::{NamedBucket, Pass};
use crate::ready;
use crate::replica::Replica;
use crate::report::FeedReport;
use crate::supply::Supply;

/// Brings all buckets up to the rows of the newest number: puts what is missing, lists it, and deletes what was de-listed a day ago. Of each bucket
/// is known what it said when the pass began. Unless it `puts`, nothing is put: what is too old goes.
pub(crate) async fn publish(
    pass: &Pass<'_>,
    (asked, rows): (Asked<'_>, Vec<BundleRow>),
    (puts, pace): (bool, Pace),
    report: &mut FeedReport,
) {
    let (end, ends) = watch::channel(None);
    let (buckets, stands): (Vec<NamedBucket>, Vec<_>) =
        asked.into_iter().map(|(named, stand)| (named.until(ends.clone()), stand)).unzip();
    let supply = Supply::new(rows, &buckets);
    let replicas = buckets.iter().zip(stands).enumerate();
    let mut replicas: Vec<Replica<'_>> = replicas.map(|(at, (named, stand))| Replica::new(at, named, stand)).collect();
    let work = Work { pass, supply: &supply, puts, pace, end };
    if pace.at_once {
        work.at_once(&mut replicas).await;
    } else {
        work.in_turn(&mut replicas).await;
    }
    work.judge(&replicas).await;
    report.buckets.extend(replicas.into_iter().map(|replica| replica.into_report(pace.grace)));
    report.failures.extend(supply.into_failures().into_iter().map(Into::into));
}

struct Work<'a> {
    pass: &'a Pass<'a>,
    supply: &'a Supply<'a>,
    puts: bool,
    pace: Pace,
    /// Set when the first bucket has done everything: when the others' time is over.
    end: watch::Sender<Option<Instant>>,
}

impl Work<'_> {
    async fn at_once(&self, replicas: &mut [Replica<'_>]) {
        let [looked, filled, warned] = [(); 3].map(|()| Meeting::of(replicas.len()));
        let work = replicas.iter_mut().map(|replica| async {
            let was_warned = self.fill_or_warn(replica, (&looked, &filled, &warned)).await;
            let full = replica.is_full(self.supply);
            filled.arrive(full);
            filled.wait(self.pace.grace).await;
            if !was_warned {
                if !full && filled.anybody_full() {
                    self.not_ready(replica.named).await;
                }
                warned.arrive(full);
            }
            warned.wait(self.pace.grace).await;
            self.finish(replica).await;
        });
        join_all(work).await;
    }

    async fn in_turn(&self, replicas: &mut [Replica<'_>]) {
        for replica in &mut *replicas {
            replica.look(self.pass, self.supply).await;
        }
        for replica in replicas.iter_mut().filter(|_| self.puts) {
            replica.fill(self.pass, self.supply).await;
        }
        let anybody_full = replicas.iter().any(|replica| replica.is_full(self.supply));
        for replica in replicas.iter().filter(|replica| anybody_full && !replica.is_full(self.supply)) {
            self.not_ready(replica.named).await;
        }
        for replica in replicas {
            self.finish(replica).await;
        }
    }

    async fn look_and_fill(&self, replica: &mut Replica<'_>, looked: &Meeting) {
        replica.look(self.pass, self.supply).await;
        looked.arrive(false);
        if !self.puts {
            return;
        }
        // Who else has it is known once all have looked.
        if replica.could_copy(self.supply) {
            looked.wait(self.pace.grace).await;
        }
        replica.fill(self.pass, self.supply).await;
    }

    /// Fills a bucket. If others get tired of waiting for it, it is told to be behind before they go on, and filled all the same. Whether it was told.
    async fn fill_or_warn(
        &self,
        replica: &mut Replica<'_>,
        (looked, filled, warned): (&Meeting, &Meeting, &Meeting),
    ) -> bool {
        let named = replica.named;
        let filling = self.look_and_fill(replica, looked);
        tokio::pin!(filling);
        tokio::select! {
            () = &mut filling => false,
            () = filled.is_late(self.pace.grace / 2) => {
                self.not_ready(named).await;
                warned.arrive(false);
                filling.await;
                true
            }
        }
    }

    async fn finish(&self, replica: &mut Replica<'_>) {
        replica.list(self.pass).await;
        replica.prune(self.pass).await;
        if replica.is_well() {
            let end = Instant::now() + self.pace.overtime;
            self.end.send_if_modified(|known| known.is_none() && known.replace(end).is_none());
        }
    }

    /// Takes `ready` from every bucket that another one has overtaken: whatever kept it from listing was not foreseen.
    async fn judge(&self, replicas: &[Replica<'_>]) {
        let Some(best) = replicas.iter().filter_map(Replica::number).max() else { return };
        let behind = replicas.iter().filter(|replica| replica.number() < Some(best));
        join_all(behind.map(|replica| self.not_ready(replica.named))).await;
    }

    /// A bucket that does not answer keeps its `ready` object: nobody can take it away, but it grows old.
    async fn not_ready(&self, named: &NamedBucket) {
        let removed = timeout(self.pace.grace / 2, ready::remove((self.pass.observer, self.pass.stop), named)).await;
        if !matches!(removed, Ok(Ok(()))) {
            tracing::warn!(
                bucket.name = named.name,
                "is behind the others, and its ready object could not be taken away"
            );
        }
    }
}

/// Where buckets wait for each other.
struct Meeting {
    /// How many have not come yet, and whether anybody who has holds all bundles.
    missing: watch::Sender<(usize, bool)>,
}

impl Meeting {
    fn of(buckets: usize) -> Self {
        Self { missing: watch::Sender::new((buckets, false)) }
    }

    fn arrive(&self, full: bool) {
        self.missing.send_modify(|(missing, any)| {
            *missing -= 1;
            *any |= full;
        });
    }

    fn anybody_full(&self) -> bool {
        self.missing.borrow().1
    }

    /// Waits for all, but no longer than `most`.
    async fn wait(&self, most: Duration) {
        let mut missing = self.missing.subscribe();
        // Late or not, whoever waits goes on.
        let _ = timeout(most, missing.wait_for(|(missing, _)| *missing == 0)).await;
    }

    /// Whether whoever asks has kept somebody waiting for as long as `most`.
    async fn is_late(&self, most: Duration) {
        let mut missing = self.missing.subscribe();
        // The meeting outlives whoever asks.
        let _ = missing.wait_for(|(_, full)| *full).await;
        sleep(most).await;
    }
}
