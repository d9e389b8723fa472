//! Codes by text message, over real HTTP to a provider.

use std::fs::{OpenOptions, create_dir_all};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};

use crate::http::{self, Answer};
use crate::program::{Served, complaint, json_of, program, run, set_up};
use crate::provider::{Asked, Provider, Says};
use crate::service::Service;

const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
const PHONE: &str = "+4791234567";
/// The key of the webhook.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";

/// Settings of authority `no` that name a provider, with `more` at their end.
pub(crate) fn settings(dir: &Path, sender: &str, more: &str) {
    let text = format!(
        "calling_codes = ['47']\nregion = 'NO'\nlink = 'https://no.example/v'\n[sender]\n{sender}\n\
         [templates]\ndefault = 'Code [code], [enslink]'\n{more}"
    );
    private(&dir.join("delivery/no.toml"), &text);
}

fn private(path: &Path, text: &str) {
    create_dir_all(path.parent().expect("a directory")).expect("made");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).expect("written");
}

fn twilio(url: &str) -> String {
    format!("kind = 'twilio'\nurl = '{url}'\naccount = 'AC1'\ntoken = 'hush'\nfrom = '+4759440000'")
}

pub(crate) fn webhook(url: &str) -> String {
    format!("kind = 'webhook'\nurl = '{url}/messages'\nkey = '{KEY}'\ntimeout_seconds = 60")
}

/// The same wish under the same uuid.
fn wish() -> Value {
    json!({ "testType": "likely", "phone": PHONE, "uuid": UUID })
}

fn issue(service: &Service) -> Answer {
    service.post("/api/issue", &service.admin, &wish())
}

/// The long code of a message.
pub(crate) fn long_code(body: &str) -> &str {
    body.split_once("https://no.example/v?r=NO&c=").expect("a link").1
}

/// What `openssl` prints, given `input`.
fn openssl(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("openssl");
    let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("openssl runs");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("finished");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_twilio_account_gets_the_message_as_its_api_wants_it() {
    let (dir, provider) = (tempfile::tempdir().expect("a directory"), Provider::start());
    settings(dir.path(), &twilio(&provider.url()), "");
    let service = Service::start(dir.path());
    let answer = issue(&service);
    assert_eq!((answer.status, answer.text("smsStatus").as_str()), (200, "delivered"));
    let asked = provider.next();
    assert!(asked.head.starts_with("POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\n"), "{}", asked.head);
    let credentials = format!("Basic {}", STANDARD.encode("AC1:hush"));
    assert_eq!(asked.header("authorization"), credentials);
    assert_eq!(asked.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!((asked.field("To").as_str(), asked.field("From").as_str()), (PHONE, "+4759440000"));
    let body = asked.field("Body");
    assert!(body.starts_with(&format!("Code {}, https://", answer.text("code"))), "{body}");
    assert_eq!(service.verify(&json!({ "code": long_code(&body) })).text("testtype"), "likely");
    assert!(provider.is_idle());
}

#[test]
fn a_webhook_knows_its_authority_by_the_signature() {
    let (dir, provider) = (tempfile::tempdir().expect("a directory"), Provider::start());
    settings(dir.path(), &webhook(&provider.url()), "");
    let service = Service::start(dir.path());
    provider.says(Says::Status(503, ""));
    let before = issue(&service);
    assert_eq!((before.status, before.text("smsStatus").as_str()), (200, "unknown"));
    provider.says(Says::Status(204, ""));
    let after = issue(&service);
    assert_eq!((after.text("code"), after.text("smsStatus").as_str()), (before.text("code"), "delivered"));

    let [first, second] = [provider.next(), provider.next()];
    for asked in [&first, &second] {
        assert!(asked.head.starts_with("POST /messages HTTP/1.1\r\n"));
        // The recipe for receivers.
        let signed = format!("{}.{}", asked.header("x-pratique-timestamp"), asked.body);
        let expected = openssl(&["dgst", "-sha256", "-hmac", KEY], &signed);
        assert!(expected.trim_end().ends_with(&format!("= {}", asked.header("x-pratique-signature"))), "{expected}");
    }
    let read = |asked: &Asked| serde_json::from_str::<Value>(&asked.body).expect("JSON");
    let (first, second) = (read(&first), read(&second));
    assert_eq!(first["to"], PHONE);
    assert_eq!((&first["id"], &first["body"]), (&second["id"], &second["body"]), "the same message, to be sent once");
}

#[test]
fn what_the_provider_refuses_is_expired() {
    let (dir, provider) = (tempfile::tempdir().expect("a directory"), Provider::start());
    settings(dir.path(), &twilio(&provider.url()), "");
    let service = Service::start(dir.path());
    // A message may also be taken and given up at once.
    for (status, said) in [(400, r#"{"code":21211}"#), (401, ""), (201, r#"{"status":"failed"}"#)] {
        provider.says(Says::Status(status, said));
        let uuid = format!("0f8fad5b-d9cb-469f-a165-708677289{status}");
        let wish = json!({ "testType": "likely", "phone": PHONE, "uuid": uuid });
        let refused = service.post("/api/issue", &service.admin, &wish);
        assert_eq!((refused.status, refused.text("errorCode").as_str()), (400, "sms_failure"), "{status}");
        assert!(refused.text("error").contains("expired"));
        let body = provider.next().field("Body");
        let code = &body["Code ".len()..][..8];
        for form in [code, long_code(&body)] {
            assert_eq!(service.verify(&json!({ "code": form })).text("errorCode"), "code_expired");
        }
        let again = service.post("/api/issue", &service.admin, &wish);
        assert_eq!(again.text("errorCode"), "uuid_already_exists");
        assert!(provider.is_idle());
    }
}

#[test]
fn what_is_unclear_keeps_the_code_and_is_sent_again_until_it_is_delivered() {
    let (dir, provider) = (tempfile::tempdir().expect("a directory"), Provider::start());
    let limits = "[limits]\nper_number_a_day = 20";
    // Nobody waits a minute for the provider that says nothing.
    let hasty = webhook(&provider.url()).replace("timeout_seconds = 60", "timeout_seconds = 1");
    settings(dir.path(), &hasty, limits);
    let service = Service::start(dir.path());
    let elsewhere = Provider::start();
    let mut codes = Vec::new();
    let says = [
        Says::Status(500, "{}"),
        Says::Status(429, ""),
        Says::Status(408, ""),
        Says::Status(409, ""),
        Says::Elsewhere(307, elsewhere.url()),
        Says::Elsewhere(302, elsewhere.url()),
        Says::Nothing,
    ];
    for says in says {
        provider.says(says.clone());
        let answer = issue(&service);
        assert_eq!((answer.status, answer.text("smsStatus").as_str()), (200, "unknown"), "{says:?}");
        codes.push(answer.text("code"));
        provider.next();
    }
    // Nobody is there at all.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    settings(dir.path(), &webhook(&format!("http://{closed}")), limits);
    assert_eq!(issue(&service).text("smsStatus"), "unknown");

    settings(dir.path(), &webhook(&provider.url()), limits);
    provider.says(Says::Status(200, "not JSON"));
    for _ in 0..2 {
        let answer = issue(&service);
        assert_eq!(answer.text("smsStatus"), "delivered");
        codes.push(answer.text("code"));
    }
    provider.next();
    assert!(provider.is_idle(), "what is known to be delivered is not sent again");
    assert!(elsewhere.is_idle(), "nobody is sent from one address to another");
    assert!(codes.iter().all(|code| *code == codes[0]));
    assert_eq!(service.verify(&json!({ "code": codes[0] })).status, 200);
}

#[test]
fn a_code_whose_service_dies_while_it_is_sent_is_sent_when_it_is_asked_for_again() {
    let (dir, provider) = (tempfile::tempdir().expect("a directory"), Provider::start());
    let [admin, device] = set_up(dir.path());
    settings(dir.path(), &webhook(&provider.url()), "");
    let start = || {
        let mut command = program(dir.path());
        command.env("VERIFICATION_DELIVERY_DIR", "delivery");
        Served::spawn(command)
    };
    provider.says(Says::Nothing);
    let served = start();
    let address = served.address;
    let asking = {
        let admin = admin.clone();
        std::thread::spawn(move || http::post_in_vain(address, "/api/issue", &admin, &wish()))
    };
    let first = provider.next();
    drop(served);
    assert!(asking.join().expect("finished").is_none(), "killed before it could answer");

    provider.says(Says::Status(200, ""));
    let served = start();
    let answer = http::post(served.address, "/api/issue", &admin, &wish());
    assert_eq!(answer.text("smsStatus"), "delivered");
    assert_eq!(provider.next().body, first.body, "the same code under the same id");
    let claim = json!({ "code": answer.text("code") });
    assert_eq!(http::post(served.address, "/api/verify", &device, &claim).status, 200);
}

#[test]
fn phones_can_tell_that_a_message_is_no_forgery() {
    let (dir, provider) = (tempfile::tempdir().expect("a directory"), Provider::start());
    let key = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "");
    private(&dir.path().join("delivery/sms.pem"), &key);
    let more = "[authentication]\nkey_file = 'sms.pem'\nkey_id = 'v1'";
    settings(dir.path(), &webhook(&provider.url()), more);
    let service = Service::start(dir.path());
    assert_eq!(issue(&service).text("smsStatus"), "delivered");

    let asked = provider.next();
    let asked: Value = serde_json::from_str(&asked.body).expect("JSON");
    let body = asked["body"].as_str().expect("a text");
    let (message, signature) = body.rsplit_once("\nAuthentication:").expect("signed");
    let parts: Vec<&str> = signature.split(':').collect();
    assert_eq!((parts.len(), parts[0].len(), parts[1]), (3, 4, "v1"), "{signature}");
    let date = Command::new("date").args(["-u", "+%Y"]).output().expect("a year").stdout;
    let date = format!("{}-{}-{}", String::from_utf8_lossy(&date).trim(), &parts[0][..2], &parts[0][2..]);
    let signed = format!("EN Report.{PHONE}.{date}.{message}\nAuthentication:");

    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    std::fs::write(path("public.pem"), openssl(&["pkey", "-pubout"], &key)).expect("written");
    std::fs::write(path("signature"), STANDARD_NO_PAD.decode(parts[2]).expect("base64")).expect("written");
    let said = openssl(&["dgst", "-sha256", "-verify", &path("public.pem"), "-signature", &path("signature")], &signed);
    assert_eq!(said.trim(), "Verified OK");
}

#[test]
fn a_provider_that_cannot_show_who_it_is_hears_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    openssl(
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            &path("key.pem"),
            "-out",
            &path("ca.pem"),
        ],
        "",
    );
    let provider = Provider::start_with_tls(tls(&path("ca.pem"), &path("key.pem")));
    let url = format!("https://localhost:{}", provider.address.port());
    settings(dir.path(), &webhook(&url), "");
    let service = Service::start(dir.path());
    assert_eq!(issue(&service).text("smsStatus"), "unknown");
    assert!(provider.is_idle());
    let trusted = format!("{}\nca_file = '{}'", webhook(&url), path("ca.pem"));
    settings(dir.path(), &trusted, "");
    assert_eq!(issue(&service).text("smsStatus"), "delivered");
    assert!(provider.next().body.contains(PHONE));
}

fn tls(certificate: &str, key: &str) -> rustls::ServerConfig {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    config
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("they belong together")
}

#[test]
fn staff_send_codes_from_the_command_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    set_up(dir);
    settings(dir, "kind = 'file'\npath = 'texts'", "");
    let command = ["issue", "--authority", "no", "--delivery-dir", "delivery"];
    let with = |more: &[&'static str]| [&command[..], more].concat();
    let sent = json_of(dir, &with(&["--test-type", "likely", "--phone", "91234567"]));
    assert_eq!((&sent["sms_status"], &sent["generated_sms"]), (&json!("delivered"), &Value::Null));
    let text = std::fs::read_to_string(dir.join("delivery/texts")).expect("written");
    let text: Value = serde_json::from_str(text.trim()).expect("a line");
    assert_eq!(text["to"], PHONE);
    assert!(text["body"].as_str().expect("a text").ends_with(sent["long_code"].as_str().expect("a code")));

    let written = json_of(dir, &with(&["--test-type", "likely", "--phone", "91234567", "--only-generate-sms"]));
    let generated = written["generated_sms"].as_str().expect("a text");
    assert!(generated.contains(written["code"].as_str().expect("a code")) && written["sms_status"].is_null());
    let said = complaint(dir, &with(&["--test-type", "likely", "--phone", "+4670123456789"]));
    assert!(said.contains("(phone_number_invalid)") && !said.contains("70123456789"), "{said}");
    let said = run(dir, &with(&["--test-type", "likely", "--phone", "91234567"]));
    assert!(String::from_utf8_lossy(&said.stdout).ends_with("\nThe text message was sent.\n"));

    let list = "testType,phone,onlyGenerateSMS\nlikely,90000000,\nlikely,12,\nlikely,,\nlikely,90010000,true\n";
    std::fs::write(dir.join("people.csv"), list).expect("written");
    let listed = run(dir, &with(&["--csv", "people.csv"]));
    let mut reader = csv::Reader::from_reader(listed.stdout.as_slice());
    let columns: Vec<_> = reader.headers().expect("columns").iter().map(str::to_owned).collect();
    assert_eq!(columns[5..], ["sms_status", "generated_sms", "error_code", "error"]);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    let column = |at: usize| rows.iter().map(|row| row[at].to_owned()).collect::<Vec<_>>();
    assert_eq!(column(5), ["delivered", "", "", ""]);
    assert_eq!(column(7), ["", "phone_number_invalid", "", ""]);
    assert!(rows[3][6].starts_with(&format!("Code {}", &rows[3][1])));
}
