//! Polling a feed: index and manifest with conditional requests, then only the bundles that the phone does not hold.

use std::collections::BTreeMap;

use proto::bundle::Bundle;
use proto::index::index_path;
use proto::manifest::{ListedBundle, Manifest, manifest_path};
use proto::{Feed, Malformed};

use crate::base_url::BaseUrl;
use crate::check::{Place, Trust, read_index};
use crate::error::ClientError;
use crate::http::{Answer, Get, Http};
use crate::state::{FeedState, Step};

/// The longest index that is read, in bytes: what `proto::index` takes.
const MAX_INDEX: u64 = 1_024 * 1_024;
/// The longest manifest that is read, in bytes: what `proto::manifest` takes.
const MAX_MANIFEST: u64 = 4 * 1_024 * 1_024;

/// How many bytes of bundles one sync downloads unless told otherwise.
const BUDGET: u64 = 256_000_000;

/// A feed that a phone follows.
#[derive(Clone)]
pub struct Subscription {
    http: Http,
    base: BaseUrl,
    feed: Feed,
    trust: Trust,
    budget: u64,
}

/// A bundle that passed every check.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its path from the CDN root.
    pub path: String,
    /// Its bytes, for a caller that hands them to the operating system.
    pub zip: Vec<u8>,
    /// Its content.
    pub bundle: Bundle,
}

/// A bundle that was not kept: the next sync tries again.
#[derive(Debug)]
pub struct Failed {
    /// Its path from the CDN root.
    pub path: String,
    /// Why.
    pub error: ClientError,
}

/// What a sync did.
#[derive(Debug, Default)]
pub struct Synced {
    /// How many bundles are new.
    pub fetched: usize,
    /// Bundles that could not be fetched or did not pass.
    pub failed: Vec<Failed>,
    /// Bundles that wait for a later sync: the index lists them and the manifest does not yet (caches may be minutes apart), or the budget
    /// of this sync is spent.
    pub postponed: Vec<String>,
    /// The manifest went back to a lower number, as a lagging replica's does: nothing was fetched, everything was kept.
    pub went_backwards: bool,
}

impl Subscription {
    /// The feed as it stands on the CDN at `base`.
    pub const fn new(http: Http, base: BaseUrl, feed: Feed, trust: Trust) -> Self {
        Self { http, base, feed, trust, budget: BUDGET }
    }

    /// Downloads bundles of at most `bytes` altogether in one sync, 256 MB unless this is called. Whoever controls a CDN but no signing
    /// key cannot make a phone download more than that at a time.
    #[must_use]
    pub const fn with_budget(mut self, bytes: u64) -> Self {
        self.budget = bytes;
        self
    }

    /// Which feed it is.
    pub const fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Fetches what is new, oldest first, and hands each bundle to `keep` as soon as it has passed every check; `state.held` then names it.
    /// One bundle at a time is in memory. A bundle that fails is left out, named in [`Synced::failed`], and tried again next time; when the
    /// CDN cannot be reached any more, the rest waits too.
    ///
    /// # Errors
    /// Those of reading index and manifest; [`Forked`](ClientError::Forked) is the one that deserves an alarm.
    pub async fn sync(&self, state: &mut FeedState, mut keep: impl FnMut(Fetched)) -> Result<Synced, ClientError> {
        let index = self.index(state).await?;
        let word = self.word(state).await?;
        if matches!(word, Word::Backwards) {
            return Ok(Synced { went_backwards: true, ..Synced::default() });
        }
        let Some(index) = index else {
            // A manifest that moves while the index does not is ahead of it: what it adds is fetched once both list it.
            if matches!(word, Word::Listed { .. }) {
                state.forget_tags();
            }
            return Ok(Synced::default());
        };
        state.forget_tags();
        let synced = self.fetch_new(&index.paths, &word, state, &mut keep).await;
        state.forget_older_than(word.oldest(&index.paths));
        if synced.failed.is_empty() && synced.postponed.is_empty() && word.lists_only(&index.paths) {
            state.remember_tags(index.etag, word.into_etag());
        }
        Ok(synced)
    }

    async fn fetch_new(
        &self,
        paths: &[String],
        word: &Word,
        state: &mut FeedState,
        keep: &mut impl FnMut(Fetched),
    ) -> Synced {
        let mut synced = Synced::default();
        let mut left = self.budget;
        for path in paths {
            if state.held.contains(path) {
                continue;
            }
            let listed = word.on(path);
            let Some(listed) = listed.ok().filter(|_| left > 0) else {
                synced.postponed.push(path.clone());
                continue;
            };
            let limit = self.limit(listed);
            let place = Place { feed: &self.feed, path, listed, announced: state.signers() };
            match self.fetch(&place, limit).await {
                Ok(fetched) => {
                    left = left.saturating_sub(fetched.zip.len() as u64);
                    keep(fetched);
                    state.held.insert(path.clone());
                    synced.fetched += 1;
                }
                Err(error) => {
                    // How much of it came is not known here: it is counted as all that could have.
                    left = left.saturating_sub(limit);
                    let gone = matches!(error, ClientError::Unreachable(_));
                    synced.failed.push(Failed { path: path.clone(), error });
                    if gone {
                        break;
                    }
                }
            }
        }
        synced
    }

    /// The manifest knows the length: whoever sends more is stopped at the first byte too many.
    fn limit(&self, listed: Option<&ListedBundle>) -> u64 {
        let most = self.trust.limits.zip_bytes;
        listed.map_or(most, |listed| listed.bytes.min(most))
    }

    async fn fetch(&self, place: &Place<'_>, limit: u64) -> Result<Fetched, ClientError> {
        let get = Get { url: self.base.at(place.path), etag: None, what: "the bundle", limit };
        let Answer::Body { bytes: zip, .. } = self.http.get(get).await? else {
            return Err(Malformed::new("bundle", "answered 304 to a request without an entity tag").into());
        };
        let bundle = self.trust.check(&zip, place)?;
        Ok(Fetched { path: place.path.to_owned(), zip, bundle })
    }

    /// The index, or nothing if it has not changed.
    async fn index(&self, state: &FeedState) -> Result<Option<Index>, ClientError> {
        let url = self.base.at(&index_path(&self.feed));
        let get = Get { url, etag: state.index_etag(), what: "index.txt", limit: MAX_INDEX };
        match self.http.get(get).await? {
            Answer::Unchanged => Ok(None),
            Answer::Body { etag, bytes } => Ok(Some(Index { paths: read_index(&self.feed, &bytes)?, etag })),
        }
    }

    /// The manifest, if a key for it is pinned.
    async fn word(&self, state: &mut FeedState) -> Result<Word, ClientError> {
        let Some(verifier) = &self.trust.manifest else {
            return Ok(Word::NotAsked);
        };
        let url = self.base.at(&manifest_path(&self.feed));
        let get = Get { url, etag: state.manifest_etag(), what: "the manifest", limit: MAX_MANIFEST };
        let (etag, bytes) = match self.http.get(get).await? {
            Answer::Unchanged => return Ok(Word::Unchanged),
            Answer::Body { etag, bytes } => (etag, bytes),
        };
        let manifest = Manifest::open(&bytes, verifier, &self.feed)?;
        match state.step(&manifest, verifier.open(&bytes)?)? {
            Step::Backwards => Ok(Word::Backwards),
            Step::Forwards => {
                let by_path = |bundle: ListedBundle| (bundle.path.clone(), bundle);
                Ok(Word::Listed { bundles: manifest.bundles.into_iter().map(by_path).collect(), etag })
            }
        }
    }
}

struct Index {
    paths: Vec<String>,
    etag: Option<String>,
}

/// What the signed manifest contributes to a sync.
enum Word {
    /// No manifest key is pinned.
    NotAsked,
    /// It has not changed: all that it lists is held.
    Unchanged,
    /// It went backwards.
    Backwards,
    /// It is new, or was read again.
    Listed { bundles: BTreeMap<String, ListedBundle>, etag: Option<String> },
}

/// There is a manifest, and it does not list the bundle.
struct NotListed;

impl Word {
    /// What the manifest says about a bundle; nothing if it is not asked.
    fn on(&self, path: &str) -> Result<Option<&ListedBundle>, NotListed> {
        match self {
            Self::NotAsked => Ok(None),
            Self::Unchanged | Self::Backwards => Err(NotListed),
            Self::Listed { bundles, .. } => bundles.get(path).map(Some).ok_or(NotListed),
        }
    }

    /// The oldest bundle that is still listed, if that can be believed. The index is not signed: whoever changes it could otherwise make a
    /// phone forget what it holds, and take in every bundle a second time.
    fn oldest<'a>(&'a self, paths: &'a [String]) -> Option<&'a String> {
        match self {
            Self::NotAsked => paths.first(),
            Self::Unchanged | Self::Backwards => None,
            // Names sort by time, and the map by name.
            Self::Listed { bundles, .. } => bundles.keys().next(),
        }
    }

    /// Whether it lists no bundle that the index does not.
    fn lists_only(&self, paths: &[String]) -> bool {
        match self {
            Self::NotAsked => true,
            Self::Unchanged | Self::Backwards => false,
            // Both list each path once.
            Self::Listed { bundles, .. } => {
                paths.iter().filter(|path| bundles.contains_key(*path)).count() == bundles.len()
            }
        }
    }

    fn into_etag(self) -> Option<String> {
        match self {
            Self::Listed { etag, .. } => etag,
            _ => None,
        }
    }
}
