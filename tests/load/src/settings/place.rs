//! Where a service stands.

use client::BaseUrl;
use reqwest::Url;

use crate::error::LoadError;

/// A base URL, as phones have it and in its parts.
#[derive(Debug, Clone)]
pub struct Place {
    base: BaseUrl,
    /// It ends with a slash.
    url: Url,
}

impl Place {
    /// Reads a base URL.
    ///
    /// # Errors
    /// [`LoadError::Setting`] under the name of the flag.
    pub fn new(field: &'static str, text: &str) -> Result<Self, LoadError> {
        let refused = |error: &dyn std::fmt::Display| LoadError::setting(field, error.to_string());
        let base = BaseUrl::new(text).map_err(|error| refused(&error))?;
        let mut url = Url::parse(text).map_err(|error| refused(&error))?;
        let directory = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&directory);
        Ok(Self { base, url })
    }

    /// As crate `client` takes it.
    pub(crate) fn base(&self) -> BaseUrl {
        self.base.clone()
    }

    /// The URL of a path below it, which has no leading slash.
    pub(crate) fn at(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path()));
        url
    }

    /// The host, as URLs have it, and its port.
    pub(crate) fn host(&self) -> (&str, u16) {
        let port = self.url.port_or_known_default().expect("http and https have ports of their own");
        (self.url.host_str().expect("a base URL names a host"), port)
    }

    /// As it is shown.
    pub(crate) fn shown(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }
}
