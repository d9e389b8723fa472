//! People who report, one after the other at their times, and who try again until they are told that it is done: whatever happens meanwhile.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use client::{ClientError, KeyUpload, ReportUpload};
use proto::ReportType;
use proto::api::verification::IssueRequest;
use stack::Access;
use store::Clock;
use tests::authority::Authority;
use tests::phone::{AppSettings, Phone};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{interval, sleep};

/// Between two tries of a phone that heard nothing good.
const AGAIN: Duration = Duration::from_millis(250);
/// One person in so many has a TCN report instead.
const REPORTS: u64 = 4;
/// How many numbers a report covers.
const NUMBERS: u16 = 24;
/// How many keys everybody else has: those of two weeks, but for yesterday's, which may not be published before two o'clock.
const KEYS: usize = 13;

/// People who arrive and report until it is enough.
pub(crate) struct Crowd {
    shared: Arc<Shared>,
    arrivals: JoinHandle<anyhow::Result<()>>,
}

struct Shared {
    settings: AppSettings,
    authority: Authority,
    tally: Mutex<Tally>,
}

/// What has happened so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// The keys whose upload was acknowledged.
    pub(crate) keys: BTreeSet<Vec<u8>>,
    /// The TCN reports likewise.
    pub(crate) reports: BTreeSet<Vec<u8>>,
    /// How many people both belong to.
    pub(crate) people: usize,
    /// How often a request had no answer, or one that asks to come again.
    pub(crate) failures: usize,
    /// What nobody should ever hear.
    refused: Option<String>,
    enough: bool,
}

impl Crowd {
    /// Lets somebody arrive in each period. To be called inside a runtime.
    pub(crate) fn arrive(access: &Access, period: Duration) -> anyhow::Result<Self> {
        let verification = access.verification.trim_start_matches("http://").parse()?;
        let keys = &access.api_keys;
        let authority = Authority {
            id: access.authority.clone(),
            regions: vec![access.region.parse()?],
            admin_key: keys.admin.clone(),
            device_key: keys.device.clone(),
            stats_key: keys.stats.clone(),
            verification,
        };
        let shared = Arc::new(Shared { settings: settings(access), authority, tally: Mutex::default() });
        let arrivals = tokio::spawn(arrivals(Arc::clone(&shared), period));
        Ok(Self { shared, arrivals })
    }

    /// What has happened so far.
    ///
    /// # Errors
    /// If anybody was refused: whoever repeats a request is answered like the first time.
    pub(crate) fn tally(&self) -> anyhow::Result<Tally> {
        let tally = self.shared.tally().clone();
        ensure!(tally.refused.is_none(), "somebody was refused: {:?}", tally.refused);
        Ok(tally)
    }

    /// Lets nobody arrive any more and waits until everybody has reported.
    ///
    /// # Errors
    /// As [`tally`](Self::tally).
    pub(crate) async fn finish(self) -> anyhow::Result<Tally> {
        self.shared.tally().enough = true;
        self.arrivals.await??;
        let tally = self.shared.tally().clone();
        ensure!(tally.refused.is_none(), "somebody was refused: {:?}", tally.refused);
        Ok(tally)
    }
}

/// Where an app finds everything.
pub(crate) fn settings(access: &Access) -> AppSettings {
    AppSettings {
        verification: access.verification.clone(),
        server: access.server.clone(),
        cdn: access.cdn.clone(),
        device_key: access.api_keys.device.clone(),
        authority: access.authority.clone(),
    }
}

async fn arrivals(shared: Arc<Shared>, period: Duration) -> anyhow::Result<()> {
    let (mut beat, mut people) = (interval(period), JoinSet::new());
    for person in 0.. {
        beat.tick().await;
        if shared.tally().enough {
            break;
        }
        people.spawn(report(Arc::clone(&shared), person));
    }
    while let Some(reported) = people.join_next().await {
        if let Err(why) = reported? {
            shared.tally().refused = Some(format!("{why:#}"));
        }
    }
    Ok(())
}

/// From code to acknowledgement. The secrets of a step are drawn once, so that it may be repeated.
async fn report(shared: Arc<Shared>, person: u64) -> anyhow::Result<()> {
    let done = try_report(&shared, person).await;
    if let Err(why) = &done {
        shared.tally().refused = Some(format!("{why:#}"));
    }
    done
}

async fn try_report(shared: &Shared, person: u64) -> anyhow::Result<()> {
    let mut phone = Phone::new(person, shared.settings.clone(), Clock::system().now())?;
    let code = issue(shared, person).await?;
    let nonce = phone.draw();
    let verified = shared.until_done(|| phone.verify(&code, &nonce)).await.context("verify")?;
    let load = Load::of(&mut phone, person)?;
    let commitment = match &load {
        Load::Keys(upload, _) => upload.commitment(),
        Load::Report(upload, _) => upload.commitment(),
    };
    let certificate = shared.until_done(|| phone.certificate(&verified, &commitment));
    let certificate = certificate.await.context("certificate")?;
    match &load {
        Load::Keys(upload, _) => shared.until_done(|| phone.publish(upload, &certificate)).await.context("publish")?,
        Load::Report(upload, _) => {
            shared.until_done(|| phone.publish_reports(upload, &certificate)).await.context("reports")?
        }
    };
    let mut tally = shared.tally();
    tally.people += 1;
    match load {
        Load::Keys(_, keys) => tally.keys.extend(keys),
        Load::Report(_, report) => drop(tally.reports.insert(report)),
    }
    Ok(())
}

/// What a person uploads, and what of it is published.
enum Load {
    Keys(KeyUpload, Vec<Vec<u8>>),
    Report(ReportUpload, Vec<u8>),
}

impl Load {
    fn of(phone: &mut Phone, person: u64) -> anyhow::Result<Self> {
        if person.is_multiple_of(REPORTS) {
            let report = phone.signed_report(NUMBERS)?;
            let bytes = report.as_bytes().to_vec();
            return Ok(Self::Report(phone.report_upload(&[report])?, bytes));
        }
        let keys = phone.past_keys(KEYS + 1)[..KEYS].to_vec();
        let upload = phone.key_upload(&keys)?;
        Ok(Self::Keys(upload, keys.iter().map(|key| key.data().to_vec()).collect()))
    }
}

/// The code for a person. Asked for again under the same name, it is the same code.
async fn issue(shared: &Shared, person: u64) -> anyhow::Result<String> {
    let request = IssueRequest {
        test_type: ReportType::Confirmed.to_string(),
        uuid: format!("{person:032x}"),
        ..IssueRequest::default()
    };
    loop {
        match shared.authority.send_issue(&request).await {
            Ok(reply) if reply.status == 200 => {
                return Ok(reply.json::<proto::api::verification::IssueReply>()?.code);
            }
            Ok(reply) if reply.status < 500 => anyhow::bail!("issue: {reply:?}"),
            _ => shared.wait_after_failure().await,
        }
    }
}

impl Tally {
    /// Everything that was acknowledged.
    pub(crate) fn acknowledged(&self) -> BTreeSet<Vec<u8>> {
        self.keys.union(&self.reports).cloned().collect()
    }
}

impl Shared {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Repeats a call for as long as the protocol says that it may be repeated.
    async fn until_done<T, F: Future<Output = Result<T, ClientError>>>(
        &self,
        mut call: impl FnMut() -> F,
    ) -> Result<T, ClientError> {
        loop {
            match call().await {
                Err(why) if why.may_retry() => self.wait_after_failure().await,
                done => return done,
            }
        }
    }

    async fn wait_after_failure(&self) {
        self.tally().failures += 1;
        sleep(AGAIN).await;
    }
}
