//! Uploads through the gateway: as a phone seals them, and as a relay or an attacker sends them.

use std::path::PathBuf;

use proto::Malformed;
use proto::ReportType::Confirmed;
use proto::ohttp::{
    Cipher, InnerReply, InnerRequest, KeyConfig, REQUEST_MEDIA_TYPE, ReplyOpener, decode_keys, seal_request,
};
use serde_json::Value;
use service::ohttp::{Rotation, SEALED_REPLY_BYTES, rotate};

use crate::system::System;
use crate::wire::{Reply, request};

const JSON: &[u8] = b"application/json";
const KEY_PROBLEM: &str = "https://iana.org/assignments/http-problem-types#ohttp-key";

async fn keys(system: &System) -> Vec<KeyConfig> {
    let reply = system.send(request("GET", "/ohttp-keys", None, b"")).await;
    assert_eq!(reply.status, 200);
    decode_keys(&reply.body).expect("keys")
}

async fn key(system: &System) -> KeyConfig {
    keys(system).await.remove(0)
}

fn upload(method: &str, path: &str, media_type: &[u8], body: &[u8]) -> InnerRequest {
    let headers = vec![("content-type".to_owned(), media_type.to_vec())];
    InnerRequest { method: method.to_owned(), path: path.to_owned(), headers, body: body.to_vec() }
}

fn seal(key: &KeyConfig, message: &[u8]) -> (Vec<u8>, ReplyOpener) {
    seal_request(key, message, &mut store::chance::source()).expect("sealed")
}

async fn post(system: &System, envelope: &[u8]) -> Reply {
    system.send(request("POST", "/ohttp", Some(REQUEST_MEDIA_TYPE), envelope)).await
}

/// What is in a sealed reply.
fn open(reply: &Reply, opener: ReplyOpener) -> Result<InnerReply, Malformed> {
    assert_eq!((reply.status, reply.body.len()), (200, SEALED_REPLY_BYTES));
    InnerReply::decode(&opener.open(&reply.body)?)
}

/// Status and code of the reply to a message that was sealed.
async fn ask(system: &System, message: &[u8]) -> (u16, String) {
    let (envelope, opener) = seal(&key(system).await, message);
    let inner = open(&post(system, &envelope).await, opener).expect("a reply");
    assert_eq!(inner.body.len(), 4_096);
    let said: Value = serde_json::from_slice(&inner.body).expect("JSON");
    (inner.status, said["code"].as_str().unwrap_or_default().to_owned())
}

fn assert_refused(reply: &Reply, status: u16, problem: &str) {
    assert_eq!((reply.status, reply.body.len()), (status, SEALED_REPLY_BYTES));
    let said: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!((&said["type"], &said["status"]), (&problem.into(), &status.into()), "{}", said["title"]);
}

#[actix_web::test]
async fn a_sealed_upload_is_stored_and_answered_like_a_plain_one() {
    let system = System::start().await;
    let offered = key(&system).await;
    for (person, cipher) in [(1, Cipher::Aes128Gcm), (2, Cipher::ChaCha20Poly1305)] {
        let body = serde_json::to_vec(&system.upload(system.keys(person, 3), Confirmed)).expect("JSON");
        let message = upload("POST", "/v1/publish", JSON, &body).encode("keys.example", 16_384);
        let (envelope, opener) = seal(&offered.with_cipher(cipher).expect("taken"), &message);
        assert_eq!(envelope.len(), 16_384 + 55);
        let sealed = post(&system, &envelope).await;
        assert_eq!(
            system.stored().await,
            [("NO/gaen", 3), ("SE/gaen", 3)].map(|(feed, count)| { (feed.to_owned(), count * u64::from(person)) })
        );
        let plain = system.send(request("POST", "/v1/publish", Some("application/json"), &body)).await;
        assert_eq!(sealed.header_names, plain.header_names);
        let inner = open(&sealed, opener).expect("a reply");
        assert_eq!((inner.status, &inner.body), (plain.status, &plain.body));
        // A relay may send it twice: the answer is the same, and nothing is stored twice.
        assert_eq!(post(&system, &envelope).await.status, 200);
        assert_eq!(system.stored().await[0].1, 3 * u64::from(person));
    }
}

#[actix_web::test]
async fn replies_tell_nothing_of_what_is_in_them() {
    let system = System::start().await;
    let long = vec![b' '; 64_001];
    let cases: [(u16, &str, InnerRequest); 13] = [
        (400, "bad_request", upload("POST", "/v1/publish", JSON, b"{")),
        (400, "bad_request", upload("POST", "/v1/reports", JSON, b"{}")),
        (400, "bad_request", upload("POST", "/v1/publish", JSON, b"")),
        (404, "not_found", upload("GET", "/health", JSON, b"")),
        (404, "not_found", upload("GET", "/ohttp-keys", JSON, b"")),
        (404, "not_found", upload("POST", "/ohttp", REQUEST_MEDIA_TYPE.as_bytes(), b"{}")),
        (404, "not_found", upload("POST", "/v1/publish?", JSON, b"{}")),
        (404, "not_found", upload("POST", "/v1/publish/", JSON, b"{}")),
        (404, "not_found", upload("POST", "//v1/publish", JSON, b"{}")),
        (405, "method_not_allowed", upload("GET", "/v1/publish", JSON, b"{}")),
        (405, "method_not_allowed", upload("OPTIONS", "/v1/publish", JSON, b"{}")),
        (413, "body_too_large", upload("POST", "/v1/publish", JSON, &long)),
        (415, "unsupported_media_type", upload("POST", "/v1/publish", b"text/plain", b"{}")),
    ];
    for (status, code, message) in cases {
        let answer = ask(&system, &message.encode("", 1)).await;
        assert_eq!(answer, (status, code.to_owned()), "{} {}", message.method, message.path);
    }
    let whole = upload("POST", "/v1/publish", JSON, b"{}").encode("", 1);
    let mut padded = whole.clone();
    padded.extend([0, 0, 1]);
    let broken: [&[u8]; 6] = [b"", &[0x40], &[1, 0x40, 0xc8], &[0xff; 100], &whole[..20], &padded];
    for message in broken {
        assert_eq!(ask(&system, message).await, (400, "bad_request".to_owned()), "{message:?}");
    }
    assert_eq!(system.stored().await, []);
}

#[actix_web::test]
async fn what_cannot_be_opened_is_refused_in_one_size() {
    let system = System::start().await;
    let message = upload("POST", "/v1/publish", JSON, b"{}").encode("", 1);
    let (envelope, _) = seal(&key(&system).await, &message);
    for cut in [0, 1, 7, 38, 39, 54] {
        assert_refused(&post(&system, &envelope[..cut]).await, 400, "about:blank");
    }
    // Another key, KEM, KDF and AEAD; a cipher that it was not sealed with; damage.
    for (at, byte) in [(0, 99), (2, 0x10), (4, 3), (6, 2), (6, 3), (20, 0xff), (60, 0xff), (envelope.len() - 1, 0xff)] {
        let mut changed = envelope.clone();
        changed[at] ^= byte;
        assert_refused(&post(&system, &changed).await, 400, KEY_PROBLEM);
    }
    for media_type in [None, Some("application/json"), Some("message/ohttp-res"), Some("")] {
        let reply = system.send(request("POST", "/ohttp", media_type, &envelope)).await;
        assert_refused(&reply, 415, "about:blank");
    }
    assert_eq!(system.send(request("GET", "/ohttp", None, b"")).await.status, 405);
    assert_eq!(system.send(request("POST", "/ohttp-keys", None, b"")).await.status, 405);
}

#[actix_web::test]
async fn an_envelope_may_have_72000_bytes_and_no_more() {
    let system = System::start().await;
    let message = upload("POST", "/v1/publish", JSON, b"{").encode("", 72_000 - 55);
    let (envelope, opener) = seal(&key(&system).await, &message);
    assert_eq!(envelope.len(), 72_000);
    let reply = post(&system, &envelope).await;
    assert_eq!(open(&reply, opener).expect("a reply").status, 400);
    for length in [72_001, 1_000_000, 3_000_000] {
        let long = [envelope.as_slice(), &vec![0; length - 72_000]].concat();
        assert_refused(&post(&system, &long).await, 413, "about:blank");
        assert_refused(&system.send(chunked(&long)).await, 413, "about:blank");
    }
    // In chunks, too, it is the number of bytes that counts.
    assert_eq!(system.send(chunked(&envelope)).await.status, 200);
    let ended = [chunked(&envelope[..5_000]).as_slice()].concat();
    assert_refused(&system.send(ended).await, 400, KEY_PROBLEM);
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let json = String::from_utf8_lossy(&crate::wire::chunked("/ohttp", b"")).into_owned();
    let head = json.replace("application/json", REQUEST_MEDIA_TYPE).replace("0\r\n\r\n", "");
    let mut request = head.into_bytes();
    for chunk in body.chunks(10_000) {
        request.extend(format!("{:x}\r\n", chunk.len()).bytes());
        request.extend(chunk);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    request
}

#[actix_web::test]
async fn a_key_that_was_replaced_opens_until_it_retires() {
    let system = System::start().await;
    let file: PathBuf = system.directory.path().join("ohttp.keys");
    let message = upload("POST", "/v1/publish", JSON, b"{").encode("", 1);
    let old = key(&system).await;
    let now = system.now();
    rotate(&file, Rotation { now, served_from: now, retire: now.plus(3_600) }, &mut store::chance::source())
        .expect("rotated");
    let published = keys(&system).await;
    assert_eq!((published.len(), &published[1]), (2, &old));
    for key in &published {
        let (envelope, opener) = seal(key, &message);
        assert_eq!(open(&post(&system, &envelope).await, opener).expect("a reply").status, 400);
    }
    system.clock.set_offset(system.clock.offset() + 3_601);
    assert_eq!(keys(&system).await, published[..1]);
    assert_refused(&post(&system, &seal(&old, &message).0).await, 400, KEY_PROBLEM);
    // A file that holds nothing is complained about, and what it held goes on.
    std::fs::write(&file, "nothing").expect("written");
    let (envelope, opener) = seal(&published[0], &message);
    assert!(open(&post(&system, &envelope).await, opener).is_ok());
}

#[actix_web::test]
async fn apps_without_certificates_pass_through_the_gateway_too() {
    let system = System::start().await;
    let self_reports = ["/tcnreport/0.4.0", "/tcnreport/v0.4.0", "/submitReport"];
    let named = self_reports.map(|path| format!("/self/north{path}"));
    let paths = self_reports.iter().map(|path| (*path).to_owned()).chain(named).chain(["/v1/challenge".to_owned()]);
    for path in paths {
        let message = upload("POST", &path, JSON, b"{}").encode("", 1);
        let (envelope, opener) = seal(&key(&system).await, &message);
        let inner = open(&post(&system, &envelope).await, opener).expect("a reply");
        let plain = system.send(request("POST", &path, Some("application/json"), b"{}")).await;
        assert_eq!((inner.status, inner.body.len()), (plain.status, plain.body.len()), "{path}");
        assert!(![404, 405, 500].contains(&inner.status), "{path}");
    }
}
