//! nginx in front of a directory bucket answers apps made from CoEpi's, with the configuration that `deploy/` has.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::{Kind, ReportType, Timestamp};
use tests::system::{NOON, System};

use crate::tools::repository;

/// Six hours; noon is where an interval begins.
const LENGTH: i64 = 21_600;
/// How long a program is waited for that does not start.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn an_app_made_from_coepis_reads_every_interval_through_nginx() -> anyhow::Result<()> {
    let (system, authority) = System::with_authority().await?;
    let (feed, n) = (authority.feed(Kind::Tcn), NOON.unix() / LENGTH);
    let nginx = Nginx::start(&system.tree(), &feed.to_string())?;
    let ask = |number: i64| nginx.ask(&format!("/tcnreport/0.4.0?intervalNumber={number}&intervalLength=21600"));

    // The first pass ever: what runs is rendered, what comes is not.
    system.export_with_rendering(&feed).await?;
    assert_eq!(reports(&ask(n)), Some(Vec::new()));
    assert_eq!((ask(n + 1).status, ask(n - 1).status), (503, 503));

    let mut phone = system.phone(1, &authority)?;
    let report = phone.signed_report(24)?;
    let code = authority.issue(ReportType::Confirmed, "2021-03-09").await?.code;
    phone.report_numbers(&code, std::slice::from_ref(&report)).await?;
    system.set_time(NOON.plus(3_600));
    assert_eq!(system.export_with_rendering(&feed).await?.feeds.iter().map(|feed| feed.sealed.len()).sum::<usize>(), 1);
    assert_eq!(ask(n + 1).status, 503, "nobody makes an answer up");

    // A quarter of an hour before the next interval it is there, and in its first second it is what it was.
    system.set_time(Timestamp::from_unix((n + 1) * LENGTH - 900));
    system.export_with_rendering(&feed).await?;
    let there = ask(n + 1);
    assert_eq!(reports(&there), Some(vec![report.as_bytes().to_vec()]));
    assert_eq!(there.header("content-type"), "application/json");
    assert!(there.header("cache-control").contains("immutable"), "{}", there.head);
    system.set_time(Timestamp::from_unix((n + 1) * LENGTH));
    system.export_with_rendering(&feed).await?;
    assert_eq!(ask(n + 1).body, there.body);
    let absent = ask(n + 2);
    assert_eq!((absent.status, absent.header("cache-control"), absent.header("retry-after")), (503, "no-store", "300"));

    // As apps may write it.
    let next = n + 1;
    for path in [
        format!("/tcnreport/v0.4.0?intervalNumber={next}&intervalLength=21600"),
        format!("/tcnreport/0.4.0?intervalLength=21600&intervalNumber={next}"),
        format!("/tcnreport/0.4.0?intervalLength=21600&other=1&intervalNumber={next}"),
    ] {
        assert_eq!(nginx.ask(&path).body, there.body, "{path}");
    }
    for (status, query) in [
        (400, String::new()),
        (400, format!("?intervalNumber={next}")),
        (400, "?intervalLength=21600".to_owned()),
        (400, "?intervalNumber=&intervalLength=21600".to_owned()),
        (400, format!("?intervalNumber=-{next}&intervalLength=21600")),
        (400, format!("?intervalNumber=0{next}&intervalLength=21600")),
        (400, format!("?intervalNumber={next}.json&intervalLength=21600")),
        (400, "?intervalNumber=../index.txt%00&intervalLength=21600".to_owned()),
        (400, format!("?intervalNumber={next}&intervalLength=x")),
        (404, format!("?intervalNumber={next}&intervalLength=3600")),
        (503, "?intervalNumber=9999999999&intervalLength=21600".to_owned()),
    ] {
        assert_eq!(nginx.ask(&format!("/tcnreport/0.4.0{query}")).status, status, "{query}");
    }
    assert_eq!(nginx.send("DELETE /tcnreport/0.4.0", "").status, 405);
    // The same address takes reports.
    assert_eq!(nginx.send("POST /tcnreport/0.4.0", "a report").body, b"stored: a report");
    Ok(())
}

/// The reports of an answer; none if it is no JSON array.
fn reports(answer: &Answer) -> Option<Vec<Vec<u8>>> {
    let encoded: Vec<String> = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200)?;
    encoded.iter().map(|report| STANDARD.decode(report).ok()).collect()
}

/// A running nginx, on a socket of its own; it ends with this value.
struct Nginx {
    process: Child,
    directory: tempfile::TempDir,
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Nginx {
    /// Starts it over a tree, with a key server behind it that says what it was sent.
    fn start(tree: &Path, feed: &str) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let at = |name: &str| directory.path().join(name).display().to_string();
        let temporary = ["client_body", "proxy", "fastcgi", "scgi", "uwsgi"]
            .map(|kind| format!("{kind}_temp_path {};", at(kind)))
            .concat();
        let configuration = format!(
            "daemon off; master_process off; pid {pid}; error_log {errors}; events {{}}
             http {{
                 access_log off; {temporary}
                 upstream pratique_server {{ server unix:{server}; }}
                 server {{ listen unix:{socket}; root {tree}; set $coepi_feed {feed}; include {rules}; }}
             }}",
            pid = at("pid"),
            errors = at("errors"),
            server = at("server"),
            socket = at("nginx"),
            tree = tree.display(),
            rules = fs::canonicalize(repository().join("deploy/nginx/coepi.conf"))?.display(),
        );
        fs::write(directory.path().join("nginx.conf"), configuration)?;
        serve(UnixListener::bind(directory.path().join("server"))?);
        let nginx = |arguments: &[&str]| {
            // Debian has it where only root looks for programs.
            let program = ["/usr/sbin/nginx", "nginx"].into_iter().find(|path| Path::new(path).exists());
            let mut command = Command::new(program.unwrap_or("nginx"));
            command.arg("-c").arg(directory.path().join("nginx.conf")).arg("-e").arg(at("errors")).args(arguments);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            command
        };
        let tested = nginx(&["-t"])
            .output()
            .map_err(|why| anyhow::anyhow!("nginx: {why}; apt-get install nginx-light (tests/run does it)"))?;
        anyhow::ensure!(tested.status.success(), "nginx -t: {}", String::from_utf8_lossy(&tested.stderr));
        let mut process = nginx(&[]).stderr(Stdio::null()).spawn()?;
        let (begun, socket) = (Instant::now(), directory.path().join("nginx"));
        while UnixStream::connect(&socket).is_err() {
            anyhow::ensure!(process.try_wait()?.is_none() && begun.elapsed() < PATIENCE, "nginx does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { process, directory })
    }

    fn ask(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "")
    }

    fn send(&self, line: &str, body: &str) -> Answer {
        let socket: PathBuf = self.directory.path().join("nginx");
        let mut stream = UnixStream::connect(socket).expect("nginx listens");
        let length = body.len();
        let request =
            format!("{line} HTTP/1.1\r\nHost: cdn\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head, body: answer.split_off(end + 4) }
    }
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let named = |line: &&str| line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
        self.head.lines().find(named).and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
    }
}

/// Nothing that a test started outlives it.
impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Answers one request with what it was sent. Its thread ends with it, or with the process.
fn serve(listener: UnixListener) {
    std::thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let mut request = Vec::new();
        let mut buffer = [0; 1_024];
        // The body is short, and known by its end.
        while !request.ends_with(b"a report") {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(read) => request.extend_from_slice(&buffer[..read]),
            }
        }
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 16\r\n\r\nstored: a report");
    });
}
