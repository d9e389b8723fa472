//! Reading a bundle from a file or a URL, with a limit on its size and on the time that it takes.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// More than any phone reads (16 MB), so that a bundle that is a little too large still gets a verdict and not just an error.
const MAX_BYTES: u64 = 64_000_000;
/// How long a download may take altogether.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Why there is nothing to inspect.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The file cannot be read.
    #[error("{0}: {1}; give the path or URL of a bundle")]
    File(String, std::io::Error),
    /// The host cannot be reached.
    #[error("{0}: {1}; is the address right, and the host up?")]
    Network(String, String),
    /// The host has no such object.
    #[error("{0}: the answer is HTTP {1}, not 200; compare the path with index.txt")]
    Status(String, u16),
    /// It is no bundle of anybody's.
    #[error("{0}: is longer than 64 MB, which no bundle is")]
    TooLong(String),
}

/// Reads `source`, a path, or a URL that begins with `http://` or `https://`.
///
/// # Errors
/// [`FetchError`], which says what to do.
pub async fn fetch(source: &str) -> Result<Vec<u8>, FetchError> {
    let is_url = ["http", "https"].iter().any(|web| is_of_scheme(source, web));
    if is_url { download(source).await } else { read(source) }
}

/// Schemes are the same in upper and lower case (RFC 3986, section 3.1).
fn is_of_scheme(source: &str, scheme: &str) -> bool {
    source.split_once("://").is_some_and(|(before, _)| before.eq_ignore_ascii_case(scheme))
}

fn read(source: &str) -> Result<Vec<u8>, FetchError> {
    let failed = |why| FetchError::File(source.to_owned(), why);
    let file = std::fs::File::open(Path::new(source)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FetchError::TooLong(source.to_owned()));
    }
    Ok(bytes)
}

async fn download(url: &str) -> Result<Vec<u8>, FetchError> {
    let failed = |why: reqwest::Error| FetchError::Network(url.to_owned(), causes(&why));
    let mut response = client().map_err(failed)?.get(url).send().await.map_err(failed)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(FetchError::Status(url.to_owned(), response.status().as_u16()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if (bytes.len() + chunk.len()) as u64 > MAX_BYTES {
            return Err(FetchError::TooLong(url.to_owned()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn client() -> reqwest::Result<reqwest::Client> {
    // reqwest is built without a provider of cryptography of its own. One that is installed already, by the program around us, is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = || {
        let agent = concat!("pratique-exporter/", env!("CARGO_PKG_VERSION"));
        reqwest::Client::builder().timeout(TIMEOUT).user_agent(agent)
    };
    // The machine's own roots, so that a private authority counts. A bare container has none; the Mozilla roots stand in for them.
    settings().build().or_else(|_| settings().tls_backend_preconfigured(mozilla_roots()).build())
}

fn mozilla_roots() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

/// An error with its causes: reqwest's own text does not say why a connection failed.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_for_https_can_be_built() {
        client().expect("a client");
        client().expect("and another one");
        let bare = reqwest::Client::builder().tls_backend_preconfigured(mozilla_roots());
        bare.build().expect("a client for a machine without roots");
    }
}
