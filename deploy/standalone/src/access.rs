//! How to reach the running services: `DIR/access.json`, for scripts.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::StandaloneError;
use crate::layout::{Layout, write_private};

/// A process that was killed a moment ago may still listen for some milliseconds.
const DYING: Duration = Duration::from_secs(1);

/// What stands in `access.json`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Access {
    /// Base URL of the verification service.
    pub(crate) verification: String,
    /// Base URL of the key server.
    pub(crate) server: String,
    /// Base URL of the public tree.
    pub(crate) cdn: String,
    /// The region of the feeds.
    pub(crate) region: String,
    /// What uploads name as `healthAuthorityID`.
    pub(crate) health_authority_id: String,
    /// The ready-made authority's keys.
    pub(crate) api_keys: ApiKeys,
    /// URL of the numbers for operators, if they are served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<String>,
}

/// API keys of the ready-made authority.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApiKeys {
    /// Issues codes.
    pub(crate) admin: String,
    /// Stands in the app: claims codes.
    pub(crate) device: String,
}

impl Access {
    /// Writes `access.json`. To be called once all services listen and every feed has an index: its appearance is what scripts wait for.
    pub(crate) fn write(&self, layout: &Layout) -> Result<(), StandaloneError> {
        write_private(&layout.access_file(), &to_json(self))
    }

    /// What a run that was killed left behind, if it can be read.
    ///
    /// # Errors
    /// [`StandaloneError::Running`] if it was not killed: everything still listens.
    pub(crate) fn left_behind(layout: &Layout) -> Result<Option<Self>, StandaloneError> {
        let text = read_if_there(&layout.access_file())?;
        let left: Option<Self> = text.and_then(|text| serde_json::from_str(&text).ok());
        match left {
            Some(access) if access.is_served() && access.is_served_after(DYING) => {
                Err(StandaloneError::Running(layout.access_file()))
            }
            left => Ok(left),
        }
    }

    fn is_served_after(&self, pause: Duration) -> bool {
        std::thread::sleep(pause);
        self.is_served()
    }

    /// Whether somebody takes connections on all three ports.
    fn is_served(&self) -> bool {
        let listens = |url: &String| TcpStream::connect(url.trim_start_matches("http://")).is_ok();
        [&self.verification, &self.server, &self.cdn].into_iter().all(listens)
    }

    /// Takes `access.json` away: at the end of a run, and before the next one should the last have been killed. While it is there, the
    /// services listen.
    pub(crate) fn clear(layout: &Layout) -> Result<(), StandaloneError> {
        match fs::remove_file(layout.access_file()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(StandaloneError::file("remove", &layout.access_file())(error))
            }
            _ => Ok(()),
        }
    }
}

impl ApiKeys {
    /// The keys that an earlier run made for `authority`.
    pub(crate) fn read(layout: &Layout, authority: &str) -> Result<Option<Self>, StandaloneError> {
        let path = layout.api_keys_file(authority);
        let Some(text) = read_if_there(&path)? else { return Ok(None) };
        // Somebody edited it. New keys would be easy to make, but the old ones may be in use: their owner decides.
        let damaged = || io::Error::new(ErrorKind::InvalidData, "it is damaged; remove it to get new keys");
        let keys = serde_json::from_str(&text).map_err(|_| StandaloneError::file("read", &path)(damaged()))?;
        Ok(Some(keys))
    }

    /// Keeps the keys for the next start.
    pub(crate) fn write(&self, layout: &Layout, authority: &str) -> Result<(), StandaloneError> {
        write_private(&layout.api_keys_file(authority), &to_json(self))
    }
}

fn read_if_there(path: &Path) -> Result<Option<String>, StandaloneError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StandaloneError::file("read", path)(error)),
    }
}

fn to_json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("a struct of strings serialises");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_keys_are_found_again_by_their_own_authority_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let layout = Layout::create(dir.path()).expect("created");
        assert!(ApiKeys::read(&layout, "demo").expect("none yet").is_none());
        let keys = ApiKeys { admin: "demo.admin.A".to_owned(), device: "demo.device.B".to_owned() };
        keys.write(&layout, "demo").expect("written");
        assert!(ApiKeys::read(&layout, "demo").expect("readable") == Some(keys));
        assert!(ApiKeys::read(&layout, "other").expect("readable").is_none());
        fs::write(layout.api_keys_file("demo"), "demo.admin.A").expect("written");
        let error = ApiKeys::read(&layout, "demo").err().expect("refused").to_string();
        assert!(error.contains("api-keys.json") && !error.contains("admin.A"), "{error}");
    }
}
