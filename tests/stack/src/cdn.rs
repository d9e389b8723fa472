//! nginx with the files of `deploy/nginx`: the reverse proxy of the services, and the CDN of the bucket.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::programs::root;

/// Where Debian keeps the program, out of PATH.
const DEBIAN: &str = "/usr/sbin/nginx";
/// How long the cache in front of an object store takes lists for new, in `deploy/nginx`.
const FRESH: &str = "proxy_cache_valid 200 10s;";

/// What the CDN takes objects from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// A directory.
    Directory(PathBuf),
    /// A prefix of a bucket in an object store: where it listens, and the path of the prefix.
    ObjectStore(SocketAddr, String),
}

/// What nginx is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where phones reach the verification services, the key servers and the CDN.
    pub(crate) listen: [SocketAddr; 3],
    pub(crate) verifications: Vec<SocketAddr>,
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) origin: Origin,
    pub(crate) fresh_seconds: u32,
}

/// The program.
pub(crate) fn program() -> PathBuf {
    let debian = Path::new(DEBIAN);
    if debian.exists() { debian.to_owned() } else { PathBuf::from("nginx") }
}

impl Plan {
    /// Writes the configuration of an nginx that lives in this directory; the file that it is started with. The files of `deploy/nginx` are as they are, limits for
    /// each address included, but for how long a list is fresh in the cache.
    pub(crate) fn write(&self, directory: &Path) -> anyhow::Result<PathBuf> {
        let mut said = false;
        for entry in fs::read_dir(root().join("deploy/nginx"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "conf") {
                let text = fs::read_to_string(&path)?;
                said |= text.contains(FRESH);
                let text = text.replace(FRESH, &format!("proxy_cache_valid 200 {}s;", self.fresh_seconds));
                fs::write(directory.join(path.file_name().context("a file has a name")?), text)?;
            }
        }
        ensure!(said, "deploy/nginx does not say {FRESH}");
        let main = directory.join("main.conf");
        fs::write(&main, self.main(directory))?;
        Ok(main)
    }

    /// One process, so that killing it kills all of it. Whoever calls from this machine may say for whom it calls, as `docs/load.md` has it for test
    /// deployments: `proxy.conf` passes on what counts here, and the limits for each address are limits for each phone.
    fn main(&self, directory: &Path) -> String {
        let here = directory.display();
        let mut text = format!(
            "daemon off; master_process off; pid {here}/pid; error_log stderr warn; worker_rlimit_nofile 16384; pcre_jit on;\n\
             events {{ worker_connections 8000; }}\n\
             http {{\ninclude http.conf;\nset_real_ip_from 127.0.0.0/8; real_ip_header X-Forwarded-For;\n"
        );
        for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
            let _ = writeln!(text, "{kind}_temp_path {here}/{kind};");
        }
        let [verification, server, cdn] = self.listen;
        text.push_str(&proxy("verification", verification, &self.verifications));
        text.push_str(&proxy("server", server, &self.servers));
        let objects = match &self.origin {
            Origin::Directory(tree) => format!("root {}; include objects.conf;", tree.display()),
            Origin::ObjectStore(address, prefix) => {
                let _ = writeln!(text, "proxy_cache_path {here}/cache keys_zone=objects:10m use_temp_path=off;");
                format!("set $bucket http://{address}{prefix}; include bucket.conf;")
            }
        };
        let _ = writeln!(text, "server {{ listen {cdn} backlog=4096; {objects} }}\n}}");
        text
    }
}

/// A reverse proxy of several processes of one kind.
fn proxy(name: &str, listen: SocketAddr, upstream: &[SocketAddr]) -> String {
    let mut servers = String::new();
    for address in upstream {
        // One that was killed is tried again with the next request: there may be no other.
        let _ = write!(servers, "server {address} max_fails=0; ");
    }
    format!(
        "upstream pratique_{name} {{ {servers}keepalive 64; keepalive_timeout 10s; }}\n\
         server {{ listen {listen} backlog=4096; include {name}.conf; }}\n"
    )
}
