//! A small publisher: bundles, index and manifest of one feed on a scripted host.

use std::io::Cursor;

use client::{Http, Subscription, Trust};
use ed25519_dalek::pkcs8::EncodePublicKey as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use proto::bundle::{
    BundleSigner, Entry, FORMAT, GaenEntry, Header, Limits, Signature, SigningKeyId, Summary, TcnEntry, Writer,
};
use proto::gaen::TemporaryExposureKey;
use proto::index::{bundle_path, index_path};
use proto::manifest::{AnnouncedGateway, AnnouncedKey, ListedBundle, Manifest, manifest_path, note_name};
use proto::note::{NoteSigner, NoteVerifier};
use proto::{Feed, Kind, ReportType, Timestamp, index};
use sha2::{Digest, Sha256};

use crate::host::Host;

const FIRST: Timestamp = Timestamp::from_unix(1_795_000_000);

/// A feed under construction.
pub(crate) struct Shelf {
    pub(crate) host: Host,
    pub(crate) feed: Feed,
    signer: BundleSigner,
    note: NoteSigner,
    manifest_pem: String,
    pub(crate) listed: Vec<ListedBundle>,
    pub(crate) gateways: Vec<AnnouncedGateway>,
    pub(crate) keys: Vec<AnnouncedKey>,
    pub(crate) number: u64,
}

/// A key that was broadcast during the whole of one day.
pub(crate) fn key(byte: u8, report_type: ReportType) -> GaenEntry {
    let key = TemporaryExposureKey::new(&[byte; 16], 144 * 20_000, 144).expect("valid");
    GaenEntry { key, transmission_risk: 2, report_type: Some(report_type), days_since_onset: Some(0) }
}

pub(crate) fn signer(kind: Kind, seed: u8) -> BundleSigner {
    match kind {
        Kind::Gaen => {
            let key = p256::ecdsa::SigningKey::from_slice(&[seed; 32]).expect("below the order of the group");
            BundleSigner::Gaen(key)
        }
        Kind::Tcn => BundleSigner::Tcn(ed25519_dalek::SigningKey::from_bytes(&[seed; 32])),
    }
}

/// A signed bundle.
pub(crate) fn bundle<E: Entry>(
    header: &Header,
    signer: &BundleSigner,
    entries: &[E],
    revised: &[E],
) -> (Vec<u8>, Summary) {
    let mut writer = Writer::new(Cursor::new(Vec::new()), header).expect("in memory");
    for entry in entries {
        writer.push(entry).expect("in order");
    }
    for entry in revised {
        writer.push_revised(entry).expect("in order");
    }
    let unsigned = writer.end().expect("in memory");
    let bytes = signer.sign(&unsigned.digest());
    let (out, summary) = unsigned.finish(&[Signature { key: header.signing[0].clone(), bytes }]).expect("in memory");
    (out.into_inner(), summary)
}

impl Shelf {
    pub(crate) fn new(feed: &str) -> Self {
        let feed: Feed = feed.parse().expect("a feed");
        let note_key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
        let manifest_pem = note_key.verifying_key().to_public_key_pem(LineEnding::LF).expect("encodes");
        let note = NoteSigner::new(&note_name(&feed.region), note_key).expect("a name");
        let signer = signer(feed.kind, 5);
        let (listed, gateways, keys) = (Vec::new(), Vec::new(), Vec::new());
        Self { host: Host::start(), feed, signer, note, manifest_pem, listed, gateways, keys, number: 0 }
    }

    pub(crate) fn trust(&self) -> Trust {
        let verifier = NoteVerifier::from_pem(&note_name(&self.feed.region), &self.manifest_pem).expect("a key");
        Trust { keys: vec![self.signer.public_key()], manifest: Some(verifier), limits: Limits::default() }
    }

    pub(crate) fn subscription(&self, trust: Trust) -> Subscription {
        Subscription::new(Http::new().expect("opens"), self.host.base(), self.feed.clone(), trust)
    }

    pub(crate) fn header(&self) -> Header {
        let start = self.listed.last().map_or(FIRST, |bundle| bundle.end);
        let signing = vec![SigningKeyId::new("demo", "v1").expect("valid")];
        Header { region: self.feed.region.clone(), start, end: start.plus(3_600), signing }
    }

    /// Has another key sign from now on.
    pub(crate) fn change_signer(&mut self, seed: u8) {
        self.signer = signer(self.feed.kind, seed);
    }

    /// Puts the next bundle of keys, without listing it anywhere.
    pub(crate) fn put_keys(&mut self, keys: &[GaenEntry], revised: &[GaenEntry]) -> String {
        let made = bundle(&self.header(), &self.signer, keys, revised);
        self.put(made)
    }

    /// Puts the next bundle of reports, without listing it anywhere.
    pub(crate) fn put_reports(&mut self, reports: &[TcnEntry], withdrawn: &[TcnEntry]) -> String {
        let made = bundle(&self.header(), &self.signer, reports, withdrawn);
        self.put(made)
    }

    fn put(&mut self, (zip, summary): (Vec<u8>, Summary)) -> String {
        let header = self.header();
        let path = bundle_path(&self.feed, header.start, header.end);
        let sequence = self.listed.len() as u64 + 1;
        self.listed.push(ListedBundle {
            sequence,
            from_sequence: sequence,
            start: header.start,
            end: header.end,
            count: summary.entries,
            revised: summary.revised,
            bytes: zip.len() as u64,
            zip_sha256: Sha256::digest(&zip).into(),
            export_sha256: summary.digest.0,
            format: FORMAT,
            path: path.clone(),
        });
        self.host.publish(&path, zip);
        path
    }

    pub(crate) fn publish_index(&self) {
        let paths: Vec<_> = self.listed.iter().map(|bundle| bundle.path.clone()).collect();
        self.host.publish(&index_path(&self.feed), index::render(&paths));
    }

    pub(crate) fn publish_manifest(&mut self) {
        self.number += 1;
        self.publish_manifest_at(self.number, FIRST);
    }

    pub(crate) fn publish_manifest_at(&self, number: u64, time: Timestamp) {
        let (feed, gateways, bundles) = (self.feed.clone(), self.gateways.clone(), self.listed.clone());
        let manifest = Manifest { feed, number, time, keys: self.keys.clone(), gateways, bundles };
        self.host.publish(&manifest_path(&self.feed), self.note.sign(&manifest.render()).expect("signs"));
    }

    pub(crate) fn publish_lists(&mut self) {
        self.publish_manifest();
        self.publish_index();
    }
}
