//! `access.json`, with which `pratique serve` says how it is reached.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::error::LoadError;

/// How it is named in errors: by its flag, and by its variable.
const FIELD: &str = "--access (LOAD_ACCESS)";

/// What stands there. No `Debug`: it holds keys.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Access {
    pub(crate) verification: Option<String>,
    pub(crate) server: Option<String>,
    pub(crate) cdn: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) health_authority_id: Option<String>,
    pub(crate) api_keys: ApiKeys,
}

/// The authority's keys.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ApiKeys {
    pub(crate) admin: Option<String>,
    pub(crate) device: Option<String>,
}

impl Access {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, LoadError> {
        let failed = |source| LoadError::File { field: FIELD, path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(failed)?;
        // What is wrong is not repeated: it may be a key.
        let refused = |_| LoadError::setting(FIELD, "must be the access.json of `pratique serve`");
        serde_json::from_str(&text).map_err(refused)
    }
}
