//! The authorities' settings for text messages, as their files have them now.
//!
//! A change counts at once, without a restart: each request looks whether the files are still those that were read.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use service::Metrics;

use super::courier::Courier;
use super::sources::Sources;
use crate::error::VerificationError;

/// How each authority sends text messages.
pub(crate) struct Couriers {
    /// None if nobody does.
    dir: Option<PathBuf>,
    /// What is wrong with settings waits for a step: it is found out when somebody asks for a message.
    metrics: Metrics,
    /// Guards what was read, by authority.
    seen: RwLock<HashMap<String, Seen>>,
}

/// An authority's settings, and the files they came from.
struct Seen {
    sources: Sources,
    courier: Option<Arc<Courier>>,
}

impl Couriers {
    /// Those whose settings are in a directory. Nothing is read yet.
    pub(crate) fn new(dir: Option<PathBuf>, metrics: Metrics) -> Self {
        Self { dir, metrics, seen: RwLock::default() }
    }

    /// How an authority sends text messages; none if it has no settings. Settings that cannot be used are complained about once and leave
    /// those that were in use.
    pub(crate) fn of(&self, authority: &str) -> Option<Arc<Courier>> {
        let dir = self.dir.as_deref()?;
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        let before = seen.get(authority).map(|seen| (seen.sources.are_current(), seen.courier.clone()));
        drop(seen);
        let before = match before {
            Some((true, courier)) => return courier,
            Some((false, courier)) => courier,
            None => None,
        };
        let mut sources = Sources::new(dir);
        let courier = read(authority, &mut sources).unwrap_or_else(|error| {
            let authority = authority.to_owned();
            self.metrics.at_next_step(move || {
                tracing::error!(%error, authority.id = authority, "the settings for text messages cannot be used");
            });
            before
        });
        self.keep(authority, sources, courier.clone());
        courier
    }

    /// Reads an authority's settings for the first time.
    ///
    /// # Errors
    /// What is wrong with them: nothing was in use before that could stay.
    pub(crate) fn check(&self, authority: &str) -> Result<(), VerificationError> {
        let Some(dir) = self.dir.as_deref() else { return Ok(()) };
        let mut sources = Sources::new(dir);
        let courier = read(authority, &mut sources)?;
        self.keep(authority, sources, courier);
        Ok(())
    }

    fn keep(&self, authority: &str, sources: Sources, courier: Option<Arc<Courier>>) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        seen.insert(authority.to_owned(), Seen { sources, courier });
    }
}

/// What an authority's files say; none if it has no settings.
fn read(authority: &str, sources: &mut Sources) -> Result<Option<Arc<Courier>>, VerificationError> {
    match Courier::open(authority, sources) {
        Ok(courier) => Ok(Some(Arc::new(courier))),
        Err(VerificationError::File { cause, path }) if cause.kind() == ErrorKind::NotFound && is_settings(&path) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// An authority without settings sends nothing; settings without a key that they name are broken.
fn is_settings(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}
