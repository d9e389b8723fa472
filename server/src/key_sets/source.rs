//! Where an authority publishes its keys.

use std::net::IpAddr;

use proto::Malformed;
use reqwest::Url;

/// The URL of a JWK set: https, or http where nobody stands between us and it, without credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySetUrl(String);

impl KeySetUrl {
    /// Reads a URL. Over plain http anybody on the way could give keys of their own: `allow_http` says that there is nobody, and loopback
    /// addresses need no such word.
    ///
    /// # Errors
    /// `jwks_url` says what is wrong; the URL is not repeated.
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, Malformed> {
        let refused = |reason| Malformed::new("jwks_url", reason);
        let url = Url::parse(text).map_err(|_| refused("is no URL"))?;
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(refused("must have no credentials and no fragment"));
        }
        match url.scheme() {
            "https" => {}
            "http" if allow_http || is_loopback(&url) => {}
            _ => {
                return Err(refused(
                    "must begin with https://; http:// is for loopback addresses, or needs --allow-http",
                ));
            }
        }
        Ok(Self(url.into()))
    }

    /// One that was read before.
    pub(crate) fn stored(url: String) -> Self {
        Self(url)
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_tls_or_from_next_door() {
        for url in
            ["https://a.example/jwks/no", "http://127.0.0.1:8080/jwks/no", "http://[::1]/jwks", "http://localhost/"]
        {
            assert_eq!(KeySetUrl::parse(url, false).expect("good").as_str(), url);
        }
        assert!(KeySetUrl::parse("http://verification:8080/jwks/no", true).is_ok());
        for url in [
            "",
            "/jwks",
            "ftp://a.example/jwks",
            "file:///etc/passwd",
            "http://a.example/jwks",
            "http://localhost.example/jwks",
            "https://user:hush@a.example/jwks",
            "https://a.example/jwks#hush",
        ] {
            let refusal = KeySetUrl::parse(url, false).expect_err(url).to_string();
            assert!(refusal.starts_with("jwks_url: ") && !refusal.contains("hush"), "{refusal}");
        }
    }
}
