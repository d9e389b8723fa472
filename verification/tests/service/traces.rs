//! What is left behind, on the disk and in the log.

use std::collections::HashSet;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tracing_subscriber::filter::LevelFilter;

use crate::http::post_chunks;
use crate::provider::{Provider, Says};
use crate::service::Service;
use crate::texting::{KEY, settings, webhook};

/// Everything that is logged in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Plays `people` people through the service, some only half the way, and returns everything that nobody else should ever see.
fn play(service: &Service, people: u8) -> Vec<Vec<u8>> {
    let mut secrets = Vec::new();
    let mut keep = |text: String| {
        let spellings = [STANDARD.decode(&text).ok(), URL_SAFE_NO_PAD.decode(&text).ok()];
        secrets.extend(spellings.into_iter().flatten().filter(|bytes| bytes.len() >= 16));
        secrets.push(text.into_bytes());
    };
    for person in 0..people {
        let code = service.issue();
        keep(code.clone());
        let nonce = STANDARD.encode([b"nonce".as_slice(), &[person; 16]].concat());
        let request = match person % 4 {
            0 => continue,
            1 => json!({ "code": code }),
            _ => json!({ "code": code, "nonce": nonce }),
        };
        keep(nonce);
        let token = service.verify(&request).text("token");
        for commitment in [[b'c', person], [b'd', person]].map(|seed| STANDARD.encode(seed.repeat(16))) {
            let certificate = service.certificate(&token, &commitment).text("certificate");
            keep(commitment);
            certificate.split('.').skip(1).for_each(|part| keep(part.to_owned()));
        }
        // The first half of a token is the row's own name, which tells nothing without the other.
        let mac = URL_SAFE_NO_PAD.decode(&token).expect("base64url").split_off(16);
        keep(STANDARD.encode(mac));
        keep(token);
    }
    keep(service.admin.clone());
    keep(service.device.clone());
    secrets
}

/// Lets `people` people report about themselves, some only half the way, and returns what nobody else should see.
fn report(service: &Service, dir: &Path, people: u8) -> Vec<Vec<u8>> {
    let mut secrets = Vec::new();
    for person in 0..people {
        let (number, nonce) = (format!("912345{person:02}"), [b'n', person].repeat(128));
        let wish = json!({ "phone": format!("+47 {number}"), "nonce": STANDARD.encode(&nonce) });
        assert_eq!(service.post("/api/user-report", &service.device, &wish).status, 200);
        let texts = std::fs::read_to_string(dir.join("delivery/texts")).expect("a file");
        let text: Value = serde_json::from_str(texts.lines().last().expect("a message")).expect("JSON");
        let words: Vec<&str> = text["body"].as_str().expect("a text").split([' ', ',', '=']).collect();
        let (code, long_code) = (words[1].to_owned(), words[words.len() - 1].to_owned());
        assert_eq!((text["to"].as_str(), code.len(), long_code.len()), (Some(&*format!("+47{number}")), 8, 16));
        if person % 2 == 0 {
            let claim = json!({ "code": code, "nonce": STANDARD.encode(&nonce) });
            secrets.push(service.verify(&claim).text("token").into_bytes());
        }
        secrets.extend([number.into_bytes(), STANDARD.encode(&nonce).into_bytes(), nonce]);
        secrets.extend([code.into_bytes(), long_code.into_bytes()]);
    }
    secrets
}

/// Has codes sent to phones, and returns the numbers, the codes that the messages carried, and the key under which the provider was asked.
fn text(service: &Service, provider: &Provider) -> Vec<Vec<u8>> {
    let mut secrets = vec![KEY.as_bytes().to_vec()];
    for person in 0..24 {
        provider.says(match person % 3 {
            0 => Says::Status(200, ""),
            1 => Says::Status(400, ""),
            _ => Says::Status(500, ""),
        });
        let national = format!("9876{person:04}");
        let request = json!({ "testType": "likely", "phone": national, "uuid": format!("b7{person:030}") });
        let answer = service.post("/api/issue", &service.admin, &request);
        assert_eq!(answer.status, if person % 3 == 1 { 400 } else { 200 });
        let asked: Value = serde_json::from_str(&provider.next().body).expect("JSON");
        let body = asked["body"].as_str().expect("a text");
        secrets.push(format!("+47{national}").into_bytes());
        secrets.push(national.into_bytes());
        secrets.push(body.as_bytes()["Code ".len()..][..8].to_vec());
        secrets.push(body.as_bytes()[body.len() - 16..].to_vec());
    }
    secrets
}

/// Sends requests to every route that are refused, each with something in it that can be found, and returns what nobody should find.
fn be_refused(service: &Service) -> Vec<Vec<u8>> {
    let word = |number: usize| format!("hearsay-{number:03}");
    let (device, admin) = (service.device.clone(), service.admin.clone());
    let report = json!({ "phone": "+4791234567", "nonce": STANDARD.encode([1; 256]) });
    let none = json!({});
    let routes = [
        ("/api/user-report", &device, &report, vec!["symptomDate", "testDate", "tzOffset", "phone", "nonce"]),
        ("/api/verify", &device, &none, vec!["code", "accept", "nonce"]),
        ("/api/certificate", &device, &none, vec!["token", "ekeyhmac"]),
        ("/api/issue", &admin, &none, vec!["testType"]),
        (
            "/api/issue",
            &admin,
            &json!({ "testType": "likely" }),
            vec!["symptomDate", "testDate", "tzOffset", "phone", "uuid"],
        ),
        ("/api/batch-issue", &admin, &none, vec!["codes"]),
        ("/api/checkcodestatus", &admin, &none, vec!["uuid"]),
        ("/api/expirecode", &admin, &none, vec!["uuid"]),
    ];
    let with = |rest: &Value, field: &str, value: Value| {
        let mut body = rest.clone();
        body[field] = value;
        body
    };
    let mut words = Vec::new();
    for (path, key, rest, fields) in routes {
        let mut send = |key: &str, body: &dyn Fn(&str) -> Value| {
            let word = word(words.len());
            let answer = service.post(path, key, &body(&word));
            assert!((400..500).contains(&answer.status), "{path} {word}: {}", answer.status);
            assert!(!String::from_utf8_lossy(&answer.body).contains("hearsay"), "{path} {word}");
            words.push(word.into_bytes());
        };
        for field in fields {
            // As text, in a list, and as the name of something inside.
            send(key, &|word| with(rest, field, json!(word)));
            send(key, &|word| with(rest, field, json!([word])));
            send(key, &|word| with(rest, field, json!({ word: 1 })));
        }
        send(key, &|word| with(rest, word, json!(1)));
        send(key, &|word| json!({ "padding": [word] }));
        send(key, &|word| json!([word]));
        send(key, &|word| json!(word));
        send(key, &|word| json!({ "padding": word.repeat(6_000) }));
        send("", &|word| json!({ "phone": word }));
        send("hearsay-key", &|word| json!({ "uuid": word }));
        let answer = post_chunks(service.address, path, key, &[b"{\"padding\": \"hearsay-raw", b"\xff"]);
        assert_eq!(answer.status, 400);
    }
    words.extend([b"hearsay-raw".to_vec(), b"hearsay-key".to_vec()]);
    words
}

/// The database's files. One that goes while they are read has been moved into another, as at the end of a service: then all are read anew.
fn disk(dir: &Path) -> Vec<u8> {
    let database = |name: &str| name.starts_with("codes.db");
    loop {
        let files = std::fs::read_dir(dir).expect("read").map(|file| file.expect("a file"));
        let files: Vec<_> = files.filter(|file| file.file_name().to_str().is_some_and(database)).collect();
        assert!(!files.is_empty());
        match files.iter().map(|file| std::fs::read(file.path())).collect::<Result<Vec<_>, _>>() {
            Ok(read) => return read.concat(),
            Err(why) => assert_eq!(why.kind(), ErrorKind::NotFound, "{why}"),
        }
    }
}

/// Takes the checksums and the times of migrations out, in which a code would be found by chance: runs of so many digits as no secret here has, and nine
/// decimals.
fn without_migrations(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut begin = 0;
    while begin < bytes.len() {
        let digits = bytes[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let decimals = digits == 9 && begin > 0 && bytes[begin - 1] == b'.';
        if digits >= 17 || decimals {
            bytes[begin..begin + digits].fill(b'-');
        }
        begin += digits + 1;
    }
    bytes
}

/// Bytes in which many things are looked for.
struct Haystack {
    bytes: Vec<u8>,
    /// Every run of as many bytes as the shortest secret has, a code.
    runs: HashSet<[u8; 8]>,
}

impl Haystack {
    fn new(bytes: Vec<u8>) -> Self {
        let runs = bytes.windows(8).filter_map(|run| run.try_into().ok()).collect();
        Self { bytes, runs }
    }

    fn holds(&self, needle: &[u8]) -> bool {
        let begins = needle.first_chunk().is_some_and(|run| self.runs.contains(run));
        begins && self.bytes.windows(needle.len()).any(|window| window == needle)
    }

    fn holds_none_of(&self, secrets: &[Vec<u8>]) {
        for secret in secrets {
            assert!(!self.holds(secret), "{}", String::from_utf8_lossy(secret));
        }
    }
}

#[test]
fn neither_disk_nor_log_holds_what_is_nobody_elses_business() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).expect("the only one in this program");

    let dir = tempfile::tempdir().expect("a directory");
    settings(dir.path(), "kind = 'file'\npath = 'texts'", "");
    let provider = Provider::start();
    let mut service = Service::start(dir.path());
    let uuid = [0xa7; 16];
    let order = json!({ "testType": "likely", "uuid": "a7".repeat(16) });
    assert_eq!(service.post("/api/issue", &service.admin, &order).status, 200);
    let mut secrets = play(&service, 40);
    assert!(secrets.len() > 500);
    secrets.extend(report(&service, dir.path(), 20));
    settings(dir.path(), &webhook(&provider.url()), "");
    secrets.extend(text(&service, &provider));
    settings(dir.path(), "kind = 'file'\npath = 'texts'", "");
    secrets.extend(be_refused(&service));

    // Once while the service runs, with its write-ahead log, and once when it has put everything into its place.
    for _ in 0..2 {
        let disk = Haystack::new(without_migrations(disk(dir.path())));
        assert!(disk.holds(&uuid) && disk.holds(b"pratique"), "the search finds what is there");
        disk.holds_none_of(&secrets);
        service.stop();
    }
    let log = Haystack::new(log.0.lock().unwrap_or_else(PoisonError::into_inner).clone());
    assert!(log.holds(b"starting service"), "the log was listened to");
    log.holds_none_of(&secrets);
}
