//! What a sealed upload costs beyond a plain one: a request of 16 KiB and a reply of 4,608 bytes, sealed and opened on each side.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use proto::ohttp::{Cipher, InnerReply, InnerRequest, PrivateKey, open_request, seal_request};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// What `client` sends.
const REQUEST_BYTES: usize = 16_384;
/// What a gateway answers, before it is sealed.
const REPLY_BYTES: usize = 4_560;

fn request() -> InnerRequest {
    let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    let (method, path) = ("POST".to_owned(), "/v1/publish".to_owned());
    InnerRequest { method, path, headers, body: vec![b'x'; 3_000] }
}

fn reply() -> InnerReply {
    let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    InnerReply { status: 200, headers, body: vec![b'x'; 4_096] }
}

fn ohttp(criterion: &mut Criterion) {
    let mut rng = StdRng::seed_from_u64(1);
    let key = PrivateKey::new(1, &[7; 32]).expect("a key");
    for (cipher, name) in [(Cipher::Aes128Gcm, "aes_128_gcm"), (Cipher::ChaCha20Poly1305, "chacha20_poly1305")] {
        let mut group = criterion.benchmark_group(format!("ohttp/{name}"));
        let config = key.config().with_cipher(cipher).expect("taken");
        let message = request().encode("keys.example", REQUEST_BYTES);
        group.bench_function("phone_seals_request", |bencher| {
            bencher.iter(|| black_box(seal_request(&config, &message, &mut rng).expect("sealed")));
        });
        let (envelope, _) = seal_request(&config, &message, &mut rng).expect("sealed");
        // All that a gateway does beyond what a plain upload costs.
        group.bench_function("gateway_opens_and_seals", |bencher| {
            bencher.iter(|| {
                let opened = open_request(&envelope, |_| Some(&key)).expect("opened");
                black_box(InnerRequest::decode(&opened.message).expect("a request"));
                let message = reply().encode(REPLY_BYTES).expect("fits");
                black_box(opened.reply.seal(&message, &mut rng))
            });
        });
        let mut exchange = || {
            let (envelope, opener) = seal_request(&config, &message, &mut rng).expect("sealed");
            let opened = open_request(&envelope, |_| Some(&key)).expect("opened");
            (opened.reply.seal(&reply().encode(REPLY_BYTES).expect("fits"), &mut rng), opener)
        };
        group.bench_function("phone_opens_reply", |bencher| {
            bencher.iter_batched(
                &mut exchange,
                |(sealed, opener)| black_box(opener.open(&sealed).expect("opened")),
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, ohttp);
criterion_main!(benches);
