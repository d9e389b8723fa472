//! Where a service stands.

use proto::Malformed;
use reqwest::Url;

use crate::error::ClientError;

/// The longest base URL, in bytes: with it a request's header stays far below 6 KiB, and so its `content-length` has five digits.
const MAX_BYTES: usize = 1_024;

/// Where a service or a CDN stands: an `http` or `https` URL without query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// Reads a base URL; a slash at its end makes no difference.
    ///
    /// # Errors
    /// [`ClientError::Setting`].
    pub fn new(text: &str) -> Result<Self, ClientError> {
        let refuse = |reason| ClientError::Setting(Malformed::new("base URL", reason));
        if text.len() > MAX_BYTES {
            return Err(refuse("must be at most 1024 bytes"));
        }
        let mut url = Url::parse(text).map_err(|_| refuse("is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(refuse("must begin with http:// or https:// and name a host"));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("must have no query, fragment or credentials"));
        }
        let directory = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&directory);
        Ok(Self(url))
    }

    /// The URL itself, without a slash at its end.
    pub(crate) fn itself(&self) -> Url {
        let mut url = self.0.clone();
        url.set_path(self.0.path().trim_end_matches('/'));
        url
    }

    /// Host and port, as a request is addressed to them.
    pub(crate) fn authority(&self) -> &str {
        self.0.authority()
    }

    /// The URL of `path` below this one; `path` has no leading slash.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path()));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stand_below_the_base_with_or_without_its_slash() {
        for base in ["https://example.org", "https://example.org/"] {
            let url = BaseUrl::new(base).expect("valid").at("api/verify");
            assert_eq!(url.as_str(), "https://example.org/api/verify");
        }
        let nested = BaseUrl::new("http://127.0.0.1:8080/keys").expect("valid").at("NO/gaen/index.txt");
        assert_eq!(nested.as_str(), "http://127.0.0.1:8080/keys/NO/gaen/index.txt");
    }

    #[test]
    fn a_text_that_is_no_base_url_is_refused_and_not_repeated() {
        for text in
            ["", "example.org", "ftp://example.org", "https://u:hush@example.org", "https://example.org/?q=hush"]
        {
            let error = BaseUrl::new(text).expect_err("refused").to_string();
            assert!(error.starts_with("setting: base URL"), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
