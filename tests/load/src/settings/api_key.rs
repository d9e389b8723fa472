//! Keys to the API of the verification service.

use std::fmt;
use std::fs;
use std::path::Path;

use reqwest::header::HeaderValue;

use crate::error::LoadError;

/// An API key. It is shown to nobody but the service.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// A key as it is typed; white space around it does not count.
    ///
    /// # Errors
    /// [`LoadError::Setting`], which names the field and not the key.
    pub fn new(field: &'static str, text: &str) -> Result<Self, LoadError> {
        let text = text.trim();
        let printable = (1..=512).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let value = HeaderValue::from_str(text).ok().filter(|_| printable);
        let mut value = value.ok_or_else(|| LoadError::setting(field, "must hold one API key, printable"))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// A key from a file that holds nothing else.
    ///
    /// # Errors
    /// [`LoadError::File`] and [`LoadError::Setting`].
    pub fn read(field: &'static str, path: &Path) -> Result<Self, LoadError> {
        let failed = |source| LoadError::File { field, path: path.to_owned(), source };
        Self::new(field, &fs::read_to_string(path).map_err(failed)?)
    }

    /// As it stands in a request.
    pub(crate) const fn header(&self) -> &HeaderValue {
        &self.0
    }

    /// As crate `client` takes it.
    pub(crate) fn text(&self) -> &str {
        self.0.to_str().expect("it was made of printable ASCII")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}
