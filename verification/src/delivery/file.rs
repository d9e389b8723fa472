//! Text messages into a file, for development: nobody gets them but whoever may read it.
//!
//! `[sender]` with `kind = "file"` takes `path`, relative to the settings. Each message is a line of JSON with `id`, `to`, `body` and
//! `sent_at`, in UTC seconds. The file holds phone numbers and codes: it is made for its owner's eyes alone, and nothing ever deletes from it.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use proto::Malformed;
use serde_json::json;
use zeroize::Zeroizing;

use super::contract::{Attempt, Sender, TextMessage};
use super::delivered::Delivery;
use super::fields::Fields;
use super::sources::Sources;
use super::troubles::Trouble;

/// What the settings say.
pub(super) struct FileSettings {
    path: PathBuf,
}

/// A file of messages.
pub(super) struct File {
    path: PathBuf,
}

impl FileSettings {
    pub(super) fn parse(fields: &mut Fields) -> Result<Self, Malformed> {
        Ok(Self { path: PathBuf::from(fields.required("sender.path")?) })
    }
}

impl File {
    /// The file, which need not exist.
    pub(super) fn open(settings: &FileSettings, sources: &Sources) -> Self {
        let path = sources.path(&settings.path);
        tracing::warn!(file.path = %path.display(), "text messages go into a file, with numbers and codes: this is for development");
        Self { path }
    }
}

#[async_trait]
impl Sender for File {
    /// A line is written as a whole or not at all; a file that cannot be written may be mended.
    async fn send(&self, message: &TextMessage<'_>) -> Attempt {
        let TextMessage { id, to, body, sent_at } = message;
        let line = json!({ "id": id, "to": to.e164(), "body": body, "sent_at": sent_at.unix() });
        match append(&self.path, &Zeroizing::new(format!("{line}\n"))) {
            Ok(()) => Attempt::DELIVERED,
            Err(error) => {
                let error = format!("{}: {error}", self.path.display());
                Attempt { delivery: Delivery::Unknown, trouble: Some((Trouble::Unwritten, error)) }
            }
        }
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(line.as_bytes())
}
