//! Valid samples of every format: where mutation begins, since nobody gets past a checksum or a signature from nothing.

use std::io::{Cursor, Read as _};
use std::sync::LazyLock;

use ::base64::Engine as _;
use ::base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use proto::api::base64;
use proto::api::codes::{BatchIssueRequest, CodeStatusRequest};
use proto::api::publish::{ExposureKey, PublishRequest, ReportsRequest};
use proto::api::self_reports::{ChallengeRequest, SubmitReportRequest};
use proto::api::stats::StatsRequest;
use proto::api::verification::{CertificateRequest, IssueRequest, UserReportRequest, VerifyRequest};
use proto::bundle::{Entry, ExportDigest, Header, Signature, Writer};
use proto::certificate::{Claims, MAX_STATS_LIFE, StatsClaims};
use proto::commitment::{Commitment, HmacKey, KeySegment};
use proto::gaen::TemporaryExposureKey;
use proto::manifest::{AnnouncedGateway, AnnouncedKey, GatewayService, KeyUse, ListedBundle, Manifest};
use proto::ohttp::{Cipher, InnerReply, InnerRequest, encode_keys, seal_request};
use proto::revision::{RevisionEntry, RevisionToken};
use proto::tcn::SignedReport;
use proto::{Feed, Kind, ReportType};
use serde::Serialize;

use super::envelopes::{KEY, rng};
use super::revisions;
use crate::fixtures;

/// The key of the commitments in the samples.
const HMAC_KEY: [u8; 16] = [6; 16];

/// The samples of the target with this name: their file names and their bytes.
pub(super) fn of(target: &str) -> Vec<(&'static str, Vec<u8>)> {
    match target {
        "report" => vec![
            ("shortest", fixtures::report(1, 24, &[]).as_bytes().to_vec()),
            ("longest", fixtures::report(2, 1_345, &[0xa5; 255]).as_bytes().to_vec()),
        ],
        "bundle" => vec![("gaen", bundle(Kind::Gaen)), ("tcn", bundle(Kind::Tcn))],
        "export" => vec![("gaen", export_bin(Kind::Gaen).to_vec()), ("tcn", export_bin(Kind::Tcn).to_vec())],
        "signatures" => vec![("gaen", file_of(&bundle(Kind::Gaen), "export.sig"))],
        "certificate" => vec![("eddsa", certificate().into_bytes()), ("es256", es256_certificate().into_bytes())],
        "claims" => vec![("full", payload(&certificate())), ("array", br#"{"aud":["pratique","x"]}"#.to_vec())],
        "stats_token" => vec![("token", stats_token().into_bytes()), ("payload", payload(&stats_token()))],
        "stats" => vec![("padded", json(&StatsRequest { padding: "AAAA".to_owned() })), ("bare", b"{}".to_vec())],
        "public_key" => public_keys(),
        "key_set" => key_sets(),
        "publish" => vec![("two_keys", json(&publish_request()))],
        "reports" => vec![("two_reports", json(&reports_request()))],
        "revision_token" => vec![("one_key", revision_token(1)), ("thirty_keys", revision_token(30))],
        "tcnreport" => {
            let line = base64::encode(fixtures::report(2, 1_345, &[0xa5; 255]).as_bytes());
            vec![
                ("shortest", base64::encode(fixtures::report(1, 24, &[]).as_bytes()).into_bytes()),
                ("broken_line", format!("{}\r\n{}\n", &line[..76], &line[76..]).into_bytes()),
            ]
        }
        "submit_report" => vec![("positive", submit_report(1, 24)), ("negative", submit_report(-32_000, -31_900))],
        "proof" => {
            vec![("zero", [&[b'A'; 62][..], b".0"].concat()), ("large", [&[b'_'; 62][..], b".1234567"].concat())]
        }
        "challenge" => {
            vec![("padded", json(&ChallengeRequest { padding: "AAAA".to_owned() })), ("bare", b"{}".to_vec())]
        }
        "verification" => verification_bodies(),
        "test_deployment" => vec![("two_hosts", br#"{"hosts":["test.example","[::1]:8443"]}"#.to_vec())],
        "forwarded" => vec![
            ("one_proxy", b"\x01203.0.113.7, 198.51.100.7:4711".to_vec()),
            ("three_proxies", b"\x03[2001:db8::7]:80\n10.0.0.1,::ffff:10.0.0.2".to_vec()),
        ],
        "envelope" => vec![("aes_gcm", envelope(Cipher::Aes128Gcm)), ("chacha", envelope(Cipher::ChaCha20Poly1305))],
        "binary_http" => vec![
            ("request", sealed_request().encode("keys.example", 64)),
            ("reply", sealed_reply().encode(64).expect("fits")),
            // RFC 9292, section 5.1: of unknown length.
            ("chunks", b"\x02\x03GET\x05https\0\x01/\0\x03abc\0\0".to_vec()),
        ],
        "ohttp_keys" => vec![("one", encode_keys([KEY.config()])), ("two", encode_keys([KEY.config(); 2]))],
        "index" => vec![("empty", Vec::new()), ("two_bundles", index().into_bytes())],
        "manifest" => vec![("two_bundles", manifest().into_bytes())],
        "phone" => vec![("written", "(+47) 912-34.567".into()), ("national", "91234567".into())],
        "delivery" => vec![("sample", include_bytes!("../../../deploy/config/text-messages.toml").to_vec())],
        "note" => vec![("manifest", note().into_bytes())],
        _ => Vec::new(),
    }
}

/// A token over so many keys.
fn revision_token(keys: u8) -> Vec<u8> {
    let entries = (0..keys).map(|number| RevisionEntry {
        key: TemporaryExposureKey::new(&[number; 16], 2_650_000, 144).expect("a key"),
        report_type: ReportType::Likely,
        revised: number % 2 == 1,
        proof: [number; 8],
    });
    revisions::KEY.seal(&RevisionToken::new(entries), revisions::AUTHORITY).into_bytes()
}

/// A small `export.bin` of one kind.
pub(super) fn export_bin(kind: Kind) -> &'static [u8] {
    static GAEN: LazyLock<Vec<u8>> = LazyLock::new(|| file_of(&bundle(Kind::Gaen), "export.bin"));
    static TCN: LazyLock<Vec<u8>> = LazyLock::new(|| file_of(&bundle(Kind::Tcn), "export.bin"));
    match kind {
        Kind::Gaen => &GAEN,
        Kind::Tcn => &TCN,
    }
}

/// Writes a bundle with the signatures that `sign` gives for its digest.
pub(super) fn write<E: Entry>(
    header: &Header,
    ordinary: &[E],
    revised: &[E],
    sign: impl FnOnce(&ExportDigest) -> Vec<Signature>,
) -> Vec<u8> {
    let mut writer = Writer::<E, _>::new(Cursor::new(Vec::new()), header).expect("a vector takes all");
    for entry in ordinary {
        writer.push(entry).expect("entries stand in bundle order");
    }
    for entry in revised {
        writer.push_revised(entry).expect("revised entries stand in bundle order");
    }
    let unsigned = writer.end().expect("a vector takes all");
    let signatures = sign(&unsigned.digest());
    unsigned.finish(&signatures).expect("the signatures are of the header's keys").0.into_inner()
}

fn bundle(kind: Kind) -> Vec<u8> {
    let key = fixtures::signing_key_id();
    let header = Header {
        region: fixtures::region(),
        start: fixtures::NOW.plus(-14_400),
        end: fixtures::NOW,
        signing: vec![key.clone()],
    };
    let sign = |digest: &ExportDigest| vec![Signature { key, bytes: fixtures::bundle_signer(kind).sign(digest) }];
    match kind {
        Kind::Gaen => {
            let revised = in_order(vec![fixtures::gaen_entry(40)]);
            write(&header, &in_order((1..=5).map(fixtures::gaen_entry).collect()), &revised, sign)
        }
        Kind::Tcn => write(&header, &in_order((1..=3).map(fixtures::tcn_entry).collect()), &[], sign),
    }
}

fn in_order<E: Entry>(mut entries: Vec<E>) -> Vec<E> {
    entries.sort_by(|a, b| (a.class(), a.order_bytes()).cmp(&(b.class(), b.order_bytes())));
    entries
}

fn file_of(bundle: &[u8], name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bundle)).expect("our own zip opens");
    let mut content = Vec::new();
    archive.by_name(name).expect("both files are there").read_to_end(&mut content).expect("our own zip inflates");
    content
}

fn claims(commitment: Commitment) -> Claims {
    Claims {
        issuer: fixtures::ISSUER.to_owned(),
        audience: fixtures::AUDIENCE.to_owned(),
        issued_at: fixtures::NOW,
        expires_at: fixtures::NOW.plus(900),
        report_type: ReportType::Confirmed,
        symptom_onset: Some(proto::Interval::containing(fixtures::NOW).midnight().plus(-288)),
        commitment,
    }
}

fn certificate() -> String {
    certificate_for(commitment_key().commit_keys(&[]))
}

/// A certificate of the fixtures' authority for a commitment.
pub(super) fn certificate_for(commitment: Commitment) -> String {
    fixtures::certificate_signer().sign(&claims(commitment))
}

/// A stats token of the fixtures' authority, for as long as one may live: the services' clock goes on from the fixtures' moment.
pub(super) fn stats_token() -> String {
    fixtures::certificate_signer().sign_stats_token(&StatsClaims {
        issuer: fixtures::ISSUER.to_owned(),
        audience: server::DEFAULT_STATS_AUDIENCE.to_owned(),
        issued_at: fixtures::NOW,
        expires_at: fixtures::NOW.plus(MAX_STATS_LIFE),
    })
}

fn es256_certificate() -> String {
    let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"ES256","typ":"JWT"}"#);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(payload(&certificate())));
    let signature: p256::ecdsa::Signature = fixtures::es256_signing_key().sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn payload(certificate: &str) -> Vec<u8> {
    let part = certificate.split('.').nth(1).expect("a JWT has three parts");
    URL_SAFE_NO_PAD.decode(part).expect("our own JWT is base64url")
}

fn public_keys() -> Vec<(&'static str, Vec<u8>)> {
    let [gaen, tcn] = Kind::ALL.map(|kind| fixtures::bundle_signer(kind).public_key());
    vec![
        ("p256_pem", gaen.to_pem().into_bytes()),
        ("ed25519_pem", tcn.to_pem().into_bytes()),
        ("p256_der", gaen.to_spki()),
        ("ed25519_der", tcn.to_spki()),
    ]
}

/// What we publish, and a set with names of its own among keys that are of no use.
fn key_sets() -> Vec<(&'static str, Vec<u8>)> {
    let ours: Vec<_> = fixtures::certificate_keys().iter().map(proto::certificate::CertificateKey::to_jwk).collect();
    let mut named = ours[0].clone();
    named["kid"] = "2021-05".into();
    let mixed = serde_json::json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }, named, { "kty": "oct" }] });
    vec![("ours", json(&serde_json::json!({ "keys": ours }))), ("mixed", json(&mixed))]
}

fn commitment_key() -> HmacKey {
    HmacKey::new(&HMAC_KEY).expect("16 bytes")
}

fn publish_request() -> PublishRequest {
    let keys: Vec<ExposureKey> = [1, 2].map(|n| exposure_key(&fixtures::gaen_key(n))).into();
    let segments: Vec<KeySegment<'_>> = keys.iter().map(KeySegment::from).collect();
    let verification_payload = certificate_for(commitment_key().commit_keys(&segments));
    PublishRequest {
        temporary_exposure_keys: keys,
        health_authority_id: fixtures::ISSUER.to_owned(),
        verification_payload,
        hmac_key: base64::encode(&HMAC_KEY),
        symptom_onset_interval: Some(i64::from(proto::Interval::containing(fixtures::NOW).number()) - 288),
        padding: "AAAA".to_owned(),
        ..PublishRequest::default()
    }
}

fn exposure_key(key: &TemporaryExposureKey) -> ExposureKey {
    ExposureKey {
        key: base64::encode(key.data()),
        rolling_start_number: i64::from(key.rolling_start().number()),
        rolling_period: i64::from(key.rolling_period()),
        transmission_risk: 3,
    }
}

fn reports_request() -> ReportsRequest {
    let signed: [SignedReport; 2] = [1, 2].map(|n| fixtures::report(n, 24, &[]));
    let reports: Vec<String> = signed.iter().map(|report| base64::encode(report.as_bytes())).collect();
    let texts: Vec<&str> = reports.iter().map(String::as_str).collect();
    let verification_payload = certificate_for(commitment_key().commit_reports(&texts));
    ReportsRequest {
        health_authority_id: fixtures::ISSUER.to_owned(),
        verification_payload,
        hmac_key: base64::encode(&HMAC_KEY),
        padding: "AAAA".to_owned(),
        reports,
    }
}

/// The parts of a report, with other indexes than were signed.
fn submit_report(first: i64, last: i64) -> Vec<u8> {
    let report = fixtures::report(3, 24, &[1]);
    let bytes = report.as_bytes();
    json(&SubmitReportRequest {
        temporary_contact_key_bytes: base64::encode(&bytes[32..64]),
        start_index: first,
        end_index: last,
        memo_data: base64::encode(report.memo_data()),
        memo_type: 1,
        report_verification_public_key_bytes: base64::encode(&bytes[..32]),
        signature_bytes: base64::encode(&bytes[bytes.len() - 64..]),
    })
}

fn verification_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let issue = IssueRequest {
        test_type: "confirmed".to_owned(),
        symptom_date: "2020-05-30".to_owned(),
        test_date: "2020-05-31".to_owned(),
        tz_offset: 120,
        uuid: "5148c75c-2bc5-4874-9d1c-f9185d0e1b8a".to_owned(),
        external_issuer_id: "ward 7".to_owned(),
        ..IssueRequest::default()
    };
    let verify = VerifyRequest {
        code: "12345678".to_owned(),
        accept: vec!["confirmed".to_owned(), "user-report".to_owned()],
        nonce: base64::encode(&[7; 16]),
        padding: String::new(),
    };
    let commitment = base64::encode(commitment_key().commit_keys(&[]).as_bytes());
    let certificate =
        CertificateRequest { token: base64::encode(&[8; 48]), ekeyhmac: commitment, padding: String::new() };
    let status = CodeStatusRequest { uuid: issue.uuid.clone(), padding: String::new() };
    let batch = BatchIssueRequest { codes: vec![issue.clone(), IssueRequest::default()], padding: String::new() };
    let report = UserReportRequest {
        symptom_date: issue.symptom_date.clone(),
        test_date: issue.test_date.clone(),
        tz_offset: issue.tz_offset,
        phone: "+4791234567".to_owned(),
        nonce: base64::encode(&[9; 256]),
        padding: String::new(),
    };
    let long = VerifyRequest { code: "abcd efgh-0123-4567".to_owned(), ..verify.clone() };
    vec![
        ("issue", json(&issue)),
        ("batch", json(&batch)),
        ("status", json(&status)),
        ("report", json(&report)),
        ("verify", json(&verify)),
        ("verify-long", json(&long)),
        ("certificate", json(&certificate)),
    ]
}

fn index() -> String {
    let paths: Vec<String> = listed().into_iter().map(|bundle| bundle.path).collect();
    proto::index::render(&paths)
}

fn manifest() -> String {
    let current = AnnouncedKey {
        usage: KeyUse::Current,
        key: fixtures::signing_key_id(),
        spki: fixtures::bundle_signer(Kind::Gaen).public_key().to_spki(),
        not_before: fixtures::NOW.plus(-86_400),
    };
    let next = AnnouncedKey { usage: KeyUse::Next, not_before: fixtures::NOW.plus(86_400), ..current.clone() };
    let keys = vec![current, next];
    let gateways =
        GatewayService::ALL.map(|service| AnnouncedGateway { service, sha256: KEY.config().sha256() }).into();
    Manifest { feed: feed(), number: 3, time: fixtures::NOW, keys, gateways, bundles: listed() }.render()
}

fn note() -> String {
    fixtures::note_signer().sign(&manifest()).expect("a manifest can be signed")
}

/// The feed of the manifest.
pub(super) fn feed() -> Feed {
    Feed::verified(fixtures::region(), Kind::Gaen)
}

fn listed() -> Vec<ListedBundle> {
    let bundle = |sequence: u64, start: i64, end: i64| {
        let (start, end) = (fixtures::NOW.plus(start), fixtures::NOW.plus(end));
        ListedBundle {
            sequence,
            from_sequence: sequence,
            start,
            end,
            count: 5,
            revised: 1,
            bytes: 500,
            zip_sha256: [9; 32],
            export_sha256: [10; 32],
            format: 1,
            path: proto::index::bundle_path(&feed(), start, end),
        }
    };
    vec![bundle(1, -7_200, -3_600), bundle(2, -3_600, 0)]
}

/// A body as it travels.
pub(super) fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("a body of strings and numbers serialises")
}

fn sealed_request() -> InnerRequest {
    let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
    let (method, path, body) = ("POST".to_owned(), "/v1/publish".to_owned(), json(&publish_request()));
    InnerRequest { method, path, headers, body }
}

fn sealed_reply() -> InnerReply {
    InnerReply { status: 200, headers: vec![("retry-after".to_owned(), b"5".to_vec())], body: b"{}".to_vec() }
}

fn envelope(cipher: Cipher) -> Vec<u8> {
    let key = KEY.config().with_cipher(cipher).expect("our keys take both");
    seal_request(&key, &sealed_request().encode("", 64), &mut rng()).expect("a good key").0
}
