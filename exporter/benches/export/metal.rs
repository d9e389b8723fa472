//! What the parts of an export cost alone.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::time::Duration;

use cluster::processor_time;
use proto::Timestamp;
use proto::bundle::{Entry, GaenEntry, Header, Limits, Signature, SigningKeyId, Skimmed, Writer};
use store::{Bundles, Member, MemberSink};

use crate::database::{Filled, feed};

/// Keeps the keys.
struct Kept(Vec<GaenEntry>);

impl MemberSink for Kept {
    fn begin(&mut self) {
        self.0.clear();
    }

    fn take(&mut self, _: bool, member: &Member) -> ControlFlow<()> {
        if let Member::Gaen(entry) = member {
            self.0.push(*entry);
        }
        ControlFlow::Continue(())
    }

    fn is_whole(&self) -> bool {
        true
    }
}

/// Reads the first bundle, encodes it, writes it and reads it as a phone would, one after the other.
pub(crate) async fn show(filled: &Filled<'_>, count: usize) {
    let mut kept = Kept(Vec::with_capacity(count));
    let before = spent();
    filled.store.read_members(&feed(), 1, &mut kept).await.expect("read");
    let read = spent() - before;
    let Kept(keys) = kept;
    assert_eq!(keys.len(), count);

    let mut export = Vec::with_capacity(40 * count);
    let encode = timed(|| keys.iter().for_each(|key| key.encode(7, &mut export).expect("in range")));
    let mut zip = Vec::new();
    let write = timed(|| zip = written(&keys));
    let skim = timed(|| _ = Skimmed::read(&zip, &Limits::default()).expect("a phone would read it"));
    println!(
        "alone, {count} keys: {read:.2?} read in order, {encode:.2?} encode, {write:.2?} encode, digest and deflate,"
    );
    println!("    {skim:.2?} inflate, digest and decode");
}

fn written(keys: &[GaenEntry]) -> Vec<u8> {
    let id = SigningKeyId::new("NO", "v1").expect("an id");
    let (start, end) = (Timestamp::from_unix(1_605_830_400), Timestamp::from_unix(1_605_844_800));
    let header = Header { region: feed().region, start, end, signing: vec![id.clone()] };
    let mut writer = Writer::<GaenEntry, _>::new(Cursor::new(Vec::new()), &header).expect("begins");
    keys.iter().for_each(|key| writer.push(key).expect("in order"));
    let unsigned = writer.end().expect("ends");
    let signer = proto::bundle::BundleSigner::Gaen(p256::ecdsa::SigningKey::from_slice(&[5; 32]).expect("a scalar"));
    let signature = Signature { key: id, bytes: signer.sign(&unsigned.digest()) };
    unsigned.finish(&[signature]).expect("finishes").0.into_inner()
}

fn timed(work: impl FnOnce()) -> Duration {
    let before = spent();
    work();
    spent() - before
}

/// What this process has spent, its children left out: none ends meanwhile.
fn spent() -> Duration {
    processor_time::of_process(std::process::id()).expect("this process")
}
