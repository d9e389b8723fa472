//! A phone: it broadcasts, hears others, reports with a code, and polls. The protocol half is crate `client`, as an app would use it.

use std::collections::HashSet;

use client::{
    BaseUrl, Certificate, FeedState, Fetched, Http, KeyExposures, KeyServer, KeyUpload, Receipt, ReportExposures,
    ReportUpload, Secret, SelfReport, Subscription, Synced, Trust, Verification, Verified,
};
use proto::commitment::Commitment;
use proto::gaen::{Observation, Observations, TemporaryExposureKey};
use proto::interval::INTERVALS_PER_DAY;
use proto::tcn::{Memo, MemoType, ReportAuthorizationKey, SignedReport, TemporaryContactNumber};
use proto::{Feed, Interval, Kind, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// For how many days a phone keeps its keys, beside today's.
const DAYS: u32 = 14;

/// Where a phone finds its services, as its app is configured.
#[derive(Clone)]
pub struct AppSettings {
    /// Base URL of the verification service.
    pub verification: String,
    /// Base URL of the key server.
    pub server: String,
    /// Base URL of the CDN.
    pub cdn: String,
    /// The authority's DEVICE key.
    pub device_key: String,
    /// The authority's id.
    pub authority: String,
}

/// One person's phone.
pub struct Phone {
    settings: AppSettings,
    rng: StdRng,
    keys: Vec<TemporaryExposureKey>,
    secret: [u8; 32],
    heard: Vec<Observation>,
    heard_numbers: HashSet<TemporaryContactNumber>,
    verification: Verification,
    server: KeyServer,
    http: Http,
}

impl Phone {
    /// A phone that has been broadcasting for two weeks before `now`. All its secrets follow from `seed`.
    ///
    /// # Errors
    /// If the settings are unusable.
    pub fn new(seed: u64, settings: AppSettings, now: Timestamp) -> anyhow::Result<Self> {
        let mut rng = StdRng::seed_from_u64(seed);
        let today = Interval::containing(now).midnight();
        let keys = (0..=DAYS).rev().map(|days_ago| {
            let start = today.plus(-i64::from(days_ago * INTERVALS_PER_DAY));
            TemporaryExposureKey::new(&rng.random::<[u8; 16]>(), i64::from(start.number()), 144)
        });
        let keys = keys.collect::<Result<_, _>>()?;
        let http = Http::new()?;
        Ok(Self {
            keys,
            secret: rng.random(),
            rng,
            heard: Vec::new(),
            heard_numbers: HashSet::new(),
            verification: Verification::new(http.clone(), BaseUrl::new(&settings.verification)?, &settings.device_key)?,
            server: KeyServer::new(http.clone(), BaseUrl::new(&settings.server)?),
            http,
            settings,
        })
    }

    /// Its keys of the last `days` whole days, oldest first: none of them is still being broadcast.
    pub fn past_keys(&self, days: usize) -> &[TemporaryExposureKey] {
        let past = &self.keys[..self.keys.len() - 1];
        &past[past.len() - days.min(past.len())..]
    }

    /// The key that it broadcasts today.
    pub fn key_of_today(&self) -> &TemporaryExposureKey {
        &self.keys[self.keys.len() - 1]
    }

    /// Its signed report over the numbers 1 to `last`.
    ///
    /// # Errors
    /// If `last` is out of range.
    pub fn signed_report(&self, last: u16) -> anyhow::Result<SignedReport> {
        self.signed_report_over(1, last, &[])
    }

    /// The same over the numbers `first` to `last`, with a memo.
    ///
    /// # Errors
    /// If they are out of range, or the memo is longer than 255 bytes.
    pub fn signed_report_over(&self, first: u16, last: u16, memo: &[u8]) -> anyhow::Result<SignedReport> {
        let memo = Memo::new(MemoType::CovidWatchV1, memo)?;
        Ok(SignedReport::create(&ReportAuthorizationKey::from_seed(self.secret), &memo, first, last)?)
    }

    /// Hears what `other` broadcasts in an interval: the identifier of its key of that day, and its TCN number `number`.
    ///
    /// # Panics
    /// If the other phone has no key of that day.
    pub fn hears(&mut self, other: &Phone, at: Interval, number: u16) {
        let covers = |key: &&TemporaryExposureKey| key.rolling_start() <= at && at < key.validity_end();
        let key = other.keys.iter().find(covers).expect("a phone broadcasts all day");
        let position = (at.number() - key.rolling_start().number()) as usize;
        let identifier = key.identifiers().nth(position).expect("the key covers this interval");
        self.heard.push(Observation { identifier, heard: at });
        self.heard_numbers.insert(other.number(number));
    }

    fn number(&self, index: u16) -> TemporaryContactNumber {
        let mut key = ReportAuthorizationKey::from_seed(self.secret).initial_contact_key();
        for _ in 0..index {
            key = key.ratchet().expect("a short walk");
        }
        key.number().expect("the index is not 0")
    }

    /// Draws a secret, as the app does before it stores and uses it.
    pub fn draw(&mut self) -> Secret {
        Secret::draw(&mut self.rng)
    }

    /// Claims a code, bound to `nonce`.
    ///
    /// # Errors
    /// Those of the client.
    pub async fn verify(&self, code: &str, nonce: &Secret) -> Result<Verified, client::ClientError> {
        self.verification.verify(code, &[], nonce).await
    }

    /// Exchanges a token for a certificate.
    ///
    /// # Errors
    /// Those of the client.
    pub async fn certificate(
        &self,
        verified: &Verified,
        commitment: &Commitment,
    ) -> Result<Certificate, client::ClientError> {
        self.verification.certificate(&verified.token, commitment).await
    }

    /// What its owner says of themselves, with a number to send the code to and the day of onset, or none if that is empty.
    pub fn self_report(&mut self, number: &str, onset: &str) -> SelfReport {
        SelfReport::draw(number, Some(onset).filter(|day| !day.is_empty()), None, &mut self.rng)
    }

    /// Asks for the code of such a report; when it expires.
    ///
    /// # Errors
    /// Those of the client.
    pub async fn send_report(&self, report: &SelfReport) -> Result<Timestamp, client::ClientError> {
        self.verification.report(report).await
    }

    /// Claims that code.
    ///
    /// # Errors
    /// Those of the client.
    pub async fn verify_report(&self, code: &str, report: &SelfReport) -> Result<Verified, client::ClientError> {
        self.verification.verify_report(code, report).await
    }

    /// From code to certificate, once each.
    ///
    /// # Errors
    /// Those of the client.
    pub async fn certify(&mut self, code: &str, commitment: &Commitment) -> Result<Certificate, client::ClientError> {
        let nonce = self.draw();
        let verified = self.verify(code, &nonce).await?;
        self.certificate(&verified, commitment).await
    }

    /// Prepares an upload of these keys.
    ///
    /// # Errors
    /// Unless 1 to 30 keys.
    pub fn key_upload(&mut self, keys: &[TemporaryExposureKey]) -> Result<KeyUpload, client::ClientError> {
        let keys: Vec<(TemporaryExposureKey, u8)> = keys.iter().map(|key| (*key, 3)).collect();
        let hmac_key = self.draw();
        KeyUpload::new(&self.settings.authority, &keys, None, hmac_key)
    }

    /// Prepares an upload of these reports.
    ///
    /// # Errors
    /// Unless 1 to 56 reports.
    pub fn report_upload(&mut self, reports: &[SignedReport]) -> Result<ReportUpload, client::ClientError> {
        let hmac_key = self.draw();
        ReportUpload::new(&self.settings.authority, reports, hmac_key)
    }

    /// Uploads keys.
    ///
    /// # Errors
    /// Those of the client.
    pub async fn publish(&self, upload: &KeyUpload, by: &Certificate) -> Result<Receipt, client::ClientError> {
        self.server.publish(upload, by).await
    }

    /// Uploads reports.
    ///
    /// # Errors
    /// Those of the client.
    pub async fn publish_reports(
        &self,
        upload: &ReportUpload,
        by: &Certificate,
    ) -> Result<Receipt, client::ClientError> {
        self.server.report(upload, by).await
    }

    /// The whole of a person's report: code to upload of these keys.
    ///
    /// # Errors
    /// Those of the client.
    pub async fn report_keys(
        &mut self,
        code: &str,
        keys: &[TemporaryExposureKey],
    ) -> Result<Receipt, client::ClientError> {
        let upload = self.key_upload(keys)?;
        let certificate = self.certify(code, &upload.commitment()).await?;
        self.publish(&upload, &certificate).await
    }

    /// The same for TCN reports.
    ///
    /// # Errors
    /// Those of the client.
    pub async fn report_numbers(
        &mut self,
        code: &str,
        reports: &[SignedReport],
    ) -> Result<Receipt, client::ClientError> {
        let upload = self.report_upload(reports)?;
        let certificate = self.certify(code, &upload.commitment()).await?;
        self.publish_reports(&upload, &certificate).await
    }

    /// Follows a feed: what it has seen of it so far is `follower`.
    ///
    /// # Errors
    /// Those of the client.
    pub async fn poll(&self, follower: &mut Follower) -> Result<Synced, client::ClientError> {
        let cdn = BaseUrl::new(&self.settings.cdn)?;
        let subscription = Subscription::new(self.http.clone(), cdn, follower.feed.clone(), follower.trust.clone());
        let (keys, reports) = (&mut follower.keys, &mut follower.reports);
        let observations = Observations::new(self.heard.iter().copied());
        let fetched = &mut follower.fetched;
        let keep = |bundle: Fetched| {
            keys.take_in(&bundle.bundle, &observations);
            reports.take_in(&bundle.bundle, &self.heard_numbers);
            fetched.push(bundle);
        };
        subscription.sync(&mut follower.state, keep).await
    }
}

/// What a phone keeps of one feed.
pub struct Follower {
    feed: Feed,
    /// Whom it believes.
    pub trust: Trust,
    /// What it stores between polls.
    pub state: FeedState,
    /// Every bundle that it ever took in, in order.
    pub fetched: Vec<Fetched>,
    /// Published keys that were near.
    pub keys: KeyExposures,
    /// Published reports that were near.
    pub reports: ReportExposures,
}

impl Follower {
    /// A phone that has never polled the feed.
    pub fn new(feed: Feed, trust: Trust) -> Self {
        Self {
            feed,
            trust,
            state: FeedState::default(),
            fetched: Vec::new(),
            keys: KeyExposures::default(),
            reports: ReportExposures::default(),
        }
    }

    /// Whether this phone is warned.
    pub fn is_warned(&self) -> bool {
        match self.feed.kind {
            Kind::Gaen => !self.keys.is_empty(),
            Kind::Tcn => !self.reports.is_empty(),
        }
    }
}
