//! A CDN that is not what the exporter made of it. Whoever has the signing keys can make everything look right but what is there.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use anyhow::Context as _;
use exporter::keys::{KeyPurpose, private_file};
use proto::bundle::{Bundle, BundleSigner, Entries, ExportDigest, GaenEntry, Header, Limits, Signature, Writer};
use proto::index::{bundle_path, index_path};
use proto::manifest::{ListedBundle, Manifest, manifest_path, note_name};
use proto::note::NoteSigner;
use proto::{Feed, Kind};
use sha2::{Digest as _, Sha256};

use crate::scene::REGION;

/// What is done to the feed of keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doctor {
    /// Nothing.
    Idle,
    /// The first bundle is listed and not there.
    LosesABundle,
    /// A bit of the first bundle is another.
    FlipsABit,
    /// The first bundle is not there, and nobody would know: index and manifest are signed without it.
    HidesABundle,
    /// One key of the first bundle stands in another one, too, which is signed and listed as it should be.
    DoublesAKey,
    /// Everything stands in the feed of what nobody certified, too, signed and listed as it should be.
    CertifiesNothing,
}

/// The objects of a feed, by their paths.
type Objects = BTreeMap<String, Vec<u8>>;

impl Doctor {
    /// Copies the public tree, and does it. Phones read meanwhile, so each object changes at once or not at all, and bundles are there before anybody
    /// is told of them.
    pub(crate) fn mirror(self, tree: &Path, mirror: &Path, keys: &Path) -> anyhow::Result<()> {
        for kind in Kind::ALL {
            let feed = Feed::verified(REGION.parse()?, kind);
            let mut objects = objects(tree, &feed)?;
            if kind == Kind::Gaen {
                self.treat(&mut objects, &feed, keys)?;
            }
            if self == Self::CertifiesNothing {
                let (objects, feed) = uncertified(&objects, &feed, keys)?;
                put(&objects, &feed, mirror)?;
            }
            put(&objects, &feed, mirror)?;
        }
        Ok(())
    }

    fn treat(self, objects: &mut Objects, feed: &Feed, keys: &Path) -> anyhow::Result<()> {
        let mut manifest = listed(objects, feed)?;
        let Some(first) = manifest.bundles.first().cloned() else { return Ok(()) };
        match self {
            Self::Idle | Self::CertifiesNothing => {}
            Self::LosesABundle => drop(objects.remove(&first.path)),
            Self::FlipsABit => {
                let zip = objects.get_mut(&first.path).context("what is listed is there")?;
                let middle = zip.len() / 2;
                zip[middle] ^= 1;
            }
            Self::HidesABundle => {
                manifest.bundles.remove(0);
                list(objects, keys, manifest)?;
            }
            Self::DoublesAKey => double(objects, keys, manifest)?,
        }
        Ok(())
    }
}

fn put(objects: &Objects, feed: &Feed, mirror: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(mirror.join(feed.to_string()))?;
    let lists = [index_path(feed), manifest_path(feed)];
    let bundles = objects.keys().filter(|path| !lists.contains(path));
    for path in bundles.chain(&lists) {
        let half = mirror.join("half");
        fs::write(&half, &objects[path])?;
        fs::rename(half, mirror.join(path))?;
    }
    Ok(())
}

/// The same bundles in the region's feed of what nobody certified.
fn uncertified(objects: &Objects, feed: &Feed, keys: &Path) -> anyhow::Result<(Objects, Feed)> {
    let (mut manifest, mut copy) = (listed(objects, feed)?, Objects::new());
    let feed = Feed::self_reported(feed.region.clone(), feed.kind);
    for bundle in &mut manifest.bundles {
        let path = bundle_path(&feed, bundle.start, bundle.end);
        copy.insert(path.clone(), objects[&bundle.path].clone());
        bundle.path = path;
    }
    manifest.feed = feed.clone();
    list(&mut copy, keys, manifest)?;
    Ok((copy, feed))
}

/// What the exporter has published of a feed.
fn objects(tree: &Path, feed: &Feed) -> anyhow::Result<Objects> {
    let mut objects = Objects::new();
    for path in [index_path(feed), manifest_path(feed)] {
        objects.insert(path.clone(), fs::read(tree.join(path))?);
    }
    for ListedBundle { path, .. } in listed(&objects, feed)?.bundles {
        objects.insert(path.clone(), fs::read(tree.join(path))?);
    }
    Ok(objects)
}

/// What the manifest says. Its signature is not looked at here: behind the text stands an empty line.
fn listed(objects: &Objects, feed: &Feed) -> anyhow::Result<Manifest> {
    let note = std::str::from_utf8(&objects[&manifest_path(feed)])?;
    let text = note.split_inclusive("\n\n").next().unwrap_or_default();
    Ok(Manifest::parse(text.strip_suffix('\n').unwrap_or(text))?)
}

/// Signs a manifest with a number of its own, and an index that says the same.
fn list(objects: &mut Objects, keys: &Path, mut manifest: Manifest) -> anyhow::Result<()> {
    let feed = manifest.feed.clone();
    let pem = fs::read_to_string(private_file(keys, &feed.region, KeyPurpose::Manifest))?;
    // Beyond all numbers of the exporter, and rising with them.
    manifest.number += 1_000_000;
    let note = NoteSigner::from_pem(&note_name(&feed.region), &pem)?.sign(&manifest.render())?;
    let paths: Vec<String> = manifest.bundles.iter().map(|bundle| bundle.path.clone()).collect();
    objects.insert(manifest_path(&feed), note.into_bytes());
    objects.insert(index_path(&feed), proto::index::render(&paths).into_bytes());
    Ok(())
}

/// Puts the first key that was published into one more bundle.
fn double(objects: &mut Objects, keys: &Path, mut manifest: Manifest) -> anyhow::Result<()> {
    let feed = manifest.feed.clone();
    let (Some(first), Some(last)) = (manifest.bundles.first(), manifest.bundles.last()) else { return Ok(()) };
    let bundle = Bundle::read(&objects[&first.path], &Limits::default())?;
    let Entries::Gaen { keys: entries, .. } = &bundle.entries else { anyhow::bail!("keys") };
    // It touches the last one, and has a name that no bundle of the exporter will ever have.
    let header = Header { start: last.end, end: last.end.plus(1_000_000), ..bundle.header.to_ours()? };
    let (zip, digest) = written(&header, &entries[0], keys, &feed)?;
    let listed = ListedBundle {
        sequence: last.sequence + 1,
        from_sequence: last.sequence + 1,
        start: header.start,
        end: header.end,
        count: 1,
        revised: 0,
        bytes: zip.len() as u64,
        zip_sha256: Sha256::digest(&zip).into(),
        export_sha256: digest.0,
        format: last.format,
        path: bundle_path(&feed, header.start, header.end),
    };
    objects.insert(listed.path.clone(), zip);
    manifest.bundles.push(listed);
    list(objects, keys, manifest)
}

/// A bundle of one key, signed as all are.
fn written(header: &Header, entry: &GaenEntry, keys: &Path, feed: &Feed) -> anyhow::Result<(Vec<u8>, ExportDigest)> {
    let pem = fs::read_to_string(private_file(keys, &feed.region, KeyPurpose::Bundle(feed.kind)))?;
    let signer = BundleSigner::from_pem(feed.kind, &pem)?;
    let mut writer = Writer::<GaenEntry, _>::new(Cursor::new(Vec::new()), header)?;
    writer.push(entry)?;
    let unsigned = writer.end()?;
    let digest = unsigned.digest();
    let signatures = header.signing.iter().map(|key| Signature { key: key.clone(), bytes: signer.sign(&digest) });
    let (zip, _) = unsigned.finish(&signatures.collect::<Vec<_>>())?;
    Ok((zip.into_inner(), digest))
}
