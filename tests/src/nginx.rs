//! A real nginx with the configuration of `deploy/nginx`, for as long as a test holds it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// How long a program is waited for that does not start or end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a start is tried whose port somebody else has taken meanwhile.
const TRIES: usize = 10;
/// The file in which nginx has its own settings.
const MAIN: &str = "main.conf";

/// What an nginx is to do.
#[derive(Debug, Default)]
pub struct Site<'a> {
    /// What stands in `http` before the servers.
    pub http: String,
    /// The insides of servers. Each is given a port of its own on loopback, and speaks TLS if it names a certificate.
    pub servers: Vec<String>,
    /// Processes that serve.
    pub workers: usize,
    /// What is said otherwise than in the files of `deploy/nginx`, which must say it as it stands on the left.
    pub changes: &'a [(&'a str, &'a str)],
}

/// A running nginx; it ends with this value.
#[derive(Debug)]
pub struct Nginx {
    process: Child,
    directory: PathBuf,
    addresses: Vec<SocketAddr>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answer {
    /// 200, 404 ...
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// All of it.
    pub body: Vec<u8>,
}

impl Nginx {
    /// Starts it with files in `directory`, which outlives it: a copy of `deploy/nginx`, and what nginx writes.
    ///
    /// # Errors
    /// If nginx is not there or does not take its settings, with what it says about them.
    pub fn start(directory: &Path, site: &Site<'_>) -> anyhow::Result<Self> {
        copy_configuration(directory, site.changes)?;
        for _ in 0..TRIES {
            let addresses = free_addresses(site.servers.len())?;
            write_main(directory, site, &addresses)?;
            check(&directory.join(MAIN))?;
            // Looking at settings makes an empty one.
            fs::remove_file(directory.join("pid"))?;
            let process = spawn(directory)?;
            let mut started = Self { process, directory: directory.to_owned(), addresses };
            if started.is_up()? {
                return Ok(started);
            }
        }
        bail!("nginx does not start: {}", fs::read_to_string(directory.join("errors")).unwrap_or_default())
    }

    /// Where a server listens, by its place in [`Site::servers`].
    ///
    /// # Panics
    /// If there are fewer.
    pub fn address(&self, server: usize) -> SocketAddr {
        self.addresses[server]
    }

    /// The processes of this nginx, the first one included.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn processes(&self) -> anyhow::Result<Vec<u32>> {
        let own = self.process.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children"))?;
        let children = children.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>()?;
        Ok([vec![own], children].concat())
    }

    /// Asks the first server for a path.
    ///
    /// # Errors
    /// As [`ask`].
    pub fn get(&self, path: &str) -> anyhow::Result<Answer> {
        ask(self.address(0), &format!("GET {path}"), &[], "")
    }

    /// Whether it listens; not, if it has ended because a port was taken.
    fn is_up(&mut self) -> anyhow::Result<bool> {
        let begun = Instant::now();
        // Its number is written when all ports are bound.
        while fs::read_to_string(self.directory.join("pid")).unwrap_or_default().is_empty() {
            if self.process.try_wait()?.is_some() {
                return Ok(false);
            }
            ensure!(begun.elapsed() < PATIENCE, "nginx neither starts nor ends");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(true)
    }
}

/// Nothing that a test started outlives it: the first process ends the others.
impl Drop for Nginx {
    fn drop(&mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        let begun = Instant::now();
        while asked.as_ref().is_ok_and(|status| status.success()) && begun.elapsed() < PATIENCE {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Answer {
    /// The value of a header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let named = |line: &&str| line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
        self.head.lines().find(named).and_then(|line| line.split_once(": ")).map_or("", |(_, value)| value)
    }
}

/// Sends one request over a connection of its own. `line` is method and path, `headers` are whole lines.
///
/// # Errors
/// If nobody answers.
pub fn ask(to: SocketAddr, line: &str, headers: &[&str], body: &str) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect(to)?;
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: nginx\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no head")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    Ok(Answer { status, head, body: answer.split_off(end + 4) })
}

/// Where the configuration stands.
pub fn configuration() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|above| above.join("deploy/nginx"))
        .find(|it| it.is_dir())
        .expect("deploy/nginx is above")
}

/// Copies `deploy/nginx`, with some things said otherwise.
///
/// # Errors
/// If a file cannot be copied, or none says what is to be changed.
pub fn copy_configuration(to: &Path, changes: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut made = vec![false; changes.len()];
    for entry in fs::read_dir(configuration())? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "conf") {
            continue;
        }
        let mut text = fs::read_to_string(&path)?;
        for ((from, into), made) in changes.iter().zip(&mut made) {
            *made |= text.contains(from);
            text = text.replace(from, into);
        }
        fs::write(to.join(path.file_name().context("a file has a name")?), text)?;
    }
    let missing = changes.iter().zip(made).find(|(_, made)| !made);
    ensure!(missing.is_none(), "no file of deploy/nginx says {missing:?}");
    Ok(())
}

/// Lets nginx look at a configuration.
///
/// # Errors
/// If nginx is not there or does not take it, with what it says.
pub fn check(configuration: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(program());
    command.arg("-t").arg("-e").arg("stderr").arg("-c").arg(configuration).stdin(Stdio::null());
    let tested = command.output().context("nginx does not start; apt-get install nginx-light (tests/run does it)")?;
    ensure!(tested.status.success(), "nginx -t: {}", String::from_utf8_lossy(&tested.stderr));
    Ok(())
}

/// Makes a certificate that nobody believes, and its key: `certificate.pem` and `key.pem`.
///
/// # Errors
/// If openssl is not there or does not make them.
pub fn make_certificate(directory: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    command.args(["-subj", "/CN=example.org", "-keyout"]).arg(directory.join("key.pem"));
    let made = command.arg("-out").arg(directory.join("certificate.pem")).output();
    let made = made.context("openssl does not start; apt-get install openssl (tests/run does it)")?;
    ensure!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

/// Debian has it where only root looks for programs.
fn program() -> &'static str {
    ["/usr/sbin/nginx", "nginx"].into_iter().find(|path| Path::new(path).exists()).unwrap_or("nginx")
}

/// Addresses that were free a moment ago. nginx takes no port 0.
fn free_addresses(count: usize) -> anyhow::Result<Vec<SocketAddr>> {
    let free = |_| TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), 0));
    let listeners = (0..count).map(free).collect::<Result<Vec<_>, _>>()?;
    Ok(listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?)
}

fn write_main(directory: &Path, site: &Site<'_>, addresses: &[SocketAddr]) -> anyhow::Result<()> {
    let here = directory.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {here}/{kind};\n"))
        .concat();
    let servers: String = site
        .servers
        .iter()
        .zip(addresses)
        .map(|(inside, address)| {
            let tls = if inside.contains("ssl_certificate ") { " ssl" } else { "" };
            format!("server {{ listen {address}{tls} backlog=4096;\n{inside}\n}}\n")
        })
        .collect();
    let (workers, http) = (site.workers.max(1), &site.http);
    let main = format!(
        "daemon off; user root; worker_processes {workers}; pid {here}/pid; error_log {here}/errors warn; pcre_jit on;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\ninclude http.conf;\n{temporary}{http}\n{servers}}}\n"
    );
    Ok(fs::write(directory.join(MAIN), main)?)
}

/// It ends with the thread that starts it, too, whatever becomes of that.
fn spawn(directory: &Path) -> anyhow::Result<Child> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM"]).arg(program()).arg("-e").arg(directory.join("errors"));
    command.arg("-c").arg(directory.join(MAIN)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().context("setpriv; apt-get install util-linux")
}
