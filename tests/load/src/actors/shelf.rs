//! One feed on the CDN, as phones read it: index, manifest, and the bundles that are new to them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

use client::{Http, Trust};
use proto::Feed;
use proto::index::{self, index_path};
use proto::manifest::{ListedBundle, Manifest, manifest_path};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use sha2::{Digest as _, Sha256};

use super::editions::{Edition, Editions};
use crate::reason;
use crate::record::{Outcome, Recorder, Times};
use crate::settings::Place;
use crate::web::{self, Page};

/// The longest object that is read: a bundle of 16 MB.
const MOST: usize = 16 << 20;
/// Of so many downloads of bundles one is hashed; the lengths of all are looked at.
const HASHED: u64 = 8;

/// What a phone has of a feed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) index: u32,
    pub(crate) manifest: u32,
}

/// Whoever asks for something: where it is noted, and what says where they call from.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) recorder: &'a Recorder,
    pub(crate) headers: &'a HeaderMap,
}

/// A feed, with what is known of it by those who read it.
pub(crate) struct Shelf {
    feed: Feed,
    trust: Trust,
    cdn: Place,
    http: Http,
    indexes: Editions,
    manifests: Editions,
    /// What the newest manifest says of each bundle.
    listed: RwLock<Listed>,
    downloads: AtomicU64,
}

/// A manifest's word, by path.
#[derive(Default)]
struct Listed {
    number: u64,
    bundles: HashMap<String, ListedBundle>,
}

/// What a phone was told by index and manifest.
struct Lists {
    /// The index, if it changed: how it is called, and its paths, oldest first.
    index: Option<(Option<HeaderValue>, Vec<String>)>,
    /// The number of the manifest that it has now.
    manifest: u32,
    failed: Option<&'static str>,
    bytes: u64,
}

/// A list that a phone asked for.
enum Asked {
    /// It has it already.
    Unchanged,
    /// The new one, and how it is called.
    New(Option<HeaderValue>, Vec<u8>),
    Failed(&'static str),
}

impl Shelf {
    /// The feed as it stands on the CDN.
    pub(crate) fn new((feed, trust): (Feed, Trust), cdn: Place, http: Http) -> Self {
        let (indexes, manifests, listed, downloads) = Default::default();
        Self { feed, trust, cdn, http, indexes, manifests, listed, downloads }
    }

    /// The paths of index and newest bundle, if anybody has seen one: what those ask for who try to get past the cache.
    pub(crate) fn paths(&self) -> Vec<String> {
        let bundles = &self.listed.read().unwrap_or_else(PoisonError::into_inner).bundles;
        [index_path(&self.feed)].into_iter().chain(bundles.keys().max().cloned()).collect()
    }

    /// What a phone holds that has just polled. Nothing is downloaded: it had all of it.
    pub(crate) async fn look(&self, asking: Asking<'_>) -> Held {
        let lists = self.lists(asking, Held::default()).await;
        Held { index: lists.index.map_or(0, |(etag, paths)| self.seen(etag, paths)), manifest: lists.manifest }
    }

    /// A poll by a phone that holds so much: what it holds afterwards, how it ended, and how many bytes came.
    pub(crate) async fn poll(&self, asking: Asking<'_>, held: Held) -> (Held, Outcome, u64) {
        let Lists { index, manifest, failed, mut bytes } = self.lists(asking, held).await;
        let Some((etag, paths)) = index else {
            return (Held { manifest, ..held }, failed.map_or(Outcome::NotModified, Outcome::Failed), bytes);
        };
        let newest = self.indexes.get(held.index).newest.clone();
        for path in paths.iter().filter(|path| newest.as_ref().is_none_or(|newest| *path > newest)) {
            if let Err(word) = self.download(asking, path, &mut bytes).await {
                // It tries again with its next poll: it keeps what it had.
                return (held, Outcome::Failed(word), bytes);
            }
        }
        let held = Held { index: self.seen(etag, paths), manifest };
        (held, failed.map_or(Outcome::Done, Outcome::Failed), bytes)
    }

    /// The number of an edition of the index.
    fn seen(&self, etag: Option<HeaderValue>, paths: Vec<String>) -> u32 {
        self.indexes.number(Edition { etag, newest: paths.into_iter().next_back() })
    }

    /// Asks for index and manifest, unless they are what the phone has.
    async fn lists(&self, asking: Asking<'_>, held: Held) -> Lists {
        let mut lists = Lists { index: None, manifest: held.manifest, failed: None, bytes: 0 };
        let had = self.indexes.get(held.index);
        match self.ask(asking, ("index", &index_path(&self.feed)), had.etag.as_ref()).await {
            Asked::Unchanged => {}
            Asked::New(etag, body) => {
                lists.bytes += body.len() as u64;
                match read_index(&body) {
                    Ok(paths) => lists.index = Some((etag, paths)),
                    Err(word) => lists.failed = Some(word),
                }
            }
            Asked::Failed(word) => lists.failed = Some(word),
        }
        let had = self.manifests.get(held.manifest);
        match self.ask(asking, ("manifest", &manifest_path(&self.feed)), had.etag.as_ref()).await {
            Asked::Unchanged => {}
            Asked::New(etag, body) => {
                lists.bytes += body.len() as u64;
                match self.read_manifest(&body) {
                    Ok(()) => lists.manifest = self.manifests.number(Edition { etag, newest: None }),
                    Err(word) => lists.failed = Some(word),
                }
            }
            Asked::Failed(word) => lists.failed = Some(word),
        }
        lists
    }

    /// Asks for a list, and notes what came.
    async fn ask(
        &self,
        Asking { recorder, headers }: Asking<'_>,
        (what, path): (&'static str, &str),
        etag: Option<&HeaderValue>,
    ) -> Asked {
        let (mut headers, began) = (headers.clone(), Instant::now());
        headers.extend(etag.map(|etag| (IF_NONE_MATCH, etag.clone())));
        let answer = web::get(&self.http, self.cdn.at(path), headers, MOST).await;
        let times = Times::at_once(began, began, Instant::now());
        let (asked, outcome, length) = match answer {
            Ok(page) if page.status == StatusCode::NOT_MODIFIED && etag.is_some() => {
                (Asked::Unchanged, Outcome::NotModified, 0)
            }
            Ok(Page { status: StatusCode::OK, etag, body }) => {
                let length = body.len() as u64;
                (Asked::New(etag, body), Outcome::Done, length)
            }
            Ok(page) => failed(reason::of_status(page.status)),
            Err(word) => failed(word),
        };
        recorder.note_begun(what, times, outcome, length);
        asked
    }

    /// Takes note of what a manifest says, unless a newer one was seen.
    fn read_manifest(&self, body: &[u8]) -> Result<(), &'static str> {
        let Some(verifier) = &self.trust.manifest else { return Ok(()) };
        let manifest = Manifest::open(body, verifier, &self.feed).map_err(|_| "manifest_not_signed")?;
        let mut listed = self.listed.write().unwrap_or_else(PoisonError::into_inner);
        if manifest.number > listed.number {
            let bundles = manifest.bundles.into_iter().map(|bundle| (bundle.path.clone(), bundle)).collect();
            *listed = Listed { number: manifest.number, bundles };
        }
        Ok(())
    }

    /// Downloads a bundle and compares it with the manifest's word.
    async fn download(
        &self,
        Asking { recorder, headers }: Asking<'_>,
        path: &str,
        bytes: &mut u64,
    ) -> Result<(), &'static str> {
        // Index and manifest may be minutes apart in a cache: what only the index knows cannot be compared yet.
        let listed = self.listed.read().unwrap_or_else(PoisonError::into_inner).bundles.get(path).cloned();
        // Whoever sends more than is listed is stopped at the first byte too many.
        let most =
            listed.as_ref().and_then(|listed| usize::try_from(listed.bytes).ok()).map_or(MOST, |bytes| bytes.min(MOST));
        let is_hashed = listed.is_some() && self.downloads.fetch_add(1, Ordering::Relaxed).is_multiple_of(HASHED);
        let (began, mut hash) = (Instant::now(), is_hashed.then(Sha256::new));
        let see = |piece: &[u8]| hash.iter_mut().for_each(|hash| hash.update(piece));
        let answer = web::skim(&self.http, (self.cdn.at(path), headers.clone()), most, see).await;
        let times = Times::at_once(began, began, Instant::now());
        let (checked, length) = match answer {
            Ok((StatusCode::OK, length)) => (check(listed.as_ref(), length, hash), length),
            Ok((status, _)) => (Err(reason::of_status(status)), 0),
            Err(word) => (Err(word), 0),
        };
        *bytes += length;
        let outcome = checked.map_or_else(Outcome::Failed, |()| Outcome::Done);
        recorder.note_begun("bundle", times, outcome, length);
        checked
    }
}

/// Compares the length of a bundle, and its hash if it was taken, with the manifest's word.
fn check(listed: Option<&ListedBundle>, length: u64, hash: Option<Sha256>) -> Result<(), &'static str> {
    let Some(listed) = listed else { return Ok(()) };
    if length != listed.bytes {
        return Err("another_length_than_listed");
    }
    let sha256 = hash.map(|hash| <[u8; 32]>::from(hash.finalize()));
    match sha256.is_none_or(|sha256| sha256 == listed.zip_sha256) {
        true => Ok(()),
        false => Err("another_hash_than_listed"),
    }
}

fn read_index(body: &[u8]) -> Result<Vec<String>, &'static str> {
    let mut paths = index::parse(body).map_err(|_| "malformed_index")?;
    // Names sort by time, and phones go by them.
    paths.sort_unstable();
    Ok(paths)
}

fn failed(word: &'static str) -> (Asked, Outcome, u64) {
    (Asked::Failed(word), Outcome::Failed(word), 0)
}
