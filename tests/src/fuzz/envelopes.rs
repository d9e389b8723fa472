//! Oblivious HTTP: envelopes, what is in them, and the keys that they are sealed to.

use std::sync::LazyLock;

use proto::ohttp::{
    InnerReply, InnerRequest, KeyConfig, PrivateKey, Unopened, decode_keys, encode_keys, open_request, seal_request,
};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::reports::assert_plain;
use super::services::{post_envelope, post_envelope_to_verification, post_sealed};

/// The key of the samples.
pub(super) static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::new(1, &[9; 32]).expect("32 bytes"));

/// As far as chance goes, every run is the same.
pub(super) fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

/// A sealed request, as anybody may send it to `POST /ohttp`.
pub fn envelope(data: &[u8]) {
    for reply in [post_envelope(data), post_envelope_to_verification(data)] {
        assert!((200..500).contains(&reply.status), "{}", reply.status);
        assert_eq!(reply.body.len(), service::ohttp::SEALED_REPLY_BYTES);
    }
    match open_request(data, |id| (id == 1).then_some(&*KEY)) {
        Ok(opened) => {
            let overhead = opened.reply.cipher().reply_overhead();
            assert_eq!(opened.reply.seal(b"reply", &mut rng()).len(), 5 + overhead);
        }
        Err(Unopened::Malformed(refusal)) => assert_plain(&refusal),
        Err(_) => {}
    }
}

/// What is in an envelope: to the gateway, and as it is read.
pub fn binary_http(data: &[u8]) {
    let reply = post_sealed(data);
    assert!((200..500).contains(&reply.status), "{}", reply.status);
    match InnerRequest::decode(data) {
        Ok(request) => assert_eq!(InnerRequest::decode(&request.encode("keys.example", 64)), Ok(request)),
        Err(refusal) => assert_plain(&refusal),
    }
    match InnerReply::decode(data) {
        Ok(reply) => {
            // What a name or a length is written with may be longer than it was read with.
            let again = reply.encode(2 * data.len() + 64).expect("a reply that was read can be written");
            assert_eq!(InnerReply::decode(&again), Ok(reply));
        }
        Err(refusal) => assert_plain(&refusal),
    }
}

/// A list of key configurations: what is read is written as it was, and what is sealed to a key is longer than what is in it.
pub fn ohttp_keys(data: &[u8]) {
    let keys = match decode_keys(data) {
        Ok(keys) => keys,
        Err(refusal) => return assert_plain(&refusal),
    };
    let written = encode_keys(&keys);
    assert!(written.len() <= data.len());
    assert_eq!(decode_keys(&written).unwrap_or_default(), keys);
    for key in keys {
        assert_eq!(KeyConfig::decode(key.as_bytes()), Ok(Some(key.clone())));
        match seal_request(&key, b"request", &mut rng()) {
            Ok((envelope, _)) => assert_eq!((envelope[0], envelope.len()), (key.id(), 7 + 55)),
            Err(refusal) => assert_plain(&refusal),
        }
    }
}
