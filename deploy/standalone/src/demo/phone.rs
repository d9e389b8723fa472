//! A phone in the story: it knows where the services are and which keys to believe, as an app's configuration says, and nothing else.

use std::collections::BTreeMap;
use std::fs;

use client::{
    BaseUrl, Certificate, ClientError, FeedState, Http, KeyExposures, KeyServer, ReportExposures, Secret, Subscription,
    Synced, Traffic, Trust, Verification,
};
use exporter::keys::{KeyPurpose, public_file};
use proto::bundle::{BundleKey, Entries, Limits};
use proto::commitment::Commitment;
use proto::manifest::note_name;
use proto::note::NoteVerifier;
use proto::{Feed, Kind};

use crate::demo::cast::Memory;
use crate::demo::stage::Stage;
use crate::error::StandaloneError;

/// One person's phone, running an app of each kind.
pub(crate) struct Phone {
    pub(crate) name: &'static str,
    /// What it heard. It is compared here and sent nowhere.
    pub(crate) memory: Memory,
    http: Http,
    verification: Verification,
    pub(crate) server: KeyServer,
    subscriptions: Vec<Subscription>,
    states: BTreeMap<Kind, FeedState>,
    /// Published keys that this phone heard.
    pub(crate) keys_near: KeyExposures,
    /// Published reports of which this phone heard a number.
    pub(crate) reports_near: ReportExposures,
    /// The bytes of all published keys, so that the reporter can see what became of hers.
    pub(crate) published: Vec<[u8; 16]>,
}

/// What a poll brought.
pub(crate) struct Poll {
    /// New bundles of both feeds.
    pub(crate) bundles: usize,
    pub(crate) travelled: Traffic,
}

impl Phone {
    /// A phone fresh out of the box, except for what it heard.
    pub(crate) fn new(name: &'static str, memory: Memory, stage: &Stage<'_>) -> Result<Self, StandaloneError> {
        let call = |error| StandaloneError::Call("setting up a phone", error);
        let http = Http::new().map_err(call)?;
        let base = |url: &str| BaseUrl::new(url).map_err(call);
        let listening = stage.listening;
        let device_key = &stage.api_keys.device;
        let verification = Verification::new(http.clone(), base(&listening.verification)?, device_key).map_err(call)?;
        let server = KeyServer::new(http.clone(), base(&listening.server)?);
        let mut subscriptions = Vec::new();
        for kind in Kind::ALL {
            let feed = Feed::verified(stage.plan.region.clone(), kind);
            let trust = pinned(stage, kind)?;
            subscriptions.push(Subscription::new(http.clone(), base(&listening.cdn)?, feed, trust));
        }
        Ok(Self {
            name,
            memory,
            http,
            verification,
            server,
            subscriptions,
            states: BTreeMap::new(),
            keys_near: KeyExposures::default(),
            reports_near: ReportExposures::default(),
            published: Vec::new(),
        })
    }

    /// What has travelled since an earlier reading of the meter.
    pub(crate) fn travelled_since(&self, before: Traffic) -> Traffic {
        let now = self.http.traffic();
        Traffic {
            requests: now.requests - before.requests,
            sent: now.sent - before.sent,
            received: now.received - before.received,
        }
    }

    /// The meter's reading.
    pub(crate) fn traffic(&self) -> Traffic {
        self.http.traffic()
    }

    /// Claims a code, then has `commitment` certified.
    pub(crate) async fn claim(&self, code: &str, nonce: &Secret) -> Result<client::Verified, StandaloneError> {
        self.verification
            .verify(code, &[], nonce)
            .await
            .map_err(|error| StandaloneError::Call("claiming the code", error))
    }

    /// Exchanges the token.
    pub(crate) async fn certify(
        &self,
        verified: &client::Verified,
        commitment: &Commitment,
    ) -> Result<Certificate, StandaloneError> {
        self.verification
            .certificate(&verified.token, commitment)
            .await
            .map_err(|error| StandaloneError::Call("getting a certificate", error))
    }

    /// Polls both feeds and compares what is new with what was heard.
    pub(crate) async fn poll(&mut self) -> Result<Poll, StandaloneError> {
        let before = self.traffic();
        let mut bundles = 0;
        for subscription in &self.subscriptions {
            let state = self.states.entry(subscription.feed().kind).or_default();
            let (keys, reports, published) = (&mut self.keys_near, &mut self.reports_near, &mut self.published);
            let memory = &self.memory;
            let synced = subscription.sync(state, |fetched| {
                keys.take_in(&fetched.bundle, &memory.identifiers);
                reports.take_in(&fetched.bundle, &memory.numbers);
                if let Entries::Gaen { keys, .. } = &fetched.bundle.entries {
                    published.extend(keys.iter().map(|entry| *entry.key.data()));
                }
            });
            bundles += complete(synced.await)?;
        }
        Ok(Poll { bundles, travelled: self.travelled_since(before) })
    }
}

/// How many bundles came, if nothing went wrong with any.
fn complete(synced: Result<Synced, ClientError>) -> Result<usize, StandaloneError> {
    let synced = synced.map_err(|error| StandaloneError::Call("polling", error))?;
    if let Some(failed) = synced.failed.into_iter().next() {
        return Err(StandaloneError::Story(format!("{}: {}", failed.path, failed.error)));
    }
    if let Some(path) = synced.postponed.first() {
        return Err(StandaloneError::Story(format!("{path}: is not in the manifest")));
    }
    Ok(synced.fetched)
}

/// What the app of one kind believes: the public keys under DIR, as an app maker would copy them.
fn pinned(stage: &Stage<'_>, kind: Kind) -> Result<Trust, StandaloneError> {
    let region = &stage.plan.region;
    let read = |purpose| {
        let path = public_file(&stage.layout.keys(), region, purpose);
        fs::read_to_string(&path).map_err(StandaloneError::file("read", &path))
    };
    let key = BundleKey::from_pem(&read(KeyPurpose::Bundle(kind))?)?;
    let manifest = NoteVerifier::from_pem(&note_name(region), &read(KeyPurpose::Manifest)?)?;
    Ok(Trust { keys: vec![key], manifest: Some(manifest), limits: Limits::default() })
}
